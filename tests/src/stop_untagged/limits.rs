//! The limits: checked per account before the first change, over what would be ended after all skips.

use expect_test::expect;
use lamplighter_local_aws::{Instance, World};

use super::stage::{ACCOUNT, MARK, REGION, Stage, rows, story, world};

const DUE: &str = "2026-11-15T10:00:00Z";

/// `due` instances whose time is up among `all` running ones.
fn fleet(due: usize, all: usize) -> World {
    (0..all).fold(world(), |world, number| {
        let instance = Instance::new(&format!("i-{number:03}"));
        let instance = if number < due {
            instance.tag(MARK, DUE)
        } else {
            instance.tag("cost_center", "4711")
        };
        world.instance(ACCOUNT, REGION, instance)
    })
}

/// Applies with `config`: whether it was refused. A refusal must change nothing, end with 1, and name the way out.
#[track_caller]
fn is_refused(due: usize, all: usize, config: &str) -> bool {
    let stage = Stage::of(fleet(due, all)).config(config);
    let ran = stage.round();
    let run = ran.json();
    let refused = run["outcome"] == "refused";
    if refused {
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(
            stage.changing().is_empty(),
            "a refused run has changed something"
        );
        assert!(
            ran.stderr.contains("nothing was changed") && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
        assert!(
            rows(&run, "actions")
                .iter()
                .all(|row| row["outcome"] == "planned"),
            "{run}"
        );
    } else {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(run["summary"]["done"], due, "{}", story(&run));
    }
    refused
}

#[test]
fn the_number_of_actions_is_limited_and_zero_means_zero() {
    assert!(!is_refused(5, 100, "max_actions = 5"), "exactly the limit");
    assert!(is_refused(6, 100, "max_actions = 5"));
    assert!(is_refused(1, 100, "max_actions = 0"));
    assert!(
        !is_refused(0, 100, "max_actions = 0"),
        "nothing to act on is never refused"
    );
    assert!(is_refused(21, 100, ""), "the default is 20");
    assert!(!is_refused(20, 100, ""));
}

#[test]
fn the_share_is_limited_only_for_more_than_three() {
    assert!(!is_refused(3, 3, ""), "three of three");
    assert!(is_refused(4, 10, ""), "40 % of the default's 30 %");
    assert!(!is_refused(6, 20, ""), "exactly 30 %");
    assert!(is_refused(7, 20, ""));
    assert!(!is_refused(3, 10, "max_percent = 0"));
    assert!(is_refused(4, 100, "max_percent = 0"), "zero means zero");
}

#[test]
fn too_few_instances_in_view_are_a_fault_of_the_look_up() {
    assert!(is_refused(1, 9, "min_population = 10"));
    assert!(!is_refused(1, 10, "min_population = 10"));
    assert!(!is_refused(0, 0, "min_population = 10"));
}

#[test]
fn a_refusal_says_what_was_refused_and_by_which_limit() {
    let stage = Stage::of(fleet(4, 10));
    let ran = stage.round().code(1);
    expect![[r#"
        apply refused
        would refuse: the plan stops 4 of 10 running instances in account 123456789012 (40%), the limit is 30% (`max_percent`)
        stop-instance i-000: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-001: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-002: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-003: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        error limits: the plan stops 4 of 10 running instances in account 123456789012 (40%), the limit is 30% (`max_percent`); nothing was changed
    "#]].assert_eq(&story(&ran.json()));
    let hints: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("hint: "))
        .collect();
    expect!["hint: read it with `lamplighter run stop-untagged --dry-run`; raise the limit it names in [stop-untagged] if the plan is right"].assert_eq(&hints.join("\n"));
}

#[test]
fn a_dry_run_and_a_plan_are_never_refused_and_say_why_apply_would_be() {
    let stage = Stage::of(fleet(4, 10));
    let told = stage.foretold();
    expect![[r#"
        dry-run ok
        would refuse: the plan stops 4 of 10 running instances in account 123456789012 (40%), the limit is 30% (`max_percent`)
        stop-instance i-000: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-001: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-002: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-003: planned: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
    "#]].assert_eq(&told);
    let planned = stage
        .config("")
        .whole_config("[stop-untagged]\nmode = \"plan\"\n");
    let run = planned.round().code(0).json();
    assert_eq!(
        (&run["mode"], &run["outcome"]),
        (&"plan".into(), &"ok".into())
    );
    assert!(
        run["would_refuse"]
            .as_str()
            .is_some_and(|why| why.contains("max_percent"))
    );
    assert!(planned.changing().is_empty());
}

#[test]
fn marks_and_warnings_do_not_count() {
    let world = (0..40).fold(world(), |world, number| {
        world.instance(ACCOUNT, REGION, Instance::new(&format!("i-{number:03}")))
    });
    let stage = Stage::of(world).config("max_actions = 0\nmax_percent = 0");
    let run = stage.round().code(0).json();
    assert_eq!(run["summary"]["done"], 40);
}

#[test]
fn what_is_skipped_does_not_count() {
    let world = (0..10).fold(fleet(3, 10), |world, number| {
        world.instance(
            ACCOUNT,
            REGION,
            Instance::new(&format!("i-1{number:03}"))
                .tag(MARK, DUE)
                .spot_one_time(),
        )
    });
    let stage = Stage::of(world).config("max_actions = 3");
    assert_eq!(stage.round().code(0).json()["summary"]["done"], 3);
}

#[test]
fn a_refused_run_neither_warns_nor_unmarks() {
    let world = fleet(4, 10)
        .instance(ACCOUNT, REGION, Instance::new("i-new"))
        .instance(
            ACCOUNT,
            REGION,
            Instance::new("i-mended")
                .tag("cost_center", "1")
                .tag(MARK, DUE),
        );
    let stage = Stage::of(world);
    stage.round().code(1);
    assert!(
        stage.changing().is_empty(),
        "nothing was changed means nothing"
    );
}

/// Ten tagged instances are recorded; then five lose their tags, three of them past their deadline.
fn jump(stage: &Stage) {
    stage.round().code(0);
    for number in 0..5 {
        stage.edit(&format!("i-{number:03}"), |instance| {
            instance.tags.remove("cost_center");
            if number < 3 {
                instance.tags.insert(MARK.to_owned(), DUE.to_owned());
            }
        });
    }
}

#[test]
fn a_sudden_jump_of_the_untagged_share_is_refused_with_a_state_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = format!("\n[state]\nurl = \"file://{}\"", folder.path().display());
    let stage = Stage::of(fleet(0, 10)).config(&state);
    jump(&stage);
    let before = stage.changing().len();
    let run = stage.round().code(1).json();
    expect!["the offending share of running instances in account 123456789012 jumped from 0% to 50% since the last recorded run, the limit is 20 points (`max_untagged_jump_percent`)"].assert_eq(run["would_refuse"].as_str().unwrap_or("-"));
    assert_eq!(stage.changing().len(), before);
    // A refusal is no new yardstick: the next run is refused as well.
    stage.round().code(1);
    let latest = folder.path().join("runs/stop-untagged/latest.json");
    let recorded: serde_json::Value =
        serde_json::from_slice(&std::fs::read(latest).expect("the run is recorded")).expect("JSON");
    assert_eq!(
        (&recorded["outcome"], &recorded["measures"][0]["value"]),
        (&"refused".into(), &0.0.into())
    );
}

#[test]
fn a_sudden_jump_is_refused_with_a_state_in_s3() {
    let world = fleet(0, 10).bucket(ACCOUNT, REGION, "acme-state");
    let stage = Stage::of(world).config("\n[state]\nurl = \"s3://acme-state/lamp\"");
    jump(&stage);
    let run = stage.round().code(1).json();
    assert!(
        run["would_refuse"]
            .as_str()
            .is_some_and(|why| why.contains("from 0% to 50%")),
        "{run}"
    );
    assert_eq!(stage.count("ec2:StopInstances"), 0);
    let keys: Vec<String> = stage.aws.with(|world| {
        world
            .keys("acme-state")
            .into_iter()
            .map(str::to_owned)
            .collect()
    });
    assert_eq!(keys.len(), 3, "two runs and the latest: {keys:?}");
    assert!(
        keys.iter()
            .all(|key| key.starts_with("lamp/runs/stop-untagged/")),
        "{keys:?}"
    );
}

#[test]
fn a_share_that_grows_within_the_limit_or_shrinks_is_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = format!(
        "max_untagged_jump_percent = 50\n[state]\nurl = \"file://{}\"",
        folder.path().display()
    );
    let stage = Stage::of(fleet(0, 10)).config(&state);
    jump(&stage);
    let run = stage.round().code(0).json();
    assert_eq!(
        run["summary"]["done"],
        5,
        "three stops and two warnings: {}",
        story(&run)
    );
}

#[test]
fn without_a_state_the_report_says_that_the_jump_limit_is_off() {
    let stage = Stage::of(fleet(0, 1));
    let run = stage.round().code(0).json();
    assert!(
        run["notes"][0]
            .as_str()
            .is_some_and(|note| note.contains("max_untagged_jump_percent") && note.contains("off")),
        "{run}"
    );
}
