//! Fifty broken configurations while slots fall due, and a good one after them.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{ask, on, text, until_it_runs};
use crate::daemon::PATIENCE;
use crate::harness::programs;
use crate::lambda::{CONFIG, account};
use crate::process::Process;

/// Each runs once, two seconds after the one before.
const FUNCTIONS: [&str; 5] = [
    "stop-untagged",
    "audit-security-groups",
    "audit-mfa",
    "audit-access-keys",
    "report-certificates",
];

fn due(first: DateTime<Utc>, function: usize) -> DateTime<Utc> {
    first + TimeDelta::seconds(2) * i32::try_from(function).expect("a few")
}

fn good(first: DateTime<Utc>) -> String {
    let mut good = format!("[aws]\nattempt_timeout_secs = 200\n{CONFIG}");
    for (number, function) in FUNCTIONS.into_iter().enumerate() {
        let at = due(first, number).format("%Y-%m-%dT%H:%M:%S");
        if number > 0 {
            good.push_str(&format!("[{function}]\n"));
        }
        good.push_str(&format!("schedule = \"at({at})\"\n"));
    }
    good
}

#[test]
fn while_fifty_broken_configurations_are_read_every_slot_runs_in_time() {
    let aws = account();
    let state = tempfile::tempdir().expect("a folder");
    programs();
    let mut started = None;
    // On a machine that is too busy to start it before the first slot, once more with more time.
    for seconds in [5, 20, 60] {
        let first = (Utc::now() + TimeDelta::seconds(seconds)).trunc_subsecs(0);
        let good = good(first);
        let program = on(&aws, "daemon", state.path()).config(&good);
        let file = program.folder().join("lamplighter.toml");
        let mut daemon = Process::start(program);
        until_it_runs(&mut daemon);
        if Utc::now() < first - TimeDelta::seconds(1) {
            started = Some((daemon, file, good, first));
            break;
        }
        daemon.kill();
    }
    let (mut daemon, file, good, first) = started.expect("it starts within a minute");
    let last = due(first, FUNCTIONS.len() - 1);
    let broken = broken(&good);
    assert_eq!(broken.len(), 50);
    let begin = first - TimeDelta::seconds(1);
    let every = (last + TimeDelta::seconds(1) - begin) / 50;
    let refused = "the configuration stays as it was";
    let mut told_at = vec![];
    for (number, (what, broken)) in (0..).zip(broken) {
        let wait = begin + every * number - Utc::now();
        std::thread::sleep(wait.to_std().unwrap_or_default());
        put(&file, &broken);
        daemon.signal("HUP");
        let number = usize::try_from(number).expect("a few");
        daemon.until(what, PATIENCE, |log| log.matches(refused).count() > number);
        told_at.push(Utc::now());
    }
    for (number, function) in FUNCTIONS.into_iter().enumerate() {
        let slot = due(first, number);
        let during = told_at
            .iter()
            .filter(|at| (slot - **at).abs() < TimeDelta::seconds(1));
        assert!(
            during.count() >= 2,
            "nothing was read around {slot}: {told_at:?}"
        );
        let mut run = Value::Null;
        daemon.until("the end of each run", PATIENCE, |_| {
            let rows = ask(&aws, "history", state.path(), &good).code(0).json();
            let rows = rows.as_array().expect("a list");
            let mut of_function = rows.iter().filter(|row| row["function"] == function);
            run = of_function.next().cloned().unwrap_or_default();
            assert_eq!(of_function.next(), None, "{function} ran twice");
            run["outcome"].is_string() && run["outcome"] != "running"
        });
        assert_eq!(run["slot"], text(slot), "{run}");
        let began = run["started_at"].as_str().expect("a time");
        let began: DateTime<Utc> = began.parse().expect("a time");
        assert!(began - slot < TimeDelta::milliseconds(1_500), "late: {run}");
    }
    let status = ask(&aws, "status", state.path(), &good).code(1).json();
    let troubles = status["troubles"].to_string();
    assert!(
        troubles.contains("is not sound, the one before is in force"),
        "{troubles}"
    );

    let more = format!("{good}[deploy-bundles]\nschedule = \"rate(1 day)\"\n");
    put(&file, &Broken::Text(more.clone()));
    daemon.signal("HUP");
    daemon.until("the new one", PATIENCE, |log| {
        log.contains("the configuration was read again")
    });
    std::thread::sleep(Duration::from_secs(2));
    let status = ask(&aws, "status", state.path(), &more).json();
    assert_eq!(status["functions"].as_array().expect("a list").len(), 6);
    let rows = ask(&aws, "history", state.path(), &more).code(0).json();
    let count = rows.as_array().expect("a list").len();
    assert_eq!(count, 5, "what was done before is not done again");
    assert_eq!(status["is_running"], json!(true));
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
}

/// What is found where the configuration should be.
enum Broken {
    Text(String),
    Bytes(Vec<u8>),
    Nothing,
    Folder,
}

fn put(file: &Path, broken: &Broken) {
    if file.is_dir() {
        std::fs::remove_dir(file).expect("removed");
    } else if file.exists() {
        std::fs::remove_file(file).expect("removed");
    }
    match broken {
        Broken::Text(text) => std::fs::write(file, text).expect("written"),
        Broken::Bytes(bytes) => std::fs::write(file, bytes).expect("written"),
        Broken::Nothing => {}
        Broken::Folder => std::fs::create_dir(file).expect("made"),
    }
}

