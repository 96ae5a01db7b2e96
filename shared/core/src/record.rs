//! What became of the records of an event: each entry of an AWS event is a piece of work with an outcome of its own.
//!
//! A scheduled round has none. What an outcome means to AWS, an acknowledgement or another delivery, is decided by
//! whoever runs the function.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a plan decides about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its actions are to be applied.
    Act,
    /// There is nothing to do, with the reason. It is acknowledged.
    Ignore(String),
    /// Trying again cannot help, with the reason. It goes into quarantine.
    Reject(String),
    /// Trying again may help, with the reason. AWS delivers it again.
    Retry(String),
}

/// One record with its decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its place in the event, as the reader of events names it.
    pub id: String,
    /// What it is about, for people: `s3://bucket/key`.
    pub subject: String,
    /// What was decided.
    pub decision: Decision,
    /// What SES is to do with the mail, where it waits for an answer.
    pub disposition: Option<Disposition>,
}

impl Decided {
    /// Whether nothing is left over: neither another delivery nor an entry in quarantine.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.decision, Decision::Act | Decision::Ignore(_))
    }
}

/// What SES does with a mail after a Lambda action that it waits for.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Disposition {
    /// The next action, then the next rule.
    Continue,
    /// No further action of this rule; then the next rule.
    StopRule,
    /// Nothing more.
    StopRuleSet,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordOutcome {
    /// It would be done in apply mode.
    Planned,
    /// It was done.
    Done,
    /// There was nothing to do.
    Ignored,
    /// It is to be delivered again.
    Retry,
    /// It cannot succeed, and is kept with its reason.
    Quarantined,
}

impl RecordOutcome {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Retry => "retry",
            Self::Quarantined => "quarantined",
        }
    }
}

/// One record of an event, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRow {
    /// Its place in the event: `0`, or the SQS message's id and a place in it.
    pub id: String,
    /// What it is about: `s3://bucket/key`.
    pub subject: String,
    /// What became of it.
    pub outcome: RecordOutcome,
    /// Why.
    pub reason: Option<String>,
    /// What SES is to do with the mail, where it waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// Before this another delivery is for nothing: somebody else holds it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
}

impl From<Decided> for RecordRow {
    /// The record before anything is applied.
    fn from(decided: Decided) -> Self {
        let (outcome, reason) = match decided.decision {
            Decision::Act => (RecordOutcome::Planned, None),
            Decision::Ignore(reason) => (RecordOutcome::Ignored, Some(reason)),
            Decision::Reject(reason) => (RecordOutcome::Quarantined, Some(reason)),
            Decision::Retry(reason) => (RecordOutcome::Retry, Some(reason)),
        };
        Self {
            id: decided.id,
            subject: decided.subject,
            outcome,
            reason,
            disposition: decided.disposition,
            not_before: None,
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
