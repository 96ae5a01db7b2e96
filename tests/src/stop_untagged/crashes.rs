//! `kill -9` at every point between the first look and the last write: never an unwarned stop, at most one stop of an
//! instance, at most a second mail.

use std::time::{Duration, Instant};

use lamplighter_local_aws::{Call, Fault, FaultKind, Instance};

use super::stage::{ACCOUNT, MARK, REGION, Stage, world};

const DUE: &str = "2026-11-15T10:00:00Z";

/// One instance for each thing that can be done.
fn stage() -> Stage {
    let instances = [
        Instance::new("i-new").tag("owner", "ann@example.com"),
        Instance::new("i-due").tag(MARK, DUE),
        Instance::new("i-mended")
            .tag(MARK, DUE)
            .tag("cost_center", "1"),
    ];
    let world = instances.into_iter().fold(
        world().bucket(ACCOUNT, REGION, "acme-state"),
        |world, instance| world.instance(ACCOUNT, REGION, instance),
    );
    Stage::of(world).whole_config(
        "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\nto_owners = false\n\
         [state]\nurl = \"s3://acme-state/lamp\"\n[stop-untagged]\nmode = \"apply\"\n",
    )
}

/// Starts a run, waits until `fault` holds it, and kills it.
fn kill_at(stage: &Stage, fault: Fault) {
    stage.aws.inject(fault.clone());
    let (mut command, _folder) = stage.program(["run", "stop-untagged"]).into_command();
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("lamplighter starts");
    let begin = Instant::now();
    while !stage
        .aws
        .calls()
        .iter()
        .any(|call| call.fault == Some(FaultKind::Stall))
    {
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "it ended before {}",
            fault.call
        );
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "it never came to {}",
            fault.call
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing is cleaned up.
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
    stage.aws.clear_faults();
}

/// What must hold at every moment: a mark was preceded by a mail to its owner, and a stop by a mark.
#[track_caller]
fn nothing_is_unwarned(stage: &Stage, at: &str) {
    let is_marked = stage.mark_of("i-new").is_some();
    assert!(
        !is_marked || stage.mails_about("i-new") > 0,
        "{at}: marked without a mail"
    );
    assert_eq!(
        stage.state("i-new"),
        "running",
        "{at}: its grace is not over"
    );
}

/// The calls that named an instance and took effect.
fn effects(stage: &Stage, call: &str, id: &str) -> Vec<Call> {
    let calls = stage.aws.calls();
    let named = calls
        .into_iter()
        .filter(|seen| seen.name() == call && seen.resources.iter().any(|name| name == id));
    named.filter(|seen| seen.status == 200).collect()
}

#[test]
fn killed_at_any_call_and_run_again_it_ends_where_it_should() {
    let moments = [
        "ec2:DescribeInstances",
        "ec2:DescribeTags",
        "ses:SendEmail",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:StopInstances",
        "s3:PutObject",
    ];
    let mut killed = 0;
    for call in moments {
        for after_effect in [false, true] {
            let stage = stage();
            let at = format!(
                "{call}, {}",
                if after_effect {
                    "after its effect"
                } else {
                    "before it"
                }
            );
            let fault = Fault {
                after_effect,
                ..Fault::new(call, FaultKind::Stall).first(1)
            };
            kill_at(&stage, fault);
            killed += 1;
            nothing_is_unwarned(&stage, &at);

            stage.round().code(0);
            nothing_is_unwarned(&stage, &at);
            assert_eq!(
                stage.mark_of("i-new").as_deref(),
                Some("2026-11-17T10:00:00Z"),
                "{at}"
            );
            assert_eq!(
                (stage.mark_of("i-mended"), stage.state("i-due")),
                (None, "stopping"),
                "{at}"
            );
            let warnings = stage
                .aws
                .mails()
                .iter()
                .filter(|mail| mail.to == ["ann@example.com"])
                .count();
            assert!((1..=2).contains(&warnings), "{at}: {warnings} warnings");
            assert!(
                effects(&stage, "ec2:StopInstances", "i-due").len() <= 1,
                "{at}: stopped twice"
            );

            // And the rest of its life is as always.
            stage.hours_pass(24);
            stage.round().code(0);
            assert_eq!(stage.state("i-new"), "stopping", "{at}");
            assert_eq!(
                effects(&stage, "ec2:StopInstances", "i-new").len(),
                1,
                "{at}"
            );
        }
    }
    assert_eq!(killed, 14);
}

#[test]
fn killed_between_the_report_and_the_record_the_next_report_is_not_lost() {
    let stage = stage();
    kill_at(
        &stage,
        Fault::new("s3:PutObject", FaultKind::Stall).first(1),
    );
    let reports = |stage: &Stage| {
        stage
            .aws
            .mails()
            .iter()
            .filter(|mail| mail.to == ["security@example.com"])
            .count()
    };
    let before = reports(&stage);
    let run = stage.round().code(0).json();
    assert_eq!(
        (run["deliveries"][0]["outcome"].as_str(), reports(&stage)),
        (Some("delivered"), before + 1)
    );
}

#[test]
fn interrupted_it_says_so_and_ends_with_five() {
    let stage = stage();
    stage
        .aws
        .inject(Fault::new("ec2:CreateTags", FaultKind::Stall));
    let (mut command, _folder) = stage.program(["run", "stop-untagged"]).into_command();
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("lamplighter starts");
    while stage.count("ec2:CreateTags") == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(
        stderr.contains("interrupted") && stderr.contains("running it again is safe"),
        "{stderr}"
    );
}
