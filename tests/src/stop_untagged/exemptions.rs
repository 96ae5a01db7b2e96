//! Which tags count: required ones, allowed values, exempt ones, and AWS's own, which never do.

use expect_test::expect;
use lamplighter_local_aws::Instance;

use super::stage::{MARK, Stage, outcome, rows, story};

/// The ids that a round acts on, in order.
fn acted_on(stage: &Stage) -> Vec<String> {
    let run = stage.round().code(0).json();
    let mut ids: Vec<String> = rows(&run, "actions")
        .iter()
        .filter_map(|row| Some(row["resource"].as_str()?.rsplit('/').next()?.to_owned()))
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_required_tag_needs_a_value_that_is_not_blank() {
    let stage = Stage::with([
        Instance::new("i-absent"),
        Instance::new("i-blank").tag("cost_center", "   "),
        Instance::new("i-empty").tag("cost_center", ""),
        Instance::new("i-good").tag("cost_center", "4711"),
        Instance::new("i-other").tag("costcenter", "4711"),
    ]);
    assert_eq!(
        acted_on(&stage),
        ["i-absent", "i-blank", "i-empty", "i-other"]
    );
}

#[test]
fn tags_of_aws_never_count() {
    let stage = Stage::with([
        Instance::new("i-1").tag("aws:cloudformation:stack-name", "web"),
        Instance::new("i-2").tag("aws:cost_center", "4711"),
    ]);
    assert_eq!(acted_on(&stage), ["i-1", "i-2"]);
    let refused = Stage::with([]).config(r#"required_tags = ["aws:createdBy"]"#);
    let ran = refused.round().code(2);
    assert!(ran.stderr.contains("aws:createdBy"), "{}", ran.stderr);
}

#[test]
fn the_case_of_a_key_counts_unless_it_is_told_not_to() {
    let instances = || {
        [
            Instance::new("i-blanks").tag(" cost_center ", "4711"),
            Instance::new("i-exact").tag("cost_center", "4711"),
            Instance::new("i-one-blank")
                .tag("cost_center", " ")
                .tag("COST_CENTER", "4711"),
            Instance::new("i-upper").tag("Cost_Center", "4711"),
        ]
    };
    assert_eq!(
        acted_on(&Stage::with(instances())),
        ["i-blanks", "i-one-blank", "i-upper"]
    );
    let lenient = Stage::with(instances()).config("case_sensitive = false");
    assert_eq!(acted_on(&lenient), Vec::<String>::new());
}

#[test]
fn a_value_must_be_allowed_as_a_whole() {
    let stage = Stage::with([
        Instance::new("i-good")
            .tag("stage", "prod")
            .tag("cost_center", "4711"),
        Instance::new("i-long")
            .tag("stage", "production")
            .tag("cost_center", "4711"),
        Instance::new("i-prefix")
            .tag("stage", "preprod")
            .tag("cost_center", "4711"),
        Instance::new("i-digits")
            .tag("stage", "dev")
            .tag("cost_center", "47110"),
    ])
    .config(
        r#"required_tags = ["cost_center", "stage"]
allowed_values = { cost_center = "[0-9]{4}", stage = "dev|test|prod" }"#,
    );
    assert_eq!(acted_on(&stage), ["i-digits", "i-long", "i-prefix"]);
}

#[test]
fn an_exempt_tag_is_empty_true_a_date_or_a_time_and_nonsense_protects_and_is_reported() {
    let keep = |id: &str, until: &str| Instance::new(id).tag("lamplighter:keep-until", until);
    let stage = Stage::with([
        keep("i-a-empty", ""),
        keep("i-b-true", "TRUE"),
        keep("i-c-today", "2026-11-16"),
        keep("i-d-yesterday", "2026-11-15"),
        keep("i-e-soon", "2026-11-16T10:00:01Z"),
        keep("i-f-now", "2026-11-16T10:00:00Z"),
        keep("i-g-zone", "2026-11-16T12:30:00+02:00"),
        keep("i-h-nonsense", "next week"),
        keep("i-i-short", "26-11-20"),
        keep("i-j-false", "false"),
    ]);
    let run = stage
        .lamplighter(["run", "stop-untagged", "--format", "json", "--all"])
        .code(0)
        .json();
    expect![[r#"
        apply ok
        warn-and-mark i-d-yesterday: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
        warn-and-mark i-f-now: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
        skip i-h-nonsense: protected: its tag `lamplighter:keep-until` holds `next week`, which is neither empty, `true`, a date nor a time
        skip i-i-short: protected: its tag `lamplighter:keep-until` holds `26-11-20`, which is neither empty, `true`, a date nor a time
        skip i-j-false: protected: its tag `lamplighter:keep-until` holds `false`, which is neither empty, `true`, a date nor a time
    "#]].assert_eq(&story(&run));
    let mut verdicts: Vec<String> = rows(&run, "findings")
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["message"].as_str().unwrap_or("-"),
                row["verdict"].as_str().unwrap_or("-")
            )
        })
        .collect();
    verdicts.sort();
    expect![[r#"
        Instance `i-a-empty` is exempt by its tag `lamplighter:keep-until`. not_applicable
        Instance `i-b-true` is exempt by its tag `lamplighter:keep-until`. not_applicable
        Instance `i-c-today` is exempt by its tag `lamplighter:keep-until` until 2026-11-17 00:00 UTC. not_applicable
        Instance `i-d-yesterday` lacks the required tag `cost_center`. fail
        Instance `i-e-soon` is exempt by its tag `lamplighter:keep-until` until 2026-11-16 10:00 UTC. not_applicable
        Instance `i-f-now` lacks the required tag `cost_center`. fail
        Instance `i-g-zone` is exempt by its tag `lamplighter:keep-until` until 2026-11-16 10:30 UTC. not_applicable
        Instance `i-h-nonsense` lacks the required tag `cost_center`. fail
        Instance `i-i-short` lacks the required tag `cost_center`. fail
        Instance `i-j-false` lacks the required tag `cost_center`. fail"#]].assert_eq(&verdicts.join("\n"));
}

#[test]
fn an_exemption_that_begins_takes_the_mark_away_and_one_that_ends_begins_anew() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage.round().code(0);
    stage.edit("i-1", |instance| {
        instance
            .tags
            .insert("lamplighter:keep-until".to_owned(), "2026-11-20".to_owned());
    });
    stage.hours_pass(30);
    expect![[r#"
        apply ok
        unmark i-1: done: is exempt by its tag `lamplighter:keep-until` until 2026-11-21 00:00 UTC
    "#]]
    .assert_eq(&stage.told());
    assert_eq!(stage.mark_of("i-1"), None);
    stage.hours_pass(24 * 4);
    let run = stage.round().code(0).json();
    assert_eq!(
        (outcome(&run, "i-1"), stage.state("i-1")),
        (Some("done"), "running")
    );
    assert_eq!(
        stage.mark_of("i-1").as_deref(),
        Some("2026-11-22T16:00:00Z")
    );
}

#[test]
fn other_exempt_tags_can_be_configured_and_one_valid_tag_is_enough() {
    let stage = Stage::with([
        Instance::new("i-1")
            .tag("do-not-stop", "")
            .tag(MARK, "2026-11-15T10:00:00Z"),
        Instance::new("i-2")
            .tag("lamplighter:keep-until", "")
            .tag(MARK, "2026-11-15T10:00:00Z"),
        Instance::new("i-3")
            .tag("do-not-stop", "")
            .tag("pet", "??")
            .tag(MARK, "2026-11-15T10:00:00Z"),
    ])
    .config(r#"exempt_tags = ["pet", "do-not-stop"]"#);
    expect![[r#"
        apply ok
        unmark i-1: done: is exempt by its tag `do-not-stop`
        stop-instance i-2: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        unmark i-3: done: is exempt by its tag `do-not-stop`
    "#]].assert_eq(&stage.told());
}

#[test]
fn members_of_a_group_and_managed_instances_are_left_and_the_group_is_the_offender() {
    let stage = Stage::with([
        Instance::new("i-asg1").auto_scaling_group("web"),
        Instance::new("i-asg2")
            .auto_scaling_group("web")
            .tag(MARK, "2026-11-15T10:00:00Z"),
        Instance::new("i-eks")
            .managed_by("eks.amazonaws.com")
            .tag(MARK, "2026-11-15T10:00:00Z"),
    ]);
    let run = stage.round().code(0).json();
    expect![[r#"
        apply ok
        skip i-asg1: member of Auto Scaling group `web`
        skip i-asg2: member of Auto Scaling group `web`
        skip i-eks: managed by `eks.amazonaws.com`
    "#]]
    .assert_eq(&story(&run));
    let resources: Vec<&str> = rows(&run, "findings")
        .iter()
        .filter_map(|row| row["resource"].as_str())
        .collect();
    expect![[r#"
        arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/web
        arn:aws:ec2:eu-west-1:123456789012:instance/i-eks"#]]
    .assert_eq(&resources.join("\n"));
}
