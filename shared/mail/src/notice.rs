//! A short message to an owner: what will happen to what, and what to do about it.

use std::fmt;

use lamplighter_report::{html_sentence, visible};

/// A short message to an owner, such as "these instances will be stopped".
///
/// Its values may be tags that anybody wrote. Control characters and invisible ones are shown escaped, and markup is
/// text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The subject. [`Notice::subject`] makes it fit for a header.
    pub subject: String,
    /// What it is about, in a sentence or two.
    pub intro: String,
    /// What it is about, one by one.
    pub rows: Vec<NoticeRow>,
    /// What to do, and where it comes from: one paragraph each.
    pub outro: Vec<String>,
}

/// One of the things a notice is about.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its name, such as an instance's id.
    pub title: String,
    /// What is to be said about it.
    pub lines: Vec<String>,
}

impl Notice {
    /// The subject in one line without control characters, so that [`crate::Message`] takes it as it is.
    pub fn subject(&self) -> String {
        visible(&self.subject).into_owned()
    }

    /// The plain body.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", visible(&self.intro));
        for row in &self.rows {
            text.push_str(&format!("\n{}\n", visible(&row.title)));
            for line in &row.lines {
                text.push_str(&format!("  {}\n", visible(line)));
            }
        }
        for paragraph in &self.outro {
            text.push_str(&format!("\n{}\n", visible(paragraph)));
        }
        text
    }

    /// The HTML body. Its styles are inline, because some mail programs drop all others; it fetches nothing.
    pub fn html(&self) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
             <body style=\"margin:0; padding:24px 16px; font:16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif\">\n\
             <main style=\"max-width:640px; margin:0 auto; overflow-wrap:anywhere\">\n<p>{}</p>\n",
            html_sentence(&self.subject),
            html_sentence(&self.intro),
        );
        if !self.rows.is_empty() {
            page.push_str("<ul style=\"list-style:none; margin:16px 0; padding:0\">\n");
            for row in &self.rows {
                page.push_str(&format!(
                    "<li style=\"margin:0 0 12px; padding:2px 0 2px 14px; border-left:4px solid #e0a100\">\
                     <strong>{}</strong>",
                    html_sentence(&row.title)
                ));
                for line in &row.lines {
                    page.push_str(&format!("<br>{}", html_sentence(line)));
                }
                page.push_str("</li>\n");
            }
            page.push_str("</ul>\n");
        }
        for paragraph in &self.outro {
            page.push_str(&format!("<p>{}</p>\n", html_sentence(paragraph)));
        }
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }
}

/// Says how much there is, and not what: `Debug` output ends up in logs.
impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

/// Says how much there is, and not what.
impl fmt::Debug for NoticeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoticeRow")
            .field("lines", &self.lines.len())
            .finish_non_exhaustive()
    }
}
