//! `GetObject` and `HeadObject`: whole, a range of it, or an older version.

use super::conditions::check_read;
use super::store::{ObjectVersion, StoredObject};
use super::{bucket, key_of, no_such_key, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Request, Response, http_date};
use crate::world::World;

/// What the query of a presigned link may set in the answer, and as which header.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(super) const OVERRIDES: [(&str, &str); 5] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
];

/// The two answers are the same but for the body.
pub(super) fn get_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let key = key_of(ask.request);
    let bucket = bucket(world, ask)?;
    let object = match ask.request.query.get("versionId") {
        None => match bucket.versions(&key).last() {
            None => return Err(no_such_key(&key)),
            Some(ObjectVersion::DeleteMarker { version_id, .. }) => {
                return Err(no_such_key(&key)
                    .detail("x-amz-delete-marker", "true")
                    .detail("x-amz-version-id", version_id));
            }
            Some(ObjectVersion::Object(object)) => object,
        },
        Some(id) => match bucket.version(&key, id) {
            Some(ObjectVersion::Object(object)) => object,
            Some(ObjectVersion::DeleteMarker { .. }) => {
                let message = "The specified method is not allowed against this resource.";
                return Err(AwsError::new(405, "MethodNotAllowed", message)
                    .detail("x-amz-delete-marker", "true")
                    .detail("x-amz-version-id", id));
            }
            None => return Err(no_such_version(&key, id)),
        },
    };
    let is_head = ask.request.method == "HEAD";
    if !is_head && is_archived(object) {
        let message = "The operation is not valid for the object's storage class";
        return Err(AwsError::new(403, "InvalidObjectState", message)
            .detail("StorageClass", &object.storage_class));
    }
    check_read(ask.request, object)?;
    let size = object.body.len();
    let range = match ask.request.header("range").map(Range::read) {
        None | Some(None) => None,
        Some(Some(range)) => Some(range.within(size).ok_or_else(|| {
            let asked = ask.request.header("range").unwrap_or_default();
            AwsError::new(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
            .detail("RangeRequested", asked)
            .detail("ActualObjectSize", size.to_string())
            .detail("content-range", format!("bytes */{size}"))
        })?),
    };
    let (status, from, until) = match range {
        None => (200, 0, size),
        Some((from, until)) => (206, from, until),
    };
    let mut response = describe(respond(status, ask), object);
    if status == 206 {
        let last = until - 1;
        response = response.header("content-range", format!("bytes {from}-{last}/{size}"));
    } else if ask.request.header("x-amz-checksum-mode") == Some("ENABLED") {
        response.headers.extend(object.checksum.clone());
    }
    override_headers(&mut response, ask.request);
    if is_head {
        response = response.header("content-length", (until - from).to_string());
    } else {
        response.body = object.body[from..until].to_vec();
    }
    Ok(response)
}

/// The headers that tell what an object is.
fn describe(response: Response, object: &StoredObject) -> Response {
    let mut response = response
        .header("etag", &object.etag)
        .header("last-modified", http_date(object.modified_at))
        .header("accept-ranges", "bytes")
        .header("x-amz-server-side-encryption", "AES256");
    if object.header_value("content-type").is_none() {
        response = response.header("content-type", "binary/octet-stream");
    }
    response.headers.extend(object.headers.iter().cloned());
    if let Some(id) = &object.version_id {
        response = response.header("x-amz-version-id", id);
    }
    if !object.tags.is_empty() {
        response = response.header("x-amz-tagging-count", object.tags.len().to_string());
    }
    if object.storage_class != "STANDARD" {
        response = response.header("x-amz-storage-class", &object.storage_class);
    }
    response
}

fn override_headers(response: &mut Response, request: &Request) {
    for (param, name) in OVERRIDES {
        if let Some(value) = request.query.get(param) {
            response.headers.retain(|(header, _)| header != name);
            response.headers.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// Such an object has to be restored first, which is not simulated.
pub(super) fn is_archived(object: &StoredObject) -> bool {
    ["GLACIER", "DEEP_ARCHIVE"].contains(&object.storage_class.as_str())
}

pub(super) fn no_such_version(key: &str, id: &str) -> AwsError {
    // Ids are opaque, but S3 tells one it cannot have given out from one that is gone.
    if id.len() < 16 && id != "null" {
        return AwsError::new(400, "InvalidArgument", "Invalid version id specified")
            .detail("ArgumentName", "versionId")
            .detail("ArgumentValue", id);
    }
    AwsError::new(
        404,
        "NoSuchVersion",
        "The specified version does not exist.",
    )
    .detail("Key", key)
    .detail("VersionId", id)
}

/// One range of bytes. <https://www.rfc-editor.org/rfc/rfc9110#name-range-requests>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    From(usize),
    Between(usize, usize),
    Last(usize),
}

impl Range {
    /// `None` if it is not one range of bytes: then the whole object is answered, as S3 does for several.
    fn read(text: &str) -> Option<Range> {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", last) => Some(Range::Last(last.parse().ok()?)),
            (first, "") => Some(Range::From(first.parse().ok()?)),
            (first, last) => {
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(Range::Between(first, last))
            }
        }
    }

    /// From which byte, and up to but without which; `None` if no byte of it is there.
    fn within(self, size: usize) -> Option<(usize, usize)> {
        let (from, until) = match self {
            Range::From(first) => (first, size),
            Range::Between(first, last) => (first, last.saturating_add(1).min(size)),
            Range::Last(length) => (size.saturating_sub(length), size),
        };
        (from < until).then_some((from, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        for (text, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=2-4", Some((2, 5))),
            ("bytes=2-400", Some((2, 10))),
            ("bytes=9-", Some((9, 10))),
            ("bytes=10-", None),
            ("bytes=10-12", None),
            ("bytes=-3", Some((7, 10))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=-0", None),
            ("bytes=0-18446744073709551615", Some((0, 10))),
        ] {
            assert_eq!(Range::read(text).unwrap().within(10), expected, "{text}");
        }
        assert_eq!(Range::From(0).within(0), None);
    }

    #[test]
    fn what_is_not_one_range_is_ignored() {
        for text in [
            "bytes=4-2",
            "bytes=0-1,3-4",
            "bytes=a-b",
            "items=0-1",
            "bytes=-",
            "",
        ] {
            assert_eq!(Range::read(text), None, "{text}");
        }
    }
}
