//! The metrics, line by line. Whether Prometheus reads them is tested with the whole daemon.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use chrono::TimeDelta;

use super::page_tests::{at, live};
use super::{Link, Site, metrics};
use crate::clock;
use crate::daemon::store::{Durations, Outcome};

fn site() -> Site {
    let now = at("2026-11-22T12:00:00Z");
    Site {
        link: Arc::new(Link::new(None)),
        keeper: mpsc::channel().0,
        clock: clock::standing_at(now),
        state_dir: PathBuf::new(),
        address: "127.0.0.1:0".parse().expect("an address"),
        token: None,
        started_at: at("2026-11-22T06:00:00Z"),
    }
}

#[track_caller]
fn assert_has(text: &str, line: &str) {
    assert!(text.lines().any(|known| known == line), "{line}\n{text}");
}

#[test]
fn they_tell_what_the_ledger_knows() {
    let mut live = live();
    let name = "stop-untagged".to_owned();
    live.totals.runs.insert((name.clone(), Outcome::Ok), 41);
    let mut durations = Durations::default();
    for millis in [80, 2_400, 2_500, 5_000_000] {
        durations.add(millis);
    }
    live.totals.durations.insert(name, durations);
    let text = metrics::render(&site(), &live);
    for line in [
        "lamplighter_runs_total{function=\"stop-untagged\",outcome=\"ok\"} 41",
        "lamplighter_runs_total{function=\"audit-mfa\",outcome=\"failed\"} 0",
        "lamplighter_run_duration_seconds_bucket{function=\"stop-untagged\",le=\"0.1\"} 1",
        "lamplighter_run_duration_seconds_bucket{function=\"stop-untagged\",le=\"2.5\"} 3",
        "lamplighter_run_duration_seconds_bucket{function=\"stop-untagged\",le=\"900\"} 3",
        "lamplighter_run_duration_seconds_bucket{function=\"stop-untagged\",le=\"+Inf\"} 4",
        "lamplighter_run_duration_seconds_count{function=\"stop-untagged\"} 4",
        "lamplighter_run_duration_seconds_sum{function=\"stop-untagged\"} 5004.98",
        "lamplighter_paused{function=\"audit-mfa\"} 1",
        "lamplighter_running{function=\"stop-untagged\"} 1",
        "lamplighter_schedule_lag_seconds{function=\"stop-untagged\"} 0",
        "lamplighter_findings{function=\"stop-untagged\",verdict=\"fail\"} 2",
        "lamplighter_config_last_reload_successful 1",
        "lamplighter_ledger_writable 1",
        "lamplighter_next_run_timestamp_seconds{function=\"stop-untagged\"} 1795410000",
    ] {
        assert_has(&text, line);
    }
}

#[test]
fn a_success_is_due_by_the_second_slot_after_the_last_one() {
    let text = metrics::render(&site(), &live());
    // It succeeded for the slot of 2 November, 05:00 UTC, runs daily, and has an hour of grace and its own time.
    let due = at("2026-11-04T05:00:00Z") + TimeDelta::minutes(75);
    let line = format!(
        "lamplighter_success_due_timestamp_seconds{{function=\"stop-untagged\"}} {}",
        due.timestamp()
    );
    assert_has(&text, &line);
}

#[test]
fn no_label_holds_an_id_or_an_address_and_hostile_names_stay_in_their_quotes() {
    let text = metrics::render(&site(), &live());
    for secret in ["01RUN", "123456789012", "https:", "arn:"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for line in text.lines() {
        let is_comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
        let value = line.rsplit(' ').next().unwrap_or_default();
        assert!(is_comment || value.parse::<f64>().is_ok(), "{line}");
    }
}
