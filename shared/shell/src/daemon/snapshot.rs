//! How things stand: for `lamplighter status`, and for whoever shows it elsewhere.
//!
//! Made from the ledger and the configuration alone, so that it is the same while the daemon runs and when it is down.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use lamplighter_core::{Mode, Result, Trigger};
use serde::Serialize;

use super::consumers::QueueRow;
use super::lock::Lock;
use super::planner::{Job, Why};
use super::sqlite::Sqlite;
use super::store::{Host, JobRow, Outcome, Paused, Reload, RunRow, SILENCE, Store};

/// How many runs of a function are shown.
const SHOWN_RUNS: usize = 20;

/// The schema of [`Snapshot`] as JSON. Adding fields is free; renaming or removing one is a new version.
pub const SCHEMA: &str = "lamplighter/status/v1";

/// The most entries about left-out slots that are added up.
const COUNTED_SKIPS: usize = 1_000;

/// How things stand with the daemon and every configured function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the daemon runs.
    pub is_running: bool,
    /// The daemon that runs, or ran last.
    pub daemon: Option<Host>,
    /// What somebody should look at, in sentences. Empty: all is well.
    pub troubles: Vec<String>,
    /// The configured functions, in the order of their names.
    pub functions: Vec<FunctionStatus>,
}

/// How things stand with a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionStatus {
    /// Its name.
    pub function: String,
    /// How far its runs may go.
    pub mode: Mode,
    /// Its schedule.
    pub schedule: String,
    /// The schedule's time zone.
    pub zone: String,
    /// When it is started next, spread included. While the daemon is down: when it would be.
    pub next: Option<DateTime<Utc>>,
    /// Why it is paused.
    pub paused: Option<Paused>,
    /// How many runs have panicked in a row.
    pub panics: u32,
    /// Slots that wait for their moment, for the run before, or for a place.
    pub waiting: Vec<DateTime<Utc>>,
    /// Runs that go on.
    pub running: Vec<RunRow>,
    /// The last runs that ended, the newest first.
    pub runs: Vec<RunRow>,
    /// The last run that succeeded, however long ago.
    pub last_success: Option<RunRow>,
    /// The last run that failed, however long ago.
    pub last_failure: Option<RunRow>,
    /// How many slots were left out lately, by reason.
    pub skipped: BTreeMap<Why, u64>,
    /// The queues that bring events to it.
    pub queues: Vec<QueueStatus>,
}

/// How things stand with a queue of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueStatus {
    /// Whether the daemon consumes it: not in plan mode, where no event is acknowledged.
    pub is_consumed: bool,
    /// As the ledger has it; `null`: nothing is known yet.
    pub row: Option<QueueRow>,
    /// Its URL.
    pub queue: String,
}

impl Snapshot {
    /// How things stand by the state directory, whoever asks and whether or not the daemon runs. `None`: no daemon has
    /// ever run there.
    pub fn read(state_dir: &Path, jobs: &[Job], now: DateTime<Utc>) -> Result<Option<Self>> {
        let Some(mut store) = Sqlite::read_only(state_dir)? else {
            return Ok(None);
        };
        let is_running = Lock::is_held(state_dir);
        Self::of(&mut store, jobs, is_running, now).map(Some)
    }

    /// How things stand by a ledger.
    pub fn of(
        store: &mut dyn Store,
        jobs: &[Job],
        is_running: bool,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let daemon = store.host()?;
        let mut rows = store.jobs()?;
        let queues = store.queues()?;
        let mut functions = Vec::new();
        for job in jobs {
            let row = rows.remove(&job.name).unwrap_or_default();
            functions.push(FunctionStatus::of(
                store, job, row, &queues, is_running, now,
            )?);
        }
        functions.sort_by(|a, b| a.function.cmp(&b.function));
        let mut troubles = Vec::new();
        if let Some(daemon) = &daemon {
            troubles.extend(daemon_troubles(daemon, is_running, now));
        }
        troubles.extend(functions.iter().filter_map(FunctionStatus::trouble));
        troubles.extend(functions.iter().flat_map(FunctionStatus::queue_troubles));
        Ok(Self {
            schema: SCHEMA,
            at: now,
            is_running,
            daemon,
            troubles,
            functions,
        })
    }
}

