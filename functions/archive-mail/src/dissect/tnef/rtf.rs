//! Decompresses the RTF of Outlook: [MS-OXRTFCP]. A piece of two bytes becomes at most 17, so the result is never more
//! than nine times the input, whatever its header says.
//! <https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-oxrtfcp/>

use super::super::Defect;

/// What the dictionary begins with. [MS-OXRTFCP], section 2.1.2.1.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const COMPRESSED: u32 = 0x7546_5a4c; // "LZFu"
const UNCOMPRESSED: u32 = 0x414c_454d; // "MELA"
const HEADER: usize = 16;
const RING: usize = 4096;

/// At most how many bytes `input` becomes.
pub(super) fn size(input: &[u8]) -> usize {
    input.len().saturating_mul(9)
}

/// Decompresses.
pub(super) fn decompress(input: &[u8]) -> (Vec<u8>, Vec<Defect>) {
    let number = |at: usize| {
        let bytes = input
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes)
    };
    let (Some(compressed_size), Some(raw_size), Some(kind), Some(checksum)) =
        (number(0), number(4), number(8), number(12))
    else {
        return (
            input.to_vec(),
            vec![Defect::new(
                "rtf-header",
                "the compressed RTF has no header",
            )],
        );
    };
    let body = &input[HEADER..];
    // The size counts from behind itself.
    let body = &body[..body
        .len()
        .min((compressed_size as usize).saturating_sub(HEADER - 4))];
    let mut defects = Vec::new();
    match kind {
        UNCOMPRESSED => (body[..body.len().min(raw_size as usize)].to_vec(), defects),
        COMPRESSED => {
            if crc(body) != checksum {
                defects.push(Defect::new(
                    "rtf-checksum",
                    "the checksum of the compressed RTF is wrong",
                ));
            }
            let out = inflate(body, raw_size as usize);
            if out.len() < raw_size as usize {
                defects.push(Defect::new(
                    "rtf-truncated",
                    "the compressed RTF is shorter than it says",
                ));
            }
            (out, defects)
        }
        _ => {
            defects.push(Defect::new(
                "rtf-header",
                "the RTF is compressed in an unknown way, and was left as it is",
            ));
            (input.to_vec(), defects)
        }
    }
}

fn inflate(body: &[u8], raw_size: usize) -> Vec<u8> {
    if raw_size == 0 {
        return Vec::new();
    }
    let mut ring = [b' '; RING];
    ring[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let mut write = DICTIONARY.len();
    let mut out = Vec::with_capacity(raw_size.min(size(body)));
    let mut bytes = body.iter().copied();
    let put = |byte: u8, out: &mut Vec<u8>, ring: &mut [u8; RING], write: &mut usize| {
        out.push(byte);
        ring[*write] = byte;
        *write = (*write + 1) % RING;
        out.len() < raw_size
    };
    while let Some(control) = bytes.next() {
        for bit in 0..8 {
            let Some(first) = bytes.next() else {
                return out;
            };
            if control >> bit & 1 == 0 {
                if !put(first, &mut out, &mut ring, &mut write) {
                    return out;
                }
                continue;
            }
            let Some(second) = bytes.next() else {
                return out;
            };
            let reference = usize::from(first) << 8 | usize::from(second);
            let offset = reference >> 4;
            if offset == write {
                return out;
            }
            for step in 0..(reference & 15) + 2 {
                if !put(
                    ring[(offset + step) % RING],
                    &mut out,
                    &mut ring,
                    &mut write,
                ) {
                    return out;
                }
            }
        }
    }
    out
}

/// The checksum of [MS-OXRTFCP], section 2.1.3.2: that of zip, without the inversions.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, &byte| {
        let mut row = (crc ^ u32::from(byte)) & 0xff;
        for _ in 0..8 {
            row = if row & 1 == 1 {
                row >> 1 ^ 0xedb8_8320
            } else {
                row >> 1
            };
        }
        row ^ crc >> 8
    })
}
