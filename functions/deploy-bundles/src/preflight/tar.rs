//! The headers of a tar, read as they come by.
//!
//! Names may be longer than their field: GNU puts them into an entry of their own before (`L`), POSIX into one with
//! `path=` (`x`). <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>

use std::io::{self, Write};

use super::names::Names;
use super::{Fault, Verdict};

/// The longest name, and the most of an appspec, that is kept.
const MOST_KEPT: usize = 64 * 1024;

/// What a tar holds, as far as its bytes have come by. Writing to it fails once it has seen enough.
pub(super) struct TarScan {
    names: Names,
    /// The bytes that came by.
    seen: u64,
    limit: u64,
    state: State,
    /// A name that an entry before the next one gave.
    long_name: Option<Vec<u8>>,
    outcome: Option<Verdict>,
    /// Whether an appspec says that it is for Windows.
    is_for_windows: bool,
}

enum State {
    /// A header, of which these bytes have come by.
    Header(Vec<u8>),
    /// What an entry holds: kept, or passed over.
    Content {
        left: u64,
        padding: u64,
        keep: Option<(Keep, Vec<u8>)>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    LongName,
    Pax,
    Appspec,
}

impl TarScan {
    /// A scan of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            names: Names::default(),
            seen: 0,
            limit,
            state: State::Header(Vec::new()),
            long_name: None,
            outcome: None,
            is_for_windows: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.outcome.is_some()
    }

    /// How many of the next bytes nobody looks at; they need not be read.
    pub(super) fn take_skip(&mut self) -> u64 {
        match &mut self.state {
            State::Content {
                left,
                padding,
                keep: None,
            } => {
                let skip = left.saturating_add(*padding);
                (*left, *padding) = (0, 0);
                self.seen = self.seen.saturating_add(skip);
                self.state = State::Header(Vec::new());
                skip
            }
            _ => 0,
        }
    }

    /// What was found, if that is decided. At the end of the file it is.
    pub(super) fn verdict(&mut self, is_end: bool) -> Option<Verdict> {
        if let Some(outcome) = &self.outcome {
            return Some(outcome.clone());
        }
        if !is_end {
            return None;
        }
        // Some write no end marker. What ends within an entry was cut off.
        let is_whole = match &self.state {
            State::Header(bytes) => bytes.is_empty(),
            State::Content { left, .. } => *left == 0,
        };
        Some(match is_whole {
            true => self.conclude(),
            false => Fault::of_type("is broken as tar: it ends within an entry"),
        })
    }

    fn conclude(&self) -> Verdict {
        match self.names.verdict() {
            Verdict::Good(_) if self.is_for_windows => Fault::of_type(
                "is a tar, and its appspec is for Windows, where the agent takes only zip",
            ),
            verdict => verdict,
        }
    }

    /// Takes a whole header.
    fn header(&mut self, header: &[u8]) {
        if header.iter().all(|byte| *byte == 0) {
            self.outcome = Some(self.conclude());
            return;
        }
        if !has_checksum(header) {
            let message = "is broken as tar: a header has the wrong checksum";
            self.outcome = Some(Fault::of_type(message));
            return;
        }
        let kind = header[156];
        let Some(size) = size_of(&header[124..136]) else {
            let message = "is broken as tar: a header has no size";
            self.outcome = Some(Fault::of_type(message));
            return;
        };
        // Links and folders hold nothing, whatever their size says.
        let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
        let keep = match kind {
            b'L' => Some(Keep::LongName),
            b'x' => Some(Keep::Pax),
            // Of links' names and of what holds for all files nothing matters here.
            b'K' | b'g' | b'X' => None,
            _ => {
                let name = self.long_name.take().unwrap_or_else(|| name_of(header));
                let is_appspec = self
                    .names
                    .add(&String::from_utf8_lossy(&name), kind == b'5');
                is_appspec.then_some(Keep::Appspec)
            }
        };
        self.state = State::Content {
            left: size,
            padding: size.next_multiple_of(512) - size,
            keep: keep.map(|keep| (keep, Vec::new())),
        };
        self.pass_empty();
    }

