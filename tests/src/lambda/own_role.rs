//! A bootstrap with the credentials of the role that the template makes it, which the simulated account enforces: also
//! for what the process does before it has a configuration, and after its run.

use lamplighter_local_aws::{Fault, FaultKind, LocalAws, World};
use serde_json::{Value, json};

use super::parts::{REGIONS, TIME};
use super::{ACCOUNT, old};
use crate::harness::{Lamplighter, serve};
use crate::runtime_api::Lambda;

const ROLE: &str = "arn:aws:iam::111122223333:role/lamplighter-StopUntaggedRole";
const LIVE: &str = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-stop-untagged:live";
/// What the stack's parameter `ConfigObject` says.
const CONFIG_OBJECT: &str = "acme-config/lamplighter.toml";

fn config() -> String {
    super::parts::config("[state]\nurl = \"s3://acme-state/lamp\"")
}

/// The statements of the function's role in the template, of a stack that is called `lamplighter` and has its
/// configuration in S3.
fn statements() -> Vec<Value> {
    let template = Lamplighter::new(["deploy", "template", "--format", "json"])
        .config(&config())
        .run()
        .code(0)
        .json();
    let role = &template["Resources"]["StopUntaggedRole"]["Properties"];
    let policies = filled(&role["Policies"]);
    let policies = policies.as_array().expect("policies").iter();
    policies
        .flat_map(|policy| {
            let document = &policy["PolicyDocument"];
            document["Statement"].as_array().expect("a list").clone()
        })
        .collect()
}

