//! TOML values with the place of each part, whatever layer they come from.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::source::Place;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// The kinds of TOML values that some key may have, and the others by name only.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Boolean(bool),
    Integer(i64),
    Text(String),
    /// A date or a time, as it was written.
    Time(String),
    List(Vec<Located>),
    Table(Vec<Member>),
    /// A value that no key takes; the name is for the message that refuses it.
    Other(&'static str),
}

/// A key with its value, in the order of the text.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Located,
}

impl Value {
    /// The name of the value's kind, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Text(text) if text.is_empty() => "an empty string",
            Self::Text(_) => "a string",
            Self::Time(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }

    /// The value as TOML prints it, in one line. Secrets are the caller's to leave out.
    pub(crate) fn to_toml(&self) -> toml::Value {
        match self {
            Self::Boolean(value) => toml::Value::Boolean(*value),
            Self::Integer(value) => toml::Value::Integer(*value),
            Self::Text(value) => toml::Value::String(value.clone()),
            // What was read as a time is one.
            Self::Time(value) => value.parse().map_or_else(
                |_| toml::Value::String(value.clone()),
                toml::Value::Datetime,
            ),
            Self::List(items) => {
                toml::Value::Array(items.iter().map(|item| item.value.to_toml()).collect())
            }
            Self::Table(members) => toml::Value::Table(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.value.to_toml()))
                    .collect(),
            ),
            Self::Other(name) => toml::Value::String((*name).to_owned()),
        }
    }
}

/// Turns parsed TOML into located values; `offset` is where the parsed text begins in its source.
pub(crate) struct Locator {
    pub(crate) source: usize,
    pub(crate) offset: usize,
}

impl Locator {
    pub(crate) fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place {
            source: self.source,
            start: self.offset + span.start,
            end: self.offset + span.end,
        }
    }

    /// The members of a table, in the order of the text: the parser sorts them by name.
    pub(crate) fn members(&self, table: &DeTable<'_>) -> Vec<Member> {
        let mut members: Vec<Member> = table
            .iter()
            .map(|(key, value)| Member {
                key: key.get_ref().to_string(),
                key_place: self.place(key.span()),
                value: self.locate(value),
            })
            .collect();
        members.sort_by_key(|member| member.key_place.start);
        members
    }

    pub(crate) fn locate(&self, spanned: &Spanned<DeValue<'_>>) -> Located {
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(integer) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(integer) => Value::Integer(integer),
                    Err(_) => Value::Other("an integer beyond 64 bits"),
                }
            }
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.locate(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.members(table)),
        };
        Located {
            value,
            place: self.place(spanned.span()),
        }
    }

    /// A value that has no text of its own, as a flag's: every part has the same place.
    pub(crate) fn adopt(&self, value: &toml::Value) -> Located {
        let place = self.place(0..0);
        let value = match value {
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(integer) => Value::Integer(*integer),
            toml::Value::Boolean(boolean) => Value::Boolean(*boolean),
            toml::Value::Float(_) => Value::Other("a number with a fraction"),
            toml::Value::Datetime(time) => Value::Time(time.to_string()),
            toml::Value::Array(items) => {
                Value::List(items.iter().map(|item| self.adopt(item)).collect())
            }
            toml::Value::Table(table) => Value::Table(
                table
                    .iter()
                    .map(|(key, value)| Member {
                        key: key.clone(),
                        key_place: place,
                        value: self.adopt(value),
                    })
                    .collect(),
            ),
        };
        Located { value, place }
    }
}
