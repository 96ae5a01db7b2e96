//! Looking at JSON that may be anything.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// A text at this place that is not empty.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// The same, to keep.
pub(crate) fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(str::to_owned)
}

/// A time as RFC 3339 writes it.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    parse_time(value.pointer(pointer)?)
}

/// A time as RFC 3339 writes it.
pub(crate) fn parse_time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

/// What kind of JSON it is, for a message.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A stranger's text for a message: one line, and not longer than a line.
pub(crate) fn short(text: &str) -> String {
    const MAX: usize = 120;
    let mut short = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == MAX {
            short.push('…');
            break;
        }
        if character.is_control() {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

/// The names of what an object holds, for a message.
pub(crate) fn names(object: &Map<String, Value>) -> String {
    const MAX: usize = 8;
    if object.is_empty() {
        return "it is empty".to_owned();
    }
    let mut names: Vec<String> = object
        .keys()
        .take(MAX)
        .map(|name| format!("`{}`", short(name)))
        .collect();
    if object.len() > MAX {
        names.push("…".to_owned());
    }
    format!("it holds {}", names.join(", "))
}
