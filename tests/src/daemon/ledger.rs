//! What the real daemon remembers: over clean stops, `kill -9`, a second daemon, a full disk, and broken configurations.

mod crashes;
mod misfortunes;
mod reloads;
mod shared;

use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws};
use serde_json::{Value, json};

use super::{PATIENCE, is_stalled};
use crate::harness::{Lamplighter, Ran, programs};
use crate::lambda::{CONFIG, account};
use crate::process::Process;

fn config(schedule: &str) -> String {
    // Stalled calls stay stalled.
    let patient = "[aws]\nattempt_timeout_secs = 200\n";
    format!("{patient}{CONFIG}schedule = \"{schedule}\"\n")
}

/// The daemon of a folder, so that another one can come after it.
fn daemon(aws: &LocalAws, state: &std::path::Path, config: &str) -> Process {
    Process::start(on(aws, "daemon", state).config(config))
}

/// A daemon whose one slot is a few seconds ahead, its configuration, and the slot. On a machine that was too busy to
/// start it before that, once more with more time.
fn due_soon(
    aws: &LocalAws,
    state: &std::path::Path,
    more: &str,
) -> (Process, String, DateTime<Utc>) {
    programs();
    for seconds in [3, 10, 60] {
        let due = (Utc::now() + TimeDelta::seconds(seconds)).trunc_subsecs(0);
        let config = format!("{}{more}", config(&schedule(due)));
        let mut daemon = daemon(aws, state, &config);
        until_it_runs(&mut daemon);
        if Utc::now() < due - TimeDelta::milliseconds(100) {
            return (daemon, config, due);
        }
        daemon.kill();
    }
    panic!("this machine cannot start the daemon within a minute");
}

fn schedule(due: DateTime<Utc>) -> String {
    format!("at({})", due.format("%Y-%m-%dT%H:%M:%S"))
}

fn on(aws: &LocalAws, command: &str, state: &std::path::Path) -> Lamplighter {
    let program = Lamplighter::new([command]).on(aws);
    program.env("LAMPLIGHTER_DAEMON__STATE_DIR", state)
}

fn ask(aws: &LocalAws, command: &str, state: &std::path::Path, config: &str) -> Ran {
    on(aws, command, state)
        .config(config)
        .args(["--format", "json"])
        .run()
}

fn until_it_runs(daemon: &mut Process) {
    daemon.until("the daemon to run", PATIENCE, |log| {
        log.contains("the daemon runs")
    });
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[test]
fn status_and_history_say_the_same_while_it_runs_and_after_a_clean_stop() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    let never = ask(&aws, "status", state.path(), CONFIG).code(1);
    assert!(
        never.stderr.contains("no daemon has ever run in `"),
        "{}",
        never.stderr
    );

    let (mut daemon, config, due) = due_soon(&aws, state.path(), "");
    let before = ask(&aws, "status", state.path(), &config).code(0).json();
    assert_eq!(before["is_running"], true);
    assert_eq!(before["functions"][0]["next"], text(due));
    assert_eq!(before["functions"][0]["last_success"], Value::Null);
    daemon.until("the run's end", PATIENCE, |log| {
        log.contains("the run ends")
    });
    let mut status = Value::Null;
    daemon.until("the end in the ledger", PATIENCE, |_| {
        status = ask(&aws, "status", state.path(), &config).code(0).json();
        status["functions"][0]["last_success"] != Value::Null
    });
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);

    let after = ask(&aws, "status", state.path(), &config).code(0).json();
    assert_eq!(after["is_running"], false);
    assert_ne!(after["daemon"]["stopped_at"], Value::Null);
    assert_eq!(after["functions"], status["functions"]);
    let run = &after["functions"][0]["last_success"];
    assert_eq!(
        (
            &run["outcome"],
            &run["mode"],
            &run["slot"],
            &run["summary"]["done"]
        ),
        (&json!("ok"), &json!("apply"), &json!(text(due)), &json!(1))
    );
    let history = ask(&aws, "history", state.path(), &config).code(0).json();
    assert_eq!(history.as_array().expect("a list").len(), 1);
    assert_eq!(history[0]["run_id"], run["run_id"]);

    let words = on(&aws, "status", state.path())
        .config(&config)
        .run()
        .code(0);
    for expected in [
        "the daemon is stopped",
        "stop-untagged  apply  at(",
        "last runs    ok in",
        "all is well",
    ] {
        assert!(
            words.stdout.contains(expected),
            "{expected}: {}",
            words.stdout
        );
    }
    let words = on(&aws, "history", state.path())
        .config(&config)
        .run()
        .code(0);
    assert!(words.stdout.contains("1 done"), "{}", words.stdout);
}

