//! Takes over from the daemon before, at once or as soon as its ledger can be read.
//!
//! A ledger that cannot be read is not an empty one. Until it is read the functions that only look begin as if they had
//! never been seen, those that change things are refused, and nothing is written. Then what the ledger knows is made up
//! for: what waited, what fell into the downtime, and what is paused.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

use super::book::{Before, Book};
use super::queues::Queues;
use super::{Dispatcher, schedule_text};
use crate::daemon::planner::{Decided, Job, Known, Planner};
use crate::daemon::store::{Host, JobRow, Store, Write};

/// A ledger that cannot be used is tried again this often.
const TRIED_EVERY: TimeDelta = TimeDelta::seconds(5);

/// What has not been read.
#[derive(Default)]
pub(super) struct Unread {
    /// Functions that began without what the ledger has of them, and when.
    functions: BTreeMap<String, DateTime<Utc>>,
    /// This daemon has not taken over yet.
    is_all: bool,
    tried_at: DateTime<Utc>,
}

impl Dispatcher {
    /// Takes over from the daemon before: what was running is interrupted, what was waiting is judged as missed.
    pub fn boot(
        store: Box<dyn Store>,
        jobs: Vec<Job>,
        max_runs: usize,
        host: Host,
        now: DateTime<Utc>,
    ) -> Self {
        let mut dispatcher = Self {
            planner: Planner::new(max_runs),
            book: Book::new(store),
            unread: Unread {
                is_all: true,
                tried_at: now,
                ..Unread::default()
            },
            panics: BTreeMap::new(),
            queues: Queues::default(),
            host,
            trimmed_at: now,
        };
        match dispatcher.book.read() {
            Some(before) => {
                let mut rows = dispatcher.take_over(before, now);
                for job in jobs {
                    let row = rows.remove(&job.name).unwrap_or_default();
                    dispatcher.add(&job, row, now);
                    let row = dispatcher.row_of(&job);
                    dispatcher.book.put_first([row]);
                }
                let recovered = dispatcher.planner.recover(now);
                dispatcher.write_first(recovered, now);
            }
            None => {
                for job in jobs {
                    dispatcher.begin_unread(job, now);
                }
            }
        }
        dispatcher.write(Write::Trim { at: now });
        dispatcher
    }

    /// Notes that this daemon is the one. Answers what is known of functions.
    fn take_over(&mut self, before: Before, now: DateTime<Utc>) -> BTreeMap<String, JobRow> {
        if !self.unread.is_all {
            return before.jobs;
        }
        self.unread.is_all = false;
        if let Some(before) = &before.host {
            let since = before.stopped_at.unwrap_or(before.beat_at);
            info!(
                since = since.to_rfc3339(),
                cleanly = before.stopped_at.is_some(),
                "no daemon ran for {} s",
                (self.host.started_at.min(now) - since).num_seconds()
            );
        }
        self.queues.add(before.queues);
        self.book.put_first([Write::Boot(self.host.clone())]);
        before.jobs
    }

    /// Adds a function that was not configured before.
    pub(super) fn add_one(&mut self, job: Job, now: DateTime<Utc>) {
        self.begin_unread(job, now);
        self.learn(now);
    }

    fn begin_unread(&mut self, job: Job, now: DateTime<Utc>) {
        self.unread.functions.insert(job.name.clone(), now);
        self.planner.add(job, Known::default(), now);
    }

    fn add(&mut self, job: &Job, row: JobRow, now: DateTime<Utc>) {
        self.panics.insert(job.name.clone(), row.panics);
        let known = known(job, row);
        self.planner.add(job.clone(), known, now);
    }

    /// A function and its schedule, and up to where its slots are decided.
    pub(super) fn row_of(&self, job: &Job) -> Write {
        let known = self.planner.job(&job.name);
        let until = known.and_then(|(_, known)| known.decided_until);
        Write::Job {
            function: job.name.clone(),
            schedule: schedule_text(job),
            decided_until: until.unwrap_or_default(),
        }
    }

    fn write_first(&mut self, decided: Decided, now: DateTime<Utc>) {
        self.tell(&decided);
        self.book.put_first([Write::Tick {
            at: now,
            decided,
            starts: vec![],
        }]);
        self.book.catch_up();
    }

    /// Goes on with what could not be read or written, if there is something.
    pub(super) fn recover(&mut self, now: DateTime<Utc>) {
        let has_trouble = self.book.trouble().is_some();
        let since = now - self.unread.tried_at;
        if has_trouble && since.abs() < TRIED_EVERY {
            return;
        }
        if has_trouble {
            self.unread.tried_at = now;
        }
        if self.unread.is_all || !self.unread.functions.is_empty() {
            self.learn(now);
        } else if self.book.is_behind() {
            self.book.catch_up();
        }
    }

    /// Whether the ledger has not been read since this daemon began.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.is_all
    }

    /// Reads what could not be read before, and makes up for it.
    fn learn(&mut self, now: DateTime<Utc>) {
        let Some(before) = self.book.read() else {
            return;
        };
        let mut rows = self.take_over(before, now);
        let mut learned = Decided::default();
        for (function, began) in std::mem::take(&mut self.unread.functions) {
            let Some((job, _)) = self.planner.job(&function) else {
                // Taken out of the configuration meanwhile.
                continue;
            };
            let job = job.clone();
            let row = rows.remove(&function).unwrap_or_default();
            // A run that has ended since says more than the runs before.
            self.panics.entry(function.clone()).or_insert(row.panics);
            let known = known(&job, row);
            let decided = self.planner.learn(&function, known, began, now);
            learned.decisions.extend(decided.decisions);
            let row = self.row_of(&job);
            self.book.put_first([row]);
        }
        self.write_first(learned, now);
    }
}

/// What the planner is told of what the ledger has.
fn known(job: &Job, row: JobRow) -> Known {
    if let Some(paused) = &row.paused {
        warn!(function = job.name, since = %paused.at, "paused: {}", paused.why);
    }
    let mut known = row.known;
    if row.schedule != schedule_text(job) {
        // Under another schedule nothing was missed.
        known.decided_until = None;
    }
    known
}
