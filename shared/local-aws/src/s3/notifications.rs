//! Whom a bucket tells what happens in it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>

use serde_json::json;

use super::events::{self, encode_key};
use super::{NAMESPACE, bucket, invalid, malformed, name_of, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Element, Response, Xml};
use crate::world::World;

/// Everybody whom a bucket tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifications {
    pub(super) configurations: Vec<Notification>,
    pub(super) to_event_bridge: bool,
}

/// One queue or topic that a bucket tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its name, which is also in every event; one that is empty gets a name.
    pub id: String,
    /// The ARN of the queue or topic.
    pub destination: String,
    /// `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`, …
    pub events: Vec<String>,
    /// Only keys that begin like this; encoded as in events, so a space is `+`.
    pub prefix: String,
    /// Only keys that end like this.
    pub suffix: String,
}

impl Notification {
    /// Tells a queue or topic, by its ARN, of these events.
    pub fn to(destination: &str, events: &[&str]) -> Notification {
        Notification {
            id: String::new(),
            destination: destination.to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            prefix: String::new(),
            suffix: String::new(),
        }
    }

    /// Only keys that begin like this.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Notification {
        self.prefix = prefix.to_owned();
        self
    }

    /// Only keys that end like this.
    #[must_use]
    pub fn suffix(mut self, suffix: &str) -> Notification {
        self.suffix = suffix.to_owned();
        self
    }

    /// Whether it is told of an event (`ObjectCreated:Put`) of a key.
    pub(super) fn wants(&self, event: &str, key: &str) -> bool {
        let key = encode_key(key);
        key.starts_with(&self.prefix)
            && key.ends_with(&self.suffix)
            && self.events.iter().any(|pattern| covers(pattern, event))
    }

    /// Whether both could be told of the same event, which S3 does not allow.
    fn overlaps(&self, other: &Notification) -> bool {
        let events = self.events.iter().any(|one| {
            other.events.iter().any(|another| {
                covers(one, another.trim_start_matches("s3:"))
                    || covers(another, one.trim_start_matches("s3:"))
            })
        });
        events
            && (self.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&self.prefix))
            && (self.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&self.suffix))
    }
}

/// Whether `s3:ObjectCreated:*` is about `ObjectCreated:Put`.
fn covers(pattern: &str, event: &str) -> bool {
    let pattern = pattern.trim_start_matches("s3:");
    match pattern.strip_suffix('*') {
        Some(beginning) => event.starts_with(beginning),
        None => pattern == event,
    }
}

impl World {
    /// Checks and sets whom a bucket tells; whoever is new is sent S3's test event.
    pub(super) fn configure_notifications(
        &mut self,
        bucket: &str,
        mut wanted: Notifications,
        request_id: &str,
    ) -> Result<(), AwsError> {
        for (place, one) in wanted.configurations.iter().enumerate() {
            let mut others = wanted.configurations[place + 1..].iter();
            if others.any(|other| one.overlaps(other)) {
                return Err(invalid(
                    "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
                ));
            }
            let is_there = self.has_queue(&one.destination) || self.has_topic(&one.destination);
            if !is_there || one.destination.ends_with(".fifo") {
                return Err(
                    invalid("Unable to validate the following destination configurations")
                        .detail("ArgumentName1", &one.destination)
                        .detail(
                            "ArgumentValue1",
                            "The destination queue or topic does not exist",
                        ),
                );
            }
        }
        for one in &mut wanted.configurations {
            if one.id.is_empty() {
                one.id = self.next_id();
            }
        }
        let test = json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": events::time(self.now()),
            "Bucket": bucket,
            "RequestId": request_id,
            "HostId": "local-aws",
        });
        for one in &wanted.configurations {
            self.send_event(&one.destination, &test);
        }
        self.bucket_mut(bucket).notifications = wanted;
        Ok(())
    }
}

/// The kinds of destination: the element of a configuration, and the one with its ARN.
const KINDS: [(&str, &str, &str); 2] = [
    ("QueueConfiguration", "Queue", ":sqs:"),
    ("TopicConfiguration", "Topic", ":sns:"),
];

pub(super) fn put_notifications(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let document = Element::parse(&ask.request.body).ok_or_else(malformed)?;
    if document.child("CloudFunctionConfiguration").is_some() {
        return Err(invalid(
            "Unable to validate the following destination configurations: local-aws runs no functions",
        ));
    }
    let mut wanted = Notifications {
        configurations: Vec::new(),
        to_event_bridge: document.child("EventBridgeConfiguration").is_some(),
    };
    for (element, arn, _) in KINDS {
        for one in document.all(element) {
            let events = one.all("Event").map(|event| event.text.trim().to_owned());
            let mut read = Notification {
                id: one.text_of("Id").unwrap_or_default().to_owned(),
                destination: one.text_of(arn).ok_or_else(malformed)?.to_owned(),
                events: events.collect(),
                prefix: String::new(),
                suffix: String::new(),
            };
            if read.events.is_empty() {
                return Err(malformed());
            }
            let rules = one.child("Filter").and_then(|filter| filter.child("S3Key"));
            for rule in rules.into_iter().flat_map(|rules| rules.all("FilterRule")) {
                let value = rule.child("Value").ok_or_else(malformed)?.text.clone();
                let name = rule.text_of("Name").ok_or_else(malformed)?;
                match name.to_ascii_lowercase().as_str() {
                    "prefix" => read.prefix = value,
                    "suffix" => read.suffix = value,
                    _ => return Err(invalid("filter rule name must be either prefix or suffix")),
                }
            }
            wanted.configurations.push(read);
        }
    }
    bucket(world, ask)?;
    world.configure_notifications(&name_of(ask.request), wanted, ask.request_id)?;
    Ok(respond(200, ask))
}

pub(super) fn get_notifications(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let notifications = &bucket(world, ask)?.notifications;
    let body = Xml::document("NotificationConfiguration", NAMESPACE, |xml| {
        for one in &notifications.configurations {
            let kind = KINDS
                .iter()
                .find(|(_, _, part)| one.destination.contains(part));
            let Some((element, arn, _)) = kind else {
                continue;
            };
            xml.node(element, |xml| write_configuration(xml, arn, one));
        }
        if notifications.to_event_bridge {
            xml.node("EventBridgeConfiguration", |_| {});
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

fn write_configuration(xml: &mut Xml, arn: &str, one: &Notification) {
    xml.leaf("Id", &one.id).leaf(arn, &one.destination);
    for event in &one.events {
        xml.leaf("Event", event);
    }
    let rules = [("prefix", &one.prefix), ("suffix", &one.suffix)];
    let rules = rules.into_iter().filter(|(_, value)| !value.is_empty());
    if rules.clone().next().is_none() {
        return;
    }
    xml.node("Filter", |xml| {
        xml.node("S3Key", |xml| {
            for (name, value) in rules {
                xml.node("FilterRule", |xml| {
                    xml.leaf("Name", name).leaf("Value", value);
                });
            }
        });
    });
}