    /// Ends an entry that holds nothing more.
    fn pass_empty(&mut self) {
        let State::Content {
            left: 0,
            padding: 0,
            keep,
        } = &mut self.state
        else {
            return;
        };
        let kept = keep.take();
        self.state = State::Header(Vec::new());
        match kept {
            Some((Keep::LongName, mut name)) => {
                name.truncate(
                    name.iter()
                        .position(|byte| *byte == 0)
                        .unwrap_or(name.len()),
                );
                self.long_name = Some(name);
            }
            Some((Keep::Pax, records)) => {
                if let Some(path) = pax_path(&records) {
                    self.long_name = Some(path);
                }
            }
            Some((Keep::Appspec, text)) => {
                self.is_for_windows |= is_for_windows(&String::from_utf8_lossy(&text));
                // Whatever follows, the agent reads the one at the top, and `.yml` before `.yaml`.
                if self.names.at_top() == Some("appspec.yml") {
                    self.outcome = Some(self.conclude());
                }
            }
            None => {}
        }
    }

    /// Takes some of the bytes, and answers how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        match &mut self.state {
            State::Header(header) => {
                let taken = bytes.len().min(512 - header.len());
                header.extend_from_slice(&bytes[..taken]);
                if header.len() == 512 {
                    let header = std::mem::take(header);
                    self.header(&header);
                }
                taken
            }
            State::Content {
                left,
                padding,
                keep,
            } => {
                let content = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                if let Some((_, kept)) = keep {
                    let room = MOST_KEPT.saturating_sub(kept.len());
                    kept.extend_from_slice(&bytes[..content.min(room)]);
                }
                *left -= content as u64;
                let mut taken = content;
                if *left == 0 {
                    let pad = usize::try_from(*padding)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len() - content);
                    *padding -= pad as u64;
                    taken += pad;
                }
                self.pass_empty();
                taken
            }
        }
    }
}

impl Write for TarScan {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && self.outcome.is_none() {
            let now = self.take(&bytes[taken..]);
            taken += now;
            self.seen = self.seen.saturating_add(now as u64);
            if self.seen > self.limit && self.outcome.is_none() {
                self.outcome = Some(Verdict::Unknown(format!(
                    "it unpacks to more than {} MB, and no more was read",
                    self.limit / (1024 * 1024)
                )));
            }
        }
        match self.outcome {
            Some(_) => Err(io::Error::other("enough was seen")),
            None => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the sum of a header's bytes, its own eight taken for blanks, is what it says. Some old programs added them as
/// signed numbers.
pub(super) fn has_checksum(header: &[u8]) -> bool {
    let Some(said) = octal(&header[148..156]) else {
        return false;
    };
    let bytes = || {
        header.iter().enumerate().map(|(at, byte)| {
            if (148..156).contains(&at) {
                b' '
            } else {
                *byte
            }
        })
    };
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    said == unsigned || i64::try_from(said) == Ok(signed)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

/// A size: octal, or binary with the first bit set, as GNU writes what is larger than 8 GB.
fn size_of(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 == 0 {
        return octal(field).or_else(|| {
            field
                .iter()
                .all(|byte| matches!(byte, 0 | b' '))
                .then_some(0)
        });
    }
    let (high, low) = field.split_at(4);
    if high != [0x80, 0, 0, 0] {
        return None;
    }
    low.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn name_of(header: &[u8]) -> Vec<u8> {
    let text = |range: std::ops::Range<usize>| {
        let field = &header[range];
        let end = field.iter().position(|byte| *byte == 0);
        &field[..end.unwrap_or(field.len())]
    };
    let (name, prefix) = (text(0..100), text(345..500));
    // Only POSIX's own form has a prefix; GNU's has times there.
    match &header[257..263] == b"ustar\0" && !prefix.is_empty() {
        true => [prefix, b"/", name].concat(),
        false => name.to_vec(),
    }
}

/// `path` of the records `"LENGTH KEY=VALUE\n"`; the last one counts.
fn pax_path(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut path = None;
    while !records.is_empty() {
        let blank = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
        let record = records.get(blank + 1..length)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(value.strip_suffix(b"\n").unwrap_or(value).to_vec());
        }
        records = &records[length..];
    }
    path
}

/// Whether an appspec says `os: windows` at its top.
fn is_for_windows(text: &str) -> bool {
    text.lines().any(|line| {
        let value = line.strip_prefix("os:").unwrap_or_default();
        let value = value.split('#').next().unwrap_or_default();
        value
            .trim()
            .trim_matches(['"', '\''])
            .eq_ignore_ascii_case("windows")
    })
}
