//! Several daemons and a Lambda on one state, and what the daemon's own role may do.

use chrono::{SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::World;
use serde_json::json;

use super::{ask, config, daemon, schedule, text};
use crate::daemon::PATIENCE;
use crate::harness::{Lamplighter, programs, serve};
use crate::lambda::{ACCOUNT, old};
use crate::process::Process;
use crate::runtime_api::Lambda;

#[test]
fn of_two_daemons_and_a_lambda_on_one_state_one_runs_the_slot() {
    let now = Utc::now();
    let instance = old("i-0aaa0000000000002", now);
    let world = World::new(ACCOUNT, now).instance(ACCOUNT, "eu-west-1", instance);
    let aws = serve(world.bucket(ACCOUNT, "eu-west-1", "lamplighter-state"));
    programs();
    let due = (Utc::now() + TimeDelta::seconds(6)).trunc_subsecs(0);
    let config = format!(
        "{}[state]\nurl = \"s3://lamplighter-state/prod\"\n",
        config(&schedule(due))
    );
    let states: Vec<_> = (0..2)
        .map(|_| tempfile::tempdir().expect("a folder"))
        .collect();
    let mut daemons: Vec<Process> = states
        .iter()
        .map(|state| daemon(&aws, state.path(), &config))
        .collect();
    let mut outcomes = vec![];
    for (daemon, state) in daemons.iter_mut().zip(&states) {
        daemon.until("its end of the slot", PATIENCE, |_| {
            let history = ask(&aws, "history", state.path(), &config);
            let Some(outcome) = history.report().map(|rows| rows[0]["outcome"].clone()) else {
                return false;
            };
            let is_over = outcome.is_string() && outcome != "running";
            if is_over {
                outcomes.push(outcome.as_str().unwrap_or_default().to_owned());
            }
            is_over
        });
    }
    outcomes.sort();
    assert_eq!(outcomes, ["ok", "taken"]);
    for daemon in daemons {
        daemon.signal("TERM");
        daemon.ended(PATIENCE).code(0);
    }

    let calls = aws.calls().len();
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let tick = json!({"metadata": {"source": "scheduler", "trigger": "schedule", "slot": text(due)}, "data": {}});
    let answer = lambda.invoke(&tick).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("ok"), &json!(0))
    );
    let message = answer["message"].as_str().expect("a sentence");
    assert!(
        message.contains("has run elsewhere: claimed by "),
        "{message}"
    );
    let after: Vec<String> = aws.calls()[calls..]
        .iter()
        .map(|call| call.name())
        .collect();
    assert!(
        !after.iter().any(|call| call.starts_with("ec2:")),
        "it looked at nothing: {after:?}"
    );
}

#[test]
fn the_daemon_s_own_role_only_assumes_the_roles_of_its_functions() {
    let policy = |text: &str| Lamplighter::new(["policy", "daemon"]).config(text).run();
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let config = format!(
        "[stop-untagged]\nrole = \"{}\"\n[audit-mfa]\nmode = \"plan\"\n",
        role("lamplighter-stop-untagged")
    );
    let ran = policy(&config).code(0);
    let statements = ran.json()["Statement"].clone();
    assert_eq!(statements.as_array().expect("a list").len(), 1);
    assert_eq!(statements[0]["Action"], json!(["sts:AssumeRole"]));
    let resource = json!([role("lamplighter-stop-untagged")]);
    assert_eq!(statements[0]["Resource"], resource);
    assert!(
        ran.stderr.contains("audit-mfa has no `role`"),
        "{}",
        ran.stderr
    );
    policy("[audit-mfa]\nmode = \"plan\"\n").code(2);
}
