//! `DeleteObject` and `DeleteObjects`.

use super::conditions::{check_write, same};
use super::write::cause;
use super::{NAMESPACE, bucket, key_of, malformed, name_of, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Element, Response, Xml};
use crate::world::World;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const MOST_KEYS: usize = 1000;

/// Deleting what does not exist succeeds.
pub(super) fn delete_object(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (name, key) = (name_of(ask.request), key_of(ask.request));
    let version = ask.request.query.get("versionId");
    let bucket = bucket(world, ask)?;
    let present = match version {
        None => bucket.current(&key),
        Some(id) => bucket
            .version(&key, id)
            .and_then(|version| version.object()),
    };
    check_write(ask.request, &key, present)?;
    let removed = world.delete_object(&name, &key, version, &cause(ask, "DeleteObject"));
    let mut response = respond(204, ask);
    if removed.is_marker {
        response = response.header("x-amz-delete-marker", "true");
    }
    if let Some(id) = removed.version_id {
        response = response.header("x-amz-version-id", id);
    }
    Ok(response)
}

pub(super) fn delete_objects(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let document = Element::parse(&ask.request.body).ok_or_else(malformed)?;
    let asked: Vec<&Element> = document.all("Object").collect();
    if asked.is_empty() || asked.len() > MOST_KEYS {
        return Err(malformed());
    }
    let is_quiet = document.text_of("Quiet") == Some("true");
    let name = name_of(ask.request);
    bucket(world, ask)?;
    let mut lines = Vec::new();
    for object in asked {
        let key = object.child("Key").ok_or_else(malformed)?.text.clone();
        let version = object.text_of("VersionId");
        let present = bucket(world, ask)?.current(&key);
        let is_expected = match (object.text_of("ETag"), present) {
            (None, _) => true,
            (Some(etag), Some(present)) => same(etag, &present.etag),
            (Some(_), None) => false,
        };
        let removed = is_expected
            .then(|| world.delete_object(&name, &key, version, &cause(ask, "DeleteObject")));
        lines.push((key, version, removed));
    }
    let body = Xml::document("DeleteResult", NAMESPACE, |xml| {
        for (key, version, removed) in &lines {
            match removed {
                Some(_) if is_quiet => {}
                Some(removed) => {
                    xml.node("Deleted", |xml| {
                        xml.leaf("Key", key).maybe("VersionId", *version);
                        if removed.is_marker {
                            xml.leaf("DeleteMarker", true)
                                .maybe("DeleteMarkerVersionId", removed.version_id.as_ref());
                        }
                    });
                }
                None => {
                    let message = "At least one of the pre-conditions you specified did not hold";
                    xml.node("Error", |xml| {
                        xml.leaf("Key", key)
                            .leaf("Code", "PreconditionFailed")
                            .leaf("Message", message);
                    });
                }
            }
        }
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}
