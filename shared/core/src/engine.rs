//! The one way a function is run, by the CLI, the daemon and a Lambda alike: observe, plan, check the limits, apply.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value};

use crate::coverage::{CoverageStatus, ErrorRow};
use crate::error::{Result, chain};
use crate::exception::{Exception, ExceptionRow, except, protected};
use crate::finding::Verdict;
use crate::function::{Action, Apply, Function, Observed, Outcome};
use crate::limits::{Limits, refusal};
use crate::part::Tally;
use crate::plan::Plan;
use crate::record::{Decided, RecordOutcome, RecordRow};
use crate::run::{
    Account, ActionOutcome, ActionRow, Measure, Mode, Run, RunOutcome, SCHEMA, Skipped, Summary,
    Trigger,
};

/// What a run needs beside its function: who asked for it, how far it may go, and what time it is.
pub struct Request<'a> {
    /// A ULID.
    pub run_id: String,
    /// How far it may go.
    pub mode: Mode,
    /// What set it off.
    pub trigger: Trigger,
    /// The scheduled time it stands for.
    pub slot: Option<DateTime<Utc>>,
    /// The caller's account.
    pub account: Account,
    /// The event's metadata.
    pub metadata: Map<String, Value>,
    /// How much one run may change; `None` for functions that change nothing.
    pub limits: Option<Limits>,
    /// The exceptions of the function's rules.
    pub exceptions: Vec<Exception>,
    /// The measures of the last recorded run.
    pub previous: Vec<Measure>,
    /// What the parts of this run before this one planned and read.
    pub before: Tally,
    /// Things a reader should know about this run.
    pub notes: Vec<String>,
    /// The clock. Only `shared/shell` makes one.
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Send + Sync),
}

impl Request<'_> {
    fn now(&self) -> DateTime<Utc> {
        (self.clock)().trunc_subsecs(0)
    }
}

/// Observes and plans, and writes down what applying would do. Changes nothing, whatever the mode says.
pub async fn plan_only<F: Function>(
    function: &F,
    event: &F::Event,
    rules: &F::Rules,
    request: &Request<'_>,
) -> Result<(Run, Vec<F::Action>)> {
    let started_at = request.now();
    let observed = function.observe(event, rules).await?;
    let mut plan = F::plan(&observed.inventory, rules, started_at);
    let exceptions = except(
        &mut plan,
        &request.exceptions,
        &observed.coverage,
        started_at,
    );
    Ok(record::<F>(request, started_at, observed, plan, exceptions))
}

/// Observes, plans and, in apply mode, applies. `applier` is called only when there is something to apply and the
/// limits allow it, so that no client exists that could change anything before that.
pub async fn run<F, A, Made>(
    function: &F,
    event: &F::Event,
    rules: &F::Rules,
    request: &Request<'_>,
    applier: impl FnOnce() -> Made + Send,
) -> Result<(Run, Vec<F::Action>)>
where
    F: Function,
    A: Apply<F::Action>,
    Made: Future<Output = Result<A>> + Send,
{
    let (mut run, actions) = plan_only(function, event, rules, request).await?;
    if request.mode == Mode::Apply && !actions.is_empty() {
        match run.would_refuse.clone() {
            Some(reason) => refuse(&mut run, reason),
            None => apply_to(&mut run, &actions, applier).await,
        }
    }
    run.finished_at = request.now();
    Ok((run, actions))
}

/// Applies the actions of a plan file. The run is the file's, and becomes the record of what was done. A resource that
/// was excepted after the plan was made is left alone.
pub async fn apply_plan<Act, A, Made>(
    mut run: Run,
    actions: &[Act],
    request: &Request<'_>,
    applier: impl FnOnce() -> Made + Send,
) -> Run
where
    Act: Action,
    A: Apply<Act>,
    Made: Future<Output = Result<A>> + Send,
{
    run.run_id.clone_from(&request.run_id);
    run.mode = request.mode;
    run.trigger = request.trigger;
    run.started_at = request.now();
    let protected = protected(&run.findings, &request.exceptions, run.started_at);
    let is_open = |action: &&Act| !protected.contains_key(&action.resource());
    let open: Vec<Act> = actions.iter().filter(is_open).cloned().collect();
    if request.mode == Mode::Apply && !actions.is_empty() {
        match run.would_refuse.clone() {
            Some(reason) => refuse(&mut run, reason),
            None if open.is_empty() => run.actions.clear(),
            None => apply_to(&mut run, &open, applier).await,
        }
    } else {
        run.actions = open.iter().map(|action| row(action, None)).collect();
    }
    if run.outcome != RunOutcome::Refused {
        run.actions.extend(actions.iter().filter_map(|action| {
            let reason = protected.get(&action.resource())?;
            Some(row(action, Some(Outcome::Vetoed(reason.clone()))))
        }));
        count_actions(&mut run);
    }
    run.finished_at = request.now();
    run
}

