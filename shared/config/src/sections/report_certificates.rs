//! `[report-certificates]`: certificates that expired or soon will.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::common::{self, Common, displays_its_name};
use crate::forms::shown;
use crate::reader::{Choice, Fault, Reader};
use crate::schema::Key;
use crate::sections::Section;

/// Certificates that expired or soon will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportCertificates {
    /// The keys that every function has.
    pub common: Common,
    /// A certificate that ends within this many days is expiring.
    pub warn_days: u32,
    /// Whether IAM's server certificates are looked at.
    pub iam: bool,
    /// Whether ACM is looked at.
    pub acm: bool,
    /// Files of the machine, by glob.
    pub files: Vec<String>,
    /// Where the password of a PKCS#12 file is: by glob, `env:NAME` or `file:/path`.
    pub file_passwords: BTreeMap<String, String>,
    /// TLS endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Which of an endpoint's addresses are met.
    pub endpoint_addresses: AddressKind,
    /// How long one address may take.
    pub endpoint_timeout_secs: u32,
}

/// A TLS endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As it was written.
    pub text: String,
    /// What is spoken before TLS.
    pub protocol: Protocol,
    /// The host's name, or its address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What is spoken before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing.
    Tls,
    /// SMTP, until STARTTLS.
    Smtp,
    /// IMAP, until STARTTLS.
    Imap,
}

/// Which addresses of a host are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// Every one.
    All,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

impl Choice for AddressKind {
    const ALL: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("ipv4", Self::Ipv4),
        ("ipv6", Self::Ipv6),
    ];
}

displays_its_name!(AddressKind);

impl Section for ReportCertificates {
    const NAME: &'static str = "report-certificates";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(section),
            warn_days: section.whole("warn_days", 1..=3650),
            iam: section.boolean("iam"),
            acm: section.boolean("acm"),
            files: section.parsed_list("files", parse_glob),
            file_passwords: section.text_table("file_passwords", check_password),
            endpoints: section.parsed_list("endpoints", parse_endpoint),
            endpoint_addresses: section
                .choice("endpoint_addresses")
                .unwrap_or(AddressKind::All),
            endpoint_timeout_secs: section.whole("endpoint_timeout_secs", 1..=300),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }
}

/// An absolute path that may hold `*`, `?`, `[abc]` and `**`. What depends on the folder that a daemon or a Lambda was
/// started in is refused.
fn parse_glob(text: &str) -> Result<String, Fault> {
    if text.contains(char::is_control) || !text.starts_with('/') {
        let fault = Fault::new(format!("{} is no absolute path", shown(text)));
        return Err(fault.hint("write it like \"/etc/letsencrypt/live/*/fullchain.pem\""));
    }
    let hint = "`**` stands alone between slashes; `[` needs its `]`, or write `[[]` for the letter itself";
    let stars = text
        .split('/')
        .all(|part| part == "**" || !part.contains("**"));
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('[') {
        // A bracket right after the opening one, or after `!`, is a letter of the set.
        let inside = after.strip_prefix('!').unwrap_or(after);
        match inside.get(1..).and_then(|inside| inside.split_once(']')) {
            Some((_, after)) => rest = after,
            None => return Err(Fault::new(format!("{} is no pattern", shown(text))).hint(hint)),
        }
    }
    match stars {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(format!("{} is no pattern", shown(text))).hint(hint)),
    }
}

fn check_password(glob: &str, source: &str) -> Result<(), Fault> {
    parse_glob(glob)?;
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_source = match source.split_once(':') {
        Some(("env", name)) => is_name(name),
        Some(("file", path)) => path.starts_with('/') && !path.contains(char::is_control),
        _ => false,
    };
    if is_source {
        return Ok(());
    }
    // The value is not repeated: it may be the password itself.
    let fault = Fault::new("a password is not written here, only where it is");
    Err(fault.hint(
        "write \"env:NAME\" for a variable, or \"file:/path\" for a file that holds nothing else",
    ))
}

