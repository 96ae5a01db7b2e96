//! What decoding would take, told from the header alone.
//!
//! A 300-byte JPEG that claims 65500 x 65500 pixels made libjpeg-turbo take 8.6 GB. So what is refused is refused before
//! a decoder sees it.

use super::header::{Format, Header};
use super::refusal::Refusal;
use super::size::{Target, denominator, targets};

/// How much a source may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels, in millions.
    pub max_megapixels: u32,
    /// The most bytes of memory that decoding and encoding may take, the file's own included.
    pub memory_bytes: u64,
}

/// Tables, rows and small buffers of the decoders and encoders.
const FIXED: u64 = 8 << 20;

/// Estimates the memory that the copies of a file of `file_bytes` take at their peak, in bytes.
pub fn estimate(header: &Header, file_bytes: u64, widths: &[u32]) -> u64 {
    let targets = targets(header, widths);
    let pixels = header.pixels();
    let decoded = match header.format {
        Format::Jpeg => {
            let by = u64::from(denominator(header.width, &targets));
            let scaled =
                u64::from(header.width).div_ceil(by) * u64::from(header.height).div_ceil(by);
            let channels = f64::max(header.samples, f64::from(header.channels));
            // A progressive JPEG is decoded only after its last pass: until then its coefficients, two bytes each, are
            // kept at full size, whatever it is scaled to.
            let coefficients = match header.is_progressive {
                true => (pixels as f64 * header.samples * 2.0) as u64,
                false => 0,
            };
            (scaled as f64 * channels) as u64 + coefficients
        }
        // An interlaced PNG is put together in the same buffer.
        Format::Png => pixels * u64::from(header.channels) * u64::from(header.bits / 8),
        // The screen, and the indices of the picture that goes onto it.
        Format::Gif => pixels * 5,
        // libwebp keeps lossless pixels as four bytes beside those that it answers, and hands them over as a copy.
        Format::Webp => pixels * (u64::from(header.channels) * 2 + 4),
    };
    // The copy in work twice as it was decoded, upright, in RGB, and encoded; the larger ones that smaller ones are made
    // from; and the rows between the two passes of the resampler.
    let area = |target: &Target| u64::from(target.width) * u64::from(target.height);
    let size = u64::from(header.channels) * u64::from(header.bits / 8);
    let copies = targets.iter().map(area).max().unwrap_or(0) * (2 * size + 8)
        + targets
            .iter()
            .map(|target| area(target) * size)
            .sum::<u64>();
    let widest = targets.iter().map(|target| target.width).max().unwrap_or(0);
    let between = u64::from(widest) * u64::from(header.height) * size;
    file_bytes + decoded + copies + between + FIXED
}

/// Refuses what would take more than it may.
pub fn check(
    header: &Header,
    file_bytes: u64,
    widths: &[u32],
    limits: &Limits,
) -> Result<u64, Refusal> {
    let size = format!("{} x {}", header.width, header.height);
    if header.pixels() > u64::from(limits.max_megapixels) * 1_000_000 {
        return Err(Refusal::too_large(format!(
            "is {size} pixels, {:.1} million; the most is {} million (`max_source_megapixels`)",
            header.pixels() as f64 / 1e6,
            limits.max_megapixels
        )));
    }
    let needed = estimate(header, file_bytes, widths);
    if needed > limits.memory_bytes {
        return Err(Refusal::too_large(format!(
            "is {size} pixels in {} channels of {} bits{}: decoding it would take about {} MB, and {} MB are there \
             (`memory_mb`)",
            header.channels,
            header.bits,
            if header.is_progressive {
                ", in several passes"
            } else {
                ""
            },
            needed.div_ceil(1_000_000),
            limits.memory_bytes / 1_000_000
        )));
    }
    Ok(needed)
}
