//! What is counted for ever: the counters of `/metrics`, in the transaction of what they count.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{millis, signed, unsigned};
use crate::daemon::planner::{Skip, Why};
use crate::daemon::store::{DURATION_CLASSES, Durations, Finish, Outcome, Totals};

/// The name of the class above all others.
const LONGER: &str = "longer";

/// The name of the sum of all durations, in milliseconds.
const SUM: &str = "sum";

fn add(
    transaction: &Transaction<'_>,
    function: &str,
    kind: &str,
    name: &str,
    count: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO totals VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (function, kind, name) DO UPDATE SET count = count + ?4",
        )?
        .execute(params![function, kind, name, count])?;
    Ok(())
}

/// A run has ended, or was refused before it began.
pub(super) fn count_run(
    transaction: &Transaction<'_>,
    function: &str,
    outcome: Outcome,
) -> rusqlite::Result<()> {
    add(transaction, function, "runs", outcome.as_str(), 1)
}

/// Slots were left out.
pub(super) fn count_skip(transaction: &Transaction<'_>, skip: &Skip) -> rusqlite::Result<()> {
    let count = signed(skip.count);
    add(
        transaction,
        &skip.function,
        "skips",
        skip.why.as_str(),
        count,
    )
}

/// The runs that were going on when the daemon before ended, before they are written down as interrupted.
pub(super) fn count_cut_off(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut rows = transaction
        .prepare("SELECT function, count(*) FROM runs WHERE outcome IS NULL GROUP BY function")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (function, count): (String, i64) = row?;
        let interrupted = Outcome::Interrupted.as_str();
        add(transaction, &function, "runs", interrupted, count)?;
    }
    Ok(())
}

/// A run that had begun has ended, before its row says so.
pub(super) fn count_finish(transaction: &Transaction<'_>, finish: &Finish) -> rusqlite::Result<()> {
    let began: Option<i64> = transaction
        .prepare_cached("SELECT started_at FROM runs WHERE run_id = ?1 AND outcome IS NULL")?
        .query_row([&finish.run_id], |row| row.get(0))
        .optional()?;
    // A run that has ended already, or that the ledger never saw, is not counted a second time.
    let Some(began) = began else { return Ok(()) };
    count_run(transaction, &finish.function, finish.outcome)?;
    if !Durations::counts(finish.outcome) {
        return Ok(());
    }
    let took = (millis(finish.at) - began).max(0);
    let class = DURATION_CLASSES.get(Durations::class(took));
    let class = class.map_or_else(|| LONGER.to_owned(), ToString::to_string);
    add(transaction, &finish.function, "took", &class, 1)?;
    add(transaction, &finish.function, "took", SUM, took)
}

/// All of it.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Totals> {
    let mut totals = Totals::default();
    let mut rows = connection.prepare_cached("SELECT function, kind, name, count FROM totals")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (function, kind, name): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let count = unsigned(row.get(3)?);
        match kind.as_str() {
            "runs" => {
                if let Some(outcome) = Outcome::parse(&name) {
                    totals.runs.insert((function, outcome), count);
                }
            }
            "skips" => {
                if let Some(why) = Why::ALL.into_iter().find(|why| why.as_str() == name) {
                    totals.skips.insert((function, why), count);
                }
            }
            _ => {
                let durations: &mut Durations = totals.durations.entry(function).or_default();
                match name.parse() {
                    Ok(end) => durations.classes[Durations::class(end)] += count,
                    Err(_) if name == SUM => durations.sum_millis += count,
                    Err(_) => durations.classes[DURATION_CLASSES.len()] += count,
                }
            }
        }
    }
    Ok(totals)
}
