//! The chunks of a PNG, <https://www.w3.org/TR/png-3/>.

use super::super::refusal::Refusal;
use super::{Format, Header, u32_be};

/// Length, type and checksum of a chunk.
const AROUND: usize = 12;

/// Reads all chunks, and answers whether the last one was there.
pub fn read(bytes: &[u8]) -> Result<(Header, bool), Refusal> {
    let start = bytes.get(8..33).filter(|start| start[4..8] == *b"IHDR");
    let (Some(start), Some(width), Some(height)) = (start, u32_be(bytes, 16), u32_be(bytes, 20))
    else {
        return Err(Refusal::damaged("is a PNG without its header"));
    };
    let (depth, colour, interlace) = (start[16], start[17], start[20]);
    let mut header = Header::new(Format::Png, width, height);
    header.bits = if depth == 16 { 16 } else { 8 };
    header.is_progressive = interlace == 1;
    (header.channels, header.has_alpha) = match colour {
        0 => (1, false),
        2 | 3 => (3, false),
        4 => (2, true),
        6 => (4, true),
        _ => {
            return Err(Refusal::damaged(format!(
                "is a PNG of colour type {colour}, which does not exist"
            )));
        }
    };
    let mut place = 8;
    while let (Some(length), Some(kind)) = (u32_be(bytes, place), bytes.get(place + 4..place + 8)) {
        let contents = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.get(place + 8..)?.get(..length));
        let Some(contents) = contents else {
            return Ok((header, false));
        };
        match kind {
            // A grey or coloured PNG may name one colour that is transparent, a palette may hold alpha.
            b"tRNS" if !header.has_alpha => {
                header.has_alpha = true;
                header.channels += 1;
            }
            b"eXIf" => header.set_exif(contents),
            b"acTL" => header.frames = u32_be(contents, 0).unwrap_or(1).max(1),
            b"IEND" => return Ok((header, bytes.len() >= place + AROUND)),
            _ => {}
        }
        place += AROUND + contents.len();
    }
    Ok((header, false))
}
