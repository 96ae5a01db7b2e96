//! Colours to sRGB, which every browser takes for granted where an image says nothing.
//!
//! Photos of phones are in Display P3: dropping the profile makes them dull, and keeping it costs every copy half a
//! kilobyte or, for print, half a megabyte. So the copies are converted, after they were made small.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

use super::pixels::{Kind, Pixels};

/// A profile that moves no colour of the test grid by more than this many of 255 steps is taken for sRGB.
const SAME: u8 = 2;

/// Converts pixels of one kind to sRGB.
pub struct Converter {
    opaque: Arc<Transform8BitExecutor>,
    with_alpha: Option<Arc<Transform8BitExecutor>>,
    from: Kind,
}

/// What converts pixels of `kind` with this profile, or `None` where nothing has to be converted. A profile that cannot
/// be used is left alone, with a note.
pub fn converter(profile: Option<&[u8]>, kind: Kind, notes: &mut Vec<String>) -> Option<Converter> {
    let profile = profile?;
    let made = ColorProfile::new_from_slice(profile)
        .map_err(|error| format!("cannot be read ({error})"))
        .and_then(|profile| Converter::new(&profile, kind));
    match made {
        Ok(converter) => converter,
        Err(why) => {
            notes.push(format!(
                "its colour profile {why}; its colours are taken for sRGB"
            ));
            None
        }
    }
}

impl Converter {
    fn new(profile: &ColorProfile, kind: Kind) -> Result<Option<Self>, String> {
        let (from, space, opaque, with_alpha) = match kind {
            Kind::Grey | Kind::GreyAlpha => (Kind::Grey, DataColorSpace::Gray, Layout::Gray, None),
            Kind::Rgb | Kind::Rgba => (
                Kind::Rgb,
                DataColorSpace::Rgb,
                Layout::Rgb,
                Some(Layout::Rgba),
            ),
            Kind::Cmyk => (Kind::Cmyk, DataColorSpace::Cmyk, Layout::Rgba, None),
        };
        if profile.color_space != space {
            return Err(format!(
                "is for {:?}, and the image is not",
                profile.color_space
            ));
        }
        let srgb = ColorProfile::new_srgb();
        let transform = |layout, to| {
            profile
                .create_transform_8bit(layout, &srgb, to, TransformOptions::default())
                .map_err(|error| format!("cannot be used ({error})"))
        };
        let converter = Self {
            opaque: transform(opaque, Layout::Rgb)?,
            with_alpha: match with_alpha {
                Some(layout) => Some(transform(layout, Layout::Rgba)?),
                None => None,
            },
            from,
        };
        Ok(Some(converter).filter(|converter| !converter.changes_nothing()))
    }

    /// Whether a grid of colours comes out as it went in: most profiles are sRGB under one of many names.
    fn changes_nothing(&self) -> bool {
        const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
        let (grid, expected): (Vec<u8>, Vec<u8>) = match self.from {
            Kind::Grey => (
                (0..=255).collect(),
                (0..=255).flat_map(|grey| [grey; 3]).collect(),
            ),
            Kind::Rgb => {
                let colours: Vec<u8> = STEPS
                    .iter()
                    .flat_map(|r| {
                        STEPS
                            .iter()
                            .flat_map(move |g| STEPS.iter().flat_map(move |b| [*r, *g, *b]))
                    })
                    .collect();
                (colours.clone(), colours)
            }
            _ => return false,
        };
        let mut found = vec![0; expected.len()];
        self.opaque.transform(&grid, &mut found).is_ok()
            && found
                .iter()
                .zip(&expected)
                .all(|(a, b)| a.abs_diff(*b) <= SAME)
    }

    /// The same pixels in sRGB. `None`: the transform did not take them.
    fn convert(&self, pixels: &Pixels) -> Option<Pixels> {
        let count = pixels.width * pixels.height;
        let run = |transform: &Arc<Transform8BitExecutor>, from: &[u8], channels: usize| {
            let mut to = vec![0; count * channels];
            transform.transform(from, &mut to).ok()?;
            Some(to)
        };
        let (kind, data) = match pixels.kind {
            Kind::Rgb | Kind::Cmyk => (Kind::Rgb, run(&self.opaque, &pixels.data, 3)?),
            Kind::Rgba => (Kind::Rgba, run(self.with_alpha.as_ref()?, &pixels.data, 4)?),
            // Grey stays grey: all three samples are the same.
            Kind::Grey => {
                let colours = run(&self.opaque, &pixels.data, 3)?;
                (
                    Kind::Grey,
                    colours.chunks_exact(3).map(|pixel| pixel[1]).collect(),
                )
            }
            Kind::GreyAlpha => {
                let (grey, alpha): (Vec<u8>, Vec<u8>) = pixels
                    .data
                    .chunks_exact(2)
                    .map(|pixel| (pixel[0], pixel[1]))
                    .unzip();
                let colours = run(&self.opaque, &grey, 3)?;
                let pairs = colours.chunks_exact(3).zip(alpha);
                (
                    Kind::GreyAlpha,
                    pairs.flat_map(|(pixel, alpha)| [pixel[1], alpha]).collect(),
                )
            }
        };
        Some(Pixels {
            width: pixels.width,
            height: pixels.height,
            kind,
            is_deep: false,
            data,
        })
    }
}

/// Converts to sRGB where there is a converter, and inks to colours in any case. Samples have one byte, and alpha is not
/// multiplied in.
pub fn to_srgb(pixels: Pixels, converter: Option<&Converter>) -> Pixels {
    let converted = converter.and_then(|converter| converter.convert(&pixels));
    match converted {
        Some(converted) => converted,
        None if pixels.kind == Kind::Cmyk => without_profile(pixels),
        None => pixels,
    }
}

/// Inks without a profile: each takes away its own share of the light.
fn without_profile(pixels: Pixels) -> Pixels {
    let light = |ink: u8, black: u8| {
        let product = u32::from(255 - ink) * u32::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let data = pixels
        .data
        .chunks_exact(4)
        .flat_map(|ink| {
            [
                light(ink[0], ink[3]),
                light(ink[1], ink[3]),
                light(ink[2], ink[3]),
            ]
        })
        .collect();
    Pixels {
        kind: Kind::Rgb,
        data,
        ..pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_is_srgb_by_another_name_converts_nothing() {
        let srgb = ColorProfile::new_srgb().encode().expect("a profile");
        let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        let mut notes = vec![];
        assert!(converter(Some(&srgb), Kind::Rgb, &mut notes).is_none());
        assert!(converter(Some(&p3), Kind::Rgb, &mut notes).is_some());
        assert!(notes.is_empty());
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_said() {
        let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        let mut notes = vec![];
        assert!(converter(Some(b"no profile"), Kind::Rgb, &mut notes).is_none());
        assert!(converter(Some(&p3), Kind::Grey, &mut notes).is_none());
        assert_eq!(notes.len(), 2, "{notes:?}");
    }
}
