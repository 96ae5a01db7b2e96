//! A run that is compared with the last one, and has exceptions to look after.

use expect_test::{Expect, expect, expect_file};
use lamplighter_core::{
    Delta, ExceptionRow, ExceptionStatus, RecordOutcome, RecordRow, Run, Verdict,
};
use lamplighter_report::{Format, Options, render, render_for_mail};
use serde_json::{Value, json};

use crate::fixture::{eventful, quiet, time};

fn exception(status: ExceptionStatus, matched: usize) -> ExceptionRow {
    ExceptionRow {
        rule: "missing-required-tags".to_owned(),
        resource: "arn:aws:ec2:*:*:instance/<i>-*".to_owned(),
        reason: "vendor `appliance`".to_owned(),
        owner: "ann@example.com".to_owned(),
        ticket: "OPS-1".to_owned(),
        expires: "2026-11-21".parse().expect("a date"),
        status,
        matched,
    }
}

/// The first problem is new, the second changed, the third was there before, and the last one is resolved.
fn compared() -> Run {
    let mut run = eventful();
    let mut problems: Vec<_> = run.problems().cloned().collect();
    let resolved = problems.pop().expect("a problem");
    run.findings
        .retain(|finding| finding.fingerprint != resolved.fingerprint);
    run.delta = Some(Delta {
        since: Some(time("2026-11-21T06:00:00Z")),
        new: vec![problems[0].fingerprint.clone()],
        changed: vec![problems[1].fingerprint.clone()],
        resolved: vec![resolved.clone()],
        unseen: vec![resolved],
    });
    run.exceptions = vec![
        exception(ExceptionStatus::Expired, 2),
        exception(ExceptionStatus::Expired, 0),
        exception(ExceptionStatus::Unused, 0),
        exception(ExceptionStatus::Active, 4),
    ];
    run
}

fn check(format: Format, expected: expect_test::ExpectFile) {
    expected.assert_eq(&render(&compared(), format, &Options::default()));
}

#[test]
fn a_compared_run_marks_what_is_new_and_lists_what_is_resolved_and_expired() {
    check(Format::Text, expect_file!["../expected/compared.txt"]);
    check(Format::Markdown, expect_file!["../expected/compared.md"]);
    check(Format::Html, expect_file!["../expected/compared.html"]);
}

#[test]
fn the_table_has_what_lists_of_a_mail_may_leave_out() {
    let table = render(&compared(), Format::Csv, &Options::default());
    let count = |kind: &str| table.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((count("resolved,"), count("exception,")), (1, 4));
}

#[test]
fn a_mail_ends_a_long_list_of_what_is_resolved() {
    let mut run = quiet();
    let resolved = compared().delta.expect("a delta").resolved.remove(0);
    run.delta = Some(Delta {
        since: Some(time("2026-11-21T06:00:00Z")),
        resolved: vec![resolved; 5_000],
        ..Delta::default()
    });
    let mail = render_for_mail(&run);
    assert!(
        mail.is_cut && mail.html.len() <= 100_000,
        "{}",
        mail.html.len()
    );
    assert!(
        mail.text.contains("more in the attached CSV"),
        "{}",
        mail.text
    );
    assert_eq!(
        mail.csv
            .lines()
            .filter(|line| line.starts_with("resolved,"))
            .count(),
        5_000
    );
}

fn check_sentence(change: impl FnOnce(&mut Delta), expected: Expect) {
    let mut run = quiet();
    let mut delta = Delta {
        since: Some(time("2026-11-21T06:00:00Z")),
        ..Delta::default()
    };
    change(&mut delta);
    run.delta = Some(delta);
    let text = render(&run, Format::Text, &Options::default());
    let sentence = text
        .lines()
        .find(|line| line.starts_with("Since") || line.starts_with("This is"));
    expected.assert_eq(sentence.unwrap_or_default());
}

