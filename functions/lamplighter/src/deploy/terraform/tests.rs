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
