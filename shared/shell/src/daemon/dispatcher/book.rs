//! The ledger, with what could not be written into it yet.
//!
//! Nothing is written before everything was read: what a daemon writes without knowing its ledger would take the place of
//! what is there. What waits is written in order, many changes in one transaction, and a bounded number of them at once:
//! the planner's thread writes, and while it writes nothing else is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lamplighter_core::{Result, chain};
use tracing::{error, info, warn};

use crate::daemon::consumers::QueueRow;
use crate::daemon::store::{Host, JobRow, Store, Write};

/// The most changes that wait for a ledger that cannot be written. Older ones are given up.
pub(super) const MAX_BACKLOG: usize = 10_000;

/// So many of them are written in one transaction.
pub(super) const BATCH: usize = 500;

/// What the daemon before has left.
pub(super) struct Before {
    pub(super) host: Option<Host>,
    pub(super) jobs: BTreeMap<String, JobRow>,
    pub(super) queues: Vec<QueueRow>,
}

/// What became of a change.
pub(super) enum Written {
    /// It is in the ledger. The runs with these ids may not begin: their slots have been run.
    Now(BTreeSet<String>),
    /// It waits behind others, and nothing is wrong.
    Later,
    /// It waits, because of this.
    Not(String),
}

/// The ledger.
pub(super) struct Book {
    store: Box<dyn Store>,
    /// Something in it has not been read yet.
    is_unread: bool,
    /// What is written before all else, and together: that this daemon has taken over, and what it decided by that.
    first: Vec<Write>,
    /// What could not be written yet, in order.
    backlog: VecDeque<Write>,
    given_up: usize,
    trouble: Option<String>,
}

impl Book {
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self {
            store,
            is_unread: false,
            first: vec![],
            backlog: VecDeque::new(),
            given_up: 0,
            trouble: None,
        }
    }

    pub(super) fn store(&mut self) -> &mut dyn Store {
        &mut *self.store
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether something waits.
    pub(super) fn is_behind(&self) -> bool {
        !(self.first.is_empty() && self.backlog.is_empty())
    }

    /// Reads what a daemon has to know before it writes. `None`: it cannot be read, and nothing is written until it is.
    pub(super) fn read(&mut self) -> Option<Before> {
        let mut read = || -> Result<Before> {
            Ok(Before {
                host: self.store.host()?,
                jobs: self.store.jobs()?,
                queues: self.store.queues()?,
            })
        };
        let before = read();
        self.is_unread = before.is_err();
        before.map_err(|error| self.is_in_trouble(&error)).ok()
    }

    /// Writes this before all else, and together.
    pub(super) fn put_first(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.first.extend(writes);
    }

    /// Writes a part of what waits. What cannot be written goes on waiting.
    pub(super) fn catch_up(&mut self) {
        self.write_waiting(1).ok();
    }

    /// Writes a part of what waits, and then this; or lets it wait.
    pub(super) fn write(&mut self, write: Write) -> Written {
        self.write_after(write, 1)
    }

    /// Writes all that waits, and then this; or lets it wait. For what cannot be taken back: it must be in the ledger
    /// before it happens.
    pub(super) fn write_at_once(&mut self, write: Write) -> Written {
        self.write_after(write, usize::MAX)
    }

    fn write_after(&mut self, write: Write, batches: usize) -> Written {
        let written = match self.write_waiting(batches) {
            Ok(true) => self.store.write(&write).map_err(|e| self.is_in_trouble(&e)),
            Ok(false) => {
                self.postpone(write);
                return Written::Later;
            }
            Err(trouble) => Err(trouble),
        };
        match written {
            Ok(done_before) => {
                self.is_well();
                Written::Now(done_before)
            }
            Err(trouble) => {
                self.postpone(write);
                Written::Not(trouble)
            }
        }
    }

    /// Writes so many transactions of what waits, and answers whether nothing waits any more.
    fn write_waiting(&mut self, batches: usize) -> Result<bool, String> {
        if self.is_unread {
            return Err(self.trouble.clone().unwrap_or_default());
        }
        if !self.first.is_empty() {
            let written = self.store.write_all(&self.first);
            written.map_err(|error| self.is_in_trouble(&error))?;
            self.first.clear();
            self.is_well();
        }
        for _ in 0..batches {
            if self.backlog.is_empty() {
                break;
            }
            let count = self.backlog.len().min(BATCH);
            let batch = &self.backlog.make_contiguous()[..count];
            // What begins in it has begun long ago, whatever the ledger says.
            let written = self.store.write_all(batch);
            written.map_err(|error| self.is_in_trouble(&error))?;
            self.backlog.drain(..count);
            self.is_well();
        }
        Ok(self.backlog.is_empty())
    }

    fn is_well(&mut self) {
        if self.trouble.take().is_some() {
            info!("the ledger can be written again");
        }
        if self.given_up > 0 {
            warn!(
                changes = self.given_up,
                "the ledger could not be written for so long that its oldest changes were given up"
            );
            self.given_up = 0;
        }
    }

    fn is_in_trouble(&mut self, error: &lamplighter_core::Error) -> String {
        let text = format!("{}; runs that change things are refused", chain(error));
        if self.trouble.as_deref() != Some(&text) {
            error!("{text}");
        }
        self.trouble = Some(text.clone());
        text
    }

    /// Puts this in the place of what was to be written last and waits.
    pub(super) fn write_instead(&mut self, write: Write) {
        self.backlog.pop_back();
        self.backlog.push_back(write);
    }

    fn postpone(&mut self, write: Write) {
        // Only the last sign of life counts, and what is old later is old now.
        let last_counts: Option<fn(&Write) -> bool> = match write {
            Write::Beat(_) => Some(|waiting| matches!(waiting, Write::Beat(_))),
            Write::Trim { .. } => Some(|waiting| matches!(waiting, Write::Trim { .. })),
            _ => None,
        };
        if let Some(is_same) = last_counts {
            self.backlog.retain(|waiting| !is_same(waiting));
        }
        if self.backlog.len() >= MAX_BACKLOG {
            // Without its row a function would be taken for one that was never seen.
            let is_job = |waiting: &Write| matches!(waiting, Write::Job { .. });
            let oldest = self.backlog.iter().position(|waiting| !is_job(waiting));
            self.backlog.remove(oldest.unwrap_or_default());
            self.given_up += 1;
        }
        self.backlog.push_back(write);
    }
}
