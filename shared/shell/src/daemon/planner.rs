//! What becomes of every scheduled time: started, made to wait, or left out with a reason.
//!
//! Pure: the time is passed in, and nothing here waits, writes or starts anything. A slot is a function and its
//! scheduled time, never the time at which it really ran, so that the same slot has the same name on every machine.
//!
//! Being down is told from being busy by when a slot is first looked at. While the daemon is up, every slot is looked
//! at within a second of its time, and then it is the overlap policy that speaks. A slot that is first looked at more
//! than [`ON_TIME`] later fell into a downtime (or into a jump of the clock), and then it is the missed policy.

mod decision;
mod look;
mod recovery;
mod spread;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::Overlap;

use decision::Tally;
pub use decision::{Decided, Decision, Job, Known, Limit, Skip, Waiting, Why};
use look::{Fresh, Planned};
#[cfg(test)]
pub(crate) use spread::offset;
pub use spread::offset_of;

/// A slot that is looked at within this of its time was not missed. EventBridge Scheduler is as exact as that.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
pub const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// What was missed is made up for within this time, each function at its own moment, so that the end of a downtime is
/// not a stampede.
pub const CATCH_UP_SECS: u64 = 60;

/// The most slots of one function that wait or are made up for.
pub const MAX_WAITING: usize = 100;

/// Decides for all functions, and keeps count of what runs.
#[derive(Debug)]
pub struct Planner {
    jobs: BTreeMap<String, Planned>,
    running: BTreeMap<String, usize>,
    max_runs: usize,
    limits: Vec<Limit>,
    /// Runs that no slot set off, by function: they have places too.
    beside: BTreeMap<String, usize>,
    /// When each function is to be looked at next, so that a look costs nothing while nothing is due.
    agenda: BTreeSet<(DateTime<Utc>, String)>,
    /// The functions with slots that wait.
    with_waiting: BTreeSet<String>,
    last_tick: Option<DateTime<Utc>>,
}

impl Planner {
    /// A planner of no functions, which lets this many runs go on at once.
    pub fn new(max_runs: usize) -> Self {
        Self {
            jobs: BTreeMap::new(),
            running: BTreeMap::new(),
            max_runs,
            limits: vec![],
            beside: BTreeMap::new(),
            agenda: BTreeSet::new(),
            with_waiting: BTreeSet::new(),
            last_tick: None,
        }
    }

    /// What functions share, from now on. What runs goes on.
    pub fn set_limits(&mut self, limits: Vec<Limit>) {
        self.limits = limits;
    }

    /// How many runs go on that no slot set off, by function.
    pub fn set_beside(&mut self, beside: BTreeMap<String, usize>) {
        self.beside = beside;
    }

    /// How many runs go on, whatever set them off.
    fn all_running(&self) -> usize {
        let runs = self.running.values().chain(self.beside.values());
        runs.sum()
    }

    /// Whether another run of a function may go on beside those of the functions it shares something with.
    fn has_room(&self, function: &str) -> bool {
        let mut shared = self.limits.iter();
        shared.all(|limit| {
            let beside = |name: &str| self.beside.get(name).copied().unwrap_or_default();
            limit.has_room(function, |name| self.running(name) + beside(name))
        })
    }

    /// Adds a function with what is known of it. A function that has never been seen begins now: it has missed nothing.
    pub fn add(&mut self, job: Job, mut known: Known, now: DateTime<Utc>) {
        let until = *known.decided_until.get_or_insert(now - job.offset);
        let next = job.schedule.next(until);
        let name = job.name.clone();
        if !known.waiting.is_empty() {
            self.with_waiting.insert(name.clone());
        }
        let planned = Planned {
            job,
            known,
            next,
            begun: BTreeSet::new(),
        };
        self.agenda
            .extend(planned.due().map(|due| (due, name.clone())));
        self.jobs.insert(name, planned);
    }

