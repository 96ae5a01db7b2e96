//! The blocks of a GIF, <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>.

use super::super::refusal::Refusal;
use super::{Format, Header, u16_le};

/// Pictures are counted up to here.
const MOST_FRAMES: u32 = 100_000;

/// Reads all blocks, and answers whether the last one was there.
pub fn read(bytes: &[u8]) -> Result<(Header, bool), Refusal> {
    let (Some(width), Some(height), Some(&flags)) =
        (u16_le(bytes, 6), u16_le(bytes, 8), bytes.get(10))
    else {
        return Err(Refusal::damaged("is a GIF without its header"));
    };
    let mut header = Header::new(Format::Gif, u32::from(width), u32::from(height));
    // A first picture may leave parts of the screen empty, so that all of them are decoded with alpha.
    header.channels = 4;
    header.has_alpha = true;
    header.frames = 0;
    let mut place = 13 + table_len(flags);
    loop {
        match bytes.get(place) {
            Some(0x3b) => break,
            Some(0x21) => place = after_blocks(bytes, place + 2).unwrap_or(usize::MAX),
            Some(0x2c) => {
                let Some(&flags) = bytes.get(place + 9) else {
                    return Ok((header, false));
                };
                // Past the descriptor, its table of colours, and the size of a code.
                place =
                    after_blocks(bytes, place + 10 + table_len(flags) + 1).unwrap_or(usize::MAX);
                if place <= bytes.len() {
                    header.frames += 1;
                }
            }
            Some(block) => {
                return Err(Refusal::damaged(format!(
                    "is a GIF with a block of an unknown kind, {block:02x}, at byte {place}"
                )));
            }
            None => return Ok((header, false)),
        }
        if header.frames >= MOST_FRAMES {
            break;
        }
    }
    match header.frames {
        0 => Err(Refusal::damaged("is a GIF without a picture")),
        _ => Ok((header, true)),
    }
}

/// How many bytes a table of colours takes.
fn table_len(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// The place after a sequence of blocks, each of which begins with its length; the last one is empty.
fn after_blocks(bytes: &[u8], mut place: usize) -> Option<usize> {
    loop {
        match bytes.get(place)? {
            0 => return Some(place + 1),
            length => place += 1 + usize::from(*length),
        }
    }
}
