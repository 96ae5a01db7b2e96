//! Reads values with parameters, such as Content-Type and Content-Disposition: RFC 2045, section 5.1, RFC 2231, and the
//! faults of real programs. `filename*` wins over `filename`: the second is there for those who cannot read the first.

use super::charset::{decode_charset, guess};
use super::decode::hex;
use super::words;

/// The longest parameter that is read. RFC 2046 allows boundaries of 70 characters; names of 255 bytes may be encoded.
const MAX_VALUE: usize = 16 * 1024;

/// The most parameters that are read: a name in pieces of RFC 2231 has several, and none has a hundred.
const MAX_PARAMETERS: usize = 100;

/// A value and its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameterised {
    /// What stands before the first parameter, in lower case.
    pub(crate) value: String,
    /// That a quoted parameter does not end.
    pub(crate) is_unclosed: bool,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Parameterised {
    /// A parameter decoded, `declared` being the charset for bytes that tell none.
    pub(crate) fn text(&self, name: &str, declared: Option<&str>) -> Option<String> {
        let extended = format!("{name}*");
        if let Some(value) = self.raw(&extended) {
            return Some(Extended::of(value).decode(declared));
        }
        self.segments(name, declared)
            .or_else(|| self.raw(name).map(|value| words::decode(value, declared)))
    }

    /// A parameter of plain characters: a boundary, a charset, a kind.
    pub(crate) fn plain(&self, name: &str) -> Option<String> {
        let text = self.text(name, None)?;
        // A comment is no part of a token. RFC 2045, section 5.1.
        let text = text.split('(').next().unwrap_or_default().trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The boundary: any characters, but no white space at its end. RFC 2046, section 5.1.1.
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        let segments = || self.segments("boundary", None).map(String::into_bytes);
        let boundary = self.raw("boundary").map(<[u8]>::to_vec).or_else(segments)?;
        let boundary = boundary.trim_ascii_end();
        (!boundary.is_empty()).then(|| boundary.to_vec())
    }

    fn raw(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .parameters
            .iter()
            .find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// `name*0`, `name*1*`, …, in the order of their numbers. RFC 2231, sections 3 and 4.1.
    fn segments(&self, name: &str, declared: Option<&str>) -> Option<String> {
        let mut segments: Vec<(u32, bool, &[u8])> = Vec::new();
        for (candidate, value) in &self.parameters {
            let Some(number) = candidate
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('*'))
            else {
                continue;
            };
            let (number, is_extended) = match number.strip_suffix('*') {
                Some(number) => (number, true),
                None => (number, false),
            };
            if let Ok(number) = number.parse() {
                segments.push((number, is_extended, value));
            }
        }
        segments.sort_by_key(|(number, ..)| *number);
        segments.dedup_by_key(|(number, ..)| *number);
        if segments.is_empty() {
            return None;
        }
        let is_plain = segments.iter().all(|(_, is_extended, _)| !is_extended);
        let mut whole = Extended::default();
        for (place, (_, is_extended, value)) in segments.into_iter().enumerate() {
            match (is_extended, place) {
                (true, 0) => whole = Extended::of(value),
                (true, _) => percent(value, &mut whole.bytes),
                (false, _) => whole.bytes.extend_from_slice(value),
            }
        }
        Some(if is_plain {
            words::decode(&whole.bytes, declared)
        } else {
            whole.decode(declared)
        })
    }
}

/// `charset'language'percent-encoded`.
#[derive(Default)]
struct Extended {
    charset: Option<String>,
    bytes: Vec<u8>,
}

impl Extended {
    fn of(value: &[u8]) -> Self {
        let mut pieces = value.splitn(3, |&byte| byte == b'\'');
        let (charset, encoded) = match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(charset), Some(_), Some(encoded)) => (Some(charset), encoded),
            _ => (None, value),
        };
        let mut bytes = Vec::new();
        percent(encoded, &mut bytes);
        Self {
            charset: charset.map(|charset| String::from_utf8_lossy(charset).into_owned()),
            bytes,
        }
    }

    fn decode(&self, declared: Option<&str>) -> String {
        let known = self
            .charset
            .as_deref()
            .filter(|charset| !charset.is_empty());
        known
            .and_then(|charset| decode_charset(charset, &self.bytes))
            .unwrap_or_else(|| guess(&self.bytes, declared).into_owned())
    }
}

