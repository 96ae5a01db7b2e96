//! A ledger that cannot be read at the start is not an empty one.

use chrono::TimeDelta;
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::Mode;

use super::{Disk, at, end, names};
use crate::daemon::consumers::{QueueEvent, QueueNews};
use crate::daemon::dispatcher::Dispatcher;
use crate::daemon::planner::{Job, Why};
use crate::daemon::planner_tests::job;
use crate::daemon::sqlite::{FILE, Sqlite};
use crate::daemon::store::{Outcome, Store};
use crate::daemon::store_tests::{Folder, host};

fn jobs() -> Vec<Job> {
    let patient = |name| Job {
        grace: TimeDelta::hours(3),
        ..job(name, "rate(1 hour)")
    };
    let changes = Job {
        mode: Mode::Apply,
        ..patient("changes")
    };
    let all = Job {
        missed: Missed::All,
        ..patient("looks")
    };
    vec![changes, all, patient("paused")]
}

/// A daemon until half past eight, with one run cut off and one function paused.
fn live_until_half_past_eight(disk: &Disk) {
    let mut daemon = disk.boot(jobs(), at("07:30:00"));
    for start in daemon.tick(at("08:00:00")).starts {
        let outcome = match start.function.as_str() {
            "changes" => continue,
            "looks" => Outcome::Ok,
            _ => Outcome::Panicked,
        };
        for _ in 0..3 {
            daemon.ended(&start.run_id, &start.function, end(outcome), at("08:00:05"));
        }
    }
    daemon.keep(at("08:30:00"));
}

#[test]
fn what_a_ledger_that_could_not_be_read_at_the_start_knows_is_made_up_for_when_it_can_be_read() {
    let disk = Disk::default();
    live_until_half_past_eight(&disk);
    disk.set_closed(true);
    let mut daemon = disk.boot(jobs(), at("09:10:00"));
    let trouble = daemon.trouble().expect("health says so").to_owned();
    assert!(trouble.contains("cannot open the ledger"), "{trouble}");
    assert_eq!(daemon.tick(at("09:10:00")).starts, []);
    // What is paused is not known. What changes things waits for what it does not know.
    let work = daemon.tick(at("10:00:00"));
    assert_eq!(names(&work.starts), ["looks", "paused"]);
    for run in &work.starts {
        daemon.ended(&run.run_id, &run.function, end(Outcome::Ok), at("10:00:02"));
    }
    daemon.keep(at("10:01:00"));
    disk.set_closed(false);
    let row = disk.clone().jobs().expect("read").remove("looks");
    let until = row.expect("a row").known.decided_until;
    assert_eq!(until, Some(at("08:00:00")), "nothing was written over it");

    daemon.keep(at("10:02:00"));
    assert_eq!(daemon.trouble(), None);
    let mut ledger = disk.clone();
    let cut_off = ledger.runs(Some("changes"), 9).expect("read").pop();
    let cut_off = cut_off.expect("a run");
    assert_eq!(
        (cut_off.outcome, cut_off.finished_at),
        (Some(Outcome::Interrupted), Some(at("09:10:00"))),
        "it was going on when the daemon before ended"
    );
    // 09:00 fell into the downtime. It is made up for within a minute, but for what is paused.
    let mut made_up = daemon.tick(at("10:03:30")).starts;
    made_up.sort_by(|a, b| a.function.cmp(&b.function));
    assert_eq!(names(&made_up), ["changes", "looks"]);
    for start in &made_up {
        assert_eq!((start.slot, start.missed), (Some(at("09:00:00")), 1));
    }
    let left_out = ledger.skips(Some("paused"), 9).expect("read");
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert_eq!(left_out[0].1.first, at("09:00:00"));
    assert_eq!(left_out[0].1.why, Why::Paused);
    // And the runs of 10:00 are in the ledger too, refused or not.
    let at_ten: Vec<_> = disk
        .all_runs()
        .into_iter()
        .filter(|run| run.slot == Some(at("10:00:00")))
        .map(|run| (run.function, run.outcome))
        .collect();
    let expected = [
        ("paused", Outcome::Ok),
        ("looks", Outcome::Ok),
        ("changes", Outcome::Refused),
    ];
    for (function, outcome) in expected {
        let run = (function.to_owned(), Some(outcome));
        assert!(at_ten.contains(&run), "{at_ten:?}");
    }
    assert_eq!(at_ten.len(), 3, "{at_ten:?}");
    let row = ledger
        .jobs()
        .expect("read")
        .remove("paused")
        .expect("a row");
    assert!(row.paused.is_some(), "still");
    assert_eq!(
        names(&daemon.tick(at("11:00:00")).starts),
        Vec::<&str>::new()
    );
}

