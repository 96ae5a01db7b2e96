//! What an image says about itself before any of its pixels are decoded: type, size, orientation, colours.
//!
//! The type is told by the first bytes, never by a name or a `Content-Type`. Everything here is read in one pass, with
//! no memory of its own but the colour profile: a file of 300 bytes may claim four thousand million pixels.

mod exif;
mod gif;
mod jpeg;
mod png;
mod webp;

pub use webp::{chunks as webp_chunks, nested as webp_nested};

pub use exif::Rights;

use super::orientation::Orientation;
use super::refusal::Refusal;

/// A colour profile above this is left unread. The largest that printers ship are about 3 MB.
pub const MOST_PROFILE_BYTES: usize = 4 << 20;

/// The types that are resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, <https://www.w3.org/Graphics/JPEG/itu-t81.pdf>.
    Jpeg,
    /// PNG, <https://www.w3.org/TR/png-3/>.
    Png,
    /// GIF, <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>.
    Gif,
    /// WebP, <https://developers.google.com/speed/webp/docs/riff_container>.
    Webp,
}

impl Format {
    /// The type as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Webp => "WebP",
        }
    }

    /// The media type, for `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// What an image says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Its type.
    pub format: Format,
    /// Its width as stored, before the orientation is applied.
    pub width: u32,
    /// Its height as stored.
    pub height: u32,
    /// Samples for each pixel once it is decoded: 4 for RGB with alpha and for CMYK.
    pub channels: u8,
    /// Bits of a decoded sample: 8 or 16.
    pub bits: u8,
    /// Whether it may be transparent.
    pub has_alpha: bool,
    /// Whether its parts come in several passes over the whole image: a progressive JPEG, an interlaced PNG.
    pub is_progressive: bool,
    /// For a JPEG, stored samples for each pixel: 1.5 where the colours have half the resolution in both directions.
    pub samples: f64,
    /// Whether a JPEG has Adobe's marker; its CMYK values are inverted then.
    pub has_adobe_marker: bool,
    /// How many pictures it holds; more than one moves.
    pub frames: u32,
    /// How it has to be turned to stand upright.
    pub orientation: Orientation,
    /// Its colour profile. That of a PNG is compressed, and is read with the pixels.
    pub profile: Option<Vec<u8>>,
    /// Who made it and who may use it, where EXIF says so.
    pub rights: Rights,
    /// Things a reader should know, such as what was left unread.
    pub notes: Vec<String>,
}

impl Header {
    fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            channels: 3,
            bits: 8,
            has_alpha: false,
            is_progressive: false,
            samples: 3.0,
            has_adobe_marker: false,
            frames: 1,
            orientation: Orientation::default(),
            profile: None,
            rights: Rights::default(),
            notes: vec![],
        }
    }

    /// Its size once it stands upright.
    pub fn upright_size(&self) -> (u32, u32) {
        match self.orientation.swaps_axes() {
            true => (self.height, self.width),
            false => (self.width, self.height),
        }
    }

    /// How many pixels it claims to have.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn set_exif(&mut self, tiff: &[u8]) {
        let exif = exif::read(tiff);
        self.orientation = exif.orientation;
        self.rights = exif.rights;
    }

    fn set_profile(&mut self, profile: &[u8]) {
        if profile.len() > MOST_PROFILE_BYTES {
            self.notes.push(format!(
                "its colour profile of {} bytes is left unread, the most is {MOST_PROFILE_BYTES}",
                profile.len()
            ));
        } else {
            self.profile = Some(profile.to_vec());
        }
    }
}

/// Reads the header of a whole file, and makes sure that the file has an end.
pub fn inspect(bytes: &[u8]) -> Result<Header, Refusal> {
    let (header, is_whole) = read(bytes)?;
    match is_whole {
        true => Ok(header),
        false => Err(Refusal::damaged(format!(
            "ends early: the {} of {} x {} pixels is cut off after {} bytes",
            header.format.name(),
            header.width,
            header.height,
            bytes.len()
        ))),
    }
}

/// Reads the header from a file's first bytes. `None`: they do not reach far enough to say.
pub fn peek(start: &[u8]) -> Option<Result<Header, Refusal>> {
    match read(start) {
        Ok((header, _)) => Some(Ok(header)),
        // It may be damaged only by being cut off here.
        Err(refusal) if refusal.reason == super::refusal::Reason::Damaged => None,
        Err(refusal) => Some(Err(refusal)),
    }
}

/// The header, and whether the file was seen to reach its end. The end of a JPEG is for its decoder to find.
fn read(bytes: &[u8]) -> Result<(Header, bool), Refusal> {
    let (header, is_whole) = match bytes {
        [0xff, 0xd8, 0xff, ..] => (jpeg::read(bytes)?, true),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => png::read(bytes)?,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::read(bytes)?,
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp::read(bytes)?,
        [] => return Err(Refusal::damaged("is empty")),
        _ => return Err(Refusal::unsupported(unsupported(bytes))),
    };
    if header.width == 0 || header.height == 0 {
        return Err(Refusal::damaged(format!(
            "says that it is {} x {} pixels",
            header.width, header.height
        )));
    }
    Ok((header, is_whole))
}

/// Says what it is instead of an image that can be resized.
fn unsupported(bytes: &[u8]) -> String {
    let resized = "JPEG, PNG, GIF and WebP are resized";
    let found = match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"avif" | b"avis") => "an AVIF image",
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
                "a HEIC image"
            }
            _ => "a video",
        },
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => "a JPEG XL image",
        [0, 0, 0, 0x0c, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
            "a JPEG 2000 image"
        }
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => "a TIFF image",
        [b'B', b'M', ..] => "a BMP image",
        [0, 0, 1, 0, ..] => "an icon (ICO)",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop document",
        [b'%', b'P', b'D', b'F', b'-', ..] => "a PDF document",
        [b'%', b'!', b'P', b'S', ..] => "a PostScript document",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [0x1f, 0x8b, ..] => "compressed with gzip",
        [b'q', b'o', b'i', b'f', ..] => "a QOI image",
        _ if is_svg(bytes) => "an SVG document, which may hold scripts and links",
        _ => {
            let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
            return format!(
                "is of a type that is not known (it begins with {}); {resized}",
                start.join(" ")
            );
        }
    };
    match found.starts_with("compressed") {
        true => format!("is {found}; {resized}, and only as they are"),
        false => format!("is {found}; {resized}"),
    }
}

/// An SVG is text: a declaration, comments and a type may come before its root element.
fn is_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    let text = String::from_utf8_lossy(start).to_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("<svg")
        || (text.starts_with("<?xml") || text.starts_with("<!")) && text.contains("<svg")
}

/// A big-endian number at `place`.
fn u16_be(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(place..)?.first_chunk().copied()?,
    ))
}

/// A big-endian number at `place`.
fn u32_be(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(place..)?.first_chunk().copied()?,
    ))
}

/// A little-endian number at `place`.
fn u16_le(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(place..)?.first_chunk().copied()?,
    ))
}

/// A little-endian number at `place`.
fn u32_le(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(place..)?.first_chunk().copied()?,
    ))
}