/// Undoes percent encoding; a percent sign that begins no byte is itself.
pub(crate) fn percent(value: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < value.len() {
        let digit = |place: usize| value.get(place).copied().and_then(hex);
        match (value[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// Reads a value, which may still be folded.
pub(crate) fn parse(value: &[u8]) -> Parameterised {
    let value = words::unfold(value);
    let mut scanner = Scanner {
        text: &value,
        at: 0,
    };
    let mut parsed = Parameterised {
        value: scanner.main(),
        ..Parameterised::default()
    };
    while parsed.parameters.len() < MAX_PARAMETERS
        && let Some(name) = scanner.name()
    {
        let (value, is_closed) = scanner.value(&name);
        parsed.is_unclosed |= !is_closed;
        parsed.parameters.push((name, value));
    }
    parsed
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take_until(&mut self, is_end: impl Fn(u8) -> bool) -> &[u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| !is_end(byte)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// The value itself. Between it and the first parameter a semicolon belongs, and a space must do.
    fn main(&mut self) -> String {
        self.take_until(|byte| !byte.is_ascii_whitespace() && byte != b':');
        let mut value = self
            .take_until(|byte| matches!(byte, b';' | b' ' | b'\t' | b'('))
            .to_vec();
        // `multipart / mixed` has its slash among spaces.
        let rest = self.text[self.at..].trim_ascii_start();
        if !value.contains(&b'/') && rest.starts_with(b"/") || value.ends_with(b"/") {
            self.take_until(|byte| !matches!(byte, b' ' | b'\t' | b'/'));
            if !value.ends_with(b"/") {
                value.push(b'/');
            }
            value.extend_from_slice(
                self.take_until(|byte| matches!(byte, b';' | b' ' | b'\t' | b'(')),
            );
        }
        String::from_utf8_lossy(&value)
            .trim_matches('"')
            .to_ascii_lowercase()
    }

    /// The next parameter's name; leaves the scanner at its value.
    fn name(&mut self) -> Option<String> {
        loop {
            self.take_until(|byte| !matches!(byte, b';' | b' ' | b'\t' | b','));
            self.peek()?;
            if self.peek() == Some(b'(') {
                self.comment();
                continue;
            }
            let name = self
                .take_until(|byte| matches!(byte, b'=' | b';' | b' ' | b'\t'))
                .to_ascii_lowercase();
            let here = self.at;
            self.take_until(|byte| !matches!(byte, b' ' | b'\t'));
            if self.peek() == Some(b'=') {
                self.at += 1;
                if !name.is_empty() {
                    return Some(String::from_utf8_lossy(&name).into_owned());
                }
            } else {
                // A word without a value.
                self.at = here;
            }
        }
    }

    fn comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A parameter's value, and whether its quotes are closed.
    fn value(&mut self, name: &str) -> (Vec<u8>, bool) {
        self.take_until(|byte| !matches!(byte, b' ' | b'\t'));
        if self.peek() == Some(b'"') {
            self.at += 1;
            return self.quoted();
        }
        let rest = &self.text[self.at..];
        let rest = &rest[..rest.len().min(MAX_VALUE)];
        let mut end = rest
            .iter()
            .position(|&byte| byte == b';')
            .unwrap_or(rest.len());
        // Where a semicolon is missing, the next well-known parameter ends the value.
        let spaces = rest[..end]
            .iter()
            .enumerate()
            .filter(|(_, byte)| matches!(byte, b' ' | b'\t'));
        if let Some((space, _)) = spaces
            .clone()
            .find(|(space, _)| begins_parameter(&rest[space + 1..]))
        {
            end = space;
        } else if !matches!(
            name.split('*').next(),
            Some("filename" | "name" | "boundary")
        ) && let Some((space, _)) = spaces.clone().next()
        {
            end = space;
        }
        self.at += end;
        (rest[..end].trim_ascii().to_vec(), true)
    }

    /// Only quotes and backslashes are escaped: programs that write `"C:\temp"` escape nothing.
    fn quoted(&mut self) -> (Vec<u8>, bool) {
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            match (byte, self.peek()) {
                (b'"', _) => {
                    value.truncate(MAX_VALUE);
                    return (value, true);
                }
                (b'\\', Some(next @ (b'"' | b'\\'))) => {
                    self.at += 1;
                    value.push(next);
                }
                _ => value.push(byte),
            }
        }
        value.truncate(MAX_VALUE);
        (value, false)
    }
}

fn begins_parameter(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let Some(end) = text
        .iter()
        .take(16)
        .position(|byte| matches!(byte, b'=' | b'*'))
    else {
        return false;
    };
    let name = text[..end].to_ascii_lowercase();
    matches!(
        name.as_slice(),
        b"boundary" | b"charset" | b"filename" | b"format" | b"name" | b"size" | b"type"
    )
}
