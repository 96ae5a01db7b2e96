//! The ledger on disk: SQLite in the state directory.
//!
//! WAL with `synchronous = FULL`: what a write has said is there after a power cut. Only one thread holds a connection,
//! and never one of the runtime's. A ledger that cannot be opened is tried again at the next write, so that a full disk
//! at the start is survived like a later one.

mod queues;
mod reader;
mod totals;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Mode, Result, Trigger};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use super::consumers::QueueRow;
use super::planner::{Known, Skip, Waiting, Why};
use super::store::{Host, JobRow, Outcome, Paused, Reload, RunRow, Store, Totals, Write};
use reader::Copy;

/// The ledger's file in the state directory.
pub const FILE: &str = "lamplighter.sqlite";

/// What `PRAGMA user_version` says of the tables below.
const VERSION: i64 = 3;

/// How long a write waits for `lamplighter resume`, or that for the daemon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Times are milliseconds since 1970. Every slot that was ever begun or waits has its row, which is what keeps it from
/// running twice.
const TABLES: &str = "
CREATE TABLE host (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER, host TEXT, version TEXT, started_at INTEGER,
    beat_at INTEGER, stopped_at INTEGER, reload_at INTEGER, reload_error TEXT) STRICT;
CREATE TABLE jobs (function TEXT PRIMARY KEY, schedule TEXT NOT NULL DEFAULT '', decided_until INTEGER,
    panics INTEGER NOT NULL DEFAULT 0, paused_at INTEGER, paused_why TEXT) STRICT;
CREATE TABLE slots (function TEXT NOT NULL, slot INTEGER NOT NULL, not_before INTEGER, missed INTEGER NOT NULL,
    run_id TEXT, PRIMARY KEY (function, slot)) STRICT, WITHOUT ROWID;
CREATE TABLE runs (run_id TEXT PRIMARY KEY, function TEXT NOT NULL, slot INTEGER NOT NULL, missed INTEGER NOT NULL,
    mode TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER, outcome TEXT, detail TEXT, summary TEXT)
    STRICT;
CREATE INDEX runs_of_function ON runs (function, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE TABLE skips (at INTEGER NOT NULL, function TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    count INTEGER NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX skips_by_time ON skips (at);
";

/// What is counted for ever, while runs and left-out slots are forgotten after a time: of a function, `runs` by outcome,
/// `skips` by reason, and `took` by the upper end of a class of durations, with their `sum`. Came with version 2.
const TOTALS: &str = "
CREATE TABLE totals (function TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (function, kind, name)) STRICT, WITHOUT ROWID;
";

/// Runs that events or people set off have no slot. Came with version 3, together with the table of queues.
const TRIGGERS: &str = "
CREATE TABLE triggered (run_id TEXT PRIMARY KEY, function TEXT NOT NULL, slot INTEGER, missed INTEGER NOT NULL,
    mode TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER, outcome TEXT, detail TEXT, summary TEXT,
    trigger TEXT NOT NULL) STRICT;
INSERT INTO triggered SELECT run_id, function, slot, missed, mode, started_at, finished_at, outcome, detail, summary,
    'schedule' FROM runs;
DROP TABLE runs;
ALTER TABLE triggered RENAME TO runs;
CREATE INDEX runs_of_function ON runs (function, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
";

const RUN_COLUMNS: &str = "run_id, function, slot, missed, mode, started_at, finished_at, outcome, detail, summary, trigger";

/// A ledger in a file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Option<Connection>,
    seen: Option<i64>,
    /// Copies of a ledger that could not be read where it is.
    _copy: Option<Copy>,
}

impl Sqlite {
    /// The ledger in a state directory, opened at its first use.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(FILE),
            connection: None,
            seen: None,
            _copy: None,
        }
    }

    fn connection(&mut self) -> Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Reads. What cannot be opened for writing, on a full disk or in a folder that only others may write, is read as
    /// anybody can.
    fn read<T>(&mut self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let path = self.path.clone();
        let unread = |error| cannot("read", &path, error);
        let refused = match self.connection() {
            Ok(connection) => return read(connection).map_err(unread),
            Err(refused) => refused,
        };
        // There is no connection whose locks a copy could lose.
        match Self::reader(&path, true) {
            Ok(Some(Self {
                connection: Some(connection),
                _copy,
                ..
            })) => read(&connection).map_err(unread),
            // Why it cannot be opened says more than why its copy cannot.
            Ok(_) | Err(_) => Err(refused),
        }
    }
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let prepared = || -> rusqlite::Result<(Connection, i64)> {
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(TABLES)?;
        }
        if version < 2 {
            transaction.execute_batch(TOTALS)?;
        }
        if version < 3 {
            transaction.execute_batch(TRIGGERS)?;
            transaction.execute_batch(queues::TABLE)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok((connection, version))
    };
    let (connection, version) = prepared().map_err(|error| cannot("open", path, error))?;
    if version > VERSION {
        return Err(Error::permanent(format!(
            "the ledger `{}` is of a newer Lamplighter (version {version}, this one knows {VERSION})",
            path.display()
        )));
    }
    Ok(connection)
}

