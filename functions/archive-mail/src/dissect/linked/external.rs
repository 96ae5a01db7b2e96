//! The part that stands for an attachment: `message/external-body`, RFC 2046, section 5.2.3, with the access type URL
//! of RFC 2017.

use std::fmt::Write;

use super::super::{Node, Part, fields};
use super::{Copy, Edit, Link};

/// The longest line without its end. RFC 5322, section 2.1.1.
pub(super) const LONGEST_LINE: usize = 998;

impl Copy<'_> {
    /// Replaces a part by those that stand for it.
    pub(super) fn replace(&self, node: &Node, parts: &[Vec<u8>]) -> Edit {
        let parent = node
            .parent
            .and_then(|parent| self.dissected.nodes.get(parent));
        let boundary = parent
            .and_then(|parent| parent.boundary.as_deref())
            .unwrap_or_default();
        let mut text = self.joined_parts(parts, boundary);
        // The boundary after an empty body has no line end of its own.
        let after = self.raw.get(node.body.end);
        if after.is_some_and(|byte| !matches!(byte, b'\r' | b'\n')) {
            text.extend_from_slice(self.line_end.as_bytes());
        }
        Edit {
            range: node.header.start..node.body.end,
            text,
        }
    }

    /// Parts with the boundary between them.
    pub(super) fn joined_parts(&self, parts: &[Vec<u8>], boundary: &[u8]) -> Vec<u8> {
        let end = self.line_end.as_bytes();
        parts.join(&[end, b"--", boundary, end].concat()[..])
    }

    /// The whole part, header and body. Its body is the header that the attachment had in `node`, or would have.
    pub(super) fn external_part(&self, node: Option<&Node>, link: &Link, part: &Part) -> Vec<u8> {
        let end = self.line_end;
        let url = safe_url(&link.url);
        let mut text = format!("Content-Type: message/external-body; access-type=URL;{end} URL=\"");
        for (place, word) in url.as_bytes().chunks(40).enumerate() {
            if place > 0 {
                // White space in it is no part of the address. RFC 2017, section 3.1.
                text.push_str(end);
                text.push(' ');
            }
            text.push_str(&String::from_utf8_lossy(word));
        }
        text.push('"');
        if let Some(expires) = link.expires {
            let _ = write!(text, ";{end} expiration=\"{}\"", expires.to_rfc2822());
        }
        let _ = write!(text, ";{end} size={}{end}", part.size);
        // Thunderbird shows what it detached itself by this one; an address too long for a line is left out.
        const DETACHED: &str = "X-Mozilla-External-Attachment-URL: ";
        if DETACHED.len() + url.len() <= LONGEST_LINE {
            let _ = write!(text, "{DETACHED}{url}{end}");
        }
        text.push_str(end);

        let mut text = text.into_bytes();
        let (mut has_type, mut has_id) = (false, false);
        let block = node.map(|node| {
            let mut block = fields::read(self.raw, node.header.start, usize::MAX, |_| false);
            block
                .fields
                .retain(|field| field.whole.start < node.header.end);
            block
        });
        let is_root = node.is_some_and(|node| node.parent.is_none());
        for field in block.iter().flat_map(|block| &block.fields) {
            // Of a mail that is one attachment, the header has more than what belongs to the attachment.
            let name = field.name.to_ascii_lowercase();
            if is_root && !name.starts_with("content-") || name == "content-transfer-encoding" {
                continue;
            }
            has_type |= name == "content-type";
            has_id |= name == "content-id";
            self.push_line(&mut text, &self.raw[field.whole.clone()]);
        }
        if !has_type {
            self.push_line(
                &mut text,
                format!("Content-Type: {}", part.content_type).as_bytes(),
            );
        }
        if block.is_none() {
            let mut disposition = "Content-Disposition: attachment; filename*=UTF-8''".to_owned();
            for byte in part.name.bytes() {
                // RFC 5987, section 3.2.1: at most 255 bytes become 765 characters, which a line has room for.
                if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
                    disposition.push(char::from(byte));
                } else {
                    let _ = write!(disposition, "%{byte:02X}");
                }
            }
            self.push_line(&mut text, disposition.as_bytes());
        }
        if !has_id {
            // RFC 2046 demands one; it names what it is for, so the same file has the same id.
            self.push_line(
                &mut text,
                format!("Content-ID: <{}@attachment.invalid>", part.sha256).as_bytes(),
            );
        }
        // What the address leads to is not encoded.
        self.push_line(&mut text, b"Content-Transfer-Encoding: binary");
        self.push_line(&mut text, b"");
        text
    }

    /// Adds a line, with an end if it has none.
    pub(super) fn push_line(&self, text: &mut Vec<u8>, line: &[u8]) {
        text.extend_from_slice(line);
        if !matches!(line.last(), Some(b'\r' | b'\n')) {
            text.extend_from_slice(self.line_end.as_bytes());
        }
    }
}

/// An address of ASCII characters that mean nothing in a header or an HTML attribute.
pub(super) fn safe_url(url: &str) -> String {
    let mut safe = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'\'' | b'`') {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}
