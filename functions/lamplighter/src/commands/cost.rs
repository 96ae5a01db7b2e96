//! `lamplighter cost`: what the configured functions cost in a month as Lambdas, and beside it one machine.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Common, Config, StateUrl};
use lamplighter_core::{Error, Result};
use lamplighter_report::Format;
use lamplighter_shell::schedule::Schedule;

use crate::Failure;
use crate::cli::{CostFlags, Globals};
use crate::commands::load;
use crate::cost::{self, Duration, Options, Prices, Work};
use crate::deploy;
use crate::output;

/// The minutes of a month of 30.4 days.
const MINUTES: u64 = 43_800;

pub(super) fn run(globals: &Globals, flags: &CostFlags) -> Result<u8, Failure> {
    let prices = prices(flags.prices.as_deref())?;
    let options = Options {
        free_tier: !flags.no_free_tier,
    };
    let work = match flags.executions {
        Some(runs) => vec![given(runs, flags, &prices)],
        None => configured(&load(globals, vec![])?, flags, &prices)?,
    };
    let estimate = cost::estimate(&work, &prices, options);
    let text = match globals.format {
        Format::Json => cost::json(&work, &estimate, &prices, options),
        _ => cost::table(&work, &estimate, &prices, options),
    };
    output::text(&text, globals)?;
    Ok(0)
}

fn prices(file: Option<&Path>) -> Result<Prices> {
    let Some(file) = file else {
        return Prices::parse(cost::DEFAULT)
            .map_err(|error| Error::config(format!("config/prices.toml: {error}")));
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::config(format!("cannot read the prices `{}`", file.display())).caused_by(error)
    })?;
    Prices::parse(&text).map_err(|error| {
        Error::config(format!("{}: {}", file.display(), error.trim_end()))
            .hint("start from a copy of config/prices.toml; every key is needed")
    })
}

/// The work that the command line describes: nothing but requests and compute.
fn given(runs: u64, flags: &CostFlags, prices: &Prices) -> Work {
    Work {
        name: "given".to_owned(),
        runs,
        cold: 0,
        memory_mb: flags.memory.unwrap_or(128),
        duration: flags.duration.map_or(
            Duration::Assumed(prices.assumptions.duration_ms),
            Duration::Given,
        ),
        retries: 0,
        alarms: 0,
        metrics: (0, 0),
        events: None,
        scheduled: 0,
        has_s3_state: false,
    }
}

/// The work of each function that would be deployed.
fn configured(config: &Config, flags: &CostFlags, prices: &Prices) -> Result<Vec<Work>, Failure> {
    let measured = measured(&flags.measured)?;
    let stack = deploy::stack(config, true)?;
    let has_s3_state = matches!(config.state.url, Some(StateUrl::S3 { .. }));
    let mut work = Vec::new();
    for function in &stack.functions {
        let Some(section) = config.section(&function.name) else {
            continue;
        };
        let (runs, cold) = in_a_month(&deploy::schedule_of(&function.name, section)?, prices);
        let events = function.queued().map(|_| prices.assumptions.events);
        // One event, one invocation, and none finds the function warm unless they come more often than it cools down.
        let of_events = match &function.events {
            Some(_) => prices.assumptions.events,
            None => 0,
        };
        let cooled = MINUTES / prices.assumptions.stays_warm_minutes.max(1);
        work.push(Work {
            name: function.name.clone(),
            runs: runs + of_events,
            cold: cold + of_events.min(cooled),
            memory_mb: flags.memory.unwrap_or(section.memory_mb.into()),
            duration: duration(&function.name, section, flags, &measured, prices),
            retries: function.retries.into(),
            alarms: function.alarms(),
            metrics: function.metrics(),
            events,
            scheduled: runs,
            has_s3_state,
        });
    }
    Ok(work)
}

/// What is known best: the flag, a record of a run, the price file's assumption; never more than the function may take.
fn duration(
    name: &str,
    section: &Common,
    flags: &CostFlags,
    measured: &[(String, u64)],
    prices: &Prices,
) -> Duration {
    let longest = u64::from(section.timeout_secs) * 1000;
    let record = measured.iter().rev().find(|(function, _)| function == name);
    match (flags.duration, record) {
        (Some(ms), _) => Duration::Given(ms.min(longest)),
        (None, Some((_, ms))) => Duration::Measured((*ms).clamp(1, longest)),
        (None, None) => Duration::Assumed(prices.assumptions.duration_ms.min(longest)),
    }
}

/// How long the runs in these `lamplighter/run/v1` files took.
fn measured(files: &[PathBuf]) -> Result<Vec<(String, u64)>> {
    files.iter().map(|file| measure(file)).collect()
}

fn measure(file: &Path) -> Result<(String, u64)> {
    let cannot = || format!("cannot read the run `{}`", file.display());
    let text =
        std::fs::read_to_string(file).map_err(|error| Error::config(cannot()).caused_by(error))?;
    let run: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Error::config(cannot()).caused_by(error))?;
    let time = |key: &str| {
        let text = run[key].as_str()?;
        DateTime::parse_from_rfc3339(text).ok()
    };
    let function = run["function"].as_str();
    match (function, time("started_at"), time("finished_at")) {
        (Some(function), Some(started), Some(finished)) => {
            let ms = (finished - started).num_milliseconds();
            Ok((function.to_owned(), u64::try_from(ms).unwrap_or(0)))
        }
        _ => Err(
            Error::config(format!("{}: it is no record of a run", cannot()))
                .hint("`lamplighter run FUNCTION --dry-run --format json` prints one"),
        ),
    }
}

/// Runs in a twelfth of a year, and how many of them start cold. The year is a fixed one, so that the answer does not
/// depend on the day.
fn in_a_month(schedule: &Schedule, prices: &Prices) -> (u64, u64) {
    let (from, until) = deploy::sample_year();
    let warm = TimeDelta::minutes(
        i64::try_from(prices.assumptions.stays_warm_minutes).unwrap_or(i64::MAX / 60_000),
    );
    let (mut runs, mut cold) = (0, 0);
    let mut last: Option<DateTime<Utc>> = None;
    for run in schedule.between(from, until) {
        runs += 1;
        if last.is_none_or(|last| run - last > warm) {
            cold += 1;
        }
        last = Some(run);
    }
    (u64::div_ceil(runs, 12), u64::div_ceil(cold, 12))
}
