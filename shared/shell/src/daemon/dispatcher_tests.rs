//! The planner with its ledger: what is written before anything happens, and what happens when nothing can be written.

mod backlog;
mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Mode, Result};

use super::consumers::QueueRow;
use super::dispatcher::{Dispatcher, End};
use super::memory::Memory;
use super::planner::{Job, Skip};
use super::planner_tests::{at, job};
use super::store::{Host, JobRow, Outcome, RunRow, Store, Totals, Write};
use super::store_tests::host;

/// A ledger on a disk that can be full, and that another daemon can find again.
#[derive(Clone, Default)]
pub(super) struct Disk {
    ledger: Arc<Mutex<Memory>>,
    is_full: Arc<Mutex<bool>>,
    /// What cannot be opened can neither be read nor written.
    is_closed: Arc<Mutex<bool>>,
    /// How many changes each transaction had.
    transactions: Arc<Mutex<Vec<usize>>>,
}

impl Disk {
    fn set_closed(&self, is_closed: bool) {
        *self.is_closed.lock().expect("not poisoned") = is_closed;
    }

    /// The ledger, if it can be opened.
    fn open(&self) -> Result<MutexGuard<'_, Memory>> {
        match *self.is_closed.lock().expect("not poisoned") {
            true => Err(Error::permanent("cannot open the ledger")),
            false => Ok(self.ledger.lock().expect("not poisoned")),
        }
    }

    fn set_full(&self, is_full: bool) {
        *self.is_full.lock().expect("not poisoned") = is_full;
    }

    pub(super) fn boot(&self, jobs: Vec<Job>, now: DateTime<Utc>) -> Dispatcher {
        Dispatcher::boot(Box::new(self.clone()), jobs, 4, host(now), now)
    }

    pub(super) fn all_runs(&self) -> Vec<RunRow> {
        let mut ledger = self.ledger.lock().expect("not poisoned");
        ledger.runs(None, usize::MAX).expect("read")
    }
}

impl Store for Disk {
    fn write_all(&mut self, writes: &[Write]) -> Result<BTreeSet<String>> {
        if *self.is_full.lock().expect("not poisoned") {
            return Err(Error::permanent("no space left on device"));
        }
        let done_before = self.open()?.write_all(writes)?;
        let mut transactions = self.transactions.lock().expect("not poisoned");
        transactions.push(writes.len());
        Ok(done_before)
    }

    fn jobs(&mut self) -> Result<BTreeMap<String, JobRow>> {
        self.open()?.jobs()
    }

    fn host(&mut self) -> Result<Option<Host>> {
        self.open()?.host()
    }

    fn runs(&mut self, function: Option<&str>, limit: usize) -> Result<Vec<RunRow>> {
        self.open()?.runs(function, limit)
    }

    fn last(&mut self, function: &str, success: bool) -> Result<Option<RunRow>> {
        self.open()?.last(function, success)
    }

    fn queues(&mut self) -> Result<Vec<QueueRow>> {
        self.open()?.queues()
    }

    fn totals(&mut self) -> Result<Totals> {
        self.open()?.totals()
    }

