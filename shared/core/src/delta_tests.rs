//! Comparisons: one case, one sentence.

use super::*;
use crate::finding::{Resource, Severity};
use crate::run::{Account, Mode, RunOutcome, Summary, Trigger};

fn run(findings: &[Finding], coverage: &[Coverage]) -> Run {
    let started_at = "2026-11-22T06:00:00Z".parse().expect("a time");
    Run {
        schema: crate::SCHEMA.into(),
        run_id: "01KAN2W6Q8ZJ5V1X9C4T7M3B0D".to_owned(),
        function: "stop-untagged".into(),
        mode: Mode::Plan,
        trigger: Trigger::Schedule,
        slot: None,
        started_at,
        finished_at: started_at,
        account: Account::default(),
        outcome: RunOutcome::Ok,
        would_refuse: None,
        summary: Summary::default(),
        coverage: coverage.to_vec(),
        findings: findings.to_vec(),
        actions: vec![],
        skipped: vec![],
        errors: vec![],
        notes: vec![],
        measures: vec![],
        deliveries: vec![],
        metadata: serde_json::Map::new(),
        records: vec![],
        exceptions: vec![],
        delta: None,
        part: None,
        tally: Default::default(),
        digested_on: None,
    }
}

fn finding(id: &str) -> Finding {
    in_region(id, "eu-west-1")
}

fn in_region(id: &str, region: &str) -> Finding {
    let resource = Resource {
        arn: format!("arn:aws:ec2:{region}:111122223333:instance/{id}"),
        account: "111122223333".to_owned(),
        region: Some(region.to_owned()),
    };
    Finding::new(
        "r",
        Severity::Medium,
        Verdict::Fail,
        &resource,
        "lacks tags",
    )
}

fn user(name: &str) -> Finding {
    let resource = Resource {
        arn: format!("arn:aws:iam::111122223333:user/{name}"),
        account: "111122223333".to_owned(),
        region: None,
    };
    Finding::new("r", Severity::Medium, Verdict::Fail, &resource, "lacks MFA")
}

fn read(scope: &str) -> Coverage {
    Coverage::read(format!("111122223333/{scope}"), 1)
}

fn unreadable(scope: &str) -> Coverage {
    Coverage::unreadable(format!("111122223333/{scope}"), "denied")
}

/// The names of the resources under each heading.
fn told(delta: &Delta, findings: &[Finding]) -> String {
    let named = |finding: &Finding| finding.about().name().to_owned();
    let by_fingerprint = |fingerprints: &[String]| -> Vec<String> {
        let of = |fingerprint: &String| {
            let found = findings
                .iter()
                .find(|finding| finding.fingerprint == *fingerprint);
            named(found.expect("a fingerprint of this run"))
        };
        fingerprints.iter().map(of).collect()
    };
    format!(
        "new {:?} changed {:?} resolved {:?} unseen {:?}",
        by_fingerprint(&delta.new),
        by_fingerprint(&delta.changed),
        delta.resolved.iter().map(named).collect::<Vec<_>>(),
        delta.unseen.iter().map(named).collect::<Vec<_>>(),
    )
}

fn check(last: Option<&Run>, now: &Run, expected: &str) -> Delta {
    let delta = Delta::between(last, now);
    assert_eq!(told(&delta, &now.findings), expected);
    delta
}

#[test]
fn in_the_first_run_everything_is_new() {
    let now = run(&[finding("i-1")], &[read("eu-west-1")]);
    let delta = check(
        None,
        &now,
        r#"new ["i-1"] changed [] resolved [] unseen []"#,
    );
    assert_eq!(delta.since, None);
}

#[test]
fn what_stays_is_neither_new_nor_changed() {
    let last = run(&[finding("i-1")], &[read("eu-west-1")]);
    let delta = check(
        Some(&last),
        &last,
        "new [] changed [] resolved [] unseen []",
    );
    assert_eq!(delta.since, Some(last.started_at));
    assert!(!delta.is_news());
}

#[test]
fn another_severity_verdict_or_message_is_a_change() {
    let last = run(&[finding("i-1")], &[read("eu-west-1")]);
    for now in [
        Finding {
            severity: Severity::High,
            ..finding("i-1")
        },
        Finding {
            verdict: Verdict::Unknown,
            ..finding("i-1")
        },
        Finding {
            message: "lacks more tags".to_owned(),
            ..finding("i-1")
        },
    ] {
        let now = run(&[now], &[read("eu-west-1")]);
        check(
            Some(&last),
            &now,
            r#"new [] changed ["i-1"] resolved [] unseen []"#,
        );
    }
}

