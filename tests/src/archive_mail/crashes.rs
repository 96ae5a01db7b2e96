//! Twice, out of order, and with a crash at each step: one archive, the right one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws};
use serde_json::Value;

use super::stage::*;
use crate::harness::{Lamplighter, serve};
use crate::process::Process;

/// What a mail without any trouble ends in, and the writes that led there.
fn reference(now: DateTime<Utc>) -> (BTreeMap<String, Vec<u8>>, usize) {
    let aws = serve(world(now));
    let event = told(&aws);
    aws.clear_calls();
    run(&aws, CONFIG, &event, &[]).code(0);
    let puts = changes(&aws);
    assert!(puts.iter().all(|call| call == "s3:PutObject"), "{puts:?}");
    (archive(&aws), puts.len())
}

fn told(aws: &LocalAws) -> Value {
    receive(aws, "told", &mail(), &envelope()).lambda_events[0].clone()
}

#[test]
fn an_event_that_comes_twice_writes_once() {
    let aws = account();
    let event = told(&aws);
    run(&aws, CONFIG, &event, &[]).code(0);
    let (first, before) = (archive(&aws), changes(&aws).len());
    let run = run(&aws, CONFIG, &event, &[]).code(0).json();
    assert_eq!(run["records"][0]["outcome"], "ignored");
    assert_eq!(archive(&aws), first);
    assert_eq!(changes(&aws).len(), before, "nothing was written again");
}

/// Compares archives without printing them.
#[track_caller]
fn is_the_same(
    archive: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
    write: usize,
) {
    let keys =
        |archive: &BTreeMap<String, Vec<u8>>| -> Vec<String> { archive.keys().cloned().collect() };
    assert_eq!(keys(archive), keys(expected), "write {write}");
    for (key, bytes) in expected {
        assert!(archive[key] == *bytes, "write {write}: `{key}` differs");
    }
}

#[test]
fn after_a_failure_of_any_write_the_next_attempt_ends_in_the_same_archive() {
    let now = now();
    let (expected, writes) = reference(now);
    assert_eq!(writes, 4, "raw mail, attachment, linked copy, sidecar");
    for number in 1..=writes {
        for is_lost_afterwards in [false, true] {
            let aws = serve(world(now));
            let event = told(&aws);
            // Two in a row: the SDK tries once more by itself.
            for nth in [number, number + 1] {
                let fault = Fault::new("s3:PutObject", FaultKind::Reset).nth(nth);
                aws.inject(match is_lost_afterwards {
                    true => fault.after_effect(),
                    false => fault,
                });
            }
            let failed = run(&aws, CONFIG, &event, &[]);
            aws.clear_faults();
            let outcome = failed.json()["records"][0]["outcome"].clone();
            assert_ne!(outcome, "quarantined", "write {number}");
            let sidecars = archive(&aws)
                .keys()
                .filter(|key| key.ends_with(".json"))
                .count();
            if outcome == "done" {
                assert_eq!(sidecars, 1, "write {number}: done means all of it");
            } else {
                failed.code(4);
            }
            let run = run(&aws, CONFIG, &event, &[]).code(0).json();
            assert_ne!(
                run["records"][0]["outcome"], "retry",
                "write {number}: {run}"
            );
            let archive = archive(&aws);
            is_the_same(&archive, &expected, number);
        }
    }
}

#[test]
fn after_kill_9_at_any_write_the_next_attempt_ends_in_the_same_archive() {
    let now = now();
    let (expected, writes) = reference(now);
    for number in 1..=writes {
        let aws = serve(world(now));
        let event = told(&aws);
        // The write has its effect, and its answer never comes: there the process dies.
        aws.inject(
            Fault::new("s3:PutObject", FaultKind::Stall)
                .nth(number)
                .after_effect(),
        );
        let before = changes(&aws).len();
        let config = CONFIG.replace("attempt_timeout_secs = 5", "attempt_timeout_secs = 60");
        let program = Lamplighter::new(["run", "archive-mail", "--format", "json"])
            .on(&aws)
            .config(&config);
        let path = program.folder().join("event.json");
        std::fs::write(&path, event.to_string()).expect("the event is written");
        let process = Process::start(program.arg("--event").arg(path));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let struck = || aws.with(|world| world.objects(ARCHIVE).len()) >= number;
        while !struck() {
            assert!(
                std::time::Instant::now() < deadline,
                "write {number}; {} before",
                before
            );
            std::thread::sleep(crate::process::LOOK_AGAIN);
        }
        process.kill();
        aws.clear_faults();
        run(&aws, CONFIG, &event, &[]).code(0);
        let archive = archive(&aws);
        is_the_same(&archive, &expected, number);
    }
}

#[test]
fn two_different_mails_of_one_id_are_both_kept() {
    let aws = account();
    let received = receive(&aws, "told", &mail(), &envelope());
    run(&aws, &with_state(), &received.lambda_events[0], &[]).code(0);
    let before = archive(&aws);
    // Somebody wrote over the source, and the sidecar was lost.
    let (bucket, object_key) = received.objects[0].clone();
    aws.with(|world| {
        world.store_object(
            &bucket,
            &object_key,
            b"From: eve@evil.example\r\n\r\nother\r\n",
        );
        world.remove_object(ARCHIVE, &key(&before, ".json"));
    });
    // Its event again, as a person replays it: the ledger has it as done.
    aws.with(|world| {
        let entries: Vec<String> = world
            .keys(STATE)
            .iter()
            .map(|key| (*key).to_owned())
            .collect();
        for entry in entries {
            world.remove_object(STATE, &entry);
        }
    });
    let ran = run(&aws, &with_state(), &received.lambda_events[0], &[]);
    let run = ran.json();
    assert_eq!(run["records"][0]["outcome"], "quarantined", "{run}");
    let reason = run["records"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("another mail is archived as"), "{reason}");
    let after = archive(&aws);
    let raw = key(&before, &format!("{}.eml", received.message_id));
    assert_eq!(after[&raw], before[&raw]);
}
