//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Error, Limits, NoAction, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

use crate::observe::ReportCertificates;
use crate::rules::Rules;

impl Connect for ReportCertificates {
    type Applier = NoAction;

    const TRIGGER: &'static str = "schedule";
    const CHANGES: &'static str = "none";
    const RULES: &'static [&'static str] = crate::plan::RULES;

    fn rules(config: &Config) -> Result<Rules> {
        let section = &config.report_certificates;
        Ok(Rules {
            warn_days: section.warn_days,
            iam: section.iam,
            acm: section.acm,
            files: section.files.clone(),
            file_passwords: section
                .file_passwords
                .iter()
                .map(|(pattern, source)| (pattern.clone(), source.clone()))
                .collect(),
            endpoints: section.endpoints.clone(),
            endpoint_addresses: section.endpoint_addresses,
            endpoint_timeout_secs: section.endpoint_timeout_secs,
        })
    }

    fn limits(_config: &Config) -> Option<Limits> {
        None
    }

    fn event(_envelope: &Envelope, _records: Vec<Record>) -> Result<()> {
        Ok(())
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(_session: Arc<Session>, _config: &Config, _clock: Clock) -> Result<NoAction> {
        Err(Error::permanent(
            "`report-certificates` changes nothing, so there is nothing to apply",
        ))
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
