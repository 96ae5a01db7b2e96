//! Both ledgers, by the same tests; and what only the one on disk can do.

mod queues;
pub(super) mod witness;

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{Mode, Trigger};
use serde_json::json;

use super::memory::Memory;
use super::planner::{Decided, Decision, Skip, Waiting, Why};
use super::planner_tests::at;
use super::sqlite::{FILE, Sqlite};
use super::store::{Durations, Finish, Host, KEPT_RUNS, Outcome, RunRow, Store, Write};

/// A folder that goes away.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("lamplighter-ledger-{}", ulid::Ulid::generate()));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for what may go away.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub(super) fn host(at: DateTime<Utc>) -> Host {
    Host {
        pid: 7,
        host: "here".to_owned(),
        version: "1".to_owned(),
        started_at: at,
        beat_at: at,
        stopped_at: None,
        reload: None,
    }
}

fn begin(run_id: &str, slot: DateTime<Utc>) -> RunRow {
    RunRow {
        run_id: run_id.to_owned(),
        function: "f".to_owned(),
        trigger: Trigger::Schedule,
        slot: Some(slot),
        missed: 3,
        mode: Mode::Apply,
        started_at: slot,
        finished_at: None,
        outcome: None,
        detail: None,
        summary: None,
    }
}

fn start(run_id: &str, slot: DateTime<Utc>) -> Write {
    let decided = Decided {
        decisions: vec![Decision::Start {
            function: "f".to_owned(),
            slot,
            missed: 3,
        }],
        until: vec![("f".to_owned(), slot)],
    };
    Write::Tick {
        at: slot,
        decided,
        starts: vec![begin(run_id, slot)],
    }
}

fn finish(run_id: &str, at: DateTime<Utc>, outcome: Outcome) -> Write {
    Write::Finish(Finish {
        run_id: run_id.to_owned(),
        function: "f".to_owned(),
        at,
        outcome,
        detail: Some("words".to_owned()),
        summary: Some(json!({"inspected": 2})),
        panics: 0,
        pause: None,
    })
}

fn seen(store: &mut dyn Store) {
    let job = Write::Job {
        function: "f".to_owned(),
        schedule: "rate(1 hour) UTC".to_owned(),
        decided_until: at("08:00:00"),
    };
    store
        .write(&Write::Boot(host(at("08:00:00"))))
        .expect("written");
    store.write(&job).expect("written");
}

/// The test with each of the ledgers.
fn with_both(test: impl Fn(&mut dyn Store)) {
    test(&mut Memory::default());
    let folder = Folder::new();
    test(&mut Sqlite::new(&folder.0));
}

#[test]
fn a_run_is_begun_and_ended_and_its_slot_never_runs_again() {
    with_both(|store| {
        seen(store);
        assert_eq!(
            store.write(&start("a", at("09:00:00"))).expect("written"),
            BTreeSet::new()
        );
        assert_eq!(
            store.runs(None, 9).expect("read"),
            [begin("a", at("09:00:00"))]
        );
        let again = store.write(&start("b", at("09:00:00"))).expect("written");
        assert_eq!(again, BTreeSet::from(["b".to_owned()]));
        store
            .write(&finish("a", at("09:00:05"), Outcome::Partial))
            .expect("written");
        let ended = RunRow {
            finished_at: Some(at("09:00:05")),
            outcome: Some(Outcome::Partial),
            detail: Some("words".to_owned()),
            summary: Some(json!({"inspected": 2})),
            ..begin("a", at("09:00:00"))
        };
        let runs = store.runs(Some("f"), 9).expect("read");
        assert_eq!(runs.first(), Some(&ended));
        assert_eq!(runs.len(), 1);
        assert_eq!(store.runs(Some("g"), 9).expect("read"), []);
        assert_eq!(store.last("f", false).expect("read"), Some(ended));
        assert_eq!(store.last("f", true).expect("read"), None);
        let jobs = store.jobs().expect("read");
        assert_eq!(jobs["f"].known.decided_until, Some(at("09:00:00")));
    });
}

