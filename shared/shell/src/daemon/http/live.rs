//! How things stand now, for every answer: one reading of the ledger, shared for a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::Site;
use super::link::DryRun;
use super::reports::{Digest, Kind};
use crate::daemon::consumers::QueueRow;
use crate::daemon::memory::Memory;
use crate::daemon::planner::{Job, Skip};
use crate::daemon::snapshot::Snapshot;
use crate::daemon::sqlite::Sqlite;
use crate::daemon::store::{RunRow, Store, Totals};

/// However many ask, the ledger is read once in this time.
const FRESH: Duration = Duration::from_secs(1);

/// How things stood at one moment.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) snapshot: Snapshot,
    pub(super) totals: Totals,
    pub(super) jobs: Arc<Vec<Job>>,
    pub(super) digests: BTreeMap<String, Digest>,
    pub(super) dry_runs: BTreeMap<String, DryRun>,
    /// Why the ledger cannot be written, while it cannot.
    pub(super) trouble: Option<String>,
}

impl Live {
    /// Reads the ledger; blocks. A ledger that has never been written is an empty one.
    pub(super) fn read(site: &Site) -> Result<Self> {
        let now = (site.clock)();
        let jobs = site.link.jobs();
        let mut store: Box<dyn Store> = match Sqlite::read_beside_the_writer(&site.state_dir)? {
            Some(store) => Box::new(store),
            None => Box::new(Memory::default()),
        };
        let mut snapshot = Snapshot::of(&mut *store, &jobs, true, now)?;
        let trouble = site.link.trouble();
        if let Some(trouble) = &trouble {
            snapshot.troubles.insert(0, trouble.clone());
        }
        snapshot.troubles.extend(site.link.why_not_live());
        let digests = jobs.iter().filter_map(|job| {
            let digest = site.link.reports.as_ref()?.digest(&job.name, Kind::Run)?;
            Some((job.name.clone(), digest))
        });
        Ok(Self {
            snapshot,
            totals: store.totals()?,
            digests: digests.collect(),
            jobs,
            dry_runs: site.link.dry_runs(),
            trouble,
        })
    }

    /// What is known of the queues that are configured.
    pub(super) fn queues(&self) -> impl Iterator<Item = &QueueRow> {
        let functions = self.snapshot.functions.iter();
        functions.flat_map(|function| {
            function
                .queues
                .iter()
                .filter_map(|queue| queue.row.as_ref())
        })
    }

    /// The document of `/status.json`: the snapshot that `lamplighter status --format json` prints, and what only the
    /// running daemon knows.
    pub(super) fn document(&self) -> Value {
        let mut document = json!(self.snapshot);
        if let Some(functions) = document["functions"].as_array_mut() {
            for function in functions {
                let name = function["function"].as_str().unwrap_or_default().to_owned();
                function["report"] = json!(self.digests.get(&name));
                function["dry_run"] = json!(self.dry_runs.get(&name));
            }
        }
        document
    }

    /// The document and its tag. The tag stays while only the time goes on, so that a page that asks every few seconds
    /// gets a 304 nearly always.
    pub(super) fn tagged(&self) -> (Vec<u8>, String) {
        let document = self.document();
        let mut still = document.clone();
        still["at"] = Value::Null;
        still["daemon"]["beat_at"] = Value::Null;
        (
            serde_json::to_vec(&document).unwrap_or_default(),
            tag(&serde_json::to_vec(&still).unwrap_or_default()),
        )
    }
}

/// A tag for a content: the first half of its SHA-256.
pub(super) fn tag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let hex: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{hex}\"")
}

/// What a function ran and left out.
pub(super) type History = (Vec<RunRow>, Vec<(DateTime<Utc>, Skip)>);

/// The newest runs and left-out slots of a function; blocks.
pub(super) fn history(site: &Site, function: &str, limit: usize) -> Result<History> {
    match Sqlite::read_beside_the_writer(&site.state_dir)? {
        Some(mut store) => Ok((
            store.runs(Some(function), limit)?,
            store.skips(Some(function), limit)?,
        )),
        None => Ok((vec![], vec![])),
    }
}

/// The last reading.
#[derive(Debug, Default)]
pub(super) struct Cache {
    last: Mutex<Option<(Instant, Arc<Live>)>>,
}

impl Cache {
    /// How things stand, read anew unless somebody has asked within the last second.
    pub(super) async fn look(&self, site: &Arc<Site>) -> Result<Arc<Live>> {
        let mut last = self.last.lock().await;
        if let Some((at, live)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(live));
        }
        let live = blocking(site, Live::read).await?;
        let live = Arc::new(live);
        *last = Some((Instant::now(), Arc::clone(&live)));
        Ok(live)
    }
}

/// Does what blocks on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(
    site: &Arc<Site>,
    read: impl FnOnce(&Site) -> Result<T> + Send + 'static,
) -> Result<T> {
    let site = Arc::clone(site);
    let joined = tokio::task::spawn_blocking(move || read(&site)).await;
    joined.map_err(|error| Error::permanent("the reading broke down").caused_by(error))?
}
