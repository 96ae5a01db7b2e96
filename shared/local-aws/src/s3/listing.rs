//! Listings: of objects, of their versions, of uploads that are not complete.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::store::{ObjectVersion, StoredObject};
use super::{NAMESPACE, bucket, invalid, name_of};
use crate::service::Ask;
use crate::wire::{AwsError, Params, Response, Xml, percent_decode, percent_encode};
use crate::world::World;

/// What a listing of objects may ask for. Anything else names another operation.
pub(super) const OBJECTS: &[&str] = &[
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "max-keys",
    "prefix",
    "start-after",
];

/// The same for a listing of versions.
pub(super) const VERSIONS: &[&str] = &[
    "encoding-type",
    "key-marker",
    "max-keys",
    "prefix",
    "version-id-marker",
    "versions",
];

/// One line of a page.
enum Line<'a> {
    Object(&'a str, &'a StoredObject),
    /// All keys that begin alike, up to the delimiter.
    Prefix(String),
}

pub(super) fn list_objects(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.query;
    let asked = max_keys(params)?;
    // S3 shortens a page that is asked too long; it does not refuse.
    let size = world.page_of(Some(asked), 1000).min(asked);
    let token = params.get("continuation-token");
    let after = match token {
        None => params.get("start-after").unwrap_or_default().to_owned(),
        Some(token) => read_token(token)
            .ok_or_else(|| invalid("The continuation token provided is incorrect"))?,
    };
    let prefix = params.get("prefix").unwrap_or_default();
    let delimiter = params.get("delimiter").filter(|text| !text.is_empty());
    let bucket = bucket(world, ask)?;
    let mut seen = BTreeSet::new();
    let mut rest = bucket.objects().filter_map(|(key, object)| {
        let tail = key.strip_prefix(prefix)?;
        let line = match delimiter.and_then(|delimiter| tail.split_once(delimiter)) {
            Some((first, _)) => {
                let common = format!("{prefix}{first}{}", delimiter.unwrap_or_default());
                Line::Prefix(common)
            }
            None => Line::Object(key, object),
        };
        let is_after = after.is_empty()
            || match &line {
                Line::Object(key, _) => *key > after.as_str(),
                // A page that ended with it has told all that is below it.
                Line::Prefix(common) => {
                    key.as_str() > after.as_str() && !after.starts_with(common.as_str())
                }
            };
        let is_new = match &line {
            Line::Object(..) => true,
            Line::Prefix(common) => is_after && seen.insert(common.clone()),
        };
        (is_after && is_new).then_some(line)
    });
    let shown: Vec<Line<'_>> = rest.by_ref().take(size).collect();
    let is_cut = size > 0 && rest.next().is_some();
    let next = shown.last().filter(|_| is_cut).map(|line| match line {
        Line::Object(key, _) => write_token(key),
        Line::Prefix(common) => write_token(common),
    });

    let written = |text: &str| written(params, text);
    let body = Xml::document("ListBucketResult", NAMESPACE, |xml| {
        xml.leaf("Name", name_of(ask.request))
            .leaf("Prefix", written(prefix))
            .maybe("Delimiter", delimiter.map(written))
            .maybe("StartAfter", params.get("start-after").map(written))
            .maybe("ContinuationToken", token)
            .maybe("NextContinuationToken", next)
            .leaf("KeyCount", shown.len())
            .leaf("MaxKeys", asked.min(1000))
            .maybe("EncodingType", params.get("encoding-type"))
            .leaf("IsTruncated", is_cut);
        for line in &shown {
            match line {
                Line::Object(key, object) => {
                    xml.node("Contents", |xml| {
                        xml.leaf("Key", written(key));
                        describe(xml, object);
                    });
                }
                Line::Prefix(common) => {
                    xml.node("CommonPrefixes", |xml| {
                        xml.leaf("Prefix", written(common));
                    });
                }
            }
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

/// Keys in order, and of each the newest version first.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub(super) fn list_object_versions(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.query;
    let asked = max_keys(params)?;
    let size = world.page_of(Some(asked), 1000).min(asked);
    let prefix = params.get("prefix").unwrap_or_default();
    let key_marker = params.get("key-marker");
    let version_marker = params.get("version-id-marker");
    if version_marker.is_some() && key_marker.is_none() {
        return Err(invalid(
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    let bucket = bucket(world, ask)?;
    let mut rest = bucket
        .all_versions()
        .filter(|(key, _)| key.starts_with(prefix))
        .flat_map(|(key, versions)| {
            let newest_first = versions.iter().rev();
            // Without a version, the marker's key is done with; with one, it goes on after that version.
            let skipped = match (key_marker, version_marker) {
                (Some(marker), None) if key.as_str() <= marker => versions.len(),
                (Some(marker), Some(_)) if key.as_str() < marker => versions.len(),
                (Some(marker), Some(id)) if key == marker => newest_first
                    .clone()
                    .position(|version| version.version_id() == id)
                    .map_or(versions.len(), |place| place + 1),
                _ => 0,
            };
            newest_first
                .enumerate()
                .skip(skipped)
                .map(move |(place, version)| (key, version, place == 0))
        });
    let shown: Vec<(&String, &ObjectVersion, bool)> = rest.by_ref().take(size).collect();
    let is_cut = size > 0 && rest.next().is_some();
    let next = shown.last().filter(|_| is_cut);

    let written = |text: &str| written(params, text);
    let body = Xml::document("ListVersionsResult", NAMESPACE, |xml| {
        xml.leaf("Name", name_of(ask.request))
            .leaf("Prefix", written(prefix))
            .leaf("KeyMarker", written(key_marker.unwrap_or_default()))
            .leaf("VersionIdMarker", version_marker.unwrap_or_default())
            .maybe("NextKeyMarker", next.map(|(key, ..)| written(key)))
            .maybe(
                "NextVersionIdMarker",
                next.map(|(_, version, _)| version.version_id()),
            )
            .leaf("MaxKeys", asked.min(1000))
            .maybe("EncodingType", params.get("encoding-type"))
            .leaf("IsTruncated", is_cut);
        for (key, version, is_latest) in &shown {
            let name = match version {
                ObjectVersion::Object(_) => "Version",
                ObjectVersion::DeleteMarker { .. } => "DeleteMarker",
            };
            xml.node(name, |xml| {
                xml.leaf("Key", written(key))
                    .leaf("VersionId", version.version_id())
                    .leaf("IsLatest", is_latest);
                match version {
                    ObjectVersion::Object(object) => describe(xml, object),
                    ObjectVersion::DeleteMarker { modified_at, .. } => {
                        xml.leaf("LastModified", time(*modified_at));
                    }
                }
            });
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

/// In one page: nobody has a thousand of them here.
pub(super) fn list_multipart_uploads(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let params = &ask.request.query;
    let prefix = params.get("prefix").unwrap_or_default();
    let bucket = bucket(world, ask)?;
    let mut uploads: Vec<_> = bucket
        .uploads
        .iter()
        .filter(|(_, upload)| upload.key.starts_with(prefix))
        .collect();
    uploads.sort_by_key(|(id, upload)| (&upload.key, upload.began_at, *id));
    let body = Xml::document("ListMultipartUploadsResult", NAMESPACE, |xml| {
        xml.leaf("Bucket", name_of(ask.request))
            .leaf("Prefix", written(params, prefix))
            .leaf("MaxUploads", 1000)
            .maybe("EncodingType", params.get("encoding-type"))
            .leaf("IsTruncated", false);
        for (id, upload) in uploads {
            xml.node("Upload", |xml| {
                xml.leaf("Key", written(params, &upload.key))
                    .leaf("UploadId", id)
                    .leaf("Initiated", time(upload.began_at))
                    .leaf("StorageClass", &upload.object.storage_class);
            });
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

fn describe(xml: &mut Xml, object: &StoredObject) {
    xml.leaf("LastModified", time(object.modified_at))
        .leaf("ETag", &object.etag)
        .leaf("Size", object.body.len())
        .leaf("StorageClass", &object.storage_class);
}

/// A time as S3's documents write it.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A key as the request wants to read it.
fn written(params: &Params, text: &str) -> String {
    match params.get("encoding-type") {
        Some("url") => percent_encode(text),
        _ => text.to_owned(),
    }
}

fn max_keys(params: &Params) -> Result<usize, AwsError> {
    match params.get("max-keys").map(str::parse) {
        None => Ok(1000),
        Some(Ok(asked)) => Ok(asked),
        Some(Err(_)) => Err(invalid(
            "Provided max-keys not an integer or within integer range",
        )),
    }
}

/// A token is the last line of the page before.
fn write_token(key: &str) -> String {
    format!("after/{}", percent_encode(key))
}

fn read_token(token: &str) -> Option<String> {
    token.strip_prefix("after/").map(percent_decode)
}
