//! `[[exceptions]]`: findings that somebody answers for until a date.

use std::ops::Deref;

use chrono::NaiveDate;

use crate::forms::{self, shown};
use crate::reader::{Fault, Reader};
use crate::schema::{Key, Kind, ROOT};
use crate::sections::Section;

/// The exceptions, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

/// Findings of one rule that are accepted until a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name. Whether there is such a rule is the caller's to say with
    /// [`Config::error_in_exception`](crate::Config::error_in_exception).
    pub rule: String,
    /// Which resources: an ARN with `*` and `?`, or `tag:Key=Value`.
    pub resource: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was decided.
    pub ticket: String,
    /// The last day on which it holds, in UTC.
    pub expires: NaiveDate,
}

impl Exception {
    /// The key of the tag that it asks for, of one that names resources by a tag.
    pub fn tag_key(&self) -> Option<&str> {
        let (key, _) = self.resource.strip_prefix(TAG)?.split_once('=')?;
        Some(key)
    }
}

impl Deref for Exceptions {
    type Target = [Exception];

    fn deref(&self) -> &[Exception] {
        &self.0
    }
}

const TAG: &str = "tag:";

/// The name of the list.
pub(crate) const LIST: &str = "exceptions";

const KEYS: &[Key] = &[
    Key::required("rule", Kind::Text),
    Key::required("resource", Kind::Text),
    Key::required("reason", Kind::Text),
    Key::required("owner", Kind::Text),
    Key::required("ticket", Kind::Text),
    Key::required("expires", Kind::Date),
];

impl Section for Exceptions {
    const NAME: &'static str = ROOT;
    const OPTIONAL: &'static [Key] = &[Key::optional(LIST, Kind::Entries(KEYS))];

    fn read(section: &mut Reader<'_>) -> Self {
        let mut seen = Vec::new();
        Self(section.entries(LIST, |entry| read_entry(entry, &mut seen)))
    }
}

fn read_entry(entry: &mut Reader<'_>, seen: &mut Vec<(String, String)>) -> Exception {
    let rule = entry.parsed("rule", line);
    let resource = entry.parsed("resource", pattern);
    if let (Some(rule), Some(resource)) = (&rule, &resource) {
        let pair = (rule.clone(), resource.clone());
        if seen.contains(&pair) {
            let fault = Fault::new("the same rule and resource have an exception already");
            entry.refuse_value("resource", fault.hint("keep the one that still holds"));
        }
        seen.push(pair);
    }
    Exception {
        rule: rule.unwrap_or_default(),
        resource: resource.unwrap_or_default(),
        reason: entry.parsed("reason", line).unwrap_or_default(),
        owner: entry.parsed("owner", line).unwrap_or_default(),
        ticket: entry.parsed("ticket", line).unwrap_or_default(),
        expires: entry.parsed("expires", date).unwrap_or_default(),
    }
}

/// Something in one line.
fn line(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("it must not be empty"));
    }
    if text.contains(char::is_control) {
        let fault = format!(
            "{} contains a line break or another control character",
            shown(text)
        );
        return Err(Fault::new(fault));
    }
    Ok(text.trim().to_owned())
}

fn pattern(text: &str) -> Result<String, Fault> {
    let hint = "write an ARN, with `*` and `?` where it may differ, or \"tag:Key=Value\"";
    let text = line(text)?;
    if let Some(tag) = text.strip_prefix(TAG) {
        let Some((key, _)) = tag.split_once('=') else {
            return Err(Fault::new(format!("{} names no value", shown(&text))).hint(hint));
        };
        forms::tag_key(key)?;
        return Ok(text);
    }
    match text.starts_with("arn:") {
        true => Ok(text),
        false => Err(Fault::new(format!("{} is no pattern of an ARN", shown(&text))).hint(hint)),
    }
}

fn date(text: &str) -> Result<NaiveDate, Fault> {
    // Ten characters, so that `1-1-1` is a typing error and not the year 1.
    let parsed = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    parsed.filter(|_| text.len() == 10).ok_or_else(|| {
        Fault::new(format!("{} is no date", shown(text))).hint(
            "write it like `expires = 2027-06-30`; it holds through the end of that day in UTC",
        )
    })
}
