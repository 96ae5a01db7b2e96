//! Quarantine: records of events that cannot succeed, kept with their reason and all that is needed to try them again.
//!
//! `lamplighter replay` takes such a file. Nothing is removed from quarantine but by a person, or by a later success of
//! the same record.

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::documents::{Found, key_of};
use super::{StateReader, StateWriter};

/// A record that cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Always [`lamplighter_events::QUARANTINE_SCHEMA`].
    pub schema: String,
    /// The function.
    pub function: String,
    /// `s3://bucket/key`, `mail/<id>`.
    pub subject: String,
    /// Why it cannot succeed.
    pub reason: String,
    /// The run that tried.
    pub run_id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The record, as the reader of events reads it again.
    pub payload: Value,
}

impl Quarantined {
    /// Its key in the state, the same for the same record, so that a second attempt replaces the first.
    pub fn key(&self) -> String {
        key(&self.function, &self.subject)
    }
}

fn key(function: &str, subject: &str) -> String {
    key_of("quarantine", function, subject)
}

impl StateReader {
    /// What is in quarantine for a function: the first `limit` of it, with the keys.
    pub async fn quarantined(
        &self,
        function: &str,
        limit: usize,
    ) -> Result<Vec<(String, Quarantined)>> {
        let mut all = Vec::new();
        for key in self.keys(&format!("quarantine/{function}/"), limit).await? {
            // Removed between listing and reading: somebody has looked after it.
            if let Some(found) = self.document::<Quarantined>(&key).await? {
                all.push((key, found.document));
            }
        }
        Ok(all)
    }
}

impl StateWriter {
    /// Puts a record into quarantine, in the place of what is there of the same subject.
    pub async fn quarantine(&self, record: &Quarantined) -> Result<()> {
        let bytes = serde_json::to_vec(record)
            .map_err(|error| Error::permanent("cannot write the record").caused_by(error))?;
        self.put(&record.key(), bytes).await
    }

    /// Takes a subject out of quarantine, after a success.
    pub async fn release(&self, function: &str, subject: &str) -> Result<()> {
        let key = key(function, subject);
        let there: Option<Found<Quarantined>> = self.reader().document(&key).await?;
        if let Some(there) = there {
            self.remove_if(&key, &there.tag).await?;
        }
        Ok(())
    }
}
