//! The templates, and what they show of a function, in words that are ready.

use askama::Template;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use super::super::link::DryRun;
use super::super::live::{History, Live};
use super::super::metrics::queue_name;
use super::super::reports::{Digest, DigestLine};
use super::super::trend::{Trend, span};
use super::{Head, utc};
use crate::daemon::planner::{Job, Skip};
use crate::daemon::snapshot::{FunctionStatus, QueueStatus};
use crate::daemon::store::{Outcome, RunRow};

/// All functions.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct Overview {
    pub(super) head: Head,
    pub(super) cards: Vec<Card>,
    pub(super) can_run: bool,
    pub(super) tag: String,
    pub(super) queues: Vec<QueueLine>,
}

/// One function with its history.
#[derive(Template)]
#[template(path = "job.html")]
pub(super) struct JobPage {
    pub(super) head: Head,
    pub(super) card: Card,
    pub(super) rows: Vec<Row>,
    pub(super) can_run: bool,
    pub(super) dry_run: Option<LastDryRun>,
    pub(super) tag: String,
}

/// What templates can do with a value besides printing it; they look for it under this name.
mod filters {
    use askama::filters::Safe;
    use askama::{Result, Values};

    #[askama::filter_fn]
    pub(super) fn prose(text: &str, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(lamplighter_report::html_sentence(text)))
    }
}

/// A time for machines, for a glance, and in full.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    iso: String,
    short: String,
    full: String,
}

impl Moment {
    pub(super) fn of(time: DateTime<Utc>) -> Self {
        Self {
            iso: time.to_rfc3339_opts(SecondsFormat::Secs, true),
            short: time.format("%-d %b %H:%M").to_string(),
            full: utc(time),
        }
    }
}

/// A function on the overview.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: String,
    mode: &'static str,
    mode_means: &'static str,
    schedule: String,
    rhythm: String,
    expression: String,
    state: &'static str,
    word: String,
    why: Option<String>,
    next: Option<Next>,
    strip: Vec<Mark>,
    trend: Option<Trend>,
    digest: Option<DigestView>,
    /// When, and how long ago.
    last_success: Option<(Moment, String)>,
    skipped: Option<String>,
    waiting: usize,
    events: Option<String>,
}

#[derive(Debug)]
struct Next {
    moment: Moment,
    local: String,
    zone: String,
    utc: Option<String>,
    away: String,
}

/// One run in the strip.
#[derive(Debug)]
struct Mark {
    run_id: String,
    outcome: &'static str,
    label: String,
}

#[derive(Debug)]
struct DigestView {
    moment: Moment,
    count: usize,
    is_quiet: bool,
    lines: Vec<DigestLine>,
}

impl Card {
    pub(super) fn all(live: &Live) -> Vec<Self> {
        let cards = live.snapshot.functions.iter().filter_map(|function| {
            let job = live.jobs.iter().find(|job| job.name == function.function)?;
            Some(Self::of(live, function, job))
        });
        cards.collect()
    }

    /// How many findings its last report has.
    pub(super) fn findings(&self) -> usize {
        self.digest.as_ref().map_or(0, |digest| digest.count)
    }

    fn of(live: &Live, function: &FunctionStatus, job: &Job) -> Self {
        let now = live.snapshot.at;
        let schedule = job.schedule.describe();
        let digest = live.digests.get(&function.function);
        let (state, word, why) = state(function, digest);
        let mut strip: Vec<&RunRow> = function.runs.iter().chain(&function.running).collect();
        strip.sort_by_key(|run| run.started_at);
        let success = function.last_success.as_ref();
        let success = success.and_then(|run| run.finished_at);
        let skipped: Vec<String> = function
            .skipped
            .iter()
            .map(|(why, count)| format!("{count} {}", why.as_str()))
            .collect();
        Self {
            name: function.function.clone(),
            mode: function.mode.as_str(),
            mode_means: match function.mode {
                lamplighter_core::Mode::Apply => "acts within its limits",
                _ => "reports, and changes nothing",
            },
            rhythm: schedule
                .split(", counted")
                .next()
                .unwrap_or_default()
                .to_owned(),
            schedule,
            expression: function.schedule.clone(),
            state,
            word,
            why,
            next: function
                .next
                .map(|next| Next::of(next, job.schedule.zone(), now)),
            strip: strip.into_iter().map(Mark::of).collect(),
            trend: Trend::of(&function.runs),
            digest: digest.map(DigestView::of),
            last_success: success.map(|at| {
                let ago = span((now - at).max(TimeDelta::zero()));
                (Moment::of(at), format!("{ago} ago"))
            }),
            skipped: (!skipped.is_empty()).then(|| skipped.join(", ")),
            waiting: function.waiting.len(),
            events: events(function),
        }
    }
}

