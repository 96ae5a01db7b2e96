//! The events of a bucket, as queues, topics and EventBridge receive them.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::store::{Cause, StoredObject};
use crate::world::World;

/// What happened to a key.
#[derive(Debug)]
pub(super) struct Change {
    /// `ObjectCreated:Put`.
    event: &'static str,
    size: Option<usize>,
    etag: Option<String>,
    version_id: Option<String>,
    /// EventBridge's word for how it was deleted.
    deletion: Option<&'static str>,
}

impl Change {
    pub(super) fn created(object: &StoredObject, operation: &str) -> Change {
        Change {
            event: match operation {
                "CopyObject" => "ObjectCreated:Copy",
                "CompleteMultipartUpload" => "ObjectCreated:CompleteMultipartUpload",
                _ => "ObjectCreated:Put",
            },
            size: Some(object.body.len()),
            etag: Some(object.etag.trim_matches('"').to_owned()),
            version_id: named(object.version_id.as_deref()),
            deletion: None,
        }
    }

    pub(super) fn deleted(version: Option<&str>) -> Change {
        Change {
            event: "ObjectRemoved:Delete",
            size: None,
            etag: None,
            version_id: named(version),
            deletion: Some("Permanently Deleted"),
        }
    }

    /// A delete marker was put before the versions of a key; its eTag is that of nothing.
    pub(super) fn marked(version_id: String) -> Change {
        Change {
            event: "ObjectRemoved:DeleteMarkerCreated",
            size: None,
            etag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            version_id: named(Some(&version_id)),
            deletion: Some("Delete Marker Created"),
        }
    }
}

/// Events do not name the version `null`.
fn named(version: Option<&str>) -> Option<String> {
    version.filter(|id| *id != "null").map(str::to_owned)
}

impl World {
    /// Tells whoever listens to a bucket.
    pub(super) fn tell(&mut self, bucket: &str, key: &str, change: &Change, cause: &Cause<'_>) {
        let sequencer = sequencer(self.next_number());
        let place = self.bucket_mut(bucket);
        let (account, region) = (place.account.clone(), place.region.clone());
        let notifications = place.notifications.clone();
        let listening = notifications.configurations.iter();
        for one in listening.filter(|one| one.wants(change.event, key)) {
            let mut object = json!({ "key": encode_key(key), "sequencer": sequencer });
            for (name, value) in [
                ("size", change.size.map(|size| json!(size))),
                ("eTag", change.etag.as_ref().map(|etag| json!(etag))),
                ("versionId", change.version_id.as_ref().map(|id| json!(id))),
            ] {
                if let Some(value) = value {
                    object[name] = value;
                }
            }
            let event = json!({ "Records": [{
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": region,
                "eventTime": time(self.now()),
                "eventName": change.event,
                "userIdentity": { "principalId": format!("AWS:{}", cause.principal) },
                "requestParameters": { "sourceIPAddress": "127.0.0.1" },
                "responseElements": { "x-amz-request-id": cause.request_id, "x-amz-id-2": "local-aws" },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": one.id,
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": { "principalId": format!("A{account}") },
                        "arn": format!("arn:aws:s3:::{bucket}"),
                    },
                    "object": object,
                },
            }] });
            self.send_event(&one.destination, &event);
        }
        if notifications.to_event_bridge {
            let detail = detail(bucket, key, &account, change, cause, &sequencer);
            let kind = match change.deletion {
                Some(_) => "Object Deleted",
                None => "Object Created",
            };
            let resource = format!("arn:aws:s3:::{bucket}");
            self.put_event(&account, &region, "aws.s3", kind, &[&resource], detail);
        }
    }

    /// Sends one of S3's messages to a queue or topic.
    pub(super) fn send_event(&mut self, destination: &str, event: &Value) {
        let text = event.to_string();
        if self.has_topic(destination) {
            self.publish(destination, Some("Amazon S3 Notification"), &text);
        } else {
            self.deliver(destination, &text);
        }
    }
}

/// What EventBridge is told. Here keys are not encoded.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
fn detail(
    bucket: &str,
    key: &str,
    account: &str,
    change: &Change,
    cause: &Cause<'_>,
    sequencer: &str,
) -> Value {
    let mut object = json!({ "key": key, "sequencer": sequencer });
    for (name, value) in [
        ("size", change.size.map(|size| json!(size))),
        ("etag", change.etag.as_ref().map(|etag| json!(etag))),
        ("version-id", change.version_id.as_ref().map(|id| json!(id))),
    ] {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    let mut detail = json!({
        "version": "0",
        "bucket": { "name": bucket },
        "object": object,
        "request-id": cause.request_id,
        "requester": account,
        "source-ip-address": "127.0.0.1",
        "reason": cause.operation,
    });
    if let Some(deletion) = change.deletion {
        detail["deletion-type"] = json!(deletion);
    }
    detail
}

/// Letters and digits of hexadecimal numbers of different lengths, which grow only if the shorter is filled up with
/// zeros on its right: comparing them as numbers goes wrong, as it does with S3's.
fn sequencer(number: u64) -> String {
    let more = ["", "A5", "5AC3"][(number % 3) as usize];
    format!("0066{number:012X}{more}")
}

/// A key as it stands in events: encoded as in a form, with its slashes.
/// `+` is a space there, and `%2B` is a plus.
pub(super) fn encode_key(key: &str) -> String {
    let parts: Vec<String> = key
        .split('/')
        .map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect())
        .collect();
    parts.join("/")
}

/// A time as events write it.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_in_forms() {
        assert_eq!(encode_key("in/a+b ü.jpg"), "in/a%2Bb+%C3%BC.jpg");
    }

    #[test]
    fn sequencers_grow_if_filled_up_on_the_right() {
        let all: Vec<String> = (1..200).map(sequencer).collect();
        let filled: Vec<String> = all.iter().map(|one| format!("{one:0<20}")).collect();
        assert!(filled.is_sorted_by(|a, b| a < b));
        let numbers = all.iter().map(|one| u128::from_str_radix(one, 16).unwrap());
        assert!(
            !numbers.is_sorted(),
            "comparing them as numbers must go wrong"
        );
    }
}
