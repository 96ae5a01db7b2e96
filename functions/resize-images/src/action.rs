//! What can be done: a copy stored, a copy removed. Each action is complete, and carries what must still hold when it is
//! done.

use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::place::Origin;

/// The image that a copy is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The record of the event that named it.
    pub record: String,
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` …
    pub partition: String,
    /// Which object, and which state of it.
    pub origin: Origin,
    /// The region of its bucket, where the event names it.
    pub region: Option<String>,
    /// The memory that resizing it takes, in bytes.
    pub needs_bytes: u64,
}

/// One change to one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Store a copy.
    StoreCopy {
        /// From what.
        image: Image,
        /// Its width, as configured.
        width: u32,
        /// Where.
        bucket: String,
        /// Where.
        key: String,
        /// How it is made.
        recipe: String,
        /// The eTag of the copy that is replaced; `None`: nothing was there.
        replaces: Option<String>,
    },
    /// Remove a copy whose source is gone.
    RemoveCopy {
        /// The record of the event that named the source.
        record: String,
        /// The 12-digit account id.
        account: String,
        /// `aws`, `aws-cn` …
        partition: String,
        /// The bucket of the source.
        source_bucket: String,
        /// Its key.
        source_key: String,
        /// The region of its bucket, where the event names it.
        region: Option<String>,
        /// The bucket of the copy.
        bucket: String,
        /// Its key.
        key: String,
        /// Its eTag.
        etag: String,
    },
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let (partition, account, bucket, key) = match self {
            Self::StoreCopy {
                image, bucket, key, ..
            } => (&image.partition, &image.account, bucket, key),
            Self::RemoveCopy {
                partition,
                account,
                bucket,
                key,
                ..
            } => (partition, account, bucket, key),
        };
        resource(partition, account, bucket, key)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::StoreCopy { .. } => "store-copy",
            Self::RemoveCopy { .. } => "remove-copy",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::StoreCopy {
                image,
                replaces,
                width,
                ..
            } => format!(
                "{} of `s3://{}/{}`, {width} pixels wide",
                match replaces {
                    None => "a copy",
                    Some(_) => "a newer copy",
                },
                image.origin.bucket,
                image.origin.key
            ),
            Self::RemoveCopy {
                source_bucket,
                source_key,
                ..
            } => {
                format!("its source `s3://{source_bucket}/{source_key}` is gone")
            }
        }
    }

    fn precondition(&self) -> Value {
        match self {
            Self::StoreCopy {
                image, replaces, ..
            } => json!({
                "source_etag": image.origin.etag,
                "source_version": image.origin.version_id,
                "copy_etag": replaces,
            }),
            Self::RemoveCopy { etag, .. } => json!({ "source_etag": null, "copy_etag": etag }),
        }
    }

    fn undo(&self) -> Option<String> {
        // A copy that was removed is made again from its source; one that was stored is removed with it. Neither is one
        // command.
        None
    }

    fn limited_verb(&self) -> Option<&'static str> {
        None
    }

    fn record(&self) -> Option<&str> {
        match self {
            Self::StoreCopy { image, .. } => Some(&image.record),
            Self::RemoveCopy { record, .. } => Some(record),
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
