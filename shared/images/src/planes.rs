//! A JPEG's brightness and colours as they are stored: in planes of their own, the colours often at half the size.
//!
//! Resizing the planes and encoding from planes spares the way through RGB, and resamples the colours once. It is the
//! reason why three copies cost less than another program's decoding.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{ResizeOptions, Resizer};
use turbojpeg::{Decompressor, Subsamp, YuvImage, yuv_pixels_len};

use super::orientation::Orientation;
use super::pixels::{Kind, Pixels};
use super::refusal::Refusal;

/// One plane, and the part of it that the image covers. The rest is padding.
#[derive(Debug, Clone, Copy)]
struct Plane {
    /// Its first sample in the data.
    start: usize,
    width: usize,
    height: usize,
    covered: Area,
}

/// A part of a plane, in samples.
#[derive(Debug, Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// An image in planes of samples of one byte.
pub struct Planes {
    data: Vec<u8>,
    /// In pixels.
    width: usize,
    luma: Plane,
    /// None: it is grey.
    chroma: Option<[Plane; 2]>,
}

/// A copy in planes, as an encoder takes it.
pub struct Upright {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// How the colours are stored.
    pub subsampling: Subsamp,
    /// All planes, one after the other.
    pub data: Vec<u8>,
}

/// Decodes a JPEG to 1/`by` of its size, which the decoder does without ever having the whole.
pub fn decode(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    size: (usize, usize),
    subsampling: Subsamp,
    by: usize,
) -> Result<Planes, Refusal> {
    let (width, height) = (size.0.div_ceil(by), size.1.div_ceil(by));
    let length =
        yuv_pixels_len(width, 1, height, subsampling).map_err(super::decode::damaged_jpeg)?;
    let mut data = vec![0; length];
    let image = YuvImage {
        pixels: &mut data[..],
        width,
        align: 1,
        height,
        subsamp: subsampling,
    };
    decompressor
        .decompress_to_yuv(bytes, image)
        .map_err(super::decode::damaged_jpeg)?;
    // The planes are padded to whole samples of colour; and 1/2 of 4001 pixels is 2000.5 of 2001.
    let (x, y) = (subsampling.width(), subsampling.height());
    let (padded_width, padded_height) = (width.next_multiple_of(x), height.next_multiple_of(y));
    let plane = |start, x: usize, y: usize| Plane {
        start,
        width: padded_width / x,
        height: padded_height / y,
        covered: Area {
            left: 0.0,
            top: 0.0,
            width: size.0 as f64 / (by * x) as f64,
            height: size.1 as f64 / (by * y) as f64,
        },
    };
    let after_luma = padded_width * padded_height;
    let chroma_size = after_luma / (x * y);
    Ok(Planes {
        data,
        width,
        luma: plane(0, 1, 1),
        chroma: (subsampling != Subsamp::Gray).then(|| {
            [
                plane(after_luma, x, y),
                plane(after_luma + chroma_size, x, y),
            ]
        }),
    })
}

impl Planes {
    /// Its width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether it has no colours.
    pub fn is_grey(&self) -> bool {
        self.chroma.is_none()
    }

    /// A smaller one. `halves`: the colours at half its size, as most JPEGs store them; they are laid out so that whole
    /// pairs of pixels share a colour once the image is turned upright.
    pub fn resized(
        &self,
        resizer: &mut Resizer,
        width: usize,
        height: usize,
        halves: bool,
        orientation: Orientation,
    ) -> Result<Self, Refusal> {
        let mut data = vec![];
        let luma =
            self.luma
                .resized(&self.data, resizer, &mut data, Cells::whole(width, height))?;
        let chroma = match self.chroma {
            None => None,
            Some(planes) => {
                let cells = match halves {
                    true => Cells::halves(width, height, orientation.reverses()),
                    false => Cells::whole(width, height),
                };
                let mut resize =
                    |plane: Plane| plane.resized(&self.data, resizer, &mut data, cells);
                Some([resize(planes[0])?, resize(planes[1])?])
            }
        };
        Ok(Self {
            data,
            width,
            luma,
            chroma,
        })
    }

    /// Turns one with halved colours upright, for the encoder.
    pub fn upright(&self, orientation: Orientation) -> Upright {
        let turn = |plane: &Plane| {
            let samples = self.data[plane.start..][..plane.width * plane.height].to_vec();
            orientation.apply(samples, plane.width, plane.height, 1)
        };
        let (luma, width, height) = turn(&self.luma);
        let Some(chroma) = &self.chroma else {
            return Upright {
                width,
                height,
                subsampling: Subsamp::Gray,
                data: luma,
            };
        };
        let mut data = pad(luma, width, height);
        for plane in chroma {
            data.extend(turn(plane).0);
        }
        Upright {
            width,
            height,
            subsampling: Subsamp::Sub2x2,
            data,
        }
    }

    /// One with colours at full size as pixels, not turned.
    pub fn to_pixels(&self) -> Pixels {
        let (width, height) = (self.luma.width, self.luma.height);
        let plane = |plane: &Plane| &self.data[plane.start..][..width * height];
        let luma = plane(&self.luma);
        let (kind, data) = match &self.chroma {
            None => (Kind::Grey, luma.to_vec()),
            Some([blue, red]) => {
                let colours = plane(blue).iter().zip(plane(red));
                let pixels = luma.iter().zip(colours);
                (
                    Kind::Rgb,
                    pixels
                        .flat_map(|(y, (cb, cr))| to_rgb(*y, *cb, *cr))
                        .collect(),
                )
            }
        };
        Pixels {
            width,
            height,
            kind,
            is_deep: false,
            data,
        }
    }
}

