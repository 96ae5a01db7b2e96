//! A full disk, and broken configurations.

use std::process::Command;

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::json;

use super::{ask, config, on, schedule, until_it_runs};
use crate::daemon::{PATIENCE, lines, runs};
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
