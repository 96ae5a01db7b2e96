//! What every policy must keep to, whatever the configuration: named actions, no principal, the narrowest resource that
//! IAM allows, and names that say what a statement is for.

use std::collections::BTreeMap;

use lamplighter_local_aws::Permission;
use serde_json::Value;

use crate::harness::{Lamplighter, root};
use crate::house::function_names;

/// An action, as the Service Authorization Reference has it.
struct Known {
    level: &'static str,
    /// The ARNs that a statement may name; `*` where there is no resource type.
    resources: Vec<&'static str>,
}

fn reference() -> BTreeMap<&'static str, Known> {
    let lines = include_str!("actions.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [action, level, resources] = fields[..] else {
            panic!("actions.tsv: `{line}` has not three fields");
        };
        let resources = resources.split(',').collect();
        (action, Known { level, resources })
    });
    rows.collect()
}

/// Everything that is printed: the functions' policies under configurations of every kind, and the daemon's.
fn printed() -> Vec<(String, Value)> {
    let everything = root().join("config/examples/everything.toml");
    let everything = everything.to_str().expect("a path in UTF-8");
    let small = root().join("config/lamplighter.example.toml");
    let small = small.to_str().expect("a path in UTF-8");
    let mut all = Vec::new();
    for function in function_names() {
        let mode = format!(
            "LAMPLIGHTER_{}__MODE",
            function.to_uppercase().replace('-', "_")
        );
        for (what, config, environment) in [
            ("everything", Some(everything), None),
            (
                "everything, planned",
                Some(everything),
                Some((mode.as_str(), "plan")),
            ),
            ("a first configuration", Some(small), None),
            ("no configuration", None, None),
        ] {
            for place in [
                &[][..],
                &["--account", "111122223333", "--region", "eu-west-1"],
            ] {
                let mut program = Lamplighter::new(["policy", function.as_str()]);
                program = program.args(place.iter().copied());
                if let Some(config) = config {
                    program = program.args(["--config", config]);
                }
                if let Some((name, value)) = environment {
                    program = program.env(name, value);
                }
                all.push((
                    format!("{function}, {what} {place:?}"),
                    program.run().code(0).json(),
                ));
            }
        }
    }
    let daemon = Lamplighter::new(["policy", "daemon", "--config", everything]);
    all.push(("the daemon".to_owned(), daemon.run().code(0).json()));
    all
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("a text")).collect()
}

/// Whether `resource` is of the kind that `known` stands for.
fn is_of_kind(resource: &str, known: &str) -> bool {
    let resource = Permission {
        action: String::new(),
        resource: resource.to_owned(),
        allowed_by: vec![],
        is_denied: false,
    };
    // A bucket's ARN has no slash, an object's has one.
    resource.is_about(known) && (known != "arn:aws:s3:::*" || !resource.resource.contains('/'))
}

/// What is wrong with a statement.
fn faults(statement: &Value, reference: &BTreeMap<&str, Known>, is_plan: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let object = statement.as_object().expect("a statement");
    for key in object.keys() {
        if !["Action", "Condition", "Effect", "Resource", "Sid"].contains(&key.as_str()) {
            faults.push(format!("has `{key}`"));
        }
    }
    let sid = statement["Sid"].as_str().unwrap_or_default();
    let resources = texts(&statement["Resource"]);
    for action in texts(&statement["Action"]) {
        let Some(known) = reference.get(action) else {
            faults.push(format!("`{action}` is not in actions.tsv"));
            continue;
        };
        for resource in &resources {
            if !known.resources.iter().any(|kind| match *kind {
                "*" => *resource == "*",
                kind => *resource != "*" && is_of_kind(resource, kind),
            }) {
                faults.push(format!(
                    "`{action}` on `{resource}`, but IAM knows {:?}",
                    known.resources
                ));
            }
        }
        let only_looks = ["List", "Read"].contains(&known.level);
        let is_fitting = match sid {
            // Looking into another account begins with becoming somebody there.
            "ReadOtherAccounts" => action == "sts:AssumeRole",
            "AssumeFunctionRoles" => action == "sts:AssumeRole",
            "ConsumeQueues" => action.starts_with("sqs:"),
            sid if sid.starts_with("Read") => only_looks,
            sid if sid.starts_with("Deliver") => {
                ["ses:SendEmail", "ses:SendRawEmail", "sns:Publish"].contains(&action)
            }
            sid if sid.starts_with("State") => action.starts_with("s3:"),
            sid if sid.starts_with("Act") => !is_plan,
            _ => false,
        };
        if !is_fitting {
            faults.push(format!(
                "`{action}` ({}) under the name `{sid}`",
                known.level
            ));
        }
        let condition = statement["Condition"].to_string();
        let wanted = match action {
            "ses:SendEmail" | "ses:SendRawEmail" => "ses:FromAddress",
            "ec2:CreateTags" | "ec2:DeleteTags" | "iam:TagUser" | "iam:UntagUser" => "aws:TagKeys",
            _ => continue,
        };
        if !condition.contains(wanted) {
            faults.push(format!("`{action}` without a condition on `{wanted}`"));
        }
    }
    faults
}

