//! The life of a mark: warned and marked, left until the deadline, taken away when mended, and then the stop.

use expect_test::expect;
use lamplighter_local_aws::{Fault, FaultKind, Instance, InstanceState};

use super::stage::{ACCOUNT, MARK, REGION, Stage, at, mark, outcome, rows, story};

#[test]
fn an_instance_is_warned_and_then_marked_left_until_its_deadline_and_then_stopped() {
    let stage = Stage::with([Instance::new("i-1").tag("Name", "web")]);
    expect![[r#"
        apply ok
        warn-and-mark i-1: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
    "#]].assert_eq(&stage.told());
    assert_eq!(
        stage.mark_of("i-1").as_deref(),
        Some("2026-11-17T10:00:00Z")
    );
    let changes: Vec<String> = stage
        .changing()
        .iter()
        .map(lamplighter_local_aws::Call::name)
        .collect();
    assert_eq!(
        changes,
        ["ses:SendEmail", "ec2:CreateTags"],
        "the mail comes first"
    );

    for hours in [1, 22] {
        stage.hours_pass(hours);
        expect![[r#"
            apply ok
            skip i-1: warned, may stay until 2026-11-17 10:00 UTC
        "#]]
        .assert_eq(&stage.told());
        assert_eq!(
            stage.mark_of("i-1").as_deref(),
            Some("2026-11-17T10:00:00Z"),
            "a mark never moves"
        );
    }
    assert_eq!(stage.changing().len(), 2, "one mail and one mark in all");

    stage.hours_pass(1);
    expect![[r#"
        apply ok
        stop-instance i-1: done: lacks `cost_center`; warned, and the time was up at 2026-11-17 10:00 UTC
    "#]].assert_eq(&stage.told());
    assert_eq!(stage.state("i-1"), "stopping");
    stage.hours_pass(1);
    let quiet = stage.round().code(0).json();
    assert_eq!(
        (outcome(&quiet, "i-1"), stage.count("ec2:StopInstances")),
        (None, 1),
        "what is stopped stays stopped"
    );
}

#[test]
fn the_deadline_is_exact_to_the_second() {
    let due = at("2026-11-16T10:00:00Z");
    let early = mark(due + chrono::Duration::seconds(1));
    let stage = Stage::with([
        Instance::new("i-due").tag(MARK, &mark(due)),
        Instance::new("i-early").tag(MARK, &early),
    ]);
    let run = stage.round().code(0).json();
    assert_eq!(outcome(&run, "i-due"), Some("done"));
    assert_eq!(outcome(&run, "i-early"), None);
    assert_eq!(
        (stage.state("i-due"), stage.state("i-early")),
        ("stopping", "running")
    );
}

#[test]
fn a_mended_instance_loses_its_mark_and_a_later_violation_begins_anew() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage.round().code(0);
    stage.edit("i-1", |instance| {
        instance
            .tags
            .insert("cost_center".to_owned(), "4711".to_owned());
    });
    stage.hours_pass(30);
    expect![[r#"
        apply ok
        unmark i-1: done: carries the required tags again
    "#]]
    .assert_eq(&stage.told());
    assert_eq!(
        (stage.mark_of("i-1"), stage.state("i-1")),
        (None, "running")
    );

    stage.edit("i-1", |instance| {
        instance.tags.remove("cost_center");
    });
    expect![[r#"
        apply ok
        warn-and-mark i-1: done: lacks `cost_center`; may stay 24 h, until 2026-11-18 16:00 UTC, then it is stopped
    "#]].assert_eq(&stage.told());
    assert_eq!(
        (stage.mails_about("i-1"), stage.state("i-1")),
        (2, "running"),
        "a new violation, a new warning"
    );
}

#[test]
fn without_grace_it_stops_at_once_without_mail_or_mark() {
    let stage = Stage::with([Instance::new("i-1")]).config("grace_hours = 0");
    expect![[r#"
        apply ok
        stop-instance i-1: done: lacks `cost_center`; no grace period is configured
    "#]]
    .assert_eq(&stage.told());
    assert_eq!(
        (
            stage.mark_of("i-1"),
            stage.state("i-1"),
            stage.aws.mails().len()
        ),
        (None, "stopping", 0)
    );
}

#[test]
fn a_missed_run_catches_up() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage.round().code(0);
    stage.hours_pass(24 * 40);
    let run = stage.round().code(0).json();
    assert_eq!(outcome(&run, "i-1"), Some("done"));
    assert_eq!(stage.state("i-1"), "stopping");
}

#[test]
fn a_mark_that_is_not_as_lamplighter_writes_it_protects_and_is_reported() {
    let now = at("2026-11-16T10:00:00Z");
    let day = chrono::Duration::days(1);
    let marks = [
        ("i-empty", String::new()),
        ("i-word", "never".to_owned()),
        ("i-date", "2026-11-15".to_owned()),
        ("i-zone", "2026-11-15T12:00:00+01:00".to_owned()),
        ("i-fraction", "2026-11-15T10:00:00.5Z".to_owned()),
        ("i-blank", " 2026-11-15T10:00:00Z".to_owned()),
        // Somebody gave himself another year.
        ("i-far", mark(now + day * 365)),
        // Copied from an older instance with a template: its deadline was over before this one existed.
        ("i-copied", mark(now - day * 31)),
        // "Launch more like this" an hour ago, from an instance that was warned: its owner was not.
        ("i-launched-alike", mark(now - chrono::Duration::minutes(1))),
    ];
    let stage = Stage::with(marks.iter().map(|(id, mark)| {
        let instance = Instance::new(id).tag(MARK, mark);
        match *id {
            "i-launched-alike" => instance.attached_at(now - chrono::Duration::hours(2)),
            _ => instance,
        }
    }));
    let run = stage.round().code(0).json();
    expect![[r#"
        apply ok
        skip i-blank: protected: its mark `lamplighter:stop-after` holds ` 2026-11-15T10:00:00Z`, which is not a deadline as Lamplighter writes it
        skip i-copied: protected: its mark `lamplighter:stop-after` holds `2026-10-16T10:00:00Z`, too early for a warning since the instance exists, so it was copied or written by hand
        skip i-date: protected: its mark `lamplighter:stop-after` holds `2026-11-15`, which is not a deadline as Lamplighter writes it
        skip i-empty: protected: its mark `lamplighter:stop-after` holds ``, which is not a deadline as Lamplighter writes it
        skip i-far: protected: its mark `lamplighter:stop-after` holds `2027-11-16T10:00:00Z`, later than the grace period of 24 h allows
        skip i-fraction: protected: its mark `lamplighter:stop-after` holds `2026-11-15T10:00:00.5Z`, which is not a deadline as Lamplighter writes it
        skip i-launched-alike: protected: its mark `lamplighter:stop-after` holds `2026-11-16T09:59:00Z`, too early for a warning since the instance exists, so it was copied or written by hand
        skip i-word: protected: its mark `lamplighter:stop-after` holds `never`, which is not a deadline as Lamplighter writes it
        skip i-zone: protected: its mark `lamplighter:stop-after` holds `2026-11-15T12:00:00+01:00`, which is not a deadline as Lamplighter writes it
    "#]].assert_eq(&story(&run));
    for (id, text) in &marks {
        assert_eq!(
            (stage.state(id), stage.mark_of(id).as_ref()),
            ("running", Some(text))
        );
    }
    assert_eq!(
        rows(&run, "findings").len(),
        marks.len(),
        "each one is still a finding"
    );
    assert!(stage.changing().is_empty());

    // Without a grace nobody is warned, so a mark that was copied takes nothing from anybody.
    let none = Stage::with(
        marks
            .iter()
            .filter(|(id, _)| *id != "i-launched-alike")
            .map(|(id, mark)| Instance::new(id).tag(MARK, mark)),
    );
    let none = none.config("grace_hours = 0");
    assert_eq!(
        rows(&none.round().code(0).json(), "actions").len(),
        0,
        "they protect without a grace period too"
    );
}

#[test]
fn the_age_counts_from_the_first_attachment_not_from_the_last_start() {
    let stage = Stage::with([
        Instance::new("i-old")
            .attached_at(at("2026-11-01T00:00:00Z"))
            .launched_at(at("2026-11-16T09:59:00Z")),
        Instance::new("i-young").attached_at(at("2026-11-16T09:00:01Z")),
        Instance::new("i-hour").attached_at(at("2026-11-16T09:00:00Z")),
    ]);
    expect![[r#"
        apply ok
        warn-and-mark i-hour: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
        warn-and-mark i-old: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
        skip i-young: younger than 1 h, judged from 2026-11-16 10:00 UTC on
    "#]].assert_eq(&stage.told());
}

#[test]
fn states_that_are_no_violation_are_left_alone() {
    let stage = Stage::with([
        Instance::new("i-pending").state(InstanceState::Pending),
        Instance::new("i-stopped").state(InstanceState::Stopped),
        Instance::new("i-stopping").state(InstanceState::Stopping),
        Instance::new("i-ending").state(InstanceState::ShuttingDown),
    ])
    .config("grace_hours = 0");
    stage
        .aws
        .with(|world| world.set_settle(chrono::Duration::hours(1)));
    expect![[r#"
        apply ok
        skip i-pending: still starting
        skip i-stopped: not running
        skip i-stopping: not running
    "#]]
    .assert_eq(&stage.told());
}

#[test]
fn a_mark_whose_owner_has_stopped_the_instance_stays_until_it_runs_again() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage.round().code(0);
    stage
        .aws
        .with(|world| world.set_instance_state(ACCOUNT, REGION, "i-1", InstanceState::Stopped));
    stage.hours_pass(2);
    let run = stage.round().code(0).json();
    assert!(rows(&run, "actions").is_empty());
    assert_eq!(
        stage.mark_of("i-1").as_deref(),
        Some("2026-11-17T10:00:00Z")
    );
}

#[test]
fn a_protected_instance_is_a_veto_and_no_failure() {
    let stage = Stage::with([
        Instance::new("i-1")
            .tag(MARK, "2026-11-15T10:00:00Z")
            .stop_protected(),
        Instance::new("i-2").tag(MARK, "2026-11-15T10:00:00Z"),
    ]);
    expect![[r#"
        apply ok
        stop-instance i-1: vetoed: protected: The instance 'i-1' may not be stopped. Modify its 'disableApiStop' instance attribute and try again
        stop-instance i-2: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
    "#]].assert_eq(&stage.told());
    assert_eq!(
        (stage.state("i-1"), stage.state("i-2")),
        ("running", "stopping")
    );
}

#[test]
fn a_warning_that_was_not_delivered_marks_nothing_and_the_run_is_partial() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage
        .aws
        .inject(Fault::new("ses:SendEmail", FaultKind::Denied));
    let ran = stage.round().code(4);
    expect![[r#"
        apply partial
        warn-and-mark i-1: failed: not marked, the warning was not delivered: not allowed to call `ses:SendEmail`
    "#]].assert_eq(&story(&ran.json()));
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(
        (stage.mark_of("i-1"), stage.count("ec2:CreateTags")),
        (None, 0)
    );

    stage.aws.clear_faults();
    stage.hours_pass(40);
    stage.round().code(0);
    assert_eq!(
        stage.mark_of("i-1").as_deref(),
        Some("2026-11-19T02:00:00Z"),
        "the grace counts from the warning"
    );
}

#[test]
fn a_sender_that_is_not_verified_is_told_with_the_way_out() {
    let config = r#"
[report]
from = "stranger@elsewhere.example"
to = ["security@example.com"]
[stop-untagged]
mode = "apply"
"#;
    let stage = Stage::with([Instance::new("i-1")]).whole_config(config);
    let ran = stage.round().code(4);
    expect![[r#"
        apply partial
        warn-and-mark i-1: failed: not marked, the warning was not delivered: `ses:SendEmail` failed: MessageRejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: stranger@elsewhere.example
        error report: the report was not delivered by mail: `ses:SendEmail` failed: MessageRejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: stranger@elsewhere.example
    "#]].assert_eq(&story(&ran.json()));
    assert_eq!(stage.mark_of("i-1"), None);
    assert!(
        ran.stderr.contains("hint: verify the identity"),
        "{}",
        ran.stderr
    );
}
