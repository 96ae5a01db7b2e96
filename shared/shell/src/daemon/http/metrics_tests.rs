//! The metrics, line by line. Whether Prometheus reads them is tested with the whole daemon.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use chrono::TimeDelta;

use super::live::Live;
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
    let assert_due = |live: &Live, slot: &str| {
        // It runs daily, and has an hour of grace and its own time.
        let due = at(slot) + TimeDelta::minutes(75);
        let line = format!(
            "lamplighter_success_due_timestamp_seconds{{function=\"stop-untagged\"}} {}",
            due.timestamp()
        );
        assert_has(&metrics::render(&site(), live), &line);
    };
    let mut live = live();
    let name = "stop-untagged";
    let functions = &live.snapshot.functions;
    let place = functions.iter().position(|known| known.function == name);
    let place = place.expect("it is there");
    let taken = live.snapshot.functions[place].runs.remove(0);
    assert_eq!(taken.outcome, Some(Outcome::Taken));
    // It succeeded for the slot of 2 November, 05:00 UTC.
    assert_due(&live, "2026-11-04T05:00:00Z");
    // Another daemon has run the slot of 9 November: that one says whether it went well.
    live.snapshot.functions[place].runs.insert(0, taken);
    assert_due(&live, "2026-11-11T05:00:00Z");
    live.snapshot.functions[place].last_success = None;
    assert_due(&live, "2026-11-11T05:00:00Z");
}

#[test]
fn no_series_comes_twice_whatever_queues_are_called() {
    let mut live = live();
    let mut functions = live.snapshot.functions.iter_mut();
    let function = functions.find(|function| !function.queues.is_empty());
    let queues = &mut function.expect("one has a queue").queues;
    let known = queues[0].clone();
    for (region, account) in [
        ("eu-west-1", "111122223333"),
        ("us-east-1", "111122223333"),
        ("eu-west-1", "444455556666"),
    ] {
        let url = format!("https://sqs.{region}.amazonaws.com/{account}/mail");
        let mut queue = known.clone();
        queue.queue.clone_from(&url);
        queue.row.as_mut().expect("a row").queue = url;
        queues.push(queue);
    }
    let text = metrics::render(&site(), &live);
    let mut series: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "{text}");
    let name = "lamplighter_queue_messages_visible";
    let labels = |region| format!("function=\"audit-mfa\",queue=\"mail\",region=\"{region}\"");
    assert_has(&text, &format!("{name}{{{}}} 3", labels("us-east-1")));
    // Two accounts, told together: an account is an id.
    assert_has(&text, &format!("{name}{{{}}} 6", labels("eu-west-1")));
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
