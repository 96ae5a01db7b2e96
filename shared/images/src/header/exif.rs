//! The three things that are kept of EXIF: the orientation, the artist and the copyright.
//!
//! CIPA DC-008 (EXIF 3.0), sections 4.6.4 and 4.6.5, <https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2023-E>.
//! Camera, place, time and thumbnail are not read, and so never written. Rights that only XMP or IPTC name are not
//! found.

use super::super::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const ARTIST: u16 = 0x013b;
const COPYRIGHT: u16 = 0x8298;

/// A text of this kind is a second.
const ASCII: u16 = 2;
const SHORT: u16 = 3;

/// A longer text is cut: it would outweigh a thumbnail.
const MOST_TEXT_BYTES: usize = 1024;

/// Who made an image, and who may use it, in the bytes of EXIF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Who made it.
    pub artist: Option<Vec<u8>>,
    /// Who may use it. The photographer's and the editor's notice, with a zero byte between.
    pub copyright: Option<Vec<u8>>,
}

/// What is kept of EXIF.
#[derive(Debug, Default)]
pub struct Exif {
    pub orientation: Orientation,
    pub rights: Rights,
}

/// Reads a TIFF structure. What makes no sense is left out: EXIF says nothing that an image needs.
pub fn read(tiff: &[u8]) -> Exif {
    let mut exif = Exif::default();
    let reader = match tiff {
        [b'I', b'I', 42, 0, ..] => Tiff {
            bytes: tiff,
            is_little: true,
        },
        [b'M', b'M', 0, 42, ..] => Tiff {
            bytes: tiff,
            is_little: false,
        },
        _ => return exif,
    };
    let Some(directory) = reader.u32(4).and_then(|place| usize::try_from(place).ok()) else {
        return exif;
    };
    for entry in 0..usize::from(reader.u16(directory).unwrap_or(0)) {
        let Some(place) = directory.checked_add(2 + 12 * entry) else {
            break;
        };
        let (Some(tag), Some(kind)) = (reader.u16(place), reader.u16(place + 2)) else {
            break;
        };
        match (tag, kind) {
            (ORIENTATION, SHORT) => {
                let value = reader.u16(place + 8).unwrap_or(1);
                exif.orientation = Orientation::from_exif(value).unwrap_or_default();
            }
            (ARTIST, ASCII) => exif.rights.artist = reader.text(place),
            (COPYRIGHT, ASCII) => exif.rights.copyright = reader.text(place),
            _ => {}
        }
    }
    exif
}

impl Rights {
    /// A TIFF structure that holds nothing else, or `None` where there is nothing to say.
    pub fn to_tiff(&self) -> Option<Vec<u8>> {
        let texts: Vec<(u16, &Vec<u8>)> = [(ARTIST, &self.artist), (COPYRIGHT, &self.copyright)]
            .into_iter()
            .filter_map(|(tag, text)| Some((tag, text.as_ref()?)))
            .collect();
        if texts.is_empty() {
            return None;
        }
        let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
        let mut texts_at = 8 + 2 + 12 * texts.len() + 4;
        let mut tail = vec![];
        tiff.extend((texts.len() as u16).to_be_bytes());
        for (tag, text) in texts {
            let mut text = text.clone();
            text.push(0);
            tiff.extend(tag.to_be_bytes());
            tiff.extend(ASCII.to_be_bytes());
            tiff.extend((text.len() as u32).to_be_bytes());
            if text.len() <= 4 {
                // What fits stands in the place's own place.
                text.resize(4, 0);
                tiff.extend(text);
            } else {
                tiff.extend((texts_at as u32).to_be_bytes());
                // Values begin at even places.
                text.resize(text.len().next_multiple_of(2), 0);
                texts_at += text.len();
                tail.extend(text);
            }
        }
        tiff.extend([0; 4]);
        tiff.extend(tail);
        Some(tiff)
    }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl Tiff<'_> {
    fn u16(&self, place: usize) -> Option<u16> {
        let bytes = *self.bytes.get(place..)?.first_chunk()?;
        Some(match self.is_little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    }

    fn u32(&self, place: usize) -> Option<u32> {
        let bytes = *self.bytes.get(place..)?.first_chunk()?;
        Some(match self.is_little {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    }

    /// The text of the entry at `place`, without the zero at its end; `None` where it says nothing.
    fn text(&self, place: usize) -> Option<Vec<u8>> {
        let count = usize::try_from(self.u32(place + 4)?).ok()?;
        let start = match count {
            0..=4 => place + 8,
            _ => usize::try_from(self.u32(place + 8)?).ok()?,
        };
        let text = self.bytes.get(start..)?.get(..count)?;
        let text = &text[..text.len().min(MOST_TEXT_BYTES)];
        let end = text.iter().rposition(|byte| !matches!(byte, 0 | b' '))?;
        Some(text[..=end].to_vec())
    }
}
