//! A panic is an error of its invocation, and of no other.

use serde_json::json;

use super::account;
use super::stages::{STATE, stage};
use crate::harness::example;
use crate::runtime_api::{Lambda, new_request_id};

#[test]
fn a_panic_ends_its_invocation_as_an_error_and_the_next_one_works_in_the_same_process() {
    let aws = account();
    let program = example("lamplighter-shell", "panics");
    let mut lambda = Lambda::start_program(&program, "report-certificates", &aws, "", &[]);
    let fine = json!({"metadata": {}, "data": {"panic": false}});
    assert_eq!(lambda.invoke(&fine).response()["status"], "ok");
    for _ in 0..2 {
        let panics = json!({"metadata": {}, "data": {"panic": true}});
        let (kind, message) = lambda.invoke(&panics).error();
        assert_eq!(kind, "Lamplighter.Panic");
        assert_eq!(message, "`report-certificates` panicked: the event said so");
        assert_eq!(lambda.invoke(&fine).response()["status"], "ok");
    }
    assert!(lambda.is_warm(), "the process goes on");
    let said = lambda.end();
    let counted = said.stdout.lines().filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        line["RunsFailed"] == 1 && line["error_kind"] == "Panic"
    });
    assert_eq!(counted.count(), 2, "{}", said.stdout);
}

#[test]
fn a_panic_after_its_slot_was_claimed_frees_the_slot_for_whoever_asks_next() {
    let program = example("lamplighter-shell", "panics");
    let played = stage("report-certificates").at(super::stages::now());
    let (aws, config) = (&played.aws, played.config.as_str());
    let lambda = Lambda::start_program(&program, "report-certificates", aws, config, &[]);
    let mut tick = super::stages::tick("2026-11-22T06:00:00Z");
    tick["data"]["panic"] = json!(true);
    let claim = || {
        let key = "lamp/slots/report-certificates/2026-11-22T060000Z.json";
        let body = aws.with(|world| world.object(STATE, key).map(|object| object.body.clone()));
        let claim: serde_json::Value =
            serde_json::from_slice(&body.expect("it was claimed")).expect("JSON");
        claim["state"].clone()
    };
    let (kind, _) = lambda.invoke_again(&new_request_id(), &tick).error();
    assert_eq!(kind, "Lamplighter.Panic");
    assert_eq!(claim(), "failed");
    // It is another request: nothing but the slot's being free lets it run.
    tick["data"]["panic"] = json!(false);
    let answer = lambda.invoke_again(&new_request_id(), &tick).response();
    assert_eq!(answer["data"]["slot"], "2026-11-22T06:00:00Z", "{answer:#}");
    assert_eq!(claim(), "done");
    lambda.end();
}
