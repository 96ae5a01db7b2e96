//! A Lambda that panics when its event says so, for the test of what becomes of that. It reads nothing and changes
//! nothing.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Function, Limits, NoAction, Observed, Plan, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

/// Whether to panic.
struct Panics;

impl Function for Panics {
    // It has the section of a function that there is.
    const NAME: &'static str = "report-certificates";
    type Event = bool;
    type Rules = ();
    type Inventory = ();
    type Action = NoAction;

    async fn observe(&self, panics: &bool, (): &()) -> Result<Observed<()>> {
        assert!(!panics, "the event said so");
        Ok(Observed {
            inventory: (),
            coverage: vec![],
            errors: vec![],
        })
    }

    fn plan((): &(), (): &(), _now: DateTime<Utc>) -> Plan<NoAction> {
        Plan::default()
    }
}

impl Connect for Panics {
    type Applier = NoAction;

    const TRIGGER: &'static str = "by hand";
    const CHANGES: &'static str = "none";
    const RULES: &'static [&'static str] = &[];

    fn rules(_config: &Config) -> Result<()> {
        Ok(())
    }

    fn limits(_config: &Config) -> Option<Limits> {
        None
    }

    fn event(envelope: &Envelope, _records: Vec<Record>) -> Result<bool> {
        Ok(envelope.data["panic"] == true)
    }

    fn connect(_session: Arc<Session>) -> Self {
        Self
    }

    async fn applier(_session: Arc<Session>, _config: &Config, _clock: Clock) -> Result<NoAction> {
        unreachable!("there is nothing to apply")
    }

    fn permissions(_config: &Config) -> Vec<Statement> {
        vec![]
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    lamplighter_shell::lambda::serve::<Panics>().await
}
