//! Every call of an upload's run, and of a round that drains, fails in every way: the event is retried or kept in
//! quarantine, never acknowledged as done, and in the end there is one deployment.

use std::collections::BTreeSet;

use lamplighter_local_aws::{Call, Fault};
use serde_json::{Value, json};

use super::stage::{Stage, bundle, stage};
use crate::fault_matrix::{faults, must, struck, told, try_all};
use crate::harness::Ran;

/// As many attempts as it takes to see one healed, and as short as it takes to see a stall.
const SHORT: &str = "\n[aws]\nmax_attempts = 2\nattempt_timeout_secs = 1\n";

/// Longer than a claim in the ledger holds after its holder was last heard of.
const A_CLAIM: i64 = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// A bundle for a free group.
    Upload,
    /// A bundle for a busy group.
    Busy,
    /// A round that drains.
    Drain,
}

impl Scenario {
    fn set(self) -> (Stage, Value) {
        let stage = stage().with(SHORT);
        if self != Self::Upload {
            stage.occupy();
            stage.later(1);
        }
        let event = json!({ "Records": [stage.upload("apps/shop/live/a.zip", &bundle("1"))] });
        if self == Self::Drain {
            stage.event_with(&event, &[]).code(0);
            stage.finish();
        }
        stage.aws.clear_calls();
        (stage, event)
    }

    fn run(self, stage: &Stage, event: &Value) -> Ran {
        match self {
            Self::Upload | Self::Busy => stage.event_with(event, &[]),
            Self::Drain => stage.round(&[]),
        }
    }

    /// Whether the work is done: the bundle is deployed once, or waits.
    fn is_done(self, stage: &Stage) -> bool {
        let deployed = own(stage);
        match self {
            Self::Upload => deployed == 1,
            Self::Busy => deployed == 0 && stage.waiting().is_some(),
            Self::Drain => deployed == 1,
        }
    }
}

/// How often the bundle was deployed.
fn own(stage: &Stage) -> usize {
    let deployed = stage.deployed();
    deployed
        .iter()
        .filter(|key| key.starts_with("apps/"))
        .count()
}

/// Lets `fault` strike, and runs again without it.
fn try_fault(scenario: Scenario, fault: &Fault) -> Result<(), String> {
    let (stage, event) = scenario.set();
    stage.aws.inject(fault.clone());
    let ran = scenario.run(&stage, &event);
    stage.aws.clear_faults();
    let blame = |what: String| told(&what, &ran);
    after(scenario, &stage, &ran).map_err(blame)?;
    // What AWS delivers again, or the next round does.
    stage.later(A_CLAIM);
    let again = scenario.run(&stage, &event);
    must(again.code == Some(0), || {
        told("the second run does not end well", &again)
    })?;
    must(scenario.is_done(&stage), || {
        told("it is not done after the second run", &again)
    })?;
    must(own(&stage) <= 1, || {
        blame(format!("deployed {} times", own(&stage)))
    })?;
    // What was deployed waits no longer, at the latest after the next round.
    if scenario != Scenario::Busy {
        stage.finish();
        let round = stage.round(&[]);
        must(round.code == Some(0) && stage.waiting().is_none(), || {
            told("it still waits", &round)
        })?;
        must(own(&stage) == 1, || {
            blame(format!("deployed {} times", own(&stage)))
        })?;
    }
    Ok(())
}

fn after(scenario: Scenario, stage: &Stage, ran: &Ran) -> Result<(), String> {
    let struck = struck(&stage.aws);
    must(struck > 0, || "the fault never struck".to_owned())?;
    must(own(stage) <= 1, || format!("deployed {} times", own(stage)))?;
    let is_done = scenario.is_done(stage);
    let records = ran.report();
    let records = records
        .iter()
        .flat_map(|run| run["records"].as_array().into_iter().flatten());
    for row in records {
        match row["outcome"].as_str() {
            Some("done") => must(is_done, || format!("reported as done: {row}"))?,
            Some("retry") => {}
            other => return Err(format!("the record is {other:?}: {row}")),
        }
    }
    match ran.code {
        Some(0) => must(
            is_done || scenario == Scenario::Drain && stage.waiting().is_some(),
            || "it ended well with work undone".to_owned(),
        ),
        Some(1 | 4) => must(ran.stderr.contains('`') || ran.stdout.contains('`'), || {
            "it names no call".to_owned()
        }),
        _ => Err("an exit code for something else".to_owned()),
    }
}

#[test]
fn every_call_fails_in_every_way_and_nothing_is_lost_or_deployed_twice() {
    let mut all = Vec::new();
    let mut operations = BTreeSet::new();
    for scenario in [Scenario::Upload, Scenario::Busy, Scenario::Drain] {
        let (stage, event) = scenario.set();
        scenario.run(&stage, &event).code(0);
        assert!(scenario.is_done(&stage), "{scenario:?}");
        let calls = stage.aws.calls();
        operations.extend(calls.iter().map(Call::name));
        all.extend(faults(&calls).into_iter().map(|fault| (scenario, fault)));
    }
    try_all(&all, |(scenario, fault)| try_fault(*scenario, fault));
    // A scenario that lost some of its calls would prove less than it says.
    assert!(operations.len() >= 10, "{operations:?}");
    assert!(all.len() >= 300, "{} combinations", all.len());
}
