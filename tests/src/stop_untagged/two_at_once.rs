//! Two schedulers at once: a daemon and a Lambda, or a second daemon on another machine. Whatever the order of their
//! calls, nobody is stopped unwarned, nothing is stopped twice, and a second mail is the most it costs.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use lamplighter_local_aws::{Fault, FaultKind, Instance};

use super::stage::{MARK, Stage};

const DUE: &str = "2026-11-15T10:00:00Z";

fn stage() -> Stage {
    Stage::with([
        Instance::new("i-new").tag("owner", "ann@example.com"),
        Instance::new("i-due").tag(MARK, DUE),
        Instance::new("i-mended").tag(MARK, DUE).tag("cost_center", "1"),
    ])
    .whole_config(
        // One attempt waits for two seconds: long enough for the other program to do everything.
        "[aws]\nattempt_timeout_secs = 2\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"never\"\n\
         [stop-untagged]\nmode = \"apply\"\n",
    )
}

#[track_caller]
fn ends_well(stage: &Stage, at: &str, most_mails: usize) {
    assert_eq!(
        stage.mark_of("i-new").as_deref(),
        Some("2026-11-17T10:00:00Z"),
        "{at}"
    );
    assert_eq!(
        (
            stage.state("i-new"),
            stage.state("i-due"),
            stage.mark_of("i-mended")
        ),
        ("running", "stopping", None),
        "{at}"
    );
    assert!(
        (1..=most_mails).contains(&stage.mails_about("i-new")),
        "{at}: {} mails",
        stage.mails_about("i-new")
    );
    let first_mail = stage
        .aws
        .calls()
        .iter()
        .position(|call| call.name() == "ses:SendEmail" && call.status == 200);
    let first_mark = stage
        .aws
        .calls()
        .iter()
        .position(|call| call.name() == "ec2:CreateTags" && call.status == 200);
    assert!(first_mail < first_mark, "{at}: marked before the mail");
}

/// One program waits at `call`, the other does everything, the first goes on.
fn let_one_wait_at(call: &str, after_effect: bool) {
    let at = format!("{call}, after its effect: {after_effect}");
    let stage = stage();
    stage.aws.inject(Fault {
        after_effect,
        ..Fault::new(call, FaultKind::Stall).first(1)
    });
    let (mut command, _folder) = stage.program(["run", "stop-untagged"]).into_command();
    let slow = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lamplighter starts");
    let begin = Instant::now();
    while stage.count(call) == 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{at}: it never came there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    stage.round().code(0);
    let Output { status, stderr, .. } = slow.wait_with_output().expect("it ends");
    assert_eq!(
        status.code(),
        Some(0),
        "{at}: {}",
        String::from_utf8_lossy(&stderr)
    );
    // SES took the first mail and its answer was lost, so it is sent again: nobody can know better.
    let lost_answers = usize::from(call == "ses:SendEmail" && after_effect);
    ends_well(&stage, &at, 2 + lost_answers);
}

#[test]
fn one_waits_at_any_call_while_the_other_does_everything() {
    let moments = [
        "ec2:DescribeInstances",
        "ec2:DescribeTags",
        "ses:SendEmail",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:StopInstances",
    ];
    std::thread::scope(|scope| {
        for call in moments {
            scope.spawn(move || {
                [false, true].map(|after_effect| let_one_wait_at(call, after_effect))
            });
        }
    });
}

#[test]
fn four_in_a_race_end_well() {
    for _ in 0..3 {
        let stage = stage();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| stage.round().code(0));
            }
        });
        assert_eq!(
            stage.mark_of("i-new").as_deref(),
            Some("2026-11-17T10:00:00Z")
        );
        assert_eq!(
            (stage.state("i-due"), stage.mark_of("i-mended")),
            ("stopping", None)
        );
        assert!(
            (1..=4).contains(&stage.mails_about("i-new")),
            "a mail of each at most"
        );
        stage.hours_pass(23);
        stage.round().code(0);
        assert_eq!(stage.state("i-new"), "running", "the grace is whole");
    }
}
