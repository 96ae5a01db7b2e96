//! The forms that strings must have: addresses, regions, zones, ARNs, tag keys.

use chrono_tz::Tz;

use crate::reader::Fault;
use crate::schema::nearest;

/// A value in backticks, fit for one line of a message.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    if text.is_empty() {
        return "the empty string".to_owned();
    }
    let mut short: String = text
        .chars()
        .take(MOST)
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// Whether the whole text matches. The patterns are constants with a test; one that is broken
/// matches nothing.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

/// A mail address, `a@b` or `Name <a@b>`. SES takes only ASCII in the address itself.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>
pub(crate) fn address(text: &str) -> Result<String, Fault> {
    // A line break would let a config value add headers to the mail.
    if text.contains(char::is_control) {
        let fault = format!(
            "{} contains a line break or another control character",
            shown(text)
        );
        return Err(Fault::new(fault));
    }
    let bare = match text.split_once('<') {
        Some((name, rest)) if !name.contains(['>', '@', ',', ';']) => rest.strip_suffix('>'),
        Some(_) => None,
        None => Some(text),
    };
    let local = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*";
    if bare.is_some_and(|bare| matches(&format!("{local}@{DOMAIN}"), bare)) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("{} is no mail address", shown(text)));
    let is_several = text.contains([',', ';']) && text.matches('@').count() > 1;
    Err(match is_several {
        true => fault.hint("one address per entry: [\"a@example.com\", \"b@example.com\"]"),
        false => fault.hint("write \"ops@example.com\" or \"Ops <ops@example.com>\""),
    })
}

const DOMAIN: &str =
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*";

/// A mail domain, without the `@`; in lower case, as domains are compared.
pub(crate) fn domain(text: &str) -> Result<String, Fault> {
    if matches(DOMAIN, text) {
        return Ok(text.to_ascii_lowercase());
    }
    let fault = Fault::new(format!("{} is no domain", shown(text)));
    Err(match text.rsplit_once('@') {
        Some((_, domain)) if matches(DOMAIN, domain) => {
            fault.hint(format!("write \"{domain}\", without what stands before it"))
        }
        _ => fault,
    })
}

/// The name of a region, as `eu-west-1`, `us-gov-east-1` or `eusc-de-east-1`.
pub(crate) fn region(text: &str) -> Result<String, Fault> {
    if matches("[a-z]{2,4}(-[a-z]+)+-[0-9]", text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("{} is no region", shown(text)));
    Err(match text.trim_end_matches(char::is_alphabetic) {
        zone if zone != text && region(zone).is_ok() => fault.hint(format!(
            "that is an availability zone; its region is \"{zone}\""
        )),
        _ => fault.hint("write it like \"eu-west-1\""),
    })
}

/// The regions to work in: names, or `all` and nothing else.
pub(crate) fn region_or_all(text: &str) -> Result<String, Fault> {
    match text {
        "all" => Ok(text.to_owned()),
        text => region(text),
    }
}

/// A time zone of the IANA list.
pub(crate) fn zone(text: &str) -> Result<Tz, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(format!("{} is no time zone of the IANA list", shown(text)));
        match nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())) {
            Some(name) => fault.hint(format!("did you mean \"{name}\"?")),
            None => fault.hint("write it like \"Europe/Berlin\", or \"UTC\""),
        }
    })
}

/// The ARN of an IAM role.
pub(crate) fn role(text: &str) -> Result<String, Fault> {
    // Paths and names: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    if matches(
        r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+",
        text,
    ) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("{} is no ARN of an IAM role", shown(text)));
    Err(fault.hint("write it like \"arn:aws:iam::123456789012:role/lamplighter\""))
}

/// The account in a role's ARN.
pub(crate) fn account_of(role: &str) -> &str {
    role.split(':').nth(4).unwrap_or_default()
}

/// The name of a bucket.
pub(crate) fn bucket(text: &str) -> Result<String, Fault> {
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
    let is_bucket = (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.ends_with(|letter: char| letter.is_ascii_alphanumeric());
    match is_bucket {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(format!(
            "{} is no name of a bucket",
            shown(text)
        ))),
    }
}

/// An account's id.
pub(crate) fn account_id(text: &str) -> Result<String, Fault> {
    match matches("[0-9]{12}", text) {
        true => Ok(text.to_owned()),
        false => {
            let fault = format!("{} is no account id, it must be twelve digits", shown(text));
            Err(Fault::new(fault))
        }
    }
}

/// An account's alias. IAM's own are of this form, and reports have no room for more.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html>
pub(crate) fn account_alias(text: &str) -> Result<String, Fault> {
    match matches("[a-z0-9](-?[a-z0-9])*", text) && (3..=63).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(format!(
            "{} is no account alias, it must be 3 to 63 lower-case letters, digits and single dashes",
            shown(text)
        ))),
    }
}

/// The key of a tag.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>
pub(crate) fn tag_key(text: &str) -> Result<String, Fault> {
    let fault = match text {
        _ if text.trim().is_empty() => "a tag key must not be empty".to_owned(),
        _ if text.contains(char::is_control) => {
            format!(
                "{} contains a line break or another control character",
                shown(text)
            )
        }
        _ if text.chars().count() > 128 => {
            format!(
                "{} is longer than the 128 characters of a tag key",
                shown(text)
            )
        }
        _ => return Ok(text.to_owned()),
    };
    Err(Fault::new(fault))
}

/// A tag that people can set: AWS keeps `aws:` for itself.
pub(crate) fn own_tag_key(text: &str) -> Result<String, Fault> {
    if text.to_ascii_lowercase().starts_with("aws:") {
        let fault = format!(
            "{} cannot be required: only AWS sets `aws:` tags",
            shown(text)
        );
        return Err(Fault::new(fault));
    }
    tag_key(text)
}

/// A regular expression that will be matched against a whole value.
pub(crate) fn whole_pattern(text: &str) -> Result<(), Fault> {
    let whole = format!("^(?:{text})$");
    // Both: `a)(b` is wrong, and is right only between the anchors' parentheses.
    match (regex_lite::Regex::new(text), regex_lite::Regex::new(&whole)) {
        (Ok(_), Ok(_)) => Ok(()),
        (Err(error), _) | (_, Err(error)) => Err(Fault::new(format!(
            "{} is no regular expression: {error}",
            shown(text)
        ))),
    }
}
