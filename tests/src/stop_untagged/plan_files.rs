//! Plan files: what was reviewed is what is done, where everything still is as it was.

use std::path::{Path, PathBuf};

use expect_test::expect;
use lamplighter_local_aws::{Instance, InstanceState, LocalAws, World};
use serde_json::{Value, json};

use super::stage::{ACCOUNT, MARK, REGION, Stage, at, outcome, rows, story, world};
use crate::harness::Ran;

const DUE: &str = "2026-11-15T10:00:00Z";

/// A stage with something to do of every kind, and the plan of it.
struct Planned {
    stage: Stage,
    folder: tempfile::TempDir,
}

impl Planned {
    fn new() -> Self {
        Self::of(
            Stage::with([
                Instance::new("i-due").tag(MARK, DUE),
                Instance::new("i-mended").tag(MARK, DUE).tag("cost_center", "1"),
                Instance::new("i-new"),
            ])
            // Applying a plan file ignores the mode.
            .config("").whole_config("[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"never\"\n[stop-untagged]\nmode = \"plan\"\n"),
        )
    }

    fn of(stage: Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let planned = Self { stage, folder };
        let out = planned.file();
        let ran = planned
            .stage
            .program(["plan", "stop-untagged", "--out"])
            .arg(&out)
            .run()
            .code(0);
        assert!(
            ran.stderr.contains("apply it within 24 hours"),
            "{}",
            ran.stderr
        );
        assert!(
            planned.stage.changing().is_empty(),
            "planning changes nothing"
        );
        planned
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("plan.json")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).expect("the plan is there")
    }

    fn apply(&self, more: &[&str]) -> Ran {
        apply(&self.stage, &self.file(), more)
    }

    /// Applies, and must be refused with nothing changed.
    #[track_caller]
    fn refused(&self) -> String {
        let ran = self.apply(&[]).code(1);
        assert!(
            self.stage.changing().is_empty(),
            "a refused plan has changed something"
        );
        assert_eq!(ran.stdout, "", "there is no run to report");
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
        ran.stderr.replace(
            self.file().to_str().expect("a path of letters"),
            "plan.json",
        )
    }
}

fn apply(stage: &Stage, file: &Path, more: &[&str]) -> Ran {
    stage
        .program(["apply", "--format", "json"])
        .arg(file)
        .args(more.iter().copied())
        .run()
}

