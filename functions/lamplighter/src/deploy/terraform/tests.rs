//! The configuration against the provider's resource types: `resource_types.json`, copied from its documentation.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::template::tests::stack;
use super::*;

fn words(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect()
}

#[test]
fn every_resource_is_of_a_known_type_with_its_required_arguments_and_no_unknown_one() {
    let table: Value =
        serde_json::from_str(include_str!("resource_types.json")).expect("the table is JSON");
    let configuration = terraform(&stack());
    let mut seen = BTreeSet::new();
    for (kind, named) in configuration["resource"].as_object().expect("resources") {
        let known = &table["types"][kind];
        assert!(known.is_object(), "the table has no {kind}");
        seen.insert(kind.clone());
        let required = words(&known["required"]);
        let mut allowed = words(&known["optional"]);
        allowed.extend(required.iter().cloned());
        allowed.extend(words(&table["meta_arguments"]));
        for (name, resource) in named.as_object().expect("resources with names") {
            let there: BTreeSet<String> = resource
                .as_object()
                .expect("arguments")
                .keys()
                .cloned()
                .collect();
            let missing: Vec<&String> = required.difference(&there).collect();
            assert!(missing.is_empty(), "{kind}.{name} lacks {missing:?}");
            let unknown: Vec<&String> = there.difference(&allowed).collect();
            assert!(unknown.is_empty(), "{kind}.{name} has {unknown:?}");
        }
    }
    let listed: BTreeSet<String> = table["types"]
        .as_object()
        .expect("types")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        seen, listed,
        "the table (right) has what is not used, or the other way round"
    );
}

#[test]
fn every_role_is_within_the_boundary_if_there_is_one() {
    let configuration = terraform(&stack());
    let variable = &configuration["variable"]["permissions_boundary"];
    assert_eq!(variable["default"], "");
    let roles = configuration["resource"]["aws_iam_role"].as_object();
    let roles = roles.expect("roles");
    // One for each function, one for Scheduler, one for SES.
    assert_eq!(roles.len(), stack().functions.len() + 2);
    for (name, role) in roles {
        assert_eq!(
            role["permissions_boundary"],
            "${var.permissions_boundary == \"\" ? null : var.permissions_boundary}",
            "{name}"
        );
    }
}

#[test]
fn every_reference_is_to_something_that_is_there() {
    let configuration = terraform(&stack());
    let text = configuration.to_string();
    let mut seen = 0;
    for part in text.split("${").skip(1) {
        let words =
            part.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_.".contains(letter)));
        for word in words {
            let parts: Vec<&str> = word.split('.').collect();
            let found = match parts.as_slice() {
                ["var", name] => &configuration["variable"][*name],
                [kind, name, _] if kind.starts_with("aws_") => {
                    &configuration["resource"][*kind][*name]
                }
                ["data", kind, name, _] => &configuration["data"][*kind][*name],
                ["local", name] => {
                    seen += 1;
                    let local = &configuration["locals"][*name];
                    assert!(local.is_string(), "there is no {word}");
                    continue;
                }
                _ => continue,
            };
            seen += 1;
            assert!(found.is_object(), "there is no {word}");
        }
    }
    assert!(seen > 100, "the references were found: {seen}");
    assert!(
        !text.contains("AWS::"),
        "CloudFormation's words are replaced"
    );
}