fn daemon_troubles(daemon: &Host, is_running: bool, now: DateTime<Utc>) -> Vec<String> {
    let mut troubles = Vec::new();
    let silence = now - daemon.beat_at;
    if is_running && silence > SILENCE {
        troubles.push(format!(
            "the daemon runs and has not written its ledger for {} s: is the disk full? runs that change things are refused",
            silence.num_seconds()
        ));
    }
    if !is_running && daemon.stopped_at.is_none() {
        troubles.push(format!(
            "the daemon ended without a word, last heard of {}",
            daemon.beat_at.format("%Y-%m-%d %H:%M:%S UTC")
        ));
    }
    if let Some(Reload {
        at,
        error: Some(error),
    }) = &daemon.reload
    {
        troubles.push(format!(
            "the configuration read at {} is not sound, the one before is in force: {error}",
            at.format("%Y-%m-%d %H:%M:%S UTC")
        ));
    }
    troubles
}

impl QueueStatus {
    fn of(job: &Job, queue: &str, rows: &[QueueRow], is_running: bool) -> Self {
        let row = rows
            .iter()
            .find(|row| row.function == job.name && row.queue == queue);
        Self {
            is_consumed: is_running && job.mode == Mode::Apply,
            row: row.cloned(),
            queue: queue.to_owned(),
        }
    }
}

impl FunctionStatus {
    fn of(
        store: &mut dyn Store,
        job: &Job,
        row: JobRow,
        queues: &[QueueRow],
        is_running: bool,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut recent = store.runs(Some(&job.name), SHOWN_RUNS)?;
        if !is_running {
            for run in recent.iter_mut().filter(|run| run.outcome.is_none()) {
                // Its daemon is gone; the next one will write it down.
                run.outcome = Some(Outcome::Interrupted);
            }
        }
        let (running, runs) = recent.into_iter().partition(|run| run.outcome.is_none());
        let mut skipped = BTreeMap::new();
        for (_, skip) in store.skips(Some(&job.name), COUNTED_SKIPS)? {
            *skipped.entry(skip.why).or_default() += skip.count;
        }
        Ok(Self {
            function: job.name.clone(),
            mode: job.mode,
            schedule: job.schedule.expression().to_owned(),
            zone: job.schedule.zone().name().to_owned(),
            next: job
                .schedule
                .next(now - job.offset)
                .map(|slot| slot + job.offset),
            paused: row.paused,
            panics: row.panics,
            waiting: row.known.waiting.into_keys().collect(),
            running,
            runs,
            last_success: store.last(&job.name, true)?,
            last_failure: store.last(&job.name, false)?,
            skipped,
            queues: job
                .queues
                .iter()
                .map(|queue| QueueStatus::of(job, queue, queues, is_running))
                .collect(),
        })
    }

    /// Whether every queue's last delivery ended well, and one of them after this run.
    fn has_delivered_since(&self, run: &RunRow) -> bool {
        let rows = || self.queues.iter().filter_map(|queue| queue.row.as_ref());
        let ended_at = run.finished_at.unwrap_or(run.started_at);
        rows().all(|row| row.last_failed_at.is_none() || row.last_done_at > row.last_failed_at)
            && rows().any(|row| row.last_done_at.is_some_and(|done_at| done_at > ended_at))
    }

    /// Queues from which nothing comes.
    fn queue_troubles(&self) -> impl Iterator<Item = String> {
        self.queues.iter().filter_map(|queue| {
            let row = queue.row.as_ref().filter(|_| queue.is_consumed)?;
            let trouble = row.trouble.as_deref()?;
            Some(format!(
                "{}: nothing can be received: {trouble}",
                self.function
            ))
        })
    }

    /// What somebody should look at.
    fn trouble(&self) -> Option<String> {
        let name = &self.function;
        if let Some(paused) = &self.paused {
            return Some(format!(
                "{name} is paused since {}: {}",
                paused.at.format("%Y-%m-%d %H:%M:%S UTC"),
                paused.why
            ));
        }
        // A slot that somebody else has run, or that was cut off, says nothing about the function. Nor does a delivery
        // that failed when others have ended well since: those have no row.
        let is_telling = |run: &&RunRow| match run.outcome {
            None | Some(Outcome::Taken | Outcome::Interrupted) => false,
            Some(outcome) => {
                let is_event = run.trigger == Trigger::Event;
                !(is_event && outcome.is_failure() && self.has_delivered_since(run))
            }
        };
        let last = self.runs.iter().find(is_telling)?;
        let outcome = last.outcome.filter(|outcome| outcome.is_failure())?;
        let detail = last.detail.as_deref().unwrap_or("no reason was given");
        Some(format!(
            "{name}: the last run ended as `{}`: {detail}",
            outcome.as_str()
        ))
    }
}