/// Nothing was changed, and the run says why.
fn refuse(run: &mut Run, reason: String) {
    run.outcome = RunOutcome::Refused;
    for record in &mut run.records {
        if record.outcome == RecordOutcome::Planned {
            record.outcome = RecordOutcome::Retry;
            record.reason = Some(reason.clone());
        }
    }
    run.errors.push(ErrorRow {
        scope: "limits".to_owned(),
        message: format!("{reason}; nothing was changed"),
    });
}

async fn apply_to<Act, A, Made>(
    run: &mut Run,
    actions: &[Act],
    applier: impl FnOnce() -> Made + Send,
) where
    Act: Action,
    A: Apply<Act>,
    Made: Future<Output = Result<A>> + Send,
{
    let mut outcomes = match applier().await {
        Ok(applier) => applier.apply(actions).await,
        Err(error) => {
            let reason = chain(&error);
            vec![Outcome::Failed(reason); actions.len()]
        }
    };
    outcomes.resize(
        actions.len(),
        Outcome::Failed("no outcome was reported".to_owned()),
    );
    for record in &mut run.records {
        let own: Vec<&Outcome> = actions
            .iter()
            .zip(&outcomes)
            .filter(|(action, _)| action.record() == Some(record.id.as_str()))
            .map(|(_, outcome)| outcome)
            .collect();
        conclude(record, &own);
    }
    run.actions = actions
        .iter()
        .zip(outcomes)
        .map(|(action, outcome)| row(action, Some(outcome)))
        .collect();
    count_actions(run);
    if run.summary.failed > 0 {
        run.outcome = RunOutcome::Partial;
    }
}

/// What becomes of a record whose actions had these outcomes. One that may succeed later is delivered again as a whole:
/// what was done already is found done. Then one that cannot succeed takes it into quarantine.
fn conclude(record: &mut RecordRow, outcomes: &[&Outcome]) {
    if record.outcome != RecordOutcome::Planned {
        return;
    }
    let failed = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed(why) => Some((RecordOutcome::Retry, why)),
        _ => None,
    });
    let rejected = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Rejected(why) => Some((RecordOutcome::Quarantined, why)),
        _ => None,
    });
    (record.outcome, record.reason) = match failed.or(rejected) {
        Some((outcome, why)) => (outcome, Some(why.clone())),
        None => (
            RecordOutcome::Done,
            // An action that was left alone says why there was nothing to do.
            outcomes.iter().find_map(|outcome| match outcome {
                Outcome::Vetoed(why) => Some(why.clone()),
                _ => None,
            }),
        ),
    };
}

