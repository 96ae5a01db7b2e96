//! The segments of a JPEG before its first scan.
//!
//! ITU-T T.81, annex B, <https://www.w3.org/Graphics/JPEG/itu-t81.pdf>; the profile's segments are in annex B.4 of the
//! ICC specification, <https://www.color.org/specification/ICC1v43_2010-12.pdf>.

use super::super::refusal::Refusal;
use super::{Format, Header, u16_be};

const EXIF: &[u8] = b"Exif\0\0";
const PROFILE: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

/// Reads up to the first scan. What comes after it, and whether it is all there, is for the decoder to find.
pub fn read(bytes: &[u8]) -> Result<Header, Refusal> {
    let mut frame = None;
    let mut exif = None;
    let mut has_adobe_marker = false;
    let mut profile: Vec<(u8, &[u8])> = vec![];
    let mut place = 2;
    loop {
        // Any number of 0xff may stand before a marker (B.1.1.2).
        while bytes.get(place) == Some(&0xff) && bytes.get(place + 1) == Some(&0xff) {
            place += 1;
        }
        let (Some(0xff), Some(&marker)) = (bytes.get(place), bytes.get(place + 1)) else {
            return Err(Refusal::damaged(format!(
                "is a JPEG without a marker where one should be, at byte {place}"
            )));
        };
        place += 2;
        match marker {
            0x01 | 0xd0..=0xd7 => continue,
            0xd9 => {
                return Err(Refusal::damaged(
                    "is a JPEG that ends before its first scan",
                ));
            }
            _ => {}
        }
        let segment = u16_be(bytes, place)
            .and_then(|length| bytes.get(place + 2..place + usize::from(length.max(2))))
            .ok_or_else(|| {
                Refusal::damaged(format!(
                    "ends early: a segment of the JPEG at byte {place} is cut off"
                ))
            })?;
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf if frame.is_some() => {
                return Err(Refusal::unsupported(
                    "is a hierarchical JPEG, which is not resized",
                ));
            }
            0xc0..=0xcf => frame = Some(read_frame(marker, segment)?),
            0xe1 if exif.is_none() => exif = segment.strip_prefix(EXIF),
            0xe2 => {
                if let Some([number, _, part @ ..]) = segment.strip_prefix(PROFILE) {
                    profile.push((*number, part));
                }
            }
            0xee if segment.starts_with(ADOBE) => has_adobe_marker = true,
            0xda => break,
            _ => {}
        }
        place += segment.len() + 2;
    }
    let mut header = frame.ok_or_else(|| Refusal::damaged("is a JPEG without a frame header"))?;
    header.has_adobe_marker = has_adobe_marker;
    if let Some(tiff) = exif {
        header.set_exif(tiff);
    }
    if !profile.is_empty() {
        profile.sort_by_key(|(number, _)| *number);
        let parts: Vec<&[u8]> = profile.into_iter().map(|(_, part)| part).collect();
        header.set_profile(&parts.concat());
    }
    Ok(header)
}

/// A frame header (B.2.2).
fn read_frame(marker: u8, segment: &[u8]) -> Result<Header, Refusal> {
    let unsupported = |what: &str| {
        Err(Refusal::unsupported(format!(
            "is {what}, which is not resized"
        )))
    };
    match marker {
        0xc0..=0xc2 | 0xc9 | 0xca => {}
        0xc3 | 0xcb => return unsupported("a lossless JPEG"),
        _ => return unsupported("a hierarchical JPEG"),
    }
    let (&[bits, _, _, _, _, count], Some(height), Some(width)) = (
        segment
            .first_chunk::<6>()
            .ok_or_else(|| Refusal::damaged("is a JPEG whose frame header is cut off"))?,
        u16_be(segment, 1),
        u16_be(segment, 3),
    ) else {
        return Err(Refusal::damaged("is a JPEG whose frame header is cut off"));
    };
    if bits != 8 {
        return unsupported(&format!("a JPEG with {bits} bits for each sample"));
    }
    if !matches!(count, 1 | 3 | 4) {
        return unsupported(&format!("a JPEG with {count} components"));
    }
    let factors: Vec<(u32, u32)> = segment[6..]
        .chunks_exact(3)
        .take(usize::from(count))
        .map(|component| (u32::from(component[1] >> 4), u32::from(component[1] & 15)))
        .collect();
    let most = |of: fn(&(u32, u32)) -> u32| factors.iter().map(of).max().unwrap_or(0);
    let whole = most(|factor| factor.0) * most(|factor| factor.1);
    if factors.len() != usize::from(count)
        || factors
            .iter()
            .any(|(h, v)| !matches!(h, 1..=4) || !matches!(v, 1..=4))
    {
        return Err(Refusal::damaged("is a JPEG whose components make no sense"));
    }
    let mut header = Header::new(Format::Jpeg, u32::from(width), u32::from(height));
    header.channels = count;
    header.is_progressive = matches!(marker, 0xc2 | 0xca);
    let stored: u32 = factors.iter().map(|(h, v)| h * v).sum();
    header.samples = f64::from(stored) / f64::from(whole);
    Ok(header)
}
