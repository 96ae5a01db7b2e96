//! Claims records in the ledger before anything is done for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use lamplighter_aws::state::{Entry, EntryState, Order, StateWriter};
use lamplighter_core::{Action, Apply, Outcome, RecordOutcome, RecordRow, chain};

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
    claimed: Mutex<BTreeMap<String, (Entry, String)>>,
}

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
    async fn claim(&self, id: &str) -> Result<(), String> {
        let (Some(writer), Some(expected)) = (&self.writer, self.expected.get(id)) else {
            return Ok(());
        };
        let entry = self.begun(expected);
        match writer.enter(&entry, expected.seen.as_deref()).await {
            Ok(tag) => {
                self.lock().insert(id.to_owned(), (entry, tag));
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        }
    }

    /// Enters how the work on a record ended. Without that its claim runs out by itself, so a failure is only logged.
    pub(super) async fn close(&self, row: &RecordRow, is_replay: bool) {
        let Some(writer) = &self.writer else {
            return;
        };
        let claimed = self.lock().remove(&row.id);
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
                writer.close(&entry, &tag).await
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
        let is_settled = matches!(row.outcome, RecordOutcome::Done | RecordOutcome::Ignored);
        if is_replay
            && is_settled
            && let Err(error) = writer.release(self.function, &row.subject).await
        {
            stays_open(&row.subject, &error);
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

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Entry, String)>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies the actions of the records that this run could claim, and of no other.
pub(crate) struct Once<A> {
    /// What applies.
    pub(crate) inner: A,
    /// Where records are claimed; `None` for functions without events.
    pub(crate) desk: Option<Arc<Desk>>,
}

impl<Act: Action, A: Apply<Act>> Apply<Act> for Once<A> {
    async fn apply(&self, actions: &[Act]) -> Vec<Outcome> {
        let Some(desk) = &self.desk else {
            return self.inner.apply(actions).await;
        };
        let ids: BTreeSet<&str> = actions.iter().filter_map(Action::record).collect();
        let claims = futures::future::join_all(ids.iter().map(|id| desk.claim(id))).await;
        let refused: BTreeMap<&str, String> = ids
            .into_iter()
            .zip(claims)
            .filter_map(|(id, claim)| Some((id, claim.err()?)))
            .collect();
        let why = |action: &Act| action.record().and_then(|id| refused.get(id));
        let own: Vec<Act> = actions
            .iter()
            .filter(|action| why(action).is_none())
            .cloned()
            .collect();
        let mut outcomes = if own.is_empty() {
            vec![]
        } else {
            self.inner.apply(&own).await
        }
        .into_iter();
        let missing = || Outcome::Failed("no outcome was reported".to_owned());
        actions
            .iter()
            .map(|action| match why(action) {
                Some(why) => Outcome::Failed(why.clone()),
                None => outcomes.next().unwrap_or_else(missing),
            })
            .collect()
    }
}
