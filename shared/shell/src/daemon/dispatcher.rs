//! Decides, writes it down, and only then lets it happen.
//!
//! The one place where the planner and the ledger meet, the same for the real daemon and for years of virtual time. A
//! ledger that cannot be written is survived: what has to be written waits, runs that change things are refused, and
//! runs that only look go on.

mod book;
mod queues;
mod takeover;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{Mode, Trigger};
use tracing::{error, info, warn};
use ulid::Ulid;

use super::places::Places;
use super::planner::{Decided, Decision, Job, Known, Limit, Planner};
use super::store::{BEAT, Finish, Host, Outcome, Reload, RunRow, Store, Write};
use book::{Book, Written};
use queues::Queues;
use takeover::Unread;

/// A function whose runs panic this often in a row is paused.
const MAX_PANICS: u32 = 3;

/// The longest detail of a run that is kept.
const MAX_DETAIL: usize = 2_000;

/// The planner with its ledger.
pub struct Dispatcher {
    planner: Planner,
    book: Book,
    unread: Unread,
    panics: BTreeMap<String, u32>,
    queues: Queues,
    host: Host,
    trimmed_at: DateTime<Utc>,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub struct Work {
    /// Runs that begin. They are in the ledger.
    pub starts: Vec<RunRow>,
    /// Functions whose runs are told to end.
    pub replaced: Vec<String>,
}

/// How a run ended, as its runner tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// One line.
    pub detail: Option<String>,
    /// The `summary` of its report.
    pub summary: Option<serde_json::Value>,
}

impl Dispatcher {
    /// What functions share, from now on.
    pub fn set_limits(&mut self, limits: Vec<Limit>) {
        self.planner.set_limits(limits);
    }

    /// Decides on what has become due, beside the runs that no slot set off.
    pub(super) fn tick_among(&mut self, places: &Places, now: DateTime<Utc>) -> Work {
        self.planner.set_beside(places.begin_planning());
        let work = self.tick(now);
        let running = self.planner.all_runs().clone();
        places.planned(running, self.planner.wanting(now));
        work
    }

    /// Puts another configuration in place. Functions that are in both keep what is known of them.
    pub fn reload(&mut self, jobs: Vec<Job>, now: DateTime<Utc>) {
        let names: BTreeSet<String> = jobs.iter().map(|job| job.name.clone()).collect();
        let known: BTreeMap<String, Job> = self
            .planner
            .jobs()
            .map(|(job, _)| (job.name.clone(), job.clone()))
            .collect();
        for name in known.keys().filter(|name| !names.contains(*name)) {
            info!(function = name, "taken out of the configuration");
            let decided = self.planner.remove(name);
            self.record(decided, now);
        }
        for job in jobs {
            match known.get(&job.name) {
                None => self.add_one(job, now),
                Some(before) if *before == job => {}
                Some(_) => {
                    self.planner.change(job.clone(), now);
                    self.write(self.row_of(&job));
                }
            }
        }
    }

