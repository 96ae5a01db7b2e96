//! One look at one function: which of its slots have become due, and what becomes of each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Missed, Overlap};

use super::decision::{Decided, Decision, Job, Known, Tally, Waiting, Why};
use super::spread::stable_hash;
use super::{CATCH_UP_SECS, MAX_WAITING, ON_TIME};

/// Missed slots are counted up to here; after a downtime of months nobody needs the number to the last digit.
const MAX_COUNTED: u64 = 100_000;

/// So many slots that have begun are remembered of a function. A clock that goes back further than that meets the
/// ledger, which refuses what has run.
const MAX_BEGUN: usize = 1_000;

/// A function with what is known of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) job: Job,
    pub(super) known: Known,
    /// The first slot that is not decided.
    pub(super) next: Option<DateTime<Utc>>,
    /// The slots that have begun lately. A clock that goes back brings them again, and then nothing makes way for them.
    pub(super) begun: BTreeSet<DateTime<Utc>>,
}

/// Slots that wait and did not before.
pub(super) type Fresh = Vec<(String, DateTime<Utc>)>;

impl Planned {
    /// When it is to be looked at next.
    pub(super) fn due(&self) -> Option<DateTime<Utc>> {
        Some(self.next? + self.job.offset)
    }

    /// Remembers that a slot has begun.
    pub(super) fn begins(&mut self, slot: DateTime<Utc>) {
        self.begun.insert(slot);
        if self.begun.len() > MAX_BEGUN {
            self.begun.pop_first();
        }
    }

    /// Whether nothing is left to decide of a slot that comes again: it has begun, or it will.
    pub(super) fn is_settled(&self, slot: DateTime<Utc>) -> bool {
        self.begun.contains(&slot) || self.known.waiting.contains_key(&slot)
    }