    /// Puts a changed configuration of a function in place. What waits and what is paused stays; with another schedule
    /// nothing is made up for, since that schedule was not in force before.
    pub fn change(&mut self, job: Job, now: DateTime<Utc>) {
        let Some(planned) = self.take(&job.name) else {
            return self.add(job, Known::default(), now);
        };
        let mut known = planned.known;
        if planned.job.schedule != job.schedule {
            known.decided_until = None;
        }
        let name = job.name.clone();
        self.add(job, known, now);
        if let Some(changed) = self.jobs.get_mut(&name) {
            changed.begun = planned.begun;
        }
    }

    fn take(&mut self, function: &str) -> Option<Planned> {
        let planned = self.jobs.remove(function)?;
        if let Some(due) = planned.due() {
            self.agenda.remove(&(due, function.to_owned()));
        }
        self.with_waiting.remove(function);
        Some(planned)
    }

    /// Takes a function out. Its runs go on to their end.
    pub fn remove(&mut self, function: &str) -> Decided {
        let mut decided = Decided::default();
        if let Some(planned) = self.take(function) {
            let waiting = planned.known.waiting.into_keys();
            Tally::of(&planned.job, waiting, Why::Removed).tell(function, &mut decided.decisions);
        }
        decided
    }

    /// The functions, with what is known of them.
    pub fn jobs(&self) -> impl Iterator<Item = (&Job, &Known)> {
        self.jobs
            .values()
            .map(|planned| (&planned.job, &planned.known))
    }

    /// A function, with what is known of it.
    pub fn job(&self, function: &str) -> Option<(&Job, &Known)> {
        let planned = self.jobs.get(function)?;
        Some((&planned.job, &planned.known))
    }

    /// How many runs of each function go on.
    pub fn all_runs(&self) -> &BTreeMap<String, usize> {
        &self.running
    }

    /// After a look: the functions with a slot that could begin now if there were a place for it.
    pub fn wanting(&self, now: DateTime<Utc>) -> BTreeSet<String> {
        let wanting = self.waiting().filter(|planned| {
            let is_free =
                planned.job.overlap == Overlap::Allow || self.running(&planned.job.name) == 0;
            let mut waiting = planned.known.waiting.values();
            is_free && waiting.any(|waiting| waiting.is_ready(now))
        });
        wanting.map(|planned| planned.job.name.clone()).collect()
    }

    /// How many runs of a function go on.
    pub fn running(&self, function: &str) -> usize {
        self.running.get(function).copied().unwrap_or_default()
    }

    /// Pauses a function, or lets it go on. What comes meanwhile is left out: going on is no burst.
    pub fn set_paused(&mut self, function: &str, is_paused: bool) {
        if let Some(planned) = self.jobs.get_mut(function) {
            planned.known.is_paused = is_paused;
        }
    }