    /// Decides on what has become due.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Work {
        let decided = self.planner.tick(now);
        self.record(decided, now)
    }

    /// The next time at which there is something to decide, unless a run ends before.
    pub fn wake(&self) -> Option<DateTime<Utc>> {
        self.planner.wake()
    }

    /// Writes down what was decided, and answers what may happen of it.
    fn record(&mut self, decided: Decided, now: DateTime<Utc>) -> Work {
        let mut work = Work::default();
        if decided == Decided::default() {
            return work;
        }
        self.tell(&decided);
        for decision in &decided.decisions {
            match decision {
                Decision::Start {
                    function,
                    slot,
                    missed,
                } => work.starts.push(self.start(function, *slot, *missed, now)),
                Decision::Replace { function } => work.replaced.push(function.clone()),
                Decision::Skip(_) | Decision::Wait { .. } => {}
            }
        }
        let changes = |start: &RunRow| start.mode == Mode::Apply;
        let tick = |starts| Write::Tick {
            at: now,
            decided: decided.clone(),
            starts,
        };
        let write = tick(work.starts.clone());
        let written = match work.starts.iter().any(changes) {
            true => self.book.write_at_once(write),
            false => self.book.write(write),
        };
        match written {
            Written::Now(done_before) => {
                let (refused, starts) = work
                    .starts
                    .into_iter()
                    .partition(|start| done_before.contains(&start.run_id));
                work.starts = starts;
                for start in refused {
                    // The clock went back over a slot that has been run.
                    self.planner.ended(&start.function);
                }
            }
            Written::Later => {}
            Written::Not(trouble) => {
                for start in work.starts.iter_mut().filter(|start| changes(start)) {
                    error!(
                        function = start.function,
                        slot = start.slot.map(tracing::field::display),
                        "refused: {trouble}"
                    );
                    start.outcome = Some(Outcome::Refused);
                    start.finished_at = Some(now);
                    start.detail = Some(bounded(&trouble));
                    self.planner.ended(&start.function);
                }
                self.book.write_instead(tick(work.starts.clone()));
                work.starts.retain(|start| start.outcome.is_none());
                // What would be refused replaces nothing: it waits until the run before has ended.
                let planner = &self.planner;
                work.replaced.retain(|function| {
                    let job = planner.job(function);
                    job.is_none_or(|(job, _)| job.mode != Mode::Apply)
                });
            }
        }
        work
    }

    /// What was decided, for a person.
    fn tell(&self, decided: &Decided) {
        for decision in &decided.decisions {
            match decision {
                Decision::Skip(skip) => warn!(
                    function = skip.function,
                    slot = %skip.first,
                    last = %skip.last,
                    count = skip.count,
                    reason = skip.why.as_str(),
                    "skipped: {}",
                    skip.why.text()
                ),
                Decision::Wait {
                    function,
                    slot,
                    waiting,
                } => info!(function, %slot, missed = waiting.missed, "the slot waits"),
                Decision::Start { .. } | Decision::Replace { .. } => {}
            }
        }
    }

    fn start(
        &self,
        function: &str,
        slot: DateTime<Utc>,
        missed: u64,
        now: DateTime<Utc>,
    ) -> RunRow {
        let job = self.planner.job(function);
        RunRow {
            run_id: Ulid::generate().to_string(),
            function: function.to_owned(),
            trigger: Trigger::Schedule,
            slot: Some(slot),
            missed,
            mode: job.map_or(Mode::Plan, |(job, _)| job.mode),
            started_at: now,
            finished_at: None,
            outcome: None,
            detail: None,
            summary: None,
        }
    }

    /// A run has ended.
    pub fn ended(&mut self, run_id: &str, function: &str, end: End, now: DateTime<Utc>) {
        self.planner.ended(function);
        let (panics, pause) = self.count_panics(function, end.outcome);
        let finish = Finish {
            run_id: run_id.to_owned(),
            function: function.to_owned(),
            at: now,
            outcome: end.outcome,
            detail: end.detail.map(|detail| bounded(&detail)),
            summary: end.summary,
            panics,
            pause,
        };
        self.write(Write::Finish(finish));
    }

    /// How many runs of the function have panicked in a row with this one, and why it is paused now.
    fn count_panics(&mut self, function: &str, outcome: Outcome) -> (u32, Option<String>) {
        let panics = self.panics.entry(function.to_owned()).or_default();
        *panics = match outcome {
            Outcome::Panicked => *panics + 1,
            // Says nothing about the function.
            Outcome::Interrupted | Outcome::Taken => *panics,
            _ => 0,
        };
        let panics = *panics;
        let pause = (panics >= MAX_PANICS).then(|| {
            format!("its runs panicked {panics} times in a row; `lamplighter resume {function}` lets it go on")
        });
        if let Some(why) = &pause {
            error!(function, "paused: {why}");
            self.planner.set_paused(function, true);
        }
        (panics, pause)
    }

    /// What is done now and then: a sign of life, what is old forgotten, and what `lamplighter resume` has changed.
    pub fn keep(&mut self, now: DateTime<Utc>) {
        self.recover(now);
        self.keep_queues(now);
        let since = now - self.host.beat_at;
        if since >= BEAT || since < TimeDelta::zero() {
            self.beat(now);
        }
        if now - self.trimmed_at >= TimeDelta::days(1) {
            self.trimmed_at = now;
            self.write(Write::Trim { at: now });
        }
        if self.trouble().is_none() && self.store().was_changed().unwrap_or_default() {
            self.look_again();
        }
    }

    /// Reads what somebody else may have changed: which functions are paused.
    fn look_again(&mut self) {
        let Ok(rows) = self.store().jobs() else {
            return;
        };
        let paused: Vec<(String, bool)> = self
            .planner
            .jobs()
            .map(|(job, known)| (job.name.clone(), known.is_paused))
            .collect();
        for (function, was_paused) in paused {
            let Some(row) = rows.get(&function) else {
                continue;
            };
            self.panics.insert(function.clone(), row.panics);
            if was_paused && row.paused.is_none() {
                info!(function, "goes on: it was resumed");
            }
            self.planner.set_paused(&function, row.paused.is_some());
        }
    }

    fn beat(&mut self, now: DateTime<Utc>) {
        self.host.beat_at = now;
        self.write(Write::Beat(self.host.clone()));
    }

    /// Remembers what became of reading the configuration again.
    pub fn reloaded(&mut self, error: Option<String>, now: DateTime<Utc>) {
        self.host.reload = Some(Reload { at: now, error });
        self.beat(now);
    }

    /// The daemon stops in an orderly way.
    pub fn stop(&mut self, now: DateTime<Utc>) {
        self.write_queues(now);
        self.host.stopped_at = Some(now);
        self.beat(now);
    }

    /// Why the ledger cannot be written, while it cannot.
    pub fn trouble(&self) -> Option<&str> {
        self.book.trouble()
    }

    /// Whether something has not been written yet.
    pub fn is_behind(&self) -> bool {
        self.book.is_behind()
    }

    /// The ledger, for reading.
    pub fn store(&mut self) -> &mut dyn Store {
        self.book.store()
    }

    /// The functions, with what is known of them.
    pub fn jobs(&self) -> impl Iterator<Item = (&Job, &Known)> {
        self.planner.jobs()
    }

    /// Writes this. What cannot be written yet waits.
    fn write(&mut self, write: Write) {
        self.book.write(write);
    }
}

/// A schedule and its zone, as the ledger compares them.
pub fn schedule_text(job: &Job) -> String {
    format!("{} {}", job.schedule.expression(), job.schedule.zone())
}

/// At most so much of a text that it does no harm in the ledger.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