#[test]
fn a_plan_is_applied_as_it_was_reviewed_even_though_the_section_only_plans() {
    let planned = Planned::new();
    // An instance that is not in the file is none of its business.
    planned
        .stage
        .aws
        .with(|world| world.add_instance(ACCOUNT, REGION, Instance::new("i-later").tag(MARK, DUE)));
    let run = planned.apply(&[]).code(0).json();
    expect![[r#"
        apply ok
        stop-instance i-due: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        unmark i-mended: done: carries the required tags again
        warn-and-mark i-new: done: lacks `cost_center`; may stay 24 h, until 2026-11-17 10:00 UTC, then it is stopped
    "#]].assert_eq(&story(&run));
    assert_eq!(
        (&run["schema"], &run["mode"]),
        (&"lamplighter/run/v1".into(), &"apply".into())
    );
    let stage = &planned.stage;
    assert_eq!(
        (
            stage.state("i-due"),
            stage.mark_of("i-mended"),
            stage.state("i-later")
        ),
        ("stopping", None, "running")
    );
    assert_eq!(
        stage.mark_of("i-new").as_deref(),
        Some("2026-11-17T10:00:00Z")
    );
    assert_eq!(stage.mails_about("i-new"), 1);
}

#[test]
fn applying_twice_does_nothing_twice() {
    let planned = Planned::new();
    planned.apply(&[]).code(0);
    let (changes, mails) = (
        planned.stage.changing().len(),
        planned.stage.aws.mails().len(),
    );
    let run = planned.apply(&[]).code(0).json();
    expect![[r#"
        apply ok
        stop-instance i-due: vetoed: it is stopping now
        unmark i-mended: vetoed: its tag `lamplighter:stop-after` was taken away since it was planned
        warn-and-mark i-new: vetoed: its tag `lamplighter:stop-after` was added since it was planned
    "#]].assert_eq(&story(&run));
    assert_eq!(
        (
            planned.stage.changing().len(),
            planned.stage.aws.mails().len()
        ),
        (changes, mails)
    );
}

#[test]
fn a_dry_run_of_a_plan_shows_it_and_changes_nothing() {
    let planned = Planned::new();
    let run = planned.apply(&["--dry-run"]).code(0).json();
    assert_eq!(
        (&run["mode"], outcome(&run, "i-due")),
        (&"dry-run".into(), Some("planned"))
    );
    assert!(planned.stage.changing().is_empty() && planned.stage.aws.mails().is_empty());
}

#[test]
fn what_was_excepted_after_the_plan_was_made_is_left_alone() {
    let mut planned = Planned::new();
    let excepted = "[[exceptions]]\nrule = \"missing-required-tags\"\nresource = \"arn:aws:ec2:*:*:instance/i-due\"\n\
                    reason = \"migration\"\nowner = \"ann\"\nticket = \"OPS-1\"\nexpires = 2026-12-31\n";
    planned.stage = planned.stage.config(excepted);
    for (flags, other) in [(&["--dry-run"][..], "planned"), (&[], "done")] {
        let run = planned.apply(flags).code(0).json();
        assert_eq!(outcome(&run, "i-due"), Some("vetoed"), "{flags:?}");
        assert_eq!(outcome(&run, "i-new"), Some(other), "{flags:?}");
        assert!(story(&run).contains(
            "i-due: vetoed: excepted until the end of 2026-12-31: migration (ann, OPS-1)"
        ));
    }
    assert_eq!(planned.stage.state("i-due"), "running");
}

#[test]
fn the_grace_of_a_late_plan_counts_from_the_warning() {
    let planned = Planned::new();
    planned.stage.hours_pass(23);
    planned.apply(&[]).code(0);
    assert_eq!(
        planned.stage.mark_of("i-new").as_deref(),
        Some("2026-11-18T09:00:00Z")
    );
}

#[test]
fn a_plan_expires_after_a_day_to_the_second() {
    let planned = Planned::new();
    planned.stage.aws.set_now(at("2026-11-17T10:00:00Z"));
    expect![[r#"
        error: stop-untagged: the plan `plan.json` expired at 2026-11-17 10:00:00 UTC; nothing was changed
        hint: make it again with `lamplighter plan`
    "#]].assert_eq(&planned.refused());
    planned.stage.aws.set_now(at("2026-11-17T09:59:59Z"));
    planned.apply(&[]).code(0);
}

#[test]
fn one_edited_byte_anywhere_is_refused() {
    let planned = Planned::new();
    let text = planned.text();
    let edits = [
        text.replacen("i-due", "i-duf", 1),
        text.replacen("\"stop\"", "\"terminate\"", 1),
        text.replacen("2026-11-17T10:00:00Z", "2026-11-19T10:00:00Z", 1),
        text.replacen("\"would_refuse\": null", "\"would_refuse\": \"\"", 1),
        text.replacen(ACCOUNT, "123456789013", 1),
        text.replacen("\"planned\"", "\"Planned\"", 1),
        text.replacen("{", "{\"extra\": 1,", 1),
    ];
    for edit in edits {
        assert_ne!(edit, text, "the edit changes something");
        std::fs::write(planned.file(), &edit).expect("written");
        assert!(
            planned.refused().contains("was edited after it was made"),
            "{edit}"
        );
    }
    expect![[r#"
        error: the plan `plan.json` was edited after it was made: its sha256 does not match
        hint: make it again with `lamplighter plan`; nothing was changed
    "#]]
    .assert_eq(&planned.refused());
    // White space and the order of keys are no edit: the seal is over the canonical form.
    let value: Value = serde_json::from_str(&text).expect("JSON");
    std::fs::write(planned.file(), value.to_string()).expect("written");
    planned.apply(&["--dry-run"]).code(0);
}

#[test]
fn what_is_no_plan_is_refused() {
    let planned = Planned::new();
    let mut other: Value = serde_json::from_str(&planned.text()).expect("JSON");
    other["schema"] = json!("lamplighter/plan/v2");
    let mut unsealed = other.clone();
    unsealed["schema"] = json!("lamplighter/plan/v1");
    unsealed
        .as_object_mut()
        .expect("an object")
        .remove("sha256");
    for (text, word) in [
        (other.to_string(), "schema"),
        (unsealed.to_string(), "sha256"),
        (planned.text().replacen("{", "", 1), "not a JSON object"),
        ("[]".to_owned(), "not a JSON object"),
        (String::new(), "not a JSON object"),
    ] {
        std::fs::write(planned.file(), text).expect("written");
        let said = planned.refused();
        assert!(said.contains(word), "{said}");
    }
    let ran = planned
        .stage
        .program(["apply", "nowhere.json"])
        .run()
        .code(2);
    assert!(ran.stderr.contains("nowhere.json"), "{}", ran.stderr);
}

#[test]
fn a_plan_of_another_account_is_refused() {
    let planned = Planned::new();
    let other = World::new("210987654321", at("2026-11-16T10:00:00Z"))
        .verified_identity("ops@example.com")
        .instance(
            "210987654321",
            REGION,
            Instance::new("i-due").tag(MARK, DUE),
        );
    let other = Stage::of(other);
    let ran = apply(&other, &planned.file(), &[]).code(1);
    assert!(
        ran.stderr.contains("made in account 123456789012") && ran.stderr.contains("210987654321"),
        "{}",
        ran.stderr
    );
    assert!(other.changing().is_empty());
}

#[test]
fn the_file_says_what_apply_needs() {
    let planned = Planned::new();
    let plan: Value = serde_json::from_str(&planned.text()).expect("JSON");
    assert_eq!(
        (&plan["schema"], &plan["accounts"]),
        (&"lamplighter/plan/v1".into(), &json!([ACCOUNT]))
    );
    assert_eq!(
        (&plan["created_at"], &plan["expires_at"]),
        (
            &"2026-11-16T10:00:00Z".into(),
            &"2026-11-17T10:00:00Z".into()
        )
    );
    assert!(plan["sha256"].as_str().is_some_and(
        |seal| seal.len() == 64 && seal.bytes().all(|b| b"0123456789abcdef".contains(&b))
    ));
    for row in rows(&plan, "actions") {
        assert!(
            row["apply"].is_object() && row["precondition"].is_object(),
            "{row}"
        );
    }
    for key in [
        "run_id", "function", "mode", "trigger", "summary", "coverage", "findings", "skipped",
        "errors",
    ] {
        assert!(plan.get(key).is_some(), "{key}");
    }
}

/// Plans one stop, lets `happen` what happens, applies: what became of it, and whether it runs still.
fn drift(happen: impl FnOnce(&LocalAws)) -> (String, &'static str) {
    let planned = Planned::of(Stage::with([Instance::new("i-due")
        .tag(MARK, DUE)
        .tag("Name", "web")]));
    happen(&planned.stage.aws);
    let run = planned.apply(&[]).code(0).json();
    let row = &rows(&run, "actions")[0];
    let told = format!(
        "{}: {}",
        row["outcome"].as_str().unwrap_or("-"),
        row["reason"].as_str().unwrap_or("-")
    );
    assert_eq!(
        planned.stage.count("ec2:StopInstances") > 0,
        told.starts_with("done") || told.contains("protected"),
        "{told}"
    );
    (told, planned.stage.state("i-due"))
}

#[test]
fn what_has_drifted_since_is_left_alone() {
    let edit = |edit: fn(&mut Instance)| {
        drift(|aws| {
            aws.with(|world| {
                edit(
                    world
                        .instance_mut(ACCOUNT, REGION, "i-due")
                        .expect("it is there"),
                )
            })
        })
    };
    let enter = |state| {
        drift(move |aws| {
            aws.with(|world| world.set_instance_state(ACCOUNT, REGION, "i-due", state));
        })
    };
    let told = [
        (
            "tagged",
            edit(|i| {
                i.tags.insert("cost_center".to_owned(), "1".to_owned());
            }),
        ),
        (
            "exempted",
            edit(|i| {
                i.tags
                    .insert("lamplighter:keep-until".to_owned(), "2026-12-01".to_owned());
            }),
        ),
        (
            "mark changed",
            edit(|i| {
                i.tags
                    .insert(MARK.to_owned(), "2026-11-30T00:00:00Z".to_owned());
            }),
        ),
        (
            "mark taken",
            edit(|i| {
                i.tags.remove(MARK);
            }),
        ),
        (
            "joined a group",
            edit(|i| {
                i.tags
                    .insert("aws:autoscaling:groupName".to_owned(), "web".to_owned());
            }),
        ),
        (
            "managed",
            edit(|i| i.operator = Some("eks.amazonaws.com".to_owned())),
        ),
        ("protected", edit(|i| i.is_stop_protected = true)),
        (
            "renamed",
            edit(|i| {
                i.tags.insert("Name".to_owned(), "other".to_owned());
            }),
        ),
        ("stopped", enter(InstanceState::Stopped)),
        ("terminated", enter(InstanceState::Terminated)),
        (
            "gone",
            drift(|aws| {
                aws.with(|world| {
                    world.remove_instance(ACCOUNT, REGION, "i-due");
                })
            }),
        ),
    ];
    let told: String = told
        .iter()
        .map(|(what, (told, state))| format!("{what}: {told} ({state})\n"))
        .collect();
    expect![[r#"
        tagged: vetoed: its tag `cost_center` was added since it was planned (running)
        exempted: vetoed: its tag `lamplighter:keep-until` was added since it was planned (running)
        mark changed: vetoed: its tag `lamplighter:stop-after` was changed since it was planned (running)
        mark taken: vetoed: its tag `lamplighter:stop-after` was taken away since it was planned (running)
        joined a group: vetoed: its tag `aws:autoscaling:groupName` was added since it was planned (running)
        managed: vetoed: it is managed by an AWS service now (running)
        protected: vetoed: protected: The instance 'i-due' may not be stopped. Modify its 'disableApiStop' instance attribute and try again (running)
        renamed: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC (stopping)
        stopped: vetoed: it is stopped now (stopped)
        terminated: vanished: the resource is gone (terminated)
        gone: vanished: the resource is gone (gone)
    "#]].assert_eq(&told);
}

#[test]
fn an_instance_that_was_mended_is_not_warned_and_one_that_broke_again_keeps_its_mark() {
    let planned = Planned::new();
    planned.stage.edit("i-new", |i| {
        i.tags.insert("cost_center".to_owned(), "1".to_owned());
    });
    planned.stage.edit("i-mended", |i| {
        i.tags.remove("cost_center");
    });
    let run = planned.apply(&[]).code(0).json();
    assert_eq!(
        (outcome(&run, "i-new"), outcome(&run, "i-mended")),
        (Some("vetoed"), Some("vetoed"))
    );
    assert_eq!(
        (
            planned.stage.mark_of("i-new"),
            planned.stage.mark_of("i-mended").as_deref()
        ),
        (None, Some(DUE))
    );
    assert!(planned.stage.aws.mails().is_empty());
}

#[test]
fn a_plan_over_a_limit_is_refused_when_it_is_applied() {
    let world = (0..5).fold(world(), |world, n| {
        world.instance(
            ACCOUNT,
            REGION,
            Instance::new(&format!("i-{n}")).tag(MARK, DUE),
        )
    });
    let planned = Planned::of(Stage::of(world));
    let ran = planned.apply(&[]).code(1);
    assert_eq!(ran.json()["outcome"], "refused");
    assert!(planned.stage.changing().is_empty());
}
