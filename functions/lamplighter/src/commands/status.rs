//! `lamplighter status`, `history` and `resume`: what the daemon's ledger says, whether or not the daemon runs.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::Config;
use lamplighter_core::{Error, Result};
use lamplighter_report::Format;
use lamplighter_shell::daemon::jobs;
use lamplighter_shell::daemon::planner::Skip;
use lamplighter_shell::daemon::snapshot::{FunctionStatus, QueueStatus, Snapshot};
use lamplighter_shell::daemon::sqlite::{FILE, Sqlite};
use lamplighter_shell::daemon::store::{Outcome, RunRow, Store, Write};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

/// More are too many for a line; `lamplighter history` has them.
const SHOWN_RUNS: usize = 10;

/// Exit code 0: all is well. 1: somebody should look.
pub(super) fn status(globals: &Globals) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    let jobs = jobs(&functions::all(), &config)?;
    let now = (lamplighter_shell::clock::system())();
    let snapshot =
        Snapshot::read(state_dir(&config), &jobs, now)?.ok_or_else(|| never_ran(&config))?;
    let text = match globals.format {
        Format::Json => format!("{:#}\n", json!(snapshot)),
        Format::Jsonl => {
            let lines = snapshot.functions.iter();
            lines
                .map(|function| format!("{}\n", json!(function)))
                .collect()
        }
        _ => describe(&snapshot),
    };
    output::text(&text, globals)?;
    Ok(u8::from(!snapshot.troubles.is_empty()))
}

/// The newest runs and left-out slots, the newest first.
pub(super) fn history(
    globals: &Globals,
    function: Option<&str>,
    limit: usize,
) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    if let Some(function) = function {
        functions::find(function)?;
    }
    let state_dir = state_dir(&config);
    let mut store = Sqlite::read_only(state_dir)?.ok_or_else(|| never_ran(&config))?;
    let is_running = lamplighter_shell::daemon::lock::Lock::is_held(state_dir);
    let mut rows: Vec<(DateTime<Utc>, Value)> = Vec::new();
    for mut run in store.runs(function, limit)? {
        if run.outcome.is_none() && !is_running {
            // Its daemon is gone; the next one will write it down.
            run.outcome = Some(Outcome::Interrupted);
        }
        rows.push((run.started_at, run_row(&run)));
    }
    for (at, skip) in store.skips(function, limit)? {
        rows.push((at, skip_row(at, &skip)));
    }
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.truncate(limit);
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    let text = match globals.format {
        Format::Json => format!("{:#}\n", json!(rows)),
        Format::Jsonl => rows.iter().map(|row| format!("{row}\n")).collect(),
        _ if rows.is_empty() => "nothing has run yet\n".to_owned(),
        _ => table(&rows),
    };
    output::text(&text, globals)?;
    Ok(0)
}

/// Lets a paused function go on. A daemon that runs notices within a second.
pub(super) fn resume(globals: &Globals, function: &str) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    functions::find(function)?;
    let state_dir = state_dir(&config);
    let mut reader = Sqlite::read_only(state_dir)?.ok_or_else(|| never_ran(&config))?;
    let is_paused = |store: &mut Sqlite| -> Result<bool> {
        let rows = store.jobs()?;
        Ok(rows.get(function).is_some_and(|row| row.paused.is_some()))
    };
    if !is_paused(&mut reader)? {
        output::note(&format!("{function} is not paused"));
        return Ok(0);
    }
    let resume = Write::Resume {
        function: function.to_owned(),
    };
    Sqlite::new(state_dir).write(&resume).map_err(|error| {
        let hint = format!(
            "run it as the user who owns `{}`",
            state_dir.join(FILE).display()
        );
        error.hint(hint)
    })?;
    output::text(&format!("{function} goes on with its next slot\n"), globals)?;
    Ok(0)
}

fn state_dir(config: &Config) -> &Path {
    Path::new(&config.daemon.state_dir)
}

fn never_ran(config: &Config) -> Error {
    let folder = &config.daemon.state_dir;
    Error::permanent(format!("no daemon has ever run in `{folder}`")).hint(
        "`lamplighter daemon` starts one; `[daemon] state_dir` says where it keeps its ledger",
    )
}

fn describe(snapshot: &Snapshot) -> String {
    let mut text = match &snapshot.daemon {
        Some(daemon) if snapshot.is_running => format!(
            "the daemon runs: pid {} on {}, since {}\n",
            daemon.pid,
            daemon.host,
            time(daemon.started_at)
        ),
        Some(daemon) => match daemon.stopped_at {
            Some(at) => format!("the daemon is stopped, since {}\n", time(at)),
            None => format!(
                "the daemon is gone; last heard of {}\n",
                time(daemon.beat_at)
            ),
        },
        None => "no daemon has started yet\n".to_owned(),
    };
    for function in &snapshot.functions {
        text.push_str(&describe_function(function, snapshot.at));
    }
    if snapshot.troubles.is_empty() {
        text.push_str("\nall is well\n");
    } else {
        text.push_str("\nplease look:\n");
        for trouble in &snapshot.troubles {
            text.push_str(&format!("  {}\n", trouble.replace('\n', "\n  ")));
        }
    }
    text
}

