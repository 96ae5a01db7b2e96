//! The words that tell a reader where the attachments are. Names and types come from strangers: in HTML everything is
//! escaped, and the names are the safe ones.

use std::fmt::Write;

use super::super::Part;
use super::Link;
use super::external::safe_url;

const TITLE: &str = "Attachments of this mail are stored outside of it:";

/// The notice for a plain text. No line of it begins as a boundary, a quotation or an mbox separator does.
pub(super) fn plain(links: &[(&Link, &Part)], line_end: &str) -> String {
    let mut text = format!("{}{line_end}{TITLE}{line_end}", "_".repeat(50));
    for (link, part) in links {
        let _ = write!(
            text,
            "{line_end}* {} ({}, {}){line_end}<{}>{line_end}{}{line_end}",
            part.name,
            part.content_type,
            size(part.size),
            safe_url(&link.url),
            lifetime(link),
        );
        if let Some(console) = &link.console_url {
            let _ = write!(
                text,
                "In the AWS console: <{}>{line_end}",
                safe_url(console)
            );
        }
    }
    text
}

/// The notice for HTML. It is ASCII whatever the names are, so that it is the same in every charset of HTML. No line of
/// it begins with what a stranger wrote, which could be a boundary.
pub(super) fn html(links: &[(&Link, &Part)], line_end: &str) -> String {
    let mut text = format!(
        "<div style=\"margin-top:1em;border-top:1px solid #999;padding-top:0.5em\">{line_end}<p>{TITLE}</p>{line_end}<ul>{line_end}"
    );
    for (link, part) in links {
        let _ = write!(
            text,
            "<li><a rel=\"noopener noreferrer\"{line_end}href=\"{}\"{line_end}>{}</a>{line_end}({}, {}).{line_end}{}",
            escape(&safe_url(&link.url)),
            escape(&part.name),
            escape(&part.content_type),
            size(part.size),
            lifetime(link),
        );
        if let Some(console) = &link.console_url {
            let _ = write!(
                text,
                "{line_end}<a rel=\"noopener noreferrer\"{line_end}href=\"{}\">In the AWS console</a>",
                escape(&safe_url(console))
            );
        }
        let _ = write!(text, "</li>{line_end}");
    }
    let _ = write!(text, "</ul>{line_end}</div>{line_end}");
    text
}

fn lifetime(link: &Link) -> String {
    match link.expires {
        Some(expires) => format!(
            "This link works until {} at the latest.",
            expires.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        None => "This link does not expire.".to_owned(),
    }
}

/// A size as people say it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..999_950 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_ascii() => escaped.push(character),
            character => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
        }
    }
    escaped
}
