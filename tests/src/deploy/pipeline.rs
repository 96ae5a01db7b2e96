//! The example of a pipeline, and what the policy for one allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::templates::{PACKAGES, everything, template};
use crate::harness::{Lamplighter, root};
use crate::moto::venv;

/// The calls by which CloudFormation makes and removes what is in the template. For the types without one, others' calls
/// are enough: a queue's policy is an attribute of it.
const CALLS: [(&str, &[&str]); 20] = [
    (
        "AWS::CloudWatch::Alarm",
        &["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
    ),
    (
        "AWS::Events::Rule",
        &[
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:DeleteRule",
        ],
    ),
    (
        "AWS::IAM::Role",
        &[
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:DeleteRole",
            "iam:PassRole",
        ],
    ),
    (
        "AWS::Lambda::Alias",
        &[
            "lambda:CreateAlias",
            "lambda:UpdateAlias",
            "lambda:DeleteAlias",
        ],
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        &[
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:DeleteFunctionEventInvokeConfig",
        ],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &[
            "lambda:CreateEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
            "lambda:DeleteEventSourceMapping",
        ],
    ),
    (
        "AWS::Lambda::Function",
        &[
            "lambda:CreateFunction",
            "lambda:UpdateFunctionCode",
            "lambda:DeleteFunction",
            // In a VPC: Lambda looks at it with the caller's rights, and CloudFormation waits for the interfaces to go.
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    ),
    (
        "AWS::Lambda::Permission",
        &["lambda:AddPermission", "lambda:RemovePermission"],
    ),
    ("AWS::Lambda::Version", &["lambda:PublishVersion"]),
    (
        "AWS::Logs::LogGroup",
        &[
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
            "logs:DeleteLogGroup",
        ],
    ),
    (
        "AWS::Logs::MetricFilter",
        &["logs:PutMetricFilter", "logs:DeleteMetricFilter"],
    ),
    (
        "AWS::SES::ReceiptRule",
        &[
            "ses:CreateReceiptRule",
            "ses:UpdateReceiptRule",
            "ses:DeleteReceiptRule",
        ],
    ),
    (
        "AWS::SES::ReceiptRuleSet",
        &["ses:CreateReceiptRuleSet", "ses:DeleteReceiptRuleSet"],
    ),
    (
        "AWS::SNS::Subscription",
        &["sns:Subscribe", "sns:Unsubscribe"],
    ),
    ("AWS::SNS::Topic", &["sns:CreateTopic", "sns:DeleteTopic"]),
    ("AWS::SQS::Queue", &["sqs:CreateQueue", "sqs:DeleteQueue"]),
    ("AWS::SQS::QueuePolicy", &["sqs:SetQueueAttributes"]),
    (
        "AWS::Scheduler::Schedule",
        &[
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
        ],
    ),
    (
        "AWS::Scheduler::ScheduleGroup",
        &[
            "scheduler:CreateScheduleGroup",
            "scheduler:DeleteScheduleGroup",
        ],
    ),
    // What no template has: the calls of the pipeline itself.
    (
        "",
        &[
            "s3:PutObject",
            "cloudformation:CreateChangeSet",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplate",
            "lambda:InvokeFunction",
        ],
    ),
];

#[test]
fn the_policy_of_a_pipeline_has_the_calls_for_every_type_in_the_template() {
    let text = template(["--config", &everything(), "--format", "json"]).stdout;
    let template: Value = serde_json::from_str(&text).expect("JSON");
    let resources = template["Resources"].as_object().expect("resources");
    let types: BTreeSet<&str> = resources
        .values()
        .map(|resource| resource["Type"].as_str().expect("a type"))
        .collect();
    let known: BTreeSet<&str> = CALLS
        .iter()
        .map(|(kind, _)| *kind)
        .filter(|kind| !kind.is_empty())
        .collect();
    assert_eq!(
        types, known,
        "the template's types (left) and those of the table"
    );

    let policy = fs::read_to_string(root().join("policies/deploy.json")).expect("it is there");
    let policy: Value = serde_json::from_str(&policy).expect("JSON");
    let mut allowed: BTreeMap<&str, &Value> = BTreeMap::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        for action in statement["Action"].as_array().expect("actions") {
            allowed.insert(action.as_str().expect("an action"), statement);
        }
    }
    for (kind, calls) in CALLS {
        for call in calls {
            let statement = allowed
                .get(call)
                .unwrap_or_else(|| panic!("{kind} needs {call}"));
            // Only where IAM knows nothing narrower, and then to look, or under a condition.
            let is_open = statement["Resource"].to_string().contains("\"*\"");
            let only_looks = statement["Sid"]
                .as_str()
                .is_some_and(|sid| sid.starts_with("Read"));
            assert!(
                !is_open || only_looks || statement["Condition"].is_object(),
                "{call} is open"
            );
        }
    }
    let passed = &allowed["iam:PassRole"]["Condition"]["StringEquals"]["iam:PassedToService"];
    let passed: BTreeSet<&str> = passed
        .as_array()
        .expect("services")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let trusted: BTreeSet<&str> = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::IAM::Role")
        .map(|role| &role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"])
        .map(|principal| principal["Service"].as_str().expect("a service"))
        .collect();
    assert_eq!(passed, trusted, "who gets a role, and whom the roles trust");
}

/// Whether an ARN is what a pattern with `*` stands for.
fn is_covered(arn: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return arn == pattern;
    };
    let Some(left) = arn.strip_prefix(head) else {
        return false;
    };
    (0..=left.len()).any(|at| left.is_char_boundary(at) && is_covered(&left[at..], rest))
}

#[test]
fn the_policy_of_a_pipeline_covers_the_stack_s_roles_and_not_its_own_or_anybody_s() {
    let example = fs::read_to_string(root().join("config/examples/ci/github-actions.yml"));
    let example = example.expect("it is there");
    let assumed = example.split(":role/").nth(1).expect("a role");
    let own = assumed.lines().next().expect("its name");
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    for command in ["create-role", "put-role-policy"] {
        let command = format!("aws iam {command} --role-name {own} ");
        assert!(readme.contains(&command), "the README lacks {command}");
    }
    let environment = example.split("    environment: ").nth(1).expect("one");
    let environment = environment.split_whitespace().next().expect("its name");
    assert!(readme.contains(&format!(":environment:{environment}\"")));

    let text = template(["--config", &everything(), "--format", "json"]).stdout;
    let template: Value = serde_json::from_str(&text).expect("JSON");
    let resources = template["Resources"].as_object().expect("resources");
    let roles = resources
        .iter()
        .filter(|(_, one)| one["Type"] == "AWS::IAM::Role");
    // As CloudFormation names them.
    let made: Vec<String> = roles
        .map(|(id, _)| format!("lamplighter-{id}-1ABCDEF2GHIJ"))
        .collect();
    assert_eq!(made.len(), 8 + 2, "{made:?}");
    // What the example's configuration names was made by people.
    let by_people = fs::read_to_string(everything()).expect("it is there");
    let mut strange: Vec<&str> = by_people
        .lines()
        .filter_map(|line| line.split(":role/").nth(1)?.strip_suffix('"'))
        .collect();
    strange.extend([own, "lamplighter-pipeline", "Admin"]);
    assert!(strange.len() > 8, "{strange:?}");

    let policy = fs::read_to_string(root().join("policies/deploy.json")).expect("it is there");
    let policy: Value = serde_json::from_str(&policy).expect("JSON");
    let mut seen = 0;
    for statement in policy["Statement"].as_array().expect("statements") {
        if !statement["Action"].to_string().contains("\"iam:") {
            continue;
        }
        seen += 1;
        let patterns = statement["Resource"].as_array().expect("resources");
        let covers = |role: &str| {
            let arn = format!("arn:aws:iam::111122223333:role/{role}");
            patterns
                .iter()
                .any(|pattern| is_covered(&arn, pattern.as_str().expect("a text")))
        };
        for role in &made {
            assert!(covers(role), "{} lacks {role}", statement["Sid"]);
        }
        for role in &strange {
            assert!(!covers(role), "{} covers {role}", statement["Sid"]);
        }
    }
    assert_eq!(seen, 4, "statements about roles");
}

#[test]
fn with_a_boundary_roles_get_permissions_only_within_it() {
    let arn = "arn:aws:iam::111122223333:policy/lamplighter-boundary";
    let printed = Lamplighter::new(["policy", "deploy", "--boundary", arn]);
    let printed = printed.run().code(0).json();
    let statements = printed["Statement"].as_array().expect("statements");
    let tied = statements
        .iter()
        .filter(|one| one["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == arn);
    assert_eq!(tied.count(), 1);
    for args in [
        ["policy", "deploy", "--boundary", "lamplighter-boundary"],
        ["policy", "audit-mfa", "--boundary", arn],
    ] {
        Lamplighter::new(args).run().code(2);
    }
}

/// Prints the steps' commands. PyYAML comes with cfn-lint.
const STEPS: &str = r#"
import sys, yaml
workflow = yaml.safe_load(open(sys.argv[1]))
assert workflow['permissions'] == {'contents': 'read', 'id-token': 'write'}, workflow['permissions']
for step in workflow['jobs']['deploy']['steps']:
    print(step.get('run', ''))
"#;

#[test]
fn the_example_of_a_pipeline_calls_commands_that_there_are_in_the_order_of_the_readme() {
    let bin = venv("deploy", &PACKAGES);
    let steps = Command::new(bin.join("python"))
        .args(["-c", STEPS])
        .arg(root().join("config/examples/ci/github-actions.yml"))
        .output()
        .expect("python runs");
    let stderr = String::from_utf8_lossy(&steps.stderr);
    assert!(steps.status.success(), "{stderr}");
    let steps = String::from_utf8_lossy(&steps.stdout).into_owned();
    let commands: Vec<Vec<&str>> = steps
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.first() == Some(&"lamplighter"))
        .collect();
    assert!(commands.len() >= 5, "{steps}");
    for words in &commands {
        let is_name = |word: &&&str| word.chars().all(|letter| letter.is_ascii_lowercase());
        let names: Vec<&str> = words[1..].iter().take_while(is_name).copied().collect();
        let help = Lamplighter::new(names).arg("--help").run().code(0).stdout;
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{words:?}: no {flag} in\n{help}");
        }
    }
    let mut rest = steps.as_str();
    for step in [
        "lamplighter check",
        "cargo test",
        "lamplighter deploy package",
        "aws s3 cp",
        "aws cloudformation deploy",
        "aws lambda invoke",
    ] {
        let at = rest
            .find(step)
            .unwrap_or_else(|| panic!("no `{step}` in its place:\n{steps}"));
        rest = &rest[at..];
    }
    // The README's commands are the same ones.
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    for command in [
        "s3://$bucket/lamplighter/$(basename \"$zip\" .zip)/$(cut -c 1-64 \"$zip.sha256\").zip",
        "aws cloudformation deploy --stack-name lamplighter --template-file template.yaml",
        "--payload '{\"metadata\":{\"dry_run\":true}}' answer.json",
    ] {
        assert!(readme.contains(command), "the README lacks {command}");
        let here = command.replace("$bucket", "$BUCKET");
        assert!(steps.contains(&here), "the pipeline lacks {here}");
    }
}
