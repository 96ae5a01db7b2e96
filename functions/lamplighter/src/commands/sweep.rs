//! `lamplighter backfill` and `lamplighter reconcile`: what lies in a bucket already.

use std::fmt::Write;
use std::sync::Arc;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use lamplighter_core::{Error, ErrorKind, Mode, RecordOutcome, RecordRow, Result, Run};
use lamplighter_report::Format;
use lamplighter_shell::Entry;
use lamplighter_shell::sweep::{Amount, Place, Sweep, Tally};
use serde_json::json;

use crate::cli::{Globals, PlaceFlags};
use crate::commands::{hints, interrupted, settings};
use crate::{Failure, functions, output};

/// How many lines of one kind a text lists; `--all` lists all of them.
const LISTED: usize = 50;

/// `lamplighter backfill`.
pub(super) async fn backfill(
    globals: &Globals,
    function: &str,
    place: &PlaceFlags,
    dry_run: bool,
    limit: Option<u64>,
) -> Result<u8, Failure> {
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let pass = pass(globals, function, place, mode, limit).await?;
    print(globals, &pass.text("backfill", globals), || {
        pass.json("lamplighter/backfill/v1")
    })?;
    Ok(pass.code(false))
}

/// `lamplighter reconcile`: a look, never a change.
pub(super) async fn reconcile(
    globals: &Globals,
    function: &str,
    place: &PlaceFlags,
) -> Result<u8, Failure> {
    let pass = pass(globals, function, place, Mode::DryRun, None).await?;
    print(globals, &pass.text("reconcile", globals), || {
        pass.json("lamplighter/reconcile/v1")
    })?;
    Ok(pass.code(globals.fail_on_findings))
}

fn print(globals: &Globals, text: &str, json: impl Fn() -> serde_json::Value) -> Result<()> {
    match globals.format {
        Format::Text => output::text(text, globals),
        Format::Json => output::text(&format!("{:#}\n", json()), globals),
        other => Err(Error::config(format!(
            "there is no `{other}` of this command; known formats: `text`, `json`"
        ))),
    }
}

/// What a pass over a place led to.
struct Pass {
    function: &'static str,
    place: Place,
    mode: Mode,
    amount: Amount,
    tally: Tally,
    /// What a person has to know, but not what was ignored.
    rows: Vec<RecordRow>,
    /// The reasons of the actions, by the resource.
    planned: Vec<(String, String)>,
    /// Why it ended before the end.
    ended_early: Option<String>,
    after: Option<String>,
    is_remembered: bool,
}

async fn pass(
    globals: &Globals,
    function: &str,
    place: &PlaceFlags,
    mode: Mode,
    limit: Option<u64>,
) -> Result<Pass, Failure> {
    let entry = functions::find(function)?;
    if !entry.consumes {
        return Err(consumes_nothing(entry).into());
    }
    let settings = settings(globals, function, Some(mode), None)?;
    let place_at = Place {
        bucket: place.bucket.clone(),
        prefix: place.prefix.clone(),
    };
    let told = |error| hints::of_error(function, error);
    let opened = Sweep::open(
        entry,
        Arc::clone(&settings),
        place_at.clone(),
        mode,
        place.after.clone(),
        limit,
    );
    let mut sweep = opened.await.map_err(told)?;
    if let (None, Some(after)) = (&place.after, sweep.after()) {
        output::note(&format!(
            "going on behind `{after}`, where the last one stopped"
        ));
    }
    let amount = sweep.amount().await.map_err(told)?;
    output::note(&format!(
        "{} objects, {}, in s3://{}/{}",
        HumanCount(amount.objects),
        HumanBytes(amount.bytes),
        place.bucket,
        place.prefix
    ));
    let bar = bar(amount.objects, globals.quiet);
    let mut pass = Pass {
        function: entry.name,
        place: place_at,
        mode,
        amount,
        tally: Tally::default(),
        rows: vec![],
        planned: vec![],
        ended_early: None,
        after: None,
        is_remembered: sweep.is_remembered(),
    };
    loop {
        let run = tokio::select! {
            run = sweep.next() => run.map_err(told)?,
            () = interrupted() => {
                pass.ended_early = Some("interrupted".to_owned());
                break;
            }
        };
        let Some(run) = run else {
            break;
        };
        pass.take(run);
        bar.set_position(sweep.tally.all());
        if sweep.tally.is_hopeless() && mode == Mode::Apply {
            pass.ended_early = Some("too many failed".to_owned());
            break;
        }
    }
    bar.finish_and_clear();
    pass.tally = sweep.tally.clone();
    pass.after = sweep.after().map(str::to_owned);
    Ok(pass)
}

