//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;
use std::time::Duration;

use lamplighter_aws::Session;
use lamplighter_config::{Config, KeyRemedy as Configured};
use lamplighter_core::{Limits, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;
use lamplighter_shell::user_remedy::Enforcer;

use crate::apply::KeyRemedy;
use crate::observe::AuditAccessKeys;
use crate::plan::{AGE_RULE, NEVER_RULE, ROOT_RULE, TWO_RULE, UNUSED_RULE};
use crate::rules::Rules;

impl Connect for AuditAccessKeys {
    type Applier = Enforcer<KeyRemedy>;

    const TRIGGER: &'static str = "schedule";
    const IS_GLOBAL: bool = true;
    const RULES: &'static [&'static str] =
        &[AGE_RULE, UNUSED_RULE, NEVER_RULE, TWO_RULE, ROOT_RULE];
    const CHANGES: &'static str = "opt-in: deactivates old or unused access keys";

    fn rules(config: &Config) -> Result<Rules> {
        let section = &config.audit_access_keys;
        Ok(Rules {
            max_age_days: section.max_age_days,
            unused_days: section.unused_days,
            never_used_days: section.never_used_days,
            two_keys_days: section.two_keys_days,
            deactivates: section.remediate == Configured::Deactivate,
            warned_days: section.warned_days,
            report_timeout: Duration::from_secs(u64::from(section.report_timeout_secs)),
            owner_tags: section.owner_tags.clone(),
            owner_domains: section.owner_domains.clone(),
            to: config.mail_of("audit-access-keys").1.to_vec(),
        })
    }

    fn limits(config: &Config) -> Option<Limits> {
        let section = &config.audit_access_keys;
        Some(Limits {
            max_actions: section.max_actions as usize,
            max_percent: f64::from(section.max_percent),
            min_population: section.min_population as usize,
            max_jump_percent: None,
        })
    }

    fn event(_envelope: &Envelope, _records: Vec<Record>) -> Result<()> {
        Ok(())
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(
        session: Arc<Session>,
        config: &Config,
        clock: Clock,
    ) -> Result<Self::Applier> {
        let own = session.own().await?;
        Enforcer::open(session, config, KeyRemedy { own }, clock)
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
