//! What is kept of a certificate: the facts that decide, read from its DER, which is not kept.
//!
//! Nothing is verified here: a certificate that expired, is not trusted or is nonsense in other ways is read all the
//! same, because it is exactly what a report is for.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{Any, Oid, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

/// One certificate, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER, in lower-case hex: who it is.
    pub sha256: String,
    /// The subject, as text.
    pub subject: String,
    /// The common name in the subject.
    pub common_name: Option<String>,
    /// The issuer, as text.
    pub issuer: String,
    /// The serial number in lower-case hex.
    pub serial: String,
    /// From when it holds.
    pub not_before: DateTime<Utc>,
    /// Until when it holds.
    pub not_after: DateTime<Utc>,
    /// The DNS names it is for.
    pub dns_names: Vec<String>,
    /// The addresses it is for.
    pub ip_addresses: Vec<IpAddr>,
    /// Its key, in the words of people: `RSA 2048`, `EC P-256`.
    pub key: String,
    /// Why the key is too weak, if it is.
    pub weak_key: Option<&'static str>,
    /// The algorithm it is signed with: `sha256WithRSAEncryption`, or an object identifier.
    pub signature: String,
    /// The broken hash it is signed with, if it is.
    pub weak_signature: Option<&'static str>,
    /// It may sign other certificates.
    pub is_ca: bool,
    /// It names itself as its issuer: a root, or a self-signed leaf.
    pub is_self_signed: bool,
}

impl Certificate {
    /// Reads one certificate. Bytes after it are ignored: OpenSSL's trusted certificates carry some.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| format!("it is no X.509 certificate: {error}"))?;
        let own = &der[..der.len() - rest.len()];
        let (mut dns_names, mut ip_addresses) = (Vec::new(), Vec::new());
        for extension in parsed.extensions() {
            let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension()
            else {
                continue;
            };
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(name) => dns_names.push(visible(name)),
                    GeneralName::IPAddress(bytes) => ip_addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        let (key, weak_key) = key_of(parsed.public_key());
        let (signature, weak_signature) = signature_of(&parsed.signature_algorithm);
        Ok(Self {
            sha256: hex(&Sha256::digest(own)),
            subject: name_of(parsed.subject()),
            common_name: parsed
                .subject()
                .iter_common_name()
                .find_map(|name| name.as_str().ok())
                .filter(|name| !name.trim().is_empty())
                .map(visible),
            issuer: name_of(parsed.issuer()),
            serial: hex(parsed.raw_serial()),
            not_before: time_of(parsed.validity().not_before)?,
            not_after: time_of(parsed.validity().not_after)?,
            dns_names,
            ip_addresses,
            key,
            weak_key,
            signature,
            weak_signature,
            is_ca: parsed.is_ca(),
            is_self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        })
    }

    /// What people call it: the common name, else the first DNS name, else the whole subject.
    pub fn name(&self) -> &str {
        let common_name = self.common_name.as_deref();
        let known = common_name.or(self.dns_names.first().map(String::as_str));
        known.unwrap_or(&self.subject)
    }

    /// Whether it is for this host: a DNS name or an address. Only the subject's alternative names count; the common
    /// name has not been looked at by browsers since 2017. <https://www.rfc-editor.org/rfc/rfc9525.html>
    pub fn is_for(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.ip_addresses.contains(&address),
            Err(_) => self.dns_names.iter().any(|name| matches(name, host)),
        }
    }
}