#[test]
fn it_has_as_many_alarms_schedules_and_aliases_as_the_template() {
    let template = super::super::template::template(&stack());
    let configuration = terraform(&stack());
    for (cloudformation, terraform) in [
        ("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm"),
        (
            "AWS::Logs::MetricFilter",
            "aws_cloudwatch_log_metric_filter",
        ),
        ("AWS::Scheduler::Schedule", "aws_scheduler_schedule"),
        ("AWS::Lambda::Alias", "aws_lambda_alias"),
        ("AWS::SQS::Queue", "aws_sqs_queue"),
        ("AWS::SQS::QueuePolicy", "aws_sqs_queue_policy"),
        ("AWS::Events::Rule", "aws_cloudwatch_event_rule"),
        ("AWS::Events::Rule", "aws_cloudwatch_event_target"),
        (
            "AWS::Lambda::EventSourceMapping",
            "aws_lambda_event_source_mapping",
        ),
        ("AWS::Lambda::Permission", "aws_lambda_permission"),
        ("AWS::SES::ReceiptRule", "aws_ses_receipt_rule"),
        ("AWS::IAM::Role", "aws_iam_role"),
    ] {
        let resources = template["Resources"].as_object().expect("resources");
        let there = resources
            .values()
            .filter(|resource| resource["Type"] == cloudformation)
            .count();
        let here = configuration["resource"][terraform]
            .as_object()
            .expect(terraform)
            .len();
        assert_eq!(there, here, "{terraform}");
    }
}

#[test]
fn a_text_of_s3_or_of_a_policy_is_no_expression_of_terraform() {
    let configuration = terraform(&stack());
    // The prefix `old ${x}/` of the stack: to the letter in the rule, encoded in the notification.
    let rules = &configuration["resource"]["aws_cloudwatch_event_rule"];
    let pattern = rules["resize_images_objects_2"]["event_pattern"]
        .as_str()
        .expect("a text");
    assert!(pattern.contains("old $${x}/"), "{pattern}");
    // Quotes of an expression would be escaped in a document's text, which Terraform does not read.
    for (name, text) in configuration["locals"].as_object().expect("locals") {
        let text = text.as_str().expect("a text");
        for expression in text.split("${").skip(1) {
            let expression = expression.split('}').next().expect("an expression");
            assert!(!expression.contains('\\'), "{name}: {expression}");
        }
    }
    let policies = configuration["resource"].as_object().expect("resources");
    let policies = policies.iter().filter(|(kind, _)| kind.contains("policy"));
    for (kind, named) in policies {
        for (name, policy) in named.as_object().expect("policies") {
            let text = policy["policy"].as_str().expect("a text");
            if text.starts_with("${") {
                continue;
            }
            assert!(
                serde_json::from_str::<Value>(text).is_ok(),
                "{kind}.{name} is no JSON: {text}"
            );
            assert!(!text.contains("== \\\""), "{kind}.{name}: {text}");
        }
    }
}

#[test]
fn a_queue_is_filled_by_rules_or_by_buckets_as_the_variable_says() {
    let configuration = terraform(&stack());
    let policies = &configuration["resource"]["aws_sqs_queue_policy"];
    assert_eq!(
        policies["resize_images"]["policy"],
        "${var.resize_images_objects_by == \"eventbridge\" ? local.resize_images_policy : local.resize_images_policy_direct}"
    );
    let document = |name: &str| -> Value {
        let text = configuration["locals"][name].as_str().expect("a text");
        serde_json::from_str(text).expect("JSON")
    };
    let senders = |name: &str| -> Vec<String> {
        let document = document(name);
        let statements = document["Statement"].as_array().expect("statements");
        let services = statements
            .iter()
            .map(|statement| statement["Principal"]["Service"].as_str());
        services
            .map(|one| one.expect("a service").to_owned())
            .collect()
    };
    assert_eq!(senders("resize_images_policy"), ["events.amazonaws.com"]);
    assert_eq!(senders("resize_images_policy_direct"), ["s3.amazonaws.com"]);
    // Deployments come from a rule in either case.
    assert_eq!(
        senders("deploy_bundles_policy_direct"),
        ["events.amazonaws.com", "s3.amazonaws.com"]
    );
    let queue = &configuration["resource"]["aws_sqs_queue"]["resize_images"];
    assert_eq!(
        queue["visibility_timeout_seconds"],
        "${6 * var.resize_images_timeout_secs}"
    );
}
