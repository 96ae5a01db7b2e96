//! Every call of an upload's run, and of a round that drains, fails in every way: the event is retried or kept in
//! quarantine, never acknowledged as done, and in the end there is one deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lamplighter_local_aws::{Call, Fault, FaultKind, When};
use serde_json::{Value, json};

use super::stage::{Stage, bundle, stage};
use crate::faults::{KINDS, must};
use crate::harness::Ran;

/// As many attempts as it takes to see one healed, and as short as it takes to see a stall.
const SHORT: &str = "\n[aws]\nmax_attempts = 2\nattempt_timeout_secs = 1\n";

const WORKERS: usize = 8;

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

fn faults(calls: &[Call]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let number = seen.entry(call.name()).or_default();
        *number += 1;
        for kind in KINDS {
            let mut whens = vec![When::Nth(*number)];
            if *number == 1 {
                whens.push(When::Always);
            }
            let is_lost = matches!(
                kind,
                FaultKind::Reset | FaultKind::Stall | FaultKind::Truncate
            );
            for when in whens {
                let fault = Fault {
                    when,
                    ..Fault::new(&call.name(), kind)
                };
                if call.changes && is_lost {
                    faults.push(fault.clone().after_effect());
                }
                faults.push(fault);
            }
        }
    }
    faults
}

/// Lets `fault` strike, and runs again without it.
fn try_fault(scenario: Scenario, fault: &Fault) -> Result<(), String> {
    let (stage, event) = scenario.set();
    stage.aws.inject(fault.clone());
    let ran = scenario.run(&stage, &event);
    stage.aws.clear_faults();
    let told = format!(
        "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}",
        ran.code, ran.stdout, ran.stderr
    );
    after(scenario, &stage, &ran).map_err(|what| format!("{what}\n{told}"))?;
    // What AWS delivers again, or the next round does.
    stage.later(A_CLAIM);
    let again = scenario.run(&stage, &event);
    must(again.code == Some(0), || {
        format!(
            "the second run ends with {:?}: {}{}\nafter {told}",
            again.code, again.stdout, again.stderr
        )
    })?;
    must(scenario.is_done(&stage), || {
        format!("it is not done after the second run\n{told}")
    })?;
    must(own(&stage) <= 1, || {
        format!("deployed {} times\n{told}", own(&stage))
    })?;
    // What was deployed waits no longer, at the latest after the next round.
    if scenario != Scenario::Busy {
        stage.finish();
        let round = stage.round(&[]);
        must(round.code == Some(0) && stage.waiting().is_none(), || {
            format!("it still waits: {}\n{told}", round.stdout)
        })?;
        must(own(&stage) == 1, || {
            format!("deployed {} times\n{told}", own(&stage))
        })?;
    }
    Ok(())
}

fn after(scenario: Scenario, stage: &Stage, ran: &Ran) -> Result<(), String> {
    let struck = stage
        .aws
        .calls()
        .iter()
        .filter(|call| call.fault.is_some())
        .count();
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
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((scenario, fault)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(what) = try_fault(*scenario, fault) {
                        let text = format!("=== {scenario:?} {fault:?}\n{what}\n");
                        failures.lock().expect("no worker panics").push(text);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no worker panics");
    println!(
        "{} combinations of {} operations: {operations:?}",
        all.len(),
        operations.len()
    );
    assert!(
        failures.is_empty(),
        "{} of {} combinations failed\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
    // A scenario that lost some of its calls would prove less than it says.
    assert!(operations.len() >= 10, "{operations:?}");
    assert!(all.len() >= 300, "{} combinations", all.len());
}
