//! A mail that is one attachment and nothing else: its copy becomes a multipart of the notice and what was there.

use super::super::Node;
use super::{Copy, Edit};

impl Copy<'_> {
    /// Makes the mail a multipart. Only the fields of the contents move; all others stay.
    pub(super) fn wrap(&self, root: &Node, edits: &mut Vec<Edit>) {
        let end = self.line_end;
        let boundary = self.unused_boundary();
        let content = || {
            let fields = self.dissected.headers.fields.iter();
            fields.filter(|field| {
                field.name.len() > 8 && field.name[..8].eq_ignore_ascii_case("content-")
            })
        };
        for field in content() {
            edits.push(Edit {
                range: field.whole.clone(),
                text: Vec::new(),
            });
        }
        let mut header = Vec::new();
        // The last line of a header that has no body may have no end.
        if self.raw[..root.header.end]
            .last()
            .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
        {
            header.extend_from_slice(end.as_bytes());
        }
        if !self.dissected.headers.has("MIME-Version") {
            self.push_line(&mut header, b"MIME-Version: 1.0");
        }
        self.push_line(
            &mut header,
            format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"").as_bytes(),
        );
        self.push_line(&mut header, b"");
        self.push_line(&mut header, format!("--{boundary}").as_bytes());
        header.extend_from_slice(&self.notice_part());
        self.push_line(&mut header, format!("{end}--{boundary}").as_bytes());
        let parts = self.stand_ins(0);
        let body = if parts.is_empty() {
            let mut body = Vec::new();
            for field in content() {
                self.push_line(&mut body, &self.raw[field.whole.clone()]);
            }
            self.push_line(&mut body, b"");
            body
        } else {
            self.joined_parts(&parts, boundary.as_bytes())
        };
        header.extend_from_slice(&body);
        // The old empty line goes, the old body stays where it was unless it is linked.
        let kept = if parts.is_empty() {
            root.body.start
        } else {
            root.body.end
        };
        edits.push(Edit {
            range: root.header.end..kept,
            text: header,
        });
        edits.push(Edit {
            range: root.body.end..root.body.end,
            text: format!("{end}--{boundary}--{end}").into_bytes(),
        });
    }

    /// A boundary that is nowhere in the mail, and the same for the same mail.
    fn unused_boundary(&self) -> String {
        let seed = self
            .links
            .first()
            .map_or("", |(_, part)| part.sha256.as_str());
        let mut number = 0_u32;
        loop {
            let boundary = format!("=_lamplighter_{}_{number}", seed.get(..24).unwrap_or(seed));
            if !self
                .raw
                .windows(boundary.len())
                .any(|window| window == boundary.as_bytes())
            {
                return boundary;
            }
            number += 1;
        }
    }
}