fn parse_endpoint(text: &str) -> Result<Endpoint, Fault> {
    let hint = "write it like \"example.com:443\", \"[2001:db8::1]:443\", \"smtp+starttls://mail.example.com:25\" or \
                \"imap+starttls://mail.example.com:143\"";
    let fault = |what: &str| Fault::new(format!("{} {what}", shown(text))).hint(hint);
    let (protocol, place) = match text.split_once("://") {
        None => (Protocol::Tls, text),
        Some(("smtp+starttls", place)) => (Protocol::Smtp, place),
        Some(("imap+starttls", place)) => (Protocol::Imap, place),
        Some(_) => return Err(fault("has a protocol that is not known")),
    };
    let (host, port) = place.rsplit_once(':').ok_or_else(|| fault("has no port"))?;
    let port = match port.parse::<u16>() {
        Ok(port) if port > 0 && !host.is_empty() => port,
        _ => return Err(fault("is no host and port")),
    };
    let host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
        Some(_) => return Err(fault("has no address in its brackets")),
        None if is_host(host) => host,
        None if !host.is_ascii() => {
            return Err(fault(
                "has letters that DNS does not know; write its `xn--` form",
            ));
        }
        None => return Err(fault("is no host and port")),
    };
    Ok(Endpoint {
        text: text.to_owned(),
        protocol,
        host: host.to_owned(),
        port,
    })
}

/// A DNS name or an IPv4 address; underscores are in use, although hosts should have none.
fn is_host(host: &str) -> bool {
    host.len() <= 253
        && host.trim_end_matches('.').split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port_with_perhaps_a_protocol_before() {
        let read =
            |text: &str| parse_endpoint(text).map(|found| (found.protocol, found.host, found.port));
        let known = |text: &str| read(text).expect(text);
        assert_eq!(
            known("example.com:443"),
            (Protocol::Tls, "example.com".to_owned(), 443)
        );
        assert_eq!(known("[::1]:8443"), (Protocol::Tls, "::1".to_owned(), 8443));
        assert_eq!(
            known("10.0.0.1:443"),
            (Protocol::Tls, "10.0.0.1".to_owned(), 443)
        );
        assert_eq!(
            known("smtp+starttls://mx:25"),
            (Protocol::Smtp, "mx".to_owned(), 25)
        );
        assert_eq!(
            known("imap+starttls://mx:143"),
            (Protocol::Imap, "mx".to_owned(), 143)
        );
        for wrong in [
            "",
            "example.com",
            "example.com:",
            "example.com:0",
            "example.com:99999",
            ":443",
            "::1:443",
            "[::1]",
            "[example.com]:443",
            "https://example.com:443",
            "ldap+starttls://x:389",
            "a b:443",
            "bücher.example:443",
            "user@example.com:443",
            "example..com:443",
            "-x.example:443",
            "example.com:443/path",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_an_absolute_path_with_perhaps_a_pattern_in_it() {
        for good in [
            "/etc/ssl/cert.pem",
            "/etc/*/[ab]?.pem",
            "/etc/**/x.pem",
            "/a/[]]x",
            "/a/[!]]x",
            "/a/[[]x",
        ] {
            assert!(parse_glob(good).is_ok(), "{good}");
        }
        for wrong in [
            "", "cert.pem", "./x", "~/x.pem", "/a**/x", "/a/***/x", "/a/[x", "/a/[]", "/a\n",
        ] {
            assert!(parse_glob(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_itself_is_refused_and_not_repeated() {
        assert!(check_password("/a/*.p12", "env:P12_PASSWORD").is_ok());
        assert!(check_password("/a/*.p12", "file:/run/secrets/p12").is_ok());
        for wrong in [
            "hunter2",
            "env:",
            "env:A B",
            "file:relative",
            "pass:hunter2",
        ] {
            let fault = check_password("/a/*.p12", wrong).expect_err(wrong);
            assert!(!fault.message.contains("hunter2"), "{}", fault.message);
        }
    }
}
