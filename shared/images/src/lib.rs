//! From the bytes of an image to the bytes of its smaller copies. Pure: no AWS, no files, no clock. A crate of its own because
//! it alone is built for speed; what surrounds it is built small.
//!
//! [`inspect`] reads the header, [`budget::check`] refuses what would take too much, and only then does [`resize`]
//! decode, once for all copies. The source's metadata stay behind, and with them the place where a photo was taken;
//! what they say about the orientation and the colours is applied, and the rights are kept where that is asked for.
//!
//! | File | Does |
//! | --- | --- |
//! | `header/` | reads what an image says about itself, a file for each type |
//! | `budget.rs` | what decoding would take, and whether that is too much |
//! | `size.rs` | how large the copies are |
//! | `decode.rs` | from bytes to pixels |
//! | `planes.rs` | a JPEG's brightness and colours, apart from each other |
//! | `pixels.rs` | pixels side by side |
//! | `orientation.rs` | turns them upright |
//! | `colour.rs` | converts them to sRGB |
//! | `encode.rs` `container.rs` | from pixels to bytes, and what stands around them |
//!
//! Deliberately not here: cropping, sharpening, and pictures that move. Of those the first one is taken.

pub mod budget;
mod colour;
mod container;
mod decode;
mod encode;
mod header;
mod orientation;
mod pixels;
mod planes;
mod refusal;
#[cfg(test)]
mod samples;
mod size;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fast_image_resize::Resizer;

pub use budget::Limits;
pub use header::{Format, Header, Rights, inspect, peek};
pub use orientation::Orientation;
pub use refusal::{Reason, Refusal};

use colour::Converter;
use decode::Decoded;
use encode::Encoder;
use pixels::Pixels;
use size::Target;

/// What copies are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Their widths, upright.
    pub widths: Vec<u32>,
    /// Their type; `None`: that of the source.
    pub format: Option<Format>,
    /// The quality of JPEG and WebP, 1 to 100.
    pub quality: u8,
    /// What shows through where the source is transparent and the copy cannot be.
    pub background: [u8; 3],
    /// Whether the source's artist and copyright are kept.
    pub keeps_rights: bool,
    /// How much a source may ask for.
    pub limits: Limits,
}

/// One copy.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The width that was asked for.
    pub wanted: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// The file, or why there is none.
    pub file: Result<Arc<[u8]>, Refusal>,
}

/// What became of an image.
#[derive(Debug, Clone)]
pub struct Resized {
    /// What the source says about itself.
    pub header: Header,
    /// The copies' type.
    pub format: Format,
    /// The copies, the widest first.
    pub copies: Vec<Copy>,
    /// Things a reader should know: what was left out.
    pub notes: Vec<String>,
}

/// Makes all copies of an image.
pub fn resize(bytes: &[u8], wish: &Wish) -> Result<Resized, Refusal> {
    let mut header = inspect(bytes)?;
    let needed = budget::check(&header, bytes.len() as u64, &wish.widths, &wish.limits)?;
    let targets = size::targets(&header, &wish.widths);
    let decoded = decode::decode(bytes, &mut header, &targets, needed)?;
    let mut notes = std::mem::take(&mut header.notes);
    if header.frames > 1 {
        notes.push(format!(
            "it holds {} pictures, the copies show the first",
            header.frames
        ));
    }
    let format = wish.format.unwrap_or(header.format);
    let converter = colour::converter(header.profile.as_deref(), decoded.kind(), &mut notes);
    let rights = header.rights.to_tiff().filter(|_| wish.keeps_rights);
    let mut maker = Maker {
        header: &header,
        wish,
        format,
        converter,
        resizer: Resizer::new(),
        encoder: Encoder::new(wish.quality, rights)?,
    };
    let copies = maker.copies(&decoded, &targets);
    Ok(Resized {
        header,
        format,
        copies,
        notes,
    })
}

struct Maker<'a> {
    header: &'a Header,
    wish: &'a Wish,
    format: Format,
    converter: Option<Converter>,
    resizer: Resizer,
    encoder: Encoder,
}

impl Maker<'_> {
    fn copies(&mut self, decoded: &Decoded, targets: &[Target]) -> Vec<Copy> {
        let mut smaller: Vec<Decoded> = vec![];
        let mut copies: Vec<Copy> = vec![];
        for target in targets {
            let (width, height) = match self.header.orientation.swaps_axes() {
                true => (target.height, target.width),
                false => (target.width, target.height),
            };
            let is_same = |copy: &&Copy| (copy.width, copy.height) == (width, height);
            let file = match copies.last().filter(is_same) {
                // Several widths above the source's: one file serves for all.
                Some(copy) => copy.file.clone(),
                None => {
                    // The smallest that still has twice the width: as good as the whole, and less work.
                    let enough =
                        |candidate: &&Decoded| candidate.width() >= 2 * target.width as usize;
                    let from = smaller.iter().rev().find(enough).unwrap_or(decoded);
                    self.copy(from, target).map(|(small, file)| {
                        smaller.push(small);
                        Arc::from(file)
                    })
                }
            };
            copies.push(Copy {
                wanted: target.wanted,
                width,
                height,
                file,
            });
        }
        copies
    }

    /// One copy: as it is stored, for smaller ones, and as a file.
    fn copy(&mut self, from: &Decoded, target: &Target) -> Result<(Decoded, Vec<u8>), Refusal> {
        match from {
            Decoded::Planes(planes) => {
                let stays_in_planes = self.format == Format::Jpeg && self.converter.is_none();
                let small = planes.resized(
                    &mut self.resizer,
                    target.width as usize,
                    target.height as usize,
                    stays_in_planes,
                    self.header.orientation,
                )?;
                let file = match stays_in_planes {
                    true => self
                        .encoder
                        .planes(&small.upright(self.header.orientation))?,
                    false => self.finish(small.to_pixels())?,
                };
                Ok((Decoded::Planes(small), file))
            }
            Decoded::Pixels(pixels) => {
                let small = pixels.resized(&mut self.resizer, target.width, target.height)?;
                let mut straight = small.clone();
                straight.unpremultiply()?;
                let file = self.finish(straight)?;
                Ok((Decoded::Pixels(small), file))
            }
        }
    }

    /// Turns, converts, flattens and encodes.
    fn finish(&mut self, pixels: Pixels) -> Result<Vec<u8>, Refusal> {
        let mut pixels = pixels.shallow();
        let (size, width, height) = (pixels.size(), pixels.width, pixels.height);
        (pixels.data, pixels.width, pixels.height) =
            self.header
                .orientation
                .apply(pixels.data, width, height, size);
        let mut pixels = colour::to_srgb(pixels, self.converter.as_ref());
        if self.format == Format::Jpeg {
            pixels = pixels.flattened(self.wish.background);
        }
        self.encoder.pixels(pixels, self.format)
    }
}
