//! The tags of objects. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use super::{NAMESPACE, bucket, key_of, malformed, no_such_key, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Element, Response, Xml};
use crate::world::World;

const MOST_TAGS: usize = 10;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) fn get_tagging(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (key, version) = (key_of(ask.request), ask.request.query.get("versionId"));
    let bucket = bucket(world, ask)?;
    let object = bucket
        .object_mut(&key, version)
        .ok_or_else(|| no_such_key(&key))?;
    let body = Xml::document("Tagging", NAMESPACE, |xml| {
        xml.node("TagSet", |xml| {
            for (key, value) in &object.tags {
                xml.node("Tag", |xml| {
                    xml.leaf("Key", key).leaf("Value", value);
                });
            }
        });
    });
    Ok(with_version(
        Response::xml(200, body).header("x-amz-request-id", ask.request_id),
        object.version_id.as_ref(),
    ))
}

pub(super) fn put_tagging(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let document = Element::parse(&ask.request.body).ok_or_else(malformed)?;
    let set = document.child("TagSet").ok_or_else(malformed)?;
    let text = |tag: &Element, name| tag.text_of(name).unwrap_or_default().to_owned();
    let tags = set
        .all("Tag")
        .map(|tag| (text(tag, "Key"), text(tag, "Value")));
    let tags = read_tags(tags)?;
    replace(world, ask, tags, 200)
}

pub(super) fn delete_tagging(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    replace(world, ask, Vec::new(), 204)
}

fn replace(
    world: &mut World,
    ask: &Ask<'_>,
    tags: Vec<(String, String)>,
    status: u16,
) -> Result<Response, AwsError> {
    let (key, version) = (key_of(ask.request), ask.request.query.get("versionId"));
    let object = bucket(world, ask)?
        .object_mut(&key, version)
        .ok_or_else(|| no_such_key(&key))?;
    object.tags = tags;
    Ok(with_version(
        respond(status, ask),
        object.version_id.as_ref(),
    ))
}

fn with_version(response: Response, version: Option<&String>) -> Response {
    match version {
        Some(id) => response.header("x-amz-version-id", id),
        None => response,
    }
}

/// Checks tags against S3's limits.
pub(super) fn read_tags(
    tags: impl Iterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, AwsError> {
    let mut read: Vec<(String, String)> = Vec::new();
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            let message = "The TagKey you have provided is invalid";
            return Err(AwsError::new(400, "InvalidTag", message));
        }
        if value.chars().count() > LONGEST_VALUE {
            let message = "The TagValue you have provided is invalid";
            return Err(AwsError::new(400, "InvalidTag", message));
        }
        if read.iter().any(|(known, _)| *known == key) {
            let message = "Cannot provide multiple Tags with the same key";
            return Err(AwsError::new(400, "InvalidTag", message));
        }
        read.push((key, value));
    }
    if read.len() > MOST_TAGS {
        let message = "Object tags cannot be greater than 10";
        return Err(AwsError::new(400, "BadRequest", message));
    }
    Ok(read)
}
