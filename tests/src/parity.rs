//! One event, three ways: by hand, in Lambda, by the daemon. What is found and what is done must be the same. Here
//! `stop-untagged` with everything that decides; `lambda/matrix.rs` and `lambda/events.rs` compare all functions, each by
//! hand and in Lambda.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws, World};
use serde_json::{Value, json};

use crate::daemon::due_soon;
use crate::harness::{Lamplighter, serve};
use crate::lambda::{ACCOUNT, old};
use crate::runtime_api::Lambda;

/// Plan mode with everything that decides: two regions, exemptions, a group, a region that may not be read. Without
/// a state, because the third way would know what the first has seen.
const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1", "us-east-1", "eu-central-1"]

[report]
from = "lamplighter@example.com"
to = ["security@example.com"]
mail = "always"

[stop-untagged]
mode = "MODE"
required_tags = ["cost_center", "owner"]
allowed_values = { cost_center = "[0-9]{4}" }
grace_hours = GRACE
max_percent = 100
"#;

fn account() -> LocalAws {
    let now = Utc::now();
    let place = |world: World, region: &str, instance| world.instance(ACCOUNT, region, instance);
    let mut world = World::new(ACCOUNT, now).verified_identity("lamplighter@example.com");
    for (region, instance) in [
        (
            "eu-west-1",
            old("i-0aaa0000000000001", now)
                .tag("cost_center", "4711")
                .tag("owner", "ann@example.com"),
        ),
        ("eu-west-1", old("i-0aaa0000000000002", now)),
        (
            "eu-west-1",
            old("i-0aaa0000000000003", now).tag("cost_center", "soon"),
        ),
        (
            "eu-west-1",
            old("i-0aaa0000000000004", now).tag("lamplighter:keep-until", "2099-12-31"),
        ),
        (
            "us-east-1",
            old("i-0aaa0000000000005", now).auto_scaling_group("web"),
        ),
        (
            "us-east-1",
            old("i-0aaa0000000000006", now).stop_protected(),
        ),
        (
            "us-east-1",
            old("i-0aaa0000000000007", now).managed_by("eks.amazonaws.com"),
        ),
        ("eu-central-1", old("i-0aaa0000000000008", now)),
    ] {
        world = place(world, region, instance);
    }
    let aws = serve(world);
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region("eu-central-1"));
    aws
}

/// A run without what is a matter of when and where it ran. Deadlines in the actions' reasons are times too.
pub fn comparable(mut run: Value) -> Value {
    let object = run.as_object_mut().expect("a run is an object");
    for key in [
        "run_id",
        "started_at",
        "finished_at",
        "trigger",
        "slot",
        "metadata",
    ] {
        assert!(object.remove(key).is_some(), "a run has `{key}`");
    }
    // What is new is only known with a state, which the daemon has here, to be read from.
    object.remove("delta");
    for finding in object["findings"].as_array_mut().expect("a list") {
        // Of a certificate.
        if let Some(evidence) = finding["evidence"].as_object_mut() {
            evidence.remove("seconds_left");
        }
    }
    for action in object["actions"].as_array_mut().expect("a list") {
        let reason = action["reason"].as_str().unwrap_or_default();
        if let Some((before, rest)) = reason.split_once(", until ") {
            let after = rest.split_once(", ").map_or("", |(_, after)| after);
            action["reason"] = json!(format!("{before}, until TIME, {after}"));
        }
    }
    run
}

fn by_hand(config: &str, event: &Value) -> Value {
    let aws = account();
    let args = [
        "run",
        "stop-untagged",
        "--format",
        "json",
        "--event",
        "event.json",
    ];
    let program = Lamplighter::new(args).on(&aws).config(config);
    std::fs::write(program.folder().join("event.json"), event.to_string()).expect("it is written");
    program.run().code(4).json()
}

