//! Decoded pixels side by side, and making them fewer.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4, U16};
use fast_image_resize::{MulDiv, PixelTrait, ResizeOptions, Resizer};

use super::refusal::Refusal;

/// The largest sample of two bytes.
const DEEP: u64 = 65_535;

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

    /// Multiplies the colours by alpha, so that what is transparent lends no colour to its neighbours.
    pub fn premultiply(&mut self) -> Result<(), Refusal> {
        match (self.kind, self.is_deep) {
            (Kind::Rgba, false) => MulDiv::new()
                .multiply_alpha_inplace_typed(&mut self.view::<U8x4>()?)
                .map_err(broken),
            (Kind::GreyAlpha, false) => MulDiv::new()
                .multiply_alpha_inplace_typed(&mut self.view::<U8x2>()?)
                .map_err(broken),
            _ => {
                self.change_deep(|colour, alpha| (colour * alpha + DEEP / 2) / DEEP);
                Ok(())
            }
        }
    }

    /// Takes [`premultiply`](Self::premultiply) back.
    pub fn unpremultiply(&mut self) -> Result<(), Refusal> {
        match (self.kind, self.is_deep) {
            (Kind::Rgba, false) => MulDiv::new()
                .divide_alpha_inplace_typed(&mut self.view::<U8x4>()?)
                .map_err(broken),
            (Kind::GreyAlpha, false) => MulDiv::new()
                .divide_alpha_inplace_typed(&mut self.view::<U8x2>()?)
                .map_err(broken),
            _ => {
                self.change_deep(|colour, alpha| match alpha {
                    0 => 0,
                    _ => ((colour * DEEP + alpha / 2) / alpha).min(DEEP),
                });
                Ok(())
            }
        }
    }

    fn view<P: PixelTrait>(&mut self) -> Result<TypedImage<'_, P>, Refusal> {
        TypedImage::from_buffer(self.width as u32, self.height as u32, &mut self.data)
            .map_err(broken)
    }

    /// Changes the colours of an image with alpha and two bytes a sample, each by the alpha of its pixel. Few images are
    /// that: the resampler's own way keeps a table of half a megabyte for them.
    fn change_deep(&mut self, change: impl Fn(u64, u64) -> u64) {
        if !self.kind.has_alpha() || !self.is_deep {
            return;
        }
        for pixel in self.data.chunks_exact_mut(self.kind.channels() * 2) {
            let Some((colours, &mut [high, low])) = pixel.split_last_chunk_mut() else {
                continue;
            };
            let alpha = u64::from(u16::from_ne_bytes([high, low]));
            for colour in colours.chunks_exact_mut(2) {
                let changed = change(u64::from(deep_sample(colour)), alpha);
                colour.copy_from_slice(&(changed as u16).to_ne_bytes());
            }
        }
    }

    /// The same image in another size, by Lanczos with three lobes. Alpha must be multiplied in.
    pub fn resized(&self, resizer: &mut Resizer, width: u32, height: u32) -> Result<Self, Refusal> {
        let data = match (self.kind.channels(), self.is_deep) {
            (1, false) => self.resampled::<U8>(resizer, width, height)?,
            (2, false) => self.resampled::<U8x2>(resizer, width, height)?,
            (3, false) => self.resampled::<U8x3>(resizer, width, height)?,
            (_, false) => self.resampled::<U8x4>(resizer, width, height)?,
            (channels, true) => self.resampled_deep(channels, resizer, width, height)?,
        };
        Ok(Self {
            width: width as usize,
            height: height as usize,
            kind: self.kind,
            is_deep: self.is_deep,
            data,
        })
    }

    fn resampled<P: PixelTrait>(
        &self,
        resizer: &mut Resizer,
        width: u32,
        height: u32,
    ) -> Result<Vec<u8>, Refusal> {
        let source =
            TypedImageRef::<P>::from_buffer(self.width as u32, self.height as u32, &self.data)
                .map_err(broken)?;
        let mut data = vec![0; width as usize * height as usize * P::size()];
        let mut target = TypedImage::from_buffer(width, height, &mut data).map_err(broken)?;
        let options = ResizeOptions::new().use_alpha(false);
        resizer
            .resize_typed(&source, &mut target, &options)
            .map_err(broken)?;
        Ok(data)
    }

    /// Each channel for itself: samples of two bytes are rare, and so the program holds one resampler for them, not four.
    fn resampled_deep(
        &self,
        channels: usize,
        resizer: &mut Resizer,
        width: u32,
        height: u32,
    ) -> Result<Vec<u8>, Refusal> {
        let mut data = vec![0; width as usize * height as usize * channels * 2];
        let mut plane = vec![U16::default(); self.width * self.height];
        for channel in 0..channels {
            let pixels = self.data.chunks_exact(channels * 2);
            for (sample, pixel) in plane.iter_mut().zip(pixels) {
                *sample = U16::new(deep_sample(&pixel[channel * 2..]));
            }
            let source = TypedImageRef::new(self.width as u32, self.height as u32, &plane)
                .map_err(broken)?;
            let mut target = TypedImage::<U16>::new(width, height);
            resizer
                .resize_typed(&source, &mut target, &ResizeOptions::new())
                .map_err(broken)?;
            let pixels = data.chunks_exact_mut(channels * 2);
            for (pixel, sample) in pixels.zip(target.pixels()) {
                pixel[channel * 2..][..2].copy_from_slice(&sample.0.to_ne_bytes());
            }
        }
        Ok(data)
    }

    /// The same image with samples of one byte.
    #[must_use]
    pub fn shallow(mut self) -> Self {
        if self.is_deep {
            let samples = self.data.chunks_exact(2);
            // 65535 / 255 = 257: rounded, so that white stays white.
            let eight = |pair: &[u8]| ((u32::from(deep_sample(pair)) + 128) / 257) as u8;
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

fn deep_sample(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes([bytes[0], bytes[1]])
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
    fn sixteen_bits_are_resized_as_eight_are() {
        // The same slope with one byte a sample and with two: alpha in and out again, and half the size.
        for (kind, channels) in [(Kind::GreyAlpha, 2), (Kind::Rgba, 4), (Kind::Rgb, 3)] {
            let samples: Vec<u8> = (0..32 * 32 * channels)
                .map(|index| (100 + index / channels / 8 + index % channels * 5) as u8)
                .collect();
            let shallow = Pixels {
                width: 32,
                height: 32,
                kind,
                is_deep: false,
                data: samples.clone(),
            };
            let deep = Pixels {
                is_deep: true,
                // 257 times is the same shade.
                data: samples
                    .iter()
                    .flat_map(|sample| (u16::from(*sample) * 257).to_ne_bytes())
                    .collect(),
                ..shallow.clone()
            };
            let halved = |mut pixels: Pixels| {
                pixels.premultiply().expect("alpha goes in");
                let mut half = pixels
                    .resized(&mut Resizer::new(), 16, 16)
                    .expect("it is resized");
                half.unpremultiply().expect("alpha comes out");
                half.shallow()
            };
            let (shallow, deep) = (halved(shallow), halved(deep));
            assert_eq!((deep.width, deep.height), (16, 16));
            let far = shallow.data.iter().zip(&deep.data);
            let far = far.map(|(one, other)| one.abs_diff(*other)).max();
            // One step of a byte is two and a half where alpha is that small.
            assert!(far <= Some(3), "{kind:?}: {far:?}");
        }
    }

    #[test]
    fn what_nobody_sees_has_no_colour_with_sixteen_bits_either() {
        let samples: [u16; 8] = [65_535, 65_535, 65_535, 0, 1000, 0, 65_535, 40_000];
        let mut pixels = Pixels {
            width: 2,
            height: 1,
            kind: Kind::Rgba,
            is_deep: true,
            data: samples.into_iter().flat_map(u16::to_ne_bytes).collect(),
        };
        pixels.premultiply().expect("alpha goes in");
        pixels.unpremultiply().expect("alpha comes out");
        let after: Vec<u16> = pixels.data.chunks(2).map(deep_sample).collect();
        assert_eq!(after[..4], [0, 0, 0, 0]);
        assert!(after[4].abs_diff(1000) <= 1, "{after:?}");
        assert_eq!(after[5..], [0, 65_535, 40_000]);
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
