//! The ledger in memory: for virtual time, and for what it says about the other one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use lamplighter_core::Result;

use super::consumers::QueueRow;
use super::planner::{Decision, Skip};
use super::store::{
    Durations, Finish, Host, JobRow, KEPT_FOR, KEPT_RUNS, Outcome, Paused, RunRow, Store, Totals,
    Write,
};

/// A ledger that ends with the process.
#[derive(Debug, Default)]
pub struct Memory {
    jobs: BTreeMap<String, JobRow>,
    /// By when they began and their id, so that the newest are last.
    runs: BTreeMap<(DateTime<Utc>, String), RunRow>,
    began: BTreeMap<String, DateTime<Utc>>,
    slots: BTreeSet<(String, DateTime<Utc>)>,
    skips: Vec<(DateTime<Utc>, Skip)>,
    host: Option<Host>,
    queues: BTreeMap<(String, String), QueueRow>,
    totals: Totals,
}

impl Memory {
    fn job(&mut self, function: &str) -> &mut JobRow {
        self.jobs.entry(function.to_owned()).or_default()
    }

    fn tick(
        &mut self,
        at: DateTime<Utc>,
        decided: &super::planner::Decided,
        starts: &[RunRow],
    ) -> BTreeSet<String> {
        for (function, until) in &decided.until {
            self.job(function).known.decided_until = Some(*until);
        }
        for decision in &decided.decisions {
            match decision {
                Decision::Wait {
                    function,
                    slot,
                    waiting,
                } => {
                    if !self.slots.contains(&(function.clone(), *slot)) {
                        self.job(function).known.waiting.insert(*slot, *waiting);
                    }
                }
                Decision::Skip(skip) => {
                    let waiting = &mut self.job(&skip.function).known.waiting;
                    waiting.retain(|slot, _| !(skip.first..=skip.last).contains(slot));
                    self.skips.push((at, skip.clone()));
                    let total = self.totals.skips.entry((skip.function.clone(), skip.why));
                    *total.or_default() += skip.count;
                }
                Decision::Start { function, slot, .. } => {
                    self.job(function).known.waiting.remove(slot);
                }
                Decision::Replace { .. } => {}
            }
        }
        let mut done_before = BTreeSet::new();
        for start in starts {
            let is_fresh = start
                .slot
                .is_none_or(|slot| self.slots.insert((start.function.clone(), slot)));
            if is_fresh {
                self.began.insert(start.run_id.clone(), start.started_at);
                if let Some(outcome) = start.outcome {
                    self.count(&start.function, outcome);
                }
                self.runs
                    .insert((start.started_at, start.run_id.clone()), start.clone());
            } else {
                done_before.insert(start.run_id.clone());
            }
        }
        done_before
    }

    fn finish(&mut self, finish: &Finish) {
        let key = self.began.remove(&finish.run_id);
        let run = key.and_then(|began| self.runs.get_mut(&(began, finish.run_id.clone())));
        if let Some(run) = run {
            run.finished_at = Some(finish.at);
            run.outcome = Some(finish.outcome);
            run.detail.clone_from(&finish.detail);
            run.summary.clone_from(&finish.summary);
            let took = (finish.at - run.started_at).num_milliseconds();
            self.count(&finish.function, finish.outcome);
            if Durations::counts(finish.outcome) {
                let durations = self.totals.durations.entry(finish.function.clone());
                durations.or_default().add(took);
            }
        }
        let pause = finish.pause.as_deref();
        self.count_panics(&finish.function, finish.panics, pause, finish.at);
    }

    fn count_panics(
        &mut self,
        function: &str,
        panics: u32,
        pause: Option<&str>,
        at: DateTime<Utc>,
    ) {
        let job = self.job(function);
        job.panics = panics;
        if let Some(why) = pause {
            job.known.is_paused = true;
            job.paused = Some(Paused {
                at,
                why: why.to_owned(),
            });
        }
    }

    fn count(&mut self, function: &str, outcome: Outcome) {
        let total = self.totals.runs.entry((function.to_owned(), outcome));
        *total.or_default() += 1;
    }

