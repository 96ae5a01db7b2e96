//! What the consumers of queues tell: counted in memory, and written now and then.
//!
//! A ledger with a row for each event would be written a hundred times in a second and be trimmed without end. So
//! deliveries that went well are only counted. One that failed gets a row, at most one in [`FAILURES_EVERY`] for each
//! function: a queue that fails all night writes what a schedule would.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dispatcher, bounded};
use crate::daemon::consumers::{QueueEvent, QueueNews, QueueRow};
use crate::daemon::store::{Outcome, RunRow, Write};

/// The counts are written at most this often.
const WRITTEN_EVERY: TimeDelta = TimeDelta::seconds(5);

/// Of the failed deliveries of a function, at most one in this time gets a row of its own.
const FAILURES_EVERY: TimeDelta = TimeDelta::seconds(10);

/// What is known of queues.
#[derive(Default)]
pub(super) struct Queues {
    rows: BTreeMap<(String, String), QueueRow>,
    changed: BTreeSet<(String, String)>,
    written_at: Option<DateTime<Utc>>,
    failures: BTreeMap<String, DateTime<Utc>>,
}

impl Queues {
    /// Adds what the ledger knows to what was counted since. Nobody who counted before works on anything any more.
    pub(super) fn add(&mut self, rows: Vec<QueueRow>) {
        for row in rows {
            let key = (row.function.clone(), row.queue.clone());
            match self.rows.get_mut(&key) {
                Some(known) => {
                    known.counts.add(row.counts);
                    known.last_done_at = known.last_done_at.max(row.last_done_at);
                    known.last_failed_at = known.last_failed_at.max(row.last_failed_at);
                }
                None => {
                    self.rows.insert(key, QueueRow { in_work: 0, ..row });
                }
            }
        }
    }
}

impl Dispatcher {
    /// Takes note of what a consumer tells.
    pub fn heard(&mut self, news: QueueNews, now: DateTime<Utc>) {
        let key = (news.function.clone(), news.queue.clone());
        let row = self.queues.rows.entry(key.clone()).or_default();
        let before = row.clone();
        row.function = news.function;
        row.queue = news.queue;
        row.in_work = news.in_work;
        let mut ended = None;
        match news.what {
            QueueEvent::Delivered { run, counts } => {
                row.counts.add(counts);
                match run.outcome {
                    Some(outcome) if outcome.is_failure() => row.last_failed_at = Some(now),
                    Some(Outcome::Ok) => row.last_done_at = Some(now),
                    // What was cut off is neither.
                    _ => {}
                }
                ended = Some(run);
            }
            QueueEvent::GivenBack { messages } => row.counts.retried += messages,
            QueueEvent::Looked { look, oldest_secs } => {
                row.depth = Some(look.depth);
                row.in_flight = Some(look.in_flight);
                row.delayed = Some(look.delayed);
                row.oldest_secs = match look.depth {
                    // What came last does not wait any more.
                    0 => Some(0),
                    _ => oldest_secs,
                };
            }
            QueueEvent::Trouble(trouble) => row.trouble = trouble,
        }
        if *row != before {
            row.at = now;
            let is_urgent = row.trouble != before.trouble;
            self.queues.changed.insert(key);
            if is_urgent {
                self.write_queues(now);
            }
        }
        if let Some(run) = ended {
            self.delivered(*run, now);
        }
    }

    fn delivered(&mut self, mut run: RunRow, now: DateTime<Utc>) {
        let Some(outcome) = run.outcome else { return };
        let before = self.panics.get(&run.function).copied().unwrap_or_default();
        let (panics, pause) = self.count_panics(&run.function, outcome);
        let noted = self.queues.failures.get(&run.function);
        let is_due = noted.is_none_or(|noted| (now - *noted).abs() >= FAILURES_EVERY);
        if panics == before && !(outcome.is_failure() && is_due) {
            return;
        }
        if outcome.is_failure() {
            self.queues.failures.insert(run.function.clone(), now);
        }
        run.detail = run.detail.map(|detail| bounded(&detail));
        self.write(Write::Delivery { run, panics, pause });
    }

    /// Writes the counts that have changed, if that is due.
    pub(super) fn keep_queues(&mut self, now: DateTime<Utc>) {
        let written = self.queues.written_at;
        if written.is_none_or(|written| (now - written).abs() >= WRITTEN_EVERY) {
            self.write_queues(now);
        }
    }

    /// Writes the counts that have changed.
    pub(in super::super) fn write_queues(&mut self, now: DateTime<Utc>) {
        // What was counted before is not known yet, and must not be replaced.
        if self.queues.changed.is_empty() || self.is_unread() {
            return;
        }
        self.queues.written_at = Some(now);
        let changed = std::mem::take(&mut self.queues.changed);
        let rows = changed.iter().filter_map(|key| self.queues.rows.get(key));
        let rows: Vec<QueueRow> = rows.cloned().collect();
        self.write(Write::Queues(rows));
    }
}
