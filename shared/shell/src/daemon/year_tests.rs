//! A virtual year: many functions, four zones, stops and jumps of the clock, and every slot accounted for.

mod machine;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::Overlap;

use super::memory::Memory;
use super::planner::{Job, Skip, Why};
use super::sqlite::Sqlite;
use super::store::Store;
use super::store_tests::Folder;
use machine::{Dice, Virtual, Witness, jobs, start_of_year};

/// How many slots there were, ran, and were left out.
#[derive(Debug, Default, PartialEq)]
struct Account {
    slots: usize,
    ran: usize,
    left_out: usize,
}

/// Checks that every slot of a function was run once or left out with a reason, and nothing else was run.
fn account(
    job: &Job,
    until: DateTime<Utc>,
    ran: &BTreeMap<DateTime<Utc>, u32>,
    left_out: &[Skip],
    waiting: &dyn Fn(DateTime<Utc>) -> bool,
) -> Account {
    let mut account = Account::default();
    let (from, until) = (start_of_year() - job.offset, until - job.offset);
    let span = (Bound::Excluded(from), Bound::Included(until));
    let mut unknown = ran.range(span).count();
    let left_out = merged(left_out);
    for slot in job.schedule.between(from, until) {
        account.slots += 1;
        if let Some(times) = ran.get(&slot) {
            assert_eq!(*times, 1, "{} ran {slot} {times} times", job.name);
            account.ran += 1;
            unknown -= 1;
        } else if left_out
            .range(..=slot)
            .next_back()
            .is_some_and(|(_, last)| slot <= *last)
        {
            account.left_out += 1;
        } else {
            assert!(waiting(slot), "{} lost {slot}: {job:?}", job.name);
        }
    }
    assert_eq!(unknown, 0, "{} ran what is no slot", job.name);
    account
}

/// The spans of what was left out, without overlaps: from the first slot of each to its last.
fn merged(skips: &[Skip]) -> BTreeMap<DateTime<Utc>, DateTime<Utc>> {
    let mut sorted: Vec<_> = skips.iter().map(|skip| (skip.first, skip.last)).collect();
    sorted.sort();
    let mut merged: BTreeMap<DateTime<Utc>, DateTime<Utc>> = BTreeMap::new();
    for (first, last) in sorted {
        match merged.last_entry() {
            Some(mut before) if *before.get() >= first => {
                let furthest = last.max(*before.get());
                before.insert(furthest);
            }
            _ => {
                merged.insert(first, last);
            }
        }
    }
    merged
}

/// Lets time pass, and answers what ran of each function, how often.
fn live(
    daemons: &mut [Virtual],
    until: DateTime<Utc>,
) -> HashMap<String, BTreeMap<DateTime<Utc>, u32>> {
    let mut ran: HashMap<String, BTreeMap<DateTime<Utc>, u32>> = HashMap::new();
    let mut claims: BTreeSet<(String, DateTime<Utc>)> = BTreeSet::new();
    let is_shared = daemons.len() > 1;
    loop {
        let next = daemons.iter().map(Virtual::next).min().expect("a daemon");
        if next >= until {
            return ran;
        }
        for daemon in daemons.iter_mut().filter(|daemon| daemon.next() <= next) {
            for run in daemon.step(next) {
                let slot = run.slot.expect("a scheduled run");
                if is_shared && !claims.insert((run.function.clone(), slot)) {
                    daemon.is_taken(&run, next);
                    continue;
                }
                *ran.entry(run.function)
                    .or_default()
                    .entry(slot)
                    .or_default() += 1;
            }
        }
    }
}

/// What one daemon did: every slot accounted for, and nothing missed but while it was down.
fn check(daemon: &mut Virtual, until: DateTime<Utc>) -> Account {
    let ran = live(std::slice::from_mut(daemon), until);
    let left_out = daemon.witness.left_out();
    let rows = daemon.witness.jobs().expect("read");
    let looks: BTreeSet<_> = daemon.gaps.iter().map(|(_, to)| *to).collect();
    for (at, skip) in daemon.witness.skips.lock().expect("not poisoned").iter() {
        let is_missed = matches!(skip.why, Why::Down | Why::Grace | Why::Collapsed | Why::Cap);
        assert!(
            !is_missed || looks.contains(at),
            "it was up at {at} and missed {skip:?}"
        );
    }
    let mut total = Account::default();
    for job in &daemon.jobs {
        let nothing = vec![];
        let skips = left_out.get(&job.name).unwrap_or(&nothing);
        let none = BTreeMap::new();
        let waiting = |slot| rows[&job.name].known.waiting.contains_key(&slot);
        // What is down or jumped at the end is looked at in the year after.
        let until = daemon.last_look.min(until);
        let one = account(
            job,
            until,
            ran.get(&job.name).unwrap_or(&none),
            skips,
            &waiting,
        );
        total.slots += one.slots;
        total.ran += one.ran;
        total.left_out += one.left_out;
    }
    total
}

