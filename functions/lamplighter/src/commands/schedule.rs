//! `lamplighter schedule`: when a schedule runs next, and what the next changes of the clock do to it.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use lamplighter_config::Common;
use lamplighter_core::Error;
use lamplighter_report::Format;
use lamplighter_shell::daemon::planner::offset_of;
use lamplighter_shell::schedule::{AfterGap, Schedule, ScheduleError, Transition};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

/// How far ahead changes of the clock are shown: each zone that has them has them within a year.
const AHEAD: TimeDelta = TimeDelta::days(366);

/// What is shown.
struct Subject {
    name: String,
    schedule: Schedule,
    /// How long after each of its slots it starts; in the daemon only.
    offset: TimeDelta,
}

pub(super) fn run(
    globals: &Globals,
    what: Option<&str>,
    count: u16,
    from: Option<DateTime<Utc>>,
    zone: Option<&str>,
) -> Result<u8, Failure> {
    let from = from.unwrap_or_else(|| (lamplighter_shell::clock::system())());
    let zone = zone
        .map(|name| {
            name.parse::<Tz>().map_err(|_| {
                Error::config(format!("there is no time zone `{name}`"))
                    .hint("an IANA name such as `Europe/Berlin`")
            })
        })
        .transpose()?;
    let subjects = subjects(globals, what, zone)?;
    let count = usize::from(count);
    let text = match globals.format {
        Format::Json => {
            let all = subjects.iter().map(|subject| subject.json(from, count));
            format!("{:#}\n", Value::Array(all.collect()))
        }
        Format::Jsonl => {
            let all = subjects.iter().map(|subject| subject.json(from, count));
            all.map(|subject| format!("{subject}\n")).collect()
        }
        _ => {
            let all = subjects.iter().map(|subject| subject.text(from, count));
            all.collect()
        }
    };
    output::text(&text, globals)?;
    Ok(0)
}

/// An expression, or the schedules of functions.
fn subjects(
    globals: &Globals,
    what: Option<&str>,
    zone: Option<Tz>,
) -> Result<Vec<Subject>, Failure> {
    let config = load(globals, vec![])?;
    if let Some(what) = what.filter(|what| functions::find(what).is_err()) {
        return Ok(vec![Subject {
            name: what.to_owned(),
            schedule: Schedule::parse(what, zone.unwrap_or(Tz::UTC))
                .map_err(|error| refused(what, &error))?,
            offset: TimeDelta::zero(),
        }]);
    }
    let mut subjects = Vec::new();
    for entry in functions::all() {
        let Some(section) = config.section(entry.name) else {
            continue;
        };
        if what.is_some_and(|only| only != entry.name) {
            continue;
        }
        let section = Common {
            zone: zone.unwrap_or(section.zone),
            ..section.clone()
        };
        let schedule =
            Schedule::of(&section).map_err(|error| refused(&section.schedule, &error))?;
        subjects.push(Subject {
            name: entry.name.to_owned(),
            offset: offset_of(entry.name, &section, &schedule),
            schedule,
        });
    }
    Ok(subjects)
}

fn refused(expression: &str, error: &ScheduleError) -> Error {
    let refused = Error::config(format!("`{expression}`: {error}"));
    match error.hint() {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

impl Subject {
    fn next(&self, from: DateTime<Utc>, count: usize) -> impl Iterator<Item = DateTime<Utc>> {
        let first = self.schedule.next(from);
        std::iter::successors(first, |run| self.schedule.next(*run)).take(count)
    }

    fn changes(&self, from: DateTime<Utc>) -> Vec<Transition> {
        let until = from.checked_add_signed(AHEAD).unwrap_or(from);
        self.schedule.transitions(from, until)
    }

    fn text(&self, from: DateTime<Utc>, count: usize) -> String {
        let Self { name, schedule, .. } = self;
        let zone = schedule.zone();
        let mut lines = vec![
            format!("{name}: {} ({zone})", schedule.expression()),
            format!("  {}", schedule.describe()),
        ];
        lines.extend(self.next(from, count).map(|run| self.line("  ", run)));
        if self.offset > TimeDelta::zero() {
            lines.push(format!(
                "  the daemon starts it {} later each time: its share of `spread_minutes`",
                words(self.offset)
            ));
        }
        let changes = self.changes(from);
        if changes.is_empty() && zone != Tz::UTC {
            lines.push(format!("  no clock change in {zone} within a year"));
        }
        for change in changes {
            let (before, after) = schedule.around(change.at);
            lines.push(format!("  clock change in {zone}: {change}"));
            lines.extend(
                [before, after]
                    .into_iter()
                    .flatten()
                    .map(|run| self.line("    ", run)),
            );
        }
        let warnings = schedule.warnings(from).into_iter();
        lines.extend(warnings.map(|warning| format!("  note: {warning}")));
        lines.push(String::new());
        lines.join("\n")
    }

    fn line(&self, margin: &str, run: DateTime<Utc>) -> String {
        let local = run.with_timezone(&self.schedule.zone());
        format!(
            "{margin}{}   {}",
            local.format("%a %Y-%m-%d %H:%M:%S %Z"),
            run.format("%Y-%m-%d %H:%M:%S UTC")
        )
    }

    fn json(&self, from: DateTime<Utc>, count: usize) -> Value {
        let schedule = &self.schedule;
        let run = |run: DateTime<Utc>| {
            let local = run.with_timezone(&schedule.zone());
            json!({
                "slot": utc(run),
                "local": local.to_rfc3339_opts(SecondsFormat::Secs, false),
                "starts_at": utc(run + self.offset),
            })
        };
        let changes = self.changes(from).into_iter().map(|change| {
            let (before, after) = schedule.around(change.at);
            json!({
                "at": utc(change.at),
                "kind": change.kind.to_string(),
                "local": change.local,
                "effect": change.effect,
                "before": before.map(run),
                "after": after.map(run),
            })
        });
        json!({
            "name": self.name,
            "schedule": schedule.expression(),
            "zone": schedule.zone().name(),
            "after_gap": match schedule.after_gap() {
                AfterGap::Skip => "skip",
                AfterGap::Run => "run",
            },
            "description": schedule.describe(),
            "spread_secs": self.offset.num_seconds(),
            "next": self.next(from, count).map(run).collect::<Vec<_>>(),
            "clock_changes": changes.collect::<Vec<_>>(),
            "warnings": schedule.warnings(from),
        })
    }
}

fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `7 min 12 s`
fn words(time: TimeDelta) -> String {
    match (time.num_minutes(), time.num_seconds() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