    fn trim(&mut self, now: DateTime<Utc>) {
        let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
        let mut last: BTreeSet<(&str, bool)> = BTreeSet::new();
        let mut gone = Vec::new();
        for (key, run) in self.runs.iter().rev() {
            let count = kept.entry(&run.function).or_default();
            *count += 1;
            let is_last = match run.outcome {
                None => true,
                Some(Outcome::Ok) => last.insert((&run.function, true)),
                Some(outcome) if outcome.is_failure() => last.insert((&run.function, false)),
                Some(_) => false,
            };
            if (*count > KEPT_RUNS || key.0 < now - KEPT_FOR) && !is_last {
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.runs.remove(&key);
        }
        self.slots.retain(|(_, slot)| *slot >= now - KEPT_FOR);
        self.skips.retain(|(at, _)| *at >= now - KEPT_FOR);
    }
}

impl Memory {
    fn apply(&mut self, write: &Write) -> BTreeSet<String> {
        match write {
            Write::Boot(host) => {
                self.began.clear();
                let mut cut_off = Vec::new();
                for run in self.runs.values_mut().filter(|run| run.outcome.is_none()) {
                    run.finished_at = Some(host.started_at);
                    run.outcome = Some(Outcome::Interrupted);
                    cut_off.push(run.function.clone());
                }
                for function in cut_off {
                    self.count(&function, Outcome::Interrupted);
                }
                self.host = Some(host.clone());
            }
            Write::Job {
                function,
                schedule,
                decided_until,
            } => {
                let job = self.job(function);
                job.schedule.clone_from(schedule);
                job.known.decided_until = Some(*decided_until);
            }
            Write::Tick {
                at,
                decided,
                starts,
            } => return self.tick(*at, decided, starts),
            Write::Finish(finish) => self.finish(finish),
            Write::Delivery { run, panics, pause } => {
                let key = (run.started_at, run.run_id.clone());
                self.runs.insert(key, run.clone());
                if let Some(outcome) = run.outcome {
                    self.count(&run.function, outcome);
                }
                let at = run.finished_at.unwrap_or(run.started_at);
                self.count_panics(&run.function, *panics, pause.as_deref(), at);
            }
            Write::Queues(rows) => {
                for row in rows {
                    let key = (row.function.clone(), row.queue.clone());
                    self.queues.insert(key, row.clone());
                }
            }
            Write::Beat(host) => self.host = Some(host.clone()),
            Write::Resume { function } => {
                let job = self.job(function);
                job.known.is_paused = false;
                job.panics = 0;
                job.paused = None;
            }
            Write::Trim { at } => self.trim(*at),
        }
        BTreeSet::new()
    }
}

impl Store for Memory {
    fn write_all(&mut self, writes: &[Write]) -> Result<BTreeSet<String>> {
        Ok(writes.iter().flat_map(|write| self.apply(write)).collect())
    }

    fn jobs(&mut self) -> Result<BTreeMap<String, JobRow>> {
        Ok(self.jobs.clone())
    }

    fn host(&mut self) -> Result<Option<Host>> {
        Ok(self.host.clone())
    }

    fn runs(&mut self, function: Option<&str>, limit: usize) -> Result<Vec<RunRow>> {
        let runs = self.runs.values().rev();
        let wanted = runs.filter(|run| function.is_none_or(|name| name == run.function));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn last(&mut self, function: &str, success: bool) -> Result<Option<RunRow>> {
        let is_wanted = |run: &&RunRow| {
            run.function == function
                && run.outcome.is_some_and(|outcome| match success {
                    true => outcome == Outcome::Ok,
                    false => outcome.is_failure(),
                })
        };
        Ok(self.runs.values().rev().find(is_wanted).cloned())
    }

    fn skips(
        &mut self,
        function: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(DateTime<Utc>, Skip)>> {
        let skips = self.skips.iter().rev();
        let wanted = skips.filter(|(_, skip)| function.is_none_or(|name| name == skip.function));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn queues(&mut self) -> Result<Vec<QueueRow>> {
        Ok(self.queues.values().cloned().collect())
    }

    fn totals(&mut self) -> Result<Totals> {
        Ok(self.totals.clone())
    }
}
