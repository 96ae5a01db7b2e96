//! The fault matrix: every call of an event's run fails in every way, once and for good, before and after its effect.
//!
//! After each failure the record is done with all its copies, or it is delivered again; it is never acknowledged with
//! less. And the next attempt without the fault ends where the first one should have.

use lamplighter_local_aws::{Fault, LocalAws};
use serde_json::Value;

use super::stage::*;
use crate::fault_matrix::{faults, must, operations, struck, told, try_all};

/// What is to happen: an account, its event, and what must be so in the end.
struct Scenario {
    stage: fn() -> (LocalAws, Value),
    is_done: fn(&LocalAws) -> bool,
    needed: &'static [&'static str],
}

/// An image is replaced: one copy is of its former state, the others are missing.
const REPLACED: Scenario = Scenario {
    stage: || {
        let aws = account();
        let first = upload(&aws, KEY, &fixture("odd.jpg"), "01");
        run(&aws, WITH_STATE, &first, &[]).code(0);
        aws.with(|world| world.remove_object(BUCKET, &format!("resized/100/{KEY}")));
        let second = upload(&aws, KEY, &fixture("plain.jpg"), "02");
        aws.clear_calls();
        (aws, second)
    },
    is_done: |aws| all_current(aws),
    needed: &[
        "s3:GetObject",
        "s3:HeadObject",
        "s3:PutObject",
        "sts:GetCallerIdentity",
    ],
};

/// An image is removed, and its copies with it.
const REMOVED: Scenario = Scenario {
    stage: || {
        let aws = account();
        let first = upload(&aws, KEY, &fixture("odd.jpg"), "01");
        run(&aws, WITH_STATE, &first, &[]).code(0);
        let removed = remove(&aws, KEY, "02");
        aws.clear_calls();
        (aws, removed)
    },
    is_done: |aws| copies(aws).is_empty(),
    needed: &["s3:HeadObject", "s3:DeleteObject", "sts:GetCallerIdentity"],
};

fn try_fault(scenario: &Scenario, fault: &Fault) -> Result<(), String> {
    let (aws, event) = (scenario.stage)();
    aws.inject(fault.clone());
    let ran = run(&aws, WITH_STATE, &event, &[]);
    aws.clear_faults();
    let check = || -> Result<(), String> {
        must(struck(&aws) > 0, || "the fault never struck".to_owned())?;
        let outcome = ran.report().map(|run| run["records"][0]["outcome"].clone());
        match outcome.as_ref().and_then(Value::as_str) {
            Some("done") => must((scenario.is_done)(&aws), || {
                format!("acknowledged with less: {:?}", made_from(&aws))
            }),
            // It could not even begin: no record, an error, and so no acknowledgement.
            None => must(ran.code == Some(1), || {
                "an exit code for something else".to_owned()
            }),
            Some("retry") => must(matches!(ran.code, Some(1 | 4)), || {
                "delivered again, and the exit code says that all is well".to_owned()
            }),
            Some(other) => Err(format!("the record is `{other}`")),
        }
    };
    check().map_err(|what| told(&what, &ran))?;

    // After the ledger's lease.
    aws.advance(chrono::Duration::minutes(30));
    let again = run(&aws, WITH_STATE, &event, &[]);
    must(again.code == Some(0), || {
        told("the second run does not recover", &again)
    })?;
    must((scenario.is_done)(&aws), || {
        let what = format!("not done by the second run: {:?}", made_from(&aws));
        told(&what, &again)
    })
}

fn every_call_fails(scenario: &Scenario) {
    let (aws, event) = (scenario.stage)();
    let reference = run(&aws, WITH_STATE, &event, &[]).code(0).json();
    assert_eq!(outcome(&reference).0, "done", "{reference}");
    assert!((scenario.is_done)(&aws));
    let calls = aws.calls();
    let operations = operations(&calls);
    let faults = faults(&calls);
    try_all(&faults, |fault| try_fault(scenario, fault));
    // A scenario that lost some of its calls would prove less than it says.
    for needed in scenario.needed {
        assert!(operations.contains(*needed), "{operations:?}");
    }
    assert!(faults.len() >= 90, "{} combinations", faults.len());
}

#[test]
fn every_call_of_a_replacement_fails_in_every_way_and_none_is_acknowledged_that_is_not_done() {
    every_call_fails(&REPLACED);
}

#[test]
fn every_call_of_a_removal_fails_in_every_way_and_none_is_acknowledged_that_is_not_done() {
    every_call_fails(&REMOVED);
}
