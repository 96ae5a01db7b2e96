//! Exceptions: one case, one sentence.

use serde::{Deserialize, Serialize};

use super::*;
use crate::{Action, Severity};

const RULE: &str = "missing-required-tags";

/// Stops an instance, or, where `because` is said, takes its mark away.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stop(Resource, bool, Option<String>);

impl Action for Stop {
    fn resource(&self) -> Resource {
        self.0.clone()
    }
    fn name(&self) -> &'static str {
        "stop-instance"
    }
    fn reason(&self) -> String {
        "lacks tags".to_owned()
    }
    fn precondition(&self) -> Value {
        Value::Null
    }
    fn undo(&self) -> Option<String> {
        None
    }
    fn pardon(&self, because: &str) -> Option<Self> {
        self.1
            .then(|| Self(self.0.clone(), true, Some(because.to_owned())))
    }
    fn limited_verb(&self) -> Option<&'static str> {
        Some("stops")
    }
}

fn resource(id: &str) -> Resource {
    Resource {
        arn: format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}"),
        account: "111122223333".to_owned(),
        region: Some("eu-west-1".to_owned()),
    }
}

fn exception(pattern: &str, expires: &str) -> Exception {
    Exception {
        rule: RULE.to_owned(),
        resource: pattern.to_owned(),
        reason: "migration".to_owned(),
        owner: "ann".to_owned(),
        ticket: "OPS-1".to_owned(),
        expires: expires.parse().expect("a date"),
    }
}

/// A failing instance with a tag, and the stop it earned.
fn plan(ids: &[&str]) -> Plan<Stop> {
    let mut plan = Plan::default();
    for id in ids {
        let about = resource(id);
        plan.find(
            Finding::new(RULE, Severity::Medium, Verdict::Fail, &about, "lacks tags")
                .evidence("tags", json!({ "team": "data" })),
        );
        plan.act(Stop(about, id.contains("marked"), None));
    }
    plan
}

/// What became of the plan and of the exceptions, at noon of the 22nd of November.
fn check(plan: &mut Plan<Stop>, exceptions: &[Exception], coverage: &[Coverage]) -> String {
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    check_at(plan, exceptions, coverage, now)
}

