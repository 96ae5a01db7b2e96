//! Puts the notice into a text, in the text's own charset and encoding.

use std::borrow::Cow;
use std::ops::Range;

use super::super::{Encoding, Field, Node, decode_to_vec, encode_charset, fields};
use super::external::LONGEST_LINE;
use super::{Copy, Edit, notice};

/// Whether a text of this encoding can be added to. What is uuencoded as a whole is a file more than a text.
pub(super) fn can_hold_notice(encoding: Encoding) -> bool {
    encoding != Encoding::Uuencode
}

impl Copy<'_> {
    /// Adds the notice to a text, at its end.
    pub(super) fn add_notice(&self, node: &Node, edits: &mut Vec<Edit>) {
        let is_html = node.content.media == "text/html";
        let text = if is_html {
            notice::html(self.links, self.line_end)
        } else {
            notice::plain(self.links, self.line_end)
        };
        let body = &self.raw[node.body.clone()];
        let (encoded, is_ascii) = self.encode(&text, node);
        let is_long = encoded
            .split(|&byte| byte == b'\n' || byte == b'\r')
            .any(|line| line.len() > LONGEST_LINE);
        match node.content.encoding {
            Encoding::QuotedPrintable => {
                let at = place(body, is_html);
                let mut added = self.line_end_before(&body[..at]);
                quote(&encoded, self.line_end, &mut added);
                edits.push(self.fitted(node, at..at, added));
            }
            Encoding::Identity if is_long => {
                let whole = self.joined(body, &encoded, is_html);
                let mut quoted = Vec::with_capacity(whole.len() + whole.len() / 8);
                quote(&whole, self.line_end, &mut quoted);
                edits.push(self.fitted(node, 0..body.len(), quoted));
                self.set_encoding(node, "quoted-printable", edits);
            }
            Encoding::Identity => {
                let at = place(body, is_html);
                let mut added = self.line_end_before(&body[..at]);
                // Without a declaration, or as 7bit, a text has no other characters than ASCII's.
                if is_ascii || self.is_eight_bit(node) {
                    added.extend_from_slice(&encoded);
                } else {
                    added.extend_from_slice(to_ascii(&text).as_bytes());
                }
                edits.push(self.fitted(node, at..at, added));
            }
            _ => {
                let decoded = decode_to_vec(node.content.encoding, body);
                let whole = self.joined(&decoded, &encoded, is_html);
                edits.push(self.fitted(node, 0..body.len(), self.base64_lines(&whole)));
            }
        }
    }

    /// An edit of a range of a body, with the line ends that careless programs left out: before the body, where the
    /// text would be read as header, and before the boundary after it.
    fn fitted(&self, node: &Node, range: Range<usize>, text: Vec<u8>) -> Edit {
        let mut fitted = Vec::with_capacity(text.len() + 4);
        if range.start == 0 && node.body.start == node.header.end {
            fitted.extend_from_slice(self.line_end.as_bytes());
        }
        fitted.extend_from_slice(&text);
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let is_last = node.body.start + range.end == node.body.end;
        if is_last
            && self
                .raw
                .get(node.body.end)
                .is_some_and(|byte| !is_end(byte))
        {
            fitted.extend_from_slice(self.line_end.as_bytes());
        }
        Edit {
            range: node.body.start + range.start..node.body.start + range.end,
            text: fitted,
        }
    }

    /// Adds a text of its own to a multipart that has none.
    pub(super) fn add_text(&self, edits: &mut Vec<Edit>) {
        let nodes = &self.dissected.nodes;
        let (Some(root), Some(child)) = (
            nodes.first(),
            nodes.iter().find(|node| node.parent == Some(0)),
        ) else {
            return;
        };
        let Some(boundary) = &root.boundary else {
            return;
        };
        let end = self.line_end;
        let part = self.notice_part();
        let mut text = Vec::new();
        // The first part of these two has a meaning: RFC 2387 and RFC 6522.
        let is_first_special = matches!(
            root.content.media.as_str(),
            "multipart/related" | "multipart/report"
        );
        let delimiter = |text: &mut Vec<u8>| {
            text.extend_from_slice(b"--");
            text.extend_from_slice(boundary);
            text.extend_from_slice(end.as_bytes());
        };
        let at = if is_first_special {
            text.extend_from_slice(end.as_bytes());
            delimiter(&mut text);
            text.extend_from_slice(&part);
            if self
                .raw
                .get(root.body.end)
                .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
            {
                text.extend_from_slice(end.as_bytes());
            }
            root.body.end
        } else {
            text.extend_from_slice(&part);
            text.extend_from_slice(end.as_bytes());
            delimiter(&mut text);
            child.header.start
        };
        edits.push(Edit {
            range: at..at,
            text,
        });
    }

    /// The notice as a part, header and body, without a line end after it.
    pub(super) fn notice_part(&self) -> Vec<u8> {
        let end = self.line_end;
        let mut part = format!(
            "Content-Type: text/plain; charset=utf-8{end}Content-Disposition: inline{end}Content-Transfer-Encoding: quoted-printable{end}{end}"
        )
        .into_bytes();
        quote(notice::plain(self.links, end).as_bytes(), end, &mut part);
        part
    }

    /// The notice in the charset of the text, or in ASCII if that has not all of its characters; and which it is.
    fn encode<'t>(&self, text: &'t str, node: &Node) -> (Cow<'t, [u8]>, bool) {
        let label = node.content.charset.as_deref().unwrap_or("us-ascii");
        let is_ascii_only =
            label.eq_ignore_ascii_case("us-ascii") || label.eq_ignore_ascii_case("ascii");
        if (!is_ascii_only || text.is_ascii())
            && let Some(encoded) = encode_charset(label, text)
        {
            let is_ascii = encoded.is_ascii();
            return (encoded, is_ascii);
        }
        let text = to_ascii(text);
        let encoded = encode_charset(label, &text).map(Cow::into_owned);
        (
            Cow::Owned(encoded.unwrap_or_else(|| text.into_bytes())),
            true,
        )
    }

    fn joined(&self, body: &[u8], notice: &[u8], is_html: bool) -> Vec<u8> {
        let at = place(body, is_html);
        let mut whole = Vec::with_capacity(body.len() + notice.len() + 2);
        whole.extend_from_slice(&body[..at]);
        // A text in UTF-16 has no bytes of ASCII; its notice goes on behind its last character.
        if notice.first() != Some(&0) && notice.get(1) != Some(&0) {
            whole.extend_from_slice(&self.line_end_before(&body[..at]));
        }
        whole.extend_from_slice(notice);
        whole.extend_from_slice(&body[at..]);
        whole
    }

    /// What to begin a new line with after `before`.
    fn line_end_before(&self, before: &[u8]) -> Vec<u8> {
        match before.last() {
            None => Vec::new(),
            // A soft line end eats the first one.
            Some(b'=') => self.line_end.repeat(2).into_bytes(),
            Some(b'\n') => {
                let is_soft = before.ends_with(b"=\r\n") || before.ends_with(b"=\n");
                if is_soft {
                    self.line_end.into()
                } else {
                    Vec::new()
                }
            }
            Some(_) => self.line_end.into(),
        }
    }

    fn is_eight_bit(&self, node: &Node) -> bool {
        let encoding = self.field(node, "content-transfer-encoding");
        let value = encoding.map(|field| self.raw[field.value].trim_ascii().to_ascii_lowercase());
        value.is_some_and(|value| value.starts_with(b"8bit") || value.starts_with(b"binary"))
    }

    /// Says another transfer encoding than before.
    fn set_encoding(&self, node: &Node, encoding: &str, edits: &mut Vec<Edit>) {
        let text = format!("Content-Transfer-Encoding: {encoding}{}", self.line_end).into_bytes();
        let range = match self.field(node, "content-transfer-encoding") {
            Some(field) => field.whole,
            None => node.header.end..node.header.end,
        };
        edits.push(Edit { range, text });
    }

    fn field(&self, node: &Node, name: &str) -> Option<Field> {
        let block = fields::read(self.raw, node.header.start, usize::MAX, |_| false);
        let mut fields = block
            .fields
            .into_iter()
            .take_while(|field| field.whole.start < node.header.end);
        fields.find(|field| field.name.eq_ignore_ascii_case(name))
    }

    fn base64_lines(&self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::with_capacity(bytes.len() / 54 * 76 + 80);
        // 57 bytes are 76 characters: the longest line. RFC 2045, section 6.8.
        for (place, piece) in bytes.chunks(57).enumerate() {
            if place > 0 {
                lines.extend_from_slice(self.line_end.as_bytes());
            }
            super::super::base64::encode(piece, &mut lines);
        }
        lines
    }
}

