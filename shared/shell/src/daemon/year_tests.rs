//! A virtual year: many functions, four zones, stops and jumps of the clock, and every slot accounted for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::{Mode, Result};

use super::dispatcher::{Dispatcher, End};
use super::memory::Memory;
use super::planner::{Decision, Job, Skip, Why, offset};
use super::sqlite::Sqlite;
use super::store::{Host, JobRow, Outcome, RunRow, Store, Write};
use super::store_tests::{Folder, host};
use crate::schedule::Schedule;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn seconds(&mut self, limit: u64) -> TimeDelta {
        TimeDelta::seconds(self.below(limit).cast_signed())
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let place = self.below(choices.len() as u64);
        choices[usize::try_from(place).expect("a few")]
    }
}

fn start_of_year() -> DateTime<Utc> {
    "2026-01-01T00:00:30Z".parse().expect("a time")
}

fn jobs(count: usize, schedules: &[(u64, &str)], dice: &mut Dice) -> Vec<Job> {
    const ZONES: [Tz; 4] = [
        Tz::UTC,
        Tz::America__New_York,
        Tz::Europe__Berlin,
        Tz::Australia__Lord_Howe,
    ];
    let mut jobs = Vec::new();
    for number in 0..count {
        let mut place = dice.below(schedules.iter().map(|(weight, _)| weight).sum());
        let mut chosen = schedules.iter();
        let text = loop {
            let (weight, text) = chosen.next().expect("the weights add up");
            match place.checked_sub(*weight) {
                Some(rest) => place = rest,
                None => break *text,
            }
        };
        let (minute, hour) = (dice.below(12) * 5, dice.below(24));
        let day = dice.below(28) + 1;
        let text = text
            .replace("MIN", &minute.to_string())
            .replace("HOUR", &hour.to_string())
            .replace("DAY", &day.to_string());
        let schedule = Schedule::parse(&text, dice.of(&ZONES)).expect("a schedule");
        let name = format!("function-{number:04}");
        let spread = dice.of(&[TimeDelta::zero(), TimeDelta::minutes(10)]);
        jobs.push(Job {
            mode: Mode::Plan,
            missed: dice.of(&[Missed::Once, Missed::Skip, Missed::All]),
            grace: dice.of(&[
                TimeDelta::minutes(5),
                TimeDelta::hours(1),
                TimeDelta::hours(24),
            ]),
            overlap: dice.of(&[
                Overlap::Skip,
                Overlap::QueueOne,
                Overlap::Replace,
                Overlap::Allow,
            ]),
            offset: offset(&name, spread, &schedule),
            schedule,
            name,
        });
    }
    jobs
}

/// What was left out, and when that was decided.
type Skips = Vec<(DateTime<Utc>, Skip)>;

/// A ledger that outlives its daemon, and remembers what was left out for longer than a ledger does.
#[derive(Clone)]
struct Witness {
    ledger: Arc<Mutex<dyn Store>>,
    skips: Arc<Mutex<Skips>>,
}

impl Witness {
    fn of(store: impl Store + 'static) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(store)),
            skips: Arc::default(),
        }
    }

    /// The slots that were left out, by function.
    fn left_out(&self) -> HashMap<String, Vec<Skip>> {
        let mut by_function: HashMap<String, Vec<Skip>> = HashMap::new();
        for (_, skip) in self.skips.lock().expect("not poisoned").iter() {
            by_function
                .entry(skip.function.clone())
                .or_default()
                .push(skip.clone());
        }
        by_function
    }
}

impl Store for Witness {
    fn write(&mut self, write: &Write) -> Result<BTreeSet<String>> {
        if let Write::Tick { decided, at, .. } = write {
            let skips = decided
                .decisions
                .iter()
                .filter_map(|decision| match decision {
                    Decision::Skip(skip) => Some((*at, skip.clone())),
                    _ => None,
                });
            self.skips.lock().expect("not poisoned").extend(skips);
        }
        self.ledger.lock().expect("not poisoned").write(write)
    }

    fn jobs(&mut self) -> Result<BTreeMap<String, JobRow>> {
        self.ledger.lock().expect("not poisoned").jobs()
    }

    fn host(&mut self) -> Result<Option<Host>> {
        self.ledger.lock().expect("not poisoned").host()
    }

    fn runs(&mut self, function: Option<&str>, limit: usize) -> Result<Vec<RunRow>> {
        self.ledger
            .lock()
            .expect("not poisoned")
            .runs(function, limit)
    }

    fn last(&mut self, function: &str, success: bool) -> Result<Option<RunRow>> {
        self.ledger
            .lock()
            .expect("not poisoned")
            .last(function, success)
    }

