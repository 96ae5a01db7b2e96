//! What the first bytes of a file say about it.

use super::BundleType;

/// What the first bytes are, if they are certainly not what the name says.
pub(super) fn contradiction(named: BundleType, head: &[u8]) -> Option<&'static str> {
    let found = kind(head);
    let agrees = match named {
        // Something may stand before a zip; its end decides.
        BundleType::Zip => !matches!(found, Some(other) if other != "a zip archive"),
        BundleType::Tar => found == Some("a tar archive"),
        BundleType::Tgz => found == Some("gzip"),
        BundleType::Yaml | BundleType::Json => found.is_none() && !head.contains(&0),
    };
    match (agrees, found) {
        (true, _) => None,
        (false, Some(found)) => Some(found),
        (false, None) if head.iter().all(|byte| is_text(*byte)) => Some("a text"),
        (false, None) => Some("something else"),
    }
}

fn is_text(byte: u8) -> bool {
    byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r')
}

/// What a file is by its first bytes, if they say so.
fn kind(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 10] = [
        (b"PK\x03\x04", "a zip archive"),
        (b"PK\x05\x06", "a zip archive"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!", "a RAR archive"),
        (b"\x7fELF", "a Linux program"),
        (b"%PDF", "a PDF"),
    ];
    let found = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    match found {
        Some((_, name)) => Some(name),
        None => is_tar(head).then_some("a tar archive"),
    }
}

/// Old archives have no `ustar`, so the checksum of the first header decides. A tar of nothing is all zeros.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else {
        return false;
    };
    header.iter().all(|byte| *byte == 0) || super::tar::has_checksum(header)
}