    /// Looks at the slots that have become due since the last look.
    pub(super) fn look(
        &mut self,
        now: DateTime<Utc>,
        running: usize,
        decided: &mut Decided,
        fresh: &mut Fresh,
    ) {
        let horizon = now - self.job.offset;
        let mut until = self.known.decided_until.unwrap_or(horizon);
        if until > horizon {
            // The clock went back. What is ahead again will be decided again, but for what has begun or waits.
            until = horizon;
            self.known.decided_until = Some(until);
            self.next = self.job.schedule.next(until);
            decided.until.push((self.job.name.clone(), until));
        }
        if self.known.is_paused && !self.known.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.known.waiting);
            Tally::of(&self.job, waiting.into_keys(), Why::Paused)
                .tell(&self.job.name, &mut decided.decisions);
        }
        if self.next.is_none_or(|next| next > horizon) {
            return;
        }
        let due = self.sort_out(until, horizon, now);
        self.next = due.next;
        if let Some(last) = due.last {
            self.known.decided_until = Some(last);
            decided.until.push((self.job.name.clone(), last));
        }
        self.admit(due, now, running, decided, fresh);
    }

    /// Sorts the slots after `until`, up to `end`, into those on time, those to be made up for, and those left out.
    pub(super) fn sort_out(
        &self,
        until: DateTime<Utc>,
        end: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Due {
        let horizon = now - self.job.offset;
        let mut due = Due::default();
        let mut late: VecDeque<(u64, DateTime<Utc>)> = VecDeque::new();
        let mut place = 0;
        let mut next = self.job.schedule.next(until);
        while let Some(slot) = next.filter(|slot| *slot <= end) {
            due.last = Some(slot);
            next = self.job.schedule.next(slot);
            place += 1;
            if self.is_settled(slot) {
                continue;
            }
            let lateness = horizon - slot;
            if self.known.is_paused {
                due.leave_out((place, slot), Why::Paused);
            } else if lateness <= ON_TIME {
                due.on_time.push(slot);
            } else if lateness > self.job.grace {
                due.leave_out((place, slot), Why::Grace);
            } else {
                late.push_back((place, slot));
                let (kept, why) = match self.job.missed {
                    Missed::Skip => (0, Why::Down),
                    Missed::Once => (1, Why::Collapsed),
                    Missed::All => (MAX_WAITING, Why::Cap),
                };
                if late.len() > kept
                    && let Some(oldest) = late.pop_front()
                {
                    due.leave_out(oldest, why);
                }
            }
            due.counted += 1;
            if due.counted == MAX_COUNTED {
                next = self.job.schedule.next((horizon - self.job.grace).max(slot));
                place += 1;
            }
        }
        due.next = next;
        if self.job.missed == Missed::Once {
            due.once = late.pop_front();
        }
        due.made_up = late.into_iter().map(|(_, slot)| slot).collect();
        due
    }

    /// Lets wait what is to be run of the slots that have become due, and tells what is left out.
    pub(super) fn admit(
        &mut self,
        mut due: Due,
        now: DateTime<Utc>,
        running: usize,
        decided: &mut Decided,
        fresh: &mut Fresh,
    ) {
        for slot in std::mem::take(&mut due.made_up) {
            self.wait(slot, self.catch_up(now, 1), fresh);
        }
        let mut overlapping = Vec::new();
        let mut admitted = Vec::new();
        for slot in std::mem::take(&mut due.on_time) {
            if self.admits(slot, running, &mut overlapping) {
                let not_before = slot + self.job.offset;
                self.wait(
                    slot,
                    Waiting {
                        not_before,
                        missed: 0,
                    },
                    fresh,
                );
                admitted.push(slot);
            }
        }
        if let Some((place, slot)) = due.once {
            let collapsed = due.left_out.get(&Why::Collapsed).map_or(0, Tally::count);
            let missed = collapsed + 1;
            // One that was let in may have been replaced by the next.
            let waits = |slot: &&DateTime<Utc>| self.known.waiting.contains_key(*slot);
            let first = admitted.iter().find(waits).copied();
            match first.and_then(|slot| self.known.waiting.get_mut(&slot)) {
                // A slot is run anyway: it makes up for all of them.
                Some(waiting) => {
                    waiting.missed = missed;
                    due.leave_out((place, slot), Why::Collapsed);
                }
                // None is, or only while the run before goes on: then one of those that were missed is run.
                None => self.wait(slot, self.catch_up(now, missed), fresh),
            }
        }
        for tally in due.left_out.into_values() {
            tally.tell(&self.job.name, &mut decided.decisions);
        }
        decided.decisions.append(&mut overlapping);
    }

    fn wait(&mut self, slot: DateTime<Utc>, waiting: Waiting, fresh: &mut Fresh) {
        self.known.waiting.insert(slot, waiting);
        fresh.push((self.job.name.clone(), slot));
    }

    fn catch_up(&self, now: DateTime<Utc>, missed: u64) -> Waiting {
        let delay = stable_hash(&self.job.name) % CATCH_UP_SECS;
        Waiting {
            not_before: now + TimeDelta::seconds(delay.cast_signed()),
            missed,
        }
    }

    /// Whether a slot that is on time is to be run, by the overlap policy.
    fn admits(
        &mut self,
        slot: DateTime<Utc>,
        running: usize,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        let waiting = self.known.waiting.len();
        let is_admitted = match self.job.overlap {
            Overlap::Skip => running == 0 && waiting == 0,
            Overlap::QueueOne => waiting == 0,
            Overlap::Allow => waiting < MAX_WAITING,
            Overlap::Replace => {
                let replaced = std::mem::take(&mut self.known.waiting);
                Tally::of(&self.job, replaced.into_keys(), Why::Busy)
                    .tell(&self.job.name, decisions);
                if running > 0 {
                    let function = self.job.name.clone();
                    decisions.push(Decision::Replace { function });
                }
                true
            }
        };
        if !is_admitted {
            Tally::of(&self.job, [slot], Why::Busy).tell(&self.job.name, decisions);
        }
        is_admitted
    }
}

/// The slots that have become due.
#[derive(Default)]
pub(super) struct Due {
    on_time: Vec<DateTime<Utc>>,
    /// Each of them is run.
    made_up: Vec<DateTime<Utc>>,
    /// With `missed = "once"`: the last of those that were missed, and its place.
    once: Option<(u64, DateTime<Utc>)>,
    left_out: BTreeMap<Why, Tally>,
    counted: u64,
    last: Option<DateTime<Utc>>,
    /// The first that is not due yet.
    next: Option<DateTime<Utc>>,
}

impl Due {
    fn leave_out(&mut self, (place, slot): (u64, DateTime<Utc>), why: Why) {
        let tally = self.left_out.entry(why).or_insert_with(|| Tally::new(why));
        tally.add(place, slot);
    }
}
