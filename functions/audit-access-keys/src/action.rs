//! What can be done to an access key. Each action is complete, and carries what must still hold when it is done.

use chrono::{DateTime, Utc};
use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::key_arn;
use crate::plan::{MARK, minute};

/// The key an action is about, and what justified the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The user's name.
    pub user: String,
    /// The user's ARN.
    pub user_arn: String,
    /// `AKIA…`.
    pub key: String,
    /// The 12-digit account id.
    pub account: String,
    /// When the key was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last used, as it was seen.
    pub last_used: Option<DateTime<Utc>>,
    /// It is too old, so that using it does not save it.
    pub is_too_old: bool,
    /// The mark as it was seen.
    pub mark: Option<String>,
}

/// One change to one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Send the warning, and then mark. The deadline is counted from the warning.
    WarnAndMark {
        /// Which key.
        target: Target,
        /// Who is warned.
        recipients: Vec<String>,
        /// What speaks against the key.
        why: String,
        /// The deadline if it is done now.
        deactivate_after: DateTime<Utc>,
        /// The time between the warning and the deadline, in days.
        warned_days: u32,
    },
    /// Take the mark away.
    Unmark {
        /// Which key.
        target: Target,
        /// Why.
        because: String,
    },
    /// Switch the key off, and then take the mark away.
    Deactivate {
        /// Which key.
        target: Target,
        /// Why.
        because: String,
    },
}

impl Action {
    /// The key it is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::WarnAndMark { target, .. }
            | Self::Unmark { target, .. }
            | Self::Deactivate { target, .. } => target,
        }
    }
}

impl Target {
    /// The key of the tag that marks the key.
    pub(crate) fn tag(&self) -> String {
        format!("{MARK}{}", self.key)
    }
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let target = self.target();
        Resource {
            arn: key_arn(&target.user_arn, &target.key),
            account: target.account.clone(),
            region: None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::WarnAndMark { .. } => "warn-and-mark",
            Self::Unmark { .. } => "unmark",
            Self::Deactivate { .. } => "deactivate-key",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::WarnAndMark {
                why,
                deactivate_after,
                warned_days,
                ..
            } => format!(
                "{why}; has {warned_days} days, until {}, then it is switched off",
                minute(*deactivate_after)
            ),
            Self::Unmark { because, .. } | Self::Deactivate { because, .. } => because.clone(),
        }
    }

    fn precondition(&self) -> Value {
        let target = self.target();
        let status = match self {
            Self::Unmark { .. } => Value::Null,
            _ => json!("Active"),
        };
        json!({ "status": status, "created_at": target.created_at, "last_used": target.last_used, "mark": target.mark })
    }

    fn undo(&self) -> Option<String> {
        let target = self.target();
        let (user, key, tag) = (&target.user, &target.key, target.tag());
        // IAM allows nothing in a name that a shell would read as anything else; a plan file might.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
        if !user.chars().chain(key.chars()).all(is_plain) {
            return None;
        }
        match self {
            Self::WarnAndMark { .. } => Some(format!(
                "aws iam untag-user --user-name {user} --tag-keys {tag}"
            )),
            // A mark that somebody wrote by hand may hold anything; it goes into no shell command.
            Self::Unmark { .. } => {
                let mark = target.mark.as_deref();
                let mark = mark.filter(|mark| core::mark::parse(mark).is_some())?;
                Some(format!(
                    "aws iam tag-user --user-name {user} --tags Key={tag},Value={mark}"
                ))
            }
            Self::Deactivate { .. } => Some(format!(
                "aws iam update-access-key --user-name {user} --access-key-id {key} --status Active"
            )),
        }
    }

    fn pardon(&self, because: &str) -> Option<Self> {
        let target = self.target();
        match self {
            Self::WarnAndMark { .. } => None,
            Self::Unmark { .. } => Some(self.clone()),
            Self::Deactivate { .. } => {
                target.mark.as_ref()?;
                Some(Self::Unmark {
                    target: target.clone(),
                    because: because.to_owned(),
                })
            }
        }
    }

    fn limited_verb(&self) -> Option<&'static str> {
        match self {
            Self::Deactivate { .. } => Some("switches off"),
            Self::WarnAndMark { .. } | Self::Unmark { .. } => None,
        }
    }
}
