//! `/metrics`, in Prometheus' text format 0.0.4.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>
//!
//! Counters and the histogram come from the ledger, so they go on after a restart. Labels hold names of functions and queues and closed sets of words, never
//! an id, an ARN or an address.

mod queues;

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};

use super::Site;
use super::live::Live;
use crate::daemon::planner::{Job, Why};
use crate::daemon::snapshot::FunctionStatus;
use crate::daemon::store::{DURATION_CLASSES, Durations, Outcome, RunRow};
pub(super) use queues::queue_name;

/// What a run may take at least before its success is missed, beside `missed_grace_minutes`: the default time limit.
const TIME_FOR_RUN: TimeDelta = TimeDelta::minutes(15);

/// All metrics of this moment.
pub(super) fn render(site: &Site, live: &Live) -> String {
    let mut text = Text::default();
    of_process(&mut text, site, live);
    of_functions(&mut text, site, live);
    counted(&mut text, live);
    queues::render(&mut text, live);
    text.out
}

fn of_process(text: &mut Text, site: &Site, live: &Live) {
    let snapshot = &live.snapshot;
    text.family(
        "lamplighter_build_info",
        "gauge",
        "The program's version, as a label; always 1.",
    );
    text.sample(
        "lamplighter_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1.0,
    );
    text.single(
        "process_start_time_seconds",
        "When the daemon started.",
        unix(site.started_at),
    );
    if let Some(bytes) = resident_bytes() {
        text.single(
            "process_resident_memory_bytes",
            "Memory that the daemon holds.",
            bytes,
        );
    }
    let silence = site.link.since_look();
    let looked =
        silence.and_then(|silence| Some(unix(snapshot.at - TimeDelta::from_std(silence).ok()?)));
    text.single(
        "lamplighter_planner_last_tick_timestamp_seconds",
        "When the planner looked at the clock last.",
        looked.unwrap_or(0.0),
    );
    text.single(
        "lamplighter_ledger_writable",
        "1 unless the last write of the ledger failed; then runs that change things are refused.",
        flag(live.trouble.is_none()),
    );
    let reload = snapshot
        .daemon
        .as_ref()
        .and_then(|daemon| daemon.reload.as_ref());
    text.single(
        "lamplighter_config_last_reload_successful",
        "1 unless the configuration that was read last is not sound; then the one before is in force.",
        flag(reload.is_none_or(|reload| reload.error.is_none())),
    );
    text.single(
        "lamplighter_config_last_reload_timestamp_seconds",
        "When the configuration was read last, sound or not.",
        unix(reload.map_or(site.started_at, |reload| reload.at)),
    );
}

fn of_functions(text: &mut Text, site: &Site, live: &Live) {
    let functions = &live.snapshot.functions;
    let jobs = &live.jobs;
    let job = |function: &FunctionStatus| jobs.iter().find(|job| job.name == function.function);
    text.family(
        "lamplighter_function_info",
        "gauge",
        "A configured function and its mode; always 1.",
    );
    for function in functions {
        let labels = [
            ("function", function.function.as_str()),
            ("mode", function.mode.as_str()),
        ];
        text.sample("lamplighter_function_info", &labels, 1.0);
    }
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&FunctionStatus) -> Option<f64>| {
        text.family(name, "gauge", help);
        for function in functions {
            if let Some(value) = value(function) {
                text.sample(name, &[("function", &function.function)], value);
            }
        }
    };
    let ended = |run: &Option<RunRow>| Some(unix(run.as_ref()?.finished_at?));
    gauge(
        "lamplighter_last_success_timestamp_seconds",
        "When the last run that succeeded ended; absent until there is one.",
        &|function| ended(&function.last_success),
    );
    gauge(
        "lamplighter_last_failure_timestamp_seconds",
        "When the last run that failed ended; absent until there is one.",
        &|function| ended(&function.last_failure),
    );
    gauge(
        "lamplighter_last_run_timestamp_seconds",
        "When the last run that ended did so, however it ended.",
        &|function| Some(unix(function.runs.first()?.finished_at?)),
    );
    gauge(
        "lamplighter_next_run_timestamp_seconds",
        "When the next run begins, spread included; absent when there is none.",
        &|function| Some(unix(function.next?)),
    );
    gauge(
        "lamplighter_success_due_timestamp_seconds",
        "By when a run must have succeeded: the end of the second slot after the last one that did, here or wherever the \
         same state is shared, by the function's own schedule. Later than this, it is silent.",
        &|function| {
            Some(unix(success_due(
                job(function)?,
                function,
                site.started_at,
            )?))
        },
    );
    gauge(
        "lamplighter_schedule_lag_seconds",
        "How much later than scheduled the last run began, spread left out. After a downtime that is how late it was made \
         up for.",
        &|function| {
            let job = job(function)?;
            let mut runs = function.running.iter().chain(&function.runs);
            let run = runs.find(|run| run.slot.is_some())?;
            let lag = run.started_at - run.slot? - job.offset;
            Some(lag.as_seconds_f64().max(0.0))
        },
    );
    gauge("lamplighter_running", "How many runs go on.", &|function| {
        Some(number(function.running.len()))
    });
    gauge(
        "lamplighter_waiting",
        "How many slots wait: for their moment, for the run before, or for a place.",
        &|function| Some(number(function.waiting.len())),
    );
    gauge(
        "lamplighter_paused",
        "1 while the function is paused, because its runs panicked.",
        &|function| Some(flag(function.paused.is_some())),
    );
    gauge(
        "lamplighter_panics_in_a_row",
        "How many of its last runs panicked, one after the other.",
        &|function| Some(f64::from(function.panics)),
    );
    let name = "lamplighter_findings";
    text.family(
        name,
        "gauge",
        "Findings of the last run that ended and has a summary, by verdict.",
    );
    for function in functions {
        let mut runs = function.runs.iter();
        let Some(summary) = runs.find_map(|run| run.summary.as_ref()) else {
            continue;
        };
        for verdict in ["fail", "unknown"] {
            let labels = [
                ("function", function.function.as_str()),
                ("verdict", verdict),
            ];
            text.sample(name, &labels, summary[verdict].as_f64().unwrap_or(0.0));
        }
    }
}

