//! Deliveries that are cut off while they act, with a ledger that several may share: each message is worked on to its end
//! by whoever comes next, and none is given up for it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind};
use serde_json::Value;

use super::{CONFIG, DEAD, PATIENCE, Stage, receive, stop, world};
use crate::daemon::is_stalled;
use crate::harness::serve;
use crate::lambda::ACCOUNT;

/// How many mails are in the delivery that is cut off.
const MAILS: usize = 3;

/// Whoever claims something holds it for `timeout_secs` and a minute.
fn config() -> String {
    let patient = "[aws]\nattempt_timeout_secs = 200\n";
    let config = CONFIG.replace("[aws]\n", patient).replace(
        "[archive-mail]\n",
        "[archive-mail]\ntimeout_secs = 5\nmode = \"apply\"\n",
    );
    format!("{config}[state]\nurl = \"s3://lamplighter-state/prod\"\n[daemon]\ndrain_secs = 1\n")
}

/// Mails that have come, and a first write into the archive that never ends: by then all of them are claimed.
fn stage() -> Stage {
    let mut world = world();
    world = world.bucket(ACCOUNT, super::REGION, "lamplighter-state");
    let stage = Stage {
        aws: serve(world),
        state: tempfile::tempdir().expect("a folder"),
    };
    for number in 0..MAILS {
        receive(&stage.aws, number);
    }
    let first_of_archive = Fault::new("s3:PutObject", FaultKind::Stall).nth(MAILS + 1);
    stage.aws.inject(first_of_archive);
    stage
}

/// The entries of the ledger: one for each mail.
fn entries(stage: &Stage) -> Vec<Value> {
    stage.aws.with(|world| {
        let keys = world.keys("lamplighter-state").into_iter();
        let keys = keys.filter(|key| key.contains("/ledger/"));
        let entries = keys.map(|key| {
            let object = world.object("lamplighter-state", key).expect("it is there");
            serde_json::from_slice(&object.body).expect("it is JSON")
        });
        entries.collect()
    })
}

fn states(stage: &Stage) -> Vec<String> {
    let entries = entries(stage);
    let states = entries.iter().map(|entry| entry["state"].as_str());
    states
        .map(|state| state.unwrap_or("-").to_owned())
        .collect()
}

#[track_caller]
fn assert_all_is_done(stage: &Stage) {
    assert_eq!(stage.archived(), MAILS);
    assert_eq!(states(stage), ["done"; MAILS]);
    let dead = stage.aws.with(|world| world.messages(DEAD).len());
    assert_eq!((stage.messages(), dead), (0, 0));
}

#[test]
fn a_delivery_that_is_told_to_end_gives_its_records_back_and_the_next_daemon_does_them_at_once() {
    let stage = stage();
    let mut first = stage.daemon(&config());
    first.until("the stalled write", PATIENCE, |_| is_stalled(&stage.aws));
    assert_eq!(states(&stage), ["running"; MAILS]);
    stop(first, 5);
    let states = states(&stage);
    assert!(!states.contains(&"running".to_owned()), "{states:?}");

    // The account's clock stands still: what is hidden now stays hidden.
    let mut second = stage.daemon(&config());
    second.until("an empty queue", PATIENCE, |_| stage.messages() == 0);
    assert_all_is_done(&stage);
    stop(second, 0);
}

#[test]
fn after_kill_9_the_messages_come_when_their_claims_are_over_and_use_up_no_receive_before() {
    let stage = stage();
    let mut first = stage.daemon(&config());
    first.until("the stalled write", PATIENCE, |_| is_stalled(&stage.aws));
    first.kill();
    let held = entries(&stage);
    let ends = held.iter().map(|entry| entry["expires_at"].as_str());
    let ends = ends.map(|end| end.expect("a time").parse().expect("a time"));
    let end: chrono::DateTime<Utc> = ends.max().expect("there are entries");
    let changes = stage.calls("sqs:ChangeMessageVisibilityBatch");

    // Nobody holds on to them any more.
    stage.aws.advance(TimeDelta::seconds(61));
    let mut second = stage.daemon(&config());
    second.until("the messages to be put off", PATIENCE, |_| {
        stage.calls("sqs:ChangeMessageVisibilityBatch") > changes
    });
    let (soonest, receives) = stage.aws.with(|world| {
        let messages = world.messages(super::QUEUE);
        let soonest = messages.iter().map(|message| message.visible_at).min();
        let receives = messages.iter().map(|message| message.receive_count).max();
        let wait = soonest.expect("they are there") - world.now();
        (wait, receives)
    });
    let left = end - Utc::now();
    assert!(soonest >= left, "{soonest} is sooner than {left}");
    assert_eq!(receives, Some(2));

    // The daemon's clock is the real one: a claim holds for a minute at least.
    std::thread::sleep(soonest.to_std().unwrap_or(Duration::ZERO));
    stage.aws.advance(soonest + TimeDelta::seconds(5));
    second.until("an empty queue", PATIENCE, |_| stage.messages() == 0);
    assert_all_is_done(&stage);
    stop(second, 0);
}
