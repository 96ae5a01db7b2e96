//! A daemon in virtual time: its functions, its misfortunes, and what its ledger has seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::{Mode, Result};

use crate::daemon::consumers::QueueRow;
use crate::daemon::dispatcher::{Dispatcher, End};
use crate::daemon::planner::{Decision, Job, Skip, offset};
use crate::daemon::store::{Host, JobRow, Outcome, RunRow, Store, Totals, Write};
use crate::daemon::store_tests::host;
use crate::schedule::Schedule;

/// Numbers that look random and are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub(super) fn seconds(&mut self, limit: u64) -> TimeDelta {
        TimeDelta::seconds(self.below(limit).cast_signed())
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let place = self.below(choices.len() as u64);
        choices[usize::try_from(place).expect("a few")]
    }
}

pub(super) fn start_of_year() -> DateTime<Utc> {
    "2026-01-01T00:00:30Z".parse().expect("a time")
}

pub(super) fn jobs(count: usize, schedules: &[(u64, &str)], dice: &mut Dice) -> Vec<Job> {
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
            queues: vec![],
            schedule,
            name,
        });
    }
    jobs
}

/// What was left out, and when that was decided.
pub(super) type Skips = Vec<(DateTime<Utc>, Skip)>;

/// A ledger that outlives its daemon, and remembers what was left out for longer than a ledger does.
#[derive(Clone)]
pub(super) struct Witness {
    ledger: Arc<Mutex<dyn Store>>,
    pub(super) skips: Arc<Mutex<Skips>>,
}

impl Witness {
    pub(super) fn of(store: impl Store + 'static) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(store)),
            skips: Arc::default(),
        }
    }

    /// The slots that were left out, by function.
    pub(super) fn left_out(&self) -> HashMap<String, Vec<Skip>> {
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

    fn queues(&mut self) -> Result<Vec<QueueRow>> {
        self.ledger.lock().expect("not poisoned").queues()
    }

    fn totals(&mut self) -> Result<Totals> {
        self.ledger.lock().expect("not poisoned").totals()
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
pub(super) struct Virtual {
    pub(super) witness: Witness,
    pub(super) jobs: Vec<Job>,
    max_runs: usize,
    dice: Dice,
    /// How often something happens to it, in hours.
    misfortune_every: u64,
    /// `None`: it is down.
    dispatcher: Option<Dispatcher>,
    /// Its clock minus the true one.
    pub(super) skew: TimeDelta,
    /// By when they end, in true time.
    running: BTreeMap<(DateTime<Utc>, String), String>,
    pub(super) next_misfortune: DateTime<Utc>,
    back_at: DateTime<Utc>,
    pub(super) last_look: DateTime<Utc>,
    /// From its last look to its first look after a stop or a jump, by its own clock.
    pub(super) gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    is_shaken: bool,
    kept_at: DateTime<Utc>,
    pub(super) begun: usize,
}

impl Virtual {
    pub(super) fn new(
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
    pub(super) fn next(&self) -> DateTime<Utc> {
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
    pub(super) fn step(&mut self, now: DateTime<Utc>) -> Vec<RunRow> {
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
    pub(super) fn is_taken(&mut self, run: &RunRow, now: DateTime<Utc>) {
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
