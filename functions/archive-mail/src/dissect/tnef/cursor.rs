//! Reads numbers and texts out of a stream, never beyond its end.

use std::ops::Range;

/// Reads little-endian numbers within a range.
pub(super) struct Cursor<'a> {
    pub(super) stream: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(stream: &'a [u8], range: Range<usize>) -> Self {
        Self {
            stream,
            at: range.start,
            end: range.end,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let range = self.take(N)?;
        self.stream[range].try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<Range<usize>> {
        (length <= self.end - self.at).then(|| self.take_at_most(length))
    }

    pub(super) fn take_at_most(&mut self, length: usize) -> Range<usize> {
        let start = self.at;
        self.at += length.min(self.end - self.at);
        start..self.at
    }
}

/// Whether a text is not empty.
pub(super) fn bytes_are_some(stream: &[u8], range: &Range<usize>) -> bool {
    stream[range.clone()].first().is_some_and(|&byte| byte != 0)
}

/// A text without the zeros at its end.
pub(super) fn without_zeros(stream: &[u8], range: Range<usize>) -> Range<usize> {
    let length = stream[range.clone()]
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |at| at + 1);
    range.start..range.start + length
}

/// A text of UTF-16 without the zeros at its end.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let end = units
        .iter()
        .rposition(|&unit| unit != 0)
        .map_or(0, |at| at + 1);
    String::from_utf16_lossy(&units[..end])
}
