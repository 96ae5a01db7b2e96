//! A ledger for virtual time: the daemon writes it, and the test beside it looks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use lamplighter_core::Result;

use crate::daemon::consumers::QueueRow;
use crate::daemon::planner::{Decision, Skip};
use crate::daemon::store::{Host, JobRow, RunRow, Store, Totals, Write};

/// What was left out, and when that was decided.
pub(in crate::daemon) type Skips = Vec<(DateTime<Utc>, Skip)>;

/// A ledger that outlives its daemon, and remembers what was left out for longer than a ledger does. Clones share it.
#[derive(Clone)]
pub(in crate::daemon) struct Witness {
    ledger: Arc<Mutex<dyn Store>>,
    pub(in crate::daemon) skips: Arc<Mutex<Skips>>,
    /// The runs that have begun and not ended, by their ids.
    open: Arc<Mutex<BTreeMap<String, RunRow>>>,
    was_changed: Arc<AtomicBool>,
}

impl Witness {
    pub(in crate::daemon) fn of(store: impl Store + 'static) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(store)),
            skips: Arc::default(),
            open: Arc::default(),
            was_changed: Arc::default(),
        }
    }

    /// The slots that were left out, by function.
    pub(in crate::daemon) fn left_out(&self) -> HashMap<String, Vec<Skip>> {
        let mut by_function: HashMap<String, Vec<Skip>> = HashMap::new();
        for (_, skip) in self.skips.lock().expect("not poisoned").iter() {
            by_function
                .entry(skip.function.clone())
                .or_default()
                .push(skip.clone());
        }
        by_function
    }

    /// The runs that go on.
    pub(in crate::daemon) fn open(&self) -> Vec<RunRow> {
        let open = self.open.lock().expect("not poisoned");
        open.values().cloned().collect()
    }

    /// What `lamplighter resume` does, from another process.
    pub(in crate::daemon) fn resume(&mut self, function: &str) {
        let function = function.to_owned();
        self.write(&Write::Resume { function }).expect("written");
        self.was_changed.store(true, Ordering::Relaxed);
    }
}

impl Witness {
    fn note(&mut self, write: &Write, done_before: &BTreeSet<String>) {
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
        let mut open = self.open.lock().expect("not poisoned");
        match write {
            Write::Boot(_) => open.clear(),
            Write::Tick { starts, .. } => {
                let begun = starts.iter().filter(|start| {
                    start.outcome.is_none() && !done_before.contains(&start.run_id)
                });
                open.extend(begun.map(|start| (start.run_id.clone(), start.clone())));
            }
            Write::Finish(finish) => {
                open.remove(&finish.run_id);
            }
            _ => {}
        }
    }
}

impl Store for Witness {
    fn write_all(&mut self, writes: &[Write]) -> Result<BTreeSet<String>> {
        let done_before = self
            .ledger
            .lock()
            .expect("not poisoned")
            .write_all(writes)?;
        writes
            .iter()
            .for_each(|write| self.note(write, &done_before));
        Ok(done_before)
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

    fn was_changed(&mut self) -> Result<bool> {
        Ok(self.was_changed.swap(false, Ordering::Relaxed))
    }
}
