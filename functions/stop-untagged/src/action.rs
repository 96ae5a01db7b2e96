//! What can be done to an instance. Each action is complete, and carries what must still hold when it is done.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::plan::MARK;

/// The instance an action is about, and what justified the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `i-…`.
    pub id: String,
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The `Name` tag, for people.
    pub name: Option<String>,
    /// The tags that decided, as they were seen; `null` where there was none. The action is done only while every one
    /// of them is still the same.
    pub tags: BTreeMap<String, Option<String>>,
    /// Whether the case of a tag's key counts.
    pub case_sensitive: bool,
    /// The required tags that are missing, blank or not allowed.
    pub missing: Vec<String>,
}

/// One change to one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Send the warning, and then mark. The deadline is counted from the warning.
    WarnAndMark {
        /// Which instance.
        target: Target,
        /// Who is warned.
        recipients: Vec<String>,
        /// The deadline if it is done now.
        stop_after: DateTime<Utc>,
        /// The time between the warning and the deadline, in hours.
        grace_hours: u32,
        /// Past the deadline it is terminated, not stopped.
        terminates: bool,
    },
    /// Take the mark away: the violation is mended or excused.
    Unmark {
        /// Which instance.
        target: Target,
        /// The mark as it was seen.
        mark: String,
        /// Why.
        because: String,
    },
    /// Stop it.
    Stop {
        /// Which instance.
        target: Target,
        /// Why.
        because: String,
    },
    /// Terminate it.
    Terminate {
        /// Which instance.
        target: Target,
        /// Why.
        because: String,
    },
}

impl Action {
    /// The instance it is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::WarnAndMark { target, .. }
            | Self::Unmark { target, .. }
            | Self::Stop { target, .. }
            | Self::Terminate { target, .. } => target,
        }
    }

    /// The account and the region it is in.
    pub(crate) fn place(&self) -> (&str, &str) {
        let target = self.target();
        (&target.account, &target.region)
    }
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let Target {
            id,
            account,
            partition,
            region,
            ..
        } = self.target();
        Resource {
            arn: format!("arn:{partition}:ec2:{region}:{account}:instance/{id}"),
            account: account.clone(),
            region: Some(region.clone()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::WarnAndMark { .. } => "warn-and-mark",
            Self::Unmark { .. } => "unmark",
            Self::Stop { .. } => "stop-instance",
            Self::Terminate { .. } => "terminate-instance",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::WarnAndMark {
                target,
                stop_after,
                grace_hours,
                terminates,
                ..
            } => format!(
                "lacks {}; may stay {grace_hours} h, until {}, then it is {}",
                list(&target.missing),
                stop_after.format("%Y-%m-%d %H:%M UTC"),
                if *terminates { "terminated" } else { "stopped" },
            ),
            Self::Unmark { because, .. }
            | Self::Stop { because, .. }
            | Self::Terminate { because, .. } => because.clone(),
        }
    }

    fn precondition(&self) -> Value {
        let target = self.target();
        let state = match self {
            Self::Unmark { .. } => Value::Null,
            _ => json!("running"),
        };
        json!({ "state": state, "tags": target.tags, "missing": target.missing })
    }

    fn undo(&self) -> Option<String> {
        let Target { id, region, .. } = self.target();
        match self {
            Self::WarnAndMark { .. } => Some(format!(
                "aws ec2 delete-tags --region {region} --resources {id} --tags Key={MARK}"
            )),
            // A mark that somebody wrote by hand may hold anything; it goes into no shell command.
            Self::Unmark { mark, .. } if core::mark::parse(mark).is_some() => Some(format!(
                "aws ec2 create-tags --region {region} --resources {id} --tags Key={MARK},Value={mark}"
            )),
            Self::Unmark { .. } | Self::Terminate { .. } => None,
            Self::Stop { .. } => Some(format!(
                "aws ec2 start-instances --region {region} --instance-ids {id}"
            )),
        }
    }

    fn pardon(&self, because: &str) -> Option<Self> {
        let target = self.target();
        match self {
            Self::WarnAndMark { .. } => None,
            Self::Unmark { .. } => Some(self.clone()),
            Self::Stop { .. } | Self::Terminate { .. } => Some(Self::Unmark {
                mark: target.tags.get(MARK).cloned().flatten()?,
                target: target.clone(),
                because: because.to_owned(),
            }),
        }
    }

    fn limited_verb(&self) -> Option<&'static str> {
        match self {
            Self::Stop { .. } => Some("stops"),
            Self::Terminate { .. } => Some("terminates"),
            Self::WarnAndMark { .. } | Self::Unmark { .. } => None,
        }
    }
}

/// `` `a`, `b` ``.
pub(crate) fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
