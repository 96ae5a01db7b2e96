//! Decoded pixels side by side, and making them fewer.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType, ResizeOptions, Resizer};

use super::refusal::Refusal;

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grey.
    Grey,
    /// Grey and alpha.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Cyan, magenta, yellow and black ink; 0 is none.
    Cmyk,
}

impl Kind {
    /// Samples of a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    /// Whether a pixel may be transparent.
    pub fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// An image in memory: samples of one or two bytes, row by row, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// What a pixel is.
    pub kind: Kind,
    /// Whether samples have two bytes, in the machine's order.
    pub is_deep: bool,
    /// The samples.
    pub data: Vec<u8>,
}

impl Pixels {
    /// Bytes of a pixel.
    pub fn size(&self) -> usize {
        self.kind.channels() * if self.is_deep { 2 } else { 1 }
    }

    fn pixel_type(&self) -> PixelType {
        match (self.kind, self.is_deep) {
            (Kind::Grey, false) => PixelType::U8,
            (Kind::GreyAlpha, false) => PixelType::U8x2,
            (Kind::Rgb, false) => PixelType::U8x3,
            (Kind::Rgba | Kind::Cmyk, false) => PixelType::U8x4,
            (Kind::Grey, true) => PixelType::U16,
            (Kind::GreyAlpha, true) => PixelType::U16x2,
            (Kind::Rgb, true) => PixelType::U16x3,
            (Kind::Rgba | Kind::Cmyk, true) => PixelType::U16x4,
        }
    }

    /// Multiplies the colours by alpha, so that what is transparent lends no colour to its neighbours.
    pub fn premultiply(&mut self) -> Result<(), Refusal> {
        self.alpha(|alpha, image| alpha.multiply_alpha_inplace(image))
    }

    /// Takes [`premultiply`](Self::premultiply) back.
    pub fn unpremultiply(&mut self) -> Result<(), Refusal> {
        self.alpha(|alpha, image| alpha.divide_alpha_inplace(image))
    }

    fn alpha<E: std::fmt::Display>(
        &mut self,
        change: impl FnOnce(&MulDiv, &mut Image<'_>) -> Result<(), E>,
    ) -> Result<(), Refusal> {
        if !self.kind.has_alpha() {
            return Ok(());
        }
        let (width, height, kind) = (self.width as u32, self.height as u32, self.pixel_type());
        let mut image =
            Image::from_slice_u8(width, height, &mut self.data, kind).map_err(broken)?;
        change(&MulDiv::new(), &mut image).map_err(broken)
    }

    /// The same image in another size, by Lanczos with three lobes. Alpha must be multiplied in.
    pub fn resized(&self, resizer: &mut Resizer, width: u32, height: u32) -> Result<Self, Refusal> {
        let kind = self.pixel_type();
        let source = ImageRef::new(self.width as u32, self.height as u32, &self.data, kind)
            .map_err(broken)?;
        let mut target = Image::new(width, height, kind);
        let options = ResizeOptions::new().use_alpha(false);
        resizer
            .resize(&source, &mut target, &options)
            .map_err(broken)?;
        Ok(Self {
            width: width as usize,
            height: height as usize,
            kind: self.kind,
            is_deep: self.is_deep,
            data: target.into_vec(),
        })
    }

    /// The same image with samples of one byte.
    #[must_use]
    pub fn shallow(mut self) -> Self {
        if self.is_deep {
            let samples = self.data.chunks_exact(2);
            // 65535 / 255 = 257: rounded, so that white stays white.
            let eight = |pair: &[u8]| {
                ((u32::from(u16::from_ne_bytes([pair[0], pair[1]])) + 128) / 257) as u8
            };
            self.data = samples.map(eight).collect();
            self.is_deep = false;
        }
        self
    }

    /// Puts it onto a background. Samples have one byte, and alpha is not multiplied in.
    #[must_use]
    pub fn flattened(self, background: [u8; 3]) -> Self {
        if !self.kind.has_alpha() {
            return self;
        }
        let mut data = Vec::with_capacity(self.width * self.height * 3);
        for pixel in self.data.chunks_exact(self.kind.channels()) {
            let alpha = u32::from(pixel[pixel.len() - 1]);
            for (channel, behind) in background.into_iter().enumerate() {
                let sample = u32::from(pixel[if pixel.len() == 2 { 0 } else { channel }]);
                data.push(((sample * alpha + u32::from(behind) * (255 - alpha) + 127) / 255) as u8);
            }
        }
        Self {
            kind: Kind::Rgb,
            data,
            ..self
        }
    }

    /// The same image in colour: each grey three times.
    #[must_use]
    pub fn coloured(self) -> Self {
        let kind = match self.kind {
            Kind::Grey => Kind::Rgb,
            Kind::GreyAlpha => Kind::Rgba,
            _ => return self,
        };
        let mut data = Vec::with_capacity(self.width * self.height * kind.channels());
        for pixel in self.data.chunks_exact(self.kind.channels()) {
            data.extend([pixel[0]; 3]);
            data.extend(&pixel[1..]);
        }
        Self { kind, data, ..self }
    }

    /// Red, green, blue and alpha.
    #[must_use]
    pub fn coloured_with_alpha(self) -> Self {
        let coloured = self.coloured();
        if coloured.kind != Kind::Rgb {
            return coloured;
        }
        let data = coloured
            .data
            .chunks_exact(3)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
            .collect();
        Self {
            kind: Kind::Rgba,
            data,
            ..coloured
        }
    }
}

/// The resampler refuses only sizes that do not belong together, which would be a mistake of ours.
fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::damaged(format!("could not be resized: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_transparent_lends_no_colour_to_its_neighbours() {
        // Opaque green beside red that nobody sees: halved, the edge is green.
        let mut pixels = Pixels {
            width: 8,
            height: 8,
            kind: Kind::Rgba,
            is_deep: false,
            data: (0..64)
                .flat_map(|place| {
                    if place % 8 < 3 {
                        [255, 0, 0, 0]
                    } else {
                        [0, 255, 0, 255]
                    }
                })
                .collect(),
        };
        pixels.premultiply().expect("it has alpha");
        let mut half = pixels
            .resized(&mut Resizer::new(), 4, 4)
            .expect("it is resized");
        half.unpremultiply().expect("it has alpha");
        assert!(
            half.data.chunks(4).all(|pixel| pixel[0] == 0),
            "{:?}",
            &half.data[..16]
        );
    }

    #[test]
    fn a_background_shows_where_an_image_is_transparent() {
        let pixels = Pixels {
            width: 3,
            height: 1,
            kind: Kind::GreyAlpha,
            is_deep: false,
            data: vec![200, 0, 200, 255, 0, 128],
        };
        let flat = pixels.flattened([255, 255, 0]);
        assert_eq!(flat.data, [255, 255, 0, 200, 200, 200, 127, 127, 0]);
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        let samples = [0_u16, 128, 129, 257, 32_896, 65_535];
        let pixels = Pixels {
            width: 6,
            height: 1,
            kind: Kind::Grey,
            is_deep: true,
            data: samples
                .iter()
                .flat_map(|sample| sample.to_ne_bytes())
                .collect(),
        };
        assert_eq!(pixels.shallow().data, [0, 0, 1, 1, 128, 255]);
    }
}
