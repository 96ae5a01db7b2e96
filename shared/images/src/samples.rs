//! Small images for tests, made and read here.

use super::header::Format;

/// An image in red, green and blue.
pub struct Rgb {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

/// A grey PNG of this size.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let pixels = image::GrayImage::new(width, height);
    let mut file = std::io::Cursor::new(vec![]);
    pixels
        .write_to(&mut file, image::ImageFormat::Png)
        .expect("a PNG is written");
    file.into_inner()
}

/// A copy as a viewer shows it on this background. Decoded by the plain functions of the decoders, not by what is
/// tested.
pub fn decoded(file: &[u8], background: [u8; 3]) -> Rgb {
    let format = super::inspect(file).expect("it is an image").format;
    let (width, height, rgba) = match format {
        Format::Jpeg => {
            let image =
                turbojpeg::decompress(file, turbojpeg::PixelFormat::RGBA).expect("it decodes");
            (image.width, image.height, image.pixels)
        }
        Format::Webp => {
            let image = webp::Decoder::new(file).decode().expect("it decodes");
            let (width, height) = (image.width() as usize, image.height() as usize);
            let rgba = match image.is_alpha() {
                true => image.to_vec(),
                false => image
                    .chunks(3)
                    .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
                    .collect(),
            };
            (width, height, rgba)
        }
        Format::Png | Format::Gif => {
            let image = image::load_from_memory(file)
                .expect("it decodes")
                .to_rgba8();
            (
                image.width() as usize,
                image.height() as usize,
                image.into_raw(),
            )
        }
    };
    let on_background = |pixel: &[u8]| {
        let alpha = f64::from(pixel[3]) / 255.0;
        [0, 1, 2].map(|channel| {
            (f64::from(pixel[channel]) * alpha + f64::from(background[channel]) * (1.0 - alpha))
                .round() as u8
        })
    };
    Rgb {
        width,
        height,
        data: rgba.chunks_exact(4).flat_map(on_background).collect(),
    }
}
