//! S3, path-style, for small objects: conditional writes, reading, listing.
//!
//! No versions, no multipart uploads, no ranges, no ACLs; a request for one is refused rather than misunderstood.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use md5::{Digest, Md5};

use crate::service::{Ask, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::{
    AwsError, Request, Response, Xml, decode_chunks, http_date, percent_decode, percent_encode,
};
use crate::world::World;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

const CREATE_BUCKET: Operation = changes("CreateBucket", create_bucket);
const HEAD_BUCKET: Operation = reads("HeadBucket", head_bucket);
const LIST_OBJECTS: Operation = reads("ListObjectsV2", list_objects);
const PUT_OBJECT: Operation = changes("PutObject", put_object);
const GET_OBJECT: Operation = reads("GetObject", get_object);
const HEAD_OBJECT: Operation = reads("HeadObject", get_object);
const DELETE_OBJECT: Operation = changes("DeleteObject", delete_object);

/// What a listing may ask for. Anything else names another operation.
const LISTING: &[&str] = &[
    "continuation-token",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "max-keys",
    "prefix",
    "start-after",
    "x-id",
];

/// Headers that ask for more than a plain object.
const REFUSED_HEADERS: &[&str] = &[
    "range",
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-object-lock-mode",
    "x-amz-storage-class",
    "x-amz-tagging",
];

pub(crate) struct S3;

/// Buckets by name: names are shared by all accounts.
#[derive(Debug, Default)]
pub(crate) struct S3State {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    account: String,
    region: String,
    objects: BTreeMap<String, StoredObject>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its bytes.
    pub body: Vec<u8>,
    /// The MD5 of its bytes, in quotes.
    pub etag: String,
    /// When it was last written, in simulated time.
    pub modified_at: DateTime<Utc>,
    /// The headers it was stored with and is served with: content type and encoding, cache control, user metadata.
    pub headers: Vec<(String, String)>,
}

impl World {
    /// Adds a bucket.
    ///
    /// Panics if the world has no such account or region.
    pub fn bucket(mut self, account: &str, region: &str, name: &str) -> World {
        self.assert_place(account, region);
        let (account, region) = (account.to_owned(), region.to_owned());
        self.s3.buckets.insert(
            name.to_owned(),
            Bucket {
                account,
                region,
                objects: BTreeMap::new(),
            },
        );
        self
    }

    /// One object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&StoredObject> {
        self.s3.buckets.get(bucket)?.objects.get(key)
    }

    /// The keys in a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<&str> {
        let bucket = self.s3.buckets.get(bucket).into_iter();
        bucket
            .flat_map(|bucket| bucket.objects.keys().map(String::as_str))
            .collect()
    }

    /// Stores an object behind the program's back. Panics if there is no such bucket.
    pub fn store_object(&mut self, bucket: &str, key: &str, body: &[u8]) {
        let object = StoredObject::new(body.to_vec(), self.now());
        let bucket = self
            .s3
            .buckets
            .get_mut(bucket)
            .expect("the bucket should exist in this world");
        bucket.objects.insert(key.to_owned(), object);
    }

    /// Takes an object away behind the program's back.
    pub fn remove_object(&mut self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.s3.buckets.get_mut(bucket)?.objects.remove(key)
    }
}

impl StoredObject {
    fn new(body: Vec<u8>, now: DateTime<Utc>) -> StoredObject {
        let digits: String = Md5::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        StoredObject {
            etag: format!("\"{digits}\""),
            body,
            modified_at: now,
            headers: Vec::new(),
        }
    }
}

