//! What sets an event function off besides its schedule, and how AWS is told to deliver it.
//!
//! Objects and deployments come through a queue of the function's own: it keeps what arrives in a burst or during an
//! outage, and each message is acknowledged on its own. Mail comes from SES, which can invoke a Lambda and fill no queue.

use std::collections::BTreeMap;

use lamplighter_config::{Config, Correspondent, Source};
use lamplighter_core::{Error, Result};
use lamplighter_shell::Entry;
use serde_json::{Value, json};

/// How often a message is tried before it goes to the dead letters. AWS asks for five at least, so that throttled
/// attempts do not send it there.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
pub const MAX_RECEIVES: u32 = 5;

/// How long a message that is in work stays hidden, in timeouts of the function: what AWS asks for.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
pub const VISIBILITY_TIMEOUTS: u32 = 6;

/// How many messages one invocation gets, at most.
pub const BATCH: u32 = 10;

/// How many invocations work on the queue at once, if the parameter says nothing else; AWS takes 2 to 1000.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
pub const MAX_CONCURRENCY: u32 = 5;

/// What sets an event function off besides its schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The places in S3 whose new objects come through the queue.
    pub sources: Vec<Source>,
    /// Whether removed objects come too.
    pub removals: bool,
    /// Whether ended deployments of CodeDeploy come through the queue.
    pub deployments: bool,
    /// What SES receives.
    pub mail: Option<Mail>,
}

/// A receipt rule of SES: it stores the mail, and then invokes the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Where the mail is stored.
    pub source: Source,
    /// Whose mail, as receipt rules have it; empty: everybody's of all verified domains.
    pub recipients: Vec<String>,
}

impl Events {
    /// What the configuration says of an event function; nothing for the others.
    pub fn of(entry: &Entry, config: &Config) -> Result<Option<Self>> {
        let Some(intake) = config.intake(entry.name).filter(|_| entry.consumes) else {
            return Ok(None);
        };
        let mut sources = intake.sources.clone();
        if sources.is_empty() {
            let fault = format!("`sources` in [{}] is empty", entry.name);
            return Err(Error::config(fault)
                .hint("say where its objects are, such as \"s3://bucket/prefix/\""));
        }
        if let Some(all) = sources.iter().find(|source| source.prefix.is_empty()) {
            let fault = format!("`{all}` in `sources` of [{}] has no prefix", entry.name);
            return Err(Error::config(fault).hint(format!(
                "write `{all}prefix/`: else everything in the bucket sets the function off, and what it writes there does"
            )));
        }
        let mut mail = None;
        if entry.name == "archive-mail" {
            mail = Some(Mail {
                source: sources.remove(0),
                recipients: config
                    .archive_mail
                    .recipients
                    .iter()
                    .flat_map(in_rule)
                    .collect(),
            });
        }
        Ok(Some(Self {
            sources,
            removals: entry.name == "resize-images" && config.resize_images.remove_copies,
            deployments: entry.name == "deploy-bundles",
            mail,
        }))
    }

    /// Whether anything comes through the queue.
    pub fn has_queue(&self) -> bool {
        !self.sources.is_empty() || self.deployments
    }

    /// The sources by their bucket.
    pub fn buckets(&self) -> BTreeMap<&str, Vec<&Source>> {
        let mut buckets: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
        for source in &self.sources {
            buckets.entry(&source.bucket).or_default().push(source);
        }
        buckets
    }

    /// The pattern of EventBridge for the objects of a source.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
    pub fn pattern(&self, source: &Source) -> Value {
        let mut kinds = vec!["Object Created"];
        if self.removals {
            kinds.push("Object Deleted");
        }
        json!({
            "source": ["aws.s3"],
            "detail-type": kinds,
            "detail": {
                "bucket": { "name": [source.bucket] },
                "object": { "key": [{ "prefix": source.prefix }] },
            },
        })
    }

