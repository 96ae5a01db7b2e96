//! The real bootstraps, driven as Lambda drives them: here `bootstrap-stop-untagged` in detail, in `matrix.rs` and
//! `events.rs` all of them.

mod configuration;
mod deadlines;
mod events;
mod failures;
mod matrix;
mod own_role;
mod panics;
mod parts;
mod stages;

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Instance, InstanceState, LocalAws, World};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, serve};
use crate::runtime_api::Lambda;

pub const ACCOUNT: &str = "111122223333";

/// Stops at once, so that one run is enough to see a change.
pub const CONFIG: &str = r#"
[stop-untagged]
mode = "apply"
required_tags = ["cost_center"]
grace_hours = 0
max_percent = 100
"#;

/// Two instances in one region, one of which lacks its tag.
pub fn account() -> LocalAws {
    let now = Utc::now();
    serve(
        World::new(ACCOUNT, now)
            .instance(
                ACCOUNT,
                "eu-west-1",
                old("i-0aaa0000000000001", now).tag("cost_center", "4711"),
            )
            .instance(ACCOUNT, "eu-west-1", old("i-0aaa0000000000002", now)),
    )
}

pub fn old(id: &str, now: DateTime<Utc>) -> Instance {
    Instance::new(id).attached_at(now - Duration::days(40))
}

/// The state of the instance without its tag.
pub fn state_of_the_untagged(aws: &LocalAws) -> InstanceState {
    aws.with(|world| {
        world
            .find_instance(ACCOUNT, "eu-west-1", "i-0aaa0000000000002")
            .expect("it is there")
            .state
    })
}

fn changes(aws: &LocalAws) -> Vec<String> {
    let calls = aws.calls();
    let changes = calls.iter().filter(|call| call.changes);
    changes.map(|call| call.name()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn the_schedule_s_envelope_is_run_and_answered_in_the_envelope_of_answers() {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let event = json!({
        "metadata": {"id": "7f0a5d2e-6a3b-4d0e-9a51-0c6f4f5f1d11", "source": "scheduler",
                     "trigger": "schedule", "slot": "2026-11-22T06:00:00Z"},
        "data": {}
    });
    let answer = lambda.invoke(&event).response();
    assert_eq!(
        keys(&answer),
        ["code", "data", "errors", "message", "status"]
    );
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("ok"), &json!(0))
    );
    assert_eq!(answer["errors"], json!([]));
    assert!(!answer["message"].as_str().expect("a line").is_empty());
    let run = &answer["data"];
    assert_eq!(run["schema"], "lamplighter/run/v1");
    assert_eq!(run["trigger"], "schedule");
    assert_eq!(run["slot"], "2026-11-22T06:00:00Z");
    assert_eq!(run["mode"], "apply");
    assert_eq!(run["metadata"], event["metadata"]);
    assert_eq!(run["summary"]["inspected"], 2);
    assert_eq!(run["summary"]["done"], 1);
    assert_eq!(run["actions"][0]["action"], "stop-instance");
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);
    lambda.end();
}

#[test]
fn a_plain_eventbridge_rule_s_event_is_a_round_and_its_time_the_slot() {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let answer = lambda
        .invoke(&json!({
            "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": ACCOUNT, "time": "2026-11-22T06:00:00Z", "region": "eu-west-1",
            "resources": ["arn:aws:events:eu-west-1:111122223333:rule/hourly"], "detail": {}
        }))
        .response();
    let run = &answer["data"];
    assert_eq!(answer["status"], "ok");
    assert_eq!(
        (&run["trigger"], &run["slot"]),
        (&json!("schedule"), &json!("2026-11-22T06:00:00Z"))
    );
    assert_eq!(run["metadata"]["source"], "aws.events");
    assert_eq!(run["summary"]["done"], 1);
    lambda.end();
}

#[test]
fn a_ping_to_keep_warm_is_answered_without_any_call() {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let answer = lambda.invoke(&json!({"source": "keep-warm"})).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("ok"), &json!(0))
    );
    assert_eq!(answer["data"], json!({}));
    assert_eq!(aws.calls(), []);
    lambda.end();
}

#[test]
fn one_warm_process_answers_different_events_each_for_itself() {
    let aws = account();
    let mut lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let event = |slot: &str, dry_run: bool| json!({"metadata": {"slot": slot, "trigger": "schedule", "dry_run": dry_run, "ticket": slot}});
    let first = lambda
        .invoke(&event("2026-11-22T06:00:00Z", true))
        .response();
    let second = lambda
        .invoke(&event("2026-11-22T07:00:00Z", false))
        .response();
    let third = lambda
        .invoke(&event("2026-11-22T08:00:00Z", false))
        .response();
    let modes = [&first, &second, &third].map(|answer| answer["data"]["mode"].clone());
    assert_eq!(modes, ["dry-run", "apply", "apply"]);
    let slots = [&first, &second, &third].map(|answer| answer["data"]["slot"].clone());
    assert_eq!(
        slots,
        [
            "2026-11-22T06:00:00Z",
            "2026-11-22T07:00:00Z",
            "2026-11-22T08:00:00Z"
        ]
    );
    assert_eq!(second["data"]["metadata"]["ticket"], "2026-11-22T07:00:00Z");
    let ids = [&first, &second, &third].map(|answer| answer["data"]["run_id"].clone());
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    // Stopped by the second, so there is nothing left for the third.
    assert_eq!(second["data"]["summary"]["done"], 1);
    assert_eq!(third["data"]["actions"], json!([]));
    assert!(lambda.is_warm());
    lambda.end();
}

#[test]
fn an_event_can_lower_apply_mode_to_a_dry_run_and_not_raise_plan_mode() {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let answer = lambda
        .invoke(&json!({"metadata": {"dry_run": true}}))
        .response();
    assert_eq!(answer["data"]["mode"], "dry-run");
    assert_eq!(answer["data"]["actions"][0]["outcome"], "planned");
    lambda.end();

    let plan = CONFIG.replace("apply", "plan");
    let lambda = Lambda::start("stop-untagged", &aws, &plan, &[]);
    for metadata in [
        json!({"dry_run": false}),
        json!({"mode": "apply"}),
        json!({"apply": true}),
    ] {
        let answer = lambda.invoke(&json!({"metadata": metadata})).response();
        assert_eq!(answer["data"]["mode"], "plan", "{metadata}");
    }
    lambda.end();
    assert_eq!(changes(&aws), Vec::<String>::new());
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);
}

#[test]
fn configuration_comes_from_the_environment_too() {
    let aws = account();
    let environment = [(
        "LAMPLIGHTER_STOP_UNTAGGED__REQUIRED_TAGS",
        "cost_center,owner",
    )];
    let lambda = Lambda::start(
        "stop-untagged",
        &aws,
        &CONFIG.replace("apply", "plan"),
        &environment,
    );
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(answer["data"]["summary"]["fail"], 2);
    lambda.end();
}

#[test]
fn started_by_hand_it_says_what_it_is_and_how_to_run_the_function() {
    let ran = Lamplighter::program("bootstrap-stop-untagged", [])
        .run()
        .code(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        "this is the AWS Lambda bootstrap of `stop-untagged`: Lambda starts it, with `AWS_LAMBDA_RUNTIME_API` set\n\
         hint: by hand the same function is `lamplighter run stop-untagged --dry-run`\n"
    );
}
