//! `kill -9`, at any moment: no slot is lost, none runs twice, and anybody can see how it stands.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws};

use super::{ask, daemon, due_soon, on, text, until_it_runs};
use crate::daemon::{PATIENCE, is_stalled, runs};
use crate::harness::Ran;
use crate::lambda::account;

/// How often the daemon is killed in the test of that; `LAMPLIGHTER_CRASHES=1000` for a long night.
const CRASHES: usize = 24;

/// How many daemons are killed at a time.
const AT_ONCE: usize = 4;

#[test]
fn after_kill_9_the_run_is_interrupted_and_its_slot_does_not_run_again() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall).nth(1));
    let state = tempfile::tempdir().expect("a folder");
    let (mut first, config, due) = due_soon(&aws, state.path(), "");
    first.until("the stalled call", PATIENCE, |_| is_stalled(&aws));
    let status = ask(&aws, "status", state.path(), &config).code(0).json();
    assert_eq!(status["functions"][0]["running"][0]["slot"], text(due));
    first.kill();

    // Nobody has put anything in order, and everybody can see how it is.
    let status = as_anybody(&aws, "status", state.path(), &config).code(1);
    assert!(
        status.stdout.contains("the daemon is gone; last heard of"),
        "{}",
        status.stdout
    );
    assert!(
        status.stdout.contains("last runs    interrupted"),
        "{}",
        status.stdout
    );
    let history = as_anybody(&aws, "history", state.path(), &config).code(0);
    assert!(history.stdout.contains("interrupted"), "{}", history.stdout);
    let history = ask(&aws, "history", state.path(), &config).code(0).json();
    assert_eq!(history[0]["outcome"], "interrupted");

    let mut second = daemon(&aws, state.path(), &config);
    until_it_runs(&mut second);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(runs(&aws), 1, "the slot has been run");
    second.signal("TERM");
    second.ended(PATIENCE).code(0);
    let history = as_anybody(&aws, "history", state.path(), &config).code(0);
    assert!(history.stdout.contains("interrupted"), "{}", history.stdout);
    let status = as_anybody(&aws, "status", state.path(), &config).code(0);
    for expected in ["the daemon is stopped", "last runs    interrupted"] {
        assert!(status.stdout.contains(expected), "{}", status.stdout);
    }
}

/// The program as a user who owns nothing and may write nothing here.
fn as_anybody(aws: &LocalAws, command: &str, state: &std::path::Path, config: &str) -> Ran {
    let (command, folder) = on(aws, command, state).config(config).into_command();
    let mode = |path: &std::path::Path, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).expect("the mode is changed");
    };
    let id = Command::new("id").arg("-u").output().expect("id runs");
    let is_root = id.stdout.starts_with(b"0\n");
    // Root may write anywhere, so it becomes somebody else; anybody else takes the rights from himself.
    mode(folder.path(), 0o755);
    mode(state, if is_root { 0o755 } else { 0o555 });
    let mut other = match is_root {
        true => {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            setpriv.arg(command.get_program());
            setpriv
        }
        false => Command::new(command.get_program()),
    };
    let variables = command.get_envs();
    let variables = variables.filter_map(|(key, value)| Some((key, value?)));
    let output = other
        .args(command.get_args())
        .env_clear()
        .envs(variables)
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    mode(state, 0o755);
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        folder,
    }
}

#[test]
fn kill_9_at_any_moment_loses_no_slot_and_repeats_none() {
    let asked = std::env::var("LAMPLIGHTER_CRASHES").ok();
    let crashes = asked.map_or(CRASHES, |text| text.parse().expect("a number"));
    std::thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            scope.spawn(move || {
                let state = tempfile::tempdir().expect("a folder");
                for crash in (worker..crashes).step_by(AT_ONCE) {
                    kill_once(crash, state.path());
                }
            });
        }
    });
}

/// One slot, during whose run the daemon is killed, and the daemons after it.
fn kill_once(crash: usize, state: &std::path::Path) {
    let aws = account();
    let (first, config, due) = due_soon(&aws, state, "");
    // From just before the slot to well after the run's end, which takes about 200 ms.
    let moment = TimeDelta::milliseconds(i64::try_from(crash % 48).expect("a few") * 12 - 50);
    let wait = (due + moment - Utc::now()).to_std().unwrap_or_default();
    std::thread::sleep(wait);
    first.kill();

    let mut second = daemon(&aws, state, &config);
    until_it_runs(&mut second);
    // Within a minute it is on time, so a slot that had not begun begins now.
    let mut rows = vec![];
    second.until("the slot in the ledger, and its end", PATIENCE, |_| {
        let history = ask(&aws, "history", state, &config).code(0).json();
        rows = history.as_array().expect("a list").clone();
        rows.retain(|row| row["slot"] == text(due));
        rows.first().is_some_and(|row| row["outcome"] != "running")
    });
    second.signal("TERM");
    second.ended(PATIENCE).code(0);
    assert_eq!(rows.len(), 1, "crash {crash}: once: {rows:?}");
    let outcome = rows[0]["outcome"].as_str().expect("a word");
    assert!(
        ["ok", "interrupted"].contains(&outcome),
        "crash {crash}: {rows:?}"
    );
    assert!(runs(&aws) <= 1, "crash {crash}: it ran twice");
    assert!(
        outcome != "ok" || runs(&aws) == 1,
        "crash {crash}: {rows:?}"
    );
}
