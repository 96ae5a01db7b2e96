//! One mail address with an optional display name.

use std::borrow::Cow;
use std::fmt;

use lamplighter_report::visible;

use crate::MailError;

/// The longest local part, domain and address in octets, the last without its angle brackets.
/// <https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1>
const MAX_LOCAL_PART: usize = 64;
const MAX_DOMAIN: usize = 253;
const MAX_ADDRESS: usize = 254;
/// The longest label of a domain name. <https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>
const MAX_LABEL: usize = 63;

/// A checked mail address, such as `Ops <ops@example.com>`.
///
/// Only what mail services take is accepted: an ASCII local part without quotes, and a domain with a dot in it. SES
/// supports no others. <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    name: Option<String>,
    local_part: String,
    domain: String,
}

impl Address {
    /// Reads `ops@example.com`, `<ops@example.com>`, `Ops <ops@example.com>` or `"Ops, EU" <ops@example.com>`.
    pub fn parse(text: &str) -> Result<Self, MailError> {
        // An owner's address may come from a tag, where a right-to-left override makes another name of it.
        if matches!(visible(text), Cow::Owned(_)) {
            return Err(MailError::Address(
                "it holds a control character or an invisible one",
            ));
        }
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>') {
            None => (None, text),
            Some(rest) => {
                let (name, address) = rest
                    .rsplit_once('<')
                    .ok_or(MailError::Address("it has `>` without `<`"))?;
                (display_name(name.trim())?, address)
            }
        };
        let (local_part, domain) = address
            .rsplit_once('@')
            .ok_or(MailError::Address("it has no `@`"))?;
        check_local_part(local_part)?;
        check_domain(domain)?;
        if address.len() > MAX_ADDRESS {
            return Err(MailError::Address("it is longer than 254 characters"));
        }
        Ok(Self {
            name,
            local_part: local_part.to_owned(),
            // Domains are the same in any case, so that equal addresses compare as equal.
            domain: domain.to_ascii_lowercase(),
        })
    }

    /// The address without the name: `ops@example.com`.
    pub fn email(&self) -> String {
        format!("{}@{}", self.local_part, self.domain)
    }

    /// The part after the `@`, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The display name, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Says that there is an address, and not which: `Debug` output ends up in logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

fn display_name(name: &str) -> Result<Option<String>, MailError> {
    let name = match name.strip_prefix('"') {
        Some(rest) => {
            let quoted = rest
                .strip_suffix('"')
                .ok_or(MailError::Address("its name has only one quotation mark"))?;
            unquoted(quoted)?
        }
        None if name.contains(['<', '>', '"', ',', ';', '@']) => {
            return Err(MailError::Address(
                "its name holds one of `< > \" , ; @` and is not in quotation marks",
            ));
        }
        None => name.to_owned(),
    };
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn unquoted(text: &str) -> Result<String, MailError> {
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Err(MailError::Address("its name has a quotation mark within")),
            '\\' => name.push(
                characters
                    .next()
                    .ok_or(MailError::Address("its name ends in a backslash"))?,
            ),
            plain => name.push(plain),
        }
    }
    Ok(name)
}

fn check_local_part(local_part: &str) -> Result<(), MailError> {
    let is_atom = |character: char| {
        character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
    };
    if local_part.len() > MAX_LOCAL_PART {
        return Err(MailError::Address(
            "the part before `@` is longer than 64 characters",
        ));
    }
    if !local_part.is_ascii() {
        return Err(MailError::Address("the part before `@` is not ASCII"));
    }
    if local_part
        .split('.')
        .any(|atom| atom.is_empty() || !atom.chars().all(is_atom))
    {
        return Err(MailError::Address(
            "the part before `@` is empty or malformed",
        ));
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), MailError> {
    if !domain.is_ascii() {
        return Err(MailError::Address(
            "the domain is not ASCII; write it in its `xn--` form",
        ));
    }
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '-')
    };
    if domain.len() > MAX_DOMAIN || !domain.split('.').all(is_label) {
        return Err(MailError::Address("the domain is malformed"));
    }
    if !domain.contains('.') {
        return Err(MailError::Address("the domain has no dot"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_forms_are_understood() {
        for (text, name, email) in [
            ("ops@example.com", None, "ops@example.com"),
            (" <ops@Example.COM> ", None, "ops@example.com"),
            ("Ops <ops@example.com>", Some("Ops"), "ops@example.com"),
            (
                "\"Ops, EU\" <ops+eu@example.com>",
                Some("Ops, EU"),
                "ops+eu@example.com",
            ),
            (
                "\"a \\\"b\\\" c\" <x@example.com>",
                Some("a \"b\" c"),
                "x@example.com",
            ),
            (
                "Équipe 東京 <x@xn--bcher-kva.example>",
                Some("Équipe 東京"),
                "x@xn--bcher-kva.example",
            ),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!((address.name(), address.email().as_str()), (name, email));
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_with_the_reason() {
        let long = format!("{}@example.com", "a".repeat(65));
        for (text, reason) in [
            ("", "it has no `@`"),
            ("ops", "it has no `@`"),
            ("@example.com", "the part before `@` is empty or malformed"),
            (
                "a..b@example.com",
                "the part before `@` is empty or malformed",
            ),
            (
                "a b@example.com",
                "the part before `@` is empty or malformed",
            ),
            (
                "a@b@example.com",
                "the part before `@` is empty or malformed",
            ),
            (
                "a@example.com, b@example.com",
                "the part before `@` is empty or malformed",
            ),
            ("ä@example.com", "the part before `@` is not ASCII"),
            (
                "a@bücher.example",
                "the domain is not ASCII; write it in its `xn--` form",
            ),
            ("a@localhost", "the domain has no dot"),
            ("a@-x.example", "the domain is malformed"),
            ("a@x..example", "the domain is malformed"),
            ("a@example.com>", "it has `>` without `<`"),
            (
                "A, B <a@example.com>",
                "its name holds one of `< > \" , ; @` and is not in quotation marks",
            ),
            (
                "\"A <a@example.com>",
                "its name has only one quotation mark",
            ),
            (&long, "the part before `@` is longer than 64 characters"),
        ] {
            assert_eq!(
                Address::parse(text),
                Err(MailError::Address(reason)),
                "{text}"
            );
        }
    }

    #[test]
    fn control_and_invisible_characters_are_refused_wherever_they_stand() {
        for text in [
            "ops@example.com\r\nBcc: evil@example.com",
            "Ops\nBcc: evil@example.com <ops@example.com>",
            "\"Ops\0\" <ops@example.com>",
            "ops\u{1b}@example.com",
            "ops@example.com\n",
            "Ann\u{202e} <ann@example.com>",
        ] {
            assert_eq!(
                Address::parse(text),
                Err(MailError::Address(
                    "it holds a control character or an invisible one"
                ))
            );
        }
    }

    #[test]
    fn debug_output_does_not_tell_the_address() {
        let address = Address::parse("Ann <ann@example.com>").expect("an address");
        assert_eq!(format!("{address:?}"), "Address(..)");
    }
}
