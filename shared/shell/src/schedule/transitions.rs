//! What the changes of a zone's clock do to a schedule, in words.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::expression::Expression;
use super::zone::{self, Change};
use super::{AfterGap, Schedule};

/// One change of the clock in a schedule's zone, and what it does to the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The first instant with the new offset.
    pub at: DateTime<Utc>,
    /// Which way the clock jumps.
    pub kind: TransitionKind,
    /// The local times that are left out or come twice: `2026-03-08 02:00 to 03:00`.
    pub local: String,
    /// What happens to the schedule: `skipped at 02:30`. Nothing when it has no run there.
    pub effect: Option<String>,
}

/// Which way the clock jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionKind {
    /// Forwards: local times are left out.
    Gap,
    /// Backwards: local times come twice.
    Overlap,
}

impl fmt::Display for TransitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransitionKind::Gap => "gap",
            TransitionKind::Overlap => "overlap",
        })
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.kind {
            TransitionKind::Gap => "does not exist",
            TransitionKind::Overlap => "comes twice",
        };
        let effect = self.effect.as_deref().unwrap_or("no run is affected");
        write!(f, "{} {fate}: {effect}", self.local)
    }
}

impl Schedule {
    /// The clock changes of the zone after `from`, up to and with `until`, each with what it does to this schedule.
    pub fn transitions(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Transition> {
        self.transitions_ahead(from, until).collect()
    }

    /// The last run before an instant and the first one at or after it: what a clock change stands between.
    pub fn around(&self, at: DateTime<Utc>) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let before = at - TimeDelta::nanoseconds(1);
        // Most schedules have run within the hour or the day; a yearly one is worth a longer look.
        let last = [
            TimeDelta::hours(2),
            TimeDelta::days(2),
            TimeDelta::days(400),
        ]
        .into_iter()
        .find_map(|back| self.between(at - back, before).last());
        (last, self.next(before))
    }

    /// Those of the [transitions](Schedule::transitions) that do something to this schedule.
    pub fn affected(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Transition> {
        self.transitions_ahead(from, until)
            .filter(|change| change.effect.is_some())
            .collect()
    }

    /// One at a time, for whoever looks only for the first that matters.
    pub(super) fn transitions_ahead(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = Transition> {
        zone::changes(self.zone, from, until).map(|change| self.transition(change))
    }

    fn transition(&self, change: Change) -> Transition {
        let (from, until) = change.local_times();
        let kind = match change.jump() > TimeDelta::zero() {
            true => TransitionKind::Gap,
            false => TransitionKind::Overlap,
        };
        Transition {
            at: change.at,
            kind,
            local: local_span(from, until),
            effect: self.effect(kind, change),
        }
    }

    fn effect(&self, kind: TransitionKind, change: Change) -> Option<String> {
        if let Expression::Rate(rate) = &self.expression {
            // Only a rhythm of whole days looks like a time of day, and only to it does an hour matter.
            let direction = if kind == TransitionKind::Gap {
                "later"
            } else {
                "earlier"
            };
            let is_whole_days = rate.period.num_seconds() % TimeDelta::days(1).num_seconds() == 0;
            return is_whole_days.then(|| {
                let minutes = change.jump().num_minutes().abs();
                format!("a day stays 24 hours, so runs come {minutes} minutes {direction} by local time from here on")
            });
        }
        let (from, until) = change.local_times();
        let times: Vec<NaiveDateTime> = self.local_times(from, until).collect();
        let (first, last) = (times.first()?, times.last()?);
        let show = |time: &NaiveDateTime| clock_time(*time, from);
        let many = times.len() > 4;
        let all = match many {
            true => format!(
                "{} times from {} to {}",
                times.len(),
                show(first),
                show(last)
            ),
            false => joined(&times.iter().map(show).collect::<Vec<_>>(), "and"),
        };
        let it = if times.len() == 1 { "it" } else { "each" };
        Some(match (kind, self.after_gap, many) {
            (TransitionKind::Gap, AfterGap::Skip, true) => format!("skipped {all}"),
            (TransitionKind::Gap, AfterGap::Skip, false) => format!("skipped at {all}"),
            (TransitionKind::Gap, AfterGap::Run, _) => {
                format!("runs once at {} for {all}", show(&until))
            }
            (TransitionKind::Overlap, _, true) => format!("runs {all}, only as these first come"),
            (TransitionKind::Overlap, _, false) => {
                format!("runs once at {all}, the first time {it} comes")
            }
        })
    }
}

fn local_span(from: NaiveDateTime, until: NaiveDateTime) -> String {
    format!(
        "{} to {}",
        from.format("%Y-%m-%d %H:%M"),
        clock_time(until, from)
    )
}

/// The time of day, with its date where that is not the date of `beside`.
fn clock_time(time: NaiveDateTime, beside: NaiveDateTime) -> String {
    let format = if time.date() == beside.date() {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    time.format(format).to_string()
}

/// "a, b and c".
pub(super) fn joined(words: &[String], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}