    fn skips(
        &mut self,
        function: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(DateTime<Utc>, Skip)>> {
        self.open()?.skips(function, limit)
    }

    fn was_changed(&mut self) -> Result<bool> {
        Ok(true)
    }
}

fn end(outcome: Outcome) -> End {
    End {
        outcome,
        detail: Some(outcome.as_str().to_owned()),
        summary: None,
    }
}

fn names(starts: &[RunRow]) -> Vec<&str> {
    starts.iter().map(|start| start.function.as_str()).collect()
}

#[test]
fn a_run_that_begins_is_in_the_ledger_already() {
    let disk = Disk::default();
    let mut daemon = disk.boot(vec![job("f", "rate(1 hour)")], at("08:30:00"));
    let work = daemon.tick(at("09:00:00"));
    assert_eq!(names(&work.starts), ["f"]);
    assert_eq!(disk.all_runs(), work.starts);
    assert_eq!(work.starts[0].slot, Some(at("09:00:00")));
}

#[test]
fn a_crash_loop_runs_a_slot_once() {
    let disk = Disk::default();
    disk.boot(vec![job("f", "rate(1 hour)")], at("08:59:50"));
    let mut begun = 0;
    for second in 0..30 {
        let now = at(&format!("09:00:{second:02}"));
        // Each of these dies with kill -9, at once or while its run goes on.
        let mut daemon = disk.boot(vec![job("f", "rate(1 hour)")], now);
        begun += daemon.tick(now).starts.len();
    }
    assert_eq!(begun, 1);
    assert_eq!(disk.all_runs()[0].outcome, Some(Outcome::Interrupted));
}

#[test]
fn a_full_disk_refuses_what_changes_things_lets_audits_go_on_and_is_caught_up_with() {
    let disk = Disk::default();
    let applies = Job {
        mode: Mode::Apply,
        ..job("applies", "rate(1 hour)")
    };
    let mut daemon = disk.boot(vec![applies, job("looks", "rate(1 hour)")], at("08:30:00"));
    disk.set_full(true);
    let work = daemon.tick(at("09:00:00"));
    assert_eq!(names(&work.starts), ["looks"]);
    let trouble = daemon.trouble().expect("health says so");
    assert!(trouble.contains("no space left on device"), "{trouble}");
    daemon.ended(
        &work.starts[0].run_id,
        "looks",
        end(Outcome::Ok),
        at("09:00:05"),
    );
    assert_eq!(names(&daemon.tick(at("10:00:00")).starts), ["looks"]);
    assert_eq!(disk.all_runs(), []);

    disk.set_full(false);
    daemon.keep(at("10:01:00"));
    assert_eq!(daemon.trouble(), None);
    let outcomes: Vec<_> = disk
        .all_runs()
        .into_iter()
        .map(|run| (run.function, run.slot, run.outcome))
        .collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    for hour in ["09:00:00", "10:00:00"] {
        let refused = ("applies".to_owned(), Some(at(hour)), Some(Outcome::Refused));
        assert!(outcomes.contains(&refused), "{outcomes:?}");
    }
    assert!(outcomes.contains(&("looks".to_owned(), Some(at("09:00:00")), Some(Outcome::Ok))));
    let work = daemon.tick(at("11:00:00"));
    assert_eq!(
        names(&work.starts),
        ["applies"],
        "the audit still runs, and it may apply again"
    );
}

#[test]
fn a_disk_that_is_full_at_the_start_is_survived_too() {
    let disk = Disk::default();
    disk.set_full(true);
    let mut daemon = disk.boot(vec![job("looks", "rate(1 hour)")], at("08:30:00"));
    assert_eq!(names(&daemon.tick(at("09:00:00")).starts), ["looks"]);
    disk.set_full(false);
    daemon.keep(at("09:00:31"));
    assert_eq!(disk.all_runs().len(), 1);
    assert_eq!(
        disk.all_runs()[0].outcome,
        None,
        "it goes on: booting is written before it"
    );
}

#[test]
fn three_panics_in_a_row_pause_a_function_and_resume_lets_it_go_on() {
    let disk = Disk::default();
    let mut daemon = disk.boot(vec![job("f", "rate(1 hour)")], at("00:30:00"));
    let mut ran = Vec::new();
    let outcomes = [
        Outcome::Panicked,
        Outcome::Panicked,
        Outcome::Failed,
        Outcome::Panicked,
        // Says nothing about the function.
        Outcome::Interrupted,
        Outcome::Panicked,
        Outcome::Panicked,
        Outcome::Ok,
    ];
    for (hour, outcome) in (1..).zip(outcomes) {
        let now = at(&format!("{hour:02}:00:00"));
        for start in daemon.tick(now).starts {
            ran.push(hour);
            daemon.ended(&start.run_id, "f", end(outcome), now);
        }
    }
    assert_eq!(
        ran,
        [1, 2, 3, 4, 5, 6, 7],
        "paused after the third in a row"
    );
    // The pause outlives the daemon.
    let mut daemon = disk.boot(vec![job("f", "rate(1 hour)")], at("09:30:00"));
    assert_eq!(daemon.tick(at("10:00:00")).starts, []);
    let resume = Write::Resume {
        function: "f".to_owned(),
    };
    disk.clone().write(&resume).expect("written");
    daemon.keep(at("10:00:01"));
    assert_eq!(daemon.tick(at("10:00:02")).starts, [], "no burst");
    assert_eq!(names(&daemon.tick(at("11:00:00")).starts), ["f"]);
}

#[test]
fn a_thousand_functions_that_are_due_in_one_second_all_run_once() {
    let disk = Disk::default();
    let names: Vec<String> = (0..1_000).map(|number| format!("f-{number:03}")).collect();
    let jobs = names.iter().map(|name| job(name, "rate(1 hour)"));
    let mut daemon = disk.boot(jobs.collect(), at("08:30:00"));
    let now = at("09:00:00");
    let mut ran = Vec::new();
    loop {
        let starts = daemon.tick(now).starts;
        if starts.is_empty() {
            break;
        }
        assert!(starts.len() <= 4, "more than there are places");
        for start in starts {
            daemon.ended(&start.run_id, &start.function, end(Outcome::Ok), now);
            ran.push(start.function);
        }
    }
    ran.sort();
    assert_eq!(ran, names);
    let slots: BTreeSet<_> = disk.all_runs().into_iter().map(|run| run.slot).collect();
    assert_eq!(slots, BTreeSet::from([Some(now)]));
    assert_eq!(disk.clone().skips(None, 1).expect("read"), []);
}

#[test]
fn a_clock_that_goes_back_repeats_no_slot_that_has_run() {
    let disk = Disk::default();
    let mut daemon = disk.boot(vec![job("f", "rate(1 hour)")], at("07:30:00"));
    let mut slots = Vec::new();
    for time in [
        "08:00:00", "09:00:00", "07:45:00", "08:00:00", "09:00:00", "10:00:00",
    ] {
        for start in daemon.tick(at(time)).starts {
            slots.extend(start.slot);
            daemon.ended(&start.run_id, "f", end(Outcome::Ok), at(time));
        }
    }
    assert_eq!(slots, [at("08:00:00"), at("09:00:00"), at("10:00:00")]);
}

#[test]
fn another_schedule_over_a_restart_makes_up_for_nothing() {
    let disk = Disk::default();
    disk.boot(vec![job("f", "rate(1 day)")], at("08:00:00"));
    let mut daemon = disk.boot(vec![job("f", "rate(10 minutes)")], at("09:05:00"));
    assert_eq!(daemon.tick(at("09:05:00")).starts, []);
    drop(daemon);
    let mut daemon = disk.boot(vec![job("f", "rate(10 minutes)")], at("09:25:00"));
    daemon.tick(at("09:25:00"));
    assert_eq!(
        names(&daemon.tick(at("09:26:00")).starts),
        ["f"],
        "and the same one does"
    );
}

#[test]
fn a_reload_keeps_what_is_known_of_what_stays() {
    let disk = Disk::default();
    let jobs = vec![job("f", "rate(1 hour)"), job("g", "rate(1 hour)")];
    let mut daemon = disk.boot(jobs, at("08:30:00"));
    let running = daemon.tick(at("09:00:00")).starts;
    daemon.reload(
        vec![job("f", "rate(1 hour)"), job("h", "rate(1 hour)")],
        at("09:10:00"),
    );
    let names_of = |work: super::dispatcher::Work| -> Vec<String> {
        work.starts
            .into_iter()
            .map(|start| start.function)
            .collect()
    };
    // `f` still runs, `g` is gone, `h` is new.
    assert_eq!(names_of(daemon.tick(at("10:00:00"))), ["h"]);
    for run in running {
        daemon.ended(&run.run_id, &run.function, end(Outcome::Ok), at("10:10:00"));
    }
    assert_eq!(names_of(daemon.tick(at("11:00:00"))), ["f"]);
}
