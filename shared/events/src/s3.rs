//! What S3 says: its classic notifications, its EventBridge events, the tasks of S3 Batch Operations, our own list.

use crate::key::{self, Key};
use crate::look::{kind_of, owned, short, text, time};
use crate::{Happening, ObjectEvent, Sequencer};
use serde_json::Value;

/// The object that SES writes when an S3 action is set up.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html>
pub(crate) const SES_SETUP: &str = "AMAZON_SES_SETUP_NOTIFICATION";

/// <https://min.io/docs/minio/linux/administration/monitoring/bucket-notifications.html>
const MINIO_WITHOUT_CONTENT: [&str; 4] = [
    "ObjectCreated:PutRetention",
    "ObjectCreated:PutLegalHold",
    "ObjectCreated:PutTagging",
    "ObjectCreated:DeleteTagging",
];

/// What happened to the content of an object.
#[derive(Clone, Copy)]
enum Change {
    Created,
    Removed,
}

/// A record of a classic notification. The clones of S3 send it too, with less in it (MinIO as `minio:s3`, Ceph as
/// `ceph:s3`, both with `s3:` before the event's name).
pub(crate) fn notification(record: &Value) -> Happening {
    if let Some(version) = record
        .get("eventVersion")
        .filter(|version| !version.is_null())
    {
        let version = match version {
            Value::String(version) => version.clone(),
            other => other.to_string(),
        };
        // AWS raises the minor version when it adds fields, and the major one when it breaks readers.
        if version.split('.').next() != Some("2") {
            return Happening::Unreadable(format!(
                "S3 notification of version `{}`, known is 2.x",
                short(&version)
            ));
        }
    }
    let Some(name) = text(record, "/eventName") else {
        return Happening::Unreadable("S3 notification without `eventName`".to_owned());
    };
    let name = name.strip_prefix("s3:").unwrap_or(name);
    let family = name.split(':').next().unwrap_or(name);
    let change = match family {
        // MinIO files its tags and locks under the same family, and so notifies whoever asks for `ObjectCreated:*`.
        "ObjectCreated" if MINIO_WITHOUT_CONTENT.contains(&name) => {
            return without_content(name);
        }
        "ObjectCreated" => Change::Created,
        "ObjectRemoved" | "LifecycleExpiration" => Change::Removed,
        "TestEvent" => return Happening::Nothing("test event of S3".to_owned()),
        // The kinds AWS documents that leave the content as it is; MinIO's `ObjectAccessed`.
        "ObjectRestore"
        | "ObjectAcl"
        | "ObjectTagging"
        | "LifecycleTransition"
        | "IntelligentTiering"
        | "Replication"
        | "ReducedRedundancyLostObject"
        | "ObjectAccessed" => {
            return without_content(name);
        }
        _ => {
            return Happening::Unreadable(format!("unknown S3 event `{}`", short(name)));
        }
    };
    let bucket = owned(record, "/s3/bucket/name").or_else(|| {
        let arn = text(record, "/s3/bucket/arn")?;
        bucket_of_arn(arn)
    });
    let Some(bucket) = bucket else {
        return Happening::Unreadable(format!(
            "S3 event `{}` without `s3.bucket.name`",
            short(name)
        ));
    };
    let key = match key_of(record.pointer("/s3/object/key"), &bucket) {
        Ok(key) => key,
        Err(reason) => return Happening::Unreadable(reason),
    };
    changed(
        change,
        ObjectEvent {
            bucket,
            key: key.key,
            decoded_key: key.other,
            size: number(record.pointer("/s3/object/size")),
            etag: etag(record.pointer("/s3/object/eTag")),
            version_id: owned(record, "/s3/object/versionId"),
            sequencer: text(record, "/s3/object/sequencer").and_then(Sequencer::parse),
            region: owned(record, "/awsRegion"),
            time: time(record, "/eventTime"),
            name: name.to_owned(),
        },
    )
}

