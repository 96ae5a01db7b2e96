//! Invocations that do not come to their end: cut off before the deadline, killed at it, killed before it. What was
//! claimed is done by Lambda's retry, which has the request id of the invocation that failed.

use std::time::{Duration, Instant};

use lamplighter_local_aws::{Fault, FaultKind};
use serde_json::{Value, json};

use super::stages::{
    Played, STAGES, STATE, Stage, batch, comes, event_functions, now, stage, tick,
};
use crate::harness::serve;
use crate::process::LOOK_AGAIN;
use crate::resize_images;
use crate::runtime_api::{Answer, Lambda, new_request_id};

const SLOT: &str = "2026-11-22T06:00:00Z";

/// Long enough for everything that is done in a test, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this was called and not answered.
#[track_caller]
fn until_stalled(played: &Played, call: &str) {
    let begun = Instant::now();
    let is_stalled = || {
        let calls = played.aws.calls();
        calls
            .iter()
            .any(|one| one.name() == call && one.status == 0)
    };
    while !is_stalled() {
        assert!(begun.elapsed() < PATIENCE, "{call} was never called");
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn stalls(played: &Played, call: &str) {
    played.aws.inject(Fault::new(call, FaultKind::Stall));
}

/// The state of the claim of [`SLOT`].
fn claim(played: &Played) -> Value {
    let key = format!(
        "lamp/slots/{}/2026-11-22T060000Z.json",
        played.stage.function
    );
    let body = played
        .aws
        .with(|world| world.object(STATE, &key).map(|object| object.body.clone()));
    let claim: Value = serde_json::from_slice(&body.expect("it was claimed")).expect("JSON");
    claim["state"].clone()
}

/// Whether a Lambda counted an invocation that was told to end.
fn has_counted(stdout: &str) -> bool {
    stdout.lines().any(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["RunsFailed"] == 1 && line["error_kind"] == "Interrupted"
    })
}

/// An invocation in which this call is never answered: it ends as an error before its deadline, and the retry does the
/// work at once, in the same process.
fn is_cut_off_and_done_by_the_retry(
    stage: &'static Stage,
    event: &Value,
    played: Played,
    call: &str,
    time: u64,
) {
    let what = format!("{}, {call}", stage.function);
    stalls(&played, call);
    let mut lambda = played.lambda();
    lambda.allow(Duration::from_secs(time));
    let id = new_request_id();
    let answer = lambda.invoke_again(&id, event);
    assert!(matches!(answer, Answer::Error(..)), "{what}: {answer:?}");
    let (kind, message) = answer.error();
    assert_eq!(kind, "Lamplighter.Interrupted", "{what}: {message}");
    assert!(lambda.is_warm(), "{what}");
    until_stalled(&played, call);
    if event == &tick(SLOT) {
        assert_eq!(claim(&played), "failed", "{what}");
    }
    played.aws.clear_faults();
    lambda.allow(PATIENCE);
    let again = lambda.invoke_again(&id, event).response();
    assert_eq!(again["status"], "ok", "{what}: {again:#}");
    let summary = &again["data"]["summary"];
    let told = summary["done"].as_u64().max(summary["fail"].as_u64());
    assert!(told > Some(0), "{what}: {again:#}");
    let said = lambda.end();
    assert!(has_counted(&said.stdout), "{what}: {}", said.stdout);
}

#[test]
fn a_round_of_any_bootstrap_that_cannot_see_everything_is_cut_off_in_time_and_its_slot_is_free_for_the_retry()
 {
    let looks = [
        ("stop-untagged", "ec2:DescribeInstances"),
        ("audit-mfa", "iam:GetCredentialReport"),
        ("audit-access-keys", "iam:GetCredentialReport"),
        ("audit-security-groups", "ec2:DescribeSecurityGroups"),
        ("report-certificates", "acm:ListCertificates"),
        ("deploy-bundles", "s3:ListObjectsV2"),
        ("archive-mail", "s3:ListObjectsV2"),
        ("resize-images", "s3:ListObjectsV2"),
    ];
    assert_eq!(
        looks.map(|(function, _)| function),
        STAGES.each_ref().map(|stage| stage.function)
    );
    // Four at once: they do little but wait.
    for four in looks.chunks(4) {
        std::thread::scope(|scope| {
            for (function, call) in four {
                scope.spawn(|| {
                    let stage = stage(function);
                    let played = stage.at(now()).before_a_round();
                    is_cut_off_and_done_by_the_retry(stage, &tick(SLOT), played, call, 8);
                });
            }
        });
    }
}

#[test]
fn a_round_that_is_stuck_in_its_work_is_cut_off_in_time_and_its_slot_is_free_for_the_retry() {
    let stage = stage("stop-untagged");
    let played = stage.at(now());
    is_cut_off_and_done_by_the_retry(stage, &tick(SLOT), played, "ec2:StopInstances", 8);
}

#[test]
fn an_event_that_is_stuck_is_cut_off_in_time_and_its_record_is_free_for_the_retry() {
    for (stage, call) in event_functions().zip([
        "codedeploy:CreateDeployment",
        "s3:PutObject",
        "s3:GetObject",
    ]) {
        let played = stage.at(now());
        let event = stage.events[0].1(&played, "first");
        is_cut_off_and_done_by_the_retry(stage, &event, played, call, 8);
    }
}

/// Somebody else may try after the claim has run out, and the same request at once.
#[test]
fn a_state_that_does_not_answer_any_more_keeps_no_answer_from_coming_in_time() {
    let played = stage("stop-untagged").at(now());
    stalls(&played, "ec2:DescribeInstances");
    let lambda = played.lambda();
    lambda.allow(Duration::from_secs(8));
    let id = new_request_id();
    lambda.begin(&id, &tick(SLOT));
    until_stalled(&played, "ec2:DescribeInstances");
    stalls(&played, "s3:*");
    let (kind, _) = lambda.answer().error();
    assert_eq!(kind, "Lamplighter.Interrupted");
    played.aws.clear_faults();
    assert_eq!(claim(&played), "running");
    lambda.allow(PATIENCE);
    let again = lambda.invoke_again(&id, &tick(SLOT)).response();
    assert_eq!(again["data"]["summary"]["done"], 2, "{again:#}");
    assert!(has_counted(&lambda.end().stdout));
}

/// The first invocation is in the middle of its run; whoever else asks for the slot is told so. Answers the environment
/// of the others.
fn others_are_told_while_it_runs(played: &Played, first: &Lambda, id: &str) -> Lambda {
    let others = played.lambda();
    // Warm, so that what follows takes no long time.
    others.invoke(&json!({"source": "keep-warm"})).response();
    first.begin(id, &tick(SLOT));
    until_stalled(played, "ec2:DescribeInstances");
    assert_eq!(claim(played), "running");
    let elsewhere = others.invoke(&tick(SLOT)).response();
    assert_eq!(elsewhere["status"], "ok", "{elsewhere:#}");
    assert_eq!(elsewhere["data"], json!({}));
    let message = elsewhere["message"].as_str().expect("a message");
    assert!(message.contains("is running elsewhere"), "{message}");
    others
}

fn is_taken_over(played: &Played, id: &str, others: Lambda) {
    played.aws.clear_faults();
    let retry = played.lambda();
    let answer = retry.invoke_again(id, &tick(SLOT)).response();
    retry.end();
    assert_eq!(answer["status"], "ok", "{answer:#}");
    assert_eq!(answer["data"]["summary"]["done"], 2, "{answer:#}");
    assert_eq!(claim(played), "done");
    let late = others.invoke(&tick(SLOT)).response();
    others.end();
    let message = late["message"].as_str().expect("a message");
    assert!(message.contains("has run elsewhere"), "{message}");
}

#[test]
fn a_process_that_is_killed_at_its_deadline_loses_its_slot_to_the_retry_in_another_process() {
    let played = stage("stop-untagged").at(now());
    stalls(&played, "ec2:DescribeInstances");
    let first = played.lambda();
    first.allow(Duration::from_secs(8));
    let id = new_request_id();
    let others = others_are_told_while_it_runs(&played, &first, &id);
    first.freeze();
    assert_eq!(first.answer(), Answer::TimedOut);
    first.end();
    is_taken_over(&played, &id, others);
}

#[test]
fn a_process_that_dies_in_the_middle_loses_its_slot_to_the_retry_in_another_process() {
    let played = stage("stop-untagged").at(now());
    stalls(&played, "ec2:DescribeInstances");
    let first = played.lambda();
    let id = new_request_id();
    let others = others_are_told_while_it_runs(&played, &first, &id);
    first.kill();
    assert_eq!(first.answer(), Answer::Exited);
    first.end();
    is_taken_over(&played, &id, others);
}

/// Lambda waits a minute before it tries again, and a record is held to a few seconds after the deadline at most.
#[test]
fn a_record_whose_process_was_killed_is_done_by_a_retry_after_the_deadline() {
    let stage = stage("resize-images");
    let played = stage.at(now());
    let event = stage.events[0].1(&played, "first");
    let first = played.lambda();
    first.allow(Duration::from_secs(4));
    first.invoke(&json!({"source": "keep-warm"})).response();
    // The claim is written and the first copy is not.
    let copies = Fault::new("s3:PutObject", FaultKind::Stall).nth(2);
    played.aws.inject(copies);
    let id = new_request_id();
    first.begin(&id, &event);
    until_stalled(&played, "s3:PutObject");
    first.freeze();
    assert_eq!(first.answer(), Answer::TimedOut);
    first.end();
    played.aws.clear_faults();
    let retry = played.lambda();
    let begun = Instant::now();
    let mut waited = 0;
    let answer = loop {
        match retry.invoke_again(&id, &event) {
            Answer::Error(kind, body) => {
                let message = body["errorMessage"].as_str().expect("a message");
                assert_eq!(kind, "Lamplighter.Transient", "{message}");
                assert!(message.contains("is at it on"), "{message}");
                assert!(begun.elapsed() < PATIENCE, "{message}");
                waited += 1;
                std::thread::sleep(Duration::from_millis(500));
            }
            answer => break answer.response(),
        }
    };
    retry.end();
    assert_eq!(
        answer["data"]["records"][0]["outcome"], "done",
        "{answer:#}"
    );
    println!("{waited} retries were told to wait");
}

/// Each photo is read from a bucket far away, whose first answer never comes: there is time for some of a batch.
#[test]
fn of_a_batch_what_there_is_no_time_for_comes_again_and_nothing_else_does() {
    const FAR: &str = "eu-central-1";
    let world = resize_images::stage::world().bucket(resize_images::stage::ACCOUNT, FAR, "far");
    let played = Played {
        stage: stage("resize-images"),
        aws: serve(world),
        config: format!(
            "[aws]\nregions = [\"eu-west-1\"]\nconcurrency = 1\nattempt_timeout_secs = 2\n[state]\n\
             url = \"s3://{STATE}/lamp\"\n[resize-images]\nsources = [\"s3://far/in/\"]\nwidths = [64]\n\
             output_bucket = \"{}\"\n",
            resize_images::stage::BUCKET
        ),
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let photo = resize_images::stage::fixture("plain.jpg");
    let events = names.map(|name| {
        let mut event = comes(&played, "far", &format!("in/{name}.jpg"), &photo);
        event["Records"][0]["awsRegion"] = json!(FAR);
        event
    });
    let messages: Vec<(&str, &Value)> = names.into_iter().zip(&events).collect();
    for photo in 0..5 {
        // Each was looked at before, and the second attempt at each is answered.
        let stalls = Fault::new("s3:GetObject", FaultKind::Stall).in_region(FAR);
        played.aws.inject(stalls.nth(names.len() + 2 * photo + 1));
    }
    let stored = || {
        let copies = resize_images::stage::copies(&played.aws).into_keys();
        let names =
            copies.filter_map(|key| Some(key.rsplit('/').next()?.strip_suffix(".jpg")?.to_owned()));
        names.collect::<Vec<String>>()
    };
    let lambda = played.lambda();
    // Half of it is for beginning with photos: never with more than five.
    lambda.allow(Duration::from_secs(18));
    let answer = lambda.invoke(&batch(&messages)).response();
    let failures = answer["batchItemFailures"]
        .as_array()
        .expect("a list")
        .iter();
    let left: Vec<&str> = failures
        .map(|one| one["itemIdentifier"].as_str().expect("an id"))
        .collect();
    assert!((3..names.len()).contains(&left.len()), "{left:?} were left");
    let is_left = |name: &&str| left.contains(name);
    let done: Vec<&str> = names.into_iter().filter(|name| !is_left(name)).collect();
    assert_eq!(stored(), done);

    played.aws.clear_faults();
    lambda.allow(PATIENCE);
    let rest: Vec<(&str, &Value)> = messages
        .into_iter()
        .filter(|(name, _)| is_left(name))
        .collect();
    let answer = lambda.invoke(&batch(&rest)).response();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(stored(), names);
    lambda.end();
}
