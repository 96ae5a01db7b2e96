//! Lays the file, the environment and the flags over the defaults, key by key, and refuses what the
//! schema does not know. Whether a value makes sense is judged later, in the sections.

use std::fmt;

use toml::de::DeTable;

use crate::error::{Findings, Refusal};
use crate::kinds::at_home;
use crate::located::{Locator, Member, Value};
use crate::schema::{ROOT, Schema, Section, find_key, list_title, nearest, section_title};
use crate::source::{Layer, Place, Source};
use crate::{Flag, Sources, secrets, syntax};

/// The merged sections: each key's effective value, with the place where it was written.
#[derive(Clone)]
pub(crate) struct Effective {
    pub(crate) sections: Vec<Merged>,
}

/// One merged section, its keys in the order of the schema.
#[derive(Clone)]
pub(crate) struct Merged {
    pub(crate) name: &'static str,
    pub(crate) members: Vec<Member>,
    pub(crate) is_configured: bool,
}

impl Effective {
    fn of_defaults(schema: &Schema) -> Self {
        let sections = schema.sections.iter().map(|section| Merged {
            name: section.name,
            members: section.defaults.clone(),
            is_configured: false,
        });
        Self {
            sections: sections.collect(),
        }
    }

    pub(crate) fn section_mut(&mut self, name: &str) -> Option<&mut Merged> {
        self.sections
            .iter_mut()
            .find(|section| section.name == name)
    }

    pub(crate) fn members(&self, section: &str) -> &[Member] {
        let section = self.sections.iter().find(|merged| merged.name == section);
        section.map_or(&[], |merged| &merged.members)
    }

    /// Where the key's value stands, if it has one.
    pub(crate) fn place(&self, section: &str, key: &str) -> Option<Place> {
        let member = self
            .members(section)
            .iter()
            .find(|member| member.key == key)?;
        Some(member.value.place)
    }

    pub(crate) fn is_configured(&self, section: &str) -> bool {
        self.sections
            .iter()
            .any(|merged| merged.name == section && merged.is_configured)
    }
}

/// Without the values: some are secrets.
impl fmt::Debug for Effective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Effective(..)")
    }
}

impl Merged {
    fn set(&mut self, section: &Section, member: Member) {
        self.members.retain(|other| other.key != member.key);
        self.members.push(member);
        let rank = |name: &str| section.keys.iter().position(|key| key.name == name);
        self.members.sort_by_key(|member| rank(&member.key));
    }
}

/// Merges all layers. What is refused is left out, so that the layer below shows through and the
/// rest can be checked.
pub(crate) fn merge(schema: &Schema, sources: &Sources<'_>, findings: &mut Findings) -> Effective {
    let mut layers = Layers {
        effective: Effective::of_defaults(schema),
        schema,
        findings,
    };
    if let Some((name, text)) = sources.file {
        layers.lay_file(name, text);
    }
    let mut environment: Vec<_> = sources.environment.iter().collect();
    // The order of the environment is chance; messages should not depend on it.
    environment.sort();
    for (name, value) in environment {
        layers.lay_variable(name, value);
    }
    for flag in &sources.flags {
        layers.lay_flag(flag);
    }
    layers.effective
}

/// The merge at work. What a variable means is in `environment.rs`, what is refused in `kinds.rs`.
pub(crate) struct Layers<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) effective: Effective,
    pub(crate) findings: &'a mut Findings,
}

