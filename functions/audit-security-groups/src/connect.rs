//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Limits, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

use crate::apply::Revoker;
use crate::observe::AuditSecurityGroups;
use crate::plan::{PROTOCOL_RULE, RULE, UNREADABLE_RULE};
use crate::rules::Rules;

impl Connect for AuditSecurityGroups {
    type Applier = Revoker;

    const TRIGGER: &'static str = "schedule";
    const RULES: &'static [&'static str] = &[RULE, PROTOCOL_RULE, UNREADABLE_RULE];
    const CHANGES: &'static str = "opt-in: revokes rules that open a port to the internet";

    fn rules(config: &Config) -> Result<Rules> {
        Ok(Rules::from(&config.audit_security_groups))
    }

    fn limits(config: &Config) -> Option<Limits> {
        let section = &config.audit_security_groups;
        Some(Limits {
            max_actions: section.max_actions as usize,
            max_percent: f64::from(section.max_percent),
            min_population: section.min_population as usize,
            // A rule that opens a port is no owner's mistake in bulk: nothing jumps here when a pipeline breaks.
            max_jump_percent: None,
        })
    }

    fn event(_envelope: &Envelope, _records: Vec<Record>) -> Result<()> {
        Ok(())
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(session: Arc<Session>, _config: &Config, _clock: Clock) -> Result<Revoker> {
        Ok(Revoker::new(session))
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
