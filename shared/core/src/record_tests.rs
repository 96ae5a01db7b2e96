//! What becomes of the records of an event, from the plan to the run.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use futures::executor::block_on;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Disposition, RecordOutcome};
use crate::engine::{Request, run};
use crate::finding::{Finding, Resource, Severity, Verdict};
use crate::function::{Action, Apply, Function, Observed, Outcome};
use crate::plan::Plan;
use crate::run::{Account, Mode, Run, RunOutcome, Trigger};
use crate::{Error, Result};

/// A function whose inventory is what it is to decide: `id=decision`, where an action may be wanted several times.
struct Obedient;

#[derive(Clone, Serialize, Deserialize)]
struct Step {
    record: String,
    outcome: String,
}

impl Action for Step {
    fn resource(&self) -> Resource {
        resource(&self.record)
    }
    fn name(&self) -> &'static str {
        "step"
    }
    fn reason(&self) -> String {
        "it was asked for".to_owned()
    }
    fn precondition(&self) -> Value {
        Value::Null
    }
    fn undo(&self) -> Option<String> {
        None
    }
    fn limited_verb(&self) -> Option<&'static str> {
        None
    }
    fn record(&self) -> Option<&str> {
        Some(&self.record)
    }
}

fn resource(name: &str) -> Resource {
    Resource {
        arn: format!("arn:aws:s3:::b/{name}"),
        account: "111122223333".to_owned(),
        region: None,
    }
}

impl Function for Obedient {
    const NAME: &'static str = "obedient";
    type Event = &'static [(&'static str, &'static str)];
    type Rules = ();
    type Inventory = &'static [(&'static str, &'static str)];
    type Action = Step;

    async fn observe(&self, event: &Self::Event, (): &()) -> Result<Observed<Self::Inventory>> {
        Ok(Observed {
            inventory: *event,
            coverage: vec![],
            errors: vec![],
        })
    }

    fn plan(inventory: &Self::Inventory, (): &(), _now: DateTime<Utc>) -> Plan<Step> {
        let mut plan = Plan::default();
        for (id, decision) in *inventory {
            let subject = format!("s3://b/{id}");
            match *decision {
                "ignore" => plan.ignore(id, subject, "nothing to do"),
                "retry" => plan.retry(id, subject, "throttled"),
                "reject" => plan.reject(
                    id,
                    subject,
                    Finding::new(
                        "bad",
                        Severity::High,
                        Verdict::Fail,
                        &resource(id),
                        "it is bad",
                    ),
                ),
                outcome => plan.act_for(
                    id,
                    subject,
                    Step {
                        record: (*id).to_owned(),
                        outcome: outcome.to_owned(),
                    },
                ),
            }
            plan.answer(id, Disposition::StopRule);
        }
        plan
    }
}

impl Apply<Step> for Obedient {
    async fn apply(&self, steps: &[Step]) -> Vec<Outcome> {
        let outcome = |step: &Step| match step.outcome.as_str() {
            "done" => Outcome::Done,
            "vetoed" => Outcome::Vetoed("it is current".to_owned()),
            "vanished" => Outcome::Vanished,
            "failed" => Outcome::Failed("a timeout".to_owned()),
            "rejected" => Outcome::Rejected("no image".to_owned()),
            other => unreachable!("{other} is no outcome"),
        };
        steps.iter().map(outcome).collect()
    }
}

fn run_of(event: &'static [(&'static str, &'static str)], mode: Mode) -> Run {
    let request = Request {
        run_id: "r".to_owned(),
        mode,
        trigger: Trigger::Event,
        slot: None,
        account: Account::default(),
        metadata: Map::new(),
        limits: None,
        exceptions: vec![],
        previous: vec![],
        before: crate::Tally::default(),
        notes: vec![],
        clock: &|| DateTime::UNIX_EPOCH,
    };
    let made = AtomicUsize::new(0);
    let applier = || async {
        made.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Error>(Obedient)
    };
    let (run, _) = block_on(run(&Obedient, &event, &(), &request, applier)).expect("it runs");
    assert!(
        mode == Mode::Apply || made.into_inner() == 0,
        "nothing may apply"
    );
    run
}

#[track_caller]
fn check(
    event: &'static [(&'static str, &'static str)],
    outcome: RecordOutcome,
    reason: Option<&str>,
) {
    let run = run_of(event, Mode::Apply);
    assert_eq!(run.records.len(), 1);
    assert_eq!(
        (run.records[0].outcome, run.records[0].reason.as_deref()),
        (outcome, reason)
    );
    let is_left_over = matches!(outcome, RecordOutcome::Retry | RecordOutcome::Quarantined);
    assert_eq!(run.outcome == RunOutcome::Partial, is_left_over);
}

#[test]
fn a_record_is_done_when_all_its_actions_are_or_had_nothing_to_do() {
    check(&[("0", "done"), ("0", "done")], RecordOutcome::Done, None);
    check(
        &[("0", "done"), ("0", "vanished")],
        RecordOutcome::Done,
        None,
    );
    check(
        &[("0", "vetoed")],
        RecordOutcome::Done,
        Some("it is current"),
    );
}

#[test]
fn one_action_that_may_succeed_later_brings_the_whole_record_back() {
    check(
        &[("0", "done"), ("0", "failed")],
        RecordOutcome::Retry,
        Some("a timeout"),
    );
    check(
        &[("0", "rejected"), ("0", "failed")],
        RecordOutcome::Retry,
        Some("a timeout"),
    );
}

#[test]
fn one_that_cannot_succeed_takes_it_into_quarantine() {
    check(
        &[("0", "done"), ("0", "rejected")],
        RecordOutcome::Quarantined,
        Some("no image"),
    );
    check(
        &[("0", "reject")],
        RecordOutcome::Quarantined,
        Some("it is bad"),
    );
}

#[test]
fn what_was_decided_without_an_action_stands() {
    check(
        &[("0", "ignore")],
        RecordOutcome::Ignored,
        Some("nothing to do"),
    );
    check(&[("0", "retry")], RecordOutcome::Retry, Some("throttled"));
}

#[test]
fn one_record_s_failure_is_not_another_s() {
    let run = run_of(
        &[("0", "failed"), ("1", "done"), ("2", "rejected")],
        Mode::Apply,
    );
    let outcomes: Vec<RecordOutcome> = run.records.iter().map(|row| row.outcome).collect();
    assert_eq!(
        outcomes,
        [
            RecordOutcome::Retry,
            RecordOutcome::Done,
            RecordOutcome::Quarantined
        ]
    );
}

#[test]
fn nothing_is_applied_in_a_dry_run_and_the_answer_to_ses_is_known_all_the_same() {
    let run = run_of(&[("0", "done"), ("1", "ignore")], Mode::DryRun);
    assert_eq!(run.records[0].outcome, RecordOutcome::Planned);
    assert_eq!(run.records[0].disposition, Some(Disposition::StopRule));
    assert_eq!(run.outcome, RunOutcome::Ok);
    assert_eq!(
        serde_json::to_value(Disposition::StopRuleSet).expect("it is a word"),
        "STOP_RULE_SET"
    );
}
