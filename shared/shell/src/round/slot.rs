//! The slot of a scheduled run: claimed where several daemons or Lambdas share a state, so that one of them runs it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_aws::state::{Claim, ClaimState, StateWriter};
use lamplighter_core::{Mode, Request, Result, Trigger, chain};
use tracing::warn;

use super::{Invocation, Round, configured};
use crate::clock;
use crate::connect::Connect;
use crate::settings::Settings;

/// A claim holds this much longer than the run may take: clocks differ, and a run is cut off a little late.
const CLAIM_GRACE: TimeDelta = TimeDelta::seconds(60);

/// A Lambda is ended at its deadline, and the first retry comes a minute later: a claim must not outlive that.
const DEADLINE_GRACE: TimeDelta = TimeDelta::seconds(5);

/// Until when a run that begins now may hold what it claims: what the host says counts, else the section.
pub(super) fn longest<F: Connect>(
    settings: &Settings,
    invocation: &Invocation,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let timeout = configured::<F>(&settings.config)?.timeout_secs;
    Ok(invocation.deadline.map_or_else(
        || now + TimeDelta::seconds(i64::from(timeout)) + CLAIM_GRACE,
        |deadline| deadline + DEADLINE_GRACE,
    ))
}

impl Round {
    /// Claims the slot of a scheduled run where several daemons or Lambdas share a state: one of them runs it. A dry
    /// run claims nothing, and neither does a person who runs an event by hand.
    pub(super) async fn claim<F: Connect>(
        &self,
        settings: &Settings,
        invocation: &Invocation,
        request: &Request<'_>,
    ) -> Result<Option<Claimed>> {
        let writer = StateWriter::open(settings.config.state.url.as_ref(), &self.session);
        let (Some(writer), Some(slot)) = (writer, request.slot) else {
            return Ok(None);
        };
        if request.trigger != Trigger::Schedule || request.mode == Mode::DryRun {
            return Ok(None);
        }
        let now = (settings.clock)();
        let claim = Claim {
            function: F::NAME.to_owned(),
            slot,
            part: self.continuation.number(),
            run_id: self.run_id.clone(),
            holder: clock::machine(),
            claimed_at: now,
            expires_at: longest::<F>(settings, invocation, now)?,
            request_id: invocation.request_id.clone(),
            state: ClaimState::Running,
        };
        writer.claim(&claim).await?;
        Ok(Some(Claimed { writer, claim }))
    }
}

/// A slot that this run has claimed.
pub(super) struct Claimed {
    writer: StateWriter,
    claim: Claim,
}

impl Claimed {
    /// Says how it ended, within `patience`. Without it the claim runs out by itself, so a failure is only logged.
    pub(super) async fn settle(mut self, is_done: bool, patience: Duration) {
        self.claim.state = match is_done {
            true => ClaimState::Done,
            false => ClaimState::Failed,
        };
        let settling = self.writer.settle(&self.claim);
        let settled = tokio::time::timeout(patience, settling).await;
        match settled {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!("the claim of the slot stays open: {}", chain(&error)),
            Err(_) => warn!("the claim of the slot stays open: there was no time to give it back"),
        }
    }
}