impl Service for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn route(&self, request: &Request) -> Route {
        let (bucket, key) = place(request);
        // `x-id` only repeats the operation's name.
        let is_plain = request.query.names().all(|name| name == "x-id");
        let is_listing = request.query.get("list-type") == Some("2")
            && request.query.names().all(|name| LISTING.contains(&name));
        let is_simple = !REFUSED_HEADERS
            .iter()
            .any(|name| request.headers.contains_key(*name));
        let operation = match (request.method.as_str(), key.is_empty()) {
            _ if bucket.is_empty() => None,
            ("PUT", true) if is_plain => Some(&CREATE_BUCKET),
            ("HEAD", true) if is_plain => Some(&HEAD_BUCKET),
            ("GET", true) if is_listing => Some(&LIST_OBJECTS),
            ("PUT", false) if is_plain && is_simple => Some(&PUT_OBJECT),
            ("GET", false) if is_plain && is_simple => Some(&GET_OBJECT),
            ("HEAD", false) if is_plain && is_simple => Some(&HEAD_OBJECT),
            ("DELETE", false) if is_plain => Some(&DELETE_OBJECT),
            _ => None,
        };
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
            Refusal::UnknownAction(_) => {
                let message = "A header you provided implies functionality that is not implemented";
                AwsError::new(501, "NotImplemented", message)
            }
        }
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        // 304 is not an error to HTTP, and has no body.
        if error.status == 304 {
            return Response::new(304).header("x-amz-request-id", request_id);
        }
        let body = Xml::document("Error", "", |xml| {
            xml.leaf("Code", &error.code)
                .leaf("Message", &error.message);
            for (name, value) in &error.details {
                xml.leaf(name, value);
            }
            xml.leaf("RequestId", request_id)
                .leaf("HostId", "local-aws");
        });
        let mut response = Response::xml(error.status, body).header("x-amz-request-id", request_id);
        if let Some((_, region)) = error.details.iter().find(|(name, _)| *name == "Region") {
            response = response.header("x-amz-bucket-region", region);
        }
        response
    }
}

fn create_bucket(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (name, _) = place(ask.request);
    let (account, region) = (ask.caller.account.clone(), ask.caller.region.clone());
    match world.s3.buckets.get(&name) {
        // Asking twice is refused, except where it was not in the beginning.
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
        Some(bucket) if bucket.account == account && region == "us-east-1" => {}
        Some(bucket) if bucket.account == account => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(AwsError::new(409, "BucketAlreadyOwnedByYou", message));
        }
        Some(_) => {
            let message = "The requested bucket name is not available.";
            return Err(AwsError::new(409, "BucketAlreadyExists", message));
        }
        None => {
            let bucket = Bucket {
                account,
                region,
                objects: BTreeMap::new(),
            };
            world.s3.buckets.insert(name.clone(), bucket);
        }
    }
    Ok(respond(200, ask).header("location", format!("/{name}")))
}

fn head_bucket(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let bucket = bucket(world, ask)?;
    Ok(respond(200, ask).header("x-amz-bucket-region", &bucket.region))
}

