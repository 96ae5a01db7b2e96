//! Decodes header text: folding, encoded-words of RFC 2047, and raw bytes of any charset.

use super::base64;
use super::charset::{decode_charset, guess};
use super::decode::hex;

/// Decodes a header's value. What it returns is one line: nothing in it can begin another header.
pub(crate) fn text(value: &[u8], declared: Option<&str>) -> String {
    let decoded = decode(&unfold(value), declared);
    let cleaned: String = decoded
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    cleaned.trim().to_owned()
}

/// A folded value as one line: a line's end is not part of it, the white space after it is. RFC 5322, section 2.2.3.
pub(crate) fn unfold(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect()
}

/// Decodes encoded-words, wherever they stand: also within quotes and without spaces around, as real mail has them.
///
/// Adjacent words of one charset are joined as bytes before they are decoded, since many programs cut a character in
/// two; the white space between two words does not count. RFC 2047, section 6.2.
pub(crate) fn decode(value: &[u8], declared: Option<&str>) -> String {
    let mut out = String::new();
    let mut run: Option<Run> = None;
    let mut rest = value;
    while !rest.is_empty() {
        let Some(start) = rest.windows(2).position(|pair| pair == b"=?") else {
            break;
        };
        let (before, candidate) = rest.split_at(start);
        match word(candidate) {
            Some((word, length)) => {
                let continues = before.iter().all(u8::is_ascii_whitespace);
                match &mut run {
                    Some(run) if continues && run.charset.eq_ignore_ascii_case(&word.charset) => {
                        run.add(&word)
                    }
                    _ => {
                        let is_first = run.is_none();
                        finish(&mut out, run.take(), declared);
                        if is_first || !continues {
                            out.push_str(&guess(before, declared));
                        }
                        let mut next = Run::new(&word.charset);
                        next.add(&word);
                        run = Some(next);
                    }
                }
                rest = &candidate[length..];
            }
            None => {
                finish(&mut out, run.take(), declared);
                out.push_str(&guess(&rest[..start + 2], declared));
                rest = &rest[start + 2..];
            }
        }
    }
    finish(&mut out, run, declared);
    out.push_str(&guess(rest, declared));
    out
}

/// Adjacent words of one charset.
struct Run {
    charset: String,
    bytes: Vec<u8>,
    /// Characters of base64 that wait for the rest of their group: some programs cut the encoded text anywhere.
    waiting: Vec<u8>,
}

impl Run {
    fn new(charset: &str) -> Self {
        Self {
            charset: charset.to_owned(),
            bytes: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn add(&mut self, word: &Word<'_>) {
        if word.is_base64 {
            self.waiting
                .extend(word.text.iter().filter(|byte| !byte.is_ascii_whitespace()));
            if self.waiting.len().is_multiple_of(4) || self.waiting.contains(&b'=') {
                self.settle();
            }
        } else {
            self.settle();
            quoted(word.text, &mut self.bytes);
        }
    }

    fn settle(&mut self) {
        if !self.waiting.is_empty() {
            base64::decode(&self.waiting, &mut |bytes| {
                self.bytes.extend_from_slice(bytes)
            });
            self.waiting.clear();
        }
    }
}

fn finish(out: &mut String, run: Option<Run>, declared: Option<&str>) {
    if let Some(mut run) = run {
        run.settle();
        match decode_charset(&run.charset, &run.bytes) {
            Some(text) => out.push_str(&text),
            None => out.push_str(&guess(&run.bytes, declared)),
        }
    }
}

/// How long the encoded-word is that `bytes` begin with.
pub(crate) fn word_length(bytes: &[u8]) -> Option<usize> {
    word(bytes).map(|(_, length)| length)
}

struct Word<'a> {
    charset: String,
    is_base64: bool,
    text: &'a [u8],
}

/// The encoded-word that `bytes` begin with, and its length.
fn word(bytes: &[u8]) -> Option<(Word<'_>, usize)> {
    let inner = bytes.strip_prefix(b"=?")?;
    // Names of charsets are short; a look at more would cost the square of a hostile header's length.
    let charset_end = inner.iter().take(64).position(|&byte| byte == b'?')?;
    let charset = std::str::from_utf8(&inner[..charset_end]).ok()?;
    let is_base64 = match inner.get(charset_end + 1)? {
        b'b' | b'B' => true,
        b'q' | b'Q' => false,
        _ => return None,
    };
    if inner.get(charset_end + 2) != Some(&b'?') {
        return None;
    }
    let text = &inner[charset_end + 3..];
    // A word has 75 characters by RFC 2047; names of whole subjects in one word exist.
    let text_end = text.windows(2).take(4096).position(|pair| pair == b"?=")?;
    // RFC 2231, section 5, adds a language to the charset.
    let charset = charset.split('*').next().unwrap_or_default().to_owned();
    let length = 2 + charset_end + 3 + text_end + 2;
    Some((
        Word {
            charset,
            is_base64,
            text: &text[..text_end],
        },
        length,
    ))
}

/// The Q encoding of RFC 2047, section 4.2.
fn quoted(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let byte = match (text[at], text.get(at + 1), text.get(at + 2)) {
            (b'_', ..) => b' ',
            (b'=', Some(&high), Some(&low)) => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => {
                    at += 2;
                    high << 4 | low
                }
                _ => b'=',
            },
            (byte, ..) => byte,
        };
        out.push(byte);
        at += 1;
    }
}
