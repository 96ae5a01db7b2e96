//! `CopyObject`.

use super::conditions::{check_source, check_write};
use super::read::{is_archived, no_such_version};
use super::store::StoredObject;
use super::write::{cause, check_key, keep_headers, keep_tags, written_headers};
use super::{NAMESPACE, bucket, key_of, name_of, no_such_bucket, no_such_key};
use crate::service::Ask;
use crate::wire::{AwsError, Response, Xml, percent_decode};
use crate::world::World;

pub(super) fn copy_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (name, key) = (name_of(ask.request), key_of(ask.request));
    check_key(&key)?;
    bucket(world, ask)?;
    let from = Source::read(ask.request.header("x-amz-copy-source").unwrap_or_default())
        .ok_or_else(|| {
            let message =
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
            AwsError::new(400, "InvalidArgument", message)
        })?;
    let source = find(world, ask, &from)?;
    check_source(ask.request, source)?;
    if is_archived(source) {
        let message = "The source object of the COPY action is not in the active tier";
        return Err(AwsError::new(403, "ObjectNotInActiveTierError", message));
    }

    let replaces = |header| ask.request.header(header) == Some("REPLACE");
    let (new_headers, new_tags) = (
        replaces("x-amz-metadata-directive"),
        replaces("x-amz-tagging-directive"),
    );
    let new_class = ask.request.header("x-amz-storage-class");
    let is_itself = (&name, &key, None) == (&from.bucket, &from.key, from.version.as_ref());
    if is_itself && !new_headers && new_class.is_none() {
        let message = "This copy request is illegal because it is trying to copy an object to itself without \
                       changing the object's metadata, storage class, website redirect location or encryption \
                       attributes.";
        return Err(AwsError::new(400, "InvalidRequest", message));
    }
    // A copy is one object, however many parts its source had.
    let mut object = StoredObject::new(source.body.clone());
    object.checksum.clone_from(&source.checksum);
    let (headers, tags) = (source.headers.clone(), source.tags.clone());
    let source_version = source.version_id.clone();
    keep_headers(&mut object, ask.request)?;
    if !new_headers {
        object.headers = headers;
    }
    if new_tags {
        keep_tags(&mut object, ask.request)?;
    } else {
        object.tags = tags;
    }
    check_write(ask.request, &key, bucket(world, ask)?.current(&key))?;
    let modified_at = world.now();
    let written = world.write_object(&name, &key, object, &cause(ask, "CopyObject"));
    let body = Xml::document("CopyObjectResult", NAMESPACE, |xml| {
        xml.leaf("LastModified", modified_at.format("%Y-%m-%dT%H:%M:%S.000Z"))
            .leaf("ETag", &written.etag);
    });
    let response = Response::xml(200, body).header("x-amz-request-id", ask.request_id);
    let response = written_headers(response, &written);
    Ok(match source_version {
        Some(id) => response.header("x-amz-copy-source-version-id", id),
        None => response,
    })
}

/// What is copied. It may be in another region.
fn find<'a>(world: &'a World, ask: &Ask<'_>, from: &Source) -> Result<&'a StoredObject, AwsError> {
    let bucket = world.s3.buckets.get(&from.bucket);
    let bucket = bucket.ok_or_else(|| no_such_bucket(&from.bucket))?;
    if bucket.account != ask.caller.account {
        return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
    }
    match &from.version {
        None => bucket
            .current(&from.key)
            .ok_or_else(|| no_such_key(&from.key)),
        Some(id) => bucket
            .version(&from.key, id)
            .and_then(|version| version.object())
            .ok_or_else(|| no_such_version(&from.key, id)),
    }
}

struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl Source {
    /// Reads `/bucket/key?versionId=…`, percent-encoded.
    fn read(header: &str) -> Option<Source> {
        let (path, version) = match header.split_once("?versionId=") {
            Some((path, id)) => (path, Some(percent_decode(id))),
            None => (header, None),
        };
        let path = percent_decode(path.trim_start_matches('/'));
        let (bucket, key) = path.trim_start_matches('/').split_once('/')?;
        (!key.is_empty()).then(|| Source {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version,
        })
    }
}
