//! From pixels to the bytes of a copy. Nothing of the source's metadata goes in but the rights, where they are kept.

use image::codecs::gif::GifEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use turbojpeg::{Compressor, OutputBuf, PixelFormat, Subsamp, YuvImage};
use webp::PixelLayout;

use super::container;
use super::header::Format;
use super::pixels::{Kind, Pixels};
use super::planes::Upright;
use super::refusal::Refusal;

/// WebP stores a side in 14 bits.
const MOST_WEBP_SIDE: usize = 16_383;
/// A colour table of 256 is looked for among every tenth pixel: the encoder's own default for photos.
const GIF_SPEED: i32 = 10;
/// From here on a pixel of a GIF is opaque: it knows nothing between.
const OPAQUE: u8 = 128;

/// How copies are encoded.
pub struct Encoder {
    compressor: Compressor,
    quality: u8,
    /// EXIF to be put in.
    rights: Option<Vec<u8>>,
}

impl Encoder {
    /// An encoder for all copies of an image.
    pub fn new(quality: u8, rights: Option<Vec<u8>>) -> Result<Self, Refusal> {
        let mut compressor = Compressor::new().map_err(broken)?;
        compressor.set_quality(i32::from(quality)).map_err(broken)?;
        Ok(Self {
            compressor,
            quality,
            rights,
        })
    }

    /// A JPEG from planes.
    pub fn planes(&mut self, image: &Upright) -> Result<Vec<u8>, Refusal> {
        self.compressor
            .set_subsamp(image.subsampling)
            .map_err(broken)?;
        let mut output = OutputBuf::new_owned();
        let planes = YuvImage {
            pixels: &image.data[..],
            width: image.width,
            align: 1,
            height: image.height,
            subsamp: image.subsampling,
        };
        self.compressor
            .compress_yuv(planes, &mut output)
            .map_err(broken)?;
        Ok(self.with_exif_in_jpeg(output.to_vec()))
    }

    /// A copy from pixels of one byte a sample. For a JPEG they are opaque.
    pub fn pixels(&mut self, pixels: Pixels, format: Format) -> Result<Vec<u8>, Refusal> {
        match format {
            Format::Jpeg => self.jpeg(&pixels),
            Format::Png => self.png(&pixels),
            Format::Webp => self.webp(pixels),
            Format::Gif => gif(pixels),
        }
    }

    fn jpeg(&mut self, pixels: &Pixels) -> Result<Vec<u8>, Refusal> {
        let (format, subsampling) = match pixels.kind {
            Kind::Grey => (PixelFormat::GRAY, Subsamp::Gray),
            _ => (PixelFormat::RGB, Subsamp::Sub2x2),
        };
        self.compressor.set_subsamp(subsampling).map_err(broken)?;
        let image = turbojpeg::Image {
            pixels: &pixels.data[..],
            width: pixels.width,
            pitch: pixels.width * pixels.size(),
            height: pixels.height,
            format,
        };
        let jpeg = self.compressor.compress_to_vec(image).map_err(broken)?;
        Ok(self.with_exif_in_jpeg(jpeg))
    }

    fn with_exif_in_jpeg(&self, mut jpeg: Vec<u8>) -> Vec<u8> {
        if let Some(tiff) = &self.rights {
            container::add_exif_to_jpeg(&mut jpeg, tiff);
        }
        jpeg
    }

    fn png(&self, pixels: &Pixels) -> Result<Vec<u8>, Refusal> {
        let colour = match pixels.kind {
            Kind::Grey => ExtendedColorType::L8,
            Kind::GreyAlpha => ExtendedColorType::La8,
            Kind::Rgb => ExtendedColorType::Rgb8,
            Kind::Rgba | Kind::Cmyk => ExtendedColorType::Rgba8,
        };
        let mut file = vec![];
        let mut encoder =
            PngEncoder::new_with_quality(&mut file, CompressionType::Default, FilterType::Adaptive);
        if let Some(tiff) = &self.rights {
            encoder.set_exif_metadata(tiff.clone()).map_err(broken)?;
        }
        encoder
            .write_image(
                &pixels.data,
                pixels.width as u32,
                pixels.height as u32,
                colour,
            )
            .map_err(broken)?;
        Ok(file)
    }

    fn webp(&self, pixels: Pixels) -> Result<Vec<u8>, Refusal> {
        if pixels.width.max(pixels.height) > MOST_WEBP_SIDE {
            return Err(Refusal::too_large(format!(
                "would be {} x {} pixels as WebP, which holds at most {MOST_WEBP_SIDE} a side",
                pixels.width, pixels.height
            )));
        }
        let pixels = pixels.coloured();
        let layout = match pixels.kind {
            Kind::Rgba => PixelLayout::Rgba,
            _ => PixelLayout::Rgb,
        };
        let (width, height) = (pixels.width as u32, pixels.height as u32);
        let file = webp::Encoder::new(&pixels.data, layout, width, height)
            .encode_simple(false, f32::from(self.quality))
            .map_err(|error| broken(format!("{error:?}")))?;
        Ok(match &self.rights {
            Some(tiff) => container::add_exif_to_webp(&file, width, height, tiff),
            None => file.to_vec(),
        })
    }
}

/// A GIF of one picture, with a colour table of its own.
fn gif(pixels: Pixels) -> Result<Vec<u8>, Refusal> {
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height))
    else {
        return Err(Refusal::too_large(
            "is too large for a GIF, which holds 65535 pixels a side",
        ));
    };
    let mut pixels = pixels.coloured_with_alpha();
    for pixel in pixels.data.chunks_exact_mut(4) {
        // All that is transparent is one colour of the table.
        *pixel.last_mut().unwrap_or(&mut 0) = if pixel[3] < OPAQUE { 0 } else { 255 };
    }
    let mut file = vec![];
    GifEncoder::new_with_speed(&mut file, GIF_SPEED)
        .encode(
            &pixels.data,
            u32::from(width),
            u32::from(height),
            ExtendedColorType::Rgba8,
        )
        .map_err(broken)?;
    Ok(file)
}

fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::damaged(format!("could not be encoded: {error}"))
}