    /// The notification configuration of a bucket that sends to the queue itself.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>
    pub fn notification(&self, function: &str, sources: &[&Source], queue: &str) -> Value {
        let mut kinds = vec!["s3:ObjectCreated:*"];
        if self.removals {
            kinds.extend(["s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]);
        }
        let each = sources.iter().enumerate().map(|(index, source)| {
            json!({
                "Id": format!("lamplighter-{function}-{}", index + 1),
                "QueueArn": queue,
                "Events": kinds,
                "Filter": { "Key": { "FilterRules": [{ "Name": "prefix", "Value": in_filter(&source.prefix) }] } },
            })
        });
        json!({ "QueueConfigurations": each.collect::<Vec<_>>() })
    }
}

/// The pattern of EventBridge for deployments that are over.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>
pub fn ended_deployments() -> Value {
    json!({
        "source": ["aws.codedeploy"],
        "detail-type": ["CodeDeploy Deployment State-change Notification"],
        // A state that is new counts as an end, as it does for the function.
        "detail": { "state": [{ "anything-but": ["START", "READY"] }] },
    })
}

/// A recipient as receipt rules have it: a domain does not hold those below it, which a dot in front names.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-receipt-rules-console-walkthrough.html>
fn in_rule(recipient: &Correspondent) -> Vec<String> {
    match recipient {
        Correspondent::Address { local, domain } => vec![format!("{local}@{domain}")],
        Correspondent::Domain(domain) => vec![domain.clone()],
        Correspondent::DomainAndBelow(domain) => vec![domain.clone(), format!(".{domain}")],
    }
}

/// A prefix as S3's filters compare it: with keys as they stand in notifications, encoded like the values of a form.
/// Slashes are left alone there.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>
fn in_filter(prefix: &str) -> String {
    let mut text = String::new();
    for byte in prefix.bytes() {
        match byte {
            b' ' => text.push('+'),
            b'/' | b'-' | b'_' | b'.' | b'*' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lamplighter_config::Sources;

    use super::*;
    use crate::functions;

    fn events(function: &str, text: &str) -> Result<Option<Events>> {
        let config = Config::load(&Sources {
            file: Some(("lamplighter.toml", text)),
            ..Sources::default()
        })
        .expect("the configuration is sound");
        Events::of(&functions::find(function).expect("a function"), &config)
    }

    const STATE: &str = "[state]\nurl = \"s3://state\"\n";

    #[test]
    fn a_source_without_a_prefix_and_a_function_without_sources_are_refused() {
        let all = format!("{STATE}[deploy-bundles]\nsources = [\"s3://releases\"]\n");
        let error = events("deploy-bundles", &all).expect_err("no prefix");
        assert!(error.to_string().contains("`s3://releases/`"), "{error}");
        assert!(
            error
                .hint_text()
                .is_some_and(|hint| hint.contains("s3://releases/prefix/"))
        );
        let none = format!("{STATE}[deploy-bundles]\npending_hours = 4\n");
        assert!(events("deploy-bundles", &none).is_err());
        assert_eq!(events("audit-mfa", "").expect("it takes no events"), None);
    }

    #[test]
    fn mail_is_stored_in_the_first_source_and_the_others_come_through_the_queue() {
        let text = "[archive-mail]\narchive_bucket = \"archive\"\nsources = [\"s3://incoming/a/\", \"s3://older/b/\"]\n\
                    recipients = [\"ann@example.com\", \"@example.org\", \"example.net\"]\n";
        let events = events("archive-mail", text)
            .expect("sound")
            .expect("it takes events");
        let mail = events.mail.clone().expect("SES");
        assert_eq!(mail.source.to_string(), "s3://incoming/a/");
        assert_eq!(
            mail.recipients,
            [
                "ann@example.com",
                "example.org",
                "example.net",
                ".example.net"
            ]
        );
        assert_eq!(events.buckets().keys().collect::<Vec<_>>(), [&"older"]);
        assert!(events.has_queue() && !events.deployments);
    }

    #[test]
    fn a_filter_names_a_prefix_as_notifications_write_keys() {
        assert_eq!(in_filter("in/"), "in/");
        assert_eq!(in_filter("my photos/ü&/"), "my+photos/%C3%BC%26/");
    }
}
