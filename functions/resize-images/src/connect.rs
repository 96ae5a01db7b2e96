//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Limits, Result, Statement};
use lamplighter_events::{Envelope, Record, Work};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

use crate::apply::Resizer;
use crate::observe::ResizeImages;
use crate::plan;
use crate::rules::Rules;

impl Connect for ResizeImages {
    type Applier = Resizer;

    const TRIGGER: &'static str = "S3 object created or removed; schedule";
    const IS_GLOBAL: bool = true;
    const CONSUMES: bool = true;
    const RULES: &'static [&'static str] = plan::RULES;
    const CHANGES: &'static str = "stores resized copies";

    fn rules(config: &Config) -> Result<Rules> {
        Ok(Rules::of(&config.resize_images))
    }

    /// It writes only where its copies are, a few for each image that came.
    fn limits(_config: &Config) -> Option<Limits> {
        None
    }

    fn event(envelope: &Envelope, records: Vec<Record>) -> Result<Work> {
        Ok(Work::new(envelope, records))
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(session: Arc<Session>, config: &Config, _clock: Clock) -> Result<Resizer> {
        Ok(Resizer::new(session, Rules::of(&config.resize_images)))
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
