//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_aws::state::StateWriter;
use lamplighter_config::Config;
use lamplighter_core::{Error, Limits, Result, Statement};
use lamplighter_events::{Envelope, Record, Work};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

use crate::apply::Deployer;
use crate::observe::DeployBundles;
use crate::plan::{
    APPSPEC_RULE, EVENT_RULE, FAILED_RULE, GONE_RULE, GROUP_RULE, PENDING_RULE, REGION_RULE,
    ROUTE_RULE, UNUSABLE_RULE,
};
use crate::rules::Rules;

impl Connect for DeployBundles {
    type Applier = Deployer;

    const TRIGGER: &'static str =
        "S3 object created; CodeDeploy state change; schedule (drains what is pending)";
    const IS_GLOBAL: bool = true;
    const CONSUMES: bool = true;
    const REPORTS_EVENTS: bool = true;
    const RULES: &'static [&'static str] = &[
        FAILED_RULE,
        APPSPEC_RULE,
        ROUTE_RULE,
        UNUSABLE_RULE,
        REGION_RULE,
        GROUP_RULE,
        PENDING_RULE,
        GONE_RULE,
        EVENT_RULE,
    ];
    const CHANGES: &'static str = "starts CodeDeploy deployments";

    fn rules(config: &Config) -> Result<Rules> {
        Ok(Rules::new(
            &config.deploy_bundles,
            config.state.url.as_ref(),
        ))
    }

    fn limits(_config: &Config) -> Option<Limits> {
        None
    }

    fn event(envelope: &Envelope, records: Vec<Record>) -> Result<Work> {
        Ok(Work::new(envelope, records))
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(session: Arc<Session>, config: &Config, _clock: Clock) -> Result<Deployer> {
        let state = StateWriter::open(config.state.url.as_ref(), &session);
        // The check of the configuration asks for it too; this is for what gets past it.
        let state = state.ok_or_else(|| {
            Error::config("`deploy-bundles` applies nothing without a place for bundles that wait")
                .hint("set `url` in [state] to \"s3://bucket/prefix\"")
        })?;
        Ok(Deployer::new(session, state))
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
