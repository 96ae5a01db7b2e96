//! The commands, one file each.

mod apply;
mod check;
mod cost;
mod daemon;
mod deploy;
mod hints;
mod list;
mod mail;
mod plan;
mod policy;
mod replay;
mod run;
mod sample_event;
mod schedule;
mod shell_files;
mod status;
mod sweep;

use std::future::Future;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Errors, Flag, nearest};
use lamplighter_core::{Error, ErrorKind, Mode, Progress, Result, Run};
use lamplighter_events::Envelope;
use lamplighter_shell::Settings;
use lamplighter_shell::settings::{is_local, load_config, read_config_file};

use crate::cli::{Cli, Command, Globals};
#[cfg(feature = "demo")]
use crate::demo::KeepUp;
use crate::output::{self, ProgressLine};
use crate::{Failure, functions};

/// Runs the command and answers the exit code.
pub async fn run(cli: Cli) -> Result<u8, Failure> {
    let globals = &cli.globals;
    match cli.command {
        Command::List => list::run(globals),
        Command::Run {
            function,
            dry_run,
            apply,
            event,
            now,
        } => {
            let mode = mode_of(dry_run, apply);
            run::run(globals, &function, mode, event.as_deref(), now).await
        }
        Command::Plan {
            function,
            event,
            out,
            now,
        } => plan::run(globals, &function, event.as_deref(), &out, now).await,
        Command::Apply { file, dry_run, now } => apply::run(globals, &file, dry_run, now).await,
        Command::Replay {
            from,
            function,
            dry_run,
            apply,
        } => {
            let mode = mode_of(dry_run, apply);
            replay::run(globals, &from, function.as_deref(), mode).await
        }
        Command::Backfill {
            function,
            place,
            dry_run,
            limit,
        } => sweep::backfill(globals, &function, &place, dry_run, limit).await,
        Command::Reconcile { function, place } => {
            sweep::reconcile(globals, &function, &place).await
        }
        Command::Mail(command) => mail::run(globals, &command).await,
        Command::Daemon => daemon::run(globals).await,
        Command::Status => status::status(globals),
        Command::History { function, last } => status::history(globals, function.as_deref(), last),
        Command::Resume { function } => status::resume(globals, &function),
        Command::Check { print } => check::run(globals, print),
        Command::Schedule {
            what,
            next,
            from,
            zone,
        } => schedule::run(globals, what.as_deref(), next, from, zone.as_deref()),
        Command::SampleEvent { name } => sample_event::run(globals, name.as_deref()),
        Command::Policy {
            function,
            trust,
            account,
            boundary,
        } => policy::run(globals, &function, trust, account, boundary.as_deref()),
        Command::Deploy(command) => deploy::run(globals, &command),
        Command::Cost(flags) => cost::run(globals, &flags),
        #[cfg(feature = "demo")]
        Command::Demo {
            serve,
            daemon,
            http,
        } => {
            let keep_up = match (serve, daemon) {
                (true, _) => Some(KeepUp::Account),
                (false, true) => Some(KeepUp::Daemon(http)),
                (false, false) => None,
            };
            crate::demo::run(globals, keep_up).await
        }
        Command::Completions { shell } => shell_files::completions(globals, shell),
        Command::Man => shell_files::man(globals),
    }
}

/// The mode that the flags ask for; `None`: as configured.
fn mode_of(dry_run: bool, apply: bool) -> Option<Mode> {
    match (dry_run, apply) {
        (true, _) => Some(Mode::DryRun),
        (false, true) => Some(Mode::Apply),
        (false, false) => None,
    }
}

/// Of two exit codes the one that stands for both: the first of 5, 2, 1, 4, 3.
fn worst(one: u8, other: u8) -> u8 {
    let rank = |code: &u8| [5, 2, 1, 4, 3, 0].iter().position(|known| known == code);
    [one, other].into_iter().min_by_key(rank).unwrap_or(one)
}

