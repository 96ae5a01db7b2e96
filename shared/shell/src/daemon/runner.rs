//! One run of the daemon: its time limit, its further attempts, and its end, whatever that is.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{ErrorKind, Mode, Result, Run, RunOutcome, chain};
use lamplighter_events::Envelope;
use serde_json::json;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::dispatcher::End;
use super::store::{Outcome, RunRow};
use crate::connect::Entry;
use crate::logging::tail::Tail;
use crate::round::{Invocation, TIME_TO_END};
use crate::settings::Settings;

/// The wait before the second attempt; it doubles with each one.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What a run needs.
pub(super) struct Order {
    pub(super) entry: Entry,
    pub(super) settings: Arc<Settings>,
    pub(super) start: RunRow,
    /// What set it off; without: the slot.
    pub(super) event: Option<Envelope>,
    /// Where the run's last lines are kept, if somebody is told.
    pub(super) tail: Option<Tail>,
    /// Told to end: by the end of the daemon, or by the slot that replaces it.
    pub(super) cancel: CancellationToken,
}

/// How a run ended, with its record where there is one.
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) run: Option<Run>,
}

/// Runs to the end. Never panics, and never takes longer than its limits, unless the function blocks its thread.
pub(super) async fn run(order: Order) -> Ran {
    let Order {
        entry,
        settings,
        start,
        event,
        tail,
        cancel,
    } = order;
    let Some(section) = settings.config.section(entry.name) else {
        return end(Outcome::Failed, "its section is gone".to_owned());
    };
    let limit = Duration::from_secs(u64::from(section.timeout_secs));
    let last_begin = start.slot.unwrap_or(start.started_at)
        + TimeDelta::minutes(i64::from(section.missed_grace_minutes));
    // Whoever delivered an event delivers it again.
    let retries = match (start.mode, &event) {
        (Mode::Apply, _) | (_, Some(_)) => 0,
        (Mode::Plan | Mode::DryRun, None) => section.retries,
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let invocation = invocation(&start, event.as_ref(), attempt, cancel.child_token());
        let stop = invocation.cancel.clone();
        let settings_of_run = Arc::clone(&settings);
        // What makes the work is a part of it: it may panic as well.
        let work = async move { (entry.run)(settings_of_run, invocation).await };
        let task = match tail.clone() {
            Some(tail) => tokio::spawn(async move { tail.of(work).await }),
            None => tokio::spawn(work),
        };
        let (ended, is_transient) = watch(&entry, &start, task, limit, &stop, &cancel).await;
        let wait = FIRST_WAIT
            .saturating_mul(1 << (attempt - 1).min(16))
            .min(LONGEST_WAIT);
        if !is_transient
            || attempt > retries
            || begins_too_late((settings.clock)(), wait, last_begin)
        {
            return ended;
        }
        warn!(
            function = entry.name,
            attempt,
            wait_secs = wait.as_secs(),
            "tried again: {}",
            ended.end.detail.as_deref().unwrap_or_default()
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return ended,
        }
    }
}

fn begins_too_late(now: DateTime<Utc>, wait: Duration, last_begin: DateTime<Utc>) -> bool {
    TimeDelta::from_std(wait).is_ok_and(|wait| now + wait > last_begin)
}

fn invocation(
    start: &RunRow,
    event: Option<&Envelope>,
    attempt: u32,
    cancel: CancellationToken,
) -> Invocation {
    let mut envelope = match (event, start.slot) {
        (Some(event), _) => event.clone(),
        (None, Some(slot)) => Envelope::tick(&format!("daemon-{}", slot.timestamp()), slot),
        (None, None) => Envelope::default(),
    };
    for (key, value) in [("missed", start.missed), ("attempt", u64::from(attempt))] {
        if value > u64::from(key == "attempt") {
            envelope.metadata.insert(key.to_owned(), json!(value));
        }
    }
    // A dry run that was asked for stays one, whatever the section says.
    let mode = (start.mode == Mode::DryRun).then_some(Mode::DryRun);
    Invocation {
        run_id: Some(start.run_id.clone()),
        cancel,
        ..Invocation::new(mode, start.trigger, envelope)
    }
}