/// What became of the messages of its queues.
fn events(function: &FunctionStatus) -> Option<String> {
    let rows = function
        .queues
        .iter()
        .filter_map(|queue| queue.row.as_ref());
    let (mut handled, mut quarantined, mut waiting) = (0, 0, 0);
    for row in rows {
        handled += row.counts.done + row.counts.ignored;
        quarantined += row.counts.quarantined;
        waiting += row.depth.unwrap_or_default();
    }
    let quarantined = match quarantined {
        0 => String::new(),
        count => format!(", {count} in quarantine"),
    };
    (!function.queues.is_empty())
        .then(|| format!("{handled} handled, {waiting} waiting{quarantined}"))
}

/// How a function is: for the eye, in words, and why.
fn state(
    function: &FunctionStatus,
    digest: Option<&Digest>,
) -> (&'static str, String, Option<String>) {
    if let Some(paused) = &function.paused {
        return ("paused", "paused".to_owned(), Some(paused.why.clone()));
    }
    if !function.running.is_empty() {
        return ("running", "running".to_owned(), None);
    }
    // A slot that somebody else has run, or that was cut off, says nothing about the function.
    let last = function
        .runs
        .iter()
        .find(|run| !matches!(run.outcome, Some(Outcome::Taken | Outcome::Interrupted)));
    match last.and_then(|run| Some((run, run.outcome?))) {
        None if has_worked(function) => ("ok", "ok".to_owned(), None),
        None => ("new", "has not run yet".to_owned(), None),
        Some((run, outcome)) if outcome.is_failure() => {
            let why = detail(run.detail.as_deref(), &function.function);
            (
                "bad",
                outcome.as_str().to_owned(),
                Some(why).filter(|why| !why.is_empty()),
            )
        }
        Some(_) => match digest.map_or(0, |digest| digest.fail + digest.unknown) {
            0 => ("ok", "ok".to_owned(), None),
            1 => ("found", "1 finding".to_owned(), None),
            count => ("found", format!("{count} findings"), None),
        },
    }
}

/// Whether it has worked on events, though it has had no round yet.
fn has_worked(function: &FunctionStatus) -> bool {
    let mut rows = function
        .queues
        .iter()
        .filter_map(|queue| queue.row.as_ref());
    rows.any(|row| row.last_done_at.is_some())
}