/// An EventBridge event with the source `aws.s3`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
pub(crate) fn eventbridge(event: &Value) -> Happening {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    let detail_type = text(event, "/detail-type").unwrap_or_default();
    let change = match detail_type {
        "Object Created" => Change::Created,
        "Object Deleted" => Change::Removed,
        "Object Restore Initiated"
        | "Object Restore Completed"
        | "Object Restore Expired"
        | "Object Storage Class Changed"
        | "Object Access Tier Changed"
        | "Object ACL Updated"
        | "Object Tags Added"
        | "Object Tags Deleted" => {
            return without_content(detail_type);
        }
        _ => {
            return Happening::Unreadable(format!(
                "unknown event `{}` of `aws.s3`",
                short(detail_type)
            ));
        }
    };
    of_detail(change, detail, event)
}

/// The detail of such an event alone, as an input path of a rule leaves it. The rest of the event, where there is
/// one, tells region and time.
fn of_detail(change: Change, detail: &Value, event: &Value) -> Happening {
    let Some(bucket) = owned(detail, "/bucket/name") else {
        return Happening::Unreadable("event of `aws.s3` without `detail.bucket.name`".to_owned());
    };
    let key = match raw_key(detail.pointer("/object/key"), &bucket) {
        Ok(key) => key::verbatim(key),
        Err(reason) => return Happening::Unreadable(reason),
    };
    changed(
        change,
        ObjectEvent {
            bucket,
            key: key.key,
            decoded_key: key.other,
            size: number(detail.pointer("/object/size")),
            etag: etag(detail.pointer("/object/etag")),
            version_id: owned(detail, "/object/version-id"),
            sequencer: text(detail, "/object/sequencer").and_then(Sequencer::parse),
            region: owned(event, "/region"),
            time: time(event, "/time"),
            name: classic_name(change, detail),
        },
    )
}

/// The name that the classic notification of the same happening has.
fn classic_name(change: Change, detail: &Value) -> String {
    let reason = text(detail, "/reason").unwrap_or_default();
    let is_marker = text(detail, "/deletion-type") == Some("Delete Marker Created");
    match (change, reason) {
        (Change::Created, "PutObject") => "ObjectCreated:Put",
        (Change::Created, "POST Object") => "ObjectCreated:Post",
        (Change::Created, "CopyObject") => "ObjectCreated:Copy",
        (Change::Created, "CompleteMultipartUpload") => "ObjectCreated:CompleteMultipartUpload",
        (Change::Created, _) => "ObjectCreated",
        (Change::Removed, "Lifecycle Expiration") if is_marker => {
            "LifecycleExpiration:DeleteMarkerCreated"
        }
        (Change::Removed, "Lifecycle Expiration") => "LifecycleExpiration:Delete",
        (Change::Removed, _) if is_marker => "ObjectRemoved:DeleteMarkerCreated",
        (Change::Removed, _) => "ObjectRemoved:Delete",
    }
    .to_owned()
}

/// What an input transformer of EventBridge may have left: the detail, or bucket and key side by side. What does not
/// tell that it was a removal is looked at like a new object; one that is gone is found to be gone.
pub(crate) fn transformed(event: &Value) -> Option<Happening> {
    if event.pointer("/bucket/name").is_some() && event.pointer("/object/key").is_some() {
        let is_removal = event.get("deletion-type").is_some()
            || matches!(
                text(event, "/reason"),
                Some("DeleteObject" | "Lifecycle Expiration")
            );
        let change = if is_removal {
            Change::Removed
        } else {
            Change::Created
        };
        return Some(of_detail(change, event, event));
    }
    let one_of = |names: [&str; 3]| {
        names
            .into_iter()
            .find_map(|name| event.get(name)?.as_str())
            .filter(|text| !text.is_empty())
    };
    let bucket = one_of(["bucket", "bucketName", "bucket_name"])?;
    let key = key::verbatim(one_of(["key", "objectKey", "object_key"])?);
    Some(changed(
        Change::Created,
        ObjectEvent {
            bucket: bucket.to_owned(),
            key: key.key,
            decoded_key: key.other,
            size: number(event.get("size")),
            etag: etag(event.get("etag").or_else(|| event.get("eTag"))),
            version_id: one_of(["version-id", "versionId", "version_id"]).map(str::to_owned),
            sequencer: text(event, "/sequencer").and_then(Sequencer::parse),
            region: owned(event, "/region"),
            time: time(event, "/time"),
            name: "Transformed".to_owned(),
        },
    ))
}