/// JFIF, ITU-T T.871, section 7, in units of 1/65536.
fn to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let y = i32::from(y) * 65_536 + 32_768;
    let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
    let sample = |value: i32| (value >> 16).clamp(0, 255) as u8;
    [
        sample(y + 91_881 * cr),
        sample(y - 22_554 * cb - 46_802 * cr),
        sample(y + 116_130 * cb),
    ]
}

/// How the samples of a plane lie over a copy's pixels.
#[derive(Debug, Clone, Copy)]
struct Cells {
    x: Axis,
    y: Axis,
}

#[derive(Debug, Clone, Copy)]
struct Axis {
    /// Pixels of the copy.
    pixels: usize,
    /// Pixels that share a sample.
    step: usize,
    /// Whether the sample that has too few pixels, where the number is odd, is the first one. It is the last otherwise.
    is_short_first: bool,
}

impl Cells {
    fn whole(width: usize, height: usize) -> Self {
        let axis = |pixels| Axis {
            pixels,
            step: 1,
            is_short_first: false,
        };
        Self {
            x: axis(width),
            y: axis(height),
        }
    }

    fn halves(width: usize, height: usize, (x, y): (bool, bool)) -> Self {
        let axis = |pixels, is_short_first| Axis {
            pixels,
            step: 2,
            is_short_first,
        };
        Self {
            x: axis(width, x),
            y: axis(height, y),
        }
    }
}

impl Axis {
    /// Samples that cover as many pixels as they should.
    fn full(self) -> usize {
        (self.pixels / self.step).max(1)
    }

    fn samples(self) -> usize {
        self.pixels.div_ceil(self.step)
    }

    fn is_odd(self) -> bool {
        self.samples() > self.full()
    }

    /// Where the full samples begin, and how far they reach, as shares of the copy.
    fn shares(self) -> (f64, f64) {
        let pixels = self.pixels as f64;
        let reach = ((self.full() * self.step) as f64 / pixels).min(1.0);
        match self.is_odd() && self.is_short_first {
            true => (
                (self.pixels - self.full() * self.step) as f64 / pixels,
                reach,
            ),
            false => (0.0, reach),
        }
    }

    /// Where the copy's first pixel begins, in samples.
    fn origin(self) -> f64 {
        match self.is_odd() && self.is_short_first {
            true => 1.0 - 1.0 / self.step as f64,
            false => 0.0,
        }
    }
}

impl Plane {
    /// Resizes this plane of `from`, and appends it to `to`.
    ///
    /// With an odd number of pixels the last sample of colour lies half outside. Resizing the whole plane into all
    /// samples would shift the colours against the brightness by up to a pixel; so only what lies under whole pairs is
    /// resized, and the edge is repeated.
    fn resized(
        self,
        from: &[u8],
        resizer: &mut Resizer,
        to: &mut Vec<u8>,
        cells: Cells,
    ) -> Result<Self, Refusal> {
        let broken = |error: &dyn std::fmt::Display| {
            Refusal::damaged(format!("could not be resized: {error}"))
        };
        let source = TypedImageRef::<U8>::from_buffer(
            self.width as u32,
            self.height as u32,
            &from[self.start..][..self.width * self.height],
        )
        .map_err(|error| broken(&error))?;
        let (full_width, full_height) = (cells.x.full(), cells.y.full());
        let mut buffer = vec![0; full_width * full_height];
        let mut target =
            TypedImage::<U8>::from_buffer(full_width as u32, full_height as u32, &mut buffer)
                .map_err(|error| broken(&error))?;
        let part = |covered_from: f64, covered: f64, (from, reach): (f64, f64), all: usize| {
            let start = (covered_from + covered * from).clamp(0.0, all as f64);
            (start, (covered * reach).min(all as f64 - start))
        };
        let (left, width) = part(
            self.covered.left,
            self.covered.width,
            cells.x.shares(),
            self.width,
        );
        let (top, height) = part(
            self.covered.top,
            self.covered.height,
            cells.y.shares(),
            self.height,
        );
        let options = ResizeOptions::new().crop(left, top, width, height);
        resizer
            .resize_typed(&source, &mut target, &options)
            .map_err(|error| broken(&error))?;

        let start = to.len();
        let mut row = |samples: &[u8]| {
            if cells.x.is_odd() && cells.x.is_short_first {
                to.push(samples[0]);
            }
            to.extend_from_slice(samples);
            if cells.x.is_odd() && !cells.x.is_short_first {
                to.push(samples[samples.len() - 1]);
            }
        };
        let is_first = |index: usize| cells.y.is_odd() && cells.y.is_short_first && index == 0;
        let is_last =
            |index: usize| cells.y.is_odd() && !cells.y.is_short_first && index + 1 == full_height;
        for (index, samples) in buffer.chunks_exact(full_width).enumerate() {
            if is_first(index) {
                row(samples);
            }
            row(samples);
            if is_last(index) {
                row(samples);
            }
        }
        Ok(Self {
            start,
            width: cells.x.samples(),
            height: cells.y.samples(),
            covered: Area {
                left: cells.x.origin(),
                top: cells.y.origin(),
                width: cells.x.pixels as f64 / cells.x.step as f64,
                height: cells.y.pixels as f64 / cells.y.step as f64,
            },
        })
    }
}

/// TurboJPEG wants the brightness padded to whole samples of colour.
fn pad(luma: Vec<u8>, width: usize, height: usize) -> Vec<u8> {
    if width.is_multiple_of(2) && height.is_multiple_of(2) {
        return luma;
    }
    let mut padded = Vec::with_capacity((width + 1) * (height + 1) * 3 / 2);
    for row in 0..height.next_multiple_of(2) {
        let samples = &luma[row.min(height - 1) * width..][..width];
        padded.extend_from_slice(samples);
        if !width.is_multiple_of(2) {
            padded.push(samples[width - 1]);
        }
    }
    padded
}
