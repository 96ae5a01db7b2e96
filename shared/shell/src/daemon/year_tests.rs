//! A virtual year: many functions, four zones, stops and jumps of the clock, and every slot accounted for.

mod account;
mod claims;
mod machine;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::Overlap;

use super::memory::Memory;
use super::planner::{Job, Why};
use super::sqlite::Sqlite;
use super::store::Store;
use super::store_tests::Folder;
use super::store_tests::witness::Witness;
use account::{Account, Told};
use claims::Claims;
use machine::{Dice, Virtual, jobs, start_of_year};

/// Which slots of each function began, how often.
type Began = HashMap<String, BTreeMap<DateTime<Utc>, u32>>;

/// Lets time pass, and answers what began by each daemon. Those that share claims ask for each slot.
fn live(
    daemons: &mut [Virtual],
    until: DateTime<Utc>,
    mut claims: Option<&mut Claims>,
) -> Vec<Began> {
    let mut began = vec![Began::new(); daemons.len()];
    let mut next = start_of_year();
    loop {
        // What could have begun earlier, had the slot before been known to be taken, begins now.
        next = next.max(daemons.iter().map(Virtual::next).min().expect("a daemon"));
        if next >= until {
            return began;
        }
        for (daemon, began) in daemons.iter_mut().zip(&mut began) {
            if daemon.next() > next {
                continue;
            }
            let runs = daemon.step(next);
            for (run_id, gone) in daemon.gone.drain(..) {
                if let Some(claims) = &mut claims {
                    claims.is_gone(&run_id, gone);
                }
            }
            for run in runs {
                let slot = run.slot.expect("a scheduled run");
                let of_function = began.entry(run.function.clone()).or_default();
                *of_function.entry(slot).or_default() += 1;
                if let Some(claims) = &mut claims
                    && !claims.claim(&run, daemon.clock(next))
                {
                    daemon.is_taken(&run, next);
                }
            }
        }
    }
}

/// What one daemon did: every slot accounted for, and nothing missed but while it was down.
fn account(daemon: &mut Virtual, began: &Began, until: DateTime<Utc>) -> Account {
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
    let (no_skips, no_runs) = (vec![], BTreeMap::new());
    for job in &daemon.jobs {
        let told = Told {
            job,
            from: daemon.from,
            // What is down or jumped at the end is looked at in the year after.
            until: daemon.last_look.min(until),
            began: began.get(&job.name).unwrap_or(&no_runs),
            left_out: left_out.get(&job.name).unwrap_or(&no_skips),
            waiting: &|slot| rows[&job.name].known.waiting.contains_key(&slot),
            again: &daemon.again,
        };
        let one = told.account().unwrap_or_else(|wrong| panic!("{wrong}"));
        total.slots += one.slots;
        total.ran += one.ran;
        total.left_out += one.left_out;
        total.waiting += one.waiting;
    }
    assert_eq!(total.ran, total.slots - total.left_out - total.waiting);
    total
}

fn check(daemon: &mut Virtual, until: DateTime<Utc>) -> Account {
    let began = live(std::slice::from_mut(daemon), until, None);
    account(daemon, &began[0], until)
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
    assert!(daemon.again.len() > 5, "{}", daemon.again.len());
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

/// Three daemons with the same functions, whose clocks are so far apart.
fn three(jobs: &[Job], apart: TimeDelta, misfortune_every: u64) -> Vec<Virtual> {
    let one = |number: i32| {
        let witness = Witness::of(Memory::default());
        let seed = 6 + u64::from(number.unsigned_abs());
        let mut daemon = Virtual::new(witness, jobs.to_vec(), 50, seed, misfortune_every);
        daemon.skew = apart * (number - 1);
        daemon.from = daemon.clock(start_of_year());
        daemon.fails_one_in = 20;
        daemon
    };
    (0..3).map(one).collect()
}

/// Lets them live, and checks each by its own account and all together by their claims.
fn share(daemons: &mut [Virtual], days: i64) -> Claims {
    let until = start_of_year() + TimeDelta::days(days);
    let mut claims = Claims::default();
    let began = live(daemons, until, Some(&mut claims));
    let mut begun = 0;
    for (daemon, began) in daemons.iter_mut().zip(&began) {
        let account = account(daemon, began, until);
        assert!(account.ran > account.slots / 2, "{account:?}");
        let runs = began.values().flat_map(BTreeMap::values);
        begun += runs.map(|times| u64::from(*times)).sum::<u64>();
        for (function, slots) in began {
            for slot in slots.keys() {
                assert!(claims.is_claimed(&(function.clone(), *slot)));
            }
        }
    }
    assert_eq!(
        begun,
        claims.began + claims.taken,
        "each asked for each slot"
    );
    claims
}

#[test]
fn three_daemons_with_a_thousand_functions_on_one_claim_store_run_each_slot_to_its_end_once() {
    let mut dice = Dice(5);
    let jobs = jobs(1_000, &MIXED, &mut dice);
    // Their clocks differ by up to twenty minutes, and by hours after a misfortune.
    let mut daemons = three(&jobs, TimeDelta::minutes(10), 48);
    let claims = share(&mut daemons, 45);
    let done = claims.done();
    assert!(done > 15_000, "{done}");
    assert!(claims.taken > done, "most slots are asked for three times");
    assert!(claims.after_failure > 100, "{}", claims.after_failure);
    assert!(claims.after_expiry > 0, "{}", claims.after_expiry);
}

#[test]
fn three_daemons_whose_clocks_are_nearly_right_never_run_a_slot_at_the_same_time() {
    let mut dice = Dice(9);
    let jobs = jobs(300, &MIXED, &mut dice);
    // A claim holds a minute longer than its run may take.
    let mut daemons = three(&jobs, TimeDelta::seconds(25), 12);
    daemons
        .iter_mut()
        .for_each(|daemon| daemon.has_jumps = false);
    let claims = share(&mut daemons, 60);
    let done = claims.done();
    assert!(done > 5_000, "{done}");
    assert_eq!(claims.at_once.len(), 0, "{:?}", claims.at_once);
    assert!(claims.after_failure > 100, "{}", claims.after_failure);
}

#[test]
fn a_day_on_the_ledger_on_disk() {
    let folder = Folder::new();
    let mut dice = Dice(7);
    let jobs = jobs(60, &[(1, "rate(30 minutes)")], &mut dice);
    let witness = Witness::of(Sqlite::new(&folder.0));
    let mut daemon = Virtual::new(witness, jobs, 30, 8, 2);
    let account = check(&mut daemon, start_of_year() + TimeDelta::days(1));
    assert!(account.slots > 2_400 && account.ran > 900, "{account:?}");
    assert_eq!(
        daemon.witness.runs(None, 10_000).expect("read").len(),
        daemon.begun,
        "the ledger knows every run"
    );
}
