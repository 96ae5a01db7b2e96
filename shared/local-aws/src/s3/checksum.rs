//! The checksums that SDKs send with what they upload.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// How the value of a header is computed.
type Compute = fn(&[u8]) -> Vec<u8>;

/// The headers that are known.
const CHECKSUMS: [(&str, Compute); 4] = [
    ("x-amz-checksum-crc32", |body| {
        CRC32.of(body).to_be_bytes()[4..].to_vec()
    }),
    ("x-amz-checksum-crc32c", |body| {
        CRC32C.of(body).to_be_bytes()[4..].to_vec()
    }),
    ("x-amz-checksum-crc64nvme", |body| {
        CRC64_NVME.of(body).to_be_bytes().to_vec()
    }),
    ("x-amz-checksum-sha256", |body| {
        Sha256::digest(body).to_vec()
    }),
];

/// A checksum that was sent with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    None,
    /// The header and its value.
    Right(String, String),
    Wrong(String),
    /// One that is not simulated.
    Unknown,
}

/// Checks a body against the checksum among the headers that came with it.
pub(super) fn check<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> Sent {
    for (name, value) in headers {
        let is_checksum = name.starts_with("x-amz-checksum-")
            && !["x-amz-checksum-mode", "x-amz-checksum-type"].contains(&name)
            && name != "x-amz-checksum-algorithm";
        if !is_checksum {
            continue;
        }
        let Some((_, compute)) = CHECKSUMS.iter().find(|(known, _)| *known == name) else {
            return Sent::Unknown;
        };
        return if BASE64_STANDARD.encode(compute(body)) == value {
            Sent::Right(name.to_owned(), value.to_owned())
        } else {
            Sent::Wrong(name.trim_start_matches("x-amz-checksum-").to_uppercase())
        };
    }
    Sent::None
}

/// A cyclic redundancy check whose bits are reflected, with ones before and after.
struct Crc {
    table: [u64; 256],
    ones: u64,
}

const CRC32: Crc = Crc::new(0xEDB8_8320, 0xFFFF_FFFF);
const CRC32C: Crc = Crc::new(0x82F6_3B78, 0xFFFF_FFFF);
const CRC64_NVME: Crc = Crc::new(0x9A6C_9329_AC4B_C9B5, u64::MAX);

impl Crc {
    const fn new(polynomial: u64, ones: u64) -> Crc {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut value = byte as u64;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ (if value & 1 == 1 { polynomial } else { 0 });
                bit += 1;
            }
            table[byte] = value;
            byte += 1;
        }
        Crc { table, ones }
    }

    fn of(&self, bytes: &[u8]) -> u64 {
        let step = |crc: u64, byte: &u8| {
            let [low, ..] = crc.to_le_bytes();
            self.table[usize::from(low ^ byte)] ^ (crc >> 8)
        };
        bytes.iter().fold(self.ones, step) ^ self.ones
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_are_those_of_the_catalogue() {
        // <https://reveng.sourceforge.io/crc-catalogue/all.htm>
        assert_eq!(CRC32.of(b"123456789"), 0xCBF4_3926);
        assert_eq!(CRC32C.of(b"123456789"), 0xE306_9283);
        assert_eq!(CRC64_NVME.of(b"123456789"), 0xAE8B_1486_0A79_9888);
    }

    #[test]
    fn a_checksum_is_right_or_wrong_or_not_known() {
        let hello = ("x-amz-checksum-crc32", "NhCmhg==");
        let right = Sent::Right(hello.0.to_owned(), hello.1.to_owned());
        assert_eq!(check([hello], b"hello"), right);
        let type_first = [("x-amz-checksum-type", "FULL_OBJECT"), hello];
        assert_eq!(check(type_first, b"hello"), right);
        assert_eq!(check([hello], b"hallo"), Sent::Wrong("CRC32".to_owned()));
        assert_eq!(check([("x-amz-checksum-sha1", "")], b""), Sent::Unknown);
        assert_eq!(check([], b"hello"), Sent::None);
    }
}