impl Store for Sqlite {
    fn write_all(&mut self, writes: &[Write]) -> Result<BTreeSet<String>> {
        let path = self.path.clone();
        let connection = self.connection()?;
        let mut done_before = BTreeSet::new();
        let mut written = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for write in writes {
                done_before.extend(write::apply(&transaction, write)?);
            }
            transaction.commit()
        };
        written().map_err(|error| cannot("write", &path, error))?;
        Ok(done_before)
    }

    fn jobs(&mut self) -> Result<BTreeMap<String, JobRow>> {
        self.read(|connection| {
            let mut jobs = BTreeMap::new();
            let mut rows = connection.prepare_cached(
                "SELECT function, schedule, decided_until, panics, paused_at, paused_why FROM jobs",
            )?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let paused_at: Option<i64> = row.get(4)?;
                let paused_why: Option<String> = row.get(5)?;
                let job = JobRow {
                    known: Known {
                        decided_until: row.get::<_, Option<i64>>(2)?.map(time),
                        waiting: BTreeMap::new(),
                        is_paused: paused_at.is_some(),
                    },
                    schedule: row.get(1)?,
                    panics: row.get(3)?,
                    paused: paused_at.map(|at| Paused {
                        at: time(at),
                        why: paused_why.unwrap_or_default(),
                    }),
                };
                jobs.insert(row.get(0)?, job);
            }
            let mut rows = connection.prepare_cached(
                "SELECT function, slot, not_before, missed FROM slots WHERE run_id IS NULL",
            )?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let function: String = row.get(0)?;
                let job: &mut JobRow = jobs.entry(function).or_default();
                let waiting = Waiting {
                    not_before: time(row.get(2)?),
                    missed: unsigned(row.get(3)?),
                };
                job.known.waiting.insert(time(row.get(1)?), waiting);
            }
            Ok(jobs)
        })
    }

    fn host(&mut self) -> Result<Option<Host>> {
        self.read(|connection| {
            connection
                .query_row(
                    "SELECT pid, host, version, started_at, beat_at, stopped_at, reload_at, reload_error FROM host",
                    [],
                    |row| {
                        let reload_error: Option<String> = row.get(7)?;
                        Ok(Host {
                            pid: row.get(0)?,
                            host: row.get(1)?,
                            version: row.get(2)?,
                            started_at: time(row.get(3)?),
                            beat_at: time(row.get(4)?),
                            stopped_at: row.get::<_, Option<i64>>(5)?.map(time),
                            reload: row.get::<_, Option<i64>>(6)?.map(|at| Reload {
                                at: time(at),
                                error: reload_error,
                            }),
                        })
                    },
                )
                .optional()
        })
    }

    fn runs(&mut self, function: Option<&str>, limit: usize) -> Result<Vec<RunRow>> {
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs {} ORDER BY started_at DESC, run_id DESC LIMIT ?2",
            match function {
                Some(_) => "WHERE function = ?1",
                None => "WHERE ?1 IS NULL",
            }
        );
        self.read(|connection| {
            let mut rows = connection.prepare_cached(&sql)?;
            let rows = rows.query_map(params![function, limited(limit)], run_row)?;
            rows.collect()
        })
    }

    fn last(&mut self, function: &str, success: bool) -> Result<Option<RunRow>> {
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs WHERE function = ?1 AND outcome IN ({}) \
             ORDER BY started_at DESC, run_id DESC LIMIT 1",
            outcomes(success)
        );
        self.read(|connection| {
            let mut rows = connection.prepare_cached(&sql)?;
            rows.query_row([function], run_row).optional()
        })
    }

    fn skips(
        &mut self,
        function: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(DateTime<Utc>, Skip)>> {
        self.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT at, function, first, last, count, why FROM skips WHERE ?1 IS NULL OR function = ?1 \
                 ORDER BY at DESC, rowid DESC LIMIT ?2",
            )?;
            let rows = rows.query_map(params![function, limited(limit)], |row| {
                let why: String = row.get(5)?;
                let skip = Skip {
                    function: row.get(1)?,
                    first: time(row.get(2)?),
                    last: time(row.get(3)?),
                    count: unsigned(row.get(4)?),
                    why: Why::ALL
                        .into_iter()
                        .find(|known| known.as_str() == why)
                        .unwrap_or(Why::Busy),
                };
                Ok((time(row.get(0)?), skip))
            })?;
            rows.collect()
        })
    }

    fn queues(&mut self) -> Result<Vec<QueueRow>> {
        self.read(queues::read)
    }

    fn totals(&mut self) -> Result<Totals> {
        self.read(totals::read)
    }

    fn was_changed(&mut self) -> Result<bool> {
        // Changes of other connections only, and no access to the disk while there are none.
        let version = self
            .read(|connection| connection.query_row("PRAGMA data_version", [], |row| row.get(0)))?;
        Ok(self.seen.replace(version) != Some(version))
    }
}

