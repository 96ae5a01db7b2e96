//! A full disk, and a state directory that cannot be written.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use chrono::{DurationRound, SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::LocalAws;
use serde_json::{Value, json};

use super::{ask, config, daemon, on, schedule, text, until_it_runs};
use crate::daemon::http::{address, get};
use crate::daemon::{PATIENCE, lines};
use crate::harness::{Lamplighter, programs};
use crate::lambda::account;
use crate::process::Process;

#[test]
fn on_a_full_disk_what_changes_things_is_refused_and_audits_go_on() {
    let aws = account();
    programs();
    let schedule = schedule((Utc::now() + TimeDelta::seconds(6)).trunc_subsecs(0));
    let config = format!(
        "{}[audit-security-groups]\nschedule = \"{schedule}\"\n",
        config(&schedule)
    );
    let program = Lamplighter::new(["daemon"]).on(&aws).config(&config);
    let mut daemon = full(program, true);
    daemon.until("both slots", PATIENCE, |log| {
        log.contains("refused: cannot") && log.contains("the run ends")
    });
    daemon.signal("TERM");
    let ran = daemon.ended(PATIENCE).code(0);
    let log = lines(&ran.stderr);
    let of = |what: &str| {
        let found = log.iter().find(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with(what))
        });
        found.map(|line| line["function"].clone())
    };
    assert_eq!(of("refused: "), Some(json!("stop-untagged")));
    assert_eq!(of("the run ends"), Some(json!("audit-security-groups")));
    let changed = aws.calls().iter().any(|call| call.changes);
    assert!(!changed, "{:?}", aws.calls());
}

/// A program for which no file may grow, from the start or when somebody says so: what a full disk does, and what every
/// machine can do.
fn full(program: Lamplighter, is_full: bool) -> Process {
    let (command, folder) = program.into_command();
    let limit = if is_full { "ulimit -S -f 0; " } else { "" };
    let mut full = Command::new("sh");
    full.args(["-c", &format!("trap '' XFSZ; {limit}exec \"$0\" \"$@\"")]);
    full.arg(command.get_program()).args(command.get_args());
    let variables = command
        .get_envs()
        .filter_map(|(key, value)| Some((key, value?)));
    full.env_clear().envs(variables).current_dir(folder.path());
    Process::of(full, folder)
}

/// Fills the disk of a program that runs, or makes room on it.
fn set_full(daemon: &Process, is_full: bool) {
    let limit = if is_full { "0:" } else { "unlimited:" };
    let set = Command::new("prlimit")
        .args([
            "--pid",
            &daemon.id().to_string(),
            &format!("--fsize={limit}"),
        ])
        .status()
        .expect("prlimit runs");
    assert!(set.success());
}

/// The runs in the ledger: function, slot and outcome.
fn history(aws: &LocalAws, state: &Path, config: &str) -> Vec<(String, String, String)> {
    let rows = ask(aws, "history", state, config).code(0).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| {
        (
            text(&row["function"]),
            text(&row["slot"]),
            text(&row["outcome"]),
        )
    })
    .collect()
}

/// A daemon that runs every minute, and lives until its ledger knows of it.
fn live_once(aws: &LocalAws, state: &Path, config: &str) {
    let mut daemon = daemon(aws, state, config);
    until_it_runs(&mut daemon);
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
}

const EVERY_MINUTE: &str = "rate(1 minute)";

/// One function that changes things and one that only looks, both every minute.
fn both() -> String {
    format!(
        "{}[audit-security-groups]\nschedule = \"{EVERY_MINUTE}\"\n",
        config(EVERY_MINUTE)
    )
}

