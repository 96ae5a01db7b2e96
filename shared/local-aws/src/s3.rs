//! S3, path-style: objects with versions, metadata and tags, conditional requests, ranges, multipart uploads, presigned
//! links, and events to queues, topics and EventBridge.
//!
//! No ACLs, no policies, no Object Lock, no lifecycle, no keys of the caller's own, no replication; a request for one is
//! refused rather than misunderstood. It is written by hand, like the other services here: the `s3s` crate brings a
//! server of its own, which neither faults, nor the call log, nor the world's clock could reach, and what it leaves to
//! us (storage, versions, conditions, events) is nearly all there is.

mod api;
mod buckets;
mod checksum;
mod conditions;
mod copy;
mod delete;
mod events;
mod listing;
mod multipart;
mod notifications;
mod read;
mod store;
mod tags;
#[cfg(test)]
mod tests;
mod write;

pub use notifications::Notification;
pub(crate) use store::S3State;
pub use store::{ObjectVersion, StoredObject, Versioning};

pub(crate) use events::time as event_time;
pub(crate) use store::md5_hex;

use crate::service::{Ask, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::{AwsError, Request, Response, Xml, percent_decode};
use crate::world::World;
use store::Bucket;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An operation: its method, whether it is about an object, and what its query must and may have. Of several that fit,
/// the first counts.
struct Way {
    method: &'static str,
    has_key: bool,
    must: &'static [&'static str],
    may: &'static [&'static str],
    operation: Operation,
}

const fn way(
    method: &'static str,
    has_key: bool,
    must: &'static [&'static str],
    may: &'static [&'static str],
    operation: Operation,
) -> Way {
    Way {
        method,
        has_key,
        must,
        may,
        operation,
    }
}

const COPY: Operation = changes("CopyObject", copy::copy_object);

const OVERRIDES: &[&str] = &[
    read::OVERRIDES[0].0,
    read::OVERRIDES[1].0,
    read::OVERRIDES[2].0,
    read::OVERRIDES[3].0,
    read::OVERRIDES[4].0,
    "versionId",
];

#[rustfmt::skip]
const WAYS: &[Way] = &[
    way("PUT", false, &[], &[], changes("CreateBucket", buckets::create_bucket)),
    way("DELETE", false, &[], &[], changes("DeleteBucket", buckets::delete_bucket)),
    way("HEAD", false, &[], &[], reads("HeadBucket", buckets::head_bucket)),
    way("GET", false, &["location"], &[], reads("GetBucketLocation", buckets::get_location)),
    way("GET", false, &["versioning"], &[], reads("GetBucketVersioning", buckets::get_versioning)),
    way("PUT", false, &["versioning"], &[], changes("PutBucketVersioning", buckets::put_versioning)),
    way("GET", false, &["notification"], &[],
        reads("GetBucketNotificationConfiguration", notifications::get_notifications)),
    way("PUT", false, &["notification"], &[],
        changes("PutBucketNotificationConfiguration", notifications::put_notifications)),
    way("GET", false, &["versions"], listing::VERSIONS, reads("ListObjectVersions", listing::list_object_versions)),
    way("GET", false, &["uploads"], &["encoding-type", "prefix"],
        reads("ListMultipartUploads", listing::list_multipart_uploads)),
    way("GET", false, &["list-type"], listing::OBJECTS, reads("ListObjectsV2", listing::list_objects)),
    way("POST", false, &["delete"], &[], changes("DeleteObjects", delete::delete_objects)),
    way("PUT", true, &[], &[], changes("PutObject", write::put_object)),
    way("PUT", true, &["partNumber", "uploadId"], &[], changes("UploadPart", multipart::upload_part)),
    way("POST", true, &["uploads"], &[], changes("CreateMultipartUpload", multipart::create)),
    way("POST", true, &["uploadId"], &[], changes("CompleteMultipartUpload", multipart::complete)),
    way("DELETE", true, &["uploadId"], &[], changes("AbortMultipartUpload", multipart::abort)),
    way("GET", true, &["uploadId"], &["max-parts", "part-number-marker"], reads("ListParts", multipart::list_parts)),
    way("GET", true, &["tagging"], &["versionId"], reads("GetObjectTagging", tags::get_tagging)),
    way("PUT", true, &["tagging"], &["versionId"], changes("PutObjectTagging", tags::put_tagging)),
    way("DELETE", true, &["tagging"], &["versionId"], changes("DeleteObjectTagging", tags::delete_tagging)),
    way("GET", true, &[], OVERRIDES, reads("GetObject", read::get_object)),
    way("HEAD", true, &[], OVERRIDES, reads("HeadObject", read::get_object)),
    way("DELETE", true, &[], &["versionId"], changes("DeleteObject", delete::delete_object)),
];

/// Headers that ask for what is not simulated.
const REFUSED_HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-bypass-governance-retention",
    "x-amz-checksum-sha1",
    "x-amz-copy-source-range",
    "x-amz-mfa",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

pub(crate) struct S3;

