//! Finds what forbids to change a mail: a signature would break, and what is encrypted shows nothing to change.

use super::Disposition;
use super::tree::Node;

/// That somebody signed or encrypted a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// Signed; by what.
    Signed(&'static str),
    /// Encrypted; by what.
    Encrypted(&'static str),
}

/// What the types of the parts say. A file that was encrypted on its own and then attached protects nothing but itself.
pub(crate) fn of_node(node: &Node, is_root: bool) -> Option<Protection> {
    let content = &node.content;
    let kind = content
        .kind
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match content.media.as_str() {
        "multipart/signed" if kind.contains("pgp") => Some(Protection::Signed("PGP/MIME")),
        "multipart/signed" => Some(Protection::Signed("S/MIME")),
        "multipart/encrypted" | "application/pgp-encrypted" => {
            Some(Protection::Encrypted("PGP/MIME"))
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Some(match kind.as_str() {
            "signed-data" => Protection::Signed("S/MIME"),
            _ => Protection::Encrypted("S/MIME"),
        }),
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
            Some(Protection::Signed("S/MIME"))
        }
        "application/pgp-signature" if content.disposition != Disposition::Attachment => {
            Some(Protection::Signed("PGP/MIME"))
        }
        // Gateways that do not know S/MIME send it like this. RFC 8551, section 3.2.1, tells it by the name.
        "application/octet-stream" if is_root => {
            let name = content
                .name
                .as_deref()
                .unwrap_or_default()
                .to_ascii_lowercase();
            name.ends_with(".p7m")
                .then_some(Protection::Encrypted("S/MIME"))
        }
        _ => None,
    }
}

/// What a text says that is a message of PGP itself. RFC 9580, section 6.2.
pub(crate) fn of_text(text: &[u8]) -> Option<Protection> {
    for line in text.split(|&byte| byte == b'\n') {
        match line.trim_ascii() {
            b"-----BEGIN PGP MESSAGE-----" => return Some(Protection::Encrypted("PGP")),
            b"-----BEGIN PGP SIGNED MESSAGE-----" => return Some(Protection::Signed("PGP")),
            _ => {}
        }
    }
    None
}
