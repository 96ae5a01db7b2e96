//! From bytes to pixels, for each type. Whatever does not decode to its end is damaged: there is no half-grey copy.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder, ImageResult};
use turbojpeg::{Colorspace, Decompressor, PixelFormat, ScalingFactor, Subsamp};

use super::container;
use super::header::{Format, Header, MOST_PROFILE_BYTES};
use super::pixels::{Kind, Pixels};
use super::planes::{self, Planes};
use super::refusal::Refusal;
use super::size::{Target, denominator};

/// More passes than any encoder writes. Each goes over the whole image, so that a small file could keep a decoder busy
/// for hours.
const MOST_SCANS: u32 = 500;

/// A decoded image, as it is stored: not yet turned, its colours not yet converted.
pub enum Decoded {
    /// A JPEG of the usual kind.
    Planes(Planes),
    /// Anything else.
    Pixels(Pixels),
}

impl Decoded {
    /// Its width in pixels.
    pub fn width(&self) -> usize {
        match self {
            Self::Planes(planes) => planes.width(),
            Self::Pixels(pixels) => pixels.width,
        }
    }

    /// What its pixels are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Planes(planes) if planes.is_grey() => Kind::Grey,
            Self::Planes(_) => Kind::Rgb,
            Self::Pixels(pixels) => pixels.kind,
        }
    }
}

/// Decodes an image once for all its copies. A PNG's colour profile is put into the header.
pub fn decode(
    bytes: &[u8],
    header: &mut Header,
    targets: &[Target],
    memory: u64,
) -> Result<Decoded, Refusal> {
    match header.format {
        Format::Jpeg => jpeg(bytes, header, targets),
        Format::Png => png(bytes, header, memory).map(Decoded::Pixels),
        Format::Gif => gif(bytes, header, memory).map(Decoded::Pixels),
        Format::Webp => webp(bytes, header).map(Decoded::Pixels),
    }
}

fn jpeg(bytes: &[u8], header: &Header, targets: &[Target]) -> Result<Decoded, Refusal> {
    let mut decompressor = Decompressor::new().map_err(damaged_jpeg)?;
    let found = decompressor.read_header(bytes).map_err(damaged_jpeg)?;
    let size = (header.width as usize, header.height as usize);
    if (found.width, found.height) != size {
        // The memory was judged by what our own reader saw.
        return Err(Refusal::damaged(
            "is a JPEG with two frame headers that differ",
        ));
    }
    let by = denominator(header.width, targets) as usize;
    decompressor
        .set_scan_limit(MOST_SCANS)
        .map_err(damaged_jpeg)?;
    decompressor
        .set_scaling_factor(ScalingFactor::new(1, by))
        .map_err(damaged_jpeg)?;
    let (kind, format) = match (found.colorspace, found.subsamp) {
        (Colorspace::CMYK | Colorspace::YCCK, _) => (Kind::Cmyk, PixelFormat::CMYK),
        (Colorspace::RGB, _) | (_, Subsamp::Unknown) => (Kind::Rgb, PixelFormat::RGB),
        (Colorspace::YCbCr | Colorspace::Gray, subsampling) => {
            return planes::decode(&mut decompressor, bytes, size, subsampling, by)
                .map(Decoded::Planes);
        }
    };
    let (width, height) = (size.0.div_ceil(by), size.1.div_ceil(by));
    let mut data = vec![0; width * height * kind.channels()];
    let image = turbojpeg::Image {
        pixels: &mut data[..],
        width,
        pitch: width * kind.channels(),
        height,
        format,
    };
    decompressor
        .decompress(bytes, image)
        .map_err(damaged_jpeg)?;
    if kind == Kind::Cmyk && header.has_adobe_marker {
        // Adobe's programs store how much light is left rather than how much ink there is.
        for sample in &mut data {
            *sample = !*sample;
        }
    }
    Ok(Decoded::Pixels(Pixels {
        width,
        height,
        kind,
        is_deep: false,
        data,
    }))
}

/// libjpeg-turbo warns of what it could only guess, and the crate makes an error of every warning.
pub fn damaged_jpeg(error: turbojpeg::Error) -> Refusal {
    let text = match error {
        turbojpeg::Error::TurboJpegError(text) => text,
        error => error.to_string(),
    };
    Refusal::damaged(format!("does not decode as JPEG: {text}"))
}