#[test]
fn a_second_daemon_ends_with_75_and_names_the_first() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    let config = config("rate(1 day)");
    let mut first = daemon(&aws, state.path(), &config);
    until_it_runs(&mut first);
    let second = on(&aws, "daemon", state.path())
        .config(&config)
        .run()
        .code(75);
    let pid = format!("pid {} on ", first.id());
    assert!(
        second.stderr.contains(&pid) && second.stderr.contains(" since 20"),
        "{}",
        second.stderr
    );
    assert!(first.is_running());
    // The lock ends with its holder, however that ends.
    first.kill();
    let mut third = daemon(&aws, state.path(), &config);
    until_it_runs(&mut third);
}

#[test]
fn a_daemon_without_its_folder_says_what_to_do() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    let nowhere = state.path().join("nowhere");
    let ran = on(&aws, "daemon", &nowhere)
        .config(&config("rate(1 day)"))
        .run()
        .code(2);
    assert!(
        ran.stderr.contains("cannot open the daemon's lock"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: `[daemon] state_dir` must exist"),
        "{}",
        ran.stderr
    );
}

#[test]
fn sigterm_during_a_stalled_call_ends_it_after_the_drain_with_5() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall));
    let state = tempfile::tempdir().expect("a folder");
    let (mut daemon, config, _) = due_soon(&aws, state.path(), "[daemon]\ndrain_secs = 1\n");
    daemon.until("the stalled call", PATIENCE, |_| is_stalled(&aws));
    daemon.signal("TERM");
    // A second to end by itself; nothing has been changed yet, so that it is cut off at once.
    let ran = daemon.ended(Duration::from_secs(8)).code(5);
    assert!(ran.stderr.contains("told to end"), "{}", ran.stderr);
    let history = ask(&aws, "history", state.path(), &config).code(0).json();
    assert_eq!(history[0]["outcome"], "interrupted", "{history}");
}

#[test]
fn a_run_that_takes_too_long_is_a_timeout_and_somebody_is_told() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall));
    let state = tempfile::tempdir().expect("a folder");
    let (mut daemon, config, _) = due_soon(&aws, state.path(), "timeout_secs = 2\n");
    daemon.until("the timeout", PATIENCE, |log| {
        log.contains("timeout: it took longer than 2 s")
    });
    let mut status = Value::Null;
    daemon.until("the end in the ledger", PATIENCE, |_| {
        status = ask(&aws, "status", state.path(), &config).json();
        status["troubles"] != json!([])
    });
    let trouble = "stop-untagged: the last run ended as `timeout`: it took longer than 2 s";
    assert_eq!(status["troubles"], json!([trouble]));
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
    ask(&aws, "status", state.path(), &config).code(1);
}

#[test]
fn a_paused_function_is_named_and_resumed_while_the_daemon_runs() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    let config = config("rate(1 day)");
    let mut daemon = daemon(&aws, state.path(), &config);
    until_it_runs(&mut daemon);
    // As three panics would: there is no function that panics.
    let file = state.path().join("lamplighter.sqlite");
    let pause = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                 db.execute(\"UPDATE jobs SET paused_at = 1, paused_why = 'three panics', panics = 3\"); db.commit()";
    let paused = Command::new("python3")
        .args(["-c", pause])
        .arg(&file)
        .status()
        .expect("python3 runs");
    assert!(paused.success());
    let status = ask(&aws, "status", state.path(), &config).code(1).json();
    let trouble = status["troubles"][0].as_str().expect("a sentence");
    assert!(
        trouble.starts_with("stop-untagged is paused since ") && trouble.ends_with("three panics"),
        "{trouble}"
    );
    // The daemon has seen it before it is resumed.
    std::thread::sleep(Duration::from_secs(3));
    let resume = || {
        let program = on(&aws, "resume", state.path()).config(&config);
        program.arg("stop-untagged").run().code(0)
    };
    assert!(resume().stdout.contains("goes on with its next slot"));
    daemon.until("the daemon to notice", PATIENCE, |log| {
        log.contains("goes on: it was resumed")
    });
    ask(&aws, "status", state.path(), &config).code(0);
    assert!(resume().stderr.contains("stop-untagged is not paused"));
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
}
