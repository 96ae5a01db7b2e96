//! What the daemon tells the page: a few facts in memory that nobody waits for.
//!
//! Everything else the page reads from the ledger by itself, on a connection of its own. So neither a client that is
//! slow nor a hundred that are fast can delay a slot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::reports::Reports;
use crate::daemon::dispatcher::{Dispatcher, End};
use crate::daemon::planner::Job;
use crate::daemon::store::Outcome;

/// The planner looks at the clock at least every five seconds. After this long without a look it hangs; a disk that is
/// slow for a while does not count yet.
const STUCK: Duration = Duration::from_secs(30);

/// What the planner's thread and the runs tell, and the page reads.
#[derive(Debug)]
pub struct Link {
    began: Instant,
    /// Milliseconds from `began` to the last look at the clock, and one more; 0: there was none.
    looked: AtomicU64,
    is_stopping: AtomicBool,
    facts: Mutex<Facts>,
    /// The last report of each function; `None` while nobody could read it.
    pub reports: Option<Reports>,
}

#[derive(Debug, Default)]
struct Facts {
    jobs: Arc<Vec<Job>>,
    trouble: Option<String>,
    dry_runs: BTreeMap<String, DryRun>,
}

/// The last dry run of a function that somebody asked for on the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    /// The run's id.
    pub run_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; not while it goes on.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended; not while it goes on.
    pub outcome: Option<Outcome>,
    /// One line.
    pub detail: Option<String>,
}

impl Link {
    /// A daemon that has not looked at the clock yet. With a state directory the last reports are kept there.
    pub fn new(reports: Option<&Path>) -> Self {
        Self {
            began: Instant::now(),
            looked: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            facts: Mutex::default(),
            reports: reports.map(Reports::new),
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Facts are whole whenever the lock is free: nothing that holds it can panic half-way.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The planner has looked at the clock, and decided.
    pub fn looked(&self, dispatcher: &Dispatcher) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.looked.store(now + 1, Ordering::Relaxed);
        let mut facts = self.facts();
        if facts.trouble.as_deref() != dispatcher.trouble() {
            facts.trouble = dispatcher.trouble().map(str::to_owned);
        }
    }

    /// These functions are planned from now on.
    pub fn planned(&self, dispatcher: &Dispatcher) {
        let jobs = dispatcher.jobs().map(|(job, _)| job.clone()).collect();
        self.facts().jobs = Arc::new(jobs);
    }

    /// No new work begins; nobody looks at the clock any more.
    pub fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// A dry run begins. Answers `false` while another one goes on: one at a time is enough for a page.
    pub fn dry_run_begins(&self, function: &str, run_id: &str, now: DateTime<Utc>) -> bool {
        let mut facts = self.facts();
        if facts.dry_runs.values().any(|run| run.outcome.is_none()) {
            return false;
        }
        let run = DryRun {
            run_id: run_id.to_owned(),
            started_at: now,
            finished_at: None,
            outcome: None,
            detail: None,
        };
        facts.dry_runs.insert(function.to_owned(), run);
        true
    }

    /// A dry run has ended.
    pub fn dry_run_ended(&self, function: &str, end: End, now: DateTime<Utc>) {
        if let Some(run) = self.facts().dry_runs.get_mut(function) {
            run.finished_at = Some(now);
            run.outcome = Some(end.outcome);
            run.detail = end.detail;
        }
    }

    pub(super) fn jobs(&self) -> Arc<Vec<Job>> {
        Arc::clone(&self.facts().jobs)
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.facts().trouble.clone()
    }

    pub(super) fn dry_runs(&self) -> BTreeMap<String, DryRun> {
        self.facts().dry_runs.clone()
    }

    /// How long ago the planner looked at the clock; `None`: never yet.
    pub(super) fn since_look(&self) -> Option<Duration> {
        let looked = self.looked.load(Ordering::Relaxed).checked_sub(1)?;
        Some(
            self.began
                .elapsed()
                .saturating_sub(Duration::from_millis(looked)),
        )
    }

    /// Why the daemon should be restarted, if it should.
    pub(super) fn why_not_live(&self) -> Option<String> {
        let silence = self.since_look().unwrap_or_else(|| self.began.elapsed());
        (silence > STUCK && !self.is_stopping.load(Ordering::Relaxed)).then(|| {
            format!(
                "the planner has not looked at the clock for {} s",
                silence.as_secs()
            )
        })
    }

    /// Why the daemon does not do all of its work now, if it does not. The configuration has been read and the state
    /// directory's lock is held before anybody can ask.
    pub(super) fn why_not_ready(&self) -> Option<String> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some("the daemon stops".to_owned());
        }
        if self.since_look().is_none() {
            return Some("nothing has been planned yet".to_owned());
        }
        self.why_not_live().or_else(|| self.trouble())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::http::page_tests::at;
    use crate::daemon::memory::Memory;
    use crate::daemon::store_tests::host;

    fn dispatcher() -> Dispatcher {
        let now = at("2026-11-22T06:00:00Z");
        Dispatcher::boot(Box::new(Memory::default()), vec![], 1, host(now), now)
    }

    #[test]
    fn it_is_ready_from_the_first_look_until_it_stops() {
        let link = Link::new(None);
        assert_eq!(
            link.why_not_ready().as_deref(),
            Some("nothing has been planned yet")
        );
        assert_eq!(link.why_not_live(), None);
        link.looked(&dispatcher());
        assert_eq!(link.why_not_ready(), None);
        link.stopping();
        assert_eq!(link.why_not_ready().as_deref(), Some("the daemon stops"));
        assert_eq!(link.why_not_live(), None);
    }

    #[test]
    fn one_dry_run_goes_on_at_a_time() {
        let link = Link::new(None);
        let now = at("2026-11-22T06:00:00Z");
        assert!(link.dry_run_begins("audit-mfa", "1", now));
        assert!(!link.dry_run_begins("stop-untagged", "2", now));
        let end = End {
            outcome: Outcome::Ok,
            detail: None,
            summary: None,
        };
        link.dry_run_ended("audit-mfa", end, now);
        assert!(link.dry_run_begins("stop-untagged", "3", now));
        assert_eq!(link.dry_runs()["audit-mfa"].outcome, Some(Outcome::Ok));
    }
}
