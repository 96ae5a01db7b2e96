//! Which parts of a mail are stored on their own, and in which form nobody can be harmed by them.

use crate::dissect::{Dissected, Protection, Role};

/// Why nothing is taken out of a mail; `None`: there is no reason.
pub(crate) fn left_whole(dissected: &Dissected) -> Option<String> {
    dissected
        .protection
        .as_ref()
        .map(|protection| match protection {
            Protection::Signed(by) => {
                format!("it is signed ({by}), and a changed copy would not be")
            }
            Protection::Encrypted(by) => format!("it is encrypted ({by})"),
        })
}

/// The numbers of the parts to store: files of the threshold's size and more. Of a `winmail.dat` the files in it are
/// stored, all of them and in its place: what one cannot open is no attachment.
pub(crate) fn choose(dissected: &Dissected, threshold: u64) -> Vec<usize> {
    let parts = &dissected.parts;
    let is_unpacked = |path: &str| {
        parts
            .iter()
            .any(|part| matches!(&part.role, Role::FromTnef { container } if container == path))
    };
    let is_large = |path: &str| {
        let container = parts.iter().find(|part| part.path == path);
        container.is_some_and(|container| container.size >= threshold)
    };
    let is_chosen = |number: &usize| {
        let part = &parts[*number];
        match &part.role {
            Role::Body | Role::InlineImage => false,
            Role::TnefContainer => part.size >= threshold && !is_unpacked(&part.path),
            Role::FromTnef { container } => is_large(container),
            Role::Attachment | Role::NestedMail | Role::FromText { .. } => part.size >= threshold,
        }
    };
    (0..parts.len()).filter(is_chosen).collect()
}

/// The type that an attachment is stored under. What a browser would run or render as a page, and what nobody knows, is
/// stored as mere bytes: on the archive's own host a stranger's script would be at home.
pub(crate) fn safe_type(declared: &str) -> &str {
    const SAFE: &[&str] = &[
        "application/gzip",
        "application/json",
        "application/msword",
        "application/pdf",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/x-7z-compressed",
        "application/zip",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "message/rfc822",
        "text/calendar",
        "text/csv",
        "text/plain",
    ];
    const SAFE_FAMILIES: &[&str] = &[
        "application/vnd.oasis.opendocument.",
        "application/vnd.openxmlformats-officedocument.",
        "audio/",
        "video/",
    ];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-/".contains(&byte);
    let is_safe = SAFE.contains(&declared)
        || SAFE_FAMILIES
            .iter()
            .any(|family| declared.starts_with(family));
    match is_safe && declared.len() <= 127 && declared.bytes().all(is_plain) {
        true => declared,
        false => "application/octet-stream",
    }
}

/// `Content-Disposition` of an attachment with this name: always to be saved, never to be shown. The second form has the
/// name as it is, the first what old programs make of it. RFC 6266, section 5, and RFC 8187.
pub(crate) fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            '"' | '\\' | '%' => '_',
            ' '..='~' => letter,
            _ => '_',
        })
        .collect();
    let is_attr = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match is_attr(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_is_stored_as_bytes() {
        for dangerous in [
            "text/html",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "application/xml",
            "text/javascript",
            "application/x-shockwave-flash",
            "application/vnd.oasis.opendocument.text\r\nX: y",
            "",
            "nonsense",
        ] {
            assert_eq!(
                safe_type(dangerous),
                "application/octet-stream",
                "{dangerous}"
            );
        }
        for safe in ["application/pdf", "image/png", "video/mp4", "text/plain"] {
            assert_eq!(safe_type(safe), safe);
        }
    }

    #[test]
    fn a_name_stays_within_its_header() {
        assert_eq!(
            disposition("Übersicht \"Q4\" 100%.pdf"),
            "attachment; filename=\"_bersicht _Q4_ 100_.pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%22Q4%22%20100%25.pdf"
        );
        let hostile = disposition("a\r\nX-Evil: 1\u{202e}gpj.exe");
        assert!(
            hostile.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{hostile}"
        );
    }
}
