//! What the Lambda, the daemon and the CLI need to run it: from configuration to rules, from a session to clients.

use std::sync::Arc;

use lamplighter_aws::Session;
use lamplighter_config::{self as config, Config};
use lamplighter_core::{Error, Limits, Result, Statement};
use lamplighter_events::{Envelope, Record};
use lamplighter_shell::Connect;
use lamplighter_shell::clock::Clock;
use lamplighter_shell::warning::Post;
use regex_lite::Regex;

use crate::apply::Stopper;
use crate::observe::StopUntagged;
use crate::plan::RULE;
use crate::rules::{Ending, Rules, WorkHours};

impl Connect for StopUntagged {
    type Applier = Stopper;

    const TRIGGER: &'static str = "schedule";
    const RULES: &'static [&'static str] = &[RULE];
    const CHANGES: &'static str = "marks, unmarks, stops (or terminates) EC2 instances";

    fn rules(config: &Config) -> Result<Rules> {
        let section = &config.stop_untagged;
        let allowed_values = section.allowed_values.iter().map(|(tag, pattern)| {
            // The whole value must match, not a part of it.
            let pattern = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                Error::config(format!(
                    "the pattern of `allowed_values.{tag}` is no regular expression"
                ))
                .caused_by(error)
            })?;
            Ok((tag.clone(), pattern))
        });
        Ok(Rules {
            required_tags: section.required_tags.clone(),
            allowed_values: allowed_values.collect::<Result<_>>()?,
            case_sensitive: section.case_sensitive,
            ending: match section.action {
                config::Action::Stop => Ending::Stop,
                config::Action::Terminate => Ending::Terminate,
            },
            grace_hours: section.grace_hours,
            min_age_hours: section.min_age_hours,
            exempt_tags: section.exempt_tags.clone(),
            excepted_tags: config
                .exceptions
                .iter()
                .filter(|exception| exception.rule == RULE)
                .filter_map(|exception| exception.tag_key().map(str::to_owned))
                .collect(),
            owner_tags: section.owner_tags.clone(),
            owner_domains: section.owner_domains.clone(),
            to: config.mail_of("stop-untagged").1.to_vec(),
            work_hours: section.work_hours.map(|hours| WorkHours {
                hours,
                zone: section.work_hours_zone,
                days: section.work_days.clone(),
            }),
            probe_permissions: section.probe_permissions,
        })
    }

    fn limits(config: &Config) -> Option<Limits> {
        let section = &config.stop_untagged;
        Some(Limits {
            max_actions: section.max_actions as usize,
            max_percent: f64::from(section.max_percent),
            min_population: section.min_population as usize,
            max_jump_percent: Some(f64::from(section.max_untagged_jump_percent)),
        })
    }

    fn event(_envelope: &Envelope, _records: Vec<Record>) -> Result<()> {
        Ok(())
    }

    fn connect(session: Arc<Session>) -> Self {
        Self::new(session)
    }

    async fn applier(session: Arc<Session>, config: &Config, clock: Clock) -> Result<Stopper> {
        let post = Post::open(&session, config)?;
        Ok(Stopper::new(session, post, clock))
    }

    fn permissions(config: &Config) -> Vec<Statement> {
        crate::permissions::permissions(config)
    }
}
