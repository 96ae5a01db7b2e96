//! Claims records in the ledger before anything is done for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use lamplighter_aws::HasTime;
use lamplighter_aws::state::{Entry, EntryState, Order, StateWriter};
use lamplighter_core::{
    Action, Apply, ErrorKind, Outcome, RecordOutcome, RecordRow, Result, chain,
};
use tracing::warn;

use super::{begun, stays_open};
use crate::clock::Clock;

/// Where the records of one run are claimed and given back. Without a state it lets everything pass.
pub(crate) struct Desk {
    writer: Option<StateWriter>,
    function: &'static str,
    run_id: String,
    clock: Clock,
    /// How long a claim holds.
    lease: TimeDelta,
    expected: BTreeMap<String, Expected>,
    claimed: Mutex<BTreeMap<String, Claimed>>,
}

/// A record that was claimed, with the tag of its entry; `None`: the claim was sent and not answered.
type Claimed = (Entry, Option<String>);

/// A record that may be claimed.
struct Expected {
    subject: String,
    order: Order,
    /// The tag of the entry that was seen.
    seen: Option<String>,
}

impl Desk {
    pub(super) fn new(
        writer: Option<StateWriter>,
        function: &'static str,
        run_id: &str,
        clock: Clock,
        lease: TimeDelta,
    ) -> Self {
        Self {
            writer,
            function,
            run_id: run_id.to_owned(),
            clock,
            lease,
            expected: BTreeMap::new(),
            claimed: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn expect(&mut self, id: &str, subject: String, order: Order, seen: Option<String>) {
        let expected = Expected {
            subject,
            order,
            seen,
        };
        self.expected.insert(id.to_owned(), expected);
    }

    pub(super) fn writer(&self) -> Option<&StateWriter> {
        self.writer.as_ref()
    }

    /// Claims a record, or says why it must wait. What the ledger keeps no entry of needs no claim.
    async fn claim(&self, id: &str) -> std::result::Result<(), String> {
        let (Some(writer), Some(expected)) = (&self.writer, self.expected.get(id)) else {
            return Ok(());
        };
        let entry = self.begun(expected);
        // First the word: a run that is cut off while it waits for the answer must give back this one too.
        self.lock().insert(id.to_owned(), (entry.clone(), None));
        match writer.enter(&entry, expected.seen.as_deref()).await {
            Ok(tag) => {
                self.lock().insert(id.to_owned(), (entry, Some(tag)));
                Ok(())
            }
            Err(error) => {
                if error.kind() == ErrorKind::Taken {
                    self.lock().remove(id);
                }
                Err(chain(&error))
            }
        }
    }

    /// Claims these records, and answers which of them must wait, and why.
    async fn claim_all<'a>(&self, ids: &[&'a str]) -> BTreeMap<&'a str, String> {
        let claims = futures::future::join_all(ids.iter().map(|id| self.claim(id))).await;
        let claims = ids.iter().zip(claims);
        claims
            .filter_map(|(id, claim)| Some((*id, claim.err()?)))
            .collect()
    }

    /// Enters how the work on a record ended. Without that its claim runs out by itself, so a failure is only logged.
    pub(super) async fn close(&self, row: &RecordRow, is_replay: bool) {
        let Some(writer) = &self.writer else {
            return;
        };
        let claimed = self.lock().get(&row.id).cloned();
        let (state, reason) = match row.outcome {
            RecordOutcome::Done => (EntryState::Done, None),
            RecordOutcome::Quarantined => (EntryState::Quarantined, row.reason.clone()),
            _ => (EntryState::Failed, row.reason.clone()),
        };
        let closed = match (claimed, self.expected.get(&row.id)) {
            (Some((entry, tag)), _) => {
                let entry = Entry {
                    state,
                    reason,
                    ..entry
                };
                settle(writer, &entry, tag).await
            }
            // It never came to a claim: that it is in quarantine must be known all the same.
            (None, Some(expected)) if state == EntryState::Quarantined => {
                let entry = Entry {
                    state,
                    reason,
                    ..self.begun(expected)
                };
                writer
                    .enter(&entry, expected.seen.as_deref())
                    .await
                    .map(|_| ())
            }
            (None, _) => Ok(()),
        };
        if let Err(error) = closed {
            stays_open(&row.subject, &error);
        }
        self.lock().remove(&row.id);
        let is_settled = matches!(row.outcome, RecordOutcome::Done | RecordOutcome::Ignored);
        if is_replay
            && is_settled
            && let Err(error) = writer.release(self.function, &row.subject).await
        {
            stays_open(&row.subject, &error);
        }
    }

    /// Closes what is claimed and not closed, because the run ends before its end: whoever gets the record next need not
    /// wait for the end of the lease. Takes no longer than `patience`; what is left runs out by itself.
    pub(crate) async fn give_back(&self, patience: Duration) {
        let Some(writer) = &self.writer else {
            return;
        };
        let open = std::mem::take(&mut *self.lock());
        if open.is_empty() {
            return;
        }
        let closing = open.into_values().map(|(entry, tag)| async move {
            let entry = Entry {
                state: EntryState::Failed,
                reason: Some("the run was cut off".to_owned()),
                ..entry
            };
            if let Err(error) = settle(writer, &entry, tag).await {
                stays_open(&entry.subject, &error);
            }
        });
        let closing = futures::future::join_all(closing);
        if tokio::time::timeout(patience, closing).await.is_err() {
            warn!("entries in the ledger stay open: there was no time to close them");
        }
    }

    fn begun(&self, expected: &Expected) -> Entry {
        begun(
            self.function,
            &expected.subject,
            &expected.order,
            &self.run_id,
            (self.clock)(),
            self.lease,
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Claimed>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enters how the work ended. Where the claim was not answered, it is looked for first.
async fn settle(writer: &StateWriter, entry: &Entry, tag: Option<String>) -> Result<()> {
    let tag = match tag {
        Some(tag) => Some(tag),
        None => writer.tag_of(entry).await?,
    };
    match tag {
        Some(tag) => writer.close(entry, &tag).await,
        None => Ok(()),
    }
}

/// Applies the actions of the records that this run could claim, and of no other.
pub(crate) struct Once<A> {
    /// What applies.
    pub(crate) inner: A,
    /// Where records are claimed; `None` for functions without events.
    pub(crate) desk: Option<Arc<Desk>>,
    /// How records are taken on where time is short; `None`: all at once.
    pub(crate) waves: Option<Waves>,
}

/// So many records at once, and no further ones when there is no time.
pub(crate) struct Waves {
    pub(crate) size: usize,
    pub(crate) has_time: HasTime,
}

impl<Act: Action, A: Apply<Act>> Apply<Act> for Once<A> {
    async fn apply(&self, actions: &[Act]) -> Vec<Outcome> {
        let Some(desk) = &self.desk else {
            return self.inner.apply(actions).await;
        };
        let ids: BTreeSet<&str> = actions.iter().filter_map(Action::record).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let size = self.waves.as_ref().map_or(usize::MAX, |waves| waves.size);
        let mut outcomes: Vec<Option<Outcome>> = vec![None; actions.len()];
        for (number, wave) in ids.chunks(size.max(1)).enumerate() {
            let has_time = self.waves.as_ref().is_none_or(|waves| (waves.has_time)());
            let refused = if number == 0 || has_time {
                desk.claim_all(wave).await
            } else {
                let why = "there was no time for it before the deadline".to_owned();
                wave.iter().map(|id| (*id, why.clone())).collect()
            };
            let mut own = vec![];
            for (place, action) in actions.iter().enumerate() {
                let Some(id) = action.record().filter(|id| wave.contains(id)) else {
                    continue;
                };
                match refused.get(id) {
                    Some(why) => outcomes[place] = Some(Outcome::Failed(why.clone())),
                    None => own.push(place),
                }
            }
            self.apply_some(actions, own, &mut outcomes).await;
        }
        // What belongs to no record needs no claim.
        let others = (0..actions.len()).filter(|place| actions[*place].record().is_none());
        self.apply_some(actions, others.collect(), &mut outcomes)
            .await;
        let missing = || Outcome::Failed("no outcome was reported".to_owned());
        let outcomes = outcomes.into_iter();
        outcomes
            .map(|outcome| outcome.unwrap_or_else(missing))
            .collect()
    }
}

impl<A> Once<A> {
    /// Applies the actions at these places, and puts what becomes of each there.
    async fn apply_some<Act: Action>(
        &self,
        actions: &[Act],
        places: Vec<usize>,
        outcomes: &mut [Option<Outcome>],
    ) where
        A: Apply<Act>,
    {
        if places.is_empty() {
            return;
        }
        let own: Vec<Act> = places.iter().map(|place| actions[*place].clone()).collect();
        for (place, outcome) in places.into_iter().zip(self.inner.apply(&own).await) {
            outcomes[place] = Some(outcome);
        }
    }
}
