//! Where an interrupted backfill stopped.
//!
//! ```text
//! backfill/<function>/<digest of the place>.json
//! ```

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::documents::key_of;
use super::{StateReader, StateWriter};

/// Where a backfill stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// `s3://bucket/prefix`.
    pub place: String,
    /// The last key that was worked on.
    pub after: String,
    /// When.
    pub at: DateTime<Utc>,
}

fn key(function: &str, place: &str) -> String {
    key_of("backfill", function, place)
}

impl StateReader {
    /// Where the backfill of a place stopped; `None`: it came to its end, or never began.
    pub async fn cursor(&self, function: &str, place: &str) -> Result<Option<Cursor>> {
        let found = self.document(&key(function, place)).await?;
        Ok(found.map(|found| found.document))
    }
}

impl StateWriter {
    /// Writes down how far a backfill is.
    pub async fn remember(&self, function: &str, cursor: &Cursor) -> Result<()> {
        let bytes = serde_json::to_vec(cursor)
            .map_err(|error| Error::permanent("cannot write the cursor").caused_by(error))?;
        self.put(&key(function, &cursor.place), bytes).await
    }

    /// The backfill of a place came to its end.
    pub async fn forget(&self, function: &str, place: &str) -> Result<()> {
        let key = key(function, place);
        if let Some(found) = self.reader().document::<Cursor>(&key).await? {
            self.remove_if(&key, &found.tag).await?;
        }
        Ok(())
    }
}
