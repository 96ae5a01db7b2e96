//! Three levels: a dry run touches nothing, a plan delivers and remembers, apply acts.

use std::path::Path;

use lamplighter_local_aws::Instance;

use super::stage::{MARK, Stage, outcome};

const DUE: &str = "2026-11-15T10:00:00Z";

/// Something to warn about, to unmark and to stop, a report that is always sent, and a state.
fn stage(mode: &str, state: &Path) -> Stage {
    Stage::with([
        Instance::new("i-due").tag(MARK, DUE),
        Instance::new("i-mended")
            .tag(MARK, DUE)
            .tag("cost_center", "1"),
        Instance::new("i-new"),
    ])
    .whole_config(&format!(
        "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\n\
         [state]\nurl = \"file://{}\"\n[stop-untagged]\nmode = \"{mode}\"\n",
        state.display()
    ))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .expect("the folder can be read")
        .next()
        .is_none()
}

#[test]
fn a_dry_run_changes_sends_and_remembers_nothing_whatever_the_mode() {
    let event = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(
        event.path(),
        r#"{"metadata": {"dry_run": true, "ticket": "OPS-1"}}"#,
    )
    .expect("written");
    let event = event.path().to_str().expect("a path of letters");
    for mode in ["plan", "apply"] {
        for args in [
            &["run", "stop-untagged", "--dry-run", "--format", "json"][..],
            // An event can lower the mode of a run, even below what somebody types.
            &["run", "stop-untagged", "--event", event, "--format", "json"],
            &[
                "run",
                "stop-untagged",
                "--apply",
                "--event",
                event,
                "--format",
                "json",
            ],
        ] {
            let state = tempfile::tempdir().expect("a folder");
            let stage = stage(mode, state.path());
            let run = stage.lamplighter(args.iter().copied()).code(0).json();
            assert_eq!(
                (&run["mode"], &run["summary"]["planned"]),
                (&"dry-run".into(), &3.into()),
                "{args:?}"
            );
            assert!(stage.changing().is_empty(), "{args:?}");
            assert!(
                stage.aws.mails().is_empty() && is_empty(state.path()),
                "{args:?}"
            );
        }
    }
}

#[test]
fn a_plan_delivers_the_report_and_remembers_and_does_nothing_else() {
    let state = tempfile::tempdir().expect("a folder");
    let stage = stage("plan", state.path());
    let run = stage.round().code(0).json();
    assert_eq!(
        (
            &run["mode"],
            &run["summary"]["planned"],
            &run["summary"]["done"]
        ),
        (&"plan".into(), &3.into(), &0.into())
    );
    let changes: Vec<String> = stage
        .changing()
        .iter()
        .map(lamplighter_local_aws::Call::name)
        .collect();
    assert_eq!(changes, ["ses:SendEmail"], "the report, and no warning");
    let mail = &stage.aws.mails()[0];
    assert_eq!(mail.to, ["security@example.com"]);
    assert!(
        ["i-due", "i-mended", "i-new"]
            .iter()
            .all(|id| mail.text().contains(id)),
        "{}",
        mail.text()
    );
    assert!(
        state
            .path()
            .join("runs/stop-untagged/latest.json")
            .is_file()
    );
    assert_eq!(run["deliveries"][0]["outcome"], "delivered");
}

#[test]
fn apply_by_flag_acts_although_the_section_only_plans() {
    let state = tempfile::tempdir().expect("a folder");
    let stage = stage("plan", state.path());
    let run = stage
        .lamplighter(["run", "stop-untagged", "--apply", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(
        (&run["mode"], outcome(&run, "i-due")),
        (&"apply".into(), Some("done"))
    );
    assert_eq!(
        (stage.state("i-due"), stage.mark_of("i-mended")),
        ("stopping", None)
    );
    assert!(stage.mark_of("i-new").is_some());
}

#[test]
fn an_event_cannot_raise_the_mode() {
    let state = tempfile::tempdir().expect("a folder");
    let stage = stage("plan", state.path());
    for (text, code) in [
        (
            r#"{"metadata": {"dry_run": false, "mode": "apply", "apply": true}, "data": {"mode": "apply"}}"#,
            0,
        ),
        // What is not understood must not become a real run.
        (r#"{"metadata": {"dry_run": "true"}}"#, 1),
        (r#"[]"#, 1),
    ] {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let ran = stage
            .program(["run", "stop-untagged", "--format", "json", "--event"])
            .arg(file.path())
            .run()
            .code(code);
        assert!(
            stage
                .changing()
                .iter()
                .all(|call| call.name() == "ses:SendEmail"),
            "{text}\n{}",
            ran.stderr
        );
        assert_eq!(stage.state("i-due"), "running");
    }
}

#[test]
fn what_the_event_says_is_in_the_record() {
    let stage = Stage::with([]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let event = r#"{"metadata": {"id": "x", "source": "scheduler", "trigger": "schedule", "slot": "2026-11-16T10:00:00Z", "ticket": 7}, "data": {}}"#;
    std::fs::write(file.path(), event).expect("written");
    let ran = stage
        .program(["run", "stop-untagged", "--format", "json", "--event"])
        .arg(file.path())
        .run()
        .code(0);
    let run = ran.json();
    assert_eq!(
        (&run["trigger"], &run["slot"]),
        (&"schedule".into(), &"2026-11-16T10:00:00Z".into())
    );
    assert_eq!(
        (&run["metadata"]["ticket"], &run["metadata"]["id"]),
        (&7.into(), &"x".into())
    );
}

#[test]
fn a_ping_that_keeps_a_lambda_warm_makes_no_call() {
    let stage = Stage::with([Instance::new("i-due").tag(MARK, DUE)]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), r#"{"source": "keep-warm"}"#).expect("written");
    stage
        .program(["run", "stop-untagged", "--apply", "--event"])
        .arg(file.path())
        .run()
        .code(0);
    assert!(stage.aws.calls().is_empty(), "{:?}", stage.aws.calls());
}

#[test]
fn the_report_is_mailed_when_something_changed_always_or_never() {
    for (policy, mails) in [
        ("always", [1, 2, 3]),
        ("changes", [1, 1, 2]),
        ("never", [0, 0, 0]),
    ] {
        let state = tempfile::tempdir().expect("a folder");
        let stage = Stage::with([Instance::new("i-1")]).whole_config(&format!(
            "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"{policy}\"\n\
             [state]\nurl = \"file://{}\"\n[stop-untagged]\nmode = \"plan\"\n",
            state.path().display()
        ));
        stage.round().code(0);
        assert_eq!(
            stage.aws.mails().len(),
            mails[0],
            "{policy}: the first finding"
        );
        stage.hours_pass(1);
        stage.round().code(0);
        assert_eq!(stage.aws.mails().len(), mails[1], "{policy}: nothing new");
        stage.edit("i-1", |instance| {
            instance
                .tags
                .insert("cost_center".to_owned(), "4711".to_owned());
        });
        stage.round().code(0);
        assert_eq!(stage.aws.mails().len(), mails[2], "{policy}: it is mended");
    }
}