fn record<F: Function>(
    request: &Request<'_>,
    started_at: DateTime<Utc>,
    observed: Observed<F::Inventory>,
    plan: Plan<F::Action>,
    exceptions: Vec<ExceptionRow>,
) -> (Run, Vec<F::Action>) {
    let mut acting: BTreeMap<String, usize> = BTreeMap::new();
    let mut verb = "";
    for action in &plan.actions {
        if let Some(limited) = action.limited_verb() {
            verb = limited;
            *acting.entry(action.resource().account).or_default() += 1;
        }
    }
    let mut populations = plan.populations;
    request.before.add_to(&mut acting, &mut populations);
    let would_refuse = request.limits.as_ref().and_then(|limits| {
        let here = || refusal(limits, verb, &acting, &populations, &request.previous);
        request.before.refusal().or_else(here)
    });
    let tally = request
        .before
        .with(&acting, &populations, would_refuse.clone());

    // A share measured over half of an account, or one that a limit refused, must not become the yardstick of the
    // next run: the limit would give way after one refusal.
    let unreadable: BTreeSet<&str> = observed
        .coverage
        .iter()
        .filter(|coverage| coverage.status == CoverageStatus::Unreadable)
        .filter_map(|coverage| coverage.scope.split('/').next())
        .collect();
    let mut measures = request.previous.clone();
    if would_refuse.is_none() {
        for measure in populations
            .iter()
            .filter_map(|population| population.measure())
        {
            if !unreadable.contains(measure.account.as_str()) {
                measures.retain(|known| {
                    (&known.account, &known.name) != (&measure.account, &measure.name)
                });
                measures.push(measure);
            }
        }
    }

    let judged: BTreeSet<&str> = plan
        .findings
        .iter()
        .map(|finding| finding.resource.as_str())
        .collect();
    let mut summary = Summary {
        inspected: judged.len(),
        skipped: plan.skipped.len(),
        ..Summary::default()
    };
    for finding in &plan.findings {
        match finding.verdict {
            Verdict::Pass => summary.pass += 1,
            Verdict::Fail => summary.fail += 1,
            Verdict::NotApplicable => summary.not_applicable += 1,
            Verdict::Unknown => summary.unknown += 1,
        }
    }
    let mut errors: Vec<ErrorRow> = observed
        .coverage
        .iter()
        .filter_map(|coverage| {
            let message = coverage.error.clone()?;
            Some(ErrorRow {
                scope: coverage.scope.clone(),
                message,
            })
        })
        .collect();
    errors.extend(observed.errors);

    let mut findings = plan.findings;
    findings.sort_by(|a, b| a.rank().cmp(&b.rank()));
    let mut notes = request.notes.clone();
    notes.extend(plan.notes);

    let mut run = Run {
        schema: Cow::Borrowed(SCHEMA),
        run_id: request.run_id.clone(),
        function: Cow::Borrowed(F::NAME),
        mode: request.mode,
        trigger: request.trigger,
        slot: request.slot,
        started_at,
        finished_at: request.now(),
        account: request.account.clone(),
        outcome: if errors.is_empty() && plan.records.iter().all(Decided::is_settled) {
            RunOutcome::Ok
        } else {
            RunOutcome::Partial
        },
        would_refuse,
        summary,
        coverage: observed.coverage,
        findings,
        actions: plan
            .actions
            .iter()
            .map(|action| row(action, None))
            .collect(),
        skipped: plan
            .skipped
            .into_iter()
            .map(|skip| Skipped {
                resource: skip.resource.arn,
                account: skip.resource.account,
                region: skip.resource.region,
                reason: skip.reason,
            })
            .collect(),
        errors,
        notes,
        measures,
        deliveries: vec![],
        metadata: request.metadata.clone(),
        records: plan.records.into_iter().map(RecordRow::from).collect(),
        exceptions,
        delta: None,
        part: None,
        tally,
        digested_on: None,
    };
    count_actions(&mut run);
    (run, plan.actions)
}

fn row<Act: Action>(action: &Act, outcome: Option<Outcome>) -> ActionRow {
    let resource = action.resource();
    let (outcome, reason, undo) = match outcome {
        None => (ActionOutcome::Planned, Some(action.reason()), action.undo()),
        Some(Outcome::Done) => (ActionOutcome::Done, Some(action.reason()), action.undo()),
        Some(Outcome::Vetoed(why)) => (ActionOutcome::Vetoed, Some(why), None),
        Some(Outcome::Vanished) => (
            ActionOutcome::Vanished,
            Some("the resource is gone".to_owned()),
            None,
        ),
        Some(Outcome::Failed(why) | Outcome::Rejected(why)) => {
            (ActionOutcome::Failed, Some(why), None)
        }
    };
    ActionRow {
        resource: resource.arn,
        account: resource.account,
        region: resource.region,
        action: Cow::Borrowed(action.name()),
        outcome,
        reason,
        undo,
    }
}

fn count_actions(run: &mut Run) {
    let count = |outcome| {
        run.actions
            .iter()
            .filter(|row| row.outcome == outcome)
            .count()
    };
    let (planned, done, failed) = (
        count(ActionOutcome::Planned),
        count(ActionOutcome::Done),
        count(ActionOutcome::Failed),
    );
    run.summary.planned = planned;
    run.summary.done = done;
    run.summary.failed = failed;
}