/// The effective configuration: defaults, file, environment, flags.
fn load(globals: &Globals, mut flags: Vec<Flag>) -> Result<Config, Failure> {
    let file = read_config_file(globals.config.as_deref())?;
    if !globals.regions.is_empty() {
        flags.push(Flag::regions(&globals.regions));
    }
    let config = load_config(&file, flags)?;
    match unknown_rules(&config) {
        None => Ok(config),
        Some(errors) => Err(errors.into()),
    }
}

/// What is wrong with the exceptions: one for a rule that no function has would never hold.
fn unknown_rules(config: &Config) -> Option<Errors> {
    let known: Vec<&str> = functions::all()
        .iter()
        .flat_map(|entry| entry.rules)
        .copied()
        .collect();
    let mut errors: Option<Errors> = None;
    for (index, exception) in config.exceptions.iter().enumerate() {
        if known.contains(&exception.rule.as_str()) {
            continue;
        }
        let hint = match nearest(&exception.rule, known.iter().copied()) {
            Some(rule) => format!("did you mean `{rule}`?"),
            None => format!("known rules: `{}`", known.join("`, `")),
        };
        let message = format!("no function has a rule `{}`", exception.rule);
        let error = config.error_in_exception(index, "rule", message, Some(&hint));
        match &mut errors {
            Some(errors) => errors.extend(error),
            None => errors = Some(error),
        }
    }
    errors
}

/// What a run starts with. `--now` only where nothing real can be judged by a wrong time.
fn settings(
    globals: &Globals,
    function: &str,
    mode: Option<Mode>,
    now: Option<DateTime<Utc>>,
) -> Result<Arc<Settings>, Failure> {
    let flags = if mode == Some(Mode::Apply) {
        vec![Flag::apply(function)]
    } else {
        vec![]
    };
    let config = load(globals, flags)?;
    let options = options(globals);
    if now.is_some() && mode != Some(Mode::DryRun) && !is_local(&options) {
        return Err(
            Error::config("`--now` is only for a dry run, or for a local endpoint")
                .hint("add `--dry-run`, or `--endpoint-url` with an address of this machine")
                .into(),
        );
    }
    Ok(Arc::new(Settings::new(config, options).at(now)))
}

fn options(globals: &Globals) -> Options {
    Options {
        endpoint_url: globals.endpoint_url.clone(),
        profile: globals.profile.clone(),
        ..Options::default()
    }
}

/// The event of `--event`: a file, stdin, or none.
fn event(from: Option<&str>) -> Result<Envelope> {
    let Some(from) = from else {
        return Ok(Envelope::default());
    };
    let text = if from == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Error::config("cannot read the event from stdin").caused_by(error))?;
        text
    } else {
        std::fs::read_to_string(from).map_err(|error| {
            Error::config(format!("cannot read the event `{from}`")).caused_by(error)
        })?
    };
    Envelope::parse(from, &text)
}

/// Waits for `work` with a progress line, or for SIGINT or SIGTERM, whichever comes first.
async fn watched<T>(
    progress: &Arc<Progress>,
    quiet: bool,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let line = ProgressLine::watch(progress, quiet);
    let result = tokio::select! {
        result = work => result,
        () = interrupted() => Err(Error::new(ErrorKind::Interrupted, "interrupted")
            .hint("what was done stays done, and running it again is safe")),
    };
    drop(line);
    result
}

/// Returns at SIGINT or SIGTERM.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            tokio::signal::ctrl_c().await.ok();
        }
    }
}

/// Prints the report, then what a person can do about what went wrong, and answers the exit code.
fn finish(run: &Run, globals: &Globals) -> Result<u8, Failure> {
    output::report(run, globals)?;
    for hint in hints::of_run(run) {
        output::note(&format!("hint: {hint}"));
    }
    Ok(run.exit_code(globals.fail_on_findings))
}
