//! What the planner is told, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::Mode;
use serde::Serialize;

use crate::schedule::Schedule;

/// A function with its schedule and its policies.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The function's name.
    pub name: String,
    /// How far its runs may go.
    pub mode: Mode,
    /// When it runs.
    pub schedule: Schedule,
    /// What becomes of slots that fell into a downtime.
    pub missed: Missed,
    /// How late a missed slot may be made up for.
    pub grace: TimeDelta,
    /// What becomes of a slot while a run goes on.
    pub overlap: Overlap,
    /// How long after its slot it starts: its own fixed share of `spread_minutes`.
    pub offset: TimeDelta,
    /// The URLs of the queues that bring events to it.
    pub queues: Vec<String>,
}

/// Functions that share something, and how many of their runs may go on at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Their names.
    pub functions: BTreeSet<String>,
    /// The most runs of all of them together.
    pub max_runs: usize,
}

impl Limit {
    /// Whether another run of a function may go on, where so many runs of each go on.
    pub fn has_room(&self, function: &str, runs_of: impl Fn(&str) -> usize) -> bool {
        let runs = self.functions.iter().map(|name| runs_of(name));
        !self.functions.contains(function) || runs.sum::<usize>() < self.max_runs
    }
}

/// What is known of a function beside its configuration. The ledger keeps it over restarts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Every slot up to here is decided; `None`: the function has never been seen.
    pub decided_until: Option<DateTime<Utc>>,
    /// Slots that are to be run and wait: for their moment, for the run before, or for a place.
    pub waiting: BTreeMap<DateTime<Utc>, Waiting>,
    /// Whether it is paused.
    pub is_paused: bool,
}

/// A slot that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// When it may start.
    pub not_before: DateTime<Utc>,
    /// How many missed slots its run makes up for.
    pub missed: u64,
}

/// Why a slot was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The run before was still going on.
    Busy,
    /// It fell into a downtime, and `missed = "skip"`.
    Down,
    /// It fell into a downtime and was too late to be made up for.
    Grace,
    /// It fell into a downtime, and a later slot's run makes up for it.
    Collapsed,
    /// It fell into a downtime with more slots than are made up for.
    Cap,
    /// The function is paused.
    Paused,
    /// The function was taken out of the configuration.
    Removed,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Busy,
        Self::Down,
        Self::Grace,
        Self::Collapsed,
        Self::Cap,
        Self::Paused,
        Self::Removed,
    ];

    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Down => "down",
            Self::Grace => "grace",
            Self::Collapsed => "collapsed",
            Self::Cap => "cap",
            Self::Paused => "paused",
            Self::Removed => "removed",
        }
    }

    /// The reason for a person.
    pub fn text(self) -> &'static str {
        match self {
            Self::Busy => "the run before is still going on",
            Self::Down => "the daemon was down, and `missed` is \"skip\"",
            Self::Grace => "the daemon was down, and it is later than `missed_grace_minutes`",
            Self::Collapsed => "the daemon was down, and one run makes up for all",
            Self::Cap => "the daemon was down, and only the last 100 are made up for",
            Self::Paused => "the function is paused",
            Self::Removed => "the function was taken out of the configuration",
        }
    }
}

/// What was decided. Slots left out for one reason are told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The slot is run, now.
    Start {
        /// The function.
        function: String,
        /// Its scheduled time.
        slot: DateTime<Utc>,
        /// How many missed slots this run makes up for.
        missed: u64,
    },
    /// The slot is run, later.
    Wait {
        /// The function.
        function: String,
        /// Its scheduled time.
        slot: DateTime<Utc>,
        /// Until when, at least.
        waiting: Waiting,
    },
    /// Slots are not run.
    Skip(Skip),
    /// The runs of a function are told to end, because the next slot replaces them.
    Replace {
        /// The function.
        function: String,
    },
}

/// Slots that are not run: every slot of the schedule from the first to the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// The function.
    pub function: String,
    /// The first of them.
    pub first: DateTime<Utc>,
    /// The last of them.
    pub last: DateTime<Utc>,
    /// How many.
    pub count: u64,
    /// Why.
    pub why: Why,
}

/// What one look at the clock has decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// In the order in which it was decided.
    pub decisions: Vec<Decision>,
    /// Up to where the slots of a function are decided now, for those where that changed.
    pub until: Vec<(String, DateTime<Utc>)>,
}

/// Slots left out for one reason, in spans: each holds every slot of the schedule from its first to its last, so that
/// what lies in between and was not left out is in none.
pub(super) struct Tally {
    why: Why,
    spans: Vec<Span>,
}

struct Span {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    count: u64,
    /// The place of the last among all slots that are looked through.
    place: u64,
}

impl Tally {
    pub(super) fn new(why: Why) -> Self {
        Self { why, spans: vec![] }
    }

    pub(super) fn of(job: &Job, slots: impl IntoIterator<Item = DateTime<Utc>>, why: Why) -> Self {
        let mut tally = Self::new(why);
        for slot in slots {
            let place = tally.spans.last().map_or(0, |span| {
                let is_next = job.schedule.next(span.last) == Some(slot);
                span.place + if is_next { 1 } else { 2 }
            });
            tally.add(place, slot);
        }
        tally
    }

    /// Adds a slot, by its place among those that are looked through.
    pub(super) fn add(&mut self, place: u64, slot: DateTime<Utc>) {
        match self.spans.last_mut() {
            Some(span) if span.place + 1 == place => {
                span.last = slot;
                span.count += 1;
                span.place = place;
            }
            _ => self.spans.push(Span {
                first: slot,
                last: slot,
                count: 1,
                place,
            }),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.spans.iter().map(|span| span.count).sum()
    }

    pub(super) fn tell(self, function: &str, decisions: &mut Vec<Decision>) {
        let why = self.why;
        decisions.extend(self.spans.into_iter().map(|span| {
            Decision::Skip(Skip {
                function: function.to_owned(),
                first: span.first,
                last: span.last,
                count: span.count,
                why,
            })
        }));
    }
}
