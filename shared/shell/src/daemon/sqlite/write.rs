//! One change of the ledger, in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::{RUN_COLUMNS, limited, millis, outcomes, queues, signed, totals};
use crate::daemon::planner::{Decided, Decision};
use crate::daemon::store::{Finish, Host, KEPT_FOR, KEPT_RUNS, Outcome, RunRow, Write};

pub(super) fn apply(
    transaction: &Transaction<'_>,
    write: &Write,
) -> rusqlite::Result<BTreeSet<String>> {
    match write {
        Write::Boot(host) => {
            totals::count_cut_off(transaction)?;
            transaction.execute(
                "UPDATE runs SET outcome = 'interrupted', finished_at = ?1 WHERE outcome IS NULL",
                [millis(host.started_at)],
            )?;
            put_host(transaction, host)?;
        }
        Write::Beat(host) => put_host(transaction, host)?,
        Write::Job {
            function,
            schedule,
            decided_until,
        } => {
            transaction.execute(
                "INSERT INTO jobs (function, schedule, decided_until) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (function) DO UPDATE SET schedule = ?2, decided_until = ?3",
                params![function, schedule, millis(*decided_until)],
            )?;
        }
        Write::Tick {
            at,
            decided,
            starts,
        } => return tick(transaction, *at, decided, starts),
        Write::Finish(finish) => put_finish(transaction, finish)?,
        Write::Delivery { run, panics, pause } => {
            insert_run(transaction, run)?;
            let at = run.finished_at.unwrap_or(run.started_at);
            count_panics(transaction, &run.function, *panics, pause.as_deref(), at)?;
        }
        Write::Queues(rows) => queues::put(transaction, rows)?,
        Write::Resume { function } => {
            transaction.execute(
                "UPDATE jobs SET panics = 0, paused_at = NULL, paused_why = NULL WHERE function = ?1",
                [function],
            )?;
        }
        Write::Trim { at } => trim(transaction, *at)?,
    }
    Ok(BTreeSet::new())
}

fn put_host(transaction: &Transaction<'_>, host: &Host) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO host VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            host.pid,
            host.host,
            host.version,
            millis(host.started_at),
            millis(host.beat_at),
            host.stopped_at.map(millis),
            host.reload.as_ref().map(|reload| millis(reload.at)),
            host.reload
                .as_ref()
                .and_then(|reload| reload.error.as_deref()),
        ],
    )?;
    Ok(())
}

fn tick(
    transaction: &Transaction<'_>,
    at: DateTime<Utc>,
    decided: &Decided,
    starts: &[RunRow],
) -> rusqlite::Result<BTreeSet<String>> {
    for (function, until) in &decided.until {
        transaction
            .prepare_cached("UPDATE jobs SET decided_until = ?2 WHERE function = ?1")?
            .execute(params![function, millis(*until)])?;
    }
    for decision in &decided.decisions {
        match decision {
            Decision::Wait {
                function,
                slot,
                waiting,
            } => {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO slots VALUES (?1, ?2, ?3, ?4, NULL)")?
                    .execute(params![
                        function,
                        millis(*slot),
                        millis(waiting.not_before),
                        signed(waiting.missed)
                    ])?;
            }
            Decision::Skip(skip) => {
                transaction
                    .prepare_cached(
                        "DELETE FROM slots WHERE function = ?1 AND slot BETWEEN ?2 AND ?3 AND run_id IS NULL",
                    )?
                    .execute(params![skip.function, millis(skip.first), millis(skip.last)])?;
                transaction
                    .prepare_cached("INSERT INTO skips VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                    .execute(params![
                        millis(at),
                        skip.function,
                        millis(skip.first),
                        millis(skip.last),
                        signed(skip.count),
                        skip.why.as_str()
                    ])?;
                totals::count_skip(transaction, skip)?;
            }
            // The runs below say so.
            Decision::Start { .. } | Decision::Replace { .. } => {}
        }
    }
    let mut done_before = BTreeSet::new();
    for start in starts {
        let Some(slot) = start.slot.map(millis) else {
            insert_run(transaction, start)?;
            continue;
        };
        let begins = transaction
            .prepare_cached(
                "INSERT INTO slots VALUES (?1, ?2, NULL, ?3, ?4) ON CONFLICT (function, slot) \
                 DO UPDATE SET run_id = ?4 WHERE run_id IS NULL",
            )?
            .execute(params![
                start.function,
                slot,
                signed(start.missed),
                start.run_id
            ])?;
        if begins == 0 {
            done_before.insert(start.run_id.clone());
            continue;
        }
        insert_run(transaction, start)?;
    }
    Ok(done_before)
}

fn insert_run(transaction: &Transaction<'_>, run: &RunRow) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(&format!(
            "INSERT INTO runs ({RUN_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?
        .execute(params![
            run.run_id,
            run.function,
            run.slot.map(millis),
            signed(run.missed),
            run.mode.as_str(),
            millis(run.started_at),
            run.finished_at.map(millis),
            run.outcome.map(Outcome::as_str),
            run.detail,
            run.summary.as_ref().map(ToString::to_string),
            run.trigger.as_str(),
        ])?;
    match run.outcome {
        Some(outcome) => totals::count_run(transaction, &run.function, outcome),
        None => Ok(()),
    }
}

fn put_finish(transaction: &Transaction<'_>, finish: &Finish) -> rusqlite::Result<()> {
    totals::count_finish(transaction, finish)?;
    transaction.execute(
        "UPDATE runs SET finished_at = ?2, outcome = ?3, detail = ?4, summary = ?5 WHERE run_id = ?1",
        params![
            finish.run_id,
            millis(finish.at),
            finish.outcome.as_str(),
            finish.detail,
            finish.summary.as_ref().map(ToString::to_string),
        ],
    )?;
    let pause = finish.pause.as_deref();
    count_panics(
        transaction,
        &finish.function,
        finish.panics,
        pause,
        finish.at,
    )
}

fn count_panics(
    transaction: &Transaction<'_>,
    function: &str,
    panics: u32,
    pause: Option<&str>,
    at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE jobs SET panics = ?2 WHERE function = ?1",
        params![function, panics],
    )?;
    if let Some(why) = pause {
        transaction.execute(
            "UPDATE jobs SET paused_at = ?2, paused_why = ?3 WHERE function = ?1",
            params![function, millis(at), why],
        )?;
    }
    Ok(())
}

fn trim(transaction: &Transaction<'_>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let last = |success| {
        format!(
            "SELECT run_id FROM (SELECT run_id, row_number() OVER \
             (PARTITION BY function ORDER BY started_at DESC, run_id DESC) AS place FROM runs \
             WHERE outcome IN ({})) WHERE place = 1",
            outcomes(success)
        )
    };
    let sql = format!(
        "DELETE FROM runs WHERE outcome IS NOT NULL AND (started_at < ?1 OR run_id IN (SELECT run_id FROM \
         (SELECT run_id, row_number() OVER (PARTITION BY function ORDER BY started_at DESC, run_id DESC) AS place \
         FROM runs) WHERE place > ?2)) AND run_id NOT IN ({}) AND run_id NOT IN ({})",
        last(true),
        last(false)
    );
    let oldest = millis(now - KEPT_FOR);
    transaction.execute(&sql, params![oldest, limited(KEPT_RUNS)])?;
    // Slots go by age alone: they are what a clock that goes back runs into.
    transaction.execute(
        "DELETE FROM slots WHERE slot < ?1 AND run_id IS NOT NULL",
        [oldest],
    )?;
    transaction.execute("DELETE FROM skips WHERE at < ?1", [oldest])?;
    Ok(())
}
