//! Prints the effective config as TOML: every key, with a comment that says where its value came
//! from.

use std::fmt::Write;

use crate::Config;
use crate::located::{Located, Member, Value};
use crate::schema::{Key, Kind, ROOT, find_key, list_title};
use crate::source::origin;

/// What stands for a secret. Loading it back is refused: see `Reader::secret`.
const STARS: &str = "***";

pub(crate) fn print(config: &Config) -> String {
    let mut text = String::new();
    for section in &config.schema.sections {
        // What stands outside the sections has only headers of its own.
        if section.name != ROOT {
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "[{}]", section.name);
        }
        let mut lists_of_entries = Vec::new();
        for key in &section.keys {
            let members = config.effective.members(section.name);
            match (
                members.iter().find(|member| member.key == key.name),
                key.kind,
            ) {
                (Some(member), Kind::Entries(keys)) => lists_of_entries.push((key, keys, member)),
                (Some(member), _) => print_key(&mut text, config, key, &member.value),
                (None, _) => print_inherited(&mut text, config, key),
            }
        }
        // Tables must come after all the section's own keys.
        for (key, keys, member) in lists_of_entries {
            print_entries(&mut text, config, section.name, key, keys, member);
        }
    }
    text
}

fn print_key(text: &mut String, config: &Config, key: &Key, found: &Located) {
    let value = match &found.value {
        // An empty secret is none, and may be told.
        Value::Text(secret) if key.is_secret && !secret.is_empty() => {
            toml::Value::String(STARS.to_owned())
        }
        value => value.to_toml(),
    };
    let origin = origin(&config.sources, found.place);
    let _ = writeln!(text, "{} = {} # {origin}", key.name, in_one_line(&value));
}

/// A function's own `mail` and `to`, which it does not have: what holds instead, as a comment, so
/// that loading the printed text does not turn the inherited value into its own.
fn print_inherited(text: &mut String, config: &Config, key: &Key) {
    let mut report = config.effective.members("report").iter();
    if let Some(member) = report.find(|member| member.key == key.name) {
        let value = in_one_line(&member.value.value.to_toml());
        let origin = origin(&config.sources, member.value.place);
        let _ = writeln!(text, "# {} = {value} # from [report], {origin}", key.name);
    }
}

fn print_entries(
    text: &mut String,
    config: &Config,
    section: &str,
    list: &Key,
    keys: &[Key],
    member: &Member,
) {
    let Value::List(entries) = &member.value.value else {
        return;
    };
    for entry in entries {
        let origin = origin(&config.sources, entry.place);
        let _ = writeln!(text, "\n{} # {origin}", list_title(section, &list.name));
        if let Value::Table(members) = &entry.value {
            for member in members {
                if let Some(key) = find_key(keys, &member.key) {
                    print_key(text, config, key, &member.value);
                }
            }
        }
    }
}

/// The value as TOML without line breaks, so that the comment can follow.
fn in_one_line(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        toml::Value::Table(table) if table.is_empty() => "{}".to_owned(),
        toml::Value::Table(table) => {
            let members: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", bare_or_quoted(key), in_one_line(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        value => value.to_string(),
    }
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    // A literal string keeps regular expressions readable.
    if text.contains('\\') && !text.contains(|letter: char| letter == '\'' || letter.is_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
