//! Three levels, and two keys that must both be turned before anything changes.

use lamplighter_local_aws::Call;

use super::stage::{Stage, group, rows};

fn open() -> Stage {
    Stage::with([group(
        "sg-0000000a",
        &[("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 443, 443, "0.0.0.0/0")],
    )])
}

#[test]
fn a_dry_run_says_what_would_be_revoked_and_changes_nothing() {
    for mode in ["plan", "apply"] {
        let stage = open().config(&format!("mode = \"{mode}\"\nremediate = \"revoke\""));
        let run = stage
            .program([
                "run",
                "audit-security-groups",
                "--dry-run",
                "--format",
                "json",
            ])
            .run()
            .code(0)
            .json();
        assert_eq!(
            (&run["mode"], &run["summary"]["planned"]),
            (&"dry-run".into(), &1.into())
        );
        assert_eq!(rows(&run, "actions")[0]["outcome"], "planned");
        assert!(stage.changing().is_empty());
    }
}

#[test]
fn a_plan_delivers_the_report_and_revokes_nothing() {
    let stage = open().config(
        "mode = \"plan\"\nremediate = \"revoke\"\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"",
    );
    let run = stage.round().code(0).json();
    assert_eq!(run["summary"]["planned"], 1);
    assert_eq!(
        stage.changing().iter().map(Call::name).collect::<Vec<_>>(),
        ["ses:SendEmail"]
    );
    assert_eq!(stage.rules_of("sg-0000000a").len(), 2);
}

#[test]
fn apply_mode_alone_revokes_nothing() {
    let stage = open().config("mode = \"apply\"");
    let run = stage.round().code(0).json();
    assert_eq!(
        (rows(&run, "actions").len(), &run["summary"]["fail"]),
        (0, &1.into())
    );
    assert!(stage.changing().is_empty());
}

#[test]
fn findings_are_an_exit_code_only_on_request() {
    let stage = open();
    stage.round().code(0);
    stage
        .program(["run", "audit-security-groups", "--fail-on-findings"])
        .run()
        .code(3);
}
