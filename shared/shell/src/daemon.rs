//! The schedule loop: one long-running process that runs the configured functions on their schedules.
//!
//! tokio-cron-scheduler is only the heartbeat: one pulse a second. What is due is decided here, from [`crate::schedule`]
//! and the clock, because its own schedules freeze the time zone, lose ticks and overlap.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result, Trigger, chain};
use lamplighter_events::Envelope;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::connect::Entry;
use crate::round::Invocation;
use crate::schedule::Schedule;
use crate::settings::Settings;

/// How long running work may take to end after SIGTERM. systemd kills after 90 seconds.
const DRAIN: Duration = Duration::from_secs(60);

/// One function with its schedule, and when it is due next.
struct Planned {
    entry: Entry,
    schedule: Schedule,
    next: Option<DateTime<Utc>>,
}

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that ran could end.
    Cleanly,
    /// Work was cut off.
    Interrupted,
}

/// Runs until `stop` is cancelled, then lets running work end for a bounded time.
pub async fn run(
    entries: Vec<Entry>,
    settings: Arc<Settings>,
    stop: CancellationToken,
) -> Result<Ended> {
    let now = (settings.clock)();
    let mut jobs = Vec::new();
    for entry in entries {
        let section = settings
            .config
            .section(entry.name)
            .ok_or_else(|| Error::config(format!("there is no section [{}]", entry.name)))?;
        let schedule = Schedule::parse(&section.schedule, section.zone)
            .map_err(|error| Error::config(format!("[{}] schedule: {error}", entry.name)))?;
        let next = schedule.next(now);
        info!(
            function = entry.name,
            schedule = schedule.expression(),
            next = next.map(|next| next.to_rfc3339()),
            "scheduled"
        );
        jobs.push(Planned {
            entry,
            schedule,
            next,
        });
    }
    if jobs.is_empty() {
        return Err(Error::config("no function is configured, so there is nothing to run")
            .hint("add a section such as [stop-untagged] to lamplighter.toml; `lamplighter list` shows all"));
    }

    let (pulse, mut pulses) = mpsc::channel::<()>(1);
    let mut heart = start_heart(pulse).await?;
    let mut running: JoinSet<&'static str> = JoinSet::new();
    let mut busy: BTreeMap<&'static str, DateTime<Utc>> = BTreeMap::new();
    info!(functions = jobs.len(), "the daemon runs");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = running.join_next() => note_end(ended, &mut busy),
            beat = pulses.recv() => {
                if beat.is_none() {
                    return Err(Error::permanent("the scheduler's heartbeat stopped"));
                }
                start_due(&mut jobs, (settings.clock)(), &settings, &mut running, &mut busy);
            }
        }
    }
    info!(
        running = running.len(),
        "the daemon stops, no new work begins"
    );
    if let Err(error) = heart.shutdown().await {
        warn!("the heartbeat did not stop cleanly: {error}");
    }
    let drained = tokio::time::timeout(DRAIN, async {
        while let Some(ended) = running.join_next().await {
            note_end(ended, &mut busy);
        }
    });
    if drained.await.is_ok() {
        info!("the daemon stopped");
        return Ok(Ended::Cleanly);
    }
    for function in busy.keys() {
        error!(function, "interrupted: it did not end in time");
    }
    running.shutdown().await;
    Ok(Ended::Interrupted)
}

/// One pulse a second, in UTC. A pulse that finds the last one unread is dropped: it would say the same.
async fn start_heart(pulse: mpsc::Sender<()>) -> Result<JobScheduler> {
    let broken =
        |error| Error::permanent("cannot start the scheduler's heartbeat").caused_by(error);
    let heart = JobScheduler::new().await.map_err(broken)?;
    let beat = Job::new_async("* * * * * *", move |_, _| {
        let pulse = pulse.clone();
        Box::pin(async move {
            // Full: the loop has a pulse to read already. Closed: the loop has ended.
            pulse.try_send(()).ok();
        })
    })
    .map_err(broken)?;
    heart.add(beat).await.map_err(broken)?;
    heart.start().await.map_err(broken)?;
    Ok(heart)
}

/// Starts what is due. A function that is still running is not started again: its slot is skipped, and said so.
fn start_due(
    jobs: &mut [Planned],
    now: DateTime<Utc>,
    settings: &Arc<Settings>,
    running: &mut JoinSet<&'static str>,
    busy: &mut BTreeMap<&'static str, DateTime<Utc>>,
) {
    for job in jobs {
        let Some(slot) = job.next.filter(|next| *next <= now) else {
            continue;
        };
        job.next = job.schedule.next(now);
        let name = job.entry.name;
        if let Some(since) = busy.get(name) {
            warn!(function = name, %slot, %since, "skipped: the run before is still going on");
            continue;
        }
        busy.insert(name, now);
        let envelope = Envelope::tick(&format!("daemon-{}", slot.timestamp()), slot);
        let invocation = Invocation {
            mode: None,
            trigger: Trigger::Schedule,
            envelope,
        };
        let settings = Arc::clone(settings);
        let round = job.entry.run;
        running.spawn(async move {
            // A task of its own inside this one: a panic ends there, and this one still says whose it was.
            match tokio::spawn(round(settings, invocation)).await {
                Ok(Ok(_)) => {}
                Ok(Err(failure)) => {
                    error!(function = name, %slot, "the run failed: {}", chain(&failure))
                }
                Err(panic) => error!(function = name, %slot, "the run panicked: {panic}"),
            }
            name
        });
    }
}

fn note_end(
    ended: Result<&'static str, tokio::task::JoinError>,
    busy: &mut BTreeMap<&'static str, DateTime<Utc>>,
) {
    match ended {
        Ok(name) => {
            busy.remove(name);
        }
        Err(error) => error!("a run's supervisor ended unexpectedly: {error}"),
    }
}
