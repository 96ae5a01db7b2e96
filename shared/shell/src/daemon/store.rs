//! What the daemon remembers: what ran, what waits, what was left out, and what is paused.
//!
//! A trait with two implementations: [`Sqlite`](super::sqlite::Sqlite) in the state directory, and
//! [`Memory`](super::memory::Memory) for years of virtual time. Every [`Write`] is whole or not at all, and durable when
//! it returns: a run is in the ledger before it does anything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{Mode, Result, Trigger};
use serde::Serialize;
use serde_json::Value;

use super::consumers::QueueRow;
use super::planner::{Decided, Known, Skip, Why};

/// Runs older than this are forgotten, but the last success and the last failure of a function.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(90);

/// The most runs of one function that are remembered.
pub const KEPT_RUNS: usize = 1_000;

/// A daemon that sent no sign of life for this long is not taken for running. It sends one every [`BEAT`].
pub const SILENCE: TimeDelta = TimeDelta::seconds(90);

/// How often the daemon writes that it lives.
pub const BEAT: TimeDelta = TimeDelta::seconds(30);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything could be read, and everything was done.
    Ok,
    /// Something could not be read, or an action or a delivery failed.
    Partial,
    /// The run itself failed.
    Failed,
    /// A limit refused it, or the ledger could not be written.
    Refused,
    /// It took longer than `timeout_secs`.
    Timeout,
    /// A bug in the function.
    Panicked,
    /// It was cut off: by the end of the daemon, or by the slot that replaced it.
    Interrupted,
    /// Another daemon or a Lambda had claimed the slot.
    Taken,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Partial,
        Self::Failed,
        Self::Refused,
        Self::Timeout,
        Self::Panicked,
        Self::Interrupted,
        Self::Taken,
    ];

    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Panicked => "panicked",
            Self::Interrupted => "interrupted",
            Self::Taken => "taken",
        }
    }

    /// The outcome with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }

    /// Whether somebody should look.
    pub fn is_failure(self) -> bool {
        match self {
            Self::Ok | Self::Interrupted | Self::Taken => false,
            Self::Partial | Self::Failed | Self::Refused | Self::Timeout | Self::Panicked => true,
        }
    }
}

/// One run, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run's id, the same as in its report.
    pub run_id: String,
    /// The function.
    pub function: String,
    /// What set it off.
    pub trigger: Trigger,
    /// The scheduled time it stands for; events have none.
    pub slot: Option<DateTime<Utc>>,
    /// How many missed slots it makes up for.
    pub missed: u64,
    /// How far it may go.
    pub mode: Mode,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; not while it goes on.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended; not while it goes on.
    pub outcome: Option<Outcome>,
    /// One line: what the report's subject says, or what went wrong.
    pub detail: Option<String>,
    /// The `summary` of its report.
    pub summary: Option<Value>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which one.
    pub run_id: String,
    /// Its function.
    pub function: String,
    /// When.
    pub at: DateTime<Utc>,
    /// How.
    pub outcome: Outcome,
    /// One line.
    pub detail: Option<String>,
    /// The `summary` of its report.
    pub summary: Option<Value>,
    /// How many runs of the function have panicked in a row now.
    pub panics: u32,
    /// The function is paused from now on, with the reason.
    pub pause: Option<String>,
}

/// The process that holds the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its process id.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Its last sign of life.
    pub beat_at: DateTime<Utc>,
    /// When it stopped, if it did so in an orderly way.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The last time it was told to read its configuration again, and what was wrong with it.
    pub reload: Option<Reload>,
}

/// An attempt to read the configuration again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reload {
    /// When.
    pub at: DateTime<Utc>,
    /// What was wrong; the old configuration stayed.
    pub error: Option<String>,
}

/// Why and since when a function is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: String,
}

/// What the ledger has of a function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobRow {
    /// What the planner needs.
    pub known: Known,
    /// The schedule it was decided by, and its zone.
    pub schedule: String,
    /// How many runs have panicked in a row.
    pub panics: u32,
    /// Why it is paused.
    pub paused: Option<Paused>,
}