/// A task of S3 Batch Operations. Version 1.0 names the bucket by its ARN, version 2.0 by its name.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>
pub(crate) fn task(task: &Value) -> Happening {
    let bucket =
        owned(task, "/s3Bucket").or_else(|| text(task, "/s3BucketArn").and_then(bucket_of_arn));
    let Some(bucket) = bucket else {
        return Happening::Unreadable(
            "task of S3 Batch Operations without `s3Bucket` or `s3BucketArn`".to_owned(),
        );
    };
    let key = match key_of(task.get("s3Key"), &bucket) {
        Ok(key) => key,
        Err(reason) => return Happening::Unreadable(reason),
    };
    changed(
        Change::Created,
        ObjectEvent {
            bucket,
            key: key.key,
            decoded_key: key.other,
            size: None,
            etag: None,
            version_id: owned(task, "/s3VersionId"),
            sequencer: None,
            region: None,
            time: None,
            name: "BatchOperations".to_owned(),
        },
    )
}

/// An object of our own list: its key is certain.
pub(crate) fn listed(entry: &Value) -> Happening {
    let Some(bucket) = owned(entry, "/bucket") else {
        return Happening::Unreadable("listed object without `bucket`".to_owned());
    };
    let key = match raw_key(entry.get("key"), &bucket) {
        Ok(key) => key.to_owned(),
        Err(reason) => return Happening::Unreadable(reason),
    };
    changed(
        Change::Created,
        ObjectEvent {
            bucket,
            key,
            decoded_key: None,
            size: number(entry.get("size")),
            etag: etag(entry.get("etag")),
            version_id: owned(entry, "/version_id"),
            sequencer: None,
            region: owned(entry, "/region"),
            time: time(entry, "/last_modified"),
            name: "Listed".to_owned(),
        },
    )
}

/// The happening, unless the object is none that anybody uploaded.
fn changed(change: Change, object: ObjectEvent) -> Happening {
    if object.key.rsplit('/').next() == Some(SES_SETUP) {
        return Happening::Nothing("set-up notification of SES".to_owned());
    }
    match change {
        // What the console creates as a folder.
        Change::Created if object.key.ends_with('/') && object.size == Some(0) => {
            Happening::Nothing("folder marker".to_owned())
        }
        Change::Created => Happening::Created(object),
        Change::Removed => Happening::Removed(object),
    }
}

fn without_content(name: &str) -> Happening {
    Happening::Nothing(format!("`{}` brings no new content", short(name)))
}

/// An encoded key, or why it is none.
fn key_of(value: Option<&Value>, bucket: &str) -> Result<Key, String> {
    let text = raw_key(value, bucket)?;
    key::encoded(text).map_err(|reason| {
        format!(
            "the key `{}` in the bucket `{}` cannot be decoded: {reason}; to have the object \
             worked on, name it in a list (`{{\"lamplighter\": \"objects/v1\", \"objects\": […]}}`)",
            short(text),
            short(bucket)
        )
    })
}

fn raw_key<'a>(value: Option<&'a Value>, bucket: &str) -> Result<&'a str, String> {
    match value {
        Some(Value::String(key)) if !key.is_empty() => Ok(key),
        Some(Value::String(_)) => Err(format!(
            "the key of an object in the bucket `{}` is empty",
            short(bucket)
        )),
        Some(other) => Err(format!(
            "the key of an object in the bucket `{}` is {}, not a string",
            short(bucket),
            kind_of(other)
        )),
        None => Err(format!(
            "no key is named for the object in the bucket `{}`",
            short(bucket)
        )),
    }
}

/// `arn:aws:s3:::bucket`.
fn bucket_of_arn(arn: &str) -> Option<String> {
    let (_, bucket) = arn.split_once(":::")?;
    Some(bucket.to_owned()).filter(|bucket| !bucket.is_empty())
}

fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    }
}

fn etag(value: Option<&Value>) -> Option<String> {
    let etag = value?.as_str()?.trim_matches('"');
    (!etag.is_empty()).then(|| etag.to_owned())
}