#[test]
fn every_printed_policy_names_its_actions_and_the_narrowest_resources_that_iam_allows() {
    let reference = reference();
    let mut wrong = Vec::new();
    let all = printed();
    assert!(all.len() > 50, "{}", all.len());
    for (what, policy) in &all {
        let is_plan = what.contains("planned");
        for statement in policy["Statement"].as_array().expect("statements") {
            for fault in faults(statement, &reference, is_plan) {
                wrong.push(format!("{what}: {}: {fault}", statement["Sid"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_mark_is_for_is_ended_only_where_the_mark_is() {
    for (function, sid, mark) in [
        (
            "stop-untagged",
            "ActEnd",
            "aws:ResourceTag/lamplighter:stop-after",
        ),
        (
            "audit-mfa",
            "ActTakeTheConsole",
            "aws:ResourceTag/lamplighter:deny-after",
        ),
    ] {
        let path = root().join(format!("policies/{function}.json"));
        let text = std::fs::read_to_string(path).expect("it is there");
        let policy: Value = serde_json::from_str(&text).expect("a policy is JSON");
        let statements = policy["Statement"].as_array().expect("statements");
        let statement = statements.iter().find(|one| one["Sid"] == sid);
        let statement = statement.unwrap_or_else(|| panic!("{function} has no {sid}"));
        assert_eq!(
            statement["Condition"]["StringLike"][mark], "*",
            "{function}"
        );
    }
}

#[test]
fn the_check_itself_finds_what_is_too_wide() {
    let reference = reference();
    let check = |statement: &str, is_plan: bool| {
        let statement = serde_json::from_str(statement).expect("JSON");
        faults(&statement, &reference, is_plan).join("; ")
    };
    for (statement, is_plan, expected) in [
        (
            r#"{"Sid": "ReadA", "Action": ["ec2:*"], "Resource": ["*"]}"#,
            false,
            "not in actions.tsv",
        ),
        (
            r#"{"Sid": "ReadA", "Action": ["s3:GetObject"], "Resource": ["*"]}"#,
            false,
            "but IAM knows",
        ),
        (
            r#"{"Sid": "ReadA", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::b/x"]}"#,
            false,
            "but IAM knows",
        ),
        (
            r#"{"Sid": "ReadA", "Action": ["ec2:DescribeTags"], "Resource": ["arn:aws:ec2:*:*:instance/*"]}"#,
            false,
            "but IAM knows",
        ),
        (
            r#"{"Sid": "ReadA", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::b/x"]}"#,
            false,
            "(Write) under the name",
        ),
        (
            r#"{"Sid": "ActA", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::b/x"]}"#,
            true,
            "(Write) under the name",
        ),
        (
            r#"{"Sid": "A", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/x"]}"#,
            false,
            "under the name",
        ),
        (
            r#"{"Sid": "ReadA", "Principal": "*", "Action": ["ec2:DescribeTags"], "Resource": ["*"]}"#,
            false,
            "has `Principal`",
        ),
        (
            r#"{"Sid": "DeliverA", "Action": ["ses:SendEmail"], "Resource": ["arn:aws:ses:*:*:identity/*"]}"#,
            false,
            "without a condition",
        ),
    ] {
        let found = check(statement, is_plan);
        assert!(found.contains(expected), "{statement}: {found}");
    }
    let sound = r#"{"Sid": "ReadA", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/x/*"]}"#;
    assert_eq!(check(sound, true), "");
}
