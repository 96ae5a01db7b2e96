//! The checksums of S3, for the AWS SDK.
//!
//! `aws-smithy-checksums` asks the crate `crc-fast` for three CRCs, and which one is told at run time: so a program gets
//! the tables of all fifty that the crate knows, 0.6 MB that no package can press smaller, a seventh of a Lambda. This
//! crate takes its place (`[patch.crates-io]` in the root `Cargo.toml`), with what the SDK uses of it and no more, on the
//! crates that the SDK used before. A newer SDK that asks for something else does not compile.

/// Which CRC: those that S3 takes.
///
/// Source: "Checking object integrity" in the S3 user guide; parameters in the catalogue of parametrised CRC algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32C (Castagnoli): S3's `CRC32C`.
    Crc32Iscsi,
    /// CRC-32 of zip and PNG: S3's `CRC32`.
    Crc32IsoHdlc,
    /// CRC-64/NVME: S3's `CRC64NVME`, its default.
    Crc64Nvme,
}

/// A checksum of bytes that come in pieces.
pub struct Digest(State);

enum State {
    Crc32Iscsi(u32),
    Crc32IsoHdlc(crc32fast::Hasher),
    Crc64Nvme(crc64fast_nvme::Digest),
}

impl Digest {
    /// A checksum of nothing yet.
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32Iscsi => State::Crc32Iscsi(0),
            CrcAlgorithm::Crc32IsoHdlc => State::Crc32IsoHdlc(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc64Nvme => State::Crc64Nvme(crc64fast_nvme::Digest::new()),
        })
    }

    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32Iscsi(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
            State::Crc32IsoHdlc(hasher) => hasher.update(bytes),
            State::Crc64Nvme(digest) => digest.write(bytes),
        }
    }

    /// The checksum of all pieces, one of 32 bits in the lower half.
    #[must_use]
    pub fn finalize(self) -> u64 {
        match self.0 {
            State::Crc32Iscsi(sum) => sum.into(),
            State::Crc32IsoHdlc(hasher) => hasher.finalize().into(),
            State::Crc64Nvme(digest) => digest.sum64(),
        }
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.0 {
            State::Crc32Iscsi(_) => "Digest(Crc32Iscsi)",
            State::Crc32IsoHdlc(_) => "Digest(Crc32IsoHdlc)",
            State::Crc64Nvme(_) => "Digest(Crc64Nvme)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CrcAlgorithm, Digest};

    fn sum(algorithm: CrcAlgorithm, pieces: &[&[u8]]) -> u64 {
        let mut digest = Digest::new(algorithm);
        for piece in pieces {
            digest.update(piece);
        }
        digest.finalize()
    }

    /// The catalogue's check values: the sums of the nine digits.
    #[test]
    fn sums_are_those_of_the_catalogue() {
        assert_eq!(sum(CrcAlgorithm::Crc32Iscsi, &[b"123456789"]), 0xe306_9283);
        assert_eq!(
            sum(CrcAlgorithm::Crc32IsoHdlc, &[b"123456789"]),
            0xcbf4_3926
        );
        assert_eq!(
            sum(CrcAlgorithm::Crc64Nvme, &[b"123456789"]),
            0xae8b_1486_0a79_9888
        );
    }

    #[test]
    fn pieces_sum_up_to_the_whole() {
        let whole: Vec<u8> = (0..100_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        for algorithm in [
            CrcAlgorithm::Crc32Iscsi,
            CrcAlgorithm::Crc32IsoHdlc,
            CrcAlgorithm::Crc64Nvme,
        ] {
            let at_once = sum(algorithm, &[&whole]);
            for at in [0, 1, 63, 4096, 99_999, 100_000] {
                let (head, tail) = whole.split_at(at);
                assert_eq!(sum(algorithm, &[head, tail]), at_once, "{algorithm:?} {at}");
            }
        }
    }
}
