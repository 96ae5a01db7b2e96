//! What can be done. Each action is complete: it names the bundle by bucket, key, version and eTag, where it goes and
//! how, and never its contents.

use chrono::{DateTime, Utc};
use lamplighter_aws::codedeploy::Revision;
use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bundle::{Bundle, Target};
use crate::rules::Options;

/// What an action is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The record of the event that asks for it; `None`: what waits does.
    pub record: Option<String>,
    /// Where to.
    pub target: Target,
    /// What.
    pub bundle: Bundle,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Deploy a bundle. If its group turns out to be busy, the bundle waits as by [`Action::Wait`].
    Deploy {
        /// What, and where to.
        subject: Subject,
        /// How.
        options: Options,
        /// Why, and what was found in it.
        because: String,
        /// What was deployed last with success.
        previous: Option<Revision>,
        /// When it was planned: since when it waits, if it has to.
        since: DateTime<Utc>,
    },
    /// Let a bundle wait for its busy group, in the place of an older one.
    Wait {
        /// What, and where to.
        subject: Subject,
        /// How.
        options: Options,
        /// The deployment it waits for.
        behind: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Let a bundle wait no longer.
    Forget {
        /// What, and where to.
        subject: Subject,
        /// What was seen waiting, by its tag in the state.
        tag: String,
        /// Why.
        because: String,
    },
}

impl Action {
    /// What it is about.
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Deploy { subject, .. }
            | Self::Wait { subject, .. }
            | Self::Forget { subject, .. } => subject,
        }
    }
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        self.subject().target.resource()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Deploy { .. } => "deploy",
            Self::Wait { .. } => "wait-for-group",
            Self::Forget { .. } => "forget-pending",
        }
    }

    fn reason(&self) -> String {
        let Revision {
            version,
            bundle_type,
            ..
        } = &self.subject().bundle.revision;
        let url = self.subject().bundle.revision.url();
        let version = version.as_ref();
        let version = version.map_or_else(String::new, |version| format!(", version {version}"));
        match self {
            Self::Deploy {
                options, because, ..
            } => {
                let words = options.words();
                let words = match words.is_empty() {
                    true => words,
                    false => format!(" ({words})"),
                };
                format!("{url} ({bundle_type}{version}): {because}{words}")
            }
            Self::Wait { behind, .. } => {
                format!("{url} ({bundle_type}{version}): the group is busy with {behind}")
            }
            Self::Forget { because, .. } => format!("{url}{version}: {because}"),
        }
    }

    fn precondition(&self) -> Value {
        let Revision {
            bucket,
            key,
            version,
            etag,
            ..
        } = &self.subject().bundle.revision;
        json!({ "bucket": bucket, "key": key, "version": version, "etag": etag })
    }

    fn undo(&self) -> Option<String> {
        let Self::Deploy {
            subject, previous, ..
        } = self
        else {
            return None;
        };
        let Target {
            region,
            application,
            group,
            ..
        } = &subject.target;
        let names = format!(
            "--region {region} --application-name {} --deployment-group-name {}",
            quoted(application),
            quoted(group)
        );
        match previous.as_ref().and_then(location) {
            Some(location) => Some(format!(
                "aws deploy create-deployment {names} --s3-location {location}"
            )),
            // The first deployment of a group: all that can be done is to stop it.
            None => Some(format!(
                "aws deploy stop-deployment --region {region} --deployment-id \"$(aws deploy get-deployment-group {names} \
                 --query deploymentGroupInfo.lastAttemptedDeployment.deploymentId --output text)\""
            )),
        }
    }

    fn limited_verb(&self) -> Option<&'static str> {
        None
    }

    fn record(&self) -> Option<&str> {
        self.subject().record.as_deref()
    }
}

/// A revision in the shorthand of the AWS CLI; `None` where its syntax would take something for its own.
fn location(revision: &Revision) -> Option<String> {
    let parts = [
        ("bucket", Some(&revision.bucket)),
        ("key", Some(&revision.key)),
        ("bundleType", Some(&revision.bundle_type)),
        ("version", revision.version.as_ref()),
        ("eTag", revision.etag.as_ref()),
    ];
    let mut text = Vec::new();
    for (name, value) in parts {
        let Some(value) = value else { continue };
        let is_plain = |letter: char| letter.is_alphanumeric() || "-_./+ ()!~@:".contains(letter);
        if !value.chars().all(is_plain) {
            return None;
        }
        text.push(format!("{name}={value}"));
    }
    Some(quoted(&text.join(",")))
}

/// A word for a shell, whatever it holds.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=,:".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
