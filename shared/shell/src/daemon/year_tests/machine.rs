//! A daemon in virtual time: its functions and its misfortunes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::Mode;

use crate::daemon::dispatcher::{Dispatcher, End};
use crate::daemon::planner::{Job, offset};
use crate::daemon::store::{Outcome, RunRow};
use crate::daemon::store_tests::host;
use crate::daemon::store_tests::witness::Witness;
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

/// The longest run, in seconds.
pub(super) const LONGEST_RUN: u64 = 5_000;

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

struct Running {
    function: String,
    gone: Gone,
}

/// How a run goes on no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Done,
    Failed,
    /// With its daemon, and nobody is told.
    Killed,
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
    /// When it began, by its own clock.
    pub(super) from: DateTime<Utc>,
    /// Its clock minus the true one.
    pub(super) skew: TimeDelta,
    /// By when they end, in true time.
    running: BTreeMap<(DateTime<Utc>, String), Running>,
    pub(super) next_misfortune: DateTime<Utc>,
    back_at: DateTime<Utc>,
    pub(super) last_look: DateTime<Utc>,
    /// From its last look to its first look after a stop or a jump, by its own clock.
    pub(super) gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// What its clock went back over, and brings again.
    pub(super) again: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whether its clock is set now and then.
    pub(super) has_jumps: bool,
    /// Of so many runs one fails.
    pub(super) fails_one_in: u64,
    /// Runs that go on no more, since somebody asked.
    pub(super) gone: Vec<(String, Gone)>,
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
            from: now,
            skew: TimeDelta::zero(),
            running: BTreeMap::new(),
            next_misfortune: now + TimeDelta::hours(1),
            back_at: now,
            last_look: now,
            gaps: vec![],
            again: vec![],
            has_jumps: true,
            fails_one_in: u64::MAX,
            gone: vec![],
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
        if self.dispatcher.is_none() {
            // What the daemon before has left is judged as it boots.
            self.gaps.push((self.last_look.min(clock), clock));
        }
        let store = Box::new(self.witness.clone());
        let dispatcher = self.dispatcher.get_or_insert_with(|| {
            Dispatcher::boot(store, self.jobs.clone(), self.max_runs, host(clock), clock)
        });
        while let Some(entry) = self
            .running
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let ((_, run_id), running) = entry.remove_entry();
            let end = End {
                outcome: match running.gone {
                    Gone::Done => Outcome::Ok,
                    Gone::Failed | Gone::Killed => Outcome::Failed,
                },
                detail: None,
                summary: None,
            };
            dispatcher.ended(&run_id, &running.function, end, clock);
            self.gone.push((run_id, running.gone));
        }
        if now >= self.next_misfortune {
            let every = 2 * 3600 * self.misfortune_every;
            self.next_misfortune = now + self.dice.seconds(every) + TimeDelta::seconds(1);
            let misfortunes = if self.has_jumps { 0 } else { 3 };
            match misfortunes + self.dice.below(5 - misfortunes) {
                0 => self.skew += self.dice.seconds(6 * 3600),
                1 => self.skew -= self.dice.seconds(6 * 3600),
                2 => self.skew = TimeDelta::zero(),
                _ => {
                    // kill -9: what ran is cut off, and nobody is told.
                    self.dispatcher = None;
                    let killed = std::mem::take(&mut self.running).into_keys();
                    self.gone
                        .extend(killed.map(|(_, run_id)| (run_id, Gone::Killed)));
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
            if clock < self.last_look {
                self.again.push((clock, self.last_look));
            }
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
                .extract_if(.., |_, running| running.function == *function);
            let cut_off: Vec<_> = cut_off.collect();
            for ((_, run_id), mut running) in cut_off {
                running.gone = Gone::Failed;
                self.running
                    .insert((now + TimeDelta::seconds(1), run_id), running);
            }
        }
        self.begun += work.starts.len();
        for start in &work.starts {
            // Some take longer than the time to their next slot.
            let longest = self.dice.of(&[5, 60, 60, LONGEST_RUN]);
            let end = now + self.dice.seconds(longest) + TimeDelta::seconds(1);
            let running = Running {
                function: start.function.clone(),
                gone: match self.dice.below(self.fails_one_in) {
                    0 => Gone::Failed,
                    _ => Gone::Done,
                },
            };
            self.running.insert((end, start.run_id.clone()), running);
        }
        work.starts
    }

    /// Its clock, at a true time.
    pub(super) fn clock(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.skew
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