#[test]
fn what_waits_is_kept_until_it_starts_or_is_left_out() {
    with_both(|store| {
        seen(store);
        let waiting = |minute: u32| Decision::Wait {
            function: "f".to_owned(),
            slot: at(&format!("09:{minute:02}:00")),
            waiting: Waiting {
                not_before: at("09:30:00"),
                missed: 2,
            },
        };
        let tick = |decisions| Write::Tick {
            at: at("09:20:00"),
            decided: Decided {
                decisions,
                until: vec![],
            },
            starts: vec![],
        };
        store
            .write(&tick((0..4).map(waiting).collect()))
            .expect("written");
        store.write(&start("a", at("09:00:00"))).expect("written");
        let skip = Skip {
            function: "f".to_owned(),
            first: at("09:01:00"),
            last: at("09:02:00"),
            count: 2,
            why: Why::Paused,
        };
        store
            .write(&tick(vec![Decision::Skip(skip.clone())]))
            .expect("written");
        let known = store.jobs().expect("read")["f"].known.clone();
        let left = known.waiting.into_iter().collect::<Vec<_>>();
        let expected = Waiting {
            not_before: at("09:30:00"),
            missed: 2,
        };
        assert_eq!(left, [(at("09:03:00"), expected)]);
        assert_eq!(
            store.skips(Some("f"), 9).expect("read"),
            [(at("09:20:00"), skip)]
        );
        // A slot that has run cannot wait again.
        store.write(&tick(vec![waiting(0)])).expect("written");
        assert_eq!(store.jobs().expect("read")["f"].known.waiting.len(), 1);
    });
}

#[test]
fn the_next_daemon_finds_what_was_running_interrupted() {
    with_both(|store| {
        seen(store);
        store.write(&start("a", at("09:00:00"))).expect("written");
        store
            .write(&Write::Boot(host(at("10:00:00"))))
            .expect("written");
        let run = store.runs(None, 9).expect("read").remove(0);
        assert_eq!(run.outcome, Some(Outcome::Interrupted));
        assert_eq!(run.finished_at, Some(at("10:00:00")));
        assert_eq!(store.host().expect("read"), Some(host(at("10:00:00"))));
    });
}

#[test]
fn a_function_is_paused_with_the_reason_until_it_is_resumed() {
    with_both(|store| {
        seen(store);
        store.write(&start("a", at("09:00:00"))).expect("written");
        let Write::Finish(mut finish) = finish("a", at("09:00:05"), Outcome::Panicked) else {
            unreachable!("it is a finish")
        };
        finish.panics = 3;
        finish.pause = Some("three panics".to_owned());
        store.write(&Write::Finish(finish)).expect("written");
        let row = store.jobs().expect("read").remove("f").expect("a row");
        assert!(row.known.is_paused);
        assert_eq!(
            (row.panics, row.paused.expect("paused").why.as_str()),
            (3, "three panics")
        );
        let resume = Write::Resume {
            function: "f".to_owned(),
        };
        store.write(&resume).expect("written");
        let row = store.jobs().expect("read").remove("f").expect("a row");
        assert_eq!(
            (row.known.is_paused, row.panics, row.paused),
            (false, 0, None)
        );
    });
}

