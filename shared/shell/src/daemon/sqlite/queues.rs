//! How things stand with the queues: one row for each, replaced as a whole. Came with version 3.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, params};

use super::{millis, signed, time, unsigned};
use crate::daemon::consumers::{Counts, QueueRow};

pub(super) const TABLE: &str = "
CREATE TABLE queues (function TEXT NOT NULL, queue TEXT NOT NULL, at INTEGER NOT NULL, depth INTEGER,
    in_flight INTEGER, delayed INTEGER, oldest_secs INTEGER, in_work INTEGER NOT NULL, done INTEGER NOT NULL,
    ignored INTEGER NOT NULL, quarantined INTEGER NOT NULL, retried INTEGER NOT NULL, deliveries INTEGER NOT NULL,
    failed INTEGER NOT NULL, last_done_at INTEGER, last_failed_at INTEGER, trouble TEXT, PRIMARY KEY (function, queue))
    STRICT, WITHOUT ROWID;
";

pub(super) fn put(transaction: &Transaction<'_>, rows: &[QueueRow]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO queues VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    for row in rows {
        insert.execute(params![
            row.function,
            row.queue,
            millis(row.at),
            row.depth.map(signed),
            row.in_flight.map(signed),
            row.delayed.map(signed),
            row.oldest_secs.map(signed),
            signed(row.in_work),
            signed(row.counts.done),
            signed(row.counts.ignored),
            signed(row.counts.quarantined),
            signed(row.counts.retried),
            signed(row.counts.deliveries),
            signed(row.counts.failed),
            row.last_done_at.map(millis),
            row.last_failed_at.map(millis),
            row.trouble,
        ])?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<QueueRow>> {
    let mut rows = connection.prepare_cached("SELECT * FROM queues ORDER BY function, queue")?;
    let rows = rows.query_map([], |row| {
        type Read<T> = rusqlite::Result<T>;
        let count =
            |column| -> Read<Option<u64>> { Ok(row.get::<_, Option<i64>>(column)?.map(unsigned)) };
        let must = |column| -> Read<u64> { Ok(unsigned(row.get(column)?)) };
        let moment = |column| -> Read<Option<DateTime<Utc>>> {
            Ok(row.get::<_, Option<i64>>(column)?.map(time))
        };
        Ok(QueueRow {
            function: row.get(0)?,
            queue: row.get(1)?,
            at: time(row.get(2)?),
            depth: count(3)?,
            in_flight: count(4)?,
            delayed: count(5)?,
            oldest_secs: count(6)?,
            in_work: must(7)?,
            counts: Counts {
                done: must(8)?,
                ignored: must(9)?,
                quarantined: must(10)?,
                retried: must(11)?,
                deliveries: must(12)?,
                failed: must(13)?,
            },
            last_done_at: moment(14)?,
            last_failed_at: moment(15)?,
            trouble: row.get(16)?,
        })
    })?;
    rows.collect()
}