impl Layers<'_> {
    pub(crate) fn add_source(&mut self, layer: Layer, name: &str, text: String) -> Locator {
        let source = self.findings.sources.len();
        let hidden = secrets::in_text(&text, self.schema);
        self.findings.sources.push(Source {
            layer,
            // Names come from outside; a line break in one would break the lines of messages and of
            // `--print`.
            name: name.replace(char::is_control, "?"),
            text,
            hidden,
        });
        Locator { source, offset: 0 }
    }

    pub(crate) fn hide(&mut self, place: Place) {
        if let Some(source) = self.findings.sources.get_mut(place.source) {
            source.hidden.push(place.start..place.end);
        }
    }

    pub(crate) fn lay_file(&mut self, name: &str, text: &str) {
        let locator = self.add_source(Layer::File, name, text.to_owned());
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty()
            && let Some(source) = self.findings.sources.get_mut(locator.source)
        {
            source
                .hidden
                .extend(secrets::in_broken_text(text, self.schema));
        }
        let is_broken = !errors.is_empty();
        for error in &syntax::independent(text, errors) {
            self.refuse_syntax(
                locator.place(error.span().unwrap_or_default()),
                error,
                "",
                None,
            );
        }
        // What the parser saves from a broken text is a guess, and complaints about a guess
        // mislead.
        if is_broken {
            self.findings.is_file_unreadable = true;
            return;
        }
        let root = locator.members(table.get_ref());
        for place in secrets::in_members(&root, self.schema) {
            self.hide(place);
        }
        for member in root {
            self.lay_root_member(member);
        }
    }

    pub(crate) fn lay_root_member(&mut self, member: Member) {
        let schema = self.schema;
        if let Some(root) = schema.root()
            && find_key(&root.keys, &member.key).is_some()
        {
            self.lay_member(root, member);
            return;
        }
        let section = self.schema.section(&member.key);
        match (section, member.value.value) {
            (Some(section), Value::Table(members)) => {
                if let Some(merged) = self.effective.section_mut(section.name) {
                    merged.is_configured = true;
                }
                for member in members {
                    self.lay_member(section, member);
                }
            }
            (Some(section), other) => self.findings.refuse(Refusal {
                place: member.key_place,
                section: section.name,
                key: None,
                message: format!("`{}` is a section, found {}", section.name, other.kind()),
                label: "expected a section".to_owned(),
                hint: Some(format!("write `[{}]`, and its keys below", section.name)),
            }),
            (None, Value::Table(_)) => self.refuse_section(&member.key, member.key_place),
            (None, _) => {
                let home = self.home_of(&member.key);
                let lists = schema.root().into_iter().flat_map(|root| &root.keys);
                let meant = nearest(&member.key, lists.map(|key| key.name.as_ref()));
                let hint = match (home, meant) {
                    (Some(home), _) => at_home(&member.key, home),
                    (None, Some(list)) => format!("did you mean `{}`?", list_title(ROOT, list)),
                    (None, None) => self.known_sections(),
                };
                self.findings.refuse(Refusal {
                    place: member.key_place,
                    section: home.unwrap_or_default(),
                    key: Some(&member.key),
                    message: format!("unknown key `{}` outside the sections", member.key),
                    label: "unknown key".to_owned(),
                    hint: Some(hint),
                });
            }
        }
    }

    pub(crate) fn lay_flag(&mut self, flag: &Flag) {
        let locator = self.add_source(Layer::Flag, &flag.flag, String::new());
        let value = locator.adopt(&flag.value);
        match self.schema.section(&flag.section) {
            Some(section) => {
                let member = Member {
                    key: flag.key.clone(),
                    key_place: value.place,
                    value,
                };
                self.lay_member(section, member);
            }
            None => self.refuse_section(&flag.section, value.place),
        }
    }

    /// Takes a key's value, if the key is known and the value is of its kind; says whether it was
    /// taken.
    pub(crate) fn lay_member(&mut self, section: &Section, member: Member) -> bool {
        let title = section_title(section.name);
        let Some(key) = find_key(&section.keys, &member.key) else {
            self.refuse_key(section.name, &title, &section.keys, &member);
            return false;
        };
        let is_taken = self.check_kind(section.name, &title, key, &member.value);
        if is_taken && let Some(merged) = self.effective.section_mut(section.name) {
            merged.set(section, member);
        }
        is_taken
    }
}
