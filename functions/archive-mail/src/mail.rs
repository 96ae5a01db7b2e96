//! What was seen: mails that wait for the archive, and what the archive holds.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use lamplighter_config::Treatment;
use lamplighter_events::Verdicts;
use serde::{Deserialize, Serialize};

use crate::layout::Place;
use crate::policy::{Judgement, Sender, judge};
use crate::rules::Rules;

/// Everything that was seen.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The account that the run is in.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The records of the event, in its order.
    pub sightings: Vec<Sighting>,
    /// What the archive got on the day before; only in a round, and only if there is an archive.
    pub day: Option<Day>,
}

/// One record, and what was found where it points.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The record's place in the event.
    pub record: String,
    /// What it is about, for people.
    pub subject: String,
    /// Whether SES waits for an answer.
    pub is_decision: bool,
    /// What was found.
    pub seen: Seen,
}

/// What was found where a record points.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A mail.
    Mail(Box<Letter>),
    /// Nothing to do, with the reason.
    Nothing(String),
    /// Not there yet, or not to be read now, with the reason.
    Unread(String),
    /// It never can be archived.
    Refused {
        /// The rule it is reported by.
        rule: &'static str,
        /// Why.
        why: String,
    },
}

/// A mail, as far as it must be known to decide about it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where its bytes are.
    pub input: Input,
    /// The id that SES gave it, or one made of its key.
    pub id: String,
    /// When SES received it.
    pub received_at: DateTime<Utc>,
    /// The recipients of its envelope.
    pub recipients: Vec<String>,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// Who sent it.
    pub sender: Sender,
    /// Why it must not be sent on, if that is so.
    pub no_forward: Option<String>,
    /// What the archive has of it.
    pub archived: Archived,
}

impl Letter {
    /// What is to become of it.
    pub fn judge(&self, rules: &Rules) -> Judgement {
        judge(&self.verdicts, &self.sender, &rules.policy)
    }

    /// Where it belongs. Of several recipients the first that the rules ask for gives the folder; the sidecar names all.
    pub fn place(&self, rules: &Rules) -> Place {
        let recipients = || self.recipients.iter();
        let recipient = recipients()
            .find(|address| rules.is_listed(address))
            .or_else(|| recipients().next());
        Place::new(
            &rules.archive_prefix,
            self.judge(rules).treatment != Treatment::Keep,
            self.received_at,
            recipient.map(String::as_str),
            &self.id,
        )
    }
}

/// Where the bytes of a mail are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// In S3.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The version, where the bucket keeps versions.
        version_id: Option<String>,
        /// The eTag, without quotes.
        etag: String,
        /// Bytes.
        size: u64,
        /// The bucket's region, if the event names it.
        region: Option<String>,
    },
    /// In the event itself. A plan file does not hold them: it names what it works on, and never holds contents.
    Event {
        /// Bytes.
        size: u64,
        /// The bytes.
        #[serde(skip)]
        bytes: Option<Arc<Vec<u8>>>,
    },
}

/// What the archive has of a mail already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archived {
    /// Its sidecar, which is written last: all of it is there.
    pub is_complete: bool,
    /// A copy was sent on.
    pub was_forwarded: bool,
}

/// What the archive got on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// How many mails were archived.
    pub mails: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Mails whose sidecar is missing: their archiving did not end.
    pub unfinished: Vec<String>,
    /// The mails in quarantine.
    pub quarantined: Vec<Suspect>,
    /// How many more there are in quarantine than are listed.
    pub more_quarantined: usize,
    /// Whether there was more than was looked at.
    pub is_cut: bool,
}

/// A mail in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The key of the raw mail.
    pub key: String,
    /// Who it says it is from.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// Why it is there.
    pub reasons: Vec<String>,
}
