//! Schedules by example, at clock changes, and against an oracle that counts minutes.

mod clock_changes;
mod examples;
mod oracle;
mod probes;
mod refusals;
mod words;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::Schedule;

fn schedule(expression: &str, zone: Tz) -> Schedule {
    match Schedule::parse(expression, zone) {
        Ok(schedule) => schedule,
        Err(error) => panic!("`{expression}`: {error}"),
    }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time in RFC 3339")
}

/// The next runs after `after` in the schedule's zone, as `2026-03-08 01:30 EST`.
fn runs(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let far = utc("2300-01-01T00:00:00Z");
    let runs = schedule.between(utc(after), far).take(count);
    runs.map(|run| {
        run.with_timezone(&schedule.zone())
            .format("%Y-%m-%d %H:%M %Z")
            .to_string()
    })
    .collect()
}
