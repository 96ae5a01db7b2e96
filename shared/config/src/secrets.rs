//! Finds the values that excerpts must not show: secrets, and what may be a secret with its name
//! misspelt or its line broken. When in doubt a value is hidden: its line, its key and the message
//! are left to go by.

use std::ops::Range;

use crate::Config;
use crate::located::{Located, Member, Value};
use crate::schema::{Key, Kind, ROOT, Schema, Section, find_key, nearest};
use crate::source::{Layer, Place};

fn resembles_secret(name: &str, schema: &Schema) -> bool {
    nearest(name, schema.secret_names()).is_some()
}

/// Secrets in a text that may not even be TOML: whatever follows `name =`. The parsed text is
/// searched as well, with [`in_members`]; this is for the excerpts of syntax errors.
pub(crate) fn in_text(text: &str, schema: &Schema) -> Vec<Range<usize>> {
    let Ok(assignment) = regex_lite::Regex::new(r#"([A-Za-z0-9_-]+)["']?[ \t]*=[ \t]*"#) else {
        return Vec::new();
    };
    let mut hidden = Vec::new();
    for captures in assignment.captures_iter(text) {
        if let (Some(whole), Some(name)) = (captures.get(0), captures.get(1))
            && resembles_secret(name.as_str(), schema)
        {
            hidden.push(whole.end()..whole.end() + value_length(&text[whole.end()..]));
        }
    }
    hidden
}

/// How far the value at the start of the text reaches. A string that does not end in its line hides
/// all that follows: nobody can tell where it should have ended.
fn value_length(text: &str) -> usize {
    let line_length = text.find('\n').unwrap_or(text.len());
    for quotes in ["\"\"\"", "'''"] {
        if let Some(rest) = text.strip_prefix(quotes) {
            return rest.find(quotes).map_or(text.len(), |at| at + 6);
        }
    }
    for quote in ['"', '\''] {
        if let Some(rest) = text[..line_length].strip_prefix(quote) {
            let mut is_escaped = false;
            for (at, letter) in rest.char_indices() {
                match letter {
                    _ if is_escaped => is_escaped = false,
                    '\\' if quote == '"' => is_escaped = true,
                    _ if letter == quote => return at + 2,
                    _ => {}
                }
            }
            return text.len();
        }
    }
    line_length
}

/// What may be a secret in a text whose syntax is broken. A broken name or header means that nobody
/// knows what a value is, so in sections that have secrets, and in unknown ones, only lines of
/// known keys are shown.
pub(crate) fn in_broken_text(text: &str, schema: &Schema) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut section = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        let trimmed = line.trim();
        if trimmed.starts_with('[') && !trimmed.contains(['"', '\'', '=']) {
            let name = trimmed.trim_start_matches(['[', ' ', '\t']);
            let name = name.split(['.', ']', ' ']).next().unwrap_or_default();
            section = schema.section_of_header(name);
        } else if !trimmed.starts_with('#') && section.is_none_or(has_secrets) {
            let (name, value_at) = match line.split_once('=') {
                Some((name, _)) => (name.trim(), start + name.len() + 1),
                None => ("", start),
            };
            let key = section.and_then(|section| find_key(&section.keys, name));
            if key.is_none_or(may_hold_secret) && value_at < end {
                let blanks = text[value_at..end].len() - text[value_at..end].trim_start().len();
                hidden.push(value_at + blanks..end);
            }
        }
        start += line.len();
    }
    hidden
}

/// The secrets that stand in files, which are shared and packed: the values of keys, and what looks like one in a
/// comment. Each with its section and its key, as far as they are known.
pub(crate) fn in_files(config: &Config) -> Vec<(&str, Option<&str>, Place)> {
    let is_in_file = |place: Place| {
        let source = config.sources.get(place.source);
        source.is_some_and(|source| source.layer == Layer::File)
    };
    let mut found = Vec::new();
    let mut look = |section, keys: &[Key], member: &'_ Member, name| {
        let is_secret = find_key(keys, &member.key).is_some_and(|key| key.is_secret);
        let is_told = matches!(&member.value.value, Value::Text(text) if !text.is_empty());
        if is_secret && is_told && is_in_file(member.value.place) {
            found.push((section, Some(name), member.value.place));
        }
    };
    for section in &config.schema.sections {
        for member in config.effective.members(section.name) {
            look(section.name, &section.keys, member, member.key.as_str());
            let kind = find_key(&section.keys, &member.key).map(|key| key.kind);
            if let (Some(Kind::Entries(keys)), Value::List(entries)) = (kind, &member.value.value) {
                let tables = entries.iter().filter_map(|entry| match &entry.value {
                    Value::Table(members) => Some(members),
                    _ => None,
                });
                for inner in tables.flatten() {
                    look(section.name, keys, inner, inner.key.as_str());
                }
            }
        }
    }
    for (source, text) in config.sources.iter().enumerate() {
        if text.layer != Layer::File {
            continue;
        }
        for range in in_text(&text.text, &config.schema) {
            let line = text.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let is_comment = text.text[line..range.start].trim_start().starts_with('#');
            // `token = ""` and `external_id = "…"` show the form only.
            let is_told =
                text.text[range.clone()].contains(|letter: char| letter.is_ascii_alphanumeric());
            if is_comment && is_told {
                let (start, end) = (range.start, range.end);
                found.push((ROOT, None, Place { source, start, end }));
            }
        }
    }
    found
}

/// Whether a key's value is a secret or has one in it.
pub(crate) fn may_hold_secret(key: &Key) -> bool {
    match key.kind {
        Kind::Entries(keys) => keys.iter().any(|key| key.is_secret),
        _ => key.is_secret,
    }
}

fn has_secrets(section: &Section) -> bool {
    section.keys.iter().any(may_hold_secret)
}

/// Secrets in a parsed file. Beside secrets, the values of unknown keys count as secrets too.
pub(crate) fn in_members(root: &[Member], schema: &Schema) -> Vec<Place> {
    let mut places = Vec::new();
    for member in root {
        collect(&member.value, schema, &mut places);
        match (schema.section(&member.key), &member.value.value) {
            (Some(section), Value::Table(members)) if has_secrets(section) => {
                collect_unknown(members, &section.keys, &mut places);
            }
            (Some(_), Value::Table(_)) => {}
            // The place of a table with a header is its header, in which the key stands.
            _ if member.value.place.start < member.key_place.end => {}
            _ => {
                let mut sections = schema.sections.iter();
                let is_known = sections.any(|section| {
                    let key = find_key(&section.keys, &member.key);
                    key.is_some_and(|key| !may_hold_secret(key))
                });
                if !is_known {
                    places.push(member.value.place);
                }
            }
        }
    }
    places
}

fn collect_unknown(members: &[Member], keys: &[Key], places: &mut Vec<Place>) {
    for member in members {
        match (find_key(keys, &member.key), &member.value.value) {
            (None, _) => places.push(member.value.place),
            (Some(key), Value::List(entries)) => {
                if let Kind::Entries(keys) = key.kind {
                    for entry in entries {
                        if let Value::Table(members) = &entry.value {
                            collect_unknown(members, keys, places);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn collect(value: &Located, schema: &Schema, places: &mut Vec<Place>) {
    match &value.value {
        Value::List(items) => {
            for item in items {
                collect(item, schema, places);
            }
        }
        Value::Table(members) => {
            for member in members {
                if resembles_secret(&member.key, schema) {
                    places.push(member.value.place);
                }
                collect(&member.value, schema, places);
            }
        }
        _ => {}
    }
}
