//! The table of contents of a zip, found from its end.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, sections 4.3.12 to 4.3.16

use std::ops::Range;

use super::names::Names;

/// The end of a zip has 22 bytes and a comment of up to 65,535; that of a large one has 20 more before it.
pub(super) const TAIL: u64 = 22 + 65_535 + 20;

/// How much of the table is read at once.
const WINDOW: u64 = 4 * 1024 * 1024;

/// A larger table is not read: a million files have one of about this size.
const MOST_TABLE: u64 = 256 * 1024 * 1024;

/// The longest entry of the table: three lengths of 16 bits.
const LONGEST_ENTRY: usize = 46 + 3 * 65_535;

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";

/// Where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// The table of contents.
    Directory(Range<u64>),
    /// The end of a large zip, which says where the table is.
    End(Range<u64>),
}

/// Looks for the end in the last bytes of a file, which begin at `start`.
pub(super) fn locate(tail: &[u8], start: u64) -> Result<Located, String> {
    let missing = || "is no whole zip: its end is missing, as if the upload was cut off".to_owned();
    let mut at = tail.len().checked_sub(22).ok_or_else(missing)?;
    // The comment may hold anything, an end too: the true one is the one whose comment reaches the end of the file.
    let end = loop {
        let candidate = &tail[at..];
        let comment = usize::from(u16_at(candidate, 20).unwrap_or_default());
        if candidate.starts_with(END) && candidate.len() == 22 + comment {
            break candidate;
        }
        at = at.checked_sub(1).ok_or_else(missing)?;
    };
    let position = start + at as u64;
    let (size, offset) = (u32_at(end, 12), u32_at(end, 16));
    let is_large =
        u16_at(end, 10) == Some(u16::MAX) || size == Some(u32::MAX) || offset == Some(u32::MAX);
    let locator = at.checked_sub(20).map(|from| &tail[from..at]);
    if is_large && let Some(locator) = locator.filter(|locator| locator.starts_with(LOCATOR_64)) {
        let at = u64_at(locator, 8).unwrap_or_default();
        return Ok(Located::End(at..at.saturating_add(56)));
    }
    // The table ends where the end begins; its offset is wrong in a file that has something before the zip.
    let size = u64::from(size.unwrap_or_default());
    let first = position.checked_sub(size).ok_or_else(broken)?;
    Ok(Located::Directory(first..position))
}

/// Reads the end of a large zip, which lies at `at`.
pub(super) fn locate_64(end: &[u8], at: u64) -> Result<Range<u64>, String> {
    let size = u64_at(end, 40)
        .filter(|_| end.starts_with(END_64))
        .ok_or_else(broken)?;
    Ok(at.checked_sub(size).ok_or_else(broken)?..at)
}

fn broken() -> String {
    "is broken as zip: its end does not say where its table of contents is".to_owned()
}

/// The table of contents, read piece by piece.
pub(super) struct Directory {
    /// What is still to be read.
    rest: Range<u64>,
    /// The beginning of an entry whose rest has not come yet.
    held: Vec<u8>,
    names: Names,
}

impl Directory {
    pub(super) fn new(range: Range<u64>, size: u64) -> Result<Self, String> {
        if range.end > size || range.start > range.end {
            return Err(broken());
        }
        if range.end - range.start > MOST_TABLE {
            return Err(format!(
                "has a table of contents of {} bytes, at most {MOST_TABLE} are read",
                range.end - range.start
            ));
        }
        Ok(Self {
            rest: range,
            held: Vec::new(),
            names: Names::default(),
        })
    }

    /// The first piece; `None`: the table is empty.
    pub(super) fn first(&self) -> Option<Range<u64>> {
        (!self.rest.is_empty()).then(|| self.piece())
    }

    fn piece(&self) -> Range<u64> {
        self.rest.start..(self.rest.start + WINDOW).min(self.rest.end)
    }

    /// Takes a piece and answers the next one; `None`: that was all, or enough.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<Range<u64>>, String> {
        let wanted = self.piece();
        if bytes.len() as u64 != wanted.end - wanted.start {
            return Err("ends too early: it was cut off".to_owned());
        }
        self.rest.start = wanted.end;
        self.held.extend_from_slice(bytes);
        let mut taken = 0;
        loop {
            let held = &self.held[taken..];
            let Some(header) = held.get(..46) else { break };
            if !header.starts_with(ENTRY) {
                return Err("is broken as zip: its table of contents is garbled".to_owned());
            }
            let length = |at| usize::from(u16_at(header, at).unwrap_or_default());
            let (name, rest) = (length(28), length(30) + length(32));
            let Some(name_bytes) = held.get(46..46 + name) else {
                break;
            };
            if held.len() < 46 + name + rest {
                break;
            }
            let text = String::from_utf8_lossy(name_bytes);
            let is_appspec = self.names.add(&text, text.ends_with('/'));
            let is_encrypted = u16_at(header, 8).unwrap_or_default() & 1 == 1;
            if is_appspec && is_encrypted {
                return Err("is encrypted, and the agent has no password".to_owned());
            }
            taken += 46 + name + rest;
        }
        self.held.drain(..taken);
        if self.names.at_top().is_some() {
            return Ok(None);
        }
        if !self.rest.is_empty() {
            return Ok(Some(self.piece()));
        }
        // A signature may follow the last entry.
        match self.held.is_empty() || self.held.starts_with(b"PK\x05\x05") {
            true => Ok(None),
            false => Err("is broken as zip: its table of contents ends within an entry".to_owned()),
        }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }
}

/// What is held back between two pieces is never more than an entry.
const _: () = assert!((LONGEST_ENTRY as u64) < WINDOW);

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