fn png(bytes: &[u8], header: &mut Header, memory: u64) -> Result<Pixels, Refusal> {
    let damaged = |error| damaged("PNG", &error);
    let mut decoder =
        PngDecoder::with_limits(Cursor::new(bytes), limits(memory)).map_err(damaged)?;
    match decoder.icc_profile().map_err(damaged)? {
        Some(profile) if profile.len() <= MOST_PROFILE_BYTES => header.profile = Some(profile),
        Some(profile) => header.notes.push(format!(
            "its colour profile of {} bytes is left unread, the most is {MOST_PROFILE_BYTES}",
            profile.len()
        )),
        None => {}
    }
    let mut pixels = pixels(header, decoder).map_err(damaged)?;
    pixels.premultiply()?;
    Ok(pixels)
}

fn gif(bytes: &[u8], header: &Header, memory: u64) -> Result<Pixels, Refusal> {
    let damaged = |error| damaged("GIF", &error);
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.set_limits(limits(memory)).map_err(damaged)?;
    let mut pixels = pixels(header, decoder).map_err(damaged)?;
    pixels.premultiply()?;
    Ok(pixels)
}

/// A second lock beside the estimate: a picture may be larger than the screen that it belongs to.
fn limits(memory: u64) -> image::Limits {
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(memory);
    limits
}

fn pixels(header: &Header, decoder: impl ImageDecoder) -> ImageResult<Pixels> {
    let (kind, is_deep) = match decoder.color_type() {
        ColorType::L8 => (Kind::Grey, false),
        ColorType::La8 => (Kind::GreyAlpha, false),
        ColorType::Rgb8 => (Kind::Rgb, false),
        ColorType::L16 => (Kind::Grey, true),
        ColorType::La16 => (Kind::GreyAlpha, true),
        ColorType::Rgb16 => (Kind::Rgb, true),
        ColorType::Rgba16 => (Kind::Rgba, true),
        _ => (Kind::Rgba, false),
    };
    let mut pixels = Pixels {
        width: header.width as usize,
        height: header.height as usize,
        kind,
        is_deep,
        data: vec![],
    };
    let length = header.pixels() as usize * pixels.size();
    if decoder.total_bytes() != length as u64 {
        let text = format!("{} bytes of pixels, not {length}", decoder.total_bytes());
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, text);
        return Err(image::ImageError::IoError(error));
    }
    pixels.data = vec![0; length];
    decoder.read_image(&mut pixels.data)?;
    Ok(pixels)
}

fn damaged(what: &str, error: &dyn std::error::Error) -> Refusal {
    Refusal::damaged(format!("does not decode as {what}: {error}"))
}

fn webp(bytes: &[u8], header: &Header) -> Result<Pixels, Refusal> {
    let (width, height) = (header.width as usize, header.height as usize);
    let mut pixels = if header.frames > 1 || container::is_animated_webp(bytes) {
        let frame = container::first_webp_frame(bytes)
            .ok_or_else(|| Refusal::damaged("is a WebP whose first picture is cut off"))?;
        let picture = webp_picture(&frame.file, frame.width, frame.height)?.coloured_with_alpha();
        if frame.left + frame.width > width || frame.top + frame.height > height {
            return Err(Refusal::damaged(
                "is a WebP whose first picture lies outside of it",
            ));
        }
        // The rest of the first picture is empty.
        let mut data = vec![0; width * height * 4];
        for (row, samples) in picture.data.chunks_exact(frame.width * 4).enumerate() {
            let place = ((frame.top + row) * width + frame.left) * 4;
            data[place..place + samples.len()].copy_from_slice(samples);
        }
        Pixels {
            width,
            height,
            kind: Kind::Rgba,
            is_deep: false,
            data,
        }
    } else {
        webp_picture(bytes, width, height)?
    };
    pixels.premultiply()?;
    Ok(pixels)
}

/// A still WebP of this size.
fn webp_picture(file: &[u8], width: usize, height: usize) -> Result<Pixels, Refusal> {
    let damaged = || Refusal::damaged("does not decode as WebP");
    let features = webp::BitstreamFeatures::new(file).ok_or_else(damaged)?;
    if (features.width() as usize, features.height() as usize) != (width, height) {
        return Err(Refusal::damaged("is a WebP with two sizes that differ"));
    }
    let picture = webp::Decoder::new(file).decode().ok_or_else(damaged)?;
    Ok(Pixels {
        width,
        height,
        kind: if picture.is_alpha() {
            Kind::Rgba
        } else {
            Kind::Rgb
        },
        is_deep: false,
        data: picture.to_vec(),
    })
}
