//! Multipart uploads. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};

use super::conditions::{check_write, same};
use super::listing::time;
use super::store::{Bucket, StoredObject, Written, hex};
use super::write::{cause, check_key, keep_headers, keep_tags, read_body, written_headers};
use super::{NAMESPACE, bucket, invalid, key_of, malformed, name_of, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Element, Response, Xml};
use crate::world::World;

/// Of every part but the last. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: usize = 5 * 1024 * 1024;

/// An upload that is not complete.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) began_at: DateTime<Utc>,
    /// What the object will be, but for its bytes.
    pub(super) object: StoredObject,
    parts: BTreeMap<u32, Part>,
}

#[derive(Debug)]
struct Part {
    body: Vec<u8>,
    md5: Vec<u8>,
    sent_at: DateTime<Utc>,
}

impl Part {
    fn etag(&self) -> String {
        format!("\"{}\"", hex(&self.md5))
    }
}

pub(super) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let key = key_of(ask.request);
    check_key(&key)?;
    let mut object = StoredObject::new(Vec::new());
    keep_headers(&mut object, ask.request)?;
    keep_tags(&mut object, ask.request)?;
    let (id, began_at) = (world.next_version_id(), world.now());
    let upload = Upload {
        key: key.clone(),
        began_at,
        object,
        parts: BTreeMap::new(),
    };
    bucket(world, ask)?.uploads.insert(id.clone(), upload);
    let body = Xml::document("InitiateMultipartUploadResult", NAMESPACE, |xml| {
        xml.leaf("Bucket", name_of(ask.request))
            .leaf("Key", &key)
            .leaf("UploadId", &id);
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

pub(super) fn upload_part(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let number = ask.request.query.get("partNumber").unwrap_or_default();
    let number = match number.parse() {
        Ok(number @ 1..=10_000) => number,
        _ => {
            return Err(invalid(
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
    };
    let (body, checksum) = read_body(ask.request)?;
    let part = Part {
        md5: Md5::digest(&body).to_vec(),
        body,
        sent_at: world.now(),
    };
    let (_, upload) = upload(bucket(world, ask)?, ask)?;
    let mut response = respond(200, ask).header("etag", part.etag());
    response.headers.extend(checksum);
    upload.parts.insert(number, part);
    Ok(response)
}

pub(super) fn complete(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (name, key) = (name_of(ask.request), key_of(ask.request));
    let document = Element::parse(&ask.request.body).ok_or_else(malformed)?;
    let mut wanted = Vec::new();
    for part in document.all("Part") {
        let number = part
            .text_of("PartNumber")
            .and_then(|text| text.parse::<u32>().ok());
        let etag = part.text_of("ETag").unwrap_or_default().to_owned();
        wanted.push((number.ok_or_else(malformed)?, etag));
    }
    if wanted.is_empty() {
        return Err(malformed());
    }
    let bucket = bucket(world, ask)?;
    // Asking again is answered as before: the first answer may have been lost.
    let id = ask.request.query.get("uploadId").unwrap_or_default();
    if let Some(written) = bucket.completed.get(id).cloned() {
        return Ok(completed(ask, &written));
    }
    check_write(ask.request, &key, bucket.current(&key))?;
    let (id, upload) = upload(bucket, ask)?;
    if !wanted.is_sorted_by(|(a, _), (b, _)| a < b) {
        let message =
            "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(AwsError::new(400, "InvalidPartOrder", message));
    }
    let (mut body, mut digests) = (Vec::new(), Vec::new());
    for (place, (number, etag)) in wanted.iter().enumerate() {
        let part = upload.parts.get(number);
        let Some(part) = part.filter(|part| same(etag, &part.etag())) else {
            let message = "One or more of the specified parts could not be found.  The part may not have been \
                           uploaded, or the specified entity tag may not match the part's entity tag.";
            return Err(AwsError::new(400, "InvalidPart", message)
                .detail("UploadId", id)
                .detail("PartNumber", number.to_string()));
        };
        if place + 1 < wanted.len() && part.body.len() < SMALLEST_PART {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(AwsError::new(400, "EntityTooSmall", message)
                .detail("ProposedSize", part.body.len().to_string())
                .detail("MinSizeAllowed", SMALLEST_PART.to_string())
                .detail("PartNumber", number.to_string()));
        }
        body.extend_from_slice(&part.body);
        digests.extend_from_slice(&part.md5);
    }
    let digest = hex(&Md5::digest(&digests));
    let object = StoredObject {
        body,
        etag: format!("\"{digest}-{}\"", wanted.len()),
        ..upload.object.clone()
    };
    bucket.uploads.remove(&id);
    let cause = cause(ask, "CompleteMultipartUpload");
    let written = world.write_object(&name, &key, object, &cause);
    let known = &mut world.bucket_mut(&name).completed;
    known.insert(id, written.clone());
    Ok(completed(ask, &written))
}

fn completed(ask: &Ask<'_>, written: &Written) -> Response {
    let (name, key) = (name_of(ask.request), key_of(ask.request));
    let body = Xml::document("CompleteMultipartUploadResult", NAMESPACE, |xml| {
        xml.leaf("Location", format!("/{name}/{key}"))
            .leaf("Bucket", &name)
            .leaf("Key", &key)
            .leaf("ETag", &written.etag);
    });
    let response = Response::xml(200, body).header("x-amz-request-id", ask.request_id);
    written_headers(response, written)
}

pub(super) fn abort(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let bucket = bucket(world, ask)?;
    let (id, _) = upload(bucket, ask)?;
    bucket.uploads.remove(&id);
    Ok(respond(204, ask))
}

pub(super) fn list_parts(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.query;
    let number = |name: &str| params.get(name).map(str::parse::<usize>).transpose();
    let (Ok(asked), Ok(after)) = (number("max-parts"), number("part-number-marker")) else {
        return Err(invalid("Provided number is not an integer"));
    };
    let (size, after) = (world.page_of(asked, 1000), after.unwrap_or(0));
    let (id, upload) = upload(bucket(world, ask)?, ask)?;
    let mut rest = upload
        .parts
        .iter()
        .filter(|(number, _)| **number as usize > after);
    let shown: Vec<(&u32, &Part)> = rest.by_ref().take(size).collect();
    let is_cut = rest.next().is_some();
    let next = shown.last().filter(|_| is_cut).map(|(number, _)| number);
    let body = Xml::document("ListPartsResult", NAMESPACE, |xml| {
        xml.leaf("Bucket", name_of(ask.request))
            .leaf("Key", &upload.key)
            .leaf("UploadId", &id)
            .leaf("PartNumberMarker", after)
            .maybe("NextPartNumberMarker", next)
            .leaf("MaxParts", size)
            .leaf("IsTruncated", is_cut);
        for (number, part) in &shown {
            xml.node("Part", |xml| {
                xml.leaf("PartNumber", number)
                    .leaf("LastModified", time(part.sent_at))
                    .leaf("ETag", part.etag())
                    .leaf("Size", part.body.len());
            });
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

/// The upload of a request, and its id.
fn upload<'a>(bucket: &'a mut Bucket, ask: &Ask<'_>) -> Result<(String, &'a mut Upload), AwsError> {
    let id = ask.request.query.get("uploadId").unwrap_or_default();
    let key = key_of(ask.request);
    match bucket.uploads.get_mut(id) {
        Some(upload) if upload.key == key => Ok((id.to_owned(), upload)),
        _ => {
            let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have \
                           been aborted or completed.";
            Err(AwsError::new(404, "NoSuchUpload", message).detail("UploadId", id))
        }
    }
}
