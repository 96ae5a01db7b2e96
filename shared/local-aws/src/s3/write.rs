//! `PutObject`, and what it shares with the other ways to write: reading the body, and the headers that are kept.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

use super::checksum::{self, Sent};
use super::conditions::check_write;
use super::store::{Cause, StoredObject, Written};
use super::tags::read_tags;
use super::{bucket, key_of, name_of, respond};
use crate::service::{Ask, Refusal, Service};
use crate::wire::{AwsError, Request, Response, decode_chunks};
use crate::world::World;

/// Names and values together. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const MOST_METADATA: usize = 2048;

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const LONGEST_KEY: usize = 1024;

/// The system headers that are kept as they are.
const KEPT: [&str; 5] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
];

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

pub(super) fn put_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let key = key_of(ask.request);
    check_key(&key)?;
    let (body, checksum) = read_body(ask.request)?;
    let mut object = StoredObject::new(body);
    object.checksum = checksum;
    keep_headers(&mut object, ask.request)?;
    keep_tags(&mut object, ask.request)?;
    check_write(ask.request, &key, bucket(world, ask)?.current(&key))?;
    let checksum = object.checksum.clone();
    let cause = cause(ask, "PutObject");
    let written = world.write_object(&name_of(ask.request), &key, object, &cause);
    let mut response = written_headers(respond(200, ask), &written).header("etag", &written.etag);
    response.headers.extend(checksum);
    Ok(response)
}

/// Why something changed, if a request changed it.
pub(super) fn cause<'a>(ask: &Ask<'a>, operation: &'static str) -> Cause<'a> {
    Cause {
        operation,
        principal: &ask.caller.user_id,
        request_id: ask.request_id,
    }
}

pub(super) fn written_headers(response: Response, written: &Written) -> Response {
    let response = response.header("x-amz-server-side-encryption", "AES256");
    match &written.version_id {
        Some(id) => response.header("x-amz-version-id", id),
        None => response,
    }
}

pub(super) fn check_key(key: &str) -> Result<(), AwsError> {
    if key.len() <= LONGEST_KEY {
        return Ok(());
    }
    Err(
        AwsError::new(400, "KeyTooLongError", "Your key is too long")
            .detail("Size", key.len().to_string())
            .detail("MaxSizeAllowed", LONGEST_KEY.to_string()),
    )
}

/// The bytes of a request, and the checksum that came with them: its header and its value.
type Sending = (Vec<u8>, Option<(String, String)>);

pub(super) fn read_body(request: &Request) -> Result<Sending, AwsError> {
    let encoding = request.header("content-encoding").unwrap_or_default();
    let is_streaming = request
        .header("x-amz-content-sha256")
        .is_some_and(|sha| sha.starts_with("STREAMING-"));
    let (body, trailers) = if is_streaming
        || encoding.split(',').any(|name| name.trim() == "aws-chunked")
    {
        let chunked = decode_chunks(&request.body).ok_or_else(|| {
                let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
                AwsError::new(400, "IncompleteBody", message)
            })?;
        (chunked.body, chunked.trailers)
    } else {
        (request.body.to_vec(), Vec::new())
    };
    if let Some(expected) = request.header("content-md5")
        && expected != BASE64_STANDARD.encode(Md5::digest(&body))
    {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(AwsError::new(400, "BadDigest", message));
    }
    let headers = request.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let trailers = trailers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    match checksum::check(headers.chain(trailers), &body) {
        Sent::None => Ok((body, None)),
        Sent::Right(name, value) => Ok((body, Some((name, value)))),
        Sent::Wrong(name) => {
            let message =
                format!("The {name} you specified did not match the calculated checksum.");
            Err(AwsError::new(400, "BadDigest", message))
        }
        Sent::Unknown => Err(super::S3.refusal(&Refusal::UnknownAction(String::new()))),
    }
}

/// Keeps the headers an object is served with, and its storage class.
pub(super) fn keep_headers(object: &mut StoredObject, request: &Request) -> Result<(), AwsError> {
    let mut metadata = 0;
    for (name, value) in &request.headers {
        let name = name.as_str();
        if let Some(short) = name.strip_prefix("x-amz-meta-") {
            metadata += short.len() + value.len();
        } else if !KEPT.contains(&name) {
            continue;
        }
        // HTTP's headers are ASCII: S3 gives back anything else in the words of mail.
        let value = match value.to_str() {
            Ok(text) => text.to_owned(),
            Err(_) => format!("=?UTF-8?B?{}?=", BASE64_STANDARD.encode(value.as_bytes())),
        };
        object.headers.push((name.to_owned(), value));
    }
    if metadata > MOST_METADATA {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(AwsError::new(400, "MetadataTooLarge", message)
            .detail("Size", metadata.to_string())
            .detail("MaxSizeAllowed", MOST_METADATA.to_string()));
    }
    let encodings: Vec<&str> = request
        .header("content-encoding")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "aws-chunked")
        .collect();
    if !encodings.is_empty() {
        let header = ("content-encoding".to_owned(), encodings.join(","));
        object.headers.push(header);
    }
    if let Some(class) = request.header("x-amz-storage-class") {
        if !STORAGE_CLASSES.contains(&class) {
            let message = "The storage class you specified is not valid";
            return Err(AwsError::new(400, "InvalidStorageClass", message));
        }
        object.storage_class = class.to_owned();
    }
    Ok(())
}

/// Keeps the tags of the header `x-amz-tagging`.
pub(super) fn keep_tags(object: &mut StoredObject, request: &Request) -> Result<(), AwsError> {
    if let Some(text) = request.header("x-amz-tagging") {
        object.tags = read_tags(form_urlencoded::parse(text.as_bytes()).into_owned())?;
    }
    Ok(())
}
