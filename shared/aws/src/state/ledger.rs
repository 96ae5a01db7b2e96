//! The ledger: how far the work on an object or a mail is, so that a record that is delivered twice, late, or to two
//! machines at once is worked on once.
//!
//! One entry for each subject (an object, a mail), not for each delivery: it remembers the newest record that was worked
//! on, and older ones have nothing to say any more. Entries are small and are never removed by this program; a lifecycle
//! rule on the prefix `ledger/` may expire them after the longest time that a record may be late.

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, ErrorKind, Result};
use lamplighter_events::Sequencer;
use serde::{Deserialize, Serialize};

use super::documents::{Found, key_of};
use super::{StateReader, StateWriter};

/// How far the work on one subject is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The function.
    pub function: String,
    /// `s3://bucket/key`, `mail/<id>`.
    pub subject: String,
    /// Which record it was.
    pub order: Order,
    /// How far it is.
    pub state: EntryState,
    /// The run that works on it, or did.
    pub run_id: String,
    /// Where it runs, for a person.
    pub holder: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// From when on a holder that was not heard of again has lost it.
    pub expires_at: DateTime<Utc>,
    /// Why it failed, or cannot succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What tells two records of one subject apart, and which of them is newer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// `ObjectCreated:Put`; for a mail empty.
    #[serde(default)]
    pub name: String,
    /// S3's order among the events of one key.
    #[serde(default)]
    pub sequencer: Option<Sequencer>,
    /// The version of the object.
    #[serde(default)]
    pub version_id: Option<String>,
    /// The object's eTag, without quotes.
    #[serde(default)]
    pub etag: Option<String>,
}

impl Order {
    /// Whether both are the same record, delivered twice.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.sequencer, &other.sequencer) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => {
                (self.is_removal(), &self.version_id, &self.etag)
                    == (other.is_removal(), &other.version_id, &other.etag)
            }
        }
    }

    /// Whether this record is known to be older than `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        matches!((&self.sequencer, &other.sequencer), (Some(ours), Some(theirs)) if ours < theirs)
    }

    fn is_removal(&self) -> bool {
        self.name.starts_with("ObjectRemoved") || self.name.starts_with("LifecycleExpiration")
    }
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// It goes on, or its holder crashed.
    Running,
    /// It was done.
    Done,
    /// It failed, and another attempt may succeed.
    Failed,
    /// It cannot succeed.
    Quarantined,
}

fn key(function: &str, subject: &str) -> String {
    key_of("ledger", function, subject)
}

impl StateReader {
    /// The entry of a subject.
    pub async fn entry(&self, function: &str, subject: &str) -> Result<Option<Found<Entry>>> {
        self.document(&key(function, subject)).await
    }
}

impl StateWriter {
    /// Enters the beginning of the work, if the entry is still what was seen (`replaces`, its tag). Somebody else was
    /// faster: [`ErrorKind::Taken`]. Answers the new tag.
    pub async fn enter(&self, entry: &Entry, replaces: Option<&str>) -> Result<String> {
        let key = key(&entry.function, &entry.subject);
        if let Some(tag) = self.put_if(&key, entry, replaces).await? {
            return Ok(tag);
        }
        // The answer to our own write may have been lost, and the SDK asked again.
        if let Some(tag) = self.tag_of(entry).await? {
            return Ok(tag);
        }
        Err(Error::new(
            ErrorKind::Taken,
            format!("another run has begun to work on `{}`", entry.subject),
        ))
    }

    /// The tag of this beginning, if it was entered and stands.
    pub async fn tag_of(&self, entry: &Entry) -> Result<Option<String>> {
        let key = key(&entry.function, &entry.subject);
        let there = self.reader().document::<Entry>(&key).await?;
        let own = there.filter(|there| {
            there.document.run_id == entry.run_id
                && there.document.order == entry.order
                && there.document.state == EntryState::Running
        });
        Ok(own.map(|own| own.tag))
    }

    /// Enters how the work ended, unless somebody has taken it over meanwhile.
    pub async fn close(&self, entry: &Entry, tag: &str) -> Result<()> {
        let key = key(&entry.function, &entry.subject);
        self.put_if(&key, entry, Some(tag)).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sequencer: Option<&str>, etag: &str) -> Order {
        Order {
            name: "ObjectCreated:Put".to_owned(),
            sequencer: sequencer.and_then(Sequencer::parse),
            version_id: None,
            etag: Some(etag.to_owned()),
        }
    }

    #[test]
    fn the_sequencer_decides_and_without_one_the_version_and_the_etag_do() {
        let first = order(Some("0055AE"), "a");
        assert!(
            first.is_same(&order(Some("0055AE"), "b")),
            "the sequencer decides"
        );
        assert!(
            !first.is_same(&order(Some("0055AF"), "a")),
            "the same bytes, written again"
        );
        assert!(
            first.is_same(&order(None, "a")),
            "a listing has no sequencer"
        );
        assert!(!first.is_same(&order(None, "b")));
        assert!(first.is_older_than(&order(Some("0055AF"), "a")));
        assert!(!first.is_older_than(&first));
        assert!(!first.is_older_than(&order(None, "z")), "nobody can tell");
        let removal = Order {
            name: "ObjectRemoved:Delete".to_owned(),
            ..order(None, "a")
        };
        assert!(!removal.is_same(&order(None, "a")));
    }
}