fn consumes_nothing(entry: Entry) -> Error {
    let names: Vec<&str> = functions::all()
        .iter()
        .filter(|entry| entry.consumes)
        .map(|entry| entry.name)
        .collect();
    Error::config(format!("`{}` works on no objects", entry.name))
        .hint(format!("these do: `{}`", names.join("`, `")))
}

fn bar(length: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} ({eta} left)")
    {
        bar.set_style(style);
    }
    bar
}

impl Pass {
    fn take(&mut self, run: Run) {
        self.planned.extend(run.actions.into_iter().map(|action| {
            let name = action.action.into_owned();
            (action.resource, action.reason.unwrap_or(name))
        }));
        self.rows.extend(
            run.records
                .into_iter()
                .filter(|row| row.outcome != RecordOutcome::Ignored),
        );
    }

    /// 5, 4 and 3 as everywhere.
    fn code(&self, fail_on_findings: bool) -> u8 {
        if self.ended_early.as_deref() == Some("interrupted") {
            ErrorKind::Interrupted.exit_code()
        } else if self.tally.failed > 0 || self.mode == Mode::Apply && self.tally.quarantined > 0 {
            4
        } else if fail_on_findings && self.tally.done + self.tally.quarantined > 0 {
            3
        } else {
            0
        }
    }

    fn text(&self, command: &str, globals: &Globals) -> String {
        let mut text = String::new();
        let is_look = self.mode == Mode::DryRun;
        let done = if is_look { "to do" } else { "done" };
        let most = if globals.all { usize::MAX } else { LISTED };
        if is_look {
            list(
                &mut text,
                "to do",
                most,
                self.planned
                    .iter()
                    .map(|(what, why)| format!("{}: {}", clean(what), clean(why))),
            );
        }
        for (outcome, heading) in [
            (RecordOutcome::Quarantined, "cannot succeed"),
            (RecordOutcome::Retry, "failed"),
        ] {
            let rows = self.rows.iter().filter(|row| row.outcome == outcome);
            list(
                &mut text,
                heading,
                most,
                rows.map(|row| {
                    let why = row.reason.as_deref().unwrap_or("no reason is known");
                    format!("{}: {}", clean(&row.subject), clean(why))
                }),
            );
        }
        let tally = &self.tally;
        writeln!(
            text,
            "{command} {} s3://{}/{}: {} of {} objects: {} {done}, {} left alone, {} cannot succeed, {} failed",
            self.function,
            clean(&self.place.bucket),
            clean(&self.place.prefix),
            HumanCount(tally.all()),
            HumanCount(self.amount.objects),
            HumanCount(tally.done),
            HumanCount(tally.ignored),
            HumanCount(tally.quarantined),
            HumanCount(tally.failed),
        )
        .ok();
        if let Some(why) = &self.ended_early {
            let on = match (&self.after, self.is_remembered) {
                (_, true) => "the same command goes on there".to_owned(),
                (Some(after), false) => format!("go on with `--after '{}'`", clean(after)),
                (None, false) => "nothing was worked on".to_owned(),
            };
            writeln!(text, "it ended early: {why}; {on}").ok();
        }
        text
    }

    fn json(&self, schema: &str) -> serde_json::Value {
        json!({
            "schema": schema,
            "function": self.function,
            "bucket": self.place.bucket,
            "prefix": self.place.prefix,
            "mode": self.mode,
            "objects": self.amount.objects,
            "bytes": self.amount.bytes,
            "done": if self.mode == Mode::Apply { self.tally.done } else { 0 },
            "to_do": if self.mode == Mode::Apply { 0 } else { self.tally.done },
            "ignored": self.tally.ignored,
            "quarantined": self.tally.quarantined,
            "failed": self.tally.failed,
            "ended_early": self.ended_early,
            "after": self.after,
            "records": self.rows,
        })
    }
}

fn list(text: &mut String, heading: &str, most: usize, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    writeln!(text, "{heading} ({}):", HumanCount(lines.len() as u64)).ok();
    for line in lines.iter().take(most) {
        writeln!(text, "  {line}").ok();
    }
    if lines.len() > most {
        writeln!(
            text,
            "  … and {} more; `--all` lists them",
            lines.len() - most
        )
        .ok();
    }
    text.push('\n');
}

/// Keys are anybody's, and may hold what moves a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}
