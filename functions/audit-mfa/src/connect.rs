//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;
use std::time::Duration;

use lamplighter_aws::Session;
use lamplighter_config::{Config, MfaRemedy};
use lamplighter_core::{Limits, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;
use lamplighter_shell::user_remedy::Enforcer;

use crate::apply::ConsoleRemedy;
use crate::observe::AuditMfa;
use crate::rules::{Remedy, Rules};

impl Connect for AuditMfa {
    type Applier = Enforcer<ConsoleRemedy>;

    const TRIGGER: &'static str = "schedule";
    const IS_GLOBAL: bool = true;
    const RULES: &'static [&'static str] = &[
        "console-user-without-mfa",
        "root-without-mfa",
        "admin-without-mfa",
        "root-access-key-active",
        "virtual-mfa-for-admin",
    ];
    const CHANGES: &'static str = "opt-in: takes console access from users without MFA";

    fn rules(config: &Config) -> Result<Rules> {
        let section = &config.audit_mfa;
        Ok(Rules {
            remedy: match section.remediate {
                MfaRemedy::None => None,
                MfaRemedy::DeleteLoginProfile => Some(Remedy::DeleteLoginProfile),
                MfaRemedy::DenyUntilMfa => Some(Remedy::DenyUntilMfa),
            },
            warned_days: section.warned_days,
            virtual_mfa_for_admin: section.virtual_mfa_for_admin,
            report_timeout: Duration::from_secs(u64::from(section.report_timeout_secs)),
            owner_tags: section.owner_tags.clone(),
            owner_domains: section.owner_domains.clone(),
            to: config.mail_of("audit-mfa").1.to_vec(),
        })
    }

    fn limits(config: &Config) -> Option<Limits> {
        let section = &config.audit_mfa;
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
        Enforcer::open(session, config, ConsoleRemedy { own }, clock)
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
