//! Mail addresses in the form in which they are compared: domains as A-labels in lower case, whole labels only.
//!
//! What a domain looks like proves nothing: `exаmple.com` with a Cyrillic `а` is `xn--exmple-4nf.com`, and matches only
//! what was configured as that.

use lamplighter_config::Correspondent;

/// An address that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// What stands before the `@`, in lower case.
    pub local: String,
    /// The domain, as A-labels in lower case.
    pub domain: String,
}

impl Mailbox {
    /// Reads `ann@example.com` or `<ann@example.com>`. `None` for what has no domain that exists in DNS's own form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or(text);
        let (local, domain) = bare.rsplit_once('@')?;
        let local = local.trim();
        if local.is_empty() {
            return None;
        }
        Some(Self {
            // Nearly every host ignores case here, and who receives mail for `Ann` and `ann` apart has other worries.
            local: unquoted(local).to_lowercase(),
            domain: a_labels(domain)?,
        })
    }
}

/// A domain as DNS has it: A-labels in lower case, without the dot at its end. RFC 5891, with the mapping of UTS 46,
/// which browsers use too.
pub fn a_labels(domain: &str) -> Option<String> {
    let domain = domain.trim();
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.is_empty() || domain.split('.').any(str::is_empty) {
        return None;
    }
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    // 253 letters are the most of a name in DNS. RFC 1035, section 3.1.
    (!ascii.is_empty() && ascii.len() <= 253 && ascii.bytes().all(is_plain)).then_some(ascii)
}

/// `"john doe"` is the mailbox `john doe`. RFC 5321, section 4.1.2.
fn unquoted(local: &str) -> String {
    let Some(inner) = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return local.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            letter => plain.push(letter),
        }
    }
    plain
}

/// Somebody of a list, in the form in which domains are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One address.
    Address(Mailbox),
    /// A domain.
    Domain(String),
    /// A domain and those below it.
    DomainAndBelow(String),
}

impl Known {
    /// Reads an entry of the configuration; `None` if its domain cannot exist.
    pub fn read(entry: &Correspondent) -> Option<Self> {
        Some(match entry {
            Correspondent::Address { local, domain } => Self::Address(Mailbox {
                local: unquoted(local).to_lowercase(),
                domain: a_labels(domain)?,
            }),
            Correspondent::Domain(domain) => Self::Domain(a_labels(domain)?),
            Correspondent::DomainAndBelow(domain) => Self::DomainAndBelow(a_labels(domain)?),
        })
    }

    /// Whether an address is meant. Labels are compared whole: `evil-example.com` and `example.com.evil.org` are not
    /// below `example.com`.
    pub fn is(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Address(known) => known == mailbox,
            Self::Domain(domain) => *domain == mailbox.domain,
            Self::DomainAndBelow(domain) => {
                mailbox.domain == *domain
                    || mailbox
                        .domain
                        .strip_suffix(domain.as_str())
                        .is_some_and(|above| above.ends_with('.'))
            }
        }
    }
}

/// The sender of an envelope as it was before forwarders and bounce filters rewrote it. Never to be trusted: what SPF
/// has checked is the rewritten one.
///
/// BATV: `prvs=<tag>=<local>@<domain>` (draft-levine-smtp-batv), and `btv1==<tag>==<local>@<domain>` of Barracuda.
/// SRS: `SRS0=<hash>=<time>=<domain>=<local>@<forwarder>`, and `SRS1=<hash>=<forwarder>==…` after a second one
/// (<https://www.libsrs2.org/srs/srs.pdf>).
pub fn original_sender(envelope: &str) -> String {
    let mut address = envelope.trim().to_owned();
    // Each can wrap the other; a hostile one must not keep us.
    for _ in 0..4 {
        match unwrapped(&address) {
            Some(inner) => address = inner,
            None => break,
        }
    }
    address
}

fn unwrapped(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let lower = local.to_ascii_lowercase();
    if lower.starts_with("prvs=") {
        let (tag, inner) = local.get(5..)?.split_once('=')?;
        let is_tag = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return (is_tag && !inner.is_empty()).then(|| format!("{inner}@{domain}"));
    }
    if lower.starts_with("btv1==") {
        let (_, inner) = local.get(6..)?.split_once("==")?;
        return (!inner.is_empty()).then(|| format!("{inner}@{domain}"));
    }
    let is_separator = |at: usize| matches!(local.as_bytes().get(at), Some(b'=' | b'+' | b'-'));
    if lower.starts_with("srs0") && is_separator(4) {
        return from_srs0(local.get(5..)?);
    }
    if lower.starts_with("srs1") && is_separator(4) {
        // `<hash>=<first forwarder>=` and then what followed `SRS0` there, its separator first.
        let mut parts = local.get(5..)?.splitn(3, '=');
        let (_hash, _forwarder, rest) = (parts.next()?, parts.next()?, parts.next()?);
        return from_srs0(rest.strip_prefix(['=', '+', '-'])?);
    }
    None
}

