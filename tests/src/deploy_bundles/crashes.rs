//! A run that dies at any of its calls: what was announced is deployed once in the end, and nothing is lost.

use std::time::{Duration, Instant};

use lamplighter_local_aws::{Call, Fault, FaultKind};
use serde_json::json;

use super::stage::{Stage, bundle, stage};
use crate::harness::Lamplighter;

/// Longer than a claim in the ledger holds after its holder was last heard of.
const A_CLAIM: i64 = 600;

/// Runs with an event, and kills the program while it waits for the answer to `fault`'s call.
fn crash(stage: &Stage, event: Option<&serde_json::Value>, fault: Fault) {
    let before = stage.aws.calls().len();
    stage.aws.inject(fault);
    let now = stage.aws.now().to_rfc3339();
    let mut command = Lamplighter::new(["run", "deploy-bundles", "--now", &now])
        .on(&stage.aws)
        .config(&stage.config);
    if let Some(event) = event {
        std::fs::write(command.folder().join("event.json"), event.to_string())
            .expect("it is written");
        command = command.args(["--event", "event.json"]);
    }
    let (mut command, _folder) = command.into_command();
    let quiet = std::process::Stdio::null;
    let mut child = command
        .stdout(quiet())
        .stderr(quiet())
        .spawn()
        .expect("it starts");
    let patience = Instant::now() + Duration::from_secs(60);
    let is_struck = |call: &Call| call.fault.is_some();
    while !stage.aws.calls()[before..].iter().any(is_struck) {
        let ended = child.try_wait().expect("it can be asked");
        assert!(
            ended.is_none() && Instant::now() < patience,
            "the fault never struck: {ended:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ended");
    stage.aws.clear_faults();
}

/// The calls of a run that nothing disturbs, each with its number among those of its operation.
fn calls(stage: &Stage, run: impl FnOnce(&Stage)) -> Vec<(Call, usize)> {
    stage.aws.clear_calls();
    run(stage);
    let calls = stage.aws.calls();
    let numbered = calls.iter().enumerate().map(|(place, call)| {
        let before = calls[..place].iter();
        let number = before.filter(|other| other.name() == call.name()).count() + 1;
        (call.clone(), number)
    });
    numbered.collect()
}

/// A stall at each call, before its effect and, where it has one, after it.
fn stalls(calls: &[(Call, usize)]) -> Vec<Fault> {
    let mut all = Vec::new();
    for (call, number) in calls {
        let fault = Fault::new(&call.name(), FaultKind::Stall).nth(*number);
        if call.changes {
            all.push(fault.clone().after_effect());
        }
        all.push(fault);
    }
    all
}

#[test]
fn a_crash_at_any_step_of_an_upload_s_run_leaves_one_deployment_in_the_end() {
    let upload =
        |stage: &Stage| json!({ "Records": [stage.upload("apps/shop/live/a.zip", &bundle("1"))] });
    let reference = stage();
    let event = upload(&reference);
    let calls = calls(&reference, |stage| {
        stage.event_with(&event, &[]).code(0);
    });
    let stalls = stalls(&calls);
    assert!(stalls.len() >= 14, "{stalls:?}");
    for fault in stalls {
        let stage = stage();
        let event = upload(&stage);
        crash(&stage, Some(&event), fault.clone());
        // AWS delivers again: at once, and when the claim of the dead has run out.
        stage.event_with(&event, &[]);
        stage.later(A_CLAIM);
        let run = stage.event_with(&event, &[]).code(0).json();
        assert_eq!(stage.deployed().len(), 1, "{fault:?}: {run}");
        assert!(stage.waiting().is_none(), "{fault:?}");
    }
}

#[test]
fn a_crash_at_any_step_of_waiting_and_of_draining_loses_nothing() {
    let busy = || {
        let stage = stage();
        stage.occupy();
        stage.later(1);
        let event = json!({ "Records": [stage.upload("apps/shop/live/a.zip", &bundle("1"))] });
        (stage, event)
    };
    let (reference, event) = busy();
    let waiting = calls(&reference, |stage| {
        stage.event_with(&event, &[]).code(0);
    });
    reference.finish();
    let draining = calls(&reference, |stage| {
        stage.round(&[]).code(0);
    });
    let end = |stage: &Stage, what: &str| {
        stage.round(&[]).code(0);
        assert_eq!(stage.deployed().len(), 2, "{what}");
        stage.finish();
        stage.round(&[]).code(0);
        assert_eq!(stage.deployed().len(), 2, "{what}");
        assert!(stage.waiting().is_none(), "{what}");
    };
    for fault in stalls(&waiting) {
        let (stage, event) = busy();
        crash(&stage, Some(&event), fault.clone());
        stage.event_with(&event, &[]);
        stage.later(A_CLAIM);
        stage.event_with(&event, &[]).code(0);
        assert!(stage.waiting().is_some(), "{fault:?}");
        stage.finish();
        end(&stage, &format!("{fault:?}"));
    }
    for fault in stalls(&draining) {
        let (stage, event) = busy();
        stage.event_with(&event, &[]).code(0);
        stage.finish();
        crash(&stage, None, fault.clone());
        end(&stage, &format!("{fault:?}"));
    }
}

#[test]
fn an_answer_that_was_lost_leads_to_no_second_deployment_though_the_group_is_free_again() {
    for kind in [FaultKind::Reset, FaultKind::Truncate] {
        let stage = super::stage::on(super::stage::world().deployments_end_at_once());
        let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
        let lost = Fault::new("codedeploy:CreateDeployment", kind);
        stage.aws.inject(lost.first(1).after_effect());
        let run = stage.event(&[&event]).code(0).json();
        assert_eq!(super::stage::actions(&run), ["deploy done"], "{run}");
        assert_eq!(stage.deployed().len(), 1, "{kind:?}");
        let asked = stage.aws.calls();
        let asked = asked
            .iter()
            .filter(|call| call.action == "CreateDeployment");
        assert_eq!(
            asked.count(),
            1,
            "{kind:?}: it was looked for, not asked for again"
        );
    }
}