/// Whether a name of a certificate covers a host. A wildcard is a whole label, the first one, and stands for exactly
/// one label, with at least two more behind it.
fn matches(name: &str, host: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
    let (name, host) = (plain(name), plain(host));
    match name.strip_prefix("*.") {
        None => !name.is_empty() && name == host,
        Some(domain) => {
            domain.contains('.')
                && !domain.contains('*')
                && host
                    .split_once('.')
                    .is_some_and(|(label, rest)| !label.is_empty() && rest == domain)
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn time_of(time: ASN1Time) -> Result<DateTime<Utc>, String> {
    DateTime::from_timestamp(time.timestamp(), 0)
        .ok_or_else(|| "its validity is no time".to_owned())
}

fn name_of(name: &X509Name<'_>) -> String {
    visible(&name.to_string())
}

/// Whoever wrote the certificate chose these words: control characters are shown as what they are not.
fn visible(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The key in words, and why it is too weak.
/// <https://cabforum.org/working-groups/server/baseline-requirements/requirements/#615-key-sizes>
fn key_of(info: &SubjectPublicKeyInfo<'_>) -> (String, Option<&'static str>) {
    let algorithm = &info.algorithm.algorithm;
    if let Some((_, name)) = MODERN_KEYS.iter().find(|(oid, _)| oid == algorithm) {
        return ((*name).to_owned(), None);
    }
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let bits = rsa_bits(key.modulus);
            let weak = bits < 2048;
            (
                format!("RSA {bits}"),
                weak.then_some("RSA keys need 2048 bits or more"),
            )
        }
        Ok(PublicKey::EC(point)) => {
            let curve = info
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| Oid::try_from(parameters.clone()).ok());
            let known = curve
                .as_ref()
                .and_then(|oid| CURVES.iter().find(|(known, ..)| known == oid));
            let (name, bits) = known.map_or_else(
                || match &curve {
                    Some(oid) => (oid.to_id_string(), point.key_size()),
                    None => ("on a curve of its own".to_owned(), point.key_size()),
                },
                |(_, name, bits)| ((*name).to_owned(), *bits),
            );
            (
                format!("EC {name}"),
                (bits < 256).then_some("curves need 256 bits or more"),
            )
        }
        Ok(PublicKey::DSA(_)) => ("DSA".to_owned(), Some("DSA keys are no longer accepted")),
        // The key of RSASSA-PSS is an RSA key under another name.
        _ if *algorithm == oid!(1.2.840.113549.1.1.10) => {
            let bits = rsa_modulus(&info.subject_public_key.data).map_or(0, rsa_bits);
            (
                format!("RSA-PSS {bits}"),
                (bits < 2048).then_some("RSA keys need 2048 bits or more"),
            )
        }
        _ => (format!("of type {algorithm}"), None),
    }
}

/// Keys that have one size.
static MODERN_KEYS: [(Oid<'static>, &str); 4] = [
    (oid!(1.3.101.112), "Ed25519"),
    (oid!(1.3.101.113), "Ed448"),
    (oid!(1.3.101.110), "X25519"),
    (oid!(1.3.101.111), "X448"),
];

/// Curves by name, with their size in bits.
static CURVES: [(Oid<'static>, &str, usize); 8] = [
    (oid!(1.2.840.10045.3.1.1), "P-192", 192),
    (oid!(1.3.132.0.33), "P-224", 224),
    (oid!(1.2.840.10045.3.1.7), "P-256", 256),
    (oid!(1.3.132.0.10), "secp256k1", 256),
    (oid!(1.3.36.3.3.2.8.1.1.7), "brainpoolP256r1", 256),
    (oid!(1.3.132.0.34), "P-384", 384),
    (oid!(1.3.36.3.3.2.8.1.1.11), "brainpoolP384r1", 384),
    (oid!(1.3.132.0.35), "P-521", 521),
];

/// The number of bits of a modulus; zeros before the first one do not count.
fn rsa_bits(modulus: &[u8]) -> usize {
    let digits: Vec<u8> = modulus
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    digits
        .first()
        .map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

/// The modulus in `SEQUENCE { modulus, exponent }`.
fn rsa_modulus(key: &[u8]) -> Option<&[u8]> {
    let (_, sequence) = Any::from_der(key).ok()?;
    let (_, modulus) = Any::from_der(sequence.data).ok()?;
    Some(modulus.data)
}

/// The signature's algorithm, and the broken hash in it.
fn signature_of(algorithm: &AlgorithmIdentifier<'_>) -> (String, Option<&'static str>) {
    let oid = &algorithm.algorithm;
    if *oid == oid!(1.2.840.113549.1.1.10) {
        // Without parameters the hash is SHA-1. <https://www.rfc-editor.org/rfc/rfc4055.html#section-3.1>
        let parameters = algorithm
            .parameters
            .as_ref()
            .and_then(|any| RsaSsaPssParams::try_from(any).ok());
        let hash = parameters
            .as_ref()
            .map(|parameters| parameters.hash_algorithm_oid().clone());
        let is_sha1 = hash.is_none_or(|hash| hash == oid!(1.3.14.3.2.26));
        return ("rsassaPss".to_owned(), is_sha1.then_some("SHA-1"));
    }
    match SIGNATURES.iter().find(|(known, ..)| known == oid) {
        Some((_, name, weakness)) => ((*name).to_owned(), *weakness),
        None => (oid.to_id_string(), None),
    }
}

/// Signature algorithms by name, with the hash that is broken.
static SIGNATURES: [(Oid<'static>, &str, Option<&str>); 19] = [
    (
        oid!(1.2.840.113549.1.1.2),
        "md2WithRSAEncryption",
        Some("MD2"),
    ),
    (
        oid!(1.2.840.113549.1.1.3),
        "md4WithRSAEncryption",
        Some("MD4"),
    ),
    (
        oid!(1.2.840.113549.1.1.4),
        "md5WithRSAEncryption",
        Some("MD5"),
    ),
    (oid!(1.3.14.3.2.3), "md5WithRSA", Some("MD5")),
    (
        oid!(1.2.840.113549.1.1.5),
        "sha1WithRSAEncryption",
        Some("SHA-1"),
    ),
    (oid!(1.3.14.3.2.29), "sha1WithRSA", Some("SHA-1")),
    (oid!(1.3.14.3.2.15), "shaWithRSAEncryption", Some("SHA-0")),
    (oid!(1.2.840.10040.4.3), "dsaWithSHA1", Some("SHA-1")),
    (oid!(1.3.14.3.2.27), "dsaWithSHA1", Some("SHA-1")),
    (oid!(1.2.840.10045.4.1), "ecdsa-with-SHA1", Some("SHA-1")),
    (oid!(1.2.840.113549.1.1.14), "sha224WithRSAEncryption", None),
    (oid!(1.2.840.113549.1.1.11), "sha256WithRSAEncryption", None),
    (oid!(1.2.840.113549.1.1.12), "sha384WithRSAEncryption", None),
    (oid!(1.2.840.113549.1.1.13), "sha512WithRSAEncryption", None),
    (oid!(1.2.840.10045.4.3.2), "ecdsa-with-SHA256", None),
    (oid!(1.2.840.10045.4.3.3), "ecdsa-with-SHA384", None),
    (oid!(1.2.840.10045.4.3.4), "ecdsa-with-SHA512", None),
    (oid!(1.3.101.112), "Ed25519", None),
    (oid!(1.3.101.113), "Ed448", None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_exactly_one_whole_label() {
        for (name, host, fits) in [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com.", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "WWW.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
            ("w*.example.com", "www.example.com", false),
            ("*.*.example.com", "a.b.example.com", false),
            ("*.com", "example.com", false),
            ("*", "localhost", false),
            ("", "", false),
        ] {
            assert_eq!(matches(name, host), fits, "{name} for {host}");
        }
    }

    #[test]
    fn the_size_of_an_rsa_key_is_counted_in_bits_that_matter() {
        assert_eq!(rsa_bits(&[0, 0xff, 0]), 16);
        assert_eq!(rsa_bits(&[0x7f, 0]), 15);
        assert_eq!(rsa_bits(&[0, 0]), 0);
    }
}
