//! The layer of the environment: which variable means which key, and how its text becomes a value
//! of the key's kind.

use toml::de::DeValue;

use crate::error::Refusal;
use crate::layers::Layers;
use crate::located::{Located, Locator, Member, Value};
use crate::schema::{Kind, ROOT, listed, nearest};
use crate::secrets;
use crate::source::{Layer, Place};

impl Layers<'_> {
    /// `LAMPLIGHTER_<SECTION>__<KEY>`. A name without `__` is for somebody else.
    pub(crate) fn lay_variable(&mut self, name: &str, text: &str) {
        let Some((section_part, key_part)) = name
            .strip_prefix("LAMPLIGHTER_")
            .and_then(|rest| rest.split_once("__"))
        else {
            return;
        };
        let mut locator = self.add_source(Layer::Environment, name, format!("{name}={text}"));
        let name_place = locator.place(0..name.len());
        let value_place = locator.place(name.len() + 1..name.len() + 1 + text.len());
        locator.offset = value_place.start;

        let sections = &self.schema.sections;
        let found = sections
            .iter()
            .filter(|section| section.name != ROOT)
            .find(|section| upper(section.name) == section_part);
        let Some(section) = found else {
            self.hide(value_place);
            let known = self.schema.section_names();
            let meant = nearest(&section_part.replace('_', "-"), known);
            let hint = match meant {
                Some(known) => {
                    let section = self.schema.section(known);
                    let keys = section.map_or(&[][..], |section| &section.keys);
                    let names = keys.iter().map(|key| key.name.as_ref());
                    let key = nearest(key_part, names).unwrap_or("<KEY>");
                    format!("did you mean `{}`?", variable(known, key))
                }
                None => self.known_sections(),
            };
            let section = section_part.to_ascii_lowercase().replace('_', "-");
            return self.findings.refuse(Refusal {
                place: name_place,
                section: meant.unwrap_or_default(),
                key: None,
                message: format!("unknown section [{section}]"),
                label: "unknown section".to_owned(),
                hint: Some(hint),
            });
        };
        let found = section.keys.iter().find(|key| upper(&key.name) == key_part);
        let Some(key) = found else {
            // It may be a secret with its name misspelt.
            self.hide(value_place);
            let known = section.keys.iter().map(|key| key.name.as_ref());
            let hint = match nearest(key_part, known.clone()) {
                Some(known) => format!("did you mean `{}`?", variable(section.name, known)),
                None => format!("known keys: {}", listed(known)),
            };
            let key = key_part.to_ascii_lowercase();
            return self.findings.refuse(Refusal {
                place: name_place,
                section: section.name,
                key: Some(&key),
                message: format!("unknown key `{key}` in [{}]", section.name),
                label: "unknown key".to_owned(),
                hint: Some(hint),
            });
        };
        if secrets::may_hold_secret(key) {
            self.hide(value_place);
        }
        match parse_variable(key.kind, text, &locator, value_place) {
            Ok(value) => {
                let member = Member {
                    key: key.name.clone().into_owned(),
                    key_place: value_place,
                    value,
                };
                if self.lay_member(section, member)
                    && let Some(merged) = self.effective.section_mut(section.name)
                {
                    merged.is_configured = true;
                }
            }
            Err(error) => {
                locator.offset += text.len() - text.trim_start().len();
                let place = error.span().map_or(value_place, |span| locator.place(span));
                self.refuse_syntax(place, &error, section.name, Some(key));
            }
        }
    }
}

/// A section's or key's name as the environment spells it.
fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

fn variable(section: &str, key: &str) -> String {
    format!("LAMPLIGHTER_{}__{}", upper(section), upper(key))
}

/// A variable's text as a value of the key's kind. What is no TOML, where TOML is not a must, stays
/// a string, and the check of kinds says what was expected.
fn parse_variable(
    kind: Kind,
    text: &str,
    locator: &Locator,
    place: Place,
) -> Result<Located, toml::de::Error> {
    let verbatim = |text: &str, place| Located {
        value: Value::Text(text.to_owned()),
        place,
    };
    let is_list = matches!(kind, Kind::Texts | Kind::Integers);
    let is_table = matches!(kind, Kind::TextTable | Kind::Entries(_));
    match kind {
        Kind::Text | Kind::Date => Ok(verbatim(text, place)),
        Kind::Texts | Kind::Integers if !text.trim_start().starts_with('[') => {
            let mut items = Vec::new();
            let mut start = 0;
            for part in text.split(',') {
                let item_start = start + part.len() - part.trim_start().len();
                start += part.len() + 1;
                let part = part.trim();
                if part.is_empty() {
                    continue;
                }
                let item_place = locator.place(item_start..item_start + part.len());
                items.push(match (kind, part.parse()) {
                    (Kind::Integers, Ok(integer)) => Located {
                        value: Value::Integer(integer),
                        place: item_place,
                    },
                    _ => verbatim(part, item_place),
                });
            }
            let value = Value::List(items);
            Ok(Located { value, place })
        }
        _ => {
            let trimmed = text.trim();
            let start = text.len() - text.trim_start().len();
            let inner = Locator {
                source: locator.source,
                offset: locator.offset + start,
            };
            match DeValue::parse(trimmed) {
                Ok(value) => Ok(inner.locate(&value)),
                Err(error) if is_list || (is_table && !trimmed.is_empty()) => Err(error),
                Err(_) => Ok(verbatim(trimmed, inner.place(0..trimmed.len()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a variable as TOML prints it.
    fn parsed(kind: Kind, text: &str) -> String {
        let locator = Locator {
            source: 0,
            offset: 0,
        };
        match parse_variable(kind, text, &locator, locator.place(0..text.len())) {
            Ok(value) => value.value.to_toml().to_string(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn lists_of_integers_are_toml_or_separated_by_commas() {
        assert_eq!(parsed(Kind::Integers, "80, 443,"), "[80, 443]");
        assert_eq!(parsed(Kind::Integers, " [80, 0x1BB] "), "[80, 443]");
        assert_eq!(parsed(Kind::Integers, ""), "[]");
        assert_eq!(parsed(Kind::Integers, "80,http"), "[80, \"http\"]");
    }

    #[test]
    fn strings_are_taken_verbatim_whatever_they_look_like() {
        for text in ["5", "\"quoted\"", "[a]", " blank ", "a,b", ""] {
            let located = toml::Value::String(text.to_owned()).to_string();
            assert_eq!(parsed(Kind::Text, text), located);
        }
    }

    #[test]
    fn one_value_is_one_value_and_cannot_add_keys() {
        assert_eq!(
            parsed(Kind::Integer, "1\nother = 2"),
            "\"\"\"\n1\nother = 2\"\"\""
        );
        assert_eq!(parsed(Kind::Boolean, "true # yes"), "\"true # yes\"");
    }
}