fn describe_function(function: &FunctionStatus, now: DateTime<Utc>) -> String {
    let mut text = format!(
        "\n{}  {}  {} ({})\n",
        function.function,
        function.mode.as_str(),
        function.schedule,
        function.zone
    );
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:13}{value}\n"));
    match (&function.paused, function.next) {
        (Some(paused), _) => line("paused", format!("since {}", time(paused.at))),
        (None, Some(next)) => line(
            "next run",
            format!("{}, in {}", time(next), span(next - now)),
        ),
        (None, None) => line("next run", "never again".to_owned()),
    }
    for run in &function.running {
        line(
            "running",
            format!("since {}, run {}", time(run.started_at), run.run_id),
        );
    }
    if !function.waiting.is_empty() {
        line("waiting", format!("{} slots", function.waiting.len()));
    }
    let last = |run: &Option<RunRow>| match run {
        Some(run) => format!("{}  {}", time(run.started_at), ending(run)),
        None => "never".to_owned(),
    };
    line("last success", last(&function.last_success));
    line("last failure", last(&function.last_failure));
    if !function.runs.is_empty() {
        let words = function.runs.iter().take(SHOWN_RUNS).map(ending);
        line("last runs", words.collect::<Vec<_>>().join(", "));
    }
    for queue in &function.queues {
        line("queue", describe_queue(queue));
    }
    if !function.skipped.is_empty() {
        let counts = function.skipped.iter();
        let words = counts.map(|(why, count)| format!("{count} {}", why.as_str()));
        line("left out", words.collect::<Vec<_>>().join(", "));
    }
    text
}

/// `mail: 3 wait, 2 in work, 26 done, 1 comes again`
fn describe_queue(queue: &QueueStatus) -> String {
    let name = queue.queue.rsplit('/').next().unwrap_or(&queue.queue);
    let Some(row) = &queue.row else {
        let why = match queue.is_consumed {
            true => "nothing is known yet",
            false => "not consumed",
        };
        return format!("{name}: {why}");
    };
    let mut words = Vec::new();
    if !queue.is_consumed {
        words.push("not consumed".to_owned());
    }
    if let Some(depth) = row.depth.filter(|_| queue.is_consumed) {
        let age = match row.oldest_secs {
            Some(secs @ 1..) => format!(
                " (up to {})",
                span(TimeDelta::seconds(
                    i64::try_from(secs).unwrap_or(i64::MAX / 1_000)
                ))
            ),
            _ => String::new(),
        };
        words.push(format!("{depth} waiting{age}"));
        words.push(format!("{} in work", row.in_work));
    }
    let counts = &row.counts;
    words.push(format!("{} done", counts.done));
    for (count, word) in [
        (counts.ignored, "with nothing to do"),
        (counts.quarantined, "in quarantine"),
        (counts.retried, "came again"),
        (counts.failed, "deliveries failed"),
    ] {
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    format!("{name}: {}", words.join(", "))
}

/// `ok in 3 s`
fn ending(run: &RunRow) -> String {
    let outcome = run.outcome.map_or("running", Outcome::as_str);
    match run.finished_at {
        Some(finished_at) => format!("{outcome} in {}", span(finished_at - run.started_at)),
        None => outcome.to_owned(),
    }
}

fn run_row(run: &RunRow) -> Value {
    let mut row = json!(run);
    row["at"] = json!(run.started_at);
    row["outcome"] = json!(run.outcome.map_or("running", Outcome::as_str));
    row["duration_secs"] = match run.finished_at {
        Some(finished_at) => json!(seconds(finished_at - run.started_at)),
        None => Value::Null,
    };
    row
}

fn skip_row(at: DateTime<Utc>, skip: &Skip) -> Value {
    json!({
        "at": at, "function": skip.function, "outcome": "skipped", "reason": skip.why.as_str(),
        "slot": skip.first, "last_slot": skip.last, "count": skip.count, "detail": skip.why.text(),
    })
}

fn table(rows: &[Value]) -> String {
    let mut lines =
        vec![["BEGAN", "FUNCTION", "SLOT", "OUTCOME", "TOOK", "DETAIL"].map(str::to_owned)];
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let moment = |key: &str| {
            let time = row[key].as_str().and_then(|time| time.parse().ok());
            time.map(self::time).unwrap_or_default()
        };
        let slots = match row["count"].as_u64() {
            Some(count @ 2..) => format!("{} and {} more", moment("slot"), count - 1),
            _ => moment("slot"),
        };
        let took = row["duration_secs"].as_f64();
        lines.push([
            moment("at"),
            text("function"),
            slots,
            text("outcome"),
            took.map(|took| format!("{took:.1} s")).unwrap_or_default(),
            text("detail").lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..5)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let mut table = String::new();
    for line in &lines {
        let cells = line.iter().enumerate();
        let cells = cells.map(|(column, cell)| {
            let width = widths.get(column).copied().unwrap_or_default();
            format!("{cell:width$}")
        });
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

/// `0.4 s`, `12 min`, `3 h`, `2 days`
fn span(span: TimeDelta) -> String {
    let secs = span.num_seconds();
    match secs {
        ..10 => format!("{:.1} s", seconds(span)),
        10..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}
