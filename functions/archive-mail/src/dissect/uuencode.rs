//! Uuencoded files: as a transfer encoding, and within the text of mails from before MIME.
//! <https://pubs.opengroup.org/onlinepubs/9699919799/utilities/uuencode.html>

use super::{Defect, base64};

/// One file within a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where its `begin` line starts.
    pub(crate) start: usize,
    /// Its name as written.
    pub(crate) name: Vec<u8>,
}

/// The files within a decoded text, at most `most`.
pub(crate) fn find(text: &[u8], most: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() && found.len() < most {
        let (line, next) = line(text, at);
        if let Some(begin) = begin(line) {
            // Somebody may write about `begin 644`; a file goes on with lines whose first character is their length.
            let is_file =
                begin.is_base64 || next < text.len() && is_encoded(self::line(text, next).0);
            if is_file {
                found.push(Found {
                    start: at,
                    name: begin.name.to_vec(),
                });
                at = next + skip(&text[next..], begin.is_base64);
                continue;
            }
        }
        at = next;
    }
    found
}

/// Decodes the file whose `begin` line `text` starts with.
pub(crate) fn decode(text: &[u8], sink: &mut dyn FnMut(&[u8])) -> Vec<Defect> {
    let (first, next) = line(text, 0);
    let Some(begin) = begin(first) else {
        return vec![Defect::new(
            "uuencode-begin",
            "the uuencoded file has no `begin` line",
        )];
    };
    let body = &text[next..];
    if begin.is_base64 {
        return base64::decode(&body[..skip(body, true)], sink);
    }
    let mut out = Vec::with_capacity(64);
    let (mut at, mut wrong) = (0, 0_usize);
    while at < body.len() {
        let (line, next) = line(body, at);
        at = next;
        if line == b"end" {
            let defects = (wrong > 0).then(|| {
                Defect::new(
                    "uuencode-lines",
                    format!("{wrong} uuencoded lines are shorter than they say"),
                )
            });
            return defects.into_iter().collect();
        }
        let Some((&length, groups)) = line.split_first() else {
            continue;
        };
        let length = usize::from(length.wrapping_sub(b' ') & 0x3f);
        out.clear();
        for group in groups.chunks(4) {
            // Spaces at the end of a line get lost on the way, so what is missing is a zero.
            let value = |at: usize| {
                u32::from(
                    group
                        .get(at)
                        .map_or(0, |byte| byte.wrapping_sub(b' ') & 0x3f),
                )
            };
            let bits = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        wrong += usize::from(out.len() < length);
        out.resize(length, 0);
        sink(&out);
    }
    vec![Defect::new(
        "uuencode-end",
        "the uuencoded file has no `end` line",
    )]
}

/// Decodes a whole body whose transfer encoding is uuencode.
pub(crate) fn decode_body(body: &[u8], sink: &mut dyn FnMut(&[u8])) -> Vec<Defect> {
    let mut at = 0;
    while at < body.len() {
        let (line, next) = line(body, at);
        if begin(line).is_some() {
            return decode(&body[at..], sink);
        }
        at = next;
    }
    sink(body);
    vec![Defect::new(
        "uuencode-begin",
        "the uuencoded file has no `begin` line",
    )]
}

struct Begin<'a> {
    name: &'a [u8],
    is_base64: bool,
}

fn begin(line: &[u8]) -> Option<Begin<'_>> {
    let (rest, is_base64) = match line.strip_prefix(b"begin-base64 ") {
        Some(rest) => (rest, true),
        None => (line.strip_prefix(b"begin ")?, false),
    };
    let space = rest.iter().position(|&byte| byte == b' ')?;
    let (mode, name) = rest.split_at(space);
    let is_mode =
        matches!(mode.len(), 3 | 4) && mode.iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let name = name.trim_ascii();
    (is_mode && !name.is_empty()).then_some(Begin { name, is_base64 })
}

/// Whether a line is as long as its first character says, give or take lost spaces and a check character.
fn is_encoded(line: &[u8]) -> bool {
    let Some((&first, groups)) = line.split_first() else {
        return false;
    };
    if line == b"`" || line == b"end" {
        return true;
    }
    let length = usize::from(first.wrapping_sub(b' ') & 0x3f);
    let wanted = length.div_ceil(3) * 4;
    line.iter().all(|byte| matches!(byte, b' '..=b'`'))
        && length > 0
        && groups.len() <= wanted + 2
        && groups.len() + 8 >= wanted
}

/// How long the file's lines are, its last line included.
fn skip(text: &[u8], is_base64: bool) -> usize {
    let last: &[u8] = if is_base64 { b"====" } else { b"end" };
    let mut at = 0;
    while at < text.len() {
        let (line, next) = line(text, at);
        at = next;
        if line == last {
            break;
        }
    }
    at
}

/// The line at `start` without its end, and where the next one begins.
fn line(text: &[u8], start: usize) -> (&[u8], usize) {
    let (end, next) = super::fields::line(text, start);
    (&text[start..end], next)
}
