//! The configuration: layers, checks and typed sections.
//!
//! Four layers, later ones win: the compiled-in `config/default.toml`, the operator's file, the
//! environment and the command line's flags. [`Config::load`] merges them, checks every key, and
//! gives either typed sections or [`Errors`] with everything that is wrong, each at the place where
//! it stands.
//!
//! `config/default.toml` is the only place where a default is written, and a key's type is the type
//! of its default. So the reference that people read cannot differ from the code.
//!
//! This crate reads no file, no environment and no clock: everything is passed in. It does not
//! evaluate schedules either; who can, reports what it finds with [`Config::error_at`].
//!
//! A new function's section is one section in `config/default.toml`, one file in `sections/`, and
//! its line in the list at the top of `sections/mod.rs`.

mod common;
mod environment;
mod error;
mod forms;
mod intake;
mod key_template;
mod kinds;
mod layers;
mod located;
mod print;
mod reader;
mod schema;
mod secrets;
mod sections;
mod source;
mod syntax;
#[cfg(test)]
mod tests;

pub use common::{AfterGap, Common, MailPolicy, Missed, Mode, Overlap};
pub use error::{Error, Errors};
pub use intake::{Intake, Queue, Source};
pub use key_template::{KeyNames, KeyTemplate};
pub use reader::Secret;
pub use schema::nearest;
pub use sections::{
    Account, Action, AddressKind, AllowedRange, ArchiveMail, AuditAccessKeys, AuditMfa,
    AuditSecurityGroups, Aws, BundleRoute, Config, Correspondent, Daemon, DeployBundles,
    DeploymentGroup, DeploymentOptions, Endpoint, Exception, Exceptions, FileExistsBehavior,
    ImageFormat, KeyRemedy, LinkStyle, MfaRemedy, Protocol, Report, ReportCertificates,
    ResizeImages, Revocation, RollbackEvent, SensitivePort, State, StateUrl, StopUntagged,
    TagLimit, Treatment, WorkHours,
};

use error::{Findings, Refusal};
use schema::Schema;
use source::Place;

/// The text of `config/default.toml`: the reference of every key, and the source of every default.
pub const DEFAULT: &str = include_str!("../../../config/default.toml");

/// The layers above the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// The operator's file: the name to show in messages, and its text.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment, all of it; only `LAMPLIGHTER_<SECTION>__<KEY>` is looked at.
    pub environment: Vec<(String, String)>,
    /// The keys that flags of the command line set.
    pub flags: Vec<Flag>,
}

/// A key that a flag of the command line sets.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The section, as in `aws`.
    pub section: String,
    /// The key, as in `regions`.
    pub key: String,
    /// The value, of the key's own type.
    pub value: toml::Value,
    /// The flag as the user knows it, as in `--region`.
    pub flag: String,
}

impl Flag {
    /// What `--apply` means: the function's mode is `apply`, so that the checks see it.
    pub fn apply(function: &str) -> Self {
        Self {
            section: function.to_owned(),
            key: "mode".to_owned(),
            value: toml::Value::String("apply".to_owned()),
            flag: "--apply".to_owned(),
        }
    }

    /// What `--region`, once or several times, means.
    pub fn regions(regions: &[String]) -> Self {
        Self {
            section: "aws".to_owned(),
            key: "regions".to_owned(),
            value: toml::Value::Array(regions.iter().cloned().map(toml::Value::String).collect()),
            flag: "--region".to_owned(),
        }
    }
}

