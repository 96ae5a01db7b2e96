//! Reads lists of MAPI properties: [MS-OXTNEF], section 2.1.3.4.

use std::ops::Range;

use super::super::Defect;
use super::cursor::{Cursor, utf16, without_zeros};
use super::{Data, Name};

/// The interface of a message: an object of it is a stream of TNEF again.
const MESSAGE_INTERFACE: [u8; 16] = [
    0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46,
];

/// The first value of a property.
#[derive(Debug)]
pub(super) enum Value {
    /// A text in the code page of the stream.
    Text(Range<usize>),
    /// A text in UTF-16.
    Unicode(Range<usize>),
    /// Bytes.
    Binary(Range<usize>),
    /// An object without its interface's id.
    Object {
        is_message: bool,
        range: Range<usize>,
    },
    /// A number, a time, or nothing: of no interest here.
    Other,
}

impl Value {
    /// It as a name; none when it is empty.
    pub(super) fn name(&self, stream: &[u8], code_page: Option<u32>) -> Option<Name> {
        match self {
            Self::Text(range) => {
                let bytes = stream[without_zeros(stream, range.clone())].to_vec();
                (!bytes.is_empty()).then_some(Name::Bytes { bytes, code_page })
            }
            Self::Unicode(range) => Some(utf16(&stream[range.clone()]))
                .filter(|text| !text.is_empty())
                .map(Name::Unicode),
            _ => None,
        }
    }

    /// It as a text to be stored.
    pub(super) fn data(&self, stream: &[u8]) -> Option<Data> {
        match self {
            Self::Text(range) | Self::Binary(range) => {
                Some(Data::Bytes(without_zeros(stream, range.clone())))
            }
            Self::Unicode(range) => Some(Data::Utf16(range.clone())),
            _ => None,
        }
    }

    /// Its bytes as they are.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Text(range)
            | Self::Unicode(range)
            | Self::Binary(range)
            | Self::Object { range, .. } => Some(range.clone()),
            Self::Other => None,
        }
    }
}

/// The properties of a list: each id with its first value.
pub(super) struct Properties<'a> {
    cursor: Cursor<'a>,
    left: u32,
    is_broken: bool,
}

impl<'a> Properties<'a> {
    pub(super) fn new(stream: &'a [u8], range: Range<usize>) -> Self {
        let mut cursor = Cursor::new(stream, range);
        let left = cursor.u32();
        Self {
            cursor,
            left: left.unwrap_or(0),
            is_broken: left.is_none(),
        }
    }

    /// What is wrong with the list, once it was read.
    pub(super) fn defect(&self) -> Option<Defect> {
        self.is_broken.then(|| {
            Defect::new(
                "tnef-properties",
                "a list of properties of the `winmail.dat` cannot be read to its end",
            )
        })
    }

    fn property(&mut self) -> Option<(u16, Value)> {
        let (kind, id) = (self.cursor.u16()?, self.cursor.u16()?);
        if id >= 0x8000 {
            self.cursor.take(16)?;
            if self.cursor.u32()? == 0 {
                self.cursor.u32()?;
            } else {
                self.bytes()?;
            }
        }
        let is_multiple = kind & 0x1000 != 0;
        let kind = kind & 0x0fff;
        let fixed = match kind {
            // Null and unspecified have no value; what is shorter than four bytes is filled up.
            0x0000 | 0x0001 => Some(0),
            0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
            0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => Some(8),
            0x0048 => Some(16),
            0x000d | 0x001e | 0x001f | 0x0102 => None,
            _ => return None,
        };
        let count = if is_multiple || fixed.is_none() {
            self.cursor.u32()?
        } else {
            1
        };
        let mut first = Value::Other;
        for place in 0..count {
            match fixed {
                Some(0) => break,
                Some(length) => {
                    self.cursor.take(length)?;
                }
                None => {
                    let range = self.bytes()?;
                    if place == 0 {
                        first = self.value(kind, range);
                    }
                }
            }
        }
        Some((id, first))
    }

    fn value(&self, kind: u16, range: Range<usize>) -> Value {
        match kind {
            0x001e => Value::Text(range),
            0x001f => Value::Unicode(range),
            0x000d if range.len() >= 16 => {
                let object = range.start + 16..range.end;
                let is_message = self.cursor.stream[range.start..object.start] == MESSAGE_INTERFACE;
                Value::Object {
                    is_message,
                    range: object,
                }
            }
            _ => Value::Binary(range),
        }
    }

    /// A length and that many bytes, filled up to a multiple of four.
    fn bytes(&mut self) -> Option<Range<usize>> {
        let length = self.cursor.u32()? as usize;
        let range = self.cursor.take(length)?;
        self.cursor
            .take_at_most(length.next_multiple_of(4) - length);
        Some(range)
    }
}

impl Iterator for Properties<'_> {
    type Item = (u16, Value);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let property = self.property();
        if property.is_none() {
            (self.left, self.is_broken) = (0, true);
        }
        property
    }
}
