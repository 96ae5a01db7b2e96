//! What a Lambda does when something is wrong: what a retry may mend ends as an invocation error, the rest is answered.

use chrono::Utc;
use lamplighter_local_aws::{Fault, FaultKind, InstanceState, World};
use serde_json::{Value, json};

use super::{ACCOUNT, CONFIG, account, changes, old, state_of_the_untagged};
use crate::harness::serve;
use crate::runtime_api::Lambda;

#[test]
fn an_event_that_makes_no_sense_is_answered_for_good_and_changes_nothing() {
    let aws = account();
    let mut lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    for event in [
        json!([1, 2]),
        json!("now"),
        json!(7),
        Value::Null,
        json!({"metadata": "yes"}),
        json!({"metadata": {"dry_run": "true"}}),
        json!({"metadata": {"slot": "yesterday"}}),
        json!({"metadata": {"trigger": "cosmic ray"}}),
    ] {
        let answer = lambda.invoke(&event).response();
        assert_eq!(
            (&answer["status"], &answer["code"]),
            (&json!("failed"), &json!(1)),
            "{event}"
        );
        assert_eq!(answer["data"], json!({}), "{event}");
        assert_eq!(answer["errors"][0]["scope"], "Permanent", "{event}");
        let message = answer["message"].as_str().expect("a message");
        assert!(message.starts_with("the event"), "{message}");
    }
    assert!(lambda.is_warm());
    assert_eq!(aws.calls(), []);
    lambda.end();
}

#[test]
fn a_region_that_may_not_be_read_makes_the_answer_partial_and_the_others_are_done() {
    let now = Utc::now();
    let aws = serve(
        World::new(ACCOUNT, now)
            .instance(ACCOUNT, "eu-west-1", old("i-0aaa0000000000002", now))
            .instance(ACCOUNT, "us-east-1", old("i-0aaa0000000000003", now)),
    );
    aws.inject(Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region("us-east-1"));
    let config = format!("[aws]\nregions = [\"eu-west-1\", \"us-east-1\"]\n{CONFIG}");
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("partial"), &json!(4))
    );
    assert_eq!(
        answer["errors"],
        json!([{"scope": format!("{ACCOUNT}/us-east-1"), "message": "cannot list the instances in `us-east-1`: not allowed to call `ec2:DescribeInstances`"}])
    );
    assert_eq!(answer["data"]["coverage"][1]["status"], "unreadable");
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);
    lambda.end();
}

#[test]
fn a_change_that_is_denied_is_a_failed_action_in_a_partial_answer() {
    let aws = account();
    aws.inject(Fault::new("ec2:StopInstances", FaultKind::Denied));
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("partial"), &json!(4))
    );
    assert_eq!(answer["data"]["actions"][0]["outcome"], "failed");
    assert_eq!(
        answer["data"]["actions"][0]["reason"],
        "not allowed to call `ec2:StopInstances`"
    );
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);
    lambda.end();
}

#[test]
fn a_limit_is_answered_as_refused_and_changes_nothing() {
    let aws = account();
    let config = CONFIG.replace("max_percent = 100", "max_actions = 0");
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("refused"), &json!(1))
    );
    assert_eq!(changes(&aws), Vec::<String>::new());
    lambda.end();
}

#[test]
fn what_a_retry_may_mend_ends_as_an_invocation_error_and_the_retry_works() {
    let aws = account();
    aws.inject(Fault::new("sts:GetCallerIdentity", FaultKind::ServerError));
    let config = format!("[aws]\nmax_attempts = 2\n{CONFIG}");
    let mut lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let (kind, message) = lambda.invoke(&json!({})).error();
    assert_eq!(kind, "Lamplighter.Transient");
    assert!(
        message.starts_with("cannot tell which account this is: `sts:GetCallerIdentity` failed"),
        "{message}"
    );
    assert_eq!(changes(&aws), Vec::<String>::new());
    aws.clear_faults();
    assert!(lambda.is_warm());
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(answer["data"]["summary"]["done"], 1);
    lambda.end();
}

#[test]
fn credentials_that_are_not_accepted_end_as_an_invocation_error() {
    let aws = account();
    aws.inject(Fault::new("sts:GetCallerIdentity", FaultKind::Denied));
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &[]);
    let (kind, _) = lambda.invoke(&json!({})).error();
    assert_eq!(kind, "Lamplighter.Denied");
    lambda.end();
}

#[test]
fn a_broken_configuration_ends_every_invocation_as_an_error_that_names_what_is_wrong() {
    let aws = account();
    let config = "[stop-untagged]\ngrace_hour = 0\n[report]\nmail = \"sometimes\"\n";
    let lambda = Lambda::start("stop-untagged", &aws, config, &[]);
    for _ in 0..2 {
        let (kind, message) = lambda.invoke(&json!({})).error();
        assert_eq!(kind, "Lamplighter.Config");
        assert!(message.contains("unknown key `grace_hour`"), "{message}");
        assert!(message.contains("sometimes"), "{message}");
    }
    assert_eq!(aws.calls(), []);
    lambda.end();
}

#[test]
fn a_configuration_that_is_named_and_not_there_is_an_error_too() {
    let aws = account();
    let environment = [("LAMPLIGHTER_CONFIG", "elsewhere.toml")];
    let lambda = Lambda::start("stop-untagged", &aws, CONFIG, &environment);
    let (kind, message) = lambda.invoke(&json!({})).error();
    assert_eq!(kind, "Lamplighter.Config");
    assert!(
        message.starts_with("cannot read the configuration `elsewhere.toml`"),
        "{message}"
    );
    lambda.end();
}