#[test]
fn a_disk_that_fills_and_is_full_at_the_next_start_loses_no_slot_and_no_ledger() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    programs();
    let config = both();
    let program = || on(&aws, "daemon", state.path()).config(&config);
    let mut first = full(program(), false);
    until_it_runs(&mut first);
    set_full(&first, true);
    first.until("a refusal", 2 * PATIENCE, |log| {
        log.contains("refused: cannot") && log.contains("the run ends")
    });
    assert!(!aws.calls().iter().any(|call| call.changes));
    set_full(&first, false);
    first.until("room", PATIENCE, |log| {
        log.contains("the ledger can be written again")
    });
    let of = |rows: &[(String, String, String)], function: &str, outcome: &str| {
        let wanted = |row: &&(String, String, String)| row.0 == function && row.2 == outcome;
        rows.iter().filter(wanted).count()
    };
    let rows = history(&aws, state.path(), &config);
    assert_eq!(of(&rows, "stop-untagged", "refused"), 1, "{rows:?}");
    assert_eq!(of(&rows, "audit-security-groups", "ok"), 1, "{rows:?}");
    first.signal("TERM");
    first.ended(PATIENCE).code(0);

    // The next one finds the disk full: what fell into the time between is known nevertheless.
    let slot = (Utc::now() + TimeDelta::minutes(1)).duration_trunc(TimeDelta::minutes(1));
    let slot = slot.expect("a minute");
    let wait = slot + TimeDelta::seconds(1) - Utc::now();
    std::thread::sleep(wait.to_std().unwrap_or_default());
    let mut second = full(program(), true);
    second.until("the slot between", PATIENCE, |log| {
        log.contains("refused: cannot") && log.contains("the run ends")
    });
    set_full(&second, false);
    second.until("room", PATIENCE, |log| {
        log.contains("the ledger can be written again")
    });
    second.signal("TERM");
    second.ended(PATIENCE).code(0);
    let rows = history(&aws, state.path(), &config);
    let made_up = (
        "audit-security-groups".to_owned(),
        text(slot),
        "ok".to_owned(),
    );
    assert!(rows.contains(&made_up), "{rows:?}");
    let mut slots: Vec<_> = rows.iter().map(|row| (&row.0, &row.1)).collect();
    let all = slots.len();
    slots.sort();
    slots.dedup();
    assert_eq!(slots.len(), all, "a slot was run twice: {rows:?}");
}

#[test]
fn in_a_state_directory_that_cannot_be_written_changes_are_refused_audits_go_on_and_health_says_so()
{
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    programs();
    let config = format!("{}[daemon]\nhttp = \"127.0.0.1:0\"\n", both());
    live_once(&aws, state.path(), &config);
    let before = std::fs::read(state.path().join("lamplighter.sqlite")).expect("read");
    let set_mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(state.path(), permissions).expect("the mode is changed");
    };
    set_mode(0o555);
    let (command, folder) = on(&aws, "daemon", state.path())
        .config(&config)
        .into_command();
    let mut other = without_power();
    let variables = command.get_envs();
    let variables = variables.filter_map(|(key, value)| Some((key, value?)));
    other
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(variables)
        .current_dir(folder.path());
    let mut daemon = Process::of(other, folder);
    daemon.until("both slots", 2 * PATIENCE, |log| {
        log.contains("refused: cannot") && log.contains("the run ends")
    });
    let address = address(&mut daemon);
    let ready = get(&address, "/readyz");
    assert_eq!(ready.status, 503);
    let why = "runs that change things are refused";
    assert!(ready.body.contains(why), "{}", ready.body);
    assert_eq!(get(&address, "/livez").status, 200);
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
    set_mode(0o755);
    let after = std::fs::read(state.path().join("lamplighter.sqlite")).expect("read");
    assert!(before == after, "the ledger is as it was");
    assert!(!aws.calls().iter().any(|call| call.changes));
    // The next one may write, and knows that the slot is still to be run.
    let mut next = full(on(&aws, "daemon", state.path()).config(&config), false);
    next.until("a change", 2 * PATIENCE, |_| {
        aws.calls().iter().any(|call| call.changes)
    });
    next.signal("TERM");
    next.ended(PATIENCE).code(0);
}

/// What starts a program without root's power to write where it may not.
fn without_power() -> Command {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    if !id.stdout.starts_with(b"0\n") {
        return Command::new("env");
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args([
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-all",
    ]);
    setpriv
}
