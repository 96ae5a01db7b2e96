//! What can be done to a user. Each action is complete, and carries what must still hold when it is done.

use chrono::{DateTime, Utc};
use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::plan::{DENIAL, MARK, minute};
use crate::rules::Remedy;

/// The user an action is about, and what justified the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The name.
    pub user: String,
    /// The ARN.
    pub arn: String,
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// When the user was created: a new user of the same name is another one.
    pub created_at: Option<DateTime<Utc>>,
    /// The mark as it was seen.
    pub mark: Option<String>,
}

/// One change to one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Send the warning, and then mark. The deadline is counted from the warning.
    WarnAndMark {
        /// Which user.
        target: Target,
        /// Who is warned.
        recipients: Vec<String>,
        /// The deadline if it is done now.
        deny_after: DateTime<Utc>,
        /// The time between the warning and the deadline, in days.
        warned_days: u32,
        /// Past the deadline everything but enrolling is denied; otherwise the password is deleted.
        denies: bool,
    },
    /// Take the mark away.
    Unmark {
        /// Which user.
        target: Target,
        /// Why.
        because: String,
    },
    /// Take the password away, and then the mark.
    DeleteLoginProfile {
        /// Which user.
        target: Target,
        /// Why.
        because: String,
    },
    /// Deny everything but enrolling, and then take the mark away.
    DenyUntilMfa {
        /// Which user.
        target: Target,
        /// Why.
        because: String,
    },
    /// Take the denial away, and the mark.
    LiftDenial {
        /// Which user.
        target: Target,
        /// Why.
        because: String,
    },
}

impl Action {
    /// The user it is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::WarnAndMark { target, .. }
            | Self::Unmark { target, .. }
            | Self::DeleteLoginProfile { target, .. }
            | Self::DenyUntilMfa { target, .. }
            | Self::LiftDenial { target, .. } => target,
        }
    }

    /// What it does past the deadline.
    pub(crate) fn remedy(denies: bool) -> Remedy {
        match denies {
            true => Remedy::DenyUntilMfa,
            false => Remedy::DeleteLoginProfile,
        }
    }
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let target = self.target();
        Resource {
            arn: target.arn.clone(),
            account: target.account.clone(),
            region: None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::WarnAndMark { .. } => "warn-and-mark",
            Self::Unmark { .. } => "unmark",
            Self::DeleteLoginProfile { .. } => "delete-login-profile",
            Self::DenyUntilMfa { .. } => "deny-until-mfa",
            Self::LiftDenial { .. } => "lift-denial",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::WarnAndMark {
                deny_after,
                warned_days,
                denies,
                ..
            } => format!(
                "signs in without MFA; has {warned_days} days, until {}, then {}",
                minute(*deny_after),
                Self::remedy(*denies).consequence()
            ),
            Self::Unmark { because, .. }
            | Self::DeleteLoginProfile { because, .. }
            | Self::DenyUntilMfa { because, .. }
            | Self::LiftDenial { because, .. } => because.clone(),
        }
    }

    fn precondition(&self) -> Value {
        let target = self.target();
        let has_mfa = match self {
            Self::Unmark { .. } | Self::LiftDenial { .. } => Value::Null,
            _ => json!(false),
        };
        json!({ "created_at": target.created_at, "mark": target.mark, "has_mfa": has_mfa })
    }

    fn undo(&self) -> Option<String> {
        let Target { user, mark, .. } = self.target();
        // IAM allows nothing in a name that a shell would read as anything else; a plan file might.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
        if !user.chars().all(is_plain) {
            return None;
        }
        match self {
            Self::WarnAndMark { .. } => Some(format!(
                "aws iam untag-user --user-name {user} --tag-keys {MARK}"
            )),
            // A mark that somebody wrote by hand may hold anything; it goes into no shell command.
            Self::Unmark { .. } => {
                let mark = mark
                    .as_deref()
                    .filter(|mark| core::mark::parse(mark).is_some())?;
                Some(format!(
                    "aws iam tag-user --user-name {user} --tags Key={MARK},Value={mark}"
                ))
            }
            // The old password is gone for good: somebody has to choose a new one.
            Self::DeleteLoginProfile { .. } => Some(format!(
                "aws iam create-login-profile --user-name {user} --password-reset-required --password 'CHOOSE-A-NEW-ONE'"
            )),
            Self::DenyUntilMfa { .. } => Some(format!(
                "aws iam delete-user-policy --user-name {user} --policy-name {DENIAL}"
            )),
            Self::LiftDenial { .. } => None,
        }
    }

    fn pardon(&self, because: &str) -> Option<Self> {
        let target = self.target();
        match self {
            Self::WarnAndMark { .. } => None,
            Self::Unmark { .. } => Some(self.clone()),
            Self::LiftDenial { .. } => Some(self.clone()),
            Self::DeleteLoginProfile { .. } | Self::DenyUntilMfa { .. } => {
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
            Self::DeleteLoginProfile { .. } => Some("deletes the passwords of"),
            Self::DenyUntilMfa { .. } => Some("denies everything but enrolling to"),
            Self::WarnAndMark { .. } | Self::Unmark { .. } | Self::LiftDenial { .. } => None,
        }
    }
}