/// A part of a template, as CloudFormation fills it in: with a configuration in S3 and without a VPC.
fn filled(part: &Value) -> Value {
    let is_nothing = |part: &Value| part["Ref"] == "AWS::NoValue";
    match part {
        Value::Array(parts) => {
            let parts = parts.iter().map(filled);
            Value::Array(parts.filter(|part| !is_nothing(part)).collect())
        }
        Value::Object(object) => {
            if let Some(choice) = object.get("Fn::If") {
                let then = match choice[0].as_str().expect("a condition") {
                    "HasConfigObject" => 1,
                    "HasVpc" => 2,
                    other => panic!("what is `{other}`?"),
                };
                return filled(&choice[then]);
            }
            if let Some(text) = object.get("Fn::Sub") {
                let text = text.as_str().expect("a text");
                let text = [
                    ("AWS::Partition", "aws"),
                    ("AWS::Region", "eu-west-1"),
                    ("AWS::AccountId", ACCOUNT),
                    ("AWS::StackName", "lamplighter"),
                    ("ConfigObject", CONFIG_OBJECT),
                ]
                .iter()
                .fold(text.to_owned(), |text, (name, value)| {
                    text.replace(&format!("${{{name}}}"), value)
                });
                assert!(!text.contains("${"), "{text}");
                return json!(text);
            }
            if let Some(attribute) = object.get("Fn::GetAtt") {
                return json!(format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{}", attribute[0]));
            }
            let filled = object.iter().map(|(key, part)| (key.clone(), filled(part)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

/// The policy of the role, without the statement with this Sid; and a check that there is one.
fn policy_without(sid: &str) -> String {
    let mut statements = statements();
    let all = statements.len();
    statements.retain(|statement| statement["Sid"] != sid);
    assert_eq!(
        statements.len() + usize::from(!sid.is_empty()),
        all,
        "{sid}"
    );
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// An account in which the function has more to do than it has time for, with the configuration where it belongs.
fn stage(policy: &str) -> LocalAws {
    let now = super::stages::now();
    let world = World::new(ACCOUNT, now)
        .verified_identity("ops@example.com")
        .bucket(ACCOUNT, "eu-west-1", "acme-state")
        .bucket(ACCOUNT, "eu-west-1", "acme-config")
        .identity_policy(ROLE, policy);
    let regions = REGIONS.iter().enumerate();
    let world = regions.fold(world, |world, (number, region)| {
        world.instance(ACCOUNT, region, old(&format!("i-{number:017x}"), now))
    });
    let aws = serve(world);
    aws.with(|world| {
        let (bucket, key) = CONFIG_OBJECT.split_once('/').expect("a bucket and a key");
        world.store_object(bucket, key, config().as_bytes());
    });
    aws
}

fn is_slow(aws: &LocalAws) {
    for region in REGIONS {
        let stalls = Fault::new("ec2:DescribeInstances", FaultKind::Stall);
        aws.inject(stalls.in_region(region).first(1));
    }
}

/// The bootstrap as this role, with an empty package.
fn lambda(aws: &LocalAws) -> Lambda {
    let own = aws.with(|world| world.role_environment(ROLE));
    let config = format!("s3://{CONFIG_OBJECT}");
    let mut environment: Vec<(&str, &str)> = own
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    environment.push(("LAMPLIGHTER_CONFIG", &config));
    let lambda = Lambda::start("stop-untagged", aws, "", &environment);
    lambda.allow(TIME);
    lambda
}

fn tick() -> Value {
    super::stages::tick("2026-11-22T06:00:00Z")
}

/// What was denied, by the calls; and that every call was the role's.
fn denied(aws: &LocalAws) -> Vec<String> {
    let calls = aws.calls();
    for call in &calls {
        assert!(
            call.principal
                .contains(":assumed-role/lamplighter-StopUntaggedRole/"),
            "{call:?}"
        );
    }
    let denied = calls.iter().filter_map(|call| call.denied());
    denied
        .map(|one| format!("{} on {}", one.action, one.resource))
        .collect()
}

/// Every statement that it used.
fn used(aws: &LocalAws, sid: &str) -> bool {
    let calls = aws.calls();
    let mut permissions = calls.iter().flat_map(|call| &call.permissions);
    permissions.any(|one| one.allowed_by.iter().any(|by| by == sid))
}

#[test]
fn the_template_s_role_is_enough_for_a_run_in_parts_with_a_configuration_in_s3() {
    let aws = stage(&policy_without(""));
    is_slow(&aws);
    let lambda = lambda(&aws);
    let mut answer = lambda.invoke_as(LIVE, &tick()).response();
    let mut parts = 1;
    while let Some(next) = aws.with(|world| world.invocations().get(parts - 1).cloned()) {
        assert_eq!(next.function, LIVE);
        answer = lambda.invoke_as(LIVE, &next.event).response();
        parts += 1;
        assert!(parts <= REGIONS.len(), "each part looks at one region");
    }
    lambda.end();
    assert!(parts > 1, "there was time for everything");
    assert_eq!(denied(&aws), Vec::<String>::new());
    assert_eq!(answer["status"], "ok", "{answer:#}");
    assert_eq!(answer["data"]["summary"]["done"], REGIONS.len());
    assert_eq!(aws.mails().len(), 1);
    for sid in ["ContinueRun", "ReadConfig"] {
        assert!(used(&aws, sid), "{sid}");
    }
}

#[test]
fn without_the_statement_that_continues_a_run_it_ends_as_partial_and_names_the_action() {
    let aws = stage(&policy_without("ContinueRun"));
    is_slow(&aws);
    let lambda = lambda(&aws);
    let answer = lambda.invoke_as(LIVE, &tick()).response();
    lambda.end();
    assert_eq!(denied(&aws), [format!("lambda:InvokeFunction on {LIVE}")]);
    let status = (&answer["status"], &answer["data"]["outcome"]);
    assert_eq!(status, (&json!("partial"), &json!("partial")), "{answer:#}");
    let why = answer["errors"][0]["message"].as_str().expect("a text");
    assert!(
        why.contains("the run ends here")
            && why.contains("not allowed to call `lambda:InvokeFunction`"),
        "{why}"
    );
    assert_eq!(aws.mails().len(), 1, "what was done is reported");
}

#[test]
fn without_the_statement_that_reads_the_configuration_it_fails_and_names_the_action_until_it_is_there()
 {
    let aws = stage(&policy_without("ReadConfig"));
    let lambda = lambda(&aws);
    for _ in 0..2 {
        let (kind, message) = lambda.invoke_as(LIVE, &tick()).error();
        assert_eq!(kind, "Lamplighter.Denied", "{message}");
        assert!(
            message.contains(CONFIG_OBJECT)
                && message.contains("not allowed to call `s3:GetObject`"),
            "{message}"
        );
    }
    let object = format!("s3:GetObject on arn:aws:s3:::{CONFIG_OBJECT}");
    assert!(
        denied(&aws).iter().all(|one| *one == object),
        "{:?}",
        denied(&aws)
    );
    aws.with(|world| world.set_identity_policy(ROLE, &policy_without("")));
    let answer = lambda.invoke_as(LIVE, &tick()).response();
    lambda.end();
    assert_eq!(answer["status"], "ok", "{answer:#}");
    assert_eq!(answer["data"]["summary"]["done"], REGIONS.len());
}
