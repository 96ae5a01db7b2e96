//! The daemon: one long-running process that runs the configured functions on their schedules.
//!
//! | Module | Does |
//! | --- | --- |
//! | [`planner`] | what becomes of every scheduled time; pure |
//! | [`store`] | what is remembered, [`sqlite`] on disk and [`memory`] for virtual time |
//! | [`dispatcher`] | decides, writes it down, and only then lets it happen |
//! | [`lock`] | one daemon for each state directory |
//! | [`places`] | how many runs go on at once, whatever set them off |
//! | [`runner`] | one run: time limit, further attempts, its end whatever it is |
//! | [`consumers`] | the queues that bring events |
//! | [`pings`] | a dead-man's switch is told of every run |
//! | [`heart`] | a pulse every second |
//! | [`supervisor`] | what systemd is told |
//! | [`http`] | the status page, metrics and health checks |
//! | [`keeper`] | the thread that all of this happens on |
//! | [`snapshot`] | how things stand, for people |
//!
//! tokio-cron-scheduler is only the heartbeat: one pulse a second. What is due is decided here, from
//! [`crate::schedule`] and the clock, because its own schedules freeze the time zone, lose ticks and overlap.
//!
//! The planner and the ledger have a thread of their own, and the runs a runtime of their own with a thread more than
//! runs may go on: a run that blocks its thread delays no other, and a disk that is slow delays no run.

pub mod consumers;
pub mod dispatcher;
mod heart;
pub mod http;
mod keeper;
pub mod lock;
pub mod memory;
mod pings;
mod places;
pub mod planner;
mod runner;
pub mod snapshot;
pub mod sqlite;
pub mod store;
mod supervisor;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Config, Mode as ConfigMode};
use lamplighter_core::{Error, Mode, Result};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::connect::Entry;
use crate::schedule::Schedule;
use crate::settings::Settings;
use dispatcher::Dispatcher;
use heart::Heart;
use http::{Link, Server};
use keeper::{Keeper, News};
use lock::Lock;
use planner::{Job, Limit};
use sqlite::Sqlite;
use store::Host;

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that ran could end.
    Cleanly,
    /// Work was cut off.
    Interrupted,
}

/// What the daemon is told while it runs.
pub struct Orders {
    /// Cancelled: no new work, what runs may end for a bounded time.
    pub stop: CancellationToken,
    /// Read the configuration again.
    pub reload: tokio::sync::mpsc::Receiver<()>,
    /// Reads it. The error is what a person is told; the old configuration stays then.
    pub load: Load,
}

/// Reads the configuration again, checked as at the start.
pub type Load = Box<dyn Fn() -> Result<Settings, String> + Send>;

