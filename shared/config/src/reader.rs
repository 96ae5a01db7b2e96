//! Reads a merged section into its typed struct. Each method checks the value it reads and notes
//! what is wrong; it then goes on with a placeholder, so that one run finds every mistake. With a
//! mistake noted, nobody sees the struct.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::error::{Findings, Refusal};
use crate::forms::shown;
use crate::located::{Located, Member, Value};
use crate::schema::{list_title, nearest, section_title};
use crate::source::Place;

/// A value that is never printed; `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Why a value is refused, and a way out.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// An enum whose values have names in the config.
pub(crate) trait Choice: Copy + 'static {
    /// All of them, the default first.
    const ALL: &'static [(&'static str, Self)];

    /// The name of a value.
    fn name(self) -> &'static str
    where
        Self: PartialEq,
    {
        let mut all = Self::ALL.iter();
        all.find(|(_, value)| *value == self)
            .map_or("", |(name, _)| name)
    }
}

/// The keys of one section, or of one entry in a list of tables.
pub(crate) struct Reader<'a> {
    section: &'a str,
    title: String,
    members: &'a [Member],
    findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(section: &'a str, members: &'a [Member], findings: &'a mut Findings) -> Self {
        Self {
            section,
            title: section_title(section),
            members,
            findings,
        }
    }

    fn find(&self, key: &str) -> Option<&'a Located> {
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(&member.value)
    }

    /// Every key that is read without `optional_` has a default, so a key that is missing is
    /// missing in `default.toml`. A key of an entry may be missing too, which the check of kinds
    /// has said already.
    fn miss(&mut self, key: &str) {
        if self.findings.mention(self.section, key) {
            return;
        }
        self.findings.refuse(Refusal {
            place: Place::NOWHERE,
            section: self.section,
            key: Some(key),
            message: format!(
                "default.toml has no `{key}` of the right kind in {}",
                self.title
            ),
            label: String::new(),
            hint: None,
        });
    }

    /// Notes what is wrong with a key's value, or a part of it.
    pub(crate) fn refuse(&mut self, key: &str, place: Place, fault: Fault) {
        self.findings.refuse(Refusal {
            place,
            section: self.section,
            key: Some(key),
            message: format!("`{key}` in {}: {}", self.title, fault.message),
            label: String::new(),
            hint: fault.hint,
        });
    }

    /// Notes what is wrong with a key's value as a whole.
    pub(crate) fn refuse_value(&mut self, key: &str, fault: Fault) {
        let place = self.find(key).map_or(Place::NOWHERE, |found| found.place);
        self.refuse(key, place, fault);
    }

    /// Whether a list was written without entries; one whose entries were all refused is not empty.
    pub(crate) fn is_empty_list(&self, key: &str) -> bool {
        match self.find(key).map(|found| &found.value) {
            Some(Value::List(items)) => items.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn boolean(&mut self, key: &str) -> bool {
        if let Some(Value::Boolean(value)) = self.find(key).map(|found| &found.value) {
            return *value;
        }
        self.miss(key);
        false
    }

    /// As [`Self::boolean`], for a key without a default.
    pub(crate) fn optional_boolean(&mut self, key: &str) -> Option<bool> {
        self.find(key)?;
        Some(self.boolean(key))
    }

    /// As [`Self::parsed`], for a key without a default.
    pub(crate) fn optional_parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        self.find(key)?;
        self.parsed(key, parse)
    }

    /// A whole number within a range.
    pub(crate) fn whole(&mut self, key: &str, range: RangeInclusive<u32>) -> u32 {
        let Some((Value::Integer(value), place)) =
            self.find(key).map(|found| (&found.value, found.place))
        else {
            self.miss(key);
            return *range.start();
        };
        match u32::try_from(*value) {
            Ok(value) if range.contains(&value) => value,
            _ => {
                let (least, most) = (range.start(), range.end());
                let fault = format!("{value} is out of range, it must be {least} to {most}");
                self.refuse(key, place, Fault::new(fault));
                *least
            }
        }
    }

    /// A list of ports.
    pub(crate) fn ports(&mut self, key: &str) -> Vec<u16> {
        self.whole_list(key, |number| match u16::try_from(number) {
            Ok(port) => Ok(port),
            Err(_) => Err(format!("{number} is no port, it must be 0 to 65535")),
        })
    }

    /// A list of whole numbers within a range.
    pub(crate) fn wholes(&mut self, key: &str, range: RangeInclusive<u32>) -> Vec<u32> {
        let (least, most) = (range.start(), range.end());
        self.whole_list(key, |number| match u32::try_from(number) {
            Ok(value) if range.contains(&value) => Ok(value),
            _ => Err(format!(
                "{number} is out of range, it must be {least} to {most}"
            )),
        })
    }

    /// A list of whole numbers, each turned into something; those that are refused are left out.
    fn whole_list<T>(&mut self, key: &str, parse: impl Fn(i64) -> Result<T, String>) -> Vec<T> {
        let Some(Value::List(items)) = self.find(key).map(|found| &found.value) else {
            self.miss(key);
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in items {
            if let Value::Integer(number) = &item.value {
                match parse(*number) {
                    Ok(number) => numbers.push(number),
                    Err(fault) => self.refuse(key, item.place, Fault::new(fault)),
                }
            }
        }
        numbers
    }

    /// A string that is turned into something; `None` when it is refused, or absent where that is
    /// allowed.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let Some((Value::Text(text) | Value::Time(text), place)) =
            self.find(key).map(|found| (&found.value, found.place))
        else {
            self.miss(key);
            return None;
        };
        parse(text)
            .map_err(|fault| self.refuse(key, place, fault))
            .ok()
    }

    /// As [`Self::parsed`], where the empty string stands for nothing.
    pub(crate) fn parsed_or_empty<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        self.parsed(key, |text| match text {
            "" => Ok(None),
            text => parse(text).map(Some),
        })
        .flatten()
    }

    /// A list of strings, each turned into something; those that are refused are left out.
    pub(crate) fn parsed_list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Vec<T> {
        self.optional_parsed_list(key, parse).unwrap_or_else(|| {
            self.miss(key);
            Vec::new()
        })
    }

    /// As [`Self::parsed_list`], for a key without a default.
    pub(crate) fn optional_parsed_list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        let Some(Value::List(items)) = self.find(key).map(|found| &found.value) else {
            return None;
        };
        let mut parsed = Vec::new();
        for item in items {
            if let Value::Text(text) = &item.value {
                match parse(text) {
                    Ok(value) => parsed.push(value),
                    Err(fault) => self.refuse(key, item.place, fault),
                }
            }
        }
        Some(parsed)
    }

    /// A table of the user's own keys with strings, each pair checked.
    pub(crate) fn text_table(
        &mut self,
        key: &str,
        check: impl Fn(&str, &str) -> Result<(), Fault>,
    ) -> BTreeMap<String, String> {
        let Some(Value::Table(members)) = self.find(key).map(|found| &found.value) else {
            self.miss(key);
            return BTreeMap::new();
        };
        let mut table = BTreeMap::new();
        for member in members {
            if let Value::Text(text) = &member.value.value {
                if let Err(fault) = check(&member.key, text) {
                    self.refuse(key, member.value.place, fault);
                }
                table.insert(member.key.clone(), text.clone());
            }
        }
        table
    }

    /// One of a few names.
    pub(crate) fn choice<T: Choice>(&mut self, key: &str) -> Option<T> {
        self.parsed(key, parse_choice)
    }

    /// As [`Self::choice`], for a key without a default.
    pub(crate) fn optional_choice<T: Choice>(&mut self, key: &str) -> Option<T> {
        self.find(key)?;
        self.choice(key)
    }

    /// A secret; the empty string stands for none.
    pub(crate) fn secret(&mut self, key: &str) -> Option<Secret> {
        let Some((Value::Text(text), place)) =
            self.find(key).map(|found| (&found.value, found.place))
        else {
            return None;
        };
        // The stars of `check --print`, pasted back, would be a password that everybody can read in
        // the source.
        if text == "***" {
            let fault = Fault::new("`***` only stands for a secret that is not printed");
            self.refuse(key, place, fault.hint("put the secret itself here"));
        }
        if text.contains(char::is_control) {
            let fault = "a secret must not contain line breaks or other control characters";
            self.refuse(key, place, Fault::new(fault));
        }
        (!text.is_empty()).then(|| Secret(text.clone()))
    }

    /// The entries of a list of tables, such as `[[aws.accounts]]`, each read on its own.
    pub(crate) fn entries<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Reader<'_>) -> T,
    ) -> Vec<T> {
        let Some(Value::List(entries)) = self.find(key).map(|found| &found.value) else {
            return Vec::new();
        };
        let tables = entries.iter().filter_map(|entry| match &entry.value {
            Value::Table(members) => Some(members),
            _ => None,
        });
        tables
            .map(|members| {
                read(&mut Reader {
                    section: self.section,
                    title: list_title(self.section, key),
                    members,
                    findings: &mut *self.findings,
                })
            })
            .collect()
    }
}

/// Looks a name up in the names of a choice.
pub(crate) fn parse_choice<T: Choice>(text: &str) -> Result<T, Fault> {
    let found = T::ALL.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names = T::ALL.iter().map(|(name, _)| *name);
        let known: Vec<String> = names.clone().map(|name| format!("\"{name}\"")).collect();
        let known = known.join(", ");
        let fault = Fault::new(format!("{} is none of {known}", shown(text)));
        match nearest(text, names) {
            Some(name) => fault.hint(format!("did you mean \"{name}\"?")),
            None => fault,
        }
    })
}
