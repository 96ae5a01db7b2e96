//! Exceptions.

use lamplighter_local_aws::Instance;

use super::stage::{config, folder, stage, untagged};
use crate::harness::Lamplighter;
use crate::stop_untagged::stage::{MARK, Stage, at, story};

const RULE: &str = "missing-required-tags";

fn exception(rule: &str, resource: &str, expires: &str) -> String {
    format!(
        "[[exceptions]]\nrule = \"{rule}\"\nresource = \"{resource}\"\nreason = \"vendor appliance\"\n\
         owner = \"ann\"\nticket = \"OPS-1\"\nexpires = {expires}\n\n"
    )
}

/// In apply mode without a grace period: what is not protected is stopped at once.
fn ruthless(exceptions: &str, instances: impl IntoIterator<Item = Instance>) -> Stage {
    let config = format!("{exceptions}[stop-untagged]\nmode = \"apply\"\ngrace_hours = 0\n");
    stage(instances, &config)
}

#[test]
fn an_exception_protects_from_being_stopped_and_says_for_how_long_and_why() {
    let stage = ruthless(
        &exception(RULE, "arn:aws:ec2:*:*:instance/i-kept", "2026-12-31"),
        [untagged("i-kept"), untagged("i-other")],
    );
    let run = stage.round().code(0).json();
    assert_eq!(
        (stage.state("i-kept"), stage.state("i-other")),
        ("running", "stopping")
    );
    assert_eq!(
        run["skipped"][0]["reason"],
        "excepted until the end of 2026-12-31: vendor appliance (ann, OPS-1)"
    );
    assert_eq!(
        (
            run["summary"]["fail"].as_u64(),
            run["summary"]["not_applicable"].as_u64()
        ),
        (Some(1), Some(1))
    );
    let row = &run["exceptions"][0];
    assert_eq!(
        (
            row["status"].as_str(),
            row["matched"].as_u64(),
            row["expires"].as_str()
        ),
        (Some("active"), Some(1), Some("2026-12-31"))
    );
    let all = stage.lamplighter([
        "run",
        "stop-untagged",
        "--dry-run",
        "--all",
        "--format",
        "json",
    ]);
    let findings = all.json()["findings"].clone();
    let excepted = findings
        .as_array()
        .and_then(|rows| {
            rows.iter()
                .find(|row| row["evidence"]["exception"].is_object())
        })
        .expect("the excepted finding keeps its row");
    assert_eq!(excepted["evidence"]["exception"]["ticket"], "OPS-1");
}

#[test]
fn a_tag_that_only_an_exception_names_is_seen() {
    let stage = ruthless(
        &exception(RULE, "tag:appliance=yes", "2026-12-31"),
        [
            untagged("i-kept").tag("appliance", "yes"),
            untagged("i-other").tag("appliance", "no"),
        ],
    );
    stage.round().code(0);
    assert_eq!(
        (stage.state("i-kept"), stage.state("i-other")),
        ("running", "stopping")
    );
}

#[test]
fn an_expired_exception_fires_again_and_is_listed_as_is_an_unused_one() {
    let exceptions = [
        exception(RULE, "arn:*i-1", "2026-11-15"),
        exception(RULE, "arn:*i-2", "2026-11-16"),
    ];
    let stage = ruthless(&exceptions.concat(), [untagged("i-1")]);
    let ran = stage.lamplighter(["run", "stop-untagged"]).code(0);
    assert_eq!(stage.state("i-1"), "stopping");
    for part in [
        "EXPIRED EXCEPTIONS (1)",
        "expired at the end of 2026-11-15, and 1 finding is reported again",
        "UNUSED EXCEPTIONS (1)",
        "valid through 2026-11-16, nothing needs it",
    ] {
        let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(part), "{part}\n{}", ran.stdout);
    }
}

#[test]
fn an_exception_holds_until_the_last_second_of_its_day() {
    let stage = ruthless(&exception(RULE, "arn:*", "2026-11-16"), [untagged("i-1")]);
    stage.aws.set_now(at("2026-11-16T23:59:59Z"));
    stage.round().code(0);
    assert_eq!(stage.state("i-1"), "running");
    stage.aws.set_now(at("2026-11-17T00:00:00Z"));
    stage.round().code(0);
    assert_eq!(stage.state("i-1"), "stopping");
}

#[test]
fn an_exception_of_another_function_s_rule_is_not_reported_as_unused() {
    let stage = ruthless(
        &exception("certificate-expired", "arn:*", "2026-12-31"),
        [untagged("i-1")],
    );
    let run = stage.round().code(0).json();
    assert!(run["exceptions"].is_null(), "{}", run["exceptions"]);
}

#[test]
fn a_rule_that_no_function_has_is_an_error_with_the_one_that_was_meant() {
    for command in [&["check"][..], &["run", "stop-untagged", "--dry-run"]] {
        let ran = Lamplighter::new(command.iter().copied())
            .config(&exception("missing-required-tag", "arn:*", "2026-12-31"))
            .run()
            .code(2);
        for part in [
            "lamplighter.toml:2: `rule` in [[exceptions]]: no function has a rule `missing-required-tag`",
            "did you mean `missing-required-tags`?",
        ] {
            assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
        }
    }
}

#[test]
fn a_new_exception_is_a_change_and_its_end_is_news_again() {
    let folder = folder();
    let plain = config(&folder, "");
    let excepted = format!("{}{plain}", exception(RULE, "arn:*", "2026-11-18"));
    let stage = stage([untagged("i-1")], &plain);
    stage.round().code(0);
    let stage = stage.whole_config(&excepted);
    let run = stage.round().code(0).json();
    assert_eq!(run["delta"]["changed"].as_array().map(Vec::len), Some(1));
    assert_eq!(run["delta"]["resolved"].as_array().map(Vec::len), Some(0));
    stage.hours_pass(72);
    let run = stage.round().code(0).json();
    assert_eq!(run["delta"]["new"].as_array().map(Vec::len), Some(1));
    assert_eq!(run["exceptions"][0]["status"], "expired");
}

#[test]
fn an_exception_takes_the_mark_away_so_that_its_end_is_not_the_end_of_the_instance() {
    let excepted = exception(RULE, "arn:aws:ec2:*:*:instance/i-kept", "2026-11-17");
    let config = format!(
        "{excepted}[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"never\"\n\
         [stop-untagged]\nmode = \"apply\"\nmax_percent = 100\n"
    );
    let kept = untagged("i-kept").tag(MARK, "2026-11-15T10:00:00Z");
    let stage = Stage::with([kept]).whole_config(&config);
    stage.round().code(0);
    assert_eq!(stage.mark_of("i-kept"), None, "the warning is taken back");
    // The exception is over, and its owner is warned before anything is done.
    stage.hours_pass(48);
    let told = story(&stage.round().code(0).json());
    assert!(told.contains("warn-and-mark i-kept: done"), "{told}");
    assert_eq!(stage.state("i-kept"), "running");
}
