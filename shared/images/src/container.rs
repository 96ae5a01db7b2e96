//! Around the compressed pixels: the notice of rights that a copy may keep, and the first picture of a moving WebP.

use super::header::webp_chunks;

/// The flags of a WebP's `VP8X` chunk.
/// <https://developers.google.com/speed/webp/docs/riff_container#extended_file_format>
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

/// Puts an EXIF segment into a JPEG: after JFIF's, which wants to be the first.
pub fn add_exif_to_jpeg(jpeg: &mut Vec<u8>, tiff: &[u8]) {
    let place = match jpeg.get(2..6) {
        Some(&[0xff, 0xe0, high, low]) => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    let mut segment = vec![0xff, 0xe1];
    segment.extend(((tiff.len() + 8) as u16).to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(tiff);
    jpeg.splice(place..place, segment);
}

/// Puts an EXIF chunk into a still WebP, which needs the extended form for it.
pub fn add_exif_to_webp(webp: &[u8], width: u32, height: u32, tiff: &[u8]) -> Vec<u8> {
    let mut has_alpha = false;
    let mut body = vec![];
    for (kind, contents) in webp_chunks(webp) {
        match &kind {
            b"VP8X" => {
                has_alpha |= contents.first().is_some_and(|flags| flags & ALPHA != 0);
                continue;
            }
            b"VP8L" => has_alpha |= contents.get(4).is_some_and(|bits| bits & 0x10 != 0),
            b"ALPH" => has_alpha = true,
            _ => {}
        }
        add_chunk(&mut body, kind, contents);
    }
    add_chunk(&mut body, *b"EXIF", tiff);
    let flags = EXIF | if has_alpha { ALPHA } else { 0 };
    riff(Some((flags, width, height)), &body)
}

/// Whether a WebP is of the kind that moves, with however many pictures.
pub fn is_animated_webp(bytes: &[u8]) -> bool {
    webp_chunks(bytes).next().is_some_and(|(kind, contents)| {
        kind == *b"VP8X" && contents.first().is_some_and(|flags| flags & ANIMATION != 0)
    })
}

/// One picture of a moving WebP, as a file of its own, and where it belongs.
pub struct Frame {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    pub file: Vec<u8>,
}

/// Takes the first picture out of a moving WebP, so that the others need not be decoded.
pub fn first_webp_frame(bytes: &[u8]) -> Option<Frame> {
    let (_, frame) = webp_chunks(bytes).find(|(kind, _)| kind == b"ANMF")?;
    let number = |place: usize| {
        let bytes = frame.get(place..place + 3)?;
        Some(usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16)
    };
    // Places are stored in units of two pixels, sizes less one.
    let (left, top) = (number(0)? * 2, number(3)? * 2);
    let (width, height) = (number(6)? + 1, number(9)? + 1);
    let mut body = vec![];
    let mut has_alpha = false;
    for (kind, contents) in super::header::webp_nested(frame.get(16..)?) {
        if matches!(&kind, b"ALPH" | b"VP8 " | b"VP8L") {
            has_alpha |= kind == *b"ALPH";
            add_chunk(&mut body, kind, contents);
        }
    }
    let extended = has_alpha.then_some((ALPHA, width as u32, height as u32));
    Some(Frame {
        left,
        top,
        width,
        height,
        file: riff(extended, &body),
    })
}

fn riff(extended: Option<(u8, u32, u32)>, body: &[u8]) -> Vec<u8> {
    let mut inner = b"WEBP".to_vec();
    if let Some((flags, width, height)) = extended {
        let mut contents = vec![flags, 0, 0, 0];
        contents.extend(&(width - 1).to_le_bytes()[..3]);
        contents.extend(&(height - 1).to_le_bytes()[..3]);
        add_chunk(&mut inner, *b"VP8X", &contents);
    }
    inner.extend(body);
    let mut file = vec![];
    add_chunk(&mut file, *b"RIFF", &inner);
    file
}

fn add_chunk(to: &mut Vec<u8>, kind: [u8; 4], contents: &[u8]) {
    to.extend(kind);
    to.extend((contents.len() as u32).to_le_bytes());
    to.extend(contents);
    if !contents.len().is_multiple_of(2) {
        to.push(0);
    }
}