/// By when the function must have succeeded again. A function that never has is counted from the oldest of its runs that
/// are known, or from the start of the daemon.
fn success_due(
    job: &Job,
    function: &FunctionStatus,
    started_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let slot = |run: &RunRow| run.slot.unwrap_or(run.started_at);
    // What another daemon or a Lambda with the same state has run is not missing here.
    let is_taken = |run: &&RunRow| run.outcome == Some(Outcome::Taken);
    let elsewhere = function.runs.iter().find(is_taken);
    let fulfilled = function.last_success.iter().chain(elsewhere).map(slot);
    let from = match (fulfilled.max(), function.runs.last()) {
        (Some(slot), _) => slot,
        (None, Some(run)) => slot(run),
        (None, None) => started_at,
    };
    let next = job.schedule.next(from)?;
    let second = job.schedule.next(next).unwrap_or(next);
    Some(second + job.offset + job.grace + TIME_FOR_RUN)
}

/// Every function has every outcome from the start: a rate cannot see a counter come into being.
fn counted(text: &mut Text, live: &Live) {
    let names: Vec<&str> = live.jobs.iter().map(|job| job.name.as_str()).collect();
    let name = "lamplighter_runs_total";
    text.family(name, "counter", "Runs that ended, by how they ended. Of events only deliveries that failed, at most one in ten seconds: see \
         lamplighter_queue_deliveries_total.");
    for function in &names {
        for outcome in Outcome::ALL {
            let count = live.totals.runs.get(&((*function).to_owned(), outcome));
            let labels = [("function", *function), ("outcome", outcome.as_str())];
            text.sample(name, &labels, whole(count.copied().unwrap_or_default()));
        }
    }
    let name = "lamplighter_missed_slots_total";
    text.family(
        name,
        "counter",
        "Scheduled times that were left out, by why.",
    );
    for function in &names {
        for why in Why::ALL {
            let count = live.totals.skips.get(&((*function).to_owned(), why));
            let labels = [("function", *function), ("reason", why.as_str())];
            text.sample(name, &labels, whole(count.copied().unwrap_or_default()));
        }
    }
    let name = "lamplighter_run_duration_seconds";
    text.family(
        name,
        "histogram",
        "How long runs took that came to an end of their own.",
    );
    for function in &names {
        let none = Durations::default();
        let durations = live.totals.durations.get(*function).unwrap_or(&none);
        histogram(text, name, function, durations);
    }
}

fn histogram(text: &mut Text, name: &str, function: &str, durations: &Durations) {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    let ends = DURATION_CLASSES.iter().map(|millis| seconds_text(*millis));
    for (count, end) in durations
        .classes
        .iter()
        .zip(ends.chain(["+Inf".to_owned()]))
    {
        below += count;
        let labels = [("function", function), ("le", end.as_str())];
        text.sample(&bucket, &labels, whole(below));
    }
    let labels = [("function", function)];
    text.sample(
        &format!("{name}_sum"),
        &labels,
        whole(durations.sum_millis) / 1_000.0,
    );
    text.sample(&format!("{name}_count"), &labels, whole(below));
}

fn seconds_text(millis: i64) -> String {
    format!("{}", TimeDelta::milliseconds(millis).as_seconds_f64())
}

/// Linux says how much memory is resident; elsewhere the metric is absent.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(f64::from(kilobytes) * 1_024.0)
}

/// To the millisecond.
fn unix(time: DateTime<Utc>) -> f64 {
    TimeDelta::milliseconds(time.timestamp_millis()).as_seconds_f64()
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn number(count: usize) -> f64 {
    whole(count as u64)
}

/// Exact up to 2^53, as every number of Prometheus.
fn whole(count: u64) -> f64 {
    count as f64
}

/// The text as it grows.
#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn single(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let before = if index == 0 { '{' } else { ',' };
            self.push(format_args!("{before}{label}=\"{value}\""));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        self.push(format_args!(" {value}\n"));
    }

    fn push(&mut self, piece: std::fmt::Arguments<'_>) {
        // A text in memory takes everything.
        self.out.write_fmt(piece).ok();
    }
}
