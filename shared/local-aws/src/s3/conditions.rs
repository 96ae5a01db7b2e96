//! Conditions: a request that is answered, or takes effect, only if the object is the one that was expected.

use super::no_such_key;
use super::store::StoredObject;
use crate::service::{Refusal, Service};
use crate::wire::{AwsError, Request, http_date, read_http_date};

/// Conditional reads: the same headers and the same order as in RFC 9110, 13.2.2.
pub(super) fn check_read(request: &Request, object: &StoredObject) -> Result<(), AwsError> {
    check(request, object, "", 304)
}

/// The conditions of a copy on its source. There is no 304: a copy that is not made is a failure.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(super) fn check_source(request: &Request, object: &StoredObject) -> Result<(), AwsError> {
    check(request, object, "x-amz-copy-source-", 412)
}

fn check(
    request: &Request,
    object: &StoredObject,
    prefix: &str,
    unchanged: u16,
) -> Result<(), AwsError> {
    let header = |name: &str| request.header(&format!("{prefix}{name}"));
    let time = |name| header(name).and_then(read_http_date);
    // HTTP's times have no fractions of a second.
    let modified_at = read_http_date(&http_date(object.modified_at)).unwrap_or(object.modified_at);
    match (header("if-match"), time("if-unmodified-since")) {
        (Some(etags), _) if !is_one_of(etags, &object.etag) => {
            return Err(precondition_failed("If-Match"));
        }
        (None, Some(since)) if modified_at > since => {
            return Err(precondition_failed("If-Unmodified-Since"));
        }
        _ => {}
    }
    let is_unchanged = match (header("if-none-match"), time("if-modified-since")) {
        (Some(etags), _) => is_one_of(etags, &object.etag),
        (None, Some(since)) => modified_at <= since,
        (None, None) => false,
    };
    match is_unchanged {
        true if unchanged == 304 => Err(AwsError::new(304, "NotModified", "")
            .detail("etag", &object.etag)
            .detail("last-modified", http_date(object.modified_at))),
        true => Err(precondition_failed("If-None-Match")),
        false => Ok(()),
    }
}

/// Conditional writes. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
pub(super) fn check_write(
    request: &Request,
    key: &str,
    present: Option<&StoredObject>,
) -> Result<(), AwsError> {
    match request.header("if-none-match") {
        Some("*") if present.is_some() => return Err(precondition_failed("If-None-Match")),
        // There is no "unless it is this one".
        Some(etag) if etag != "*" => {
            return Err(super::S3.refusal(&Refusal::UnknownAction(String::new())));
        }
        _ => {}
    }
    match (request.header("if-match"), present) {
        (None | Some("*"), Some(_)) | (None, None) => Ok(()),
        (Some(_), None) => Err(no_such_key(key)),
        (Some(etag), Some(object)) if same(etag, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
    }
}

/// S3 takes eTags with and without their quotes.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.trim().trim_matches('"') == b.trim_matches('"')
}

fn is_one_of(etags: &str, etag: &str) -> bool {
    etags
        .split(',')
        .any(|one| one.trim() == "*" || same(one, etag))
}

fn precondition_failed(condition: &str) -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    AwsError::new(412, "PreconditionFailed", message).detail("Condition", condition)
}
