//! Base64 as mail has it: RFC 2045, section 6.8, without padding, with foreign characters, with lines that other
//! programs put in between. `mail-parser` loses the last bytes of the first and does not decode the others at all.

use super::Defect;

const INVALID: u8 = 0xff;
const PAD: u8 = 0xfe;
const SPACE: u8 = 0xfd;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [INVALID; 256];
    let mut value = 0;
    while value < 64 {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table[b'=' as usize] = PAD;
    table[b' ' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table
}

/// Encodes bytes, padded, as one line.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            out.push(if place <= piece.len() {
                ALPHABET[(group >> (18 - 6 * place) & 63) as usize]
            } else {
                b'='
            });
        }
    }
}

/// Decodes a body, piece by piece into `sink`.
pub(crate) fn decode(body: &[u8], sink: &mut dyn FnMut(&[u8])) -> Vec<Defect> {
    let mut decoder = Decoder {
        group: 0,
        held: 0,
        is_ended: false,
        out: Vec::with_capacity(PIECE + 4),
        sink,
        junk_characters: 0,
        junk_lines: 0,
        is_continued: false,
    };
    for line in body.split(|byte| matches!(byte, b'\n' | b'\r')) {
        decoder.line(line.trim_ascii());
    }
    decoder.finish()
}

/// How much is handed on at once.
const PIECE: usize = 24 * 1024;

struct Decoder<'a> {
    group: u32,
    held: u8,
    is_ended: bool,
    out: Vec<u8>,
    sink: &'a mut dyn FnMut(&[u8]),
    junk_characters: usize,
    junk_lines: usize,
    is_continued: bool,
}

impl Decoder<'_> {
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let (mut letters, mut junk, mut pads) = (0_usize, 0_usize, 0_usize);
        for &byte in line {
            match TABLE[usize::from(byte)] {
                INVALID => junk += 1,
                PAD => pads += 1,
                SPACE => {}
                _ => letters += 1,
            }
        }
        if letters == 0 && junk == 0 && self.is_ended {
            return;
        }
        if letters == 0 && pads == 0 || self.is_foreign(line, letters, junk, pads) {
            self.junk_lines += 1;
            return;
        }
        self.junk_characters += junk;
        self.is_continued |= self.is_ended;
        self.is_ended = false;
        let mut rest = line;
        if letters == line.len() && self.held == 0 {
            // What nearly every line is: whole groups.
            let (groups, last) = line.as_chunks::<4>();
            for group in groups {
                self.group = group.iter().fold(0, |bits, &byte| {
                    bits << 6 | u32::from(TABLE[usize::from(byte)])
                });
                self.write();
            }
            rest = last;
        }
        for &byte in rest {
            self.byte(TABLE[usize::from(byte)]);
        }
    }

    /// Whether another program wrote this line: prose has foreign characters or short words, and does not fit into
    /// groups of four. After the padding only what looks like a line of base64 counts: pieces that were encoded one by
    /// one go on there, and so do the footers of mailing lists.
    fn is_foreign(&self, line: &[u8], letters: usize, junk: usize, pads: usize) -> bool {
        let fits = (usize::from(self.held) + letters + pads).is_multiple_of(4);
        let mut words = 0;
        let mut are_groups = true;
        for word in line.split(u8::is_ascii_whitespace) {
            words += usize::from(!word.is_empty());
            are_groups &= word.len().is_multiple_of(4);
        }
        let has_short_words = words > 1 && line.len() / words < 16 && !are_groups;
        if self.is_ended {
            return !fits || junk > 0 || words > 1 || (letters < 16 && pads == 0);
        }
        has_short_words || (junk > 1 && !fits) || junk * 4 > line.len()
    }

    fn byte(&mut self, value: u8) {
        match value {
            INVALID | SPACE => {}
            PAD => {
                self.flush();
                self.is_ended = true;
            }
            value => {
                self.is_continued |= self.is_ended;
                self.is_ended = false;
                self.group = self.group << 6 | u32::from(value);
                self.held += 1;
                if self.held == 4 {
                    self.write();
                }
            }
        }
    }

    /// Writes a group that is full.
    fn write(&mut self) {
        self.out.extend_from_slice(&self.group.to_be_bytes()[1..]);
        (self.group, self.held) = (0, 0);
        if self.out.len() >= PIECE {
            (self.sink)(&self.out);
            self.out.clear();
        }
    }

    /// Writes what a group that is not full holds.
    fn flush(&mut self) {
        match self.held {
            2 => self.out.push((self.group >> 4) as u8),
            3 => self
                .out
                .extend_from_slice(&[(self.group >> 10) as u8, (self.group >> 2) as u8]),
            _ => {}
        }
        (self.group, self.held) = (0, 0);
    }

    fn finish(mut self) -> Vec<Defect> {
        let mut defects = Vec::new();
        match self.held {
            0 => {}
            1 => defects.push(Defect::new(
                "base64-length",
                "the base64 ends within a byte: something is missing",
            )),
            _ => defects.push(Defect::new(
                "base64-unpadded",
                "the base64 ends without padding",
            )),
        }
        self.flush();
        (self.sink)(&self.out);
        if self.junk_characters > 0 {
            defects.push(Defect::new(
                "base64-characters",
                format!("the base64 has {} foreign characters", self.junk_characters),
            ));
        }
        if self.junk_lines > 0 {
            defects.push(Defect::new(
                "base64-lines",
                format!(
                    "{} lines among the base64 are none and were left out",
                    self.junk_lines
                ),
            ));
        }
        if self.is_continued {
            defects.push(Defect::new(
                "base64-pieces",
                "the base64 goes on after its padding",
            ));
        }
        defects
    }
}
