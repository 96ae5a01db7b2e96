//! One claim store for several daemons, by the rules of the real one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_aws::state::{Claim, ClaimState};

use super::machine::{Gone, LONGEST_RUN};
use crate::daemon::store::RunRow;

/// How much longer a claim holds than its run may take, as in a round.
const GRACE: TimeDelta = TimeDelta::seconds(60);

type Slot = (String, DateTime<Utc>);

/// Who has claimed which slot, and what came of it.
#[derive(Default)]
pub(super) struct Claims {
    there: BTreeMap<Slot, Claim>,
    /// The slots of runs that go on, by their ids.
    running: BTreeMap<String, Slot>,
    /// How often each slot was run to its end.
    done: BTreeMap<Slot, u32>,
    pub(super) began: u64,
    pub(super) taken: u64,
    /// Runs that went on with a slot because the run before had failed, or was not heard of again.
    pub(super) after_failure: u64,
    pub(super) after_expiry: u64,
    /// Slots that were run twice at the same time.
    pub(super) at_once: BTreeSet<Slot>,
}

impl Claims {
    /// Whether a run may begin, by its daemon's clock.
    pub(super) fn claim(&mut self, run: &RunRow, clock: DateTime<Utc>) -> bool {
        let slot = (run.function.clone(), run.slot.expect("a scheduled run"));
        let longest = TimeDelta::seconds(LONGEST_RUN.cast_signed());
        let claim = Claim {
            function: run.function.clone(),
            slot: slot.1,
            part: 1,
            run_id: run.run_id.clone(),
            holder: "here".to_owned(),
            claimed_at: clock,
            expires_at: clock + longest + GRACE,
            request_id: None,
            state: ClaimState::Running,
        };
        if let Some(there) = self.there.get(&slot) {
            if !claim.may_replace(there) {
                self.taken += 1;
                return false;
            }
            match there.state {
                ClaimState::Failed => self.after_failure += 1,
                ClaimState::Running => self.after_expiry += 1,
                ClaimState::Done => panic!("{slot:?} had been done"),
            }
        }
        if self.running.values().any(|running| *running == slot) {
            self.at_once.insert(slot.clone());
        }
        self.began += 1;
        self.running.insert(run.run_id.clone(), slot.clone());
        self.there.insert(slot, claim);
        true
    }

    /// A run goes on no more. What another one has taken over says nothing any more.
    pub(super) fn is_gone(&mut self, run_id: &str, gone: Gone) {
        let Some(slot) = self.running.remove(run_id) else {
            return;
        };
        let there = self.there.get_mut(&slot).expect("it was claimed");
        if there.run_id != run_id {
            return;
        }
        match gone {
            Gone::Done => {
                there.state = ClaimState::Done;
                *self.done.entry(slot).or_default() += 1;
            }
            Gone::Failed => there.state = ClaimState::Failed,
            Gone::Killed => {}
        }
    }

    /// Whether somebody has run the slot, or tried to.
    pub(super) fn is_claimed(&self, slot: &Slot) -> bool {
        self.there.contains_key(slot)
    }

    /// The slots that were run to their end, each once.
    pub(super) fn done(&self) -> u64 {
        assert!(self.done.values().all(|times| *times == 1));
        self.done.len() as u64
    }
}