fn list_objects(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.query;
    let asked = match params.get("max-keys").map(str::parse) {
        None => 1000,
        Some(Ok(asked)) => asked,
        Some(Err(_)) => {
            let message = "Provided max-keys not an integer or within integer range";
            return Err(AwsError::new(400, "InvalidArgument", message));
        }
    };
    // S3 shortens a page that is asked too long; it does not refuse.
    let size = world.page_of(Some(asked), 1000).min(asked);
    let token = params.get("continuation-token");
    let after = match token {
        None => params.get("start-after").unwrap_or_default().to_owned(),
        Some(token) => read_token(token).ok_or_else(|| {
            AwsError::new(
                400,
                "InvalidArgument",
                "The continuation token provided is incorrect",
            )
        })?,
    };
    let prefix = params.get("prefix").unwrap_or_default();
    let (name, _) = place(ask.request);
    let bucket = bucket(world, ask)?;
    let mut rest = bucket
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix) && (after.is_empty() || **key > after));
    let shown: Vec<(&String, &StoredObject)> = rest.by_ref().take(size).collect();
    let is_cut = size > 0 && rest.next().is_some();
    let next = shown
        .last()
        .filter(|_| is_cut)
        .map(|(key, _)| write_token(key));

    let encoding = params.get("encoding-type");
    let written = |text: &str| match encoding {
        Some("url") => percent_encode(text),
        _ => text.to_owned(),
    };
    let body = Xml::document("ListBucketResult", NAMESPACE, |xml| {
        xml.leaf("Name", &name)
            .leaf("Prefix", written(prefix))
            .maybe("StartAfter", params.get("start-after").map(written))
            .maybe("ContinuationToken", token)
            .maybe("NextContinuationToken", next)
            .leaf("KeyCount", shown.len())
            .leaf("MaxKeys", asked.min(1000))
            .maybe("EncodingType", encoding)
            .leaf("IsTruncated", is_cut);
        for (key, object) in shown {
            xml.node("Contents", |xml| {
                xml.leaf("Key", written(key))
                    .leaf(
                        "LastModified",
                        object.modified_at.format("%Y-%m-%dT%H:%M:%S.000Z"),
                    )
                    .leaf("ETag", &object.etag)
                    .leaf("Size", object.body.len())
                    .leaf("StorageClass", "STANDARD");
            });
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

fn put_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (_, key) = place(ask.request);
    // 1,024 bytes. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
    if key.len() > 1024 {
        return Err(AwsError::new(
            400,
            "KeyTooLongError",
            "Your key is too long",
        ));
    }
    let encoding = ask.request.header("content-encoding").unwrap_or_default();
    let is_streaming = ask
        .request
        .header("x-amz-content-sha256")
        .is_some_and(|sha| sha.starts_with("STREAMING-"));
    let body = if is_streaming || encoding.split(',').any(|name| name.trim() == "aws-chunked") {
        decode_chunks(&ask.request.body).ok_or_else(|| {
            let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
            AwsError::new(400, "IncompleteBody", message)
        })?
    } else {
        ask.request.body.to_vec()
    };
    if let Some(expected) = ask.request.header("content-md5")
        && expected != BASE64_STANDARD.encode(Md5::digest(&body))
    {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(AwsError::new(400, "BadDigest", message));
    }
    let mut object = StoredObject::new(body, world.now());
    for (name, value) in &ask.request.headers {
        let name = name.as_str();
        let Ok(value) = value.to_str() else { continue };
        let is_kept = name.starts_with("x-amz-meta-")
            || [
                "cache-control",
                "content-disposition",
                "content-language",
                "content-type",
            ]
            .contains(&name);
        if is_kept {
            object.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let encodings: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "aws-chunked")
        .collect();
    if !encodings.is_empty() {
        object
            .headers
            .push(("content-encoding".to_owned(), encodings.join(",")));
    }

    let bucket = bucket(world, ask)?;
    check_write(ask.request, bucket.objects.get(&key))?;
    let response = respond(200, ask).header("etag", &object.etag);
    bucket.objects.insert(key, object);
    Ok(response)
}

/// `GetObject` and `HeadObject`: the answers are the same but for the body.
fn get_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (_, key) = place(ask.request);
    let bucket = bucket(world, ask)?;
    let Some(object) = bucket.objects.get(&key) else {
        return Err(no_such_key(&key));
    };
    let is_same = |header| {
        ask.request
            .header(header)
            .map(|etag| etag == "*" || same(etag, &object.etag))
    };
    if is_same("if-match") == Some(false) {
        return Err(precondition_failed("If-Match"));
    }
    if is_same("if-none-match") == Some(true) {
        return Err(AwsError::new(304, "NotModified", ""));
    }
    let mut response = respond(200, ask)
        .header("etag", &object.etag)
        .header("last-modified", http_date(object.modified_at))
        .header("accept-ranges", "bytes");
    if !object
        .headers
        .iter()
        .any(|(name, _)| name == "content-type")
    {
        response = response.header("content-type", "binary/octet-stream");
    }
    response.headers.extend(object.headers.iter().cloned());
    if ask.request.method == "HEAD" {
        response = response.header("content-length", object.body.len().to_string());
    } else {
        response.body.clone_from(&object.body);
    }
    Ok(response)
}

/// Deleting what does not exist succeeds.
fn delete_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (_, key) = place(ask.request);
    let bucket = bucket(world, ask)?;
    check_write(ask.request, bucket.objects.get(&key))?;
    bucket.objects.remove(&key);
    Ok(respond(204, ask))
}

/// Conditional writes. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn check_write(request: &Request, present: Option<&StoredObject>) -> Result<(), AwsError> {
    match request.header("if-none-match") {
        Some("*") if present.is_some() => return Err(precondition_failed("If-None-Match")),
        // There is no "unless it is this one".
        Some(etag) if etag != "*" => return Err(S3.refusal(&Refusal::UnknownAction(String::new()))),
        _ => {}
    }
    match (request.header("if-match"), present) {
        (None | Some("*"), Some(_)) | (None, None) => Ok(()),
        (Some(_), None) => Err(no_such_key(&place(request).1)),
        (Some(etag), Some(object)) if same(etag, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
    }
}

/// The bucket of a request, if it exists, here, and is the caller's.
fn bucket<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut Bucket, AwsError> {
    let (name, _) = place(ask.request);
    let Some(bucket) = world.s3.buckets.get_mut(&name) else {
        let error = AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist");
        return Err(error.detail("BucketName", name));
    };
    if bucket.account != ask.caller.account {
        return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
    }
    if bucket.region != ask.caller.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. \
                       Please send all future requests to this endpoint.";
        return Err(
            AwsError::new(301, "PermanentRedirect", message).detail("Region", &bucket.region)
        );
    }
    Ok(bucket)
}

