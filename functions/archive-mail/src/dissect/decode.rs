//! Undoes the transfer encodings, piece by piece: nothing here holds a whole attachment.

use super::{Defect, base64, uuencode};

/// How a part is encoded for its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferEncoding {
    /// Not at all: 7bit, 8bit, binary, or one that nobody knows.
    #[default]
    Identity,
    /// RFC 2045, section 6.8.
    Base64,
    /// RFC 2045, section 6.7.
    QuotedPrintable,
    /// From before MIME.
    Uuencode,
}

impl TransferEncoding {
    /// Reads the value of Content-Transfer-Encoding. `None`: it names an encoding that nobody knows.
    pub(crate) fn of(value: &str) -> Option<Self> {
        // Comments, parameters and quotes do not belong here, and occur.
        let token = value
            .split([';', '('])
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches('"');
        match token.to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" | "none" => Some(Self::Identity),
            "base64" => Some(Self::Base64),
            "quoted-printable" => Some(Self::QuotedPrintable),
            "x-uuencode" | "uuencode" | "x-uue" | "uue" => Some(Self::Uuencode),
            _ => None,
        }
    }
}

/// Decodes a body into `sink`, piece by piece.
pub(crate) fn decode(
    encoding: TransferEncoding,
    body: &[u8],
    sink: &mut dyn FnMut(&[u8]),
) -> Vec<Defect> {
    match encoding {
        TransferEncoding::Identity => {
            sink(body);
            Vec::new()
        }
        TransferEncoding::Base64 => base64::decode(body, sink),
        TransferEncoding::QuotedPrintable => quoted_printable(body, sink),
        TransferEncoding::Uuencode => uuencode::decode_body(body, sink),
    }
}

/// Decodes a body into memory.
pub(crate) fn decode_to_vec(encoding: TransferEncoding, body: &[u8]) -> Vec<u8> {
    // Three bytes of four, and never more than there was.
    let capacity = match encoding {
        TransferEncoding::Base64 => body.len() / 4 * 3 + 3,
        _ => body.len(),
    };
    let mut out = Vec::with_capacity(capacity);
    decode(encoding, body, &mut |bytes| out.extend_from_slice(bytes));
    out
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Quoted-printable: white space at a line's end is the way's, not the text's; an equals sign that begins nothing is
/// itself. RFC 2045, section 6.7, rule 3 and the robust implementation below it.
fn quoted_printable(body: &[u8], sink: &mut dyn FnMut(&[u8])) -> Vec<Defect> {
    let mut wrong = 0_usize;
    let mut rest = body;
    let mut out = Vec::with_capacity(256);
    while !rest.is_empty() {
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(length);
        rest = after;
        let end = match line {
            [.., b'\r', b'\n'] => line.len() - 2,
            [.., b'\n'] => line.len() - 1,
            _ => line.len(),
        };
        let (content, line_end) = line.split_at(end);
        let content = trim_blank_end(content);
        let (content, is_soft) = match content.strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (content, false),
        };
        out.clear();
        let mut at = 0;
        while at < content.len() {
            let mut byte = content[at];
            if byte == b'=' {
                match (
                    content.get(at + 1).copied().and_then(hex),
                    content.get(at + 2).copied().and_then(hex),
                ) {
                    (Some(high), Some(low)) => {
                        byte = high << 4 | low;
                        at += 2;
                    }
                    _ => wrong += 1,
                }
            }
            out.push(byte);
            at += 1;
        }
        if !is_soft {
            out.extend_from_slice(line_end);
        }
        sink(&out);
    }
    if wrong == 0 {
        return Vec::new();
    }
    vec![Defect::new(
        "quoted-printable-escape",
        format!("{wrong} equals signs of the quoted-printable begin no byte and were kept"),
    )]
}

fn trim_blank_end(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(0, |at| at + 1);
    &line[..end]
}
