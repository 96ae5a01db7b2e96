//! What could not be written for a long time is written in few transactions, and a bounded part of it at once.

use lamplighter_config::Overlap;
use lamplighter_core::Mode;

use super::{Disk, at, end, names};
use crate::daemon::planner::{Job, Why};
use crate::daemon::planner_tests::job;
use crate::daemon::store::{Outcome, Store};

#[test]
fn a_long_night_on_a_full_disk_is_written_down_in_parts_and_no_function_is_forgotten() {
    let disk = Disk::default();
    disk.set_full(true);
    let mut daemon = disk.boot(vec![job("looks", "rate(1 minute)")], at("00:00:30"));
    let mut now = at("00:01:00");
    for _ in 0..6_000 {
        for start in daemon.tick(now).starts {
            daemon.ended(&start.run_id, "looks", end(Outcome::Ok), now);
        }
        now += chrono::TimeDelta::minutes(1);
    }
    let late = vec![job("late", "rate(1 day)"), job("looks", "rate(1 minute)")];
    daemon.reload(late, now);
    disk.set_full(false);
    let mut pulses = 0;
    while daemon.is_behind() {
        pulses += 1;
        now += chrono::TimeDelta::seconds(1);
        if pulses == 1 {
            now += chrono::TimeDelta::seconds(5);
        }
        daemon.keep(now);
    }
    let transactions = disk.transactions.lock().expect("not poisoned").clone();
    assert!((10..60).contains(&pulses), "{pulses}");
    assert!(transactions.len() < 100, "{}", transactions.len());
    assert!(transactions.iter().all(|count| *count <= 500));
    assert!(transactions.iter().sum::<usize>() >= 10_000);
    let mut ledger = disk.clone();
    assert!(ledger.host().expect("read").is_some(), "it has taken over");
    let rows = ledger.jobs().expect("read");
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["late", "looks"]);
    // The oldest were given up: of each run its begin and its end.
    let counted = ledger.totals().expect("read").runs;
    let ended = counted[&("looks".to_owned(), Outcome::Ok)];
    assert!((4_900..=5_000).contains(&ended), "{ended}");
    let runs = disk.all_runs();
    assert!(runs.iter().all(|run| run.outcome == Some(Outcome::Ok)));
}

#[test]
fn what_changes_things_is_not_refused_because_much_waits_to_be_written() {
    let disk = Disk::default();
    let changes = Job {
        mode: Mode::Apply,
        ..job("changes", "rate(1 day)")
    };
    let mut daemon = disk.boot(
        vec![changes, job("looks", "rate(1 minute)")],
        at("00:00:30"),
    );
    disk.set_full(true);
    let mut now = at("00:01:00");
    while now < at("23:59:30") {
        for start in daemon.tick(now).starts {
            daemon.ended(&start.run_id, "looks", end(Outcome::Ok), now);
        }
        now += chrono::TimeDelta::minutes(1);
    }
    disk.set_full(false);
    let starts = daemon
        .tick(at("00:00:00") + chrono::TimeDelta::days(1))
        .starts;
    assert_eq!(names(&starts), ["changes", "looks"]);
    assert!(!daemon.is_behind(), "it is in the ledger before it begins");
    assert_eq!(disk.all_runs().len(), 1_439 + 2);
}

#[test]
fn a_run_that_changes_things_is_not_told_to_end_for_one_that_would_be_refused() {
    let replaces = |mode| Job {
        mode,
        overlap: Overlap::Replace,
        ..job("f", "rate(1 hour)")
    };
    for (mode, expected) in [(Mode::Apply, 0), (Mode::Plan, 1)] {
        let disk = Disk::default();
        let mut daemon = disk.boot(vec![replaces(mode)], at("08:30:00"));
        let first = daemon.tick(at("09:00:00")).starts.remove(0);
        disk.set_full(true);
        let work = daemon.tick(at("10:00:00"));
        assert_eq!(work.replaced.len(), expected, "{mode:?}");
        disk.set_full(false);
        // It waits for the end of the run before.
        daemon.ended(&first.run_id, "f", end(Outcome::Ok), at("10:20:00"));
        let next = daemon.tick(at("10:20:00")).starts;
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].slot, Some(at("10:00:00")));
    }
}

#[test]
fn a_clock_that_goes_back_a_second_ends_no_run_and_leaves_nothing_out() {
    for overlap in [
        Overlap::Skip,
        Overlap::QueueOne,
        Overlap::Replace,
        Overlap::Allow,
    ] {
        let disk = Disk::default();
        let job = Job {
            overlap,
            ..job("f", "rate(1 hour)")
        };
        let mut daemon = disk.boot(vec![job], at("08:30:00"));
        assert_eq!(daemon.tick(at("09:00:00.2")).starts.len(), 1);
        for time in ["08:59:59.3", "09:00:00.3", "08:00:00", "09:00:01"] {
            let work = daemon.tick(at(time));
            assert_eq!(work.replaced, Vec::<String>::new(), "{overlap:?} {time}");
            assert_eq!(work.starts, [], "{overlap:?} {time}");
        }
        let left_out = disk.clone().skips(None, 9).expect("read");
        let busy = left_out.iter().filter(|(_, skip)| skip.why == Why::Busy);
        assert_eq!(busy.count(), 0, "{overlap:?}: {left_out:?}");
        assert_eq!(left_out, [], "{overlap:?}");
    }
}
