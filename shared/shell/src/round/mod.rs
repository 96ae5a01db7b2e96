//! One run of one function, whoever asked for it: session, state, observe, plan, apply, deliver, record.

mod ending;
mod invocation;
mod parts;
mod slot;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use lamplighter_aws::Session;
use lamplighter_aws::state::{StateReader, StateWriter};
use lamplighter_config::{self as config, Config};
use lamplighter_core::{
    self as core, Account, Delta, Error, ErrorKind, Exception, Limits, Mode, PlanFile, Request,
    Result, Run, RunOutcome, Trigger, chain,
};
use lamplighter_events::deliver;
use tracing::{Instrument, info, info_span, warn};
use ulid::Ulid;

pub use self::ending::TIME_TO_END;
use self::ending::{cut_off, patience};
pub use self::invocation::Invocation;
use self::slot::longest;
use crate::connect::Connect;
use crate::continuation::{self, Continuation};
use crate::delivery;
use crate::intake::{self, Intake, Once, Waves};
use crate::settings::Settings;

/// A plan that was not applied, and its plan file's text.
pub struct Planned {
    /// The record of the plan.
    pub run: Run,
    /// The plan file.
    pub file: String,
}

/// Runs a function as far as its mode allows.
pub async fn run<F: Connect>(settings: &Settings, invocation: Invocation) -> Result<Run> {
    let mode = invocation.mode::<F>(&settings.config)?;
    if mode == Mode::Plan && invocation.has_records::<F>() && invocation.trigger != Trigger::Manual
    {
        intake::refuse_in_plan_mode(F::NAME)?;
    }
    let run_id = invocation
        .run_id
        .clone()
        .unwrap_or_else(|| Ulid::generate().to_string());
    let span = span::<F>(&run_id, mode, &invocation);
    let mut claimed = None;
    let mut open_desk = None;
    let is_acting = AtomicBool::new(false);
    let work = async {
        let round = Round::begin::<F>(settings, &invocation, &run_id).await?;
        let rules = F::rules(&settings.config)?;
        let request = round.request::<F>(settings, &invocation, mode)?;
        let intake = round.intake::<F>(settings, &invocation).await;
        let fresh = intake.as_ref().map(Intake::fresh).unwrap_or_default();
        let event = F::event(&invocation.envelope, fresh)?;
        if invocation.trigger != Trigger::Manual {
            claimed = round.claim::<F>(settings, &invocation, &request).await?;
        }
        let desk = match &intake {
            Some(intake) => Some(round.desk::<F>(settings, &invocation, intake, mode)?),
            None => None,
        };
        open_desk.clone_from(&desk);
        let function = F::connect(Arc::clone(&round.session));
        let applier = || {
            is_acting.store(true, Ordering::Relaxed);
            let (session, desk) = (Arc::clone(&round.session), desk.clone());
            let waves = invocation.deadline.map(|deadline| Waves {
                size: usize::try_from(settings.config.aws.concurrency).unwrap_or(usize::MAX),
                has_time: continuation::time_until(deadline, &settings.clock),
            });
            let clock = Arc::clone(&settings.clock);
            async move {
                let inner = F::applier(session, &settings.config, clock).await?;
                Ok(Once { inner, desk, waves })
            }
        };
        // Boxed: the type of a whole run is deeper than the compiler looks.
        let (mut run, _) =
            Box::pin(core::run(&function, &event, &rules, &request, applier)).await?;
        is_acting.store(true, Ordering::Relaxed);
        match (&intake, &desk) {
            (Some(intake), Some(desk)) => {
                intake.conclude(&mut run, desk).await;
                round.finish_event::<F>(settings, &mut run).await;
            }
            _ => {
                let goes_on = round.take_part(settings, &invocation, &mut run).await?;
                if F::CONSUMES
                    && let Some(state) = &round.state
                {
                    intake::report_quarantine(&mut run, state, &round.session).await;
                }
                if goes_on && round.state.is_some() {
                    // The last part reports for all of them.
                    log_end(&run);
                } else {
                    round.compare(&mut run);
                    round.finish(settings, &mut run).await;
                }
            }
        }
        Ok(run)
    };
    let result = async {
        tokio::select! {
            result = work => result,
            () = cut_off(&invocation, &settings.clock, &is_acting) => {
                Err(Error::new(ErrorKind::Interrupted, "told to end"))
            }
        }
    };
    // A panic goes on after the slot and the records are free for another try.
    let result = AssertUnwindSafe(result)
        .catch_unwind()
        .instrument(span)
        .await;
    let is_done = matches!(result, Ok(Ok(_)));
    let patience = patience(&invocation, &settings.clock);
    let settle = async {
        if let Some(claimed) = claimed {
            claimed.settle(is_done, patience).await;
        }
    };
    let give_back = async {
        if let Some(desk) = open_desk {
            // Whatever is still claimed has not come to its end.
            desk.give_back(patience).await;
        }
    };
    tokio::join!(settle, give_back);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Observes and plans, and writes the plan file's text. Delivers nothing, remembers nothing.
pub async fn plan<F: Connect>(settings: &Settings, invocation: Invocation) -> Result<Planned> {
    let run_id = Ulid::generate().to_string();
    let span = span::<F>(&run_id, Mode::Plan, &invocation);
    async {
        let round = Round::begin::<F>(settings, &invocation, &run_id).await?;
        let rules = F::rules(&settings.config)?;
        let request = round.request::<F>(settings, &invocation, Mode::Plan)?;
        let intake = round.intake::<F>(settings, &invocation).await;
        let fresh = intake.as_ref().map(Intake::fresh).unwrap_or_default();
        let event = F::event(&invocation.envelope, fresh)?;
        let function = F::connect(Arc::clone(&round.session));
        let (mut run, actions) =
            Box::pin(core::plan_only(&function, &event, &rules, &request)).await?;
        match &intake {
            Some(intake) => {
                let desk = round.desk::<F>(settings, &invocation, intake, Mode::Plan)?;
                intake.conclude(&mut run, &desk).await;
            }
            None => round.compare(&mut run),
        }
        log_end(&run);
        Ok(Planned {
            file: PlanFile::seal(&run, &actions)?,
            run,
        })
    }
    .instrument(span)
    .await
}

/// Applies a plan file, or shows what it would do. Never does anything that is not in the file.
pub async fn apply<F: Connect>(
    settings: &Settings,
    invocation: Invocation,
    name: &str,
    text: &str,
) -> Result<Run> {
    let mode = invocation.mode.unwrap_or(Mode::Apply);
    let run_id = Ulid::generate().to_string();
    let span = span::<F>(&run_id, mode, &invocation);
    async {
        let file = PlanFile::open(name, text)?;
        let actions = file.actions::<F::Action>(name)?;
        let round = Round::begin::<F>(settings, &invocation, &run_id).await?;
        file.check(name, &round.session.caller().account, (settings.clock)())?;
        let request = round.request::<F>(settings, &invocation, mode)?;
        let applier = || {
            F::applier(
                Arc::clone(&round.session),
                &settings.config,
                Arc::clone(&settings.clock),
            )
        };
        let mut run = core::apply_plan(file.run, &actions, &request, applier).await;
        round.compare(&mut run);
        round.finish(settings, &mut run).await;
        Ok(run)
    }
    .instrument(span)
    .await
}

fn configured<F: Connect>(config: &Config) -> Result<&config::Common> {
    config
        .section(F::NAME)
        .ok_or_else(|| Error::config(format!("there is no section [{}]", F::NAME)))
}

fn span<F: Connect>(run_id: &str, mode: Mode, invocation: &Invocation) -> tracing::Span {
    let metadata = serde_json::Value::Object(invocation.envelope.metadata.clone());
    info_span!("run", function = F::NAME, run_id, mode = mode.as_str(), metadata = %crate::logging::sanitised(&metadata))
}

/// A run that has begun: whose credentials these are, and what the last one found.
struct Round {
    run_id: String,
    session: Arc<Session>,
    last: Option<Run>,
    state: Option<StateReader>,
    continuation: Continuation,
}

impl Round {
    async fn begin<F: Connect>(
        settings: &Settings,
        invocation: &Invocation,
        run_id: &str,
    ) -> Result<Self> {
        let config = &settings.config;
        info!("the run begins");
        let continuation = Continuation::of(&invocation.envelope)?;
        let mut session = settings.session(F::NAME, run_id).await?;
        let has_time = invocation
            .deadline
            .map(|deadline| continuation::time_until(deadline, &settings.clock));
        session.go_on(continuation.done(), has_time);
        let session = Arc::new(session);
        let state = StateReader::open(config.state.url.as_ref(), &session);
        let last = match &state {
            Some(state) => state.latest(F::NAME).await?,
            None => None,
        };
        Ok(Self {
            run_id: run_id.to_owned(),
            session,
            last,
            state,
            continuation,
        })
    }

    /// The records of an event, as far as they are this run's; `None` for a round, and for a function without events.
    async fn intake<F: Connect>(
        &self,
        settings: &Settings,
        invocation: &Invocation,
    ) -> Option<Intake> {
        if !invocation.has_records::<F>() {
            return None;
        }
        let intake = Intake::open(
            F::NAME,
            deliver(&invocation.envelope),
            self.state.as_ref(),
            &self.session,
            invocation.trigger() == Trigger::Replay,
            (settings.clock)(),
        )
        .await;
        Some(intake)
    }

    /// Where the records are claimed. A claim holds as long as the run may take.
    fn desk<F: Connect>(
        &self,
        settings: &Settings,
        invocation: &Invocation,
        intake: &Intake,
        mode: Mode,
    ) -> Result<Arc<intake::Desk>> {
        let now = (settings.clock)();
        let lease = longest::<F>(settings, invocation, now)? - now;
        let writer = if mode == Mode::Apply {
            StateWriter::open(settings.config.state.url.as_ref(), &self.session)
        } else {
            None
        };
        Ok(intake.desk(writer, &self.run_id, Arc::clone(&settings.clock), lease))
    }

    fn request<'a, F: Connect>(
        &self,
        settings: &'a Settings,
        invocation: &Invocation,
        mode: Mode,
    ) -> Result<Request<'a>> {
        let limits = F::limits(&settings.config);
        Ok(Request {
            run_id: self.run_id.clone(),
            mode,
            trigger: invocation.trigger(),
            slot: invocation.envelope.slot(),
            account: Account {
                id: self.session.caller().account.clone(),
                alias: settings.config.aws.account_alias.clone(),
            },
            metadata: invocation.envelope.metadata.clone(),
            notes: self.notes(limits.as_ref()),
            limits,
            exceptions: exceptions::<F>(&settings.config),
            previous: self
                .last
                .as_ref()
                .map(|last| last.measures.clone())
                .unwrap_or_default(),
            before: self.continuation.tally(),
            clock: &*settings.clock,
        })
    }

    fn notes(&self, limits: Option<&Limits>) -> Vec<String> {
        if self.state.is_some() {
            return vec![];
        }
        let jump = if limits.is_some_and(|limits| limits.max_jump_percent.is_some()) {
            ", and the limit on sudden growth (`max_untagged_jump_percent`) is off"
        } else {
            ""
        };
        vec![format!(
            "no [state] is configured: what is new since the last run is not known{jump}"
        )]
    }

    /// Finds out what is new since the last recorded run.
    fn compare(&self, run: &mut Run) {
        if self.state.is_some() {
            run.delta = Some(Delta::between(self.last.as_ref(), run));
        }
    }

    /// Delivers the report and records the run, as far as the mode allows. What fails is in the record, and hides
    /// nothing of what was done.
    async fn finish(&self, settings: &Settings, run: &mut Run) {
        if run.mode != Mode::DryRun {
            let delivered =
                delivery::deliver(settings, &self.session, run, self.last.as_ref()).await;
            run.digested_on = delivered.digested_on;
            for delivery in delivered.deliveries {
                run.delivered(delivery);
            }
            if let Some(writer) =
                StateWriter::open(settings.config.state.url.as_ref(), &self.session)
                && let Err(error) = writer.record(run).await
            {
                run.went_wrong("state", chain(&error));
            }
        }
        log_end(run);
    }

    /// The same for the run of an event. Its report is delivered if the function wants that and there is something to
    /// tell. It is recorded if something is left over: what was done stands in the ledger, and a record for each of a
    /// million images would cost more than the images.
    async fn finish_event<F: Connect>(&self, settings: &Settings, run: &mut Run) {
        if run.mode != Mode::DryRun {
            if F::REPORTS_EVENTS && run.has_findings() {
                let delivered = delivery::deliver(settings, &self.session, run, None).await;
                for delivery in delivered.deliveries {
                    run.delivered(delivery);
                }
            }
            if run.outcome != RunOutcome::Ok
                && let Some(writer) =
                    StateWriter::open(settings.config.state.url.as_ref(), &self.session)
                && let Err(error) = writer.record_event(run).await
            {
                run.went_wrong("state", chain(&error));
            }
        }
        log_end(run);
    }
}