/// Fifty ways to get it wrong.
fn broken(good: &str) -> Vec<(&'static str, Broken)> {
    let mut broken = vec![
        ("an empty file", Broken::Text(String::new())),
        ("no file", Broken::Nothing),
        ("a folder", Broken::Folder),
        ("no text", Broken::Bytes(vec![0xff, 0xfe, 0x00, 0x41])),
        (
            "a program",
            Broken::Bytes(b"\x7fELF\x02\x01\x01\0".to_vec()),
        ),
        (
            "a file that is too large",
            Broken::Bytes(vec![b'#'; 1024 * 1024 + 1]),
        ),
        (
            "half a file",
            Broken::Text(good[..good.len() / 2].to_owned() + "="),
        ),
        (
            "only comments",
            Broken::Text("# all of it\n# is commented\n".to_owned()),
        ),
    ];
    // In the place of a text, another one.
    for (what, from, to) in [
        ("an unknown mode", "mode = \"apply\"", "mode = \"aply\""),
        ("a mode of another type", "mode = \"apply\"", "mode = true"),
        ("an unknown key", "required_tags", "required_tag"),
        (
            "a list that is a text",
            "[\"cost_center\"]",
            "\"cost_center\"",
        ),
        ("a list of numbers", "[\"cost_center\"]", "[1, 2]"),
        (
            "a list without an end",
            "[\"cost_center\"]",
            "[\"cost_center\"",
        ),
        ("a text without an end", "\"cost_center\"", "\"cost_center"),
        ("an unknown escape", "\"cost_center\"", "\"cost\\_center\""),
        ("an unknown section", "[stop-untagged]", "[stop-untaged]"),
        (
            "a section without an end",
            "[stop-untagged]",
            "[stop-untagged",
        ),
        ("a list of sections", "[stop-untagged]", "[[stop-untagged]]"),
        (
            "a number that is a text",
            "grace_hours = 0",
            "grace_hours = \"0\"",
        ),
        ("a negative number", "grace_hours = 0", "grace_hours = -1"),
        ("half an hour", "grace_hours = 0", "grace_hours = 0.5"),
        ("no value", "grace_hours = 0", "grace_hours ="),
        ("no number", "grace_hours = 0", "grace_hours = nan"),
        ("more than all", "max_percent = 100", "max_percent = 101"),
        (
            "a number beyond all",
            "max_percent = 100",
            "max_percent = 99999999999999999999",
        ),
        (
            "an unknown kind of schedule",
            "schedule = \"at(",
            "schedule = \"every(",
        ),
        ("no schedule", "schedule = \"at(", "schedule = \"\" # \""),
        (
            "a thirteenth month",
            "schedule = \"at(",
            "schedule = \"at(2026-13-01T00:00:00)\" # \"",
        ),
        (
            "four fields",
            "schedule = \"at(",
            "schedule = \"cron(0 6 * *)\" # \"",
        ),
        (
            "two days",
            "schedule = \"at(",
            "schedule = \"cron(0 6 1 * MON *)\" # \"",
        ),
        (
            "an hour too many",
            "schedule = \"at(",
            "schedule = \"cron(0 25 * * ? *)\" # \"",
        ),
        (
            "a rate of nothing",
            "schedule = \"at(",
            "schedule = \"rate(0 minutes)\" # \"",
        ),
        (
            "a rate of one hours",
            "schedule = \"at(",
            "schedule = \"rate(1 hours)\" # \"",
        ),
        (
            "a schedule of another type",
            "schedule = \"at(",
            "schedule = 5 # \"",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        broken.push((what, Broken::Text(good.replacen(from, to, 1))));
    }
    // In the section of the last function, or after it.
    for (what, more) in [
        ("an unknown zone", "zone = \"Europe/Berln\""),
        ("a zone that is none", "zone = 1"),
        ("an unknown overlap", "overlap = \"sometimes\""),
        (
            "an unknown policy for what was missed",
            "missed = \"twice\"",
        ),
        ("a key twice", "retries = 1\nretries = 2"),
        ("no time at all", "timeout_secs = 0"),
        ("a section twice", "[stop-untagged]"),
        ("no place for a run", "[daemon]\nmax_runs = 0"),
        ("a page that is nowhere", "[daemon]\nhttp = \"nowhere\""),
        (
            "a state that is nowhere",
            "[state]\nurl = \"ftp://nowhere\"",
        ),
        (
            "a ping that is no address",
            "[daemon]\nping_url = \"not a url\"",
        ),
        (
            "a limit of unknown functions",
            "[[daemon.limits]]\ntag = \"x\"\nfunctions = [\"nobody\"]\nmax_runs = 1",
        ),
        (
            "an exception without a reason",
            "[[exceptions]]\nrule = \"x\"\nresource = \"*\"",
        ),
        ("a sender that is none", "[report]\nfrom = \"nobody\""),
        (
            "an account of eleven digits",
            "[[aws.accounts]]\nid = \"12345678901\"\nrole = \"arn:aws:iam::123456789012:role/x\"",
        ),
    ] {
        broken.push((what, Broken::Text(format!("{good}{more}\n"))));
    }
    broken
}
