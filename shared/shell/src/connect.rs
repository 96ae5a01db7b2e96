//! What a function says about itself so that it can be run anywhere: by the CLI, the daemon, a Lambda.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Apply, Function, Limits, Result, Run, Statement};
use lamplighter_events::{Envelope, Record};

use crate::clock::Clock;
use crate::round::{self, Invocation, Planned};
use crate::settings::Settings;

/// A function that can be connected: from configuration to rules, from a session to clients.
pub trait Connect: Function {
    /// What applies its actions.
    type Applier: Apply<Self::Action>;

    /// What sets it off, in a word or two: `schedule`.
    const TRIGGER: &'static str;
    /// What it changes, for `lamplighter list`.
    const CHANGES: &'static str;

    /// The names of its rules, which exceptions may name.
    const RULES: &'static [&'static str];

    /// Whether it only looks at services without regions, and so needs no list of them.
    const IS_GLOBAL: bool = false;

    /// Whether it works on the records of events. Such a function also has rounds, which report its quarantine.
    const CONSUMES: bool = false;

    /// Whether the report of an event's run is delivered when it has findings. Otherwise they wait for the round.
    const REPORTS_EVENTS: bool = false;

    /// What to judge by.
    fn rules(config: &Config) -> Result<Self::Rules>;

    /// How much one run may change; `None` for functions that change nothing.
    fn limits(config: &Config) -> Option<Limits>;

    /// What set it off. `records` are those of the event that are this run's to work on; a scheduled function has none.
    fn event(envelope: &Envelope, records: Vec<Record>) -> Result<Self::Event>;

    /// The function with clients that can only read.
    fn connect(session: Arc<Session>) -> Self;

    /// What applies, with clients that can change things. Called only to apply.
    fn applier(
        session: Arc<Session>,
        config: &Config,
        clock: Clock,
    ) -> impl Future<Output = Result<Self::Applier>> + Send;

    /// The IAM statements it needs under a configuration, beside those that all functions share.
    fn permissions(config: &Config) -> Vec<Statement>;
}

/// A future that can be stored.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One function in the list of all functions, without its types.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The verb phrase people type.
    pub name: &'static str,
    /// What sets it off.
    pub trigger: &'static str,
    /// What it changes.
    pub changes: &'static str,
    /// Whether it only looks at services without regions.
    pub is_global: bool,
    /// Whether it works on the records of events.
    pub consumes: bool,
    /// The names of its rules.
    pub rules: &'static [&'static str],
    /// One run: observe, plan, apply, deliver, record, as far as the mode allows.
    pub run: fn(Arc<Settings>, Invocation) -> Pending<Result<Run>>,
    /// A plan that is not applied, with the text of its plan file.
    pub plan: fn(Arc<Settings>, Invocation) -> Pending<Result<Planned>>,
    /// Applies the plan file `(name, text)`.
    pub apply: fn(Arc<Settings>, Invocation, String, String) -> Pending<Result<Run>>,
    /// The IAM statements it needs.
    pub permissions: fn(&Config) -> Vec<Statement>,
}

/// The entry of a function.
pub fn entry<F: Connect>() -> Entry {
    Entry {
        name: F::NAME,
        trigger: F::TRIGGER,
        changes: F::CHANGES,
        is_global: F::IS_GLOBAL,
        consumes: F::CONSUMES,
        rules: F::RULES,
        run: |settings, invocation| {
            Box::pin(async move { round::run::<F>(&settings, invocation).await })
        },
        plan: |settings, invocation| {
            Box::pin(async move { round::plan::<F>(&settings, invocation).await })
        },
        apply: |settings, invocation, name, text| {
            Box::pin(async move { round::apply::<F>(&settings, invocation, &name, &text).await })
        },
        permissions: F::permissions,
    }
}