impl Next {
    fn of(next: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> Self {
        let there = next.with_timezone(&zone);
        let away = (next - now).max(TimeDelta::zero());
        Self {
            moment: Moment::of(next),
            local: there.format("%a %-d %b %H:%M").to_string(),
            zone: zone.name().to_owned(),
            utc: (zone != Tz::UTC).then(|| {
                let is_same_day = there.date_naive() == next.date_naive();
                let format = if is_same_day {
                    "%H:%M UTC"
                } else {
                    "%a %H:%M UTC"
                };
                next.format(format).to_string()
            }),
            away: format!("in {}", span(away)),
        }
    }
}

impl Mark {
    fn of(run: &RunRow) -> Self {
        let outcome = run.outcome.map_or("running", Outcome::as_str);
        let mut label = format!("{outcome}, began {}", utc(run.started_at));
        if let Some(finished_at) = run.finished_at {
            label.push_str(&format!(", took {}", span(finished_at - run.started_at)));
        }
        if let Some(found) = findings(run) {
            label.push_str(&format!(", {found}"));
        }
        Self {
            run_id: run.run_id.clone(),
            outcome,
            label,
        }
    }
}

/// The line of a run without what a mail's subject begins with: the page says whose it is.
fn detail(detail: Option<&str>, function: &str) -> String {
    let detail = detail.unwrap_or_default();
    let rest = detail
        .strip_prefix("[lamplighter] ")
        .and_then(|rest| rest.strip_prefix(function)?.strip_prefix(": "));
    rest.unwrap_or(detail).to_owned()
}

/// What a run found, by the summary of its report.
fn findings(run: &RunRow) -> Option<String> {
    let summary = run.summary.as_ref()?;
    let count = |key: &str| summary[key].as_u64().unwrap_or_default();
    Some(match count("fail") + count("unknown") {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    })
}

impl DigestView {
    fn of(digest: &Digest) -> Self {
        let count = digest.fail + digest.unknown;
        Self {
            moment: Moment::of(digest.finished_at),
            count,
            is_quiet: count == 0,
            lines: digest.findings.clone(),
        }
    }
}

/// The last dry run that somebody asked for on the page.
#[derive(Debug)]
pub(super) struct LastDryRun {
    /// How it ended; not while it goes on.
    outcome: Option<&'static str>,
    detail: String,
    began: Moment,
    has_report: bool,
}

impl LastDryRun {
    pub(super) fn of(run: &DryRun, function: &str, has_report: bool) -> Self {
        Self {
            outcome: run.outcome.map(Outcome::as_str),
            detail: detail(run.detail.as_deref(), function),
            began: Moment::of(run.started_at),
            has_report,
        }
    }
}

/// One line of a function's history: a run, or slots that were left out.
#[derive(Debug)]
pub(super) struct Row {
    at: DateTime<Utc>,
    id: Option<String>,
    outcome: &'static str,
    began: Moment,
    slot: String,
    took: String,
    found: String,
    mode: &'static str,
    detail: String,
}

impl Row {
    /// The newest first.
    pub(super) fn all((runs, skips): History) -> Vec<Self> {
        let mut rows: Vec<Self> = runs
            .iter()
            .map(Self::of_run)
            .chain(skips.iter().map(|(at, skip)| Self::of_skip(*at, skip)))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        rows
    }

    fn of_run(run: &RunRow) -> Self {
        let took = run.finished_at.map(|at| span(at - run.started_at));
        let missed = match run.missed {
            0 => String::new(),
            missed => format!(", and {missed} missed before"),
        };
        Self {
            at: run.started_at,
            id: Some(run.run_id.clone()),
            outcome: run.outcome.map_or("running", Outcome::as_str),
            began: Moment::of(run.started_at),
            slot: match run.slot {
                Some(slot) => format!("{}{missed}", utc(slot)),
                None => run.trigger.as_str().to_owned(),
            },
            took: took.unwrap_or_default(),
            found: findings(run).unwrap_or_default(),
            mode: run.mode.as_str(),
            detail: detail(run.detail.as_deref(), &run.function),
        }
    }

    fn of_skip(at: DateTime<Utc>, skip: &Skip) -> Self {
        let more = match skip.count {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        Self {
            at,
            id: None,
            outcome: "skipped",
            began: Moment::of(at),
            slot: format!("{}{more}", utc(skip.first)),
            took: String::new(),
            found: String::new(),
            mode: "",
            detail: skip.why.text().to_owned(),
        }
    }
}

/// A queue, as the overview shows it.
#[derive(Debug)]
pub(super) struct QueueLine {
    name: String,
    function: String,
    waiting: String,
    oldest: String,
    handled: u64,
    quarantined: u64,
    trouble: Option<String>,
}

impl QueueLine {
    pub(super) fn all(live: &Live) -> Vec<Self> {
        let of = |(function, queue): (&FunctionStatus, &QueueStatus)| {
            let row = queue.row.clone().unwrap_or_default();
            let oldest = row.oldest_secs.and_then(|secs| i64::try_from(secs).ok());
            Self {
                name: queue_name(&queue.queue).to_owned(),
                function: function.function.clone(),
                waiting: row
                    .depth
                    .map_or_else(|| "not known".to_owned(), |depth| depth.to_string()),
                oldest: match oldest {
                    Some(secs @ 1..) => span(TimeDelta::seconds(secs)),
                    _ => String::new(),
                },
                handled: row.counts.done + row.counts.ignored,
                quarantined: row.counts.quarantined,
                trouble: match queue.is_consumed {
                    true => row.trouble,
                    false => Some("not consumed: the function is in plan mode".to_owned()),
                },
            }
        };
        let functions = live.snapshot.functions.iter();
        functions
            .flat_map(|function| function.queues.iter().map(move |queue| (function, queue)))
            .map(of)
            .collect()
    }
}
