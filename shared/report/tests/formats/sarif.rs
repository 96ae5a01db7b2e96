//! The SARIF log: that it says what the standard and its readers want to hear.

use std::collections::BTreeSet;

use expect_test::expect_file;
use lamplighter_core::{Run, RunOutcome};
use lamplighter_report::{Format, Options, render};
use serde_json::Value;

use crate::fixture::{HOSTILE, eventful, failed, hostile, quiet, refused};
use crate::{everything, unversioned};

fn tool_run(run: &Run, options: &Options) -> Value {
    let log: Value =
        serde_json::from_str(&render(run, Format::Sarif, options)).expect("a JSON document");
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"].as_array().map(Vec::len), Some(1));
    log["runs"][0].clone()
}

fn texts<'a>(rows: &'a Value, pointer: &str) -> Vec<&'a str> {
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| {
        row.pointer(pointer)
            .and_then(Value::as_str)
            .expect("a text")
    })
    .collect()
}

#[test]
fn runs_to_look_at() {
    for (run, options, expected) in [
        (
            eventful(),
            Options::default(),
            expect_file!["../expected/eventful.sarif"],
        ),
        (
            eventful(),
            everything(),
            expect_file!["../expected/eventful-all.sarif"],
        ),
        (
            refused(),
            Options::default(),
            expect_file!["../expected/refused.sarif"],
        ),
        (
            hostile(),
            everything(),
            expect_file!["../expected/hostile.sarif"],
        ),
    ] {
        expected.assert_eq(&unversioned(&render(&run, Format::Sarif, &options)));
    }
}

#[test]
fn every_result_points_at_its_rule() {
    let run = tool_run(&hostile(), &everything());
    let rules = &run["tool"]["driver"]["rules"];
    for result in run["results"].as_array().expect("results") {
        let index = result["ruleIndex"].as_u64().expect("an index");
        let index = usize::try_from(index).expect("a small index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let ids = texts(rules, "/id");
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn only_a_fail_has_a_level_and_it_follows_the_severity() {
    let run = tool_run(&eventful(), &everything());
    let results = &run["results"];
    let said: Vec<(&str, &str, &str)> = texts(results, "/kind")
        .into_iter()
        .zip(texts(results, "/level"))
        .zip(texts(results, "/properties/severity"))
        .map(|((kind, level), severity)| (kind, level, severity))
        .collect();
    assert_eq!(
        said,
        [
            ("fail", "error", "critical"),
            ("fail", "error", "high"),
            ("fail", "error", "high"),
            ("fail", "error", "high"),
            ("review", "none", "medium"),
            ("fail", "warning", "medium"),
            ("fail", "note", "low"),
            ("fail", "note", "info"),
            ("pass", "none", "info"),
            ("notApplicable", "none", "info"),
        ]
    );
}

#[test]
fn github_can_place_every_result_and_tell_it_from_the_others() {
    let run = tool_run(&eventful(), &everything());
    let results = &run["results"];
    let place = "/locations/0/physicalLocation";
    for (uri, line) in texts(results, &format!("{place}/artifactLocation/uri"))
        .into_iter()
        .zip(results.as_array().expect("results"))
    {
        assert!(uri.starts_with("aws/") && uri.ends_with("/ec2"), "{uri}");
        assert_eq!(
            line.pointer(&format!("{place}/region/startLine")),
            Some(&Value::from(1))
        );
    }
    for key in ["lamplighter~1v1", "primaryLocationLineHash"] {
        let fingerprints = texts(results, &format!("/partialFingerprints/{key}"));
        assert_eq!(fingerprints.iter().collect::<BTreeSet<_>>().len(), 10);
    }
    assert_eq!(
        run["automationDetails"]["id"],
        "lamplighter/stop-untagged/123456789012/01KAN2W6Q8ZJ5V1X9C4T7M3B0D"
    );
}

#[test]
fn hostile_names_stay_names() {
    let run = tool_run(&hostile(), &everything());
    let results = &run["results"];
    for name in texts(
        results,
        "/locations/0/logicalLocations/0/fullyQualifiedName",
    ) {
        assert!(name.ends_with(HOSTILE), "a name is kept as it is: {name}");
    }
    for message in texts(results, "/message/text") {
        assert!(!message.contains("[b]("), "{message}");
        assert!(message.contains("{{0}}"), "{message}");
    }
    for uri in texts(
        results,
        "/locations/0/physicalLocation/artifactLocation/uri",
    ) {
        assert!(
            uri.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.%".contains(&byte)),
            "{uri}"
        );
        assert_eq!(uri.split('/').count(), 4, "{uri}");
    }
}

#[test]
fn a_run_that_saw_or_did_less_than_it_should_is_no_success() {
    for (run, is_successful, notifications) in [
        (quiet(), true, vec![]),
        (eventful(), false, vec!["unreadable", "error", "note"]),
        (refused(), false, vec!["limit"]),
        (failed(), false, vec!["error"]),
    ] {
        let run = tool_run(&run, &Options::default());
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], is_successful);
        assert_eq!(
            texts(&invocation["toolExecutionNotifications"], "/descriptor/id"),
            notifications
        );
    }
}

#[test]
fn a_plan_that_would_be_refused_is_warned_of() {
    let mut run = refused();
    run.outcome = RunOutcome::Ok;
    run.errors.clear();
    let run = tool_run(&run, &Options::default());
    let notification = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(notification["level"], "warning");
    let text = notification["message"]["text"].as_str().expect("a text");
    assert!(text.starts_with("Apply would be refused: "), "{text}");
}
