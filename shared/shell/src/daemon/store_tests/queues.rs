//! Queues, runs without a slot, and the ledgers of before there were any.

use lamplighter_core::{Mode, Trigger};
use rusqlite::Connection;

use super::{Folder, finish, host, seen, start, with_both};
use crate::daemon::consumers::{Counts, QueueRow};
use crate::daemon::planner_tests::at;
use crate::daemon::sqlite::{FILE, Sqlite};
use crate::daemon::store::{Outcome, RunRow, Store, Write};

fn delivery(run_id: &str, outcome: Outcome) -> RunRow {
    RunRow {
        run_id: run_id.to_owned(),
        function: "f".to_owned(),
        trigger: Trigger::Event,
        slot: None,
        missed: 0,
        mode: Mode::Apply,
        started_at: at("09:00:00"),
        finished_at: Some(at("09:00:01")),
        outcome: Some(outcome),
        detail: Some("words".to_owned()),
        summary: Some(serde_json::json!({"done": 0})),
    }
}

fn row(queue: &str, done: u64) -> QueueRow {
    QueueRow {
        function: "f".to_owned(),
        queue: queue.to_owned(),
        at: at("09:00:00"),
        depth: Some(7),
        in_flight: Some(1),
        delayed: None,
        oldest_secs: Some(90),
        in_work: 2,
        counts: Counts {
            done,
            ignored: 2,
            quarantined: 3,
            retried: 4,
            deliveries: 5,
            failed: 6,
        },
        last_done_at: Some(at("08:59:59")),
        last_failed_at: None,
        trouble: Some("there is no queue".to_owned()),
    }
}

#[test]
fn deliveries_are_runs_without_a_slot_and_keep_nobody_from_running() {
    with_both(|store| {
        seen(store);
        for (id, pause) in [("a", None), ("b", Some("it panicked".to_owned()))] {
            let run = delivery(id, Outcome::Panicked);
            let panics = if id == "a" { 2 } else { 3 };
            let write = Write::Delivery { run, panics, pause };
            store.write(&write).expect("written");
        }
        let runs = store.runs(Some("f"), 9).expect("read");
        assert_eq!(
            runs,
            [
                delivery("b", Outcome::Panicked),
                delivery("a", Outcome::Panicked)
            ]
        );
        let job = store.jobs().expect("read").remove("f").expect("known");
        assert_eq!((job.panics, job.known.is_paused), (3, true));
        assert_eq!(
            job.paused.map(|paused| paused.why),
            Some("it panicked".to_owned())
        );
        let totals = store.totals().expect("read");
        let key = ("f".to_owned(), Outcome::Panicked);
        assert_eq!(totals.runs.get(&key), Some(&2));
        // Two runs without a slot do not stand in each other's way, nor in that of a slot.
        let refused = store.write(&start("c", at("09:00:00"))).expect("written");
        assert!(refused.is_empty(), "{refused:?}");
    });
}

#[test]
fn how_things_stand_with_a_queue_is_replaced_as_a_whole() {
    with_both(|store| {
        assert_eq!(store.queues().expect("read"), []);
        let write = Write::Queues(vec![row("q1", 1), row("q2", 1)]);
        store.write(&write).expect("written");
        let later = QueueRow {
            trouble: None,
            depth: None,
            ..row("q1", 8)
        };
        store
            .write(&Write::Queues(vec![later.clone()]))
            .expect("written");
        assert_eq!(store.queues().expect("read"), [later, row("q2", 1)]);
    });
}

/// The tables of the first version, with a run in them.
const FIRST: &str = "
CREATE TABLE host (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER, host TEXT, version TEXT, started_at INTEGER,
    beat_at INTEGER, stopped_at INTEGER, reload_at INTEGER, reload_error TEXT) STRICT;
CREATE TABLE jobs (function TEXT PRIMARY KEY, schedule TEXT NOT NULL DEFAULT '', decided_until INTEGER,
    panics INTEGER NOT NULL DEFAULT 0, paused_at INTEGER, paused_why TEXT) STRICT;
CREATE TABLE slots (function TEXT NOT NULL, slot INTEGER NOT NULL, not_before INTEGER, missed INTEGER NOT NULL,
    run_id TEXT, PRIMARY KEY (function, slot)) STRICT, WITHOUT ROWID;
CREATE TABLE runs (run_id TEXT PRIMARY KEY, function TEXT NOT NULL, slot INTEGER NOT NULL, missed INTEGER NOT NULL,
    mode TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER, outcome TEXT, detail TEXT, summary TEXT)
    STRICT;
CREATE INDEX runs_of_function ON runs (function, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE TABLE skips (at INTEGER NOT NULL, function TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    count INTEGER NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX skips_by_time ON skips (at);
PRAGMA user_version = 1;
INSERT INTO jobs (function, schedule) VALUES ('f', 'rate(1 hour) UTC');
INSERT INTO slots VALUES ('f', 1772442000000, NULL, 0, 'a');
INSERT INTO runs VALUES ('a', 'f', 1772442000000, 0, 'apply', 1772442000500, NULL, NULL, NULL, NULL);
";

#[test]
fn a_ledger_of_the_first_version_keeps_what_it_knows() {
    let folder = Folder::new();
    let path = folder.0.join(FILE);
    Connection::open(&path)
        .and_then(|connection| connection.execute_batch(FIRST))
        .expect("made");

    // Whoever only reads, reads it before a daemon has brought it up to date, and changes nothing.
    let mut reader = Sqlite::read_only(&folder.0)
        .expect("read")
        .expect("a ledger");
    let runs = reader.runs(Some("f"), 9).expect("read");
    assert_eq!(
        (runs[0].trigger, runs[0].slot),
        (Trigger::Schedule, Some(at("09:00:00")))
    );
    assert_eq!(reader.queues().expect("read"), []);
    drop(reader);
    let version = |path: &std::path::Path| -> i64 {
        let connection = Connection::open(path).expect("opened");
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("read")
    };
    assert_eq!(version(&path), 1);

    let mut daemon = Sqlite::new(&folder.0);
    daemon
        .write(&Write::Boot(host(at("09:30:00"))))
        .expect("written");
    assert_eq!(version(&path), 3);
    let runs = daemon.runs(Some("f"), 9).expect("read");
    assert_eq!(
        (runs[0].run_id.as_str(), runs[0].outcome),
        ("a", Some(Outcome::Interrupted))
    );
    let again = daemon.write(&start("b", at("09:00:00"))).expect("written");
    assert!(again.contains("b"), "its slot has run");
    daemon.write(&start("c", at("10:00:00"))).expect("written");
    daemon
        .write(&finish("c", at("10:00:01"), Outcome::Ok))
        .expect("written");
    assert_eq!(daemon.runs(None, 9).expect("read").len(), 2);
}
