//! The real `lamplighter daemon`: starts what is due and nothing before, never twice at once, and stops when told.

mod alerts;
mod everything;
mod http;
mod ledger;
mod queues;
mod roles;
mod supervised;

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind, InstanceState, LocalAws};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, programs};
use crate::lambda::{CONFIG, account, state_of_the_untagged};
use crate::process::Process;

/// Well above what anything here takes on a busy machine, beside the wait for a tick.
const PATIENCE: Duration = Duration::from_secs(60);

/// The daemon, with one function on this schedule.
fn daemon(aws: &LocalAws, schedule: &str, more: &str) -> Lamplighter {
    let config =
        format!("{CONFIG}schedule = \"{schedule}\"\n[state]\nurl = \"file:///STATE\"\n{more}");
    let program = Lamplighter::new(["daemon"]).on(aws);
    let state = program.folder().join("state").display().to_string();
    program.config(&config.replace("/STATE", &state))
}

/// Starts a daemon whose one tick is a few seconds ahead, and answers it with the tick's time. On a machine that was
/// too busy to start it before that, once more with more time.
pub fn due_soon(program: impl Fn(&str) -> Lamplighter) -> (Process, DateTime<Utc>) {
    programs();
    for seconds in [5, 20, 60] {
        let due = (Utc::now() + TimeDelta::seconds(seconds)).trunc_subsecs(0);
        let schedule = format!("at({})", due.format("%Y-%m-%dT%H:%M:%S"));
        let mut daemon = Process::start(program(&schedule));
        daemon.until("the daemon to run", PATIENCE, |log| {
            log.contains("the daemon runs")
        });
        if Utc::now() < due {
            return (daemon, due);
        }
        daemon.kill();
    }
    panic!("this machine cannot start the daemon within a minute");
}

/// How many runs have begun: each asks first who it is.
fn runs(aws: &LocalAws) -> usize {
    let calls = aws.calls();
    let begun = calls
        .iter()
        .filter(|call| call.name() == "sts:GetCallerIdentity");
    begun.count()
}

fn is_stalled(aws: &LocalAws) -> bool {
    let calls = aws.calls();
    calls
        .iter()
        .any(|call| call.fault == Some(FaultKind::Stall))
}

/// The lines of a log, each of which must be JSON.
pub fn lines(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: not JSON: {line}"))
        })
        .collect()
}

#[test]
fn a_function_is_started_when_it_is_due_and_not_before() {
    let aws = account();
    let (mut daemon, due) = due_soon(|schedule| daemon(&aws, schedule, ""));
    daemon.until("the tick", PATIENCE, |_| {
        // The clock is read after the calls: they were made before it.
        let has_begun = !aws.calls().is_empty();
        assert!(
            !has_begun || Utc::now() >= due,
            "it began before it was due"
        );
        has_begun
    });
    assert!(
        Utc::now() < due + TimeDelta::seconds(10),
        "it began late: the heartbeat is one second"
    );
    daemon.until("the run's end", PATIENCE, |log| {
        log.contains("the run ends")
    });
    daemon.signal("TERM");
    let ran = daemon.ended(PATIENCE).code(0);
    assert_eq!(runs(&aws), 1);
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);
    assert_eq!(ran.stdout, "");

    let state = ran
        .folder
        .path()
        .join("state/runs/stop-untagged/latest.json");
    let run = std::fs::read_to_string(state).expect("the run was recorded");
    let run: Value = serde_json::from_str(&run).expect("it is JSON");
    let slot = due.to_rfc3339_opts(SecondsFormat::Secs, true);
    assert_eq!(
        (&run["trigger"], &run["slot"], &run["mode"]),
        (&json!("schedule"), &json!(slot), &json!("apply"))
    );
    assert_eq!(run["metadata"]["source"], "scheduler");

    // What happened can be followed by the fields of the log.
    let log = lines(&ran.stderr);
    let end = log
        .iter()
        .find(|line| line["message"] == "the run ends")
        .expect("the run's end is logged");
    assert_eq!(end["function"], "stop-untagged");
    assert_eq!(end["run_id"], run["run_id"]);
    assert!(
        log.iter()
            .any(|line| line["message"] == "the daemon stopped")
    );
}