/// Where the notice belongs: at the end, in HTML within the body.
fn place(body: &[u8], is_html: bool) -> usize {
    let before = |tag: &[u8]| {
        let mut at = body.len().checked_sub(tag.len())?;
        loop {
            if body[at..at + tag.len()].eq_ignore_ascii_case(tag) {
                return Some(at);
            }
            at = at.checked_sub(1)?;
        }
    };
    let tag = is_html
        .then(|| before(b"</body").or_else(|| before(b"</html")))
        .flatten();
    tag.unwrap_or(body.len())
}

fn to_ascii(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_ascii() { character } else { '?' })
        .collect()
}

/// Quoted-printable, RFC 2045, section 6.7: lines of at most 76 characters.
fn quote(bytes: &[u8], line_end: &str, out: &mut Vec<u8>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let mut width = 0;
        for (place, &byte) in line.iter().enumerate() {
            let is_last = place + 1 == line.len();
            if width >= 73 {
                out.push(b'=');
                out.extend_from_slice(line_end.as_bytes());
                width = 0;
            }
            let is_plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !is_last,
                // No line may look like a boundary, an mbox separator or the end of a mail in SMTP.
                b'-' | b'F' | b'.' => width > 0,
                byte => byte.is_ascii_graphic(),
            };
            if is_plain {
                out.push(byte);
                width += 1;
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
                width += 3;
            }
        }
        let length = match after {
            [] => 0,
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        out.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
}
