//! How things stand with a queue, for people and for the ledger.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What became of messages, since the ledger began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages whose work was done.
    pub done: u64,
    /// Messages with nothing to do in them.
    pub ignored: u64,
    /// Messages of which something can never be done, and is in quarantine.
    pub quarantined: u64,
    /// Messages that come again.
    pub retried: u64,
    /// Deliveries: each is a run, of up to ten messages.
    pub deliveries: u64,
    /// Deliveries whose run failed as a whole.
    pub failed: u64,
}

impl Counts {
    /// Adds what became of more messages.
    pub fn add(&mut self, more: Self) {
        self.done += more.done;
        self.ignored += more.ignored;
        self.quarantined += more.quarantined;
        self.retried += more.retried;
        self.deliveries += more.deliveries;
        self.failed += more.failed;
    }
}

/// How things stand with a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// The function that it brings events to.
    pub function: String,
    /// Its URL.
    pub queue: String,
    /// When that was.
    pub at: DateTime<Utc>,
    /// Messages that wait, by SQS's count, which is approximate; `None`: not known.
    pub depth: Option<u64>,
    /// Messages that somebody has received and not deleted, by SQS's count.
    pub in_flight: Option<u64>,
    /// Messages that are not to be received yet, by SQS's count.
    pub delayed: Option<u64>,
    /// How long the oldest message of the last receive had waited; 0 when nothing came.
    pub oldest_secs: Option<u64>,
    /// Messages that this daemon has in work.
    pub in_work: u64,
    /// What became of messages.
    pub counts: Counts,
    /// When a delivery last ended well.
    pub last_done_at: Option<DateTime<Utc>>,
    /// When a delivery last failed.
    pub last_failed_at: Option<DateTime<Utc>>,
    /// Why nothing can be received.
    pub trouble: Option<String>,
}