    fn skips(
        &mut self,
        function: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(DateTime<Utc>, Skip)>> {
        self.ledger
            .lock()
            .expect("not poisoned")
            .skips(function, limit)
    }
}

/// A daemon in virtual time, with its misfortunes.
struct Virtual {
    witness: Witness,
    jobs: Vec<Job>,
    max_runs: usize,
    dice: Dice,
    /// How often something happens to it, in hours.
    misfortune_every: u64,
    /// `None`: it is down.
    dispatcher: Option<Dispatcher>,
    /// Its clock minus the true one.
    skew: TimeDelta,
    /// By when they end, in true time.
    running: BTreeMap<(DateTime<Utc>, String), String>,
    next_misfortune: DateTime<Utc>,
    back_at: DateTime<Utc>,
    last_look: DateTime<Utc>,
    /// From its last look to its first look after a stop or a jump, by its own clock.
    gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    is_shaken: bool,
    kept_at: DateTime<Utc>,
    begun: usize,
}

impl Virtual {
    fn new(
        witness: Witness,
        jobs: Vec<Job>,
        max_runs: usize,
        seed: u64,
        misfortune_every: u64,
    ) -> Self {
        let now = start_of_year();
        Self {
            witness,
            jobs,
            max_runs,
            dice: Dice(seed),
            misfortune_every,
            dispatcher: None,
            skew: TimeDelta::zero(),
            running: BTreeMap::new(),
            next_misfortune: now + TimeDelta::hours(1),
            back_at: now,
            last_look: now,
            gaps: vec![],
            is_shaken: false,
            kept_at: now,
            begun: 0,
        }
    }

    /// The next true time at which something happens.
    fn next(&self) -> DateTime<Utc> {
        let Some(dispatcher) = &self.dispatcher else {
            return self.back_at;
        };
        let wake = dispatcher.wake().map(|wake| wake - self.skew);
        let end = self.running.keys().next().map(|(end, _)| *end);
        [wake, end, Some(self.next_misfortune)]
            .into_iter()
            .flatten()
            .min()
            .expect("a misfortune")
    }

    /// What happens at a true time. Answers the runs that begin.
    fn step(&mut self, now: DateTime<Utc>) -> Vec<RunRow> {
        let mut clock = now + self.skew;
        let store = Box::new(self.witness.clone());
        let dispatcher = self.dispatcher.get_or_insert_with(|| {
            Dispatcher::boot(store, self.jobs.clone(), self.max_runs, host(clock), clock)
        });
        while let Some(entry) = self
            .running
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let ((_, run_id), function) = entry.remove_entry();
            let end = End {
                outcome: Outcome::Ok,
                detail: None,
                summary: None,
            };
            dispatcher.ended(&run_id, &function, end, clock);
        }
        if now >= self.next_misfortune {
            let every = 2 * 3600 * self.misfortune_every;
            self.next_misfortune = now + self.dice.seconds(every) + TimeDelta::seconds(1);
            match self.dice.below(5) {
                0 => self.skew += self.dice.seconds(6 * 3600),
                1 => self.skew -= self.dice.seconds(6 * 3600),
                2 => self.skew = TimeDelta::zero(),
                _ => {
                    // kill -9: what ran is cut off, and nobody is told.
                    self.dispatcher = None;
                    self.running.clear();
                    let longest = self
                        .dice
                        .of(&[30, 300, 3_600, 1_440 * self.misfortune_every]);
                    self.back_at = now + self.dice.seconds(longest) + TimeDelta::seconds(1);
                }
            }
            self.is_shaken = true;
            if self.dispatcher.is_none() {
                return vec![];
            }
            clock = now + self.skew;
        }
        if self.is_shaken {
            self.is_shaken = false;
            self.gaps.push((self.last_look.min(clock), clock));
        }
        self.last_look = clock;
        let dispatcher = self.dispatcher.as_mut().expect("it is up");
        let work = dispatcher.tick(clock);
        if (clock - self.kept_at).abs() >= TimeDelta::days(7) {
            self.kept_at = clock;
            dispatcher.keep(clock);
        }
        for function in &work.replaced {
            let cut_off = self
                .running
                .extract_if(.., |_, running| running == function);
            let cut_off: Vec<_> = cut_off.collect();
            for ((_, run_id), function) in cut_off {
                self.running
                    .insert((now + TimeDelta::seconds(1), run_id), function);
            }
        }
        self.begun += work.starts.len();
        for start in &work.starts {
            // Some take longer than the time to their next slot.
            let longest = self.dice.of(&[5, 60, 60, 5_000]);
            let end = now + self.dice.seconds(longest) + TimeDelta::seconds(1);
            self.running
                .insert((end, start.run_id.clone()), start.function.clone());
        }
        work.starts
    }

    /// A run has found its slot claimed by somebody else.
    fn is_taken(&mut self, run: &RunRow, now: DateTime<Utc>) {
        self.running.retain(|(_, run_id), _| *run_id != run.run_id);
        let end = End {
            outcome: Outcome::Taken,
            detail: None,
            summary: None,
        };
        if let Some(dispatcher) = &mut self.dispatcher {
            dispatcher.ended(&run.run_id, &run.function, end, now + self.skew);
        }
    }
}

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
                if is_shared && !claims.insert((run.function.clone(), run.slot)) {
                    daemon.is_taken(&run, next);
                    continue;
                }
                *ran.entry(run.function)
                    .or_default()
                    .entry(run.slot)
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
