//! One run of one function, whoever asked for it: session, state, observe, plan, apply, deliver, record.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_aws::state::{StateReader, StateWriter};
use lamplighter_config::{self as config, Config};
use lamplighter_core::{
    self as core, Account, Delivery, DeliveryOutcome, Error, ErrorRow, Limits, Mode, PlanFile,
    Request, Result, Run, RunOutcome, Trigger, chain,
};
use lamplighter_events::Envelope;
use tracing::{Instrument, info, info_span, warn};
use ulid::Ulid;

use crate::connect::Connect;
use crate::delivery;
use crate::settings::Settings;

/// How a run was asked for.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// `--dry-run` or `--apply`; `None`: as configured.
    pub mode: Option<Mode>,
    /// What set it off, unless the event says so.
    pub trigger: Trigger,
    /// The event.
    pub envelope: Envelope,
}

impl Invocation {
    /// A run by hand, without an event.
    pub fn by_hand(mode: Option<Mode>) -> Self {
        Self {
            mode,
            trigger: Trigger::Manual,
            envelope: Envelope::default(),
        }
    }

    /// The mode of the run. The event can lower it, never raise it.
    fn mode(&self, configured: config::Mode) -> Mode {
        if self.envelope.wants_dry_run() {
            return Mode::DryRun;
        }
        self.mode.unwrap_or(match configured {
            config::Mode::Plan => Mode::Plan,
            config::Mode::Apply => Mode::Apply,
        })
    }
}

/// A plan that was not applied, and its plan file's text.
pub struct Planned {
    /// The record of the plan.
    pub run: Run,
    /// The plan file.
    pub file: String,
}

/// Runs a function as far as its mode allows.
pub async fn run<F: Connect>(settings: &Settings, invocation: Invocation) -> Result<Run> {
    let mode = invocation.mode(configured::<F>(&settings.config)?.mode);
    let run_id = Ulid::generate().to_string();
    let span = span::<F>(&run_id, mode, &invocation);
    async {
        let round = Round::begin::<F>(settings, &run_id).await?;
        let event = F::event(&invocation.envelope)?;
        let rules = F::rules(&settings.config)?;
        let request = round.request::<F>(settings, &invocation, mode)?;
        let function = F::connect(Arc::clone(&round.session));
        let applier = || {
            F::applier(
                Arc::clone(&round.session),
                &settings.config,
                Arc::clone(&settings.clock),
            )
        };
        // Boxed: the type of a whole run is deeper than the compiler looks.
        let (mut run, _) =
            Box::pin(core::run(&function, &event, &rules, &request, applier)).await?;
        round.finish(settings, &mut run).await;
        Ok(run)
    }
    .instrument(span)
    .await
}

/// Observes and plans, and writes the plan file's text. Delivers nothing, remembers nothing.
pub async fn plan<F: Connect>(settings: &Settings, invocation: Invocation) -> Result<Planned> {
    let run_id = Ulid::generate().to_string();
    let span = span::<F>(&run_id, Mode::Plan, &invocation);
    async {
        let round = Round::begin::<F>(settings, &run_id).await?;
        let event = F::event(&invocation.envelope)?;
        let rules = F::rules(&settings.config)?;
        let request = round.request::<F>(settings, &invocation, Mode::Plan)?;
        let function = F::connect(Arc::clone(&round.session));
        let (run, actions) = core::plan_only(&function, &event, &rules, &request).await?;
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
        let round = Round::begin::<F>(settings, &run_id).await?;
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
    has_state: bool,
}

impl Round {
    async fn begin<F: Connect>(settings: &Settings, run_id: &str) -> Result<Self> {
        let config = &settings.config;
        let role = configured::<F>(config)?.role.as_deref();
        info!("the run begins");
        let session = settings
            .aws()
            .await?
            .session(run_id, role, Arc::clone(&settings.progress))
            .await?;
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
            has_state: state.is_some(),
        })
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
            trigger: invocation.envelope.trigger().unwrap_or(invocation.trigger),
            slot: invocation.envelope.slot(),
            account: Account {
                id: self.session.caller().account.clone(),
                alias: None,
            },
            metadata: invocation.envelope.metadata.clone(),
            notes: self.notes(limits.as_ref()),
            limits,
            previous: self
                .last
                .as_ref()
                .map(|last| last.measures.clone())
                .unwrap_or_default(),
            clock: &*settings.clock,
        })
    }

    fn notes(&self, limits: Option<&Limits>) -> Vec<String> {
        if self.has_state {
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

    /// Delivers the report and records the run, as far as the mode allows. What fails is in the record, and hides
    /// nothing of what was done.
    async fn finish(&self, settings: &Settings, run: &mut Run) {
        if run.mode != Mode::DryRun {
            let delivery = delivery::deliver(
                settings,
                &self.session,
                run,
                self.last.as_ref(),
                self.has_state,
            )
            .await;
            run.delivered(delivery);
            if let Some(writer) =
                StateWriter::open(settings.config.state.url.as_ref(), &self.session)
                && let Err(error) = writer.record(run).await
            {
                run.errors.push(ErrorRow {
                    scope: "state".to_owned(),
                    message: chain(&error),
                });
                if run.outcome == RunOutcome::Ok {
                    run.outcome = RunOutcome::Partial;
                }
            }
        }
        log_end(run);
    }
}

fn log_end(run: &Run) {
    for row in &run.errors {
        warn!(scope = row.scope, "{}", row.message);
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

/// A delivery that did not have to happen.
pub(crate) fn suppressed(reason: &str) -> Delivery {
    Delivery {
        destination: "mail".to_owned(),
        outcome: DeliveryOutcome::Suppressed,
        reason: Some(reason.to_owned()),
    }
}