    /// A run has ended, or a start did not come about.
    pub fn ended(&mut self, function: &str) {
        if let Some(running) = self.running.get_mut(function) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(function);
            }
        }
    }

    /// The next time at which there is something to decide, unless a run ends before.
    pub fn wake(&self) -> Option<DateTime<Utc>> {
        let slots = self.agenda.first().map(|(due, _)| *due);
        let is_free = self.all_running() < self.max_runs;
        let waiting = self.waiting().filter_map(|planned| {
            let may_start = is_free
                && self.has_room(&planned.job.name)
                && (planned.job.overlap == Overlap::Allow || self.running(&planned.job.name) == 0);
            let waiting = planned.known.waiting.values();
            waiting
                .map(|waiting| waiting.not_before)
                .min()
                .filter(|_| may_start)
        });
        slots.into_iter().chain(waiting).min()
    }

    /// The functions with slots that wait.
    fn waiting(&self) -> impl Iterator<Item = &Planned> {
        let names = self.with_waiting.iter();
        names.filter_map(|name| self.jobs.get(name))
    }

    /// The functions that are to be looked at.
    fn due(&mut self, now: DateTime<Utc>) -> BTreeSet<String> {
        if self.last_tick.replace(now).is_some_and(|last| now < last) {
            // The clock went back, and what comes again is in no agenda.
            self.agenda.clear();
            return self.jobs.keys().cloned().collect();
        }
        let paused = self.waiting().filter(|planned| planned.known.is_paused);
        let mut due: BTreeSet<String> = paused.map(|planned| planned.job.name.clone()).collect();
        for name in &due {
            let next = self.jobs.get(name).and_then(Planned::due);
            self.agenda
                .retain(|(due, known)| known != name || Some(*due) != next);
        }
        while self.agenda.first().is_some_and(|(due, _)| *due <= now) {
            due.extend(self.agenda.pop_first().map(|(_, name)| name));
        }
        due
    }

    /// Decides on every slot that has become due, and starts what can start.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Decided {
        let mut decided = Decided::default();
        let mut fresh = Fresh::new();
        for name in self.due(now) {
            let Some(planned) = self.jobs.get_mut(&name) else {
                continue;
            };
            let running = self.running.get(&name).copied();
            planned.look(now, running.unwrap_or_default(), &mut decided, &mut fresh);
            match planned.known.waiting.is_empty() {
                true => self.with_waiting.remove(&name),
                false => self.with_waiting.insert(name.clone()),
            };
            self.agenda.extend(planned.due().map(|due| (due, name)));
        }
        self.start(now, &mut decided);
        // What came and could not start at once is remembered as waiting.
        self.let_wait(fresh, &mut decided);
        decided
    }

    fn let_wait(&self, fresh: Fresh, decided: &mut Decided) {
        for (function, slot) in fresh {
            let planned = self.jobs.get(&function);
            if let Some(waiting) = planned.and_then(|planned| planned.known.waiting.get(&slot)) {
                let waiting = *waiting;
                decided.decisions.push(Decision::Wait {
                    function,
                    slot,
                    waiting,
                });
            }
        }
    }

    /// Starts what waits and is ready, the longest waiting first, while there are places.
    fn start(&mut self, now: DateTime<Utc>, decided: &mut Decided) {
        let mut places = self.max_runs.saturating_sub(self.all_running());
        if places == 0 {
            return;
        }
        let mut ready: Vec<(DateTime<Utc>, DateTime<Utc>, String)> = Vec::new();
        for planned in self.waiting() {
            let name = &planned.job.name;
            let is_one_at_a_time = planned.job.overlap != Overlap::Allow;
            if is_one_at_a_time && self.running(name) > 0 {
                continue;
            }
            let slots = planned
                .known
                .waiting
                .iter()
                .filter(|(_, waiting)| waiting.is_ready(now))
                .map(|(slot, waiting)| (waiting.not_before, *slot, name.clone()));
            ready.extend(slots.take(if is_one_at_a_time { 1 } else { places }));
        }
        ready.sort();
        for (_, slot, function) in ready {
            if places == 0 {
                return;
            }
            if !self.has_room(&function) {
                continue;
            }
            let Some(planned) = self.jobs.get_mut(&function) else {
                continue;
            };
            places -= 1;
            let waiting = planned.known.waiting.remove(&slot);
            planned.begins(slot);
            if planned.known.waiting.is_empty() {
                self.with_waiting.remove(&function);
            }
            *self.running.entry(function.clone()).or_default() += 1;
            decided.decisions.push(Decision::Start {
                function,
                slot,
                missed: waiting.map_or(0, |waiting| waiting.missed),
            });
        }
    }
}

impl Waiting {
    fn is_ready(&self, now: DateTime<Utc>) -> bool {
        // A time further ahead than anything is made to wait was written before the clock went back.
        let furthest = now + TimeDelta::seconds(CATCH_UP_SECS.cast_signed());
        self.not_before <= now || self.not_before > furthest
    }
}