#[test]
fn a_daemon_that_ends_before_it_could_read_its_ledger_leaves_it_as_it_is() {
    let disk = Disk::default();
    live_until_half_past_eight(&disk);
    let before = disk.clone().jobs().expect("read");
    disk.set_closed(true);
    let mut daemon = disk.boot(jobs(), at("09:10:00"));
    daemon.tick(at("10:00:00"));
    daemon.stop(at("10:00:10"));
    drop(daemon);
    disk.set_closed(false);
    assert_eq!(disk.clone().jobs().expect("read"), before);
    // So the next one makes up for it.
    let mut next = disk.boot(jobs(), at("10:10:00"));
    next.tick(at("10:10:00"));
    let made_up = next.tick(at("10:11:30")).starts;
    assert_eq!(made_up.len(), 2, "{made_up:?}");
}

#[test]
fn what_waited_in_a_ledger_that_could_not_be_read_is_run_once_and_what_was_counted_is_counted_on() {
    let queue_one = || Job {
        overlap: Overlap::QueueOne,
        ..job("f", "rate(1 hour)")
    };
    let heard = |daemon: &mut Dispatcher, now| {
        let news = QueueNews {
            function: "f".to_owned(),
            queue: "q".to_owned(),
            in_work: 0,
            what: QueueEvent::GivenBack { messages: 3 },
        };
        daemon.heard(news, at(now));
    };
    let disk = Disk::default();
    let mut daemon = disk.boot(vec![queue_one()], at("07:30:00"));
    assert_eq!(daemon.tick(at("08:00:00")).starts.len(), 1);
    assert_eq!(daemon.tick(at("09:00:00")).starts.len(), 0, "it waits");
    heard(&mut daemon, "09:00:01");
    daemon.keep(at("09:00:02"));
    drop(daemon);
    disk.set_closed(true);
    let mut daemon = disk.boot(vec![queue_one()], at("09:05:00"));
    heard(&mut daemon, "09:05:01");
    daemon.keep(at("09:05:02"));
    assert_eq!(daemon.tick(at("09:05:03")).starts, []);
    disk.set_closed(false);
    daemon.keep(at("09:06:00"));
    let starts = daemon.tick(at("09:06:00")).starts;
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0].slot, Some(at("09:00:00")));
    daemon.keep(at("09:07:00"));
    let rows = disk.clone().queues().expect("read");
    assert_eq!(rows[0].counts.retried, 6);
}

#[test]
fn a_function_that_is_added_while_the_ledger_cannot_be_read_is_known_again_when_it_can() {
    let disk = Disk::default();
    live_until_half_past_eight(&disk);
    let mut daemon = disk.boot(vec![job("looks", "rate(1 hour)")], at("08:40:00"));
    disk.set_closed(true);
    daemon.reload(jobs(), at("08:50:00"));
    disk.set_closed(false);
    daemon.keep(at("08:59:00"));
    assert_eq!(
        names(&daemon.tick(at("09:00:00")).starts),
        ["changes", "looks"]
    );
}

#[test]
fn a_ledger_on_disk_that_cannot_be_written_is_read_and_waits_to_be_written() {
    // SQLite cannot make its file beside it, for whoever: the name is taken.
    let block = |folder: &Folder, is_blocked: bool| {
        let path = folder.0.join(format!("{FILE}-shm"));
        match is_blocked {
            true => std::fs::create_dir(path).expect("the name is free after a clean stop"),
            false => std::fs::remove_dir(path).expect("removed"),
        }
    };
    let folder = Folder::new();
    let boot = |now| {
        let store = Box::new(Sqlite::new(&folder.0));
        let mut daemon = Dispatcher::boot(store, jobs(), 4, host(at(now)), at(now));
        let starts = daemon.tick(at(now)).starts;
        (daemon, starts)
    };
    drop(boot("08:30:00"));
    block(&folder, true);
    let (mut daemon, _) = boot("09:10:00");
    assert!(daemon.trouble().is_some());
    let begun = daemon.tick(at("09:11:00")).starts;
    let mut begun_names = names(&begun);
    begun_names.sort_unstable();
    assert_eq!(
        begun_names,
        ["looks", "paused"],
        "what was missed is known, and what changes things is refused"
    );
    assert!(begun.iter().all(|run| run.slot == Some(at("09:00:00"))));
    block(&folder, false);
    daemon.keep(at("09:12:00"));
    assert_eq!(daemon.trouble(), None);
    let runs = daemon.store().runs(None, 9).expect("read");
    assert_eq!(runs.len(), 3, "{runs:?}");
    let host = daemon.store().host().expect("read").expect("a host");
    assert_eq!(host.started_at, at("09:10:00"));
    assert_eq!(names(&daemon.tick(at("10:00:00")).starts), ["changes"]);
}
