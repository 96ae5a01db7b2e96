//! Refuses what the schema does not know: sections, keys, and values of another kind than the
//! key's.

use crate::error::Refusal;
use crate::layers::Layers;
use crate::located::{Located, Member, Value};
use crate::schema::{Key, Kind, ROOT, find_key, list_title, listed, nearest, section_title};
use crate::source::{Layer, Place};

impl Layers<'_> {
    /// Whether a value is of its key's kind. Entries of a list or table that are not are refused
    /// one by one, and the value is taken nevertheless, so that the sections can judge the other
    /// entries.
    pub(crate) fn check_kind(
        &mut self,
        section: &str,
        title: &str,
        key: &Key,
        found: &Located,
    ) -> bool {
        match (key.kind, &found.value) {
            (Kind::Boolean, Value::Boolean(_))
            | (Kind::Integer, Value::Integer(_))
            | (Kind::Text, Value::Text(_))
            | (Kind::Date, Value::Text(_) | Value::Time(_)) => {}
            (Kind::Texts, Value::List(items)) => {
                for item in items {
                    if !matches!(item.value, Value::Text(_)) {
                        let name = format!("an entry of `{}`", key.name);
                        self.refuse_kind(section, title, key, &name, Kind::Text, item);
                    }
                }
            }
            (Kind::Integers, Value::List(items)) => {
                for item in items {
                    if !matches!(item.value, Value::Integer(_)) {
                        let name = format!("an entry of `{}`", key.name);
                        self.refuse_kind(section, title, key, &name, Kind::Integer, item);
                    }
                }
            }
            (Kind::TextTable, Value::Table(members)) => {
                for member in members {
                    if !matches!(member.value.value, Value::Text(_)) {
                        let name = format!("`{}` of `{}`", member.key, key.name);
                        self.refuse_kind(section, title, key, &name, Kind::Text, &member.value);
                    }
                }
            }
            (Kind::Entries(keys), Value::List(entries)) => {
                let title = list_title(section, &key.name);
                for entry in entries {
                    self.check_entry(section, &title, key, keys, entry);
                }
            }
            _ => {
                let name = format!("`{}`", key.name);
                self.refuse_kind(section, title, key, &name, key.kind, found);
                return false;
            }
        }
        true
    }

    pub(crate) fn check_entry(
        &mut self,
        section: &str,
        title: &str,
        list: &Key,
        keys: &'static [Key],
        entry: &Located,
    ) {
        let Value::Table(members) = &entry.value else {
            let name = format!("an entry of `{}`", list.name);
            self.findings.refuse(Refusal {
                place: entry.place,
                section,
                key: Some(&list.name),
                message: format!(
                    "{name} in {} must be a table, found {}",
                    section_title(section),
                    entry.value.kind()
                ),
                label: "expected a table".to_owned(),
                hint: None,
            });
            return;
        };
        for member in members {
            match find_key(keys, &member.key) {
                Some(key) => {
                    self.check_kind(section, title, key, &member.value);
                }
                None => self.refuse_key(section, title, keys, member),
            }
        }
        for key in keys.iter().filter(|key| key.is_required) {
            if !members.iter().any(|member| member.key == key.name) {
                self.findings.refuse(Refusal {
                    place: entry.place,
                    section,
                    key: Some(&key.name),
                    message: format!("`{}` is missing in {title}", key.name),
                    label: format!("this entry has no `{}`", key.name),
                    hint: None,
                });
            }
        }
    }

    pub(crate) fn refuse_kind(
        &mut self,
        section: &str,
        title: &str,
        key: &Key,
        name: &str,
        expected: Kind,
        found: &Located,
    ) {
        let layer = self.findings.sources.get(found.place.source);
        let is_file = layer.is_some_and(|source| source.layer == Layer::File);
        let hint = match (expected, &found.value) {
            (Kind::Integer, Value::Text(text)) if is_file && text.parse::<i64>().is_ok() => {
                Some("write the number without quotes".to_owned())
            }
            (Kind::Boolean, Value::Text(text)) if is_file && text.parse::<bool>().is_ok() => {
                Some(format!("write `{text}` without quotes"))
            }
            (
                Kind::Text,
                Value::Integer(_) | Value::Boolean(_) | Value::Time(_) | Value::Other(_),
            ) => Some("put the value in quotes".to_owned()),
            (Kind::Texts, Value::Text(_)) => {
                Some(format!("put it in brackets: `{} = [\"…\"]`", key.name))
            }
            (Kind::Date, _) => Some(format!("write it like `{} = 2027-06-30`", key.name)),
            (Kind::Entries(_), Value::Table(_)) => Some(format!(
                "write `{}`, with double brackets",
                list_title(section, &key.name)
            )),
            _ => None,
        };
        self.findings.refuse(Refusal {
            place: found.place,
            section,
            key: Some(&key.name),
            message: format!(
                "{name} in {title} must be {}, found {}",
                expected.name(),
                found.value.kind()
            ),
            label: format!("expected {}", expected.name()),
            hint,
        });
    }

    pub(crate) fn refuse_key(&mut self, section: &str, title: &str, keys: &[Key], member: &Member) {
        let known = keys.iter().map(|key| key.name.as_ref());
        let hint = nearest(&member.key, known.clone())
            .map(|known| format!("did you mean `{known}`?"))
            .or_else(|| {
                let home = self.home_of(&member.key)?;
                Some(at_home(&member.key, home))
            })
            .unwrap_or_else(|| format!("known keys: {}", listed(known)));
        self.findings.refuse(Refusal {
            place: member.key_place,
            section,
            key: Some(&member.key),
            message: format!("unknown key `{}` in {title}", member.key),
            label: "unknown key".to_owned(),
            hint: Some(hint),
        });
    }

    pub(crate) fn refuse_section(&mut self, name: &str, place: Place) {
        let meant = nearest(name, self.schema.section_names());
        let hint = match (meant, self.home_of(name)) {
            (Some(known), _) => format!("did you mean [{known}]?"),
            (None, Some(home)) => at_home(name, home),
            (None, None) => self.known_sections(),
        };
        self.findings.refuse(Refusal {
            place,
            section: meant.unwrap_or_default(),
            key: None,
            message: format!("unknown section [{name}]"),
            label: "unknown section".to_owned(),
            hint: Some(hint),
        });
    }

    pub(crate) fn refuse_syntax(
        &mut self,
        place: Place,
        error: &toml::de::Error,
        section: &str,
        key: Option<&Key>,
    ) {
        let message = match key {
            Some(key) => format!(
                "`{}` in [{section}] must be {}: ",
                key.name,
                key.kind.name()
            ),
            None => String::new(),
        };
        self.findings.refuse(Refusal {
            place,
            section,
            key: key.map(|key| key.name.as_ref()),
            // The parser's message may have a second line; the excerpt and one line say enough.
            message: message + error.message().lines().next().unwrap_or("invalid TOML"),
            label: String::new(),
            hint: None,
        });
    }

    /// The section in which a key is at home, for one that stands in the wrong place.
    pub(crate) fn home_of(&self, name: &str) -> Option<&'static str> {
        let mut sections = self.schema.sections.iter();
        let home = sections.find(|section| find_key(&section.keys, name).is_some())?;
        Some(home.name)
    }

    pub(crate) fn known_sections(&self) -> String {
        let sections = self.schema.section_names().map(|name| format!("[{name}]"));
        let names: Vec<String> = sections.chain(self.root_lists()).collect();
        format!("known sections: {}", names.join(", "))
    }

    /// The lists of tables outside all sections, as their headers name them.
    fn root_lists(&self) -> impl Iterator<Item = String> {
        let keys = self.schema.root().into_iter().flat_map(|root| &root.keys);
        keys.map(|key| list_title(ROOT, &key.name))
    }
}

/// Where a key belongs that stands in the wrong place.
pub(crate) fn at_home(key: &str, home: &str) -> String {
    match home {
        ROOT => format!(
            "`{key}` stands outside the sections: write `{}`",
            list_title(ROOT, key)
        ),
        home => format!("`{key}` is a key of [{home}]"),
    }
}