#[test]
fn the_last_success_and_failure_are_kept_for_ever_and_the_rest_by_age_and_count() {
    with_both(|store| {
        seen(store);
        let day = |day: i64| at("09:00:00") + TimeDelta::days(day);
        let run = |store: &mut dyn Store, id: &str, at, outcome| {
            store.write(&start(id, at)).expect("written");
            store.write(&finish(id, at, outcome)).expect("written");
        };
        run(store, "old success", day(0), Outcome::Ok);
        run(store, "last success", day(1), Outcome::Ok);
        run(store, "old failure", day(2), Outcome::Timeout);
        run(store, "last failure", day(3), Outcome::Failed);
        for number in 0..KEPT_RUNS + 10 {
            let minutes = i64::try_from(number).expect("a few");
            let at = day(200) + TimeDelta::minutes(minutes);
            run(store, &format!("{number:04}"), at, Outcome::Interrupted);
        }
        store.write(&Write::Trim { at: day(201) }).expect("written");
        let runs = store.runs(None, 10_000).expect("read");
        let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        assert_eq!(ids.len(), KEPT_RUNS + 2);
        assert_eq!(
            ids[KEPT_RUNS - 1..],
            ["0010", "last failure", "last success"]
        );
        assert_eq!(
            store.last("f", true).expect("read").expect("one").run_id,
            "last success"
        );
        // A slot that still counts is still done.
        let again = store.write(&start("b", day(200))).expect("written");
        assert_eq!(again.len(), 1);
    });
}

#[test]
fn what_was_written_is_there_for_the_next_process_and_for_a_reader() {
    let folder = Folder::new();
    assert!(
        Sqlite::read_only(&folder.0).expect("read").is_none(),
        "nobody has run yet"
    );
    let mut daemon = Sqlite::new(&folder.0);
    seen(&mut daemon);
    daemon.write(&start("a", at("09:00:00"))).expect("written");
    let read = || {
        let mut reader = Sqlite::read_only(&folder.0)
            .expect("read")
            .expect("a ledger");
        let outcome = reader.runs(None, 9).expect("read")[0].outcome;
        let error = reader.write(&finish("a", at("10:00:00"), Outcome::Ok));
        error.expect_err("a reader writes nothing");
        outcome
    };
    assert_eq!(read(), None, "while the daemon runs");

    // As after kill -9: what is on disk, and nobody to put it in order.
    let crashed = Folder::new();
    for ending in ["", "-wal"] {
        let name = format!("{FILE}{ending}");
        std::fs::copy(folder.0.join(&name), crashed.0.join(&name)).expect("copied");
    }
    let mut reader = Sqlite::read_only(&crashed.0)
        .expect("read")
        .expect("a ledger");
    assert_eq!(reader.runs(None, 9).expect("read")[0].run_id, "a");

    daemon
        .write(&finish("a", at("10:00:00"), Outcome::Ok))
        .expect("written");
    drop(daemon);
    assert_eq!(read(), Some(Outcome::Ok), "after a clean stop");
    let mut next = Sqlite::new(&folder.0);
    assert_eq!(
        next.runs(None, 9).expect("read")[0].outcome,
        Some(Outcome::Ok)
    );
}

#[test]
fn in_the_process_that_writes_it_a_ledger_is_never_copied() {
    let folder = Folder::new();
    // As before the daemon has opened it: there are no tables yet.
    std::fs::write(folder.0.join(FILE), []).expect("written");
    let beside = Sqlite::read_beside_the_writer(&folder.0);
    beside.expect_err("it can only be read as a copy, and is not");
    let mut other = Sqlite::read_only(&folder.0)
        .expect("read")
        .expect("a ledger");
    assert_eq!(other.runs(None, 9).expect("read"), []);

    let mut daemon = Sqlite::new(&folder.0);
    seen(&mut daemon);
    daemon.write(&start("a", at("09:00:00"))).expect("written");
    let mut beside = Sqlite::read_beside_the_writer(&folder.0)
        .expect("read")
        .expect("a ledger");
    assert_eq!(beside.runs(None, 9).expect("read")[0].run_id, "a");
}

#[test]
fn changes_that_are_made_together_are_all_made_or_none() {
    let folder = Folder::new();
    let mut store = Sqlite::new(&folder.0);
    seen(&mut store);
    let delivery = |run_id: &str| Write::Delivery {
        run: begin(run_id, at("09:00:00")),
        panics: 0,
        pause: None,
    };
    let both = [delivery("a"), delivery("b")];
    store.write_all(&both).expect("written");
    let again = [delivery("c"), delivery("a")];
    store
        .write_all(&again)
        .expect_err("there is one with this id");
    let runs = store.runs(None, 9).expect("read");
    let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, ["b", "a"]);
}

