//! Reads a header block: RFC 5322, section 2.2, and what real mail makes of it.

use std::ops::Range;

use super::Defect;

/// One header field, where it is in the raw mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name as written.
    pub(crate) name: String,
    /// Its value after the colon, still folded, without the last line's end.
    pub(crate) value: Range<usize>,
    /// All of it, with the last line's end.
    pub(crate) whole: Range<usize>,
}

/// One header block.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Its fields in order.
    pub(crate) fields: Vec<Field>,
    /// From the first field to the end of the last, without the empty line.
    pub(crate) range: Range<usize>,
    /// Where the body begins.
    pub(crate) body: usize,
    /// What is wrong with it.
    pub(crate) defects: Vec<Defect>,
    /// That it is longer than the limit, so that later fields were not read.
    pub(crate) is_cut: bool,
}

/// Where the line that begins at `start` ends, and where the next one begins. A bare CR ends a line too: mails with the
/// line ends of old Macs exist, and Python's `email` reads them so.
pub(crate) fn line(raw: &[u8], start: usize) -> (usize, usize) {
    match raw[start..]
        .iter()
        .position(|&byte| byte == b'\n' || byte == b'\r')
    {
        None => (raw.len(), raw.len()),
        Some(length) => {
            let end = start + length;
            let next = end + 1 + usize::from(raw[end] == b'\r' && raw.get(end + 1) == Some(&b'\n'));
            (end, next)
        }
    }
}

/// Reads the block that begins at `start`. `is_boundary` tells the lines that end a part, header or not.
pub(crate) fn read(
    raw: &[u8],
    start: usize,
    max_bytes: usize,
    is_boundary: impl Fn(&[u8]) -> bool,
) -> Block {
    let mut block = Block {
        range: start..start,
        body: start,
        ..Block::default()
    };
    let mut at = start;
    let limit = start.saturating_add(max_bytes);
    // That the field before was beyond the limit, and so what is folded under it too.
    let mut is_skipping = false;
    if start == 0 && raw.starts_with(b"\xef\xbb\xbf") {
        block.note("byte-order-mark", "the mail begins with a byte order mark");
        at = 3;
    }
    while at < raw.len() {
        let (end, next) = line(raw, at);
        let text = &raw[at..end];
        if is_boundary(text) {
            block.note(
                "no-empty-line",
                "a boundary follows the header without an empty line",
            );
            block.body = at;
            return block;
        }
        if text.is_empty() {
            block.body = next;
            return block;
        }
        let is_folded = text[0] == b' ' || text[0] == b'\t';
        if is_folded && !block.fields.is_empty() {
            // A line of white space only is the continuation of a field by the letter of RFC 822, and the empty line of
            // a careless program in practice, when a field does not follow.
            if text.iter().all(u8::is_ascii_whitespace) && !goes_on(raw, next) {
                block.body = next;
                block.note(
                    "blank-header-line",
                    "the line after the header is not empty, but white space",
                );
                return block;
            }
            if !is_skipping && let Some(last) = block.fields.last_mut() {
                last.whole.end = next;
                last.value.end = end.min(limit).max(last.value.start);
            }
            if end > limit {
                block.cut(max_bytes);
            }
        } else if let Some(colon) = colon(text) {
            is_skipping = at + colon >= limit;
            if !is_skipping {
                block.fields.push(Field {
                    name: String::from_utf8_lossy(text[..colon].trim_ascii_end()).into_owned(),
                    value: at + colon + 1..end.min(limit).max(at + colon + 1),
                    whole: at..next,
                });
            }
            if end > limit {
                block.cut(max_bytes);
            }
        } else if is_mbox_line(text) && at == start {
            block.note("mbox-line", "the mail begins with a line of an mbox file");
        } else if goes_on(raw, next) {
            block.note("no-colon", "a line of the header has no colon");
        } else {
            block.note(
                "no-empty-line",
                "the body follows the header without an empty line",
            );
            block.body = at;
            return block;
        }
        block.range.end = next;
        block.body = next;
        at = next;
    }
    block.body = raw.len();
    block
}

impl Block {
    fn cut(&mut self, max_bytes: usize) {
        self.is_cut = true;
        self.note(
            "long-header",
            format!("the header is longer than {max_bytes} bytes; the rest of it was not read"),
        );
    }

    fn note(&mut self, name: &'static str, sentence: impl Into<String>) {
        if !self.defects.iter().any(|defect| defect.name == name) {
            self.defects.push(Defect::new(name, sentence));
        }
    }
}

/// Where the colon of a field is. White space before it was allowed once. RFC 5322, section 4.5.
fn colon(text: &[u8]) -> Option<usize> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let name = text[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~'))).then_some(colon)
}

fn starts_field(raw: &[u8], at: usize) -> bool {
    let (end, _) = line(raw, at);
    colon(&raw[at..end]).is_some()
}

/// Whether the line is a field or a folded line before one.
fn goes_on(raw: &[u8], at: usize) -> bool {
    at < raw.len()
        && (starts_field(raw, at) || matches!(raw[at], b' ' | b'\t') && starts_block(raw, at))
}

/// Whether one of the next few lines is a field: folded lines may stand between.
fn starts_block(raw: &[u8], mut at: usize) -> bool {
    for _ in 0..4 {
        if at >= raw.len() {
            return false;
        }
        if starts_field(raw, at) {
            return true;
        }
        let (end, next) = line(raw, at);
        if end == at {
            return false;
        }
        at = next;
    }
    false
}

fn is_mbox_line(text: &[u8]) -> bool {
    text.starts_with(b"From ") || text.starts_with(b">From ")
}
