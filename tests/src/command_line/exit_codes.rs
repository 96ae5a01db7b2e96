//! Exit codes: usage and configuration, missing credentials, refusals, findings, and which one wins.

use lamplighter_local_aws::{Fault, FaultKind, Instance};

use crate::harness::{Lamplighter, Ran};
use crate::stop_untagged::stage::{MARK, Stage};

const DUE: &str = "2026-11-15T10:00:00Z";

#[test]
fn usage_errors_end_with_two_and_print_nothing_on_stdout() {
    for args in [
        &[][..],
        &["nonsense"],
        &["run"],
        &["run", "stop-untagged", "--dry-run", "--apply"],
        &["run", "stop-untagged", "--now", "yesterday"],
        &["run", "stop-untagged", "--format", "pdf"],
        &["run", "stop-untagged", "-q", "-v"],
        &["plan", "stop-untagged"],
        &["apply"],
        &["run", "stop-untagged", "--unknown"],
    ] {
        let ran = Lamplighter::new(args.iter().copied()).run().code(2);
        assert!(
            ran.stdout.is_empty() && !ran.stderr.is_empty(),
            "{args:?}\n{}",
            ran.stdout
        );
    }
    let formats = Lamplighter::new(["list", "--format", "pdf"])
        .run()
        .code(2)
        .stderr;
    assert!(
        formats.contains("markdown"),
        "the known formats are listed: {formats}"
    );
}

#[test]
fn an_unknown_function_names_the_known_ones() {
    for args in [
        &["run", "stop-tagged"][..],
        &["plan", "stop-tagged", "--out", "x"],
        &["policy", "stop-tagged"],
    ] {
        let ran = Lamplighter::new(args.iter().copied()).run().code(2);
        assert!(
            ran.stderr.contains("there is no function `stop-tagged`"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("`stop-untagged`"), "{}", ran.stderr);
    }
}

#[test]
fn another_time_is_only_for_dry_runs_and_local_endpoints() {
    let run = |args: &[&str]| -> Ran {
        let program =
            Lamplighter::new(args.iter().copied()).config("[stop-untagged]\ngrace_hours = 0\n");
        let program = program.env("AWS_REGION", "eu-west-1");
        let program = program.env("AWS_EC2_METADATA_DISABLED", "true");
        program
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .run()
    };
    let now = "2026-11-16T10:00:00Z";
    for args in [
        &["run", "stop-untagged", "--now", now][..],
        &["run", "stop-untagged", "--now", now, "--apply"],
        &[
            "run",
            "stop-untagged",
            "--now",
            now,
            "--endpoint-url",
            "https://ec2.eu-west-1.amazonaws.com",
        ],
        // An address that only looks like this machine.
        &[
            "run",
            "stop-untagged",
            "--now",
            now,
            "--endpoint-url",
            "http://127.0.0.1.example.com:80",
        ],
        &[
            "run",
            "stop-untagged",
            "--now",
            now,
            "--endpoint-url",
            "http://localhost@example.com:80",
        ],
        &["plan", "stop-untagged", "--now", now, "--out", "plan.json"],
    ] {
        let ran = run(args).code(2);
        assert!(
            ran.stderr.contains("--now") && ran.stderr.contains("hint: "),
            "{args:?}\n{}",
            ran.stderr
        );
    }
    // A local endpoint that does not answer is another error: the time was accepted.
    let ran = run(&[
        "run",
        "stop-untagged",
        "--now",
        now,
        "--endpoint-url",
        "http://127.0.0.1:9",
    ])
    .code(1);
    assert!(
        ran.stderr.contains("no connection for") && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_credentials_or_region_it_says_what_to_do() {
    let program = || {
        Lamplighter::new(["run", "stop-untagged", "--dry-run"])
            .env("AWS_EC2_METADATA_DISABLED", "true")
    };
    let ran = program().env("AWS_REGION", "eu-west-1").run().code(2);
    assert!(
        ran.stderr.contains("credentials") && ran.stderr.contains("lamplighter demo"),
        "{}",
        ran.stderr
    );
    let ran = program().run().code(2);
    assert!(
        ran.stderr.contains("region") && ran.stderr.contains("AWS_REGION"),
        "{}",
        ran.stderr
    );
    let ran = program()
        .arg("--profile")
        .arg("nobody")
        .env("AWS_REGION", "eu-west-1")
        .run()
        .code(2);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}

#[test]
fn refused_credentials_are_an_error_with_a_hint() {
    let world = crate::stop_untagged::stage::world().refused_key("AKIALOCALAWS00000001");
    let ran = Stage::of(world).round().code(1);
    assert!(
        ran.stderr
            .contains("were not accepted for `sts:GetCallerIdentity`"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: check the credentials"),
        "{}",
        ran.stderr
    );
}

#[test]
fn findings_end_with_three_only_when_asked_for() {
    let stage = Stage::with([Instance::new("i-1")]);
    stage
        .lamplighter(["run", "stop-untagged", "--dry-run"])
        .code(0);
    stage
        .lamplighter(["run", "stop-untagged", "--dry-run", "--fail-on-findings"])
        .code(3);
    let clean = Stage::with([Instance::new("i-1").tag("cost_center", "1")]);
    clean
        .lamplighter(["run", "stop-untagged", "--dry-run", "--fail-on-findings"])
        .code(0);
}

#[test]
fn of_several_codes_the_worst_wins() {
    let due = || (0..5).map(|n| Instance::new(&format!("i-{n}")).tag(MARK, DUE));
    // 1 before 3.
    let refused = Stage::with(due());
    refused
        .lamplighter(["run", "stop-untagged", "--fail-on-findings"])
        .code(1);
    // 4 before 3.
    let partial = Stage::with(due()).config("max_percent = 100\n[aws]\nmax_attempts = 1");
    partial
        .aws
        .inject(Fault::new("ec2:StopInstances", FaultKind::Denied));
    partial
        .lamplighter(["run", "stop-untagged", "--fail-on-findings"])
        .code(4);
    // 1 before 4: one region cannot be read, and what is planned in the other is refused.
    let both = Stage::with(due())
        .config("[aws]\nmax_attempts = 1\nregions = [\"eu-west-1\", \"us-east-1\"]");
    both.aws
        .inject(Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region("us-east-1"));
    both.lamplighter(["run", "stop-untagged", "--fail-on-findings"])
        .code(1);
    // 2 before all.
    both.lamplighter([
        "run",
        "stop-untagged",
        "--fail-on-findings",
        "--format",
        "pdf",
    ])
    .code(2);
}

#[test]
fn an_event_that_cannot_be_read_is_named() {
    let stage = Stage::with([]);
    let ran = stage
        .lamplighter(["run", "stop-untagged", "--event", "nowhere.json"])
        .code(2);
    assert!(ran.stderr.contains("nowhere.json"), "{}", ran.stderr);
    let ran = stage
        .lamplighter(["run", "stop-untagged", "--event", "-"])
        .code(1);
    assert!(
        ran.stderr.contains("is not JSON") && ran.stderr.contains("sample-event"),
        "{}",
        ran.stderr
    );
}
