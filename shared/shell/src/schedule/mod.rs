//! What a schedule means: the EventBridge Scheduler grammar, and the instants it names.
//!
//! One meaning for the daemon, for `lamplighter check`, for `lamplighter schedule` and for the deployment
//! template, which hands the same text to EventBridge. Pure: the time is always passed in. Nothing here
//! waits, remembers a run or decides what to do about a missed one; that is for whoever asks.
//!
//! Three decisions are worth knowing before reading on.
//!
//! - **The evaluation is our own**, one bit set per field. The cron crates accept what EventBridge refuses
//!   (both day fields set, two `#`, the year 2200), number weekdays from Monday, and run an hourly job
//!   twice when the clock goes back. A grammar in front and a clock layer behind would be needed anyway,
//!   and what is left between them is a few searches for the next bit, which end for dates that never come.
//! - **A local time is one run at most.** Where the clock jumps forward, times in the gap are skipped
//!   ([`AfterGap::Run`] makes them up); where it goes back, the first pass counts, also for `*` hours.
//! - **What AWS does not document is refused** (`LW`, `L` in a list, ranges past the end), because a
//!   template that EventBridge rejects is found out too late.

mod cron;
mod crontab;
mod describe;
mod error;
mod expression;
mod field;
mod section;
#[cfg(test)]
mod tests;
mod transitions;
mod warnings;
mod zone;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

pub use error::ScheduleError;
use expression::Expression;
pub use transitions::{Transition, TransitionKind};
pub use warnings::crowded_minutes;

/// When something runs: an expression, the zone its times are in, and what becomes of a time that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    expression: Expression,
    text: String,
    zone: Tz,
    start: DateTime<Utc>,
    after_gap: AfterGap,
}

/// What becomes of a run whose local time is left out when the clock jumps forward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterGap {
    /// It is skipped, as EventBridge Scheduler does.
    #[default]
    Skip,
    /// It runs at the first instant after the gap, together with whatever else is due then.
    Run,
}

impl Schedule {
    /// Reads an EventBridge Scheduler expression, or a five-field crontab line, whose times are in `zone`.
    pub fn parse(expression: &str, zone: Tz) -> Result<Schedule, ScheduleError> {
        let (expression, text) = expression::parse(expression)?;
        Ok(Schedule {
            expression,
            text,
            zone,
            start: default_start(),
            after_gap: AfterGap::Skip,
        })
    }

    /// Counts a `rate()` from `start`, which is its first run; without it, from 2026-01-01T00:00:00Z.
    /// EventBridge would count from the moment of deployment, so a template must give this as `StartDate`.
    /// The other forms name their own times and ignore it.
    pub fn with_start(mut self, start: DateTime<Utc>) -> Schedule {
        self.start = start;
        self
    }

    /// Says what becomes of a run in a gap. EventBridge itself can only skip it.
    pub fn with_after_gap(mut self, after_gap: AfterGap) -> Schedule {
        self.after_gap = after_gap;
        self
    }

    /// The expression as EventBridge takes it: single spaces, names in capitals, a crontab line as `cron()`.
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// The zone the local times are in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// What becomes of a run in a gap.
    pub fn after_gap(&self) -> AfterGap {
        self.after_gap
    }

    /// The instant a `rate()` counts from, for a template's `StartDate`; the other forms have none.
    pub fn start(&self) -> Option<DateTime<Utc>> {
        matches!(self.expression, Expression::Rate(_)).then_some(self.start)
    }

    /// The first run strictly after `after`.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.expression {
            Expression::Rate(rate) => rate.next_after(self.start, after),
            Expression::At(local) => {
                zone::instant_of(self.zone, *local, self.after_gap).filter(|run| *run > after)
            }
            Expression::Cron(cron) => {
                // Local times before `after` cannot be runs after it, since runs keep the order of their
                // local times. The other way round they can be passed: in the second pass of an overlap
                // the coming local times are over, and in a gap they may not exist.
                let mut local = self.local_time(after);
                loop {
                    local = cron.next_after(local)?;
                    let run = zone::instant_of(self.zone, local, self.after_gap);
                    if let Some(run) = run.filter(|run| *run > after) {
                        return Some(run);
                    }
                }
            }
        }
    }

    /// The runs after `after`, up to and with `until`.
    pub fn between(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next(after), |run| self.next(*run))
            .take_while(move |run| *run <= until)
    }

    /// The time between the next two runs after `from`, or nothing when fewer than two are left.
    pub fn period_hint(&self, from: DateTime<Utc>) -> Option<TimeDelta> {
        let next = self.next(from)?;
        Some(self.next(next)? - next)
    }

    /// The schedule in one plain English sentence.
    pub fn describe(&self) -> String {
        describe::describe(self)
    }

    /// The local times named in [`from`, `until`), whether or not they exist. A `rate()` names none.
    fn local_times(
        &self,
        from: NaiveDateTime,
        until: NaiveDateTime,
    ) -> impl Iterator<Item = NaiveDateTime> {
        let next = move |after: NaiveDateTime| match &self.expression {
            Expression::Cron(cron) => cron.next_after(after),
            Expression::At(local) => Some(*local).filter(|local| *local > after),
            Expression::Rate(_) => None,
        };
        std::iter::successors(next(from - TimeDelta::seconds(1)), move |local| {
            next(*local)
        })
        .take_while(move |local| *local < until)
    }

    /// The local time of an instant. The years a schedule can name are 1970 to 2199; an instant far
    /// outside them, which may have no local time, is taken as their edge.
    fn local_time(&self, at: DateTime<Utc>) -> NaiveDateTime {
        let at = at.clamp(first_instant(), last_instant());
        self.zone.from_utc_datetime(&at.naive_utc()).naive_local()
    }
}

/// 2026-01-01T00:00:00Z, from which a `rate()` counts when nothing else is said. Any fixed instant would do:
/// it makes a restart keep the rhythm, where counting from the restart would lose it.
fn default_start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

/// Two days before 1970 begins in UTC, so that it has begun nowhere.
fn first_instant() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH - TimeDelta::days(2)
}

/// Two days after 2199 ends in UTC, so that it has ended everywhere.
fn last_instant() -> DateTime<Utc> {
    DateTime::from_timestamp(7_258_291_200, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
