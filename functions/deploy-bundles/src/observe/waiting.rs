//! What waits in the state, with its group and its object as they are now.

use std::collections::BTreeMap;

use lamplighter_aws::state::StateReader;
use lamplighter_core::{Coverage, ErrorRow, Observed, Result, chain};

use super::Look;
use crate::FUNCTION;
use crate::bundle::{Bundle, Target, Waiting};
use crate::inventory::{Inventory, Queued, QueuedState, What};
use crate::look::Place;

/// More bundles that wait are left to the next round.
const MOST_WAITING: usize = 1000;

impl Look<'_> {
    /// Reads what waits for the groups that the records are about.
    pub(super) async fn what_waits(&self, inventory: &mut Inventory) {
        let mut targets: Vec<Target> = inventory
            .records
            .iter()
            .filter_map(|seen| match &seen.what {
                What::Bundle(candidate) => Some(candidate.target.clone()),
                What::Ended(ended) => Some(ended.target.clone()),
                _ => None,
            })
            .collect();
        targets.sort();
        targets.dedup();
        let Some(state) = &self.state else { return };
        let mut unread: BTreeMap<Target, String> = BTreeMap::new();
        for target in targets {
            match self.queued(state, &target.pending_key()).await {
                Ok(Some(queued)) => {
                    inventory.waiting.insert(target, queued);
                }
                Ok(None) => {}
                Err(error) => {
                    unread.insert(target, chain(&error));
                }
            }
        }
        // Without knowing what waits, an older bundle might go over a newer one.
        for seen in &mut inventory.records {
            let target = match &seen.what {
                What::Bundle(candidate) => &candidate.target,
                What::Ended(ended) => &ended.target,
                _ => continue,
            };
            if let Some(why) = unread.get(target) {
                seen.what = What::Retry(why.clone());
            }
        }
    }

    /// What waits under a key, with its group as it is now.
    async fn queued(&self, state: &StateReader, key: &str) -> Result<Option<Queued>> {
        let Some(found) = state.pending::<Waiting>(key).await? else {
            return Ok(None);
        };
        let Waiting { target, bundle, .. } = &found.document;
        let place = Place::new(self.session, Some(&target.region));
        let state = match self.queued_state(&place, target, bundle).await {
            Ok(state) => state,
            Err(error) => QueuedState::Unread(chain(&error)),
        };
        Ok(Some(Queued {
            waiting: found.document,
            tag: found.tag,
            state,
        }))
    }

    async fn queued_state(
        &self,
        place: &Place,
        target: &Target,
        bundle: &Bundle,
    ) -> Result<QueuedState> {
        let Some((group, history)) = place.standing(target, bundle).await? else {
            return Ok(QueuedState::NoGroup);
        };
        if place.head(&bundle.revision).await?.is_none() {
            return Ok(QueuedState::NoBundle);
        }
        let previous = self.previous(place, &group).await?;
        Ok(QueuedState::Known {
            group: Box::new(group),
            history,
            previous,
        })
    }

    /// Everything that waits.
    pub(super) async fn round(
        &self,
        scope: &str,
        observed: &mut Observed<Inventory>,
    ) -> Result<()> {
        let Some(state) = &self.state else {
            observed.coverage.push(Coverage::read(scope, 0));
            return Ok(());
        };
        let keys = state
            .pending_keys(FUNCTION, self.account, MOST_WAITING)
            .await?;
        self.session.progress().expect_scopes(keys.len());
        let work: Vec<_> = keys.iter().map(|key| self.queued(state, key)).collect();
        let mut read = 0;
        for (key, queued) in keys.iter().zip(self.session.concurrently(work).await) {
            self.session.progress().scope_done();
            let error = match queued {
                Ok(Some(queued)) => {
                    let error = match &queued.state {
                        QueuedState::Unread(why) => Some(why.clone()),
                        _ => None,
                    };
                    let target = queued.waiting.target.clone();
                    observed.inventory.waiting.insert(target, queued);
                    error
                }
                // It was deployed between the listing and now.
                Ok(None) => None,
                Err(error) => Some(chain(&error.context(format!("cannot read `{key}`")))),
            };
            match error {
                Some(message) => observed.errors.push(ErrorRow {
                    scope: scope.to_owned(),
                    message,
                }),
                None => read += 1,
            }
        }
        observed.coverage.push(Coverage::read(scope, read));
        Ok(())
    }
}