fn check_at(
    plan: &mut Plan<Stop>,
    exceptions: &[Exception],
    coverage: &[Coverage],
    now: DateTime<Utc>,
) -> String {
    let rows = except(plan, exceptions, coverage, now);
    let mut text = String::new();
    for finding in &plan.findings {
        let accepted = match finding.evidence.get("exception") {
            Some(exception) => format!(" {exception}"),
            None => String::new(),
        };
        let name = finding.about();
        text.push_str(&format!(
            "{} {}{accepted}\n",
            finding.verdict.as_str(),
            name.name()
        ));
    }
    for action in &plan.actions {
        let verb = if action.2.is_some() { "unmark" } else { "stop" };
        text.push_str(&format!("{verb} {}\n", action.0.name()));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for row in rows {
        text.push_str(&format!("{} {}\n", row.status.as_str(), row.matched));
    }
    text
}

#[test]
fn the_mark_of_an_excepted_resource_is_taken_away_so_that_its_owner_is_warned_again() {
    let told = check(
        &mut plan(&["i-marked"]),
        &[exception("*", "2026-12-31")],
        &[],
    );
    assert!(told.contains("\nunmark i-marked\n"), "{told}");
    assert!(!told.contains("stop i-marked"), "{told}");
}

#[test]
fn an_excepted_finding_keeps_its_row_and_its_resource_is_left_alone() {
    let pattern = "arn:aws:ec2:*:111122223333:instance/i-?";
    let told = check(
        &mut plan(&["i-1", "i-22"]),
        &[exception(pattern, "2026-12-31")],
        &[],
    );
    assert_eq!(
        told,
        "not_applicable i-1 {\"expires\":\"2026-12-31\",\"owner\":\"ann\",\"reason\":\"migration\",\"ticket\":\"OPS-1\"}\n\
         fail i-22\n\
         stop i-22\n\
         skip i-1: excepted until the end of 2026-12-31: migration (ann, OPS-1)\n\
         active 1\n"
    );
}

#[test]
fn an_exception_holds_through_the_end_of_its_day_in_utc() {
    let until_today = [exception("arn:*", "2026-11-22")];
    let last = "2026-11-22T23:59:59Z".parse().expect("a time");
    let told = check_at(&mut plan(&["i-1"]), &until_today, &[], last);
    assert!(told.ends_with("active 1\n"), "{told}");
    let midnight = "2026-11-23T00:00:00Z".parse().expect("a time");
    let told = check_at(&mut plan(&["i-1"]), &until_today, &[], midnight);
    assert_eq!(told, "fail i-1\nstop i-1\nexpired 1\n");
}

#[test]
fn an_expired_exception_is_listed_even_where_nothing_needs_it() {
    let expired = [exception("arn:*", "2026-11-21")];
    assert_eq!(check(&mut plan(&[]), &expired, &[]), "expired 0\n");
}

#[test]
fn a_valid_exception_covers_what_an_expired_one_no_longer_does() {
    let both = [
        exception("arn:*", "2026-11-21"),
        exception("tag:team=data", "2026-11-30"),
    ];
    let told = check(&mut plan(&["i-1"]), &both, &[]);
    assert!(
        told.starts_with("not_applicable") && told.ends_with("expired 1\nactive 1\n"),
        "{told}"
    );
}

#[test]
fn tags_match_to_the_letter() {
    for (pattern, is_matched) in [
        ("tag:team=data", true),
        ("tag:team=dat", false),
        ("tag:Team=data", false),
        ("tag:team=*", false),
        ("tag:stage=data", false),
    ] {
        let told = check(
            &mut plan(&["i-1"]),
            &[exception(pattern, "2026-12-31")],
            &[],
        );
        assert_eq!(
            told.starts_with("not_applicable"),
            is_matched,
            "{pattern}: {told}"
        );
    }
}

#[test]
fn an_exception_of_another_rule_changes_nothing() {
    let other = Exception {
        rule: "key-older-than".to_owned(),
        ..exception("arn:*", "2026-12-31")
    };
    assert_eq!(
        check(&mut plan(&["i-1"]), &[other], &[]),
        "fail i-1\nstop i-1\nunused 0\n"
    );
}

#[test]
fn an_exception_is_unused_only_where_everything_could_be_read() {
    let unneeded = [exception("arn:*", "2026-12-31")];
    let read = [Coverage::read("111122223333/eu-west-1", 0)];
    assert_eq!(check(&mut plan(&[]), &unneeded, &read), "unused 0\n");
    let half = [
        read[0].clone(),
        Coverage::unreadable("111122223333/eu-west-2", "denied"),
    ];
    assert_eq!(check(&mut plan(&[]), &unneeded, &half), "active 0\n");
}

#[test]
fn what_passes_needs_no_exception() {
    let mut passing = plan(&["i-1"]);
    passing.findings[0].verdict = Verdict::Pass;
    passing.actions.clear();
    let told = check(&mut passing, &[exception("arn:*", "2026-12-31")], &[]);
    assert_eq!(told, "pass i-1\nunused 0\n");
}

#[test]
fn a_protected_resource_has_one_reason() {
    let mut warned = plan(&["i-1"]);
    warned.actions.clear();
    warned.skip(&resource("i-1"), "warned, may stay until tomorrow");
    let told = check(&mut warned, &[exception("arn:*", "2026-12-31")], &[]);
    assert_eq!(told.matches("skip i-1").count(), 1, "{told}");
    assert!(
        told.contains("skip i-1: excepted until the end of 2026-12-31"),
        "{told}"
    );
}

#[test]
fn patterns_are_of_the_whole_arn() {
    for (pattern, text, expected) in [
        ("arn:*", "arn:aws:s3:::b", true),
        ("arn:aws:s3:::b", "arn:aws:s3:::bb", false),
        ("arn:aws:s3:::?", "arn:aws:s3:::b", true),
        ("arn:aws:s3:::?", "arn:aws:s3:::", false),
        ("*a*b*c", "xaxxbxbc", true),
        ("*a*b*c", "xaxxbxb", false),
        ("a**", "a", true),
        ("", "", true),
        ("[a-z]", "a", false),
    ] {
        assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
    }
}