impl Config {
    /// Merges the layers over the defaults and checks everything; an error holds all that is wrong,
    /// not the first.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Errors> {
        let mut findings = Findings::default();
        let schema = Schema::of_defaults(&mut findings);
        let effective = layers::merge(&schema, sources, &mut findings);
        let config = sections::read(schema, effective, &mut findings);
        match findings.into_errors() {
            (None, sources) => Ok(Self { sources, ..config }),
            (Some(errors), _) => Err(errors),
        }
    }

    /// The effective config as TOML, each key with a comment that says where its value came from.
    /// Without secrets.
    pub fn print(&self) -> String {
        print::print(self)
    }

    /// The keys that every function has; `None` when there is no function of this name.
    pub fn section(&self, function: &str) -> Option<&Common> {
        self.functions()
            .into_iter()
            .find(|(name, _)| *name == function)
            .map(|(_, common)| common)
    }

    /// Where the events of a function come from; `None` for a function that takes none.
    pub fn intake(&self, function: &str) -> Option<&Intake> {
        self.intakes()
            .into_iter()
            .find(|(name, _)| *name == function)
            .map(|(_, intake)| intake)
    }

    /// Whether the file or the environment says anything about this section. A flag is for one run
    /// and does not count.
    pub fn is_configured(&self, function: &str) -> bool {
        self.effective.is_configured(function)
    }

    /// When the function's report is mailed, and to whom: its own `mail` and `to`, or those of
    /// `[report]`.
    pub fn mail_of(&self, function: &str) -> (MailPolicy, &[String]) {
        let own = self.section(function);
        (
            own.and_then(|common| common.mail)
                .unwrap_or(self.report.mail),
            own.and_then(|common| common.to.as_deref())
                .unwrap_or(&self.report.to),
        )
    }

    /// An error at the place where the key got its value, for checks that only the caller can do.
    pub fn error_at(
        &self,
        section: &str,
        key: &str,
        message: impl AsRef<str>,
        hint: Option<&str>,
    ) -> Errors {
        let place = self.effective.place(section, key);
        Errors::one(
            &self.sources,
            Refusal {
                place: place.unwrap_or(Place::NOWHERE),
                section,
                key: Some(key),
                message: format!("`{key}` in [{section}]: {}", message.as_ref()),
                label: String::new(),
                hint: hint.map(str::to_owned),
            },
        )
    }

    /// An error at the place of a key of one of the `[[exceptions]]`, counted from 0, for checks that only the caller
    /// can do.
    pub fn error_in_exception(
        &self,
        index: usize,
        key: &str,
        message: impl AsRef<str>,
        hint: Option<&str>,
    ) -> Errors {
        let list = self
            .effective
            .members(schema::ROOT)
            .iter()
            .find(|member| member.key == sections::EXCEPTIONS);
        let entry = list.and_then(|member| match &member.value.value {
            located::Value::List(entries) => entries.get(index),
            _ => None,
        });
        let value = entry.and_then(|entry| match &entry.value {
            located::Value::Table(members) => members.iter().find(|member| member.key == key),
            _ => None,
        });
        Errors::one(
            &self.sources,
            Refusal {
                place: value.map_or(Place::NOWHERE, |member| member.value.place),
                section: schema::ROOT,
                key: Some(key),
                message: format!(
                    "`{key}` in {}: {}",
                    schema::list_title(schema::ROOT, sections::EXCEPTIONS),
                    message.as_ref()
                ),
                label: String::new(),
                hint: hint.map(str::to_owned),
            },
        )
    }

    /// The keys that are secrets or hold some, with their sections: what belongs into the environment.
    pub fn secret_keys(&self) -> Vec<(&'static str, &str)> {
        let sections = self.schema.sections.iter();
        let keys = sections.flat_map(|section| {
            let secrets = section
                .keys
                .iter()
                .filter(|key| secrets::may_hold_secret(key));
            secrets.map(|key| (section.name, key.name.as_ref()))
        });
        keys.collect()
    }

    /// Refuses secrets that stand in the file, for whoever is about to hand the file on. `purpose` says what for: `be in a
    /// package`.
    pub fn refuse_secrets_in_file(&self, purpose: &str) -> Result<(), Errors> {
        let mut errors: Option<Errors> = None;
        for (section, key, place) in secrets::in_files(self) {
            let what = match key {
                Some(key) => format!("`{key}` in {}", schema::section_title(section)),
                None => "what looks like one in this comment".to_owned(),
            };
            let error = Errors::one(
                &self.sources,
                Refusal {
                    place,
                    section,
                    key,
                    message: format!("a secret must not {purpose}: {what}"),
                    label: "not here".to_owned(),
                    hint: Some(
                        "set it in the environment, as LAMPLIGHTER_<SECTION>__<KEY>".to_owned(),
                    ),
                },
            );
            match &mut errors {
                Some(errors) => errors.extend(error),
                None => errors = Some(error),
            }
        }
        errors.map_or(Ok(()), Err)
    }

    /// Where the key's value came from: `default`, `lamplighter.toml:12`, `environment
    /// LAMPLIGHTER_…`, `flag --region`; `not set` for a key without a value.
    pub fn origin(&self, section: &str, key: &str) -> String {
        match self.effective.place(section, key) {
            Some(place) => source::origin(&self.sources, place),
            None => "not set".to_owned(),
        }
    }
}