/// The outcomes of a success or of a failure, as SQL.
fn outcomes(success: bool) -> String {
    let words = Outcome::ALL
        .into_iter()
        .filter(|outcome| match success {
            true => *outcome == Outcome::Ok,
            false => outcome.is_failure(),
        })
        .map(|outcome| format!("'{}'", outcome.as_str()));
    words.collect::<Vec<_>>().join(", ")
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let mode: String = row.get(4)?;
    let outcome: Option<String> = row.get(7)?;
    let summary: Option<String> = row.get(9)?;
    Ok(RunRow {
        run_id: row.get(0)?,
        function: row.get(1)?,
        trigger: trigger_of(&row.get::<_, String>(10)?),
        slot: row.get::<_, Option<i64>>(2)?.map(time),
        missed: unsigned(row.get(3)?),
        mode: match mode.as_str() {
            "apply" => Mode::Apply,
            "plan" => Mode::Plan,
            _ => Mode::DryRun,
        },
        started_at: time(row.get(5)?),
        finished_at: row.get::<_, Option<i64>>(6)?.map(time),
        outcome: outcome.and_then(|word| Outcome::parse(&word)),
        detail: row.get(8)?,
        summary: summary.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn trigger_of(word: &str) -> Trigger {
    [Trigger::Manual, Trigger::Event, Trigger::Replay]
        .into_iter()
        .find(|trigger| trigger.as_str() == word)
        .unwrap_or(Trigger::Schedule)
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn cannot(
    verb: &str,
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::permanent(format!("cannot {verb} the ledger `{}`", path.display())).caused_by(error)
}