/// `<hash>=<time>=<domain>=<local>`.
fn from_srs0(rest: &str) -> Option<String> {
    let mut parts = rest.splitn(4, '=');
    let (_hash, _time) = (parts.next()?, parts.next()?);
    let (domain, local) = (parts.next()?, parts.next()?);
    (!domain.is_empty() && !local.is_empty()).then(|| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_below_example_com(address: &str) -> bool {
        let known = Known::DomainAndBelow("example.com".to_owned());
        Mailbox::parse(address).is_some_and(|mailbox| known.is(&mailbox))
    }

    #[test]
    fn a_domain_is_compared_label_by_label() {
        for inside in [
            "ann@example.com",
            "ann@EXAMPLE.com.",
            "<ann@mail.example.com>",
            "ann@a.b.example.com",
        ] {
            assert!(is_below_example_com(inside), "{inside}");
        }
        for outside in [
            "ann@evil-example.com",
            "ann@evilexample.com",
            "ann@example.com.evil.org",
            "ann@example.co",
            "ann@com",
            "ann@exаmple.com",
            "ann@example。com.evil.org",
            "example.com",
            "@example.com",
            "ann@",
            "ann@.example.com",
            "ann@[192.0.2.1]",
            "",
        ] {
            assert!(!is_below_example_com(outside), "{outside}");
        }
    }

    #[test]
    fn only_the_last_at_sign_separates_the_domain() {
        let mailbox = Mailbox::parse("\"ann@example.com\"@evil.org").expect("an address");
        assert_eq!(mailbox.domain, "evil.org");
        assert_eq!(mailbox.local, "ann@example.com");
    }

    #[test]
    fn international_domains_are_compared_as_dns_has_them() {
        let known = Known::read(&Correspondent::DomainAndBelow("Bücher.example".to_owned()));
        let known = known.expect("a domain");
        for same in [
            "a@bücher.example",
            "a@BÜCHER.example",
            "a@xn--bcher-kva.example",
            "a@x.XN--BCHER-KVA.example",
        ] {
            assert!(known.is(&Mailbox::parse(same).expect(same)), "{same}");
        }
        assert!(!known.is(&Mailbox::parse("a@bucher.example").expect("an address")));
        assert_eq!(
            a_labels("exаmple.com").as_deref(),
            Some("xn--exmple-4nf.com")
        );
    }

    #[test]
    fn an_address_matches_whole_and_in_any_case() {
        let known = Known::read(&Correspondent::Address {
            local: "Ann.Lee".to_owned(),
            domain: "Example.com".to_owned(),
        });
        let known = known.expect("an address");
        assert!(known.is(&Mailbox::parse("ann.lee@EXAMPLE.COM").expect("an address")));
        assert!(!known.is(&Mailbox::parse("ann.lee@mail.example.com").expect("an address")));
        assert!(!known.is(&Mailbox::parse("annlee@example.com").expect("an address")));
    }

    #[test]
    fn rewritten_senders_are_told_as_they_were() {
        for (rewritten, original) in [
            ("prvs=144d0cba7=sender@example.com", "sender@example.com"),
            ("PRVS=144d0cba7=a=b@example.com", "a=b@example.com"),
            ("btv1==0123456789==ann@example.com", "ann@example.com"),
            (
                "SRS0=HHH=TT=example.com=ann@forwarder.net",
                "ann@example.com",
            ),
            (
                "SRS0+HHH=TT=example.com=a=b@forwarder.net",
                "a=b@example.com",
            ),
            (
                "SRS1=HHH=forwarder.net==HHH=TT=example.com=ann@second.net",
                "ann@example.com",
            ),
            (
                "prvs=144d0cba7=SRS0=HHH=TT=example.com=ann@forwarder.net",
                "ann@example.com",
            ),
            ("ann@example.com", "ann@example.com"),
            ("prvs=ann@example.com", "prvs=ann@example.com"),
            ("prvs==ann@example.com", "prvs==ann@example.com"),
            ("SRS0=HHH@forwarder.net", "SRS0=HHH@forwarder.net"),
            ("srs0@example.com", "srs0@example.com"),
            ("<>", "<>"),
            ("", ""),
        ] {
            assert_eq!(original_sender(rewritten), original, "{rewritten}");
        }
    }
}
