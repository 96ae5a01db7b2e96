//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::Config;
use lamplighter_core::{Error, Limits, Result, Statement};
use lamplighter_events::{Envelope, Record, Work};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;

use crate::apply::Archivist;
use crate::observe::ArchiveMail;
use crate::plan;
use crate::rules::Rules;

impl Connect for ArchiveMail {
    type Applier = Archivist;

    const TRIGGER: &'static str = "SES inbound mail; schedule";
    const IS_GLOBAL: bool = true;
    const CONSUMES: bool = true;
    const RULES: &'static [&'static str] = plan::RULES;
    const CHANGES: &'static str = "archives raw mail, extracts attachments, writes a linked copy";

    fn rules(config: &Config) -> Result<Rules> {
        Rules::of(&config.archive_mail)
    }

    /// It writes into its own archive only, once for each mail that came.
    fn limits(_config: &Config) -> Option<Limits> {
        None
    }

    fn event(envelope: &Envelope, records: Vec<Record>) -> Result<Work> {
        Ok(Work::new(envelope, records))
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(session: Arc<Session>, config: &Config, clock: Clock) -> Result<Archivist> {
        if config.archive_mail.archive_bucket.is_none() {
            return Err(
                Error::config("`archive_bucket` in [archive-mail] is not set")
                    .hint("set it to the bucket of the archive"),
            );
        }
        Archivist::new(session, config, clock)
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