impl Service for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn route(&self, request: &Request) -> Route {
        let (bucket, key) = place(request);
        let operation = find(request, &bucket, &key);
        let resource = if key.is_empty() {
            bucket
        } else {
            format!("{bucket}/{key}")
        };
        Route {
            action: operation.map_or_else(
                || format!("{} {}", request.method, request.path),
                |operation| operation.name.to_owned(),
            ),
            operation,
            resources: vec![resource],
            dry_run: false,
        }
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Throttled => {
                AwsError::new(503, "SlowDown", "Please reduce your request rate.")
            }
            Refusal::Broken => AwsError::new(
                500,
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            Refusal::Denied { .. } => AwsError::new(403, "AccessDenied", "Access Denied"),
            Refusal::UnknownKey => {
                let message = "The AWS Access Key Id you provided does not exist in our records.";
                AwsError::new(403, "InvalidAccessKeyId", message)
            }
            Refusal::ExpiredSession => {
                AwsError::new(400, "ExpiredToken", "The provided token has expired.")
            }
            Refusal::ExpiredLink => AwsError::new(403, "AccessDenied", "Request has expired"),
            Refusal::UnknownAction(_) => {
                let message = "A header you provided implies functionality that is not implemented";
                AwsError::new(501, "NotImplemented", message)
            }
        }
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        // Details in small letters are headers, the others elements of the document.
        let (headers, elements): (Vec<_>, Vec<_>) = error
            .details
            .iter()
            .partition(|(name, _)| name.starts_with(|first: char| first.is_ascii_lowercase()));
        // 304 is not an error to HTTP, and has no body.
        let mut response = match error.status {
            304 => Response::new(304),
            status => {
                let body = Xml::document("Error", "", |xml| {
                    xml.leaf("Code", &error.code)
                        .leaf("Message", &error.message);
                    for (name, value) in elements {
                        xml.leaf(name, value);
                    }
                    xml.leaf("RequestId", request_id)
                        .leaf("HostId", "local-aws");
                });
                Response::xml(status, body)
            }
        };
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.header("x-amz-request-id", request_id)
    }
}

fn find(request: &Request, bucket: &str, key: &str) -> Option<&'static Operation> {
    let is_refused = REFUSED_HEADERS
        .iter()
        .any(|name| request.headers.contains_key(*name));
    if bucket.is_empty() || is_refused {
        return None;
    }
    // `x-id` only repeats the operation's name; a presigned link has its signature among the parameters.
    let names: Vec<&str> = request
        .query
        .names()
        .filter(|name| *name != "x-id" && !name.starts_with("X-Amz-"))
        .collect();
    let way = WAYS.iter().find(|way| {
        way.method == request.method
            && way.has_key != key.is_empty()
            && way.must.iter().all(|name| names.contains(name))
            && names
                .iter()
                .all(|name| way.must.contains(name) || way.may.contains(name))
    })?;
    let is_copy = request.headers.contains_key("x-amz-copy-source");
    match way.operation.name {
        "PutObject" if is_copy => Some(&COPY),
        // Copying a part is not simulated, nor is the first version of the listing.
        _ if is_copy => None,
        "ListObjectsV2" if request.query.get("list-type") != Some("2") => None,
        _ => Some(&way.operation),
    }
}

/// The bucket of a request, if it exists, here, and is the caller's.
fn bucket<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut Bucket, AwsError> {
    let name = name_of(ask.request);
    let Some(bucket) = world.s3.buckets.get_mut(&name) else {
        return Err(no_such_bucket(&name));
    };
    let expected = ask.request.header("x-amz-expected-bucket-owner");
    if bucket.account != ask.caller.account
        || expected.is_some_and(|account| account != bucket.account)
    {
        return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
    }
    if bucket.region != ask.caller.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. \
                       Please send all future requests to this endpoint.";
        return Err(AwsError::new(301, "PermanentRedirect", message)
            .detail("Region", &bucket.region)
            .detail("x-amz-bucket-region", &bucket.region));
    }
    Ok(bucket)
}

/// The region of the bucket that a request names.
pub(crate) fn region_of_bucket<'a>(world: &'a World, request: &Request) -> Option<&'a str> {
    let bucket = world.s3.buckets.get(&name_of(request))?;
    Some(&bucket.region)
}

/// Bucket and key of a path; either may be empty.
pub(crate) fn place(request: &Request) -> (String, String) {
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (percent_decode(bucket), percent_decode(key))
}

fn name_of(request: &Request) -> String {
    place(request).0
}

fn key_of(request: &Request) -> String {
    place(request).1
}

fn respond(status: u16, ask: &Ask<'_>) -> Response {
    Response::new(status).header("x-amz-request-id", ask.request_id)
}

fn no_such_bucket(name: &str) -> AwsError {
    AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist")
        .detail("BucketName", name)
}

fn no_such_key(key: &str) -> AwsError {
    AwsError::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key)
}

fn invalid(message: &str) -> AwsError {
    AwsError::new(400, "InvalidArgument", message)
}

fn malformed() -> AwsError {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema";
    AwsError::new(400, "MalformedXML", message)
}