/// Runs the configured ones of `entries` until it is told to stop, and then lets running work end for a bounded time.
pub async fn run(entries: Vec<Entry>, settings: Arc<Settings>, orders: Orders) -> Result<Ended> {
    let now = (settings.clock)();
    let jobs = jobs(&entries, &settings.config)?;
    let host = this_process(now);
    let config = &settings.config.daemon;
    let state_dir = Path::new(&config.state_dir);
    let lock = Lock::take(state_dir, &host)?;
    for job in &jobs {
        info!(
            function = job.name,
            schedule = job.schedule.expression(),
            next = job
                .schedule
                .next(now - job.offset)
                .map(|next| (next + job.offset).to_rfc3339()),
            "scheduled"
        );
    }

    let (sender, news) = mpsc::channel();
    let reports = settings.config.daemon.http.map(|_| state_dir);
    let link = Arc::new(Link::new(reports));
    // Ends with this function: the page is there until the last run has ended.
    let _server = Server::start(&settings, &link, &sender, now).await?;
    let mut heart = Heart::start(sender.clone()).await?;
    let (renew, renewals) = tokio::sync::mpsc::unbounded_channel();
    // What fails before this is told as it is: a runtime must not be dropped in another one.
    let places = usize::try_from(config.max_runs).unwrap_or(1);
    let runtime = threads_of_runs(places)?;
    let store = Box::new(Sqlite::new(state_dir));
    let count = jobs.len();
    let keeper = Keeper::new(
        entries,
        settings,
        orders.load,
        (sender.clone(), Box::new(news)),
        runtime,
        tokio::runtime::Handle::current(),
        link,
    )
    .with_heart(renew);
    let (done, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("keeper".to_owned());
    let spawned = thread.spawn(move || {
        let dispatcher = Dispatcher::boot(store, jobs, places, host, now);
        info!(functions = count, "the daemon runs");
        let ended = keeper.keep(dispatcher);
        drop(lock);
        // Nobody waits any more when the process is ending another way.
        done.send(ended).ok();
    });
    spawned
        .map_err(|error| Error::permanent("cannot start the planner's thread").caused_by(error))?;
    let pass_on = pass_on(orders.stop, orders.reload, sender);
    let ended = tokio::select! {
        ended = ended => ended,
        never = pass_on => match never {},
        never = keep_beating(&mut heart, renewals) => match never {},
    };
    heart.stop().await;
    ended.map_err(|error| Error::permanent("the planner's thread broke down").caused_by(error))
}

/// Where runs go on, this many at once: a run may keep the thread that it is on to itself.
fn threads_of_runs(places: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        // One that is always free, and one for a dry run by hand.
        .worker_threads(places + 2)
        .thread_name("run")
        .enable_all()
        .build()
        .map_err(|error| Error::permanent("cannot start the threads of runs").caused_by(error))
}

/// Passes signals on to the keeper.
async fn pass_on(
    stop: CancellationToken,
    mut reload: tokio::sync::mpsc::Receiver<()>,
    keeper: Sender<News>,
) -> std::convert::Infallible {
    loop {
        let news = tokio::select! {
            () = stop.cancelled() => News::Stop,
            Some(()) = reload.recv() => News::Reload,
        };
        let is_last = matches!(news, News::Stop);
        // The keeper is gone: its end is told elsewhere.
        keeper.send(news).ok();
        if is_last {
            std::future::pending::<()>().await;
        }
    }
}

/// Makes the heart anew whenever the keeper misses it.
async fn keep_beating(
    heart: &mut Heart,
    mut renewals: tokio::sync::mpsc::UnboundedReceiver<()>,
) -> std::convert::Infallible {
    while let Some(()) = renewals.recv().await {
        match heart.renew().await {
            Ok(()) => info!("the scheduler's heartbeat was made anew"),
            // The keeper asks again.
            Err(error) => warn!("{}", lamplighter_core::chain(&error)),
        }
    }
    std::future::pending().await
}

/// The configured functions with their schedules and policies.
pub fn jobs(entries: &[Entry], config: &Config) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for entry in entries
        .iter()
        .filter(|entry| config.is_configured(entry.name))
    {
        let section = config
            .section(entry.name)
            .ok_or_else(|| Error::config(format!("there is no section [{}]", entry.name)))?;
        let schedule = Schedule::of(section).map_err(|error| {
            let refused = Error::config(format!("[{}] schedule: {error}", entry.name));
            match error.hint() {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        })?;
        jobs.push(Job {
            name: entry.name.to_owned(),
            mode: match section.mode {
                ConfigMode::Plan => Mode::Plan,
                ConfigMode::Apply => Mode::Apply,
            },
            offset: planner::offset_of(entry.name, section, &schedule),
            schedule,
            missed: section.missed,
            grace: TimeDelta::minutes(i64::from(section.missed_grace_minutes)),
            overlap: section.overlap,
            queues: config.intake(entry.name).map_or_else(Vec::new, |intake| {
                intake.queues.iter().map(ToString::to_string).collect()
            }),
        });
    }
    if jobs.is_empty() {
        return Err(Error::config("no function is configured, so there is nothing to run")
            .hint("name the configuration with `--config`, or add a section such as [stop-untagged]; `lamplighter list` shows all"));
    }
    Ok(jobs)
}

/// What the configuration says that functions share.
fn limits(config: &Config) -> Vec<Limit> {
    let limits = config.daemon.limits.iter();
    limits
        .map(|limit| Limit {
            functions: limit.functions.iter().cloned().collect(),
            max_runs: usize::try_from(limit.max_runs).unwrap_or(1),
        })
        .collect()
}

fn this_process(now: DateTime<Utc>) -> Host {
    Host {
        pid: std::process::id(),
        host: clock::machine(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
        beat_at: now,
        stopped_at: None,
        reload: None,
    }
}

#[cfg(test)]
mod dispatcher_queue_tests;
#[cfg(test)]
mod dispatcher_tests;
#[cfg(test)]
mod keeper_tests;
#[cfg(test)]
mod planner_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod year_tests;