#[test]
fn growing_older_is_no_change() {
    let aged = |age: &str| {
        run(
            &[Finding {
                message: format!("The key is {age} old, the limit is 90 days."),
                ..finding("k")
            }],
            &[read("eu-west-1")],
        )
    };
    let last = aged("91 days");
    check(
        Some(&last),
        &aged("1,092 days"),
        "new [] changed [] resolved [] unseen []",
    );
    let limit = run(
        &[Finding {
            message: "The key is 92 days old, the limit is 3 keys.".to_owned(),
            ..finding("k")
        }],
        &[read("eu-west-1")],
    );
    check(
        Some(&last),
        &limit,
        r#"new [] changed ["k"] resolved [] unseen []"#,
    );
}

#[test]
fn what_is_gone_or_passes_is_resolved() {
    let last = run(&[finding("i-1"), finding("i-2")], &[read("eu-west-1")]);
    let passing = Finding {
        verdict: Verdict::Pass,
        ..finding("i-2")
    };
    let now = run(&[passing], &[read("eu-west-1")]);
    let delta = Delta::between(Some(&last), &now);
    let mut resolved: Vec<_> = delta
        .resolved
        .iter()
        .map(|finding| finding.about().name().to_owned())
        .collect();
    resolved.sort();
    assert_eq!(resolved, ["i-1", "i-2"]);
    assert!(delta.new.is_empty() && delta.changed.is_empty() && delta.unseen.is_empty());
}

#[test]
fn what_is_accepted_since_is_changed_and_not_resolved() {
    let last = run(&[finding("i-1")], &[read("eu-west-1")]);
    let excepted = Finding {
        verdict: Verdict::NotApplicable,
        ..finding("i-1")
    }
    .evidence("exception", "x");
    let now = run(&[excepted], &[read("eu-west-1")]);
    check(
        Some(&last),
        &now,
        r#"new [] changed ["i-1"] resolved [] unseen []"#,
    );
}

#[test]
fn a_region_that_cannot_be_read_resolves_nothing_and_its_findings_come_back_as_known() {
    let first = run(&[finding("i-1"), finding("i-2")], &[read("eu-west-1")]);
    let mut blind = run(&[], &[unreadable("eu-west-1")]);
    let delta = Delta::between(Some(&first), &blind);
    assert!(delta.resolved.is_empty() && !delta.is_news());
    assert_eq!(delta.unseen.len(), 2);
    blind.delta = Some(delta);

    // Still blind: they are carried on.
    let mut blind_again = run(&[], &[unreadable("eu-west-1")]);
    blind_again.delta = Some(Delta::between(Some(&blind), &blind_again));

    let back = run(&[finding("i-1")], &[read("eu-west-1")]);
    check(
        Some(&blind_again),
        &back,
        r#"new [] changed [] resolved ["i-2"] unseen []"#,
    );
}

#[test]
fn another_region_s_failure_does_not_hide_what_is_resolved_here() {
    let last = run(
        &[finding("i-1"), in_region("i-2", "us-east-1")],
        &[read("eu-west-1"), read("us-east-1")],
    );
    let now = run(&[], &[read("eu-west-1"), unreadable("us-east-1")]);
    check(
        Some(&last),
        &now,
        r#"new [] changed [] resolved ["i-1"] unseen ["i-2"]"#,
    );
}

#[test]
fn a_region_that_is_no_longer_looked_at_resolves_nothing() {
    let last = run(&[finding("i-1")], &[read("eu-west-1")]);
    let now = run(&[], &[read("us-east-1")]);
    check(
        Some(&last),
        &now,
        r#"new [] changed [] resolved [] unseen ["i-1"]"#,
    );
}

#[test]
fn a_global_resource_belongs_to_the_scope_of_its_service() {
    let last = run(&[user("ann")], &[read("iam")]);
    check(
        Some(&last),
        &run(&[], &[read("iam")]),
        r#"new [] changed [] resolved ["ann"] unseen []"#,
    );
    check(
        Some(&last),
        &run(&[], &[unreadable("iam"), read("eu-west-1")]),
        r#"new [] changed [] resolved [] unseen ["ann"]"#,
    );
    check(
        Some(&last),
        &run(&[], &[read("users")]),
        r#"new [] changed [] resolved ["ann"] unseen []"#,
    );
    check(
        Some(&last),
        &run(&[], &[]),
        r#"new [] changed [] resolved [] unseen ["ann"]"#,
    );
}