#[test]
fn a_run_that_is_going_on_may_end_after_sigterm() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall).nth(1));
    let (mut daemon, _) =
        due_soon(|schedule| daemon(&aws, schedule, "[aws]\nattempt_timeout_secs = 4\n"));
    daemon.until("the stalled call", PATIENCE, |_| is_stalled(&aws));
    daemon.signal("TERM");
    daemon.until("word that it stops", PATIENCE, |log| {
        log.contains("no new work begins")
    });
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);
    let ran = daemon.ended(PATIENCE).code(0);
    // The stalled call was tried again, and the run came to its end.
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);
    assert!(ran.stderr.contains("the run ends"), "{}", ran.stderr);
}

#[test]
fn a_second_signal_ends_it_at_once_with_5() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall));
    let (mut daemon, _) =
        due_soon(|schedule| daemon(&aws, schedule, "[aws]\nattempt_timeout_secs = 200\n"));
    daemon.until("the stalled call", PATIENCE, |_| is_stalled(&aws));
    daemon.signal("TERM");
    daemon.until("word that it stops", PATIENCE, |log| {
        log.contains("no new work begins")
    });
    assert!(daemon.is_running(), "it waits for the run");
    daemon.signal("INT");
    daemon.ended(Duration::from_secs(5)).code(5);
}

#[test]
fn without_work_sigterm_ends_it_cleanly_and_nothing_was_called() {
    let aws = account();
    let mut daemon = Process::start(daemon(&aws, "at(2099-01-01T00:00:00)", ""));
    daemon.until("the daemon to run", PATIENCE, |log| {
        log.contains("the daemon runs")
    });
    // A few beats of the heart.
    std::thread::sleep(Duration::from_secs(3));
    daemon.signal("TERM");
    let ran = daemon.ended(PATIENCE).code(0);
    assert!(ran.stderr.contains("the daemon stopped"), "{}", ran.stderr);
    assert_eq!(aws.calls(), []);
}

#[test]
fn a_run_that_fails_does_not_end_the_daemon() {
    let aws = account();
    aws.inject(Fault::new("sts:GetCallerIdentity", FaultKind::Denied));
    let (mut daemon, _) = due_soon(|schedule| daemon(&aws, schedule, ""));
    daemon.until("the failed run", PATIENCE, |log| {
        log.contains("the run failed")
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(daemon.is_running());
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
}

/// The one test here that waits for two ticks a minute apart: nothing faster repeats.
#[test]
fn a_tick_during_a_run_is_skipped_and_said_so() {
    let aws = account();
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall));
    let config = "[aws]\nattempt_timeout_secs = 300\n";
    let mut daemon = Process::start(daemon(&aws, "rate(1 minute)", config));
    daemon.until("the second tick", Duration::from_secs(150), |log| {
        log.contains("skipped: the run before is still going on")
    });
    assert_eq!(runs(&aws), 1);
    daemon.signal("TERM");
    daemon.until("word that it stops", PATIENCE, |log| {
        log.contains("no new work begins")
    });
    daemon.signal("TERM");
    daemon.ended(Duration::from_secs(5)).code(5);
    assert_eq!(runs(&aws), 1);
}

#[test]
fn a_daemon_with_nothing_to_run_says_what_to_write() {
    let ran = Lamplighter::new(["daemon"]).run().code(2);
    assert!(
        ran.stderr
            .starts_with("error: no function is configured, so there is nothing to run\nhint: "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("[stop-untagged]"), "{}", ran.stderr);
}

#[test]
fn a_schedule_that_cannot_be_read_ends_it_before_anything_runs() {
    let aws = account();
    let ran = Lamplighter::new(["daemon"])
        .on(&aws)
        .config("[stop-untagged]\nschedule = \"every hour\"\n")
        .run()
        .code(2);
    assert!(
        ran.stderr
            .contains("[stop-untagged] schedule: schedule `every hour` is not understood"),
        "{}",
        ran.stderr
    );
    assert_eq!(aws.calls(), []);
}
