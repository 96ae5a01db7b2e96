//! One look at one function: which of its slots have become due, and what becomes of each.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Missed, Overlap};

use super::decision::{Decided, Decision, Job, Known, Tally, Waiting, Why};
use super::spread::stable_hash;
use super::{CATCH_UP_SECS, MAX_WAITING, ON_TIME};

/// Missed slots are counted up to here; after a downtime of months nobody needs the number to the last digit.
const MAX_COUNTED: u64 = 100_000;

/// A function with what is known of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) job: Job,
    pub(super) known: Known,
    /// The first slot that is not decided.
    pub(super) next: Option<DateTime<Utc>>,
}

impl Planned {
    /// When it is to be looked at next.
    pub(super) fn due(&self) -> Option<DateTime<Utc>> {
        Some(self.next? + self.job.offset)
    }

    /// Looks at the slots that have become due since the last look.
    pub(super) fn look(
        &mut self,
        now: DateTime<Utc>,
        running: usize,
        decided: &mut Decided,
        fresh: &mut Vec<(String, DateTime<Utc>)>,
    ) {
        let horizon = now - self.job.offset;
        let mut until = self.known.decided_until.unwrap_or(horizon);
        if until > horizon {
            // The clock went back. What is ahead again will be decided again; the ledger refuses what has run.
            until = horizon;
            self.known.decided_until = Some(until);
            self.next = self.job.schedule.next(until);
            decided.until.push((self.job.name.clone(), until));
        }
        if self.known.is_paused && !self.known.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.known.waiting);
            Tally::of(waiting.into_keys(), Why::Paused)
                .tell(&self.job.name, &mut decided.decisions);
        }
        if self.next.is_none_or(|next| next > horizon) {
            return;
        }
        let due = self.sort_out(until, now, decided);
        if let Some(last) = due.last {
            self.known.decided_until = Some(last);
            decided.until.push((self.job.name.clone(), last));
        }
        for (slot, waiting) in due.made_up {
            self.known.waiting.insert(slot, waiting);
            fresh.push((self.job.name.clone(), slot));
        }
        for (slot, missed) in due.on_time {
            if self.admits(slot, running, decided) {
                let not_before = slot + self.job.offset;
                let waiting = Waiting { not_before, missed };
                self.known.waiting.insert(slot, waiting);
                fresh.push((self.job.name.clone(), slot));
            }
        }
    }

    /// Sorts the slots after `until` into those on time, those to be made up for, and those left out.
    fn sort_out(&mut self, until: DateTime<Utc>, now: DateTime<Utc>, decided: &mut Decided) -> Due {
        let horizon = now - self.job.offset;
        let mut due = Due::default();
        let mut late: VecDeque<DateTime<Utc>> = VecDeque::new();
        let mut left_out: BTreeMap<Why, Tally> = BTreeMap::new();
        let mut leave_out = |slot, why| {
            left_out
                .entry(why)
                .or_insert_with(|| Tally::new(why))
                .add(slot);
        };
        let mut counted = 0;
        let mut next = self.job.schedule.next(until);
        while let Some(slot) = next.filter(|slot| *slot <= horizon) {
            due.last = Some(slot);
            next = self.job.schedule.next(slot);
            let lateness = horizon - slot;
            if self.known.is_paused {
                leave_out(slot, Why::Paused);
            } else if lateness <= ON_TIME {
                due.on_time.push((slot, 0));
            } else if lateness > self.job.grace {
                leave_out(slot, Why::Grace);
            } else {
                late.push_back(slot);
                match self.job.missed {
                    Missed::Skip => leave_out(late.pop_front().unwrap_or(slot), Why::Down),
                    Missed::Once if late.len() > 1 => {
                        leave_out(late.pop_front().unwrap_or(slot), Why::Collapsed);
                    }
                    Missed::All if late.len() > MAX_WAITING => {
                        leave_out(late.pop_front().unwrap_or(slot), Why::Cap);
                    }
                    Missed::Once | Missed::All => {}
                }
            }
            counted += 1;
            if counted == MAX_COUNTED {
                next = self.job.schedule.next((horizon - self.job.grace).max(slot));
            }
        }
        self.next = next;
        if self.job.missed == Missed::Once && !late.is_empty() {
            let collapsed = left_out.get(&Why::Collapsed).map_or(0, |tally| tally.count);
            let missed = collapsed + 1;
            if let Some(on_time) = due.on_time.first_mut() {
                // A slot is due anyway: it makes up for all of them.
                on_time.1 = missed;
                let slot = late.pop_front().unwrap_or(on_time.0);
                left_out
                    .entry(Why::Collapsed)
                    .or_insert_with(|| Tally::new(Why::Collapsed))
                    .add(slot);
            } else if let Some(slot) = late.pop_front() {
                due.made_up.push((slot, self.catch_up(now, missed)));
            }
        }
        let made_up = late.into_iter().map(|slot| (slot, self.catch_up(now, 1)));
        due.made_up.extend(made_up);
        for tally in left_out.into_values() {
            tally.tell(&self.job.name, &mut decided.decisions);
        }
        due
    }

    fn catch_up(&self, now: DateTime<Utc>, missed: u64) -> Waiting {
        let delay = stable_hash(&self.job.name) % CATCH_UP_SECS;
        Waiting {
            not_before: now + TimeDelta::seconds(delay.cast_signed()),
            missed,
        }
    }

    /// Whether a slot that is on time is to be run, by the overlap policy.
    fn admits(&mut self, slot: DateTime<Utc>, running: usize, decided: &mut Decided) -> bool {
        let waiting = self.known.waiting.len();
        let is_admitted = match self.job.overlap {
            Overlap::Skip => running == 0 && waiting == 0,
            Overlap::QueueOne => waiting == 0,
            Overlap::Allow => waiting < MAX_WAITING,
            Overlap::Replace => {
                let replaced = std::mem::take(&mut self.known.waiting);
                Tally::of(replaced.into_keys(), Why::Busy)
                    .tell(&self.job.name, &mut decided.decisions);
                if running > 0 {
                    let function = self.job.name.clone();
                    decided.decisions.push(Decision::Replace { function });
                }
                true
            }
        };
        if !is_admitted {
            Tally::of([slot], Why::Busy).tell(&self.job.name, &mut decided.decisions);
        }
        is_admitted
    }
}

/// The slots that have become due.
#[derive(Default)]
struct Due {
    on_time: Vec<(DateTime<Utc>, u64)>,
    made_up: Vec<(DateTime<Utc>, Waiting)>,
    last: Option<DateTime<Utc>>,
}
