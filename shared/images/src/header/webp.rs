//! The chunks of a WebP, <https://developers.google.com/speed/webp/docs/riff_container>.

use super::super::refusal::Refusal;
use super::{Format, Header, u16_le, u32_le};

/// Reads all chunks, and answers whether the last one was there.
pub fn read(bytes: &[u8]) -> Result<(Header, bool), Refusal> {
    let said = u32_le(bytes, 4).map_or(0, |length| u64::from(length) + 8);
    let is_whole = bytes.len() as u64 >= said;
    let mut header: Option<Header> = None;
    let (mut exif, mut profile, mut frames) = (None, None, 0);
    for (kind, contents) in chunks(bytes) {
        match &kind {
            b"VP8X" if header.is_none() => header = Some(extended(contents)?),
            b"VP8 " if header.is_none() => header = Some(lossy(contents)?),
            b"VP8L" if header.is_none() => header = Some(lossless(contents)?),
            b"ANMF" => frames += 1,
            b"EXIF" => exif = Some(contents),
            b"ICCP" => profile = Some(contents),
            _ => {}
        }
    }
    let mut header = header.ok_or_else(|| {
        Refusal::damaged(match is_whole {
            true => "is a WebP without an image".to_owned(),
            false => format!(
                "ends early: the WebP is cut off after {} bytes",
                bytes.len()
            ),
        })
    })?;
    header.frames = frames.max(1);
    if let Some(contents) = exif {
        // Some writers put the marker of JPEG's segment before it.
        header.set_exif(contents.strip_prefix(b"Exif\0\0").unwrap_or(contents));
    }
    if let Some(contents) = profile {
        header.set_profile(contents);
    }
    Ok((header, is_whole))
}

/// The chunks of a RIFF file that are there in full.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    nested(bytes.get(12..).unwrap_or_default())
}

/// The chunks one after the other, up to the first that is cut off.
pub fn nested(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = *rest.first_chunk()?;
        let length = usize::try_from(u32_le(rest, 4)?).ok()?;
        let contents = rest.get(8..)?.get(..length)?;
        // Chunks begin at even places.
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
        Some((kind, contents))
    })
}

fn extended(contents: &[u8]) -> Result<Header, Refusal> {
    let side = |place| {
        let low = u16_le(contents, place)?;
        let high = contents.get(place + 2)?;
        Some((u32::from(*high) << 16 | u32::from(low)) + 1)
    };
    let (Some(flags), Some(width), Some(height)) = (contents.first(), side(4), side(7)) else {
        return Err(Refusal::damaged("is a WebP whose header is cut off"));
    };
    Ok(sized(width, height, flags & 0x12 != 0))
}

/// RFC 6386, section 9.1.
fn lossy(contents: &[u8]) -> Result<Header, Refusal> {
    match (contents.get(3..6), u16_le(contents, 6), u16_le(contents, 8)) {
        (Some([0x9d, 0x01, 0x2a]), Some(width), Some(height)) => Ok(sized(
            u32::from(width & 0x3fff),
            u32::from(height & 0x3fff),
            false,
        )),
        _ => Err(Refusal::damaged("is a WebP whose header makes no sense")),
    }
}

/// <https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification>, section 3.
fn lossless(contents: &[u8]) -> Result<Header, Refusal> {
    match (contents.first(), u32_le(contents, 1)) {
        (Some(0x2f), Some(bits)) => {
            let has_alpha = bits >> 28 & 1 == 1;
            Ok(sized(
                (bits & 0x3fff) + 1,
                (bits >> 14 & 0x3fff) + 1,
                has_alpha,
            ))
        }
        _ => Err(Refusal::damaged("is a WebP whose header makes no sense")),
    }
}

fn sized(width: u32, height: u32, has_alpha: bool) -> Header {
    let mut header = Header::new(Format::Webp, width, height);
    header.has_alpha = has_alpha;
    header.channels = if has_alpha { 4 } else { 3 };
    header
}
