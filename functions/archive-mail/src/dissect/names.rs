//! Makes file names that are safe on every system and unique in their mail.

use std::collections::HashSet;

/// The longest name in bytes: what most file systems take. An object's key may have 1,024 bytes in all.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const MAX_BYTES: usize = 255;

/// The longest extension that is kept when a name is shortened.
const MAX_EXTENSION: usize = 32;

/// Gives out names, each only once. Case does not tell names apart: it does not on Windows and macOS.
#[derive(Default)]
pub(crate) struct SafeNames {
    taken: HashSet<String>,
}

impl SafeNames {
    /// A safe name for `original`, or else for `fallback`, that no other part has.
    pub(crate) fn give(&mut self, original: Option<&str>, fallback: &str) -> String {
        let name = original
            .and_then(safe)
            .or_else(|| safe(fallback))
            .unwrap_or_else(|| "part".to_owned());
        let mut unique = name.clone();
        let mut number = 2_usize;
        while !self.taken.insert(unique.to_lowercase()) {
            let (stem, extension) = split(&name);
            let suffix = format!("-{number}{extension}");
            unique = format!("{}{suffix}", shorten(stem, MAX_BYTES - suffix.len()));
            number += 1;
        }
        unique
    }
}

/// The name alone, without what is dangerous in it. `None`: nothing is left.
fn safe(original: &str) -> Option<String> {
    // The last component, for both kinds of systems; a drive letter before a colon is no part of it.
    let last = original
        .split(['/', '\\'])
        .map(str::trim)
        .rfind(|component| !matches!(*component, "" | "." | ".."))?;
    let last = match last.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &last[2..],
        _ => last,
    };
    let mut name = String::with_capacity(last.len());
    for character in last.chars() {
        match character {
            '\t' | '\u{a0}' | '\u{3000}' => name.push(' '),
            ':' | '*' | '?' | '"' | '<' | '>' | '|' => name.push('_'),
            character if character.is_control() || is_invisible(character) => {}
            character => name.push(character),
        }
    }
    // Windows drops spaces and dots at the end. `a.exe.` would open as a program.
    let name = name.trim().trim_end_matches(['.', ' ']);
    if name.is_empty()
        || name
            .chars()
            .all(|character| matches!(character, '.' | ' ' | '_' | '\u{fffd}'))
    {
        return None;
    }
    let name = if is_reserved(name) {
        format!("_{name}")
    } else {
        name.to_owned()
    };
    if name.len() <= MAX_BYTES {
        return Some(name);
    }
    let (stem, extension) = split(&name);
    Some(format!(
        "{}{extension}",
        shorten(stem, MAX_BYTES - extension.len()).trim_end()
    ))
}

/// Characters that show nothing, or turn the direction of what follows, so that `exe.fdp` reads as `pdf.exe`.
/// <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// Names that Windows gives to devices, with any extension.
/// <https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>
fn is_reserved(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    let mut characters = stem.chars();
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) || (stem.starts_with("COM") || stem.starts_with("LPT"))
        && stem.chars().count() == 4
        && matches!(characters.next_back(), Some('0'..='9' | '¹' | '²' | '³'))
}

/// A name as what is before its extension, and the extension with its dot.
pub(crate) fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION => name.split_at(dot),
        _ => (name, ""),
    }
}

fn shorten(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The usual extension of a content type.
pub(crate) fn extension(content_type: &str) -> &'static str {
    match content_type {
        "application/gzip" | "application/x-gzip" => "gz",
        "application/json" => "json",
        "application/msword" => "doc",
        "application/ms-tnef" | "application/vnd.ms-tnef" => "dat",
        "application/pdf" => "pdf",
        "application/pgp-encrypted" | "application/pgp-signature" => "asc",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => "p7m",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/rtf" | "text/rtf" => "rtf",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/xml" | "text/xml" => "xml",
        "application/zip" | "application/x-zip-compressed" => "zip",
        "audio/mpeg" => "mp3",
        "audio/x-wav" | "audio/wav" => "wav",
        "image/bmp" => "bmp",
        "image/gif" => "gif",
        "image/heic" => "heic",
        "image/jpeg" | "image/jpg" | "image/pjpeg" => "jpg",
        "image/png" => "png",
        "image/svg+xml" => "svg",
        "image/tiff" => "tif",
        "image/webp" => "webp",
        "message/rfc822" | "message/global" => "eml",
        "message/delivery-status"
        | "message/disposition-notification"
        | "message/feedback-report"
        | "message/external-body"
        | "text/rfc822-headers" => "txt",
        "text/calendar" => "ics",
        "text/css" => "css",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/vcard" | "text/x-vcard" | "text/directory" => "vcf",
        "video/mp4" => "mp4",
        "video/quicktime" => "mov",
        _ => "bin",
    }
}