/// Bucket and key of a path; either may be empty.
fn place(request: &Request) -> (String, String) {
    let path = request.path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (percent_decode(bucket), percent_decode(key))
}

fn same(a: &str, b: &str) -> bool {
    a.trim_matches('"') == b.trim_matches('"')
}

fn respond(status: u16, ask: &Ask<'_>) -> Response {
    Response::new(status).header("x-amz-request-id", ask.request_id)
}

fn no_such_key(key: &str) -> AwsError {
    AwsError::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key)
}

fn precondition_failed(condition: &str) -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    AwsError::new(412, "PreconditionFailed", message).detail("Condition", condition)
}

/// A token is the last key of the page before.
fn write_token(key: &str) -> String {
    format!("after/{}", percent_encode(key))
}

fn read_token(token: &str) -> Option<String> {
    token.strip_prefix("after/").map(percent_decode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, short, world};

    fn stage() -> Stage {
        Stage::new(world().bucket(ACCOUNT, REGION, "state"))
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response
            .headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_object_comes_back_as_it_was_put() {
        let mut stage = stage();
        let headers = [
            ("content-type", "text/plain"),
            ("x-amz-meta-who", "me"),
            ("content-encoding", "aws-chunked,gzip"),
        ];
        let chunks = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let put = stage.call(
            "s3",
            "PUT",
            "/state/a%20b/%C3%BC?x-id=PutObject",
            &headers,
            chunks,
        );
        // md5 of `hello`
        assert_eq!(
            header(&put, "etag"),
            Some("\"5d41402abc4b2a76b9719d911017c592\"")
        );
        let got = stage.call("s3", "GET", "/state/a%20b/%C3%BC?x-id=GetObject", &[], b"");
        assert_eq!(got.body, b"hello");
        assert_eq!(header(&got, "content-type"), Some("text/plain"));
        assert_eq!(header(&got, "content-encoding"), Some("gzip"));
        assert_eq!(header(&got, "x-amz-meta-who"), Some("me"));
        assert_eq!(
            header(&got, "last-modified"),
            Some("Fri, 04 Oct 2024 00:00:00 GMT")
        );
        let head = stage.call("s3", "HEAD", "/state/a%20b/%C3%BC", &[], b"");
        assert_eq!(
            (head.body.len(), header(&head, "content-length")),
            (0, Some("5"))
        );
        assert_eq!(
            stage
                .call("s3", "DELETE", "/state/a%20b/%C3%BC", &[], b"")
                .status,
            204
        );
        assert_eq!(
            short(&stage.call("s3", "GET", "/state/a%20b/%C3%BC", &[], b"")),
            "404 NoSuchKey: The specified key does not exist."
        );
    }

    #[test]
    fn conditional_writes() {
        let mut stage = stage();
        let mut put = |key: &str, headers: &[(&str, &str)]| {
            short(&stage.call("s3", "PUT", &format!("/state/{key}"), headers, b"hello"))
        };
        let failed =
            "412 PreconditionFailed: At least one of the pre-conditions you specified did not hold";
        assert_eq!(put("once", &[("if-none-match", "*")]), "200");
        assert_eq!(put("once", &[("if-none-match", "*")]), failed);
        assert_eq!(put("once", &[("if-match", "\"deadbeef\"")]), failed);
        assert_eq!(
            put(
                "once",
                &[("if-match", "\"5d41402abc4b2a76b9719d911017c592\"")]
            ),
            "200"
        );
        assert!(put("absent", &[("if-match", "\"deadbeef\"")]).starts_with("404 NoSuchKey"));
        let same = [("if-none-match", "\"5d41402abc4b2a76b9719d911017c592\"")];
        assert_eq!(
            stage.call("s3", "GET", "/state/once", &same, b"").status,
            304
        );
        let delete = stage.call(
            "s3",
            "DELETE",
            "/state/once",
            &[("if-match", "\"deadbeef\"")],
            b"",
        );
        assert_eq!(short(&delete), failed);
    }

    #[test]
    fn listings_come_in_pages() {
        let mut stage = stage();
        for key in ["a/1", "a/2", "a/3 +", "b/1"] {
            stage.state.world.store_object("state", key, b"x");
        }
        stage.state.world.set_page_size(Some(2));
        let first = body(&stage.call(
            "s3",
            "GET",
            "/state?list-type=2&prefix=a%2F&encoding-type=url",
            &[],
            b"",
        ));
        assert_eq!(leaves(&first, "Key"), ["a/1", "a/2"]);
        assert_eq!(leaves(&first, "IsTruncated"), ["true"]);
        let token = percent_encode(&leaves(&first, "NextContinuationToken")[0]);
        let target =
            format!("/state?list-type=2&prefix=a%2F&encoding-type=url&continuation-token={token}");
        let second = body(&stage.call("s3", "GET", &target, &[], b""));
        assert_eq!(leaves(&second, "Key"), ["a/3%20%2B"]);
        assert_eq!(leaves(&second, "IsTruncated"), ["false"]);
    }

    #[test]
    fn buckets_are_where_and_whose_they_are() {
        let mut stage = Stage::new(
            world()
                .account("210987654321")
                .bucket("210987654321", REGION, "theirs")
                .bucket(ACCOUNT, "us-east-1", "far"),
        );
        let mut get =
            |bucket: &str| short(&stage.call("s3", "GET", &format!("/{bucket}/key"), &[], b""));
        assert_eq!(
            get("none"),
            "404 NoSuchBucket: The specified bucket does not exist"
        );
        assert_eq!(get("theirs"), "403 AccessDenied: Access Denied");
        assert_eq!(get("far"), "301");
        assert_eq!(short(&stage.call("s3", "PUT", "/new", &[], b"")), "200");
        assert!(
            short(&stage.call("s3", "PUT", "/new", &[], b""))
                .starts_with("409 BucketAlreadyOwnedByYou")
        );
        assert!(
            short(&stage.call("s3", "PUT", "/theirs", &[], b""))
                .starts_with("409 BucketAlreadyExists")
        );
    }

    #[test]
    fn what_is_not_simulated_is_refused() {
        let mut stage = stage();
        for (method, target, headers) in [
            ("GET", "/state?versioning", vec![]),
            ("GET", "/state?list-type=2&delimiter=%2F", vec![]),
            ("PUT", "/state/key?tagging", vec![]),
            (
                "PUT",
                "/state/key",
                vec![("x-amz-copy-source", "/state/other")],
            ),
            ("GET", "/state/key", vec![("range", "bytes=0-1")]),
            ("GET", "/", vec![]),
        ] {
            let answer = stage.call("s3", method, target, &headers, b"");
            assert_eq!(answer.status, 501, "{method} {target}");
        }
    }

    #[test]
    fn a_body_that_was_damaged_is_refused() {
        let mut stage = stage();
        let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
        assert!(
            short(&stage.call("s3", "PUT", "/state/key", &wrong, b"x"))
                .starts_with("400 BadDigest")
        );
        let chunked = [("content-encoding", "aws-chunked")];
        assert!(
            short(&stage.call("s3", "PUT", "/state/key", &chunked, b"5\r\nhel"))
                .starts_with("400 IncompleteBody")
        );
        assert!(stage.state.world.keys("state").is_empty());
    }
}
