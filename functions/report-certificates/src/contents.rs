//! Takes the certificates out of a file's bytes: PEM bundles, DER and PKCS#12. Pure.
//!
//! Private keys are passed over: they are not decoded, not decrypted on purpose, and never kept.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use p12_keystore::Pkcs12Archive;

use crate::certificate::Certificate;

/// What is in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Every certificate, in the file's order.
    pub certificates: Vec<Certificate>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// PEM in the wild: padding may be missing, the last bits may not be zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a PKCS#12 file that cannot be opened needs.
pub(crate) const PASSWORD_HINT: &str =
    "give its password: `file_passwords = { \"GLOB\" = \"env:NAME\" }`, or \"file:/path\"";

/// Everything in `bytes`. A password is only for PKCS#12.
pub fn read(bytes: &[u8], password: Option<&str>) -> Contents {
    let text = String::from_utf8_lossy(bytes);
    if text.contains("-----BEGIN ") {
        return read_pem(&text);
    }
    let mut contents = Contents::default();
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4]) {
        contents.problems.push(
            "it is a Java keystore of the old kind, which is not read; convert it with `keytool -importkeystore \
             -deststoretype pkcs12`"
                .to_owned(),
        );
    } else if is_pkcs12(bytes) {
        match read_pkcs12(bytes, password) {
            Ok(certificates) => contents = certificates,
            Err(problem) => contents.problems.push(problem),
        }
    } else if bytes.first() == Some(&0x30) {
        match Certificate::from_der(bytes) {
            Ok(certificate) => contents.certificates.push(certificate),
            Err(problem) => contents.problems.push(problem),
        }
    } else if bytes.is_empty() {
        contents.problems.push("it is empty".to_owned());
    } else {
        contents
            .problems
            .push("it is neither PEM nor DER nor PKCS#12".to_owned());
    }
    contents
}

/// Every certificate block of a PEM text; other blocks are passed over.
fn read_pem(text: &str) -> Contents {
    let mut contents = Contents::default();
    let mut rest = text;
    let mut number = 0;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, body)) = after.split_once("-----") else {
            break;
        };
        let end = format!("-----END {label}-----");
        let is_certificate = matches!(
            label,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
        );
        if is_certificate {
            number += 1;
        }
        let Some((body, after)) = body.split_once(&end) else {
            if is_certificate {
                contents
                    .problems
                    .push(format!("certificate {number} in it has no end"));
            }
            rest = body;
            continue;
        };
        rest = after;
        if matches!(label, "PKCS7" | "CMS") {
            contents.problems.push(
                "it holds PKCS#7, which is not read; convert it with `openssl pkcs7 -print_certs`"
                    .to_owned(),
            );
        }
        if !is_certificate {
            continue;
        }
        let read = decode(body).and_then(|der| Certificate::from_der(&der));
        match read {
            Ok(certificate) => contents.certificates.push(certificate),
            Err(problem) => contents
                .problems
                .push(format!("certificate {number} in it: {problem}")),
        }
    }
    contents
}

fn decode(body: &str) -> Result<Vec<u8>, String> {
    let letters: String = body
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    LENIENT
        .decode(letters)
        .map_err(|error| format!("it is no base64: {error}"))
}

/// `PFX ::= SEQUENCE { version INTEGER (3), … }`; a certificate begins with two sequences.
/// <https://www.rfc-editor.org/rfc/rfc7292.html#section-4>
fn is_pkcs12(bytes: &[u8]) -> bool {
    let body = match bytes {
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        [0x30, 0x80, rest @ ..] => rest,
        [0x30, length, rest @ ..] => rest.get(usize::from(*length & 0x7f)..).unwrap_or_default(),
        _ => return false,
    };
    body.starts_with(&[0x02, 0x01, 0x03])
}

fn read_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Contents, String> {
    // Without a password the empty one is tried: trust stores often have it.
    let archive =
        Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default()).map_err(|error| {
            match password {
                None => format!("it is a PKCS#12 file that needs a password; {PASSWORD_HINT}"),
                Some(_) => format!(
                    "it is a PKCS#12 file that its configured password does not open: {error}"
                ),
            }
        })?;
    let mut contents = Contents::default();
    for bag in &archive.certs {
        match Certificate::from_der(bag.cert.as_der()) {
            Ok(certificate) => contents.certificates.push(certificate),
            Err(problem) => contents.problems.push(problem),
        }
    }
    Ok(contents)
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