/// Waits for one attempt, and says whether another one may help.
async fn watch(
    entry: &Entry,
    start: &RunRow,
    mut task: JoinHandle<Result<Run>>,
    limit: Duration,
    stop: &CancellationToken,
    cancel: &CancellationToken,
) -> (Ran, bool) {
    let mut is_timeout = false;
    let joined = tokio::select! {
        joined = &mut task => Some(joined),
        () = cancel.cancelled() => None,
        () = tokio::time::sleep(limit) => {
            is_timeout = true;
            stop.cancel();
            None
        }
    };
    let joined = match joined {
        Some(joined) => joined,
        None => cut_off(entry, start, task).await,
    };
    let slot = start.slot.map(tracing::field::display);
    match joined {
        Ok(Ok(run)) => (of_run(run), false),
        Ok(Err(failure)) if failure.kind() == ErrorKind::Taken => {
            info!(function = entry.name, slot, "not run: {}", chain(&failure));
            (end(Outcome::Taken, chain(&failure)), false)
        }
        Ok(Err(failure)) if failure.kind() != ErrorKind::Interrupted => {
            error!(
                function = entry.name,
                slot,
                "the run failed: {}",
                chain(&failure)
            );
            let is_transient = failure.kind() == ErrorKind::Transient;
            (end(Outcome::Failed, chain(&failure)), is_transient)
        }
        Err(panic) if panic.is_panic() => {
            let message = message_of(panic);
            error!(function = entry.name, slot, "the run panicked: {message}");
            (end(Outcome::Panicked, message), false)
        }
        Ok(Err(_)) | Err(_) if is_timeout => {
            let message = format!("it took longer than {} s", limit.as_secs());
            error!(function = entry.name, slot, "timeout: {message}");
            (end(Outcome::Timeout, message), false)
        }
        Ok(Err(_)) | Err(_) => {
            error!(
                function = entry.name,
                slot, "interrupted: it was told to end"
            );
            let message = "told to end before it had ended by itself".to_owned();
            (end(Outcome::Interrupted, message), false)
        }
    }
}

/// The task has been told to end. It gets its time to put things in order, and is then dropped at its next wait.
async fn cut_off(
    entry: &Entry,
    start: &RunRow,
    mut task: JoinHandle<Result<Run>>,
) -> Result<Result<Run>, JoinError> {
    let patience = TIME_TO_END + Duration::from_secs(1);
    if let Ok(joined) = tokio::time::timeout(patience, &mut task).await {
        return joined;
    }
    task.abort();
    match tokio::time::timeout(Duration::from_secs(1), &mut task).await {
        Ok(joined) => joined,
        Err(_) => {
            // It keeps its place until it ends: a second one would block a second thread.
            error!(
                function = entry.name,
                slot = start.slot.map(tracing::field::display),
                "it cannot be ended: it blocks its thread"
            );
            task.await
        }
    }
}

fn of_run(run: Run) -> Ran {
    let outcome = match run.outcome {
        RunOutcome::Ok => Outcome::Ok,
        RunOutcome::Partial => Outcome::Partial,
        RunOutcome::Failed => Outcome::Failed,
        RunOutcome::Refused => Outcome::Refused,
    };
    let end = End {
        outcome,
        detail: Some(lamplighter_report::subject(&run)),
        summary: Some(json!(run.summary)),
    };
    Ran {
        end,
        run: Some(run),
    }
}

fn end(outcome: Outcome, detail: String) -> Ran {
    let end = End {
        outcome,
        detail: Some(detail),
        summary: None,
    };
    Ran { end, run: None }
}

/// What a panic said.
fn message_of(panic: JoinError) -> String {
    let payload = AssertUnwindSafe(panic.into_panic());
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