#[test]
fn a_change_of_another_process_is_noticed_and_an_own_one_is_not() {
    let folder = Folder::new();
    let mut daemon = Sqlite::new(&folder.0);
    seen(&mut daemon);
    assert!(
        daemon.was_changed().expect("read"),
        "the first time there is no before"
    );
    daemon.write(&start("a", at("09:00:00"))).expect("written");
    assert!(!daemon.was_changed().expect("read"));
    let other = start("b", at("10:00:00"));
    Sqlite::new(&folder.0).write(&other).expect("written");
    assert!(daemon.was_changed().expect("read"));
    assert!(!daemon.was_changed().expect("read"));
}

#[test]
fn a_ledger_of_a_newer_program_or_of_something_else_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let mut daemon = Sqlite::new(&folder.0);
    seen(&mut daemon);
    drop(daemon);
    let path = folder.0.join(FILE);
    let connection = rusqlite::Connection::open(&path).expect("opened");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("updated");
    drop(connection);
    let error = Sqlite::new(&folder.0).write(&Write::Boot(host(at("08:00:00"))));
    let error = error.expect_err("it is newer").to_string();
    assert!(error.contains("newer Lamplighter (version 99"), "{error}");

    std::fs::write(&path, "this is no ledger, and somebody may want it back").expect("written");
    Sqlite::new(&folder.0)
        .write(&Write::Boot(host(at("08:00:00"))))
        .expect_err("no ledger");
    let kept = std::fs::read_to_string(&path).expect("read");
    assert!(kept.starts_with("this is no ledger"));
}

#[test]
fn what_is_counted_is_counted_once_and_for_ever() {
    with_both(|store| {
        seen(store);
        for (minute, outcome) in [(1, Outcome::Ok), (2, Outcome::Taken), (3, Outcome::Failed)] {
            let id = format!("{minute}");
            let begins = at(&format!("09:0{minute}:00"));
            store.write(&start(&id, begins)).expect("written");
            let ends = begins + TimeDelta::milliseconds(2_500);
            // The end that had to wait for a full disk may come twice.
            for _ in 0..2 {
                store.write(&finish(&id, ends, outcome)).expect("written");
            }
        }
        store.write(&start("4", at("09:04:00"))).expect("written");
        let skip = Skip {
            function: "f".to_owned(),
            first: at("09:10:00"),
            last: at("09:12:00"),
            count: 3,
            why: Why::Busy,
        };
        let tick = Write::Tick {
            at: at("09:12:00"),
            decided: Decided {
                decisions: vec![Decision::Skip(skip)],
                until: vec![],
            },
            starts: vec![],
        };
        store.write(&tick).expect("written");
        // The daemon ends without a word, and years go by.
        store
            .write(&Write::Boot(host(at("10:00:00"))))
            .expect("written");
        let later = at("10:00:00") + TimeDelta::days(400);
        store.write(&Write::Trim { at: later }).expect("written");
        let totals = store.totals().expect("read");
        let runs = |outcome| totals.runs.get(&("f".to_owned(), outcome)).copied();
        for outcome in [
            Outcome::Ok,
            Outcome::Taken,
            Outcome::Failed,
            Outcome::Interrupted,
        ] {
            assert_eq!(runs(outcome), Some(1), "{outcome:?}");
        }
        assert_eq!(runs(Outcome::Panicked), None);
        assert_eq!(totals.skips[&("f".to_owned(), Why::Busy)], 3);
        let durations = &totals.durations["f"];
        assert_eq!(durations.sum_millis, 5_000);
        assert_eq!(durations.classes.iter().sum::<u64>(), 2);
        assert_eq!(durations.classes[Durations::class(2_500)], 2);
    });
}