/// One change of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A daemon begins. What was running before it is interrupted.
    Boot(Host),
    /// A function and the schedule it is decided by from now on.
    Job {
        /// The function.
        function: String,
        /// Its schedule and zone.
        schedule: String,
        /// Up to where its slots are decided.
        decided_until: DateTime<Utc>,
    },
    /// What one look at the clock decided, and the runs that begin with it.
    Tick {
        /// When.
        at: DateTime<Utc>,
        /// What.
        decided: Decided,
        /// The runs of its `Start`s.
        starts: Vec<RunRow>,
    },
    /// A run has ended.
    Finish(Finish),
    /// A delivery of events that somebody may want to look at has ended. The others are counted in [`Write::Queues`]
    /// only: at a hundred events in a second a row for each would be the largest thing on the disk.
    Delivery {
        /// It, with its end.
        run: RunRow,
        /// How many runs of the function have panicked in a row now.
        panics: u32,
        /// The function is paused from now on, with the reason.
        pause: Option<String>,
    },
    /// How things stand with queues.
    Queues(Vec<QueueRow>),
    /// The daemon lives, or has stopped.
    Beat(Host),
    /// A person lets a function go on.
    Resume {
        /// The function.
        function: String,
    },
    /// What is old is forgotten.
    Trim {
        /// Now.
        at: DateTime<Utc>,
    },
}

/// The upper ends of the classes that the durations of runs are counted in, in milliseconds. The longest is the default
/// time limit of a run.
pub const DURATION_CLASSES: [i64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
];

/// What has been counted since the ledger began. It only grows, so that rates can be made of it over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs that ended, by function and how.
    pub runs: BTreeMap<(String, Outcome), u64>,
    /// Slots left out, by function and reason.
    pub skips: BTreeMap<(String, Why), u64>,
    /// How long runs took, by function.
    pub durations: BTreeMap<String, Durations>,
}

/// How long the runs of a function took. Runs that another daemon had taken, or that were cut off, say nothing about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many took no longer than each of [`DURATION_CLASSES`] and longer than the one before; the last: still longer.
    pub classes: [u64; DURATION_CLASSES.len() + 1],
    /// All of them together, in milliseconds.
    pub sum_millis: u64,
}

impl Durations {
    /// The class of a duration.
    pub fn class(millis: i64) -> usize {
        DURATION_CLASSES
            .iter()
            .position(|end| millis <= *end)
            .unwrap_or(DURATION_CLASSES.len())
    }

    /// Whether the duration of a run with this outcome is counted.
    pub fn counts(outcome: Outcome) -> bool {
        !matches!(
            outcome,
            Outcome::Taken | Outcome::Interrupted | Outcome::Refused
        )
    }

    pub(super) fn add(&mut self, millis: i64) {
        self.classes[Self::class(millis)] += 1;
        self.sum_millis += u64::try_from(millis).unwrap_or_default();
    }
}

/// What the daemon remembers.
pub trait Store: Send {
    /// Makes changes in this order, all of them or none, durably. Answers the ids of the runs that may not begin, because
    /// their slot has been run.
    fn write_all(&mut self, writes: &[Write]) -> Result<BTreeSet<String>>;

    /// Makes one change.
    fn write(&mut self, write: &Write) -> Result<BTreeSet<String>> {
        self.write_all(std::slice::from_ref(write))
    }

    /// Every function that has ever been seen.
    fn jobs(&mut self) -> Result<BTreeMap<String, JobRow>>;

    /// The last daemon.
    fn host(&mut self) -> Result<Option<Host>>;

    /// The newest runs, of one function or of all, the newest first.
    fn runs(&mut self, function: Option<&str>, limit: usize) -> Result<Vec<RunRow>>;

    /// The newest run of a function that succeeded (`true`) or failed (`false`).
    fn last(&mut self, function: &str, success: bool) -> Result<Option<RunRow>>;

    /// The newest slots left out, with when that was decided, the newest first.
    fn skips(&mut self, function: Option<&str>, limit: usize)
    -> Result<Vec<(DateTime<Utc>, Skip)>>;

    /// How things stood with every queue that was ever consumed, when that was written last.
    fn queues(&mut self) -> Result<Vec<QueueRow>>;

    /// What has been counted since the ledger began, whatever was forgotten since.
    fn totals(&mut self) -> Result<Totals>;

    /// Whether somebody else has changed the ledger since this was asked last.
    fn was_changed(&mut self) -> Result<bool> {
        Ok(false)
    }
}
