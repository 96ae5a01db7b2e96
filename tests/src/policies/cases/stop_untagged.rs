//! `stop-untagged`: warnings, marks, marks that are taken away, ends, Spot instances, regions, another account, and a
//! run in parts.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use lamplighter_local_aws::{Fault, FaultKind, Instance, World};
use serde_json::json;

use super::{Case, IN_PARTS, Play, prove};
use crate::policies::stage::{ACCOUNT, OTHER, REGION, Stage, now, world};
use crate::runtime_api::Lambda;

const MARK: &str = "lamplighter:stop-after";

const LINES: &str = r#"
required_tags = ["cost_center"]
grace_hours = 24
max_percent = 100
max_untagged_jump_percent = 100
owner_tags = ["owner"]
owner_domains = ["example.com"]
"#;

/// One of each: to be warned about, mended since it was warned about, and due; and one in the other account.
fn fleet() -> World {
    let yesterday = now() - TimeDelta::days(1);
    let due = yesterday.to_rfc3339_opts(SecondsFormat::Secs, true);
    let fresh = Instance::new("i-0000000000000000a")
        .tag("owner", "ann@example.com")
        .spot_persistent();
    let mended = Instance::new("i-0000000000000000b")
        .tag("cost_center", "1")
        .tag(MARK, &due);
    let plain = Instance::new("i-0000000000000000e");
    let late = |id: &str| Instance::new(id).tag(MARK, &due);
    world()
        .instance(ACCOUNT, REGION, fresh)
        .instance(ACCOUNT, REGION, mended)
        .instance(ACCOUNT, REGION, plain)
        .instance(ACCOUNT, REGION, late("i-0000000000000000c"))
        .instance(OTHER, REGION, late("i-0000000000000000d"))
}

/// In every region of both accounts a first answer never comes: there is no time for all of them.
fn in_parts(stage: &Stage<'_>) {
    const REGIONS: [&str; 4] = ["eu-central-1", "eu-west-1", "eu-west-2", "us-east-1"];
    for region in REGIONS {
        for account in [ACCOUNT, OTHER] {
            let stalls = Fault::new("ec2:DescribeInstances", FaultKind::Stall);
            let stalls = stalls.in_region(region).in_account(account);
            stage.aws.inject(stalls.first(1));
        }
    }
    let config = stage
        .config()
        .replace("[aws]", "[aws]\nconcurrency = 1")
        .replace("attempt_timeout_secs = 5", "attempt_timeout_secs = 4")
        .replace(
            "regions = [\"eu-west-1\"]",
            &format!("regions = {REGIONS:?}"),
        );
    let lambda = Lambda::start("stop-untagged", &stage.aws, &config, &[]);
    lambda.allow(Duration::from_secs(20));
    let slot = stage.aws.now().to_rfc3339();
    let tick = json!({"metadata": {"source": "scheduler", "trigger": "schedule", "slot": slot}, "data": {}});
    let mut answer = lambda.invoke(&tick);
    let mut parts = 1;
    while let Some(next) = stage
        .aws
        .with(|world| world.invocations().get(parts - 1).cloned())
    {
        answer = lambda.invoke(&next.event);
        parts += 1;
    }
    lambda.end();
    stage.answered(answer);
}

fn case(mode: &'static str, name: &'static str, lines: &'static str) -> Case {
    Case {
        function: "stop-untagged",
        name,
        mode,
        lines,
        plays: vec![
            Play {
                world: fleet,
                steps: |stage| stage.run(0),
            },
            Play {
                world: fleet,
                steps: |stage| stage.slot(),
            },
        ],
    }
}

#[test]
fn stop_untagged_needs_in_plan_mode_exactly_what_is_printed() {
    prove(&case("plan", "a round", LINES));
}

#[test]
fn stop_untagged_needs_in_apply_mode_exactly_what_is_printed() {
    let mut whole = case("apply", IN_PARTS, LINES);
    whole.plays.push(Play {
        world: fleet,
        steps: in_parts,
    });
    prove(&whole);
}

#[test]
fn stop_untagged_that_terminates_needs_exactly_what_is_printed() {
    const LINES: &str = r#"
required_tags = ["cost_center"]
action = "terminate"
grace_hours = 24
max_percent = 100
max_untagged_jump_percent = 100
probe_permissions = true
"#;
    prove(&case("apply", "terminate", LINES));
}