fn log_end(run: &Run) {
    for row in &run.errors {
        warn!(scope = row.scope, "{}", row.message);
    }
    for record in &run.records {
        info!(
            record = record.id,
            subject = record.subject,
            outcome = record.outcome.as_str(),
            reason = record.reason,
            "record"
        );
    }
    for action in &run.actions {
        info!(
            account = action.account,
            region = action.region,
            resource = action.resource,
            outcome = action.outcome.as_str(),
            "{}",
            action.action
        );
    }
    info!(
        outcome = run.outcome.as_str(),
        inspected = run.summary.inspected,
        findings = run.summary.fail + run.summary.unknown,
        planned = run.summary.planned,
        done = run.summary.done,
        failed = run.summary.failed,
        "the run ends"
    );
}

/// The exceptions of the function's rules.
fn exceptions<F: Connect>(config: &Config) -> Vec<Exception> {
    let own = config
        .exceptions
        .iter()
        .filter(|exception| F::RULES.contains(&exception.rule.as_str()));
    own.map(|exception| Exception {
        rule: exception.rule.clone(),
        resource: exception.resource.clone(),
        reason: exception.reason.clone(),
        owner: exception.owner.clone(),
        ticket: exception.ticket.clone(),
        expires: exception.expires,
    })
    .collect()
}
