//! What can be done with a mail. Each action is complete, and names the mail by bucket, key, version and eTag, never by
//! its contents.

use chrono::{DateTime, Utc};
use lamplighter_core as core;
use lamplighter_core::Resource;
use lamplighter_events::Verdicts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mail::Input;
use crate::rules::{Forward, Links};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Keep the mail byte for byte, then store what is large in it on its own, then say what is known of it.
    Archive(Box<Archive>),
    /// Send a copy of the archived mail on.
    Forward(Box<Copy>),
}

/// A mail to archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The record of the event.
    pub record: String,
    /// The account that the run is in.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Where the mail is.
    pub input: Input,
    /// The bucket of the archive.
    pub bucket: String,
    /// What its keys begin with.
    pub prefix: String,
    /// Where the raw mail goes.
    pub raw_key: String,
    /// Where the sidecar goes.
    pub sidecar_key: String,
    /// Where the copy with links goes, if there is one.
    pub linked_key: String,
    /// The id that SES gave it, or one made of its key.
    pub id: String,
    /// When SES received it.
    pub received_at: DateTime<Utc>,
    /// The sender of its envelope.
    pub mail_from: Option<String>,
    /// The recipients of its envelope.
    pub recipients: Vec<String>,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// What was decided: `keep`, `quarantine`, …
    pub treatment: String,
    /// What speaks against it.
    pub reasons: Vec<String>,
    /// Attachments of this size and more are stored on their own; `None`: no attachment is, for this is no mail to touch.
    pub threshold_bytes: Option<u64>,
    /// How they are linked.
    pub links: Links,
}

/// A copy to send on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// The record of the event.
    pub record: String,
    /// The account that the run is in.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The bucket of the archive.
    pub bucket: String,
    /// Where the raw mail is by then.
    pub raw_key: String,
    /// Where it is written that it was sent on.
    pub forwarded_key: String,
    /// The mail's id.
    pub id: String,
    /// From whom, to whom, and how much at most.
    pub forward: Forward,
    /// How the mail is linked where it is too large to send.
    pub links: Links,
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let (partition, account, bucket, key) = match self {
            Self::Archive(mail) => (&mail.partition, &mail.account, &mail.bucket, &mail.raw_key),
            Self::Forward(copy) => (&copy.partition, &copy.account, &copy.bucket, &copy.raw_key),
        };
        resource(partition, account, bucket, key)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Archive(_) => "archive-mail",
            Self::Forward(_) => "forward-mail",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Archive(mail) if mail.reasons.is_empty() => "a mail came in".to_owned(),
            Self::Archive(mail) => format!(
                "a mail came in ({}): {}",
                mail.treatment,
                mail.reasons.join("; ")
            ),
            Self::Forward(copy) => {
                format!("kept, and sent on to {}", copies(copy.forward.to.len()))
            }
        }
    }

    fn precondition(&self) -> Value {
        match self {
            Self::Archive(mail) => match &mail.input {
                Input::Object {
                    bucket,
                    key,
                    version_id,
                    etag,
                    ..
                } => {
                    json!({ "bucket": bucket, "key": key, "version_id": version_id, "etag": etag })
                }
                Input::Event { size, .. } => json!({ "in_event": true, "size": size }),
            },
            Self::Forward(copy) => json!({ "archived": copy.raw_key, "forwarded": false }),
        }
    }

    fn undo(&self) -> Option<String> {
        None
    }

    fn limited_verb(&self) -> Option<&'static str> {
        None
    }

    fn record(&self) -> Option<&str> {
        match self {
            Self::Archive(mail) => Some(&mail.record),
            Self::Forward(copy) => Some(&copy.record),
        }
    }
}

/// An object as a resource.
pub(crate) fn resource(partition: &str, account: &str, bucket: &str, key: &str) -> Resource {
    Resource {
        arn: format!("arn:{partition}:s3:::{bucket}/{key}"),
        account: account.to_owned(),
        region: None,
    }
}

fn copies(count: usize) -> String {
    match count {
        1 => "one address".to_owned(),
        count => format!("{count} addresses"),
    }
}