#[test]
fn the_first_run_marks_nothing() {
    check_sentence(
        |delta| delta.since = None,
        expect!["This is the first recorded run: the next one tells what is new."],
    );
    let mut run = compared();
    if let Some(delta) = &mut run.delta {
        delta.since = None;
    }
    let text = render(&run, Format::Text, &Options::default());
    assert!(!text.contains("NEW") && !text.contains("CHANGED"), "{text}");
}

#[test]
fn a_run_like_the_last_one_says_so() {
    check_sentence(
        |_| {},
        expect!["Since 2026-11-21 06:00:00 UTC: nothing changed."],
    );
}

#[test]
fn without_a_state_nothing_is_said_about_the_last_run() {
    let text = render(&eventful(), Format::Text, &Options::default());
    assert!(!text.contains("Since 20"), "{text}");
}

#[test]
fn an_excepted_finding_is_suppressed_where_a_format_knows_that_and_only_with_all() {
    let mut run = eventful();
    let finding = run.findings.first_mut().expect("a finding");
    finding.verdict = Verdict::NotApplicable;
    finding.evidence.insert(
        "exception".to_owned(),
        json!({"reason": "vendor appliance", "owner": "ann", "ticket": "OPS-1", "expires": "2026-12-31"}),
    );
    let id = finding.fingerprint.clone();
    let all = Options {
        all: true,
        ..Options::default()
    };
    let accepted = "accepted until the end of 2026-12-31: vendor appliance (ann, OPS-1)";

    let sarif: Value = serde_json::from_str(&render(&run, Format::Sarif, &all)).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("a list");
    let result = results
        .iter()
        .find(|result| result["partialFingerprints"]["lamplighter/v1"] == id.as_str());
    let result = result.expect("it is listed");
    assert_eq!(result["kind"], "fail");
    assert_eq!(
        result["suppressions"],
        json!([{"kind": "external", "status": "accepted", "justification": accepted}])
    );
    let suppressed = |result: &&Value| result.get("suppressions").is_some();
    assert_eq!(results.iter().filter(suppressed).count(), 1);

    let ocsf: Value = serde_json::from_str(&render(&run, Format::Ocsf, &all)).expect("JSON");
    let events = ocsf.as_array().expect("a list");
    let event = events
        .iter()
        .find(|event| event["finding_info"]["uid"] == id.as_str())
        .expect("it is listed");
    assert_eq!(
        (
            &event["status_id"],
            &event["status"],
            &event["status_detail"]
        ),
        (&json!(3), &json!("Suppressed"), &json!(accepted))
    );

    assert!(render(&run, Format::Junit, &all).contains(accepted));
    for format in [Format::Sarif, Format::Ocsf, Format::Junit] {
        let listed = render(&run, format, &Options::default());
        assert!(!listed.contains(accepted), "an alert of GitHub's: {format}");
    }
}

#[test]
fn the_records_of_an_event_that_came_to_nothing_are_told_with_their_reason() {
    let mut run = quiet();
    let record = |id: &str, outcome, reason: Option<&str>| RecordRow {
        id: id.to_owned(),
        subject: format!("s3://photos/in/<{id}>.jpg"),
        outcome,
        reason: reason.map(str::to_owned),
        disposition: None,
        not_before: None,
    };
    run.records = vec![
        record("0", RecordOutcome::Done, None),
        record(
            "1",
            RecordOutcome::Ignored,
            Some("done already, by run 01J"),
        ),
        record("2", RecordOutcome::Quarantined, Some("it is cut off")),
    ];
    for (format, hostile) in [
        (Format::Text, "s3://photos/in/<1>.jpg"),
        (Format::Markdown, "photos/in/"),
        (Format::Html, "&lt;1&gt;.jpg"),
    ] {
        let page = render(&run, format, &Options::default());
        assert!(page.contains(hostile), "{page}");
        assert!(page.contains("done already, by run 01J"), "{page}");
        assert!(page.contains("it is cut off"), "{page}");
        assert!(
            !page.contains("<0>") && !page.contains("&lt;0&gt;"),
            "{page}"
        );
    }
    let all = Options {
        all: true,
        ..Options::default()
    };
    assert!(render(&run, Format::Text, &all).contains("<0>"));
}
