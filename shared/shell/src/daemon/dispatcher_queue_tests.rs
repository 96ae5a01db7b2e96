//! What the dispatcher makes of what consumers tell it.

use chrono::{DateTime, Utc};
use lamplighter_aws::sqs::Look;
use lamplighter_core::{Mode, Trigger};

use super::consumers::{Counts, QueueEvent, QueueNews, QueueRow};
use super::dispatcher::Dispatcher;
use super::dispatcher_tests::Disk;
use super::planner_tests::{at, job};
use super::snapshot::Snapshot;
use super::store::{Outcome, RunRow};

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/q";

fn boot(disk: &Disk) -> Dispatcher {
    disk.boot(vec![job("f", "rate(1 day)")], at("08:00:00"))
}

fn hear(dispatcher: &mut Dispatcher, in_work: u64, what: QueueEvent, now: DateTime<Utc>) {
    let news = QueueNews {
        function: "f".to_owned(),
        queue: QUEUE.to_owned(),
        in_work,
        what,
    };
    dispatcher.heard(news, now);
}

fn deliver(dispatcher: &mut Dispatcher, number: u32, outcome: Outcome, now: DateTime<Utc>) {
    let is_failure = outcome.is_failure();
    let run = RunRow {
        run_id: format!("run-{number}"),
        function: "f".to_owned(),
        trigger: Trigger::Event,
        slot: None,
        missed: 0,
        mode: Mode::Apply,
        started_at: now,
        finished_at: Some(now),
        outcome: Some(outcome),
        detail: None,
        summary: None,
    };
    let counts = Counts {
        done: if is_failure { 0 } else { 10 },
        retried: if is_failure { 10 } else { 0 },
        deliveries: 1,
        failed: u64::from(is_failure),
        ..Counts::default()
    };
    let run = Box::new(run);
    hear(dispatcher, 10, QueueEvent::Delivered { run, counts }, now);
}

fn written(dispatcher: &mut Dispatcher) -> Option<QueueRow> {
    dispatcher.store().queues().expect("read").pop()
}

#[test]
fn a_hundred_deliveries_in_a_second_are_one_row_and_one_write() {
    let disk = Disk::default();
    let mut daemon = boot(&disk);
    for number in 0..100 {
        deliver(&mut daemon, number, Outcome::Ok, at("09:00:00"));
    }
    assert_eq!(written(&mut daemon), None, "counted, not written yet");
    daemon.keep(at("09:00:01"));
    let row = written(&mut daemon).expect("a row");
    assert_eq!((row.counts.done, row.counts.deliveries), (1_000, 100));
    assert_eq!((row.in_work, row.last_done_at), (10, Some(at("09:00:00"))));
    deliver(&mut daemon, 100, Outcome::Ok, at("09:00:02"));
    daemon.keep(at("09:00:02"));
    let row = written(&mut daemon).expect("a row");
    assert_eq!(row.counts.deliveries, 100, "too soon after the last write");
    daemon.keep(at("09:00:06"));
    assert_eq!(written(&mut daemon).expect("a row").counts.deliveries, 101);
    assert_eq!(disk.all_runs(), [], "no row for what went well");

    // The next daemon counts on, and has nothing in work.
    let mut next = boot(&disk);
    deliver(&mut next, 101, Outcome::Ok, at("09:10:00"));
    next.stop(at("09:10:01"));
    assert_eq!(written(&mut next).expect("a row").counts.deliveries, 102);
}

#[test]
fn a_queue_that_fails_all_night_leaves_a_row_now_and_then() {
    let disk = Disk::default();
    let mut daemon = boot(&disk);
    for second in 0..60 {
        for number in 0..50 {
            let now = at(&format!("09:00:{second:02}"));
            deliver(&mut daemon, second * 50 + number, Outcome::Failed, now);
        }
    }
    assert_eq!(disk.all_runs().len(), 6);
    daemon.keep(at("09:01:00"));
    assert_eq!(written(&mut daemon).expect("a row").counts.failed, 3_000);
}

