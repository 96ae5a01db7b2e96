//! What the daemon before has left: slots that waited, and slots that fell into the time between.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_config::Missed;

use super::decision::{Decided, Decision, Job, Known, Tally, Waiting, Why};
use super::look::{Fresh, Planned};
use super::{ON_TIME, Planner};

impl Planner {
    /// Judges what was waiting when the last daemon ended as what was missed while it was down.
    pub fn recover(&mut self, now: DateTime<Utc>) -> Decided {
        let mut decided = Decided::default();
        for planned in self.jobs.values_mut() {
            let waiting = &mut planned.known.waiting;
            judge(&planned.job, waiting, now, &mut decided.decisions);
        }
        decided
    }

    /// Learns what the ledger has of a function that began before the ledger could be read: as if it had been known
    /// then, but what was decided since stands.
    pub fn learn(
        &mut self,
        function: &str,
        known: Known,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Decided {
        let mut decided = Decided::default();
        let mut fresh = Fresh::new();
        let running = self.running(function);
        if let Some(planned) = self.jobs.get_mut(function) {
            planned.learn(known, (began, now), running, &mut decided, &mut fresh);
            if !planned.known.waiting.is_empty() {
                self.with_waiting.insert(function.to_owned());
            }
        }
        self.let_wait(fresh, &mut decided);
        decided
    }
}

impl Planned {
    fn learn(
        &mut self,
        mut known: Known,
        (began, now): (DateTime<Utc>, DateTime<Utc>),
        running: usize,
        decided: &mut Decided,
        fresh: &mut Fresh,
    ) {
        self.known.is_paused |= known.is_paused;
        known.waiting.retain(|slot, _| !self.is_settled(*slot));
        judge(&self.job, &mut known.waiting, now, &mut decided.decisions);
        self.known.waiting.append(&mut known.waiting);
        let end = began - self.job.offset;
        // What the clock went back over since then comes again by itself.
        let end = self.known.decided_until.map_or(end, |until| end.min(until));
        if let Some(until) = known.decided_until {
            let due = self.sort_out(until, end, now);
            self.admit(due, now, running, decided, fresh);
        }
    }
}

/// Leaves out what has waited for too long.
fn judge(
    job: &Job,
    waiting: &mut BTreeMap<DateTime<Utc>, Waiting>,
    now: DateTime<Utc>,
    decisions: &mut Vec<Decision>,
) {
    let lateness = |slot: &DateTime<Utc>| now - job.offset - *slot;
    let too_late: Vec<_> = waiting
        .extract_if(.., |slot, _| lateness(slot) > job.grace.max(ON_TIME))
        .collect();
    let down: Vec<_> = waiting
        .extract_if(.., |slot, _| {
            job.missed == Missed::Skip && lateness(slot) > ON_TIME
        })
        .collect();
    for (slots, why) in [(too_late, Why::Grace), (down, Why::Down)] {
        let slots = slots.into_iter().map(|(slot, _)| slot);
        Tally::of(job, slots, why).tell(&job.name, decisions);
    }
}
