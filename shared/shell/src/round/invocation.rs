//! How a run was asked for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_config::{self as config, Config};
use lamplighter_core::{Mode, Result, Trigger};
use lamplighter_events::{Envelope, Kind};
use tokio_util::sync::CancellationToken;

use super::configured;
use crate::clock::{self, Clock};
use crate::connect::Connect;

/// How a run was asked for.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// `--dry-run` or `--apply`; `None`: as configured.
    pub mode: Option<Mode>,
    /// What set it off, unless the event says so.
    pub trigger: Trigger,
    /// The event.
    pub envelope: Envelope,
    /// The run's id, where somebody has written it down already.
    pub run_id: Option<String>,
    /// When the host will cut the run off, if that is earlier than the section's `timeout_secs`.
    pub deadline: Option<DateTime<Utc>>,
    /// The ARN of the Lambda that this is, with its alias: what there is no time for it leaves to another invocation.
    pub own_arn: Option<String>,
    /// The id of the request, where the host asks again under the same id after a crash.
    pub request_id: Option<String>,
    /// Tells the run to end. Before its first change it ends at once, after that it gets [`TIME_TO_END`](super::TIME_TO_END).
    pub cancel: CancellationToken,
}

impl Invocation {
    /// A run that nothing but its end ends.
    pub fn new(mode: Option<Mode>, trigger: Trigger, envelope: Envelope) -> Self {
        Self {
            mode,
            trigger,
            envelope,
            run_id: None,
            deadline: None,
            own_arn: None,
            request_id: None,
            cancel: CancellationToken::new(),
        }
    }

    /// A run by hand, without an event.
    pub fn by_hand(mode: Option<Mode>) -> Self {
        Self::new(mode, Trigger::Manual, Envelope::default())
    }

    /// The mode of the run. The event can lower it, never raise it. An event function applies by default, but only
    /// once somebody has configured it.
    pub(super) fn mode<F: Connect>(&self, config: &Config) -> Result<Mode> {
        let configured = configured::<F>(config)?.mode;
        if self.envelope.wants_dry_run() {
            return Ok(Mode::DryRun);
        }
        Ok(self.mode.unwrap_or(match configured {
            config::Mode::Apply if !F::CONSUMES || config.is_configured(F::NAME) => Mode::Apply,
            config::Mode::Apply | config::Mode::Plan => Mode::Plan,
        }))
    }

    /// How long it is until the host cuts the run off, if it does.
    pub(super) fn left(&self, clock: &Clock) -> Option<Duration> {
        self.deadline.map(|deadline| clock::until(deadline, clock))
    }

    /// Whether it is about the records of an event.
    pub(super) fn has_records<F: Connect>(&self) -> bool {
        F::CONSUMES && self.envelope.kind == Kind::Native
    }

    /// What set it off: what the event says of itself, unless somebody runs it by hand or again.
    pub(super) fn trigger(&self) -> Trigger {
        match self.trigger {
            Trigger::Replay => Trigger::Replay,
            other => self.envelope.trigger().unwrap_or(other),
        }
    }
}
