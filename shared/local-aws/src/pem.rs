//! What ACM and IAM read out of a certificate when it is brought to them.

use chrono::{DateTime, Utc};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;

/// What is read out of a certificate.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) domain: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_before: DateTime<Utc>,
    pub(crate) not_after: DateTime<Utc>,
    /// As ACM writes it.
    pub(crate) key_algorithm: String,
}

/// Reads the first certificate of a PEM text.
pub(crate) fn parse(text: &str) -> Result<Parsed, String> {
    let block = Pem::iter_from_buffer(text.as_bytes())
        .next()
        .ok_or("there is none")?
        .map_err(|error| error.to_string())?;
    let certificate = block.parse_x509().map_err(|error| error.to_string())?;
    let time = |seconds| DateTime::from_timestamp(seconds, 0).ok_or("its dates are none");
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::SubjectAlternativeName(found) = extension.parsed_extension() {
            names.extend(found.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            }));
        }
    }
    let common_name = certificate
        .subject()
        .iter_common_name()
        .find_map(|name| name.as_str().ok());
    let domain = common_name
        .map(str::to_owned)
        .or(names.first().cloned())
        .unwrap_or_default();
    let key_algorithm = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA_{}", key.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            384 => "EC_secp384r1",
            521 | 528 => "EC_secp521r1",
            _ => "EC_prime256v1",
        }
        .to_owned(),
        _ => "RSA_2048".to_owned(),
    };
    Ok(Parsed {
        domain,
        names,
        not_before: time(certificate.validity().not_before.timestamp())?,
        not_after: time(certificate.validity().not_after.timestamp())?,
        key_algorithm,
    })
}
