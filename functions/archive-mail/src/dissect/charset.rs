//! Charsets: those of the web by `encoding_rs`, the older ones of mail (UTF-7, cp850, …) by `mail-parser`, and a guess
//! for bytes that nobody declared.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use encoding_rs::{
    EUC_JP, Encoding, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

/// Decodes by a charset's name. `None`: nobody knows the charset.
pub(crate) fn decode_charset(label: &str, bytes: &[u8]) -> Option<String> {
    let label = label.trim();
    match encoding(label) {
        Some(encoding) => Some(encoding.decode(bytes).0.into_owned()),
        None => {
            let decoder = mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes())?;
            catch_unwind(AssertUnwindSafe(|| decoder(bytes))).ok()
        }
    }
}

/// Encodes by a charset's name. `None`: the charset is unknown, or has no such characters.
pub(crate) fn encode_charset<'a>(label: &str, text: &'a str) -> Option<Cow<'a, [u8]>> {
    let label = label.trim();
    match encoding(label) {
        Some(encoding) if encoding == UTF_16LE => {
            Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }
        Some(encoding) if encoding == UTF_16BE => {
            Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect())
        }
        Some(encoding) => {
            let (bytes, _, is_lossy) = encoding.encode(text);
            (!is_lossy).then_some(bytes)
        }
        // UTF-7 has one character of ASCII that means something else, RFC 2152; a guarded plus is two characters.
        None if label.eq_ignore_ascii_case("utf-7") && text.is_ascii() => {
            Some(Cow::Owned(text.replace('+', "+-").into_bytes()))
        }
        // The code pages of DOS and the others that remain are ASCII in their lower half.
        None => text.is_ascii().then_some(Cow::Borrowed(text.as_bytes())),
    }
}

/// The encoding of a label, when it is one that decodes. The standard of the web gives dangerous charsets of mail
/// (HZ, ISO-2022-CN, …) an encoding that decodes to nothing.
fn encoding(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT)
}

/// Decodes bytes that nobody declared: what they can be without fault, first UTF-8, then what the mail itself uses
/// elsewhere, then Japanese, then Latin.
pub(crate) fn guess<'a>(bytes: &'a [u8], declared: Option<&str>) -> Cow<'a, str> {
    let has_escapes = bytes.windows(2).any(|pair| pair == b"\x1b$");
    if has_escapes
        && let Some(text) = ISO_2022_JP.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return Cow::Owned(text.into_owned());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    if let Some(encoding) = declared.and_then(encoding)
        && encoding.is_ascii_compatible()
        && encoding != encoding_rs::UTF_8
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return Cow::Owned(text.into_owned());
    }
    // Latin text has no bytes between 80 and 9F but for some punctuation; Shift-JIS begins most of its characters there.
    if bytes.iter().any(|byte| (0x80..=0x9f).contains(byte))
        && let Some(text) = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return Cow::Owned(text.into_owned());
    }
    // EUC's kana are A4 and A5 followed by another high byte: no Latin word has several of them.
    let kana = bytes
        .windows(2)
        .filter(|pair| matches!(pair[0], 0xa4 | 0xa5) && pair[1] >= 0xa1)
        .count();
    if kana >= 2
        && let Some(text) = EUC_JP.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return Cow::Owned(text.into_owned());
    }
    Cow::Owned(
        WINDOWS_1252
            .decode_without_bom_handling(bytes)
            .0
            .into_owned(),
    )
}