fn in_lambda(config: &str, event: &Value) -> Value {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, config, &[]);
    let answer = lambda.invoke(event).response();
    assert_eq!(answer["code"], 4);
    lambda.end();
    answer["data"].clone()
}

/// The daemon makes its own event: the same envelope, of its tick. Its record is in the state, which it needs for that.
fn by_the_daemon(config: &str) -> Value {
    let aws = account();
    let (mut daemon, due) = due_soon(|schedule| {
        let program = Lamplighter::new(["daemon"]).on(&aws);
        let state = program.folder().join("state");
        let config = format!(
            "{config}schedule = \"{schedule}\"\n[state]\nurl = \"file://{}\"\n",
            state.display()
        );
        program.config(&config)
    });
    daemon.until("the run's end", Duration::from_secs(60), |log| {
        log.contains("the run ends")
    });
    daemon.signal("TERM");
    let ran = daemon.ended(Duration::from_secs(60)).code(0);
    let latest = ran
        .folder
        .path()
        .join("state/runs/stop-untagged/latest.json");
    let mut run: Value =
        serde_json::from_str(&std::fs::read_to_string(latest).expect("it was recorded"))
            .expect("it is JSON");
    assert_eq!(run["slot"], due.to_rfc3339_opts(SecondsFormat::Secs, true));
    // The others have no state, and say so.
    let note = "no [state] is configured: what is new since the last run is not known, and the limit on sudden \
                growth (`max_untagged_jump_percent`) is off";
    run["notes"]
        .as_array_mut()
        .expect("a list")
        .push(json!(note));
    run
}

fn check_three_ways(mode: &str, grace: &str, expected: &[(&str, &str)]) {
    let config = CONFIG.replace("MODE", mode).replace("GRACE", grace);
    let event = json!({
        "metadata": {"id": "one-event", "source": "scheduler", "trigger": "schedule", "slot": "2026-11-22T06:00:00Z"},
        "data": {}
    });
    let (hand, lambda, daemon) = std::thread::scope(|scope| {
        let hand = scope.spawn(|| by_hand(&config, &event));
        let lambda = scope.spawn(|| in_lambda(&config, &event));
        let daemon = scope.spawn(|| by_the_daemon(&config));
        let joined = [hand, lambda, daemon].map(|way| way.join().expect("it ran"));
        let [hand, lambda, daemon] = joined;
        (hand, lambda, daemon)
    });
    let actions: Vec<(&str, &str)> = hand["actions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            (
                row["action"].as_str().expect("a name"),
                row["outcome"].as_str().expect("a word"),
            )
        })
        .collect();
    assert_eq!(actions, expected);
    // The event is the same one where it can be given.
    for key in ["trigger", "slot", "metadata"] {
        assert_eq!(hand[key], lambda[key], "{key}");
    }
    let hand = comparable(hand);
    similar(&hand, &comparable(lambda), "lambda");
    similar(&hand, &comparable(daemon), "daemon");
}

/// Compares key by key, so that a difference is seen and not only told.
#[track_caller]
pub fn similar(hand: &Value, other: &Value, way: &str) {
    let (hand, other) = (
        hand.as_object().expect("an object"),
        other.as_object().expect("an object"),
    );
    let keys = |run: &serde_json::Map<String, Value>| run.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(hand), keys(other), "{way}");
    for (key, value) in hand {
        assert_eq!(
            value, &other[key],
            "`{key}` by hand (left) and by {way} (right)"
        );
    }
}

#[test]
fn a_plan_is_the_same_by_hand_in_lambda_and_by_the_daemon() {
    check_three_ways("plan", "24", &[("warn-and-mark", "planned"); 3]);
}

#[test]
fn what_is_done_is_the_same_by_hand_in_lambda_and_by_the_daemon() {
    check_three_ways(
        "apply",
        "0",
        &[
            ("stop-instance", "done"),
            ("stop-instance", "done"),
            ("stop-instance", "vetoed"),
        ],
    );
}