#[test]
fn panicking_deliveries_pause_the_function_and_a_good_one_is_forgiven() {
    let disk = Disk::default();
    let mut daemon = boot(&disk);
    let is_paused = |daemon: &Dispatcher| daemon.jobs().any(|(_, known)| known.is_paused);
    let panics = |daemon: &mut Dispatcher| daemon.store().jobs().expect("read")["f"].panics;
    deliver(&mut daemon, 0, Outcome::Panicked, at("09:00:00"));
    deliver(&mut daemon, 1, Outcome::Panicked, at("09:00:01"));
    assert_eq!(
        panics(&mut daemon),
        2,
        "written although the first was a moment ago"
    );
    deliver(&mut daemon, 2, Outcome::Ok, at("09:00:02"));
    assert_eq!(panics(&mut daemon), 0);
    for number in 3..6 {
        assert!(!is_paused(&daemon));
        deliver(&mut daemon, number, Outcome::Panicked, at("09:00:03"));
    }
    assert!(is_paused(&daemon));
    let row = daemon
        .store()
        .jobs()
        .expect("read")
        .remove("f")
        .expect("known");
    assert!(row.paused.expect("paused").why.contains("panicked 3 times"));
}

#[test]
fn why_nothing_comes_is_written_at_once_and_how_full_it_is_with_the_counts() {
    let disk = Disk::default();
    let mut daemon = boot(&disk);
    daemon.keep(at("09:00:00"));
    let trouble = |text: Option<&str>| QueueEvent::Trouble(text.map(str::to_owned));
    hear(
        &mut daemon,
        0,
        trouble(Some("there is no queue")),
        at("09:00:01"),
    );
    let row = written(&mut daemon).expect("a row");
    assert_eq!(row.trouble.as_deref(), Some("there is no queue"));
    hear(&mut daemon, 0, trouble(None), at("09:00:02"));
    assert_eq!(written(&mut daemon).expect("a row").trouble, None);

    let look = |depth| Look {
        depth,
        in_flight: 3,
        ..Look::default()
    };
    for (depth, expected) in [(9, Some(40)), (0, Some(0))] {
        let what = QueueEvent::Looked {
            look: look(depth),
            oldest_secs: Some(40),
        };
        hear(&mut daemon, 0, what, at("09:01:00"));
        daemon.stop(at("09:01:01"));
        let row = written(&mut daemon).expect("a row");
        assert_eq!((row.depth, row.oldest_secs), (Some(depth), expected));
        assert_eq!(row.in_flight, Some(3));
    }
}

#[test]
fn a_delivery_that_failed_is_a_trouble_until_the_next_one_ends_well() {
    let mut function = job("f", "rate(1 day)");
    function.queues = vec![QUEUE.to_owned()];
    let disk = Disk::default();
    let mut daemon = disk.boot(vec![function.clone()], at("08:00:00"));
    let mut troubles = |number, outcome, time| {
        deliver(&mut daemon, number, outcome, at(time));
        daemon.keep(at(time));
        daemon.write_queues(at(time));
        let jobs = [function.clone()];
        let snapshot = Snapshot::of(daemon.store(), &jobs, true, at(time));
        snapshot.expect("read").troubles.len()
    };
    assert_eq!(troubles(1, Outcome::Ok, "09:00:00"), 0);
    assert_eq!(troubles(2, Outcome::Failed, "09:01:00"), 1);
    // Too soon after the one before for a row of its own.
    assert_eq!(troubles(3, Outcome::Failed, "09:01:05"), 1);
    assert_eq!(troubles(4, Outcome::Interrupted, "09:01:06"), 1);
    assert_eq!(troubles(5, Outcome::Ok, "09:02:00"), 0);
    assert_eq!(troubles(6, Outcome::Partial, "09:03:00"), 1);
}
