//! What the real daemon remembers: over clean stops, `kill -9`, a second daemon, a full disk, and broken configurations.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws, World};
use serde_json::{Value, json};

use super::{PATIENCE, is_stalled, lines, runs};
use crate::harness::{Lamplighter, Ran, programs, serve};
use crate::lambda::{ACCOUNT, CONFIG, account, old};
use crate::process::Process;
use crate::runtime_api::Lambda;

/// How often the daemon is killed in the test of that; `LAMPLIGHTER_CRASHES=1000` for a long night.
const CRASHES: usize = 24;

/// How many daemons are killed at a time.
const AT_ONCE: usize = 4;

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
fn on_a_full_disk_what_changes_things_is_refused_and_audits_go_on() {
    let aws = account();
    programs();
    let schedule = schedule((Utc::now() + TimeDelta::seconds(6)).trunc_subsecs(0));
    let config = format!(
        "{}[audit-security-groups]\nschedule = \"{schedule}\"\n",
        config(&schedule)
    );
    let (command, folder) = Lamplighter::new(["daemon"])
        .on(&aws)
        .config(&config)
        .into_command();
    // No file may grow: what a full disk does, and what every machine can do.
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
    full.arg(command.get_program()).args(command.get_args());
    let variables = command
        .get_envs()
        .filter_map(|(key, value)| Some((key, value?)));
    full.env_clear().envs(variables).current_dir(folder.path());
    let mut daemon = Process::of(full, folder);
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

#[test]
fn a_broken_configuration_changes_nothing_and_a_good_one_is_put_in_place() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    programs();
    let due = (Utc::now() + TimeDelta::seconds(20)).trunc_subsecs(0);
    let good = config(&schedule(due));
    let program = on(&aws, "daemon", state.path()).config(&good);
    let file = program.folder().join("lamplighter.toml");
    let mut daemon = Process::start(program);
    until_it_runs(&mut daemon);
    let refused = "the configuration stays as it was";
    for (number, broken) in broken(&good).into_iter().enumerate() {
        std::fs::write(&file, broken).expect("written");
        daemon.signal("HUP");
        daemon.until("word about it", PATIENCE, |log| {
            log.matches(refused).count() > number
        });
    }
    assert!(
        Utc::now() < due,
        "this machine was too slow for fifty configurations before the slot"
    );
    let status = ask(&aws, "status", state.path(), &good).code(1).json();
    let trouble = status["troubles"][0].as_str().expect("a sentence");
    assert!(
        trouble.contains("is not sound, the one before is in force"),
        "{trouble}"
    );
    daemon.until("the run of the slot", PATIENCE, |log| {
        log.contains("the run ends")
    });
    assert_eq!(runs(&aws), 1);

    let more = format!("{good}[audit-security-groups]\nschedule = \"rate(1 day)\"\n");
    std::fs::write(&file, &more).expect("written");
    daemon.signal("HUP");
    daemon.until("the new one", PATIENCE, |log| {
        log.contains("the configuration was read again")
    });
    let status = ask(&aws, "status", state.path(), &more).code(0).json();
    assert_eq!(status["functions"].as_array().expect("a list").len(), 2);
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
    assert_eq!(runs(&aws), 1, "what was done before is not done again");
}

/// Fifty ways to get it wrong.
fn broken(good: &str) -> Vec<String> {
    let mut broken = vec![
        String::new(),
        "[daemon]\ndrain_secs = 1\n".to_owned(),
        good.replace("mode = \"apply\"", "mode = \"aply\""),
        good.replace("required_tags", "required_tag"),
        good.replace("at(", "every("),
        good.replace("[stop-untagged]", "[stop-untaged]"),
        good.replace("max_percent = 100", "max_percent = 101"),
        format!("{good}[stop-untagged]\n"),
        format!("{good}[daemon]\nmax_runs = 0\n"),
        format!("{good}[daemon]\nhttp = \"nowhere\"\n"),
    ];
    // And a file that was cut off while it was written, at every other place.
    let end = good.find("schedule").expect("it is there");
    let mut at = 1;
    while broken.len() < 50 {
        let cut = &good[..(at * 7) % end];
        at += 1;
        if !cut.trim().is_empty() && cut.parse::<toml::Table>().is_err() {
            broken.push(cut.to_owned());
        }
    }
    broken
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

#[test]
fn of_two_daemons_and_a_lambda_on_one_state_one_runs_the_slot() {
    let now = Utc::now();
    let instance = old("i-0aaa0000000000002", now);
    let world = World::new(ACCOUNT, now).instance(ACCOUNT, "eu-west-1", instance);
    let aws = serve(world.bucket(ACCOUNT, "eu-west-1", "lamplighter-state"));
    programs();
    let due = (Utc::now() + TimeDelta::seconds(6)).trunc_subsecs(0);
    let config = format!(
        "{}[state]\nurl = \"s3://lamplighter-state/prod\"\n",
        config(&schedule(due))
    );
    let states: Vec<_> = (0..2)
        .map(|_| tempfile::tempdir().expect("a folder"))
        .collect();
    let mut daemons: Vec<Process> = states
        .iter()
        .map(|state| daemon(&aws, state.path(), &config))
        .collect();
    let mut outcomes = vec![];
    for (daemon, state) in daemons.iter_mut().zip(&states) {
        daemon.until("its end of the slot", PATIENCE, |_| {
            let history = ask(&aws, "history", state.path(), &config);
            let Some(outcome) = history.report().map(|rows| rows[0]["outcome"].clone()) else {
                return false;
            };
            let is_over = outcome.is_string() && outcome != "running";
            if is_over {
                outcomes.push(outcome.as_str().unwrap_or_default().to_owned());
            }
            is_over
        });
    }
    outcomes.sort();
    assert_eq!(outcomes, ["ok", "taken"]);
    for daemon in daemons {
        daemon.signal("TERM");
        daemon.ended(PATIENCE).code(0);
    }

    let calls = aws.calls().len();
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let tick = json!({"metadata": {"source": "scheduler", "trigger": "schedule", "slot": text(due)}, "data": {}});
    let answer = lambda.invoke(&tick).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("ok"), &json!(0))
    );
    let message = answer["message"].as_str().expect("a sentence");
    assert!(
        message.contains("has run elsewhere: claimed by "),
        "{message}"
    );
    let after: Vec<String> = aws.calls()[calls..]
        .iter()
        .map(|call| call.name())
        .collect();
    assert!(
        !after.iter().any(|call| call.starts_with("ec2:")),
        "it looked at nothing: {after:?}"
    );
}

#[test]
fn the_daemon_s_own_role_only_assumes_the_roles_of_its_functions() {
    let policy = |text: &str| Lamplighter::new(["policy", "daemon"]).config(text).run();
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let config = format!(
        "[stop-untagged]\nrole = \"{}\"\n[audit-mfa]\nmode = \"plan\"\n",
        role("lamplighter-stop-untagged")
    );
    let ran = policy(&config).code(0);
    let statements = ran.json()["Statement"].clone();
    assert_eq!(statements.as_array().expect("a list").len(), 1);
    assert_eq!(statements[0]["Action"], json!(["sts:AssumeRole"]));
    let resource = json!([role("lamplighter-stop-untagged")]);
    assert_eq!(statements[0]["Resource"], resource);
    assert!(
        ran.stderr.contains("audit-mfa has no `role`"),
        "{}",
        ran.stderr
    );
    policy("[audit-mfa]\nmode = \"plan\"\n").code(2);
}
