//! What keys there are: those of `default.toml`, with the kind of their defaults, and the few that
//! have no default.

use std::borrow::Cow;

use crate::error::{Findings, Refusal};
use crate::located::{Located, Locator, Member, Value};
use crate::source::{Layer, Source};
use crate::{DEFAULT, sections};

/// The kinds of values that keys have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Text,
    /// A day, as a TOML date or a string.
    Date,
    /// A list of strings.
    Texts,
    /// A list of integers.
    Integers,
    /// A table whose keys are the user's own and whose values are strings.
    TextTable,
    /// A list of tables with these keys, as `[[aws.accounts]]`.
    Entries(&'static [Key]),
}

/// A key of a section, or of an entry in a list of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: Kind,
    /// Shown as `***`, everywhere.
    pub(crate) is_secret: bool,
    /// Has no default and must be there; only in entries.
    pub(crate) is_required: bool,
}

/// What a section's own file declares beside its defaults.
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    /// Keys that have no default; `default.toml` shows them commented out.
    pub(crate) optional: &'static [Key],
    /// Keys with a default whose value is a secret.
    pub(crate) secrets: &'static [&'static str],
}

/// A section with its keys, in the order of `default.toml`, the optional ones last.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) keys: Vec<Key>,
    pub(crate) defaults: Vec<Member>,
}

/// The section of what stands outside all sections: lists of tables such as `[[exceptions]]`.
pub(crate) const ROOT: &str = "";

/// All sections.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) sections: Vec<Section>,
}

impl Kind {
    /// What a value of this kind is called in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "`true` or `false`",
            Self::Integer => "an integer",
            Self::Text => "a string",
            Self::Date => "a date",
            Self::Texts => "a list of strings",
            Self::Integers => "a list of integers",
            Self::TextTable => "a table of strings",
            Self::Entries(_) => "a list of tables",
        }
    }

    /// An empty list or table holds strings: no key holds anything else and is empty by default.
    fn of_default(value: &Located) -> Self {
        match &value.value {
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) => Self::Integer,
            Value::Text(_) | Value::Time(_) | Value::Other(_) => Self::Text,
            Value::Table(_) => Self::TextTable,
            Value::List(items) => match items.first().map(|item| &item.value) {
                Some(Value::Integer(_)) => Self::Integers,
                _ => Self::Texts,
            },
        }
    }
}

impl Key {
    pub(crate) const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            is_secret: false,
            is_required: false,
        }
    }

    pub(crate) const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            is_secret: false,
            is_required: true,
        }
    }

    pub(crate) const fn secret(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind: Kind::Text,
            is_secret: true,
            is_required: false,
        }
    }
}

impl Schema {
    /// Reads the compiled-in defaults, which become the first source.
    pub(crate) fn of_defaults(findings: &mut Findings) -> Self {
        let source = findings.sources.len();
        findings.sources.push(Source {
            layer: Layer::Defaults,
            name: "default.toml".to_owned(),
            text: DEFAULT.to_owned(),
            hidden: Vec::new(),
        });
        let locator = Locator { source, offset: 0 };
        let root = match toml::de::DeTable::parse(DEFAULT) {
            Ok(table) => locator.members(table.get_ref()),
            Err(error) => {
                findings.refuse(Refusal {
                    place: locator.place(error.span().unwrap_or_default()),
                    section: "",
                    key: None,
                    message: error.message().to_owned(),
                    label: String::new(),
                    hint: None,
                });
                Vec::new()
            }
        };
        let sections = sections::DECLARED
            .iter()
            .map(|declared| Section::new(declared, &root))
            .collect();
        Self { sections }
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The section whose keys stand outside all others.
    pub(crate) fn root(&self) -> Option<&Section> {
        self.section(ROOT)
    }

    /// The section that a header names: one of a list outside the sections is the root's.
    pub(crate) fn section_of_header(&self, name: &str) -> Option<&Section> {
        let is_list = |root: &&Section| find_key(&root.keys, name).is_some();
        self.section(name).or_else(|| self.root().filter(is_list))
    }

    /// The names that stand in single brackets.
    pub(crate) fn section_names(&self) -> impl Iterator<Item = &str> {
        let names = self.sections.iter().map(|section| section.name);
        names.filter(|name| *name != ROOT)
    }

    /// The names of all keys whose values are secrets, those of entries too.
    pub(crate) fn secret_names(&self) -> Vec<&str> {
        let keys = self.sections.iter().flat_map(|section| &section.keys);
        keys.flat_map(|key| match key.kind {
            Kind::Entries(entry_keys) => entry_keys,
            _ => std::slice::from_ref(key),
        })
        .filter(|key| key.is_secret)
        .map(|key| key.name.as_ref())
        .collect()
    }
}

impl Section {
    fn new(declared: &Declared, root: &[Member]) -> Self {
        let defaults = root
            .iter()
            .find(|member| member.key == declared.name)
            .map(|member| match &member.value.value {
                Value::Table(members) => members.clone(),
                _ => Vec::new(),
            })
            .unwrap_or_default();
        let with_default = defaults.iter().map(|member| {
            // A list of tables has keys that its default need not show, so its declaration goes
            // before.
            let declared_key = find_key(declared.optional, &member.key);
            declared_key.cloned().unwrap_or_else(|| Key {
                name: Cow::Owned(member.key.clone()),
                kind: Kind::of_default(&member.value),
                is_secret: declared.secrets.contains(&member.key.as_str()),
                is_required: false,
            })
        });
        let without_default = declared
            .optional
            .iter()
            .filter(|key| !defaults.iter().any(|member| member.key == key.name));
        Self {
            name: declared.name,
            keys: with_default.chain(without_default.cloned()).collect(),
            defaults,
        }
    }
}

/// A section as messages name it: `[aws]`.
pub(crate) fn section_title(section: &str) -> String {
    match section {
        ROOT => "the top level".to_owned(),
        name => format!("[{name}]"),
    }
}

/// A list of tables as its headers name it: `[[aws.accounts]]`, `[[exceptions]]`.
pub(crate) fn list_title(section: &str, key: &str) -> String {
    match section {
        ROOT => format!("[[{key}]]"),
        name => format!("[[{name}.{key}]]"),
    }
}

/// The key of this name.
pub(crate) fn find_key<'a>(keys: &'a [Key], name: &str) -> Option<&'a Key> {
    keys.iter().find(|key| key.name == name)
}

/// The known name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Upper case, and dashes for underscores, are the commonest slips and no difference in meaning.
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|known| {
            let likeness = strsim::normalized_damerau_levenshtein(&plain(name), &plain(known));
            (likeness, known)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}

/// Names in backticks, separated by commas.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