const MIXED: [(u64, &str); 4] = [
    (1, "rate(30 minutes)"),
    (30, "cron(MIN HOUR * * ? *)"),
    (40, "cron(MIN HOUR ? * MON *)"),
    (29, "cron(MIN HOUR DAY * ? *)"),
];

#[test]
fn a_year_of_a_thousand_functions_with_stops_and_jumps_of_the_clock() {
    let mut dice = Dice(1);
    let jobs = jobs(1_000, &MIXED, &mut dice);
    let mut daemon = Virtual::new(Witness::of(Memory::default()), jobs, 50, 2, 120);
    let until = start_of_year() + TimeDelta::days(365);
    let account = check(&mut daemon, until);
    assert!(account.slots > 150_000, "{account:?}");
    assert!(
        account.left_out > 1_000,
        "the misfortunes had no effect: {account:?}"
    );
    assert!(account.ran > account.slots * 3 / 5, "{account:?}");
    assert!(daemon.gaps.len() > 30, "{}", daemon.gaps.len());
}

#[test]
fn without_misfortunes_and_with_time_for_all_every_slot_runs() {
    let mut dice = Dice(3);
    let mut jobs = jobs(200, &MIXED, &mut dice);
    jobs.iter_mut().for_each(|job| job.overlap = Overlap::Allow);
    let mut daemon = Virtual::new(Witness::of(Memory::default()), jobs, 200, 4, 1);
    daemon.next_misfortune = DateTime::<Utc>::MAX_UTC;
    let account = check(&mut daemon, start_of_year() + TimeDelta::days(365));
    assert_eq!(account.ran, account.slots);
    assert!(account.slots > 20_000, "{account:?}");
}

#[test]
fn three_daemons_on_one_claim_store_run_each_slot_once() {
    let mut dice = Dice(5);
    let jobs = jobs(100, &MIXED, &mut dice);
    let mut daemons: Vec<Virtual> = (0..3)
        .map(|number| {
            let witness = Witness::of(Memory::default());
            let mut daemon = Virtual::new(witness, jobs.clone(), 50, 6 + number, 48);
            // Their clocks differ by up to ten minutes, until something sets them.
            daemon.skew = TimeDelta::minutes(10) * (i32::try_from(number).expect("three") - 1);
            daemon
        })
        .collect();
    let until = start_of_year() + TimeDelta::days(365);
    let ran = live(&mut daemons, until);
    let left_out: Vec<_> = daemons
        .iter()
        .map(|daemon| daemon.witness.left_out())
        .collect();
    let last_look = daemons
        .iter()
        .map(|daemon| daemon.last_look)
        .min()
        .expect("three");
    let mut total = Account::default();
    for job in &jobs {
        let none = BTreeMap::new();
        let ran = ran.get(&job.name).unwrap_or(&none);
        for (number, skips) in left_out.iter().enumerate() {
            // By the account of each of them: what none of all ran, this one left out with a reason.
            let nothing = vec![];
            let skips = skips.get(&job.name).unwrap_or(&nothing);
            let rows = daemons[number].witness.clone().jobs().expect("read");
            let waiting = |slot| rows[&job.name].known.waiting.contains_key(&slot);
            let began_late = start_of_year() + TimeDelta::minutes(10);
            let known = |slot| slot + job.offset <= began_late || waiting(slot);
            let one = account(job, last_look.min(until), ran, skips, &known);
            if number == 0 {
                total.slots += one.slots;
                total.ran += one.ran;
                total.left_out += one.left_out;
            }
        }
    }
    // Together they are down less than one of them.
    assert!(total.ran > total.slots * 4 / 5, "{total:?}");
}

#[test]
fn a_day_on_the_ledger_on_disk() {
    let folder = Folder::new();
    let mut dice = Dice(7);
    let jobs = jobs(20, &[(1, "rate(30 minutes)")], &mut dice);
    let witness = Witness::of(Sqlite::new(&folder.0));
    let mut daemon = Virtual::new(witness, jobs, 10, 8, 2);
    let account = check(&mut daemon, start_of_year() + TimeDelta::days(1));
    assert!(account.slots > 800 && account.ran > 300, "{account:?}");
    assert_eq!(
        daemon.witness.runs(None, 10_000).expect("read").len(),
        daemon.begun,
        "the ledger knows every run"
    );
}
