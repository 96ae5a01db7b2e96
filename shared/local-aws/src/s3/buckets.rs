//! Buckets themselves: making and removing them, where they are, whether they keep versions.

use super::store::{Bucket, Versioning};
use super::{NAMESPACE, bucket, malformed, name_of, respond};
use crate::service::Ask;
use crate::wire::{AwsError, Element, Response, Xml};
use crate::world::World;

pub(super) fn create_bucket(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let name = name_of(ask.request);
    let (account, region) = (&ask.caller.account, &ask.caller.region);
    match world.s3.buckets.get(&name) {
        // Asking twice is refused, except where it was not in the beginning.
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
        Some(bucket) if bucket.account == *account && region == "us-east-1" => {}
        Some(bucket) if bucket.account == *account => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(AwsError::new(409, "BucketAlreadyOwnedByYou", message));
        }
        Some(_) => {
            let message = "The requested bucket name is not available.";
            return Err(AwsError::new(409, "BucketAlreadyExists", message));
        }
        None => {
            let bucket = Bucket::new(account, region);
            world.s3.buckets.insert(name.clone(), bucket);
        }
    }
    Ok(respond(200, ask).header("location", format!("/{name}")))
}

pub(super) fn delete_bucket(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    if !bucket(world, ask)?.is_empty() {
        let message = "The bucket you tried to delete is not empty";
        return Err(AwsError::new(409, "BucketNotEmpty", message));
    }
    world.s3.buckets.remove(&name_of(ask.request));
    Ok(respond(204, ask))
}

pub(super) fn head_bucket(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let bucket = bucket(world, ask)?;
    Ok(respond(200, ask).header("x-amz-bucket-region", &bucket.region))
}

/// It is empty for `us-east-1`, and `EU` only for buckets older than the name `eu-west-1`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>
pub(super) fn get_location(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let name = name_of(ask.request);
    // The only operation that every region answers.
    let region = match world.s3.buckets.get(&name) {
        Some(found) if found.account == ask.caller.account => found.region.clone(),
        _ => bucket(world, ask)?.region.clone(),
    };
    let text = match region.as_str() {
        "us-east-1" => "",
        other => other,
    };
    let escaped = quick_xml::escape::escape(text);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <LocationConstraint xmlns=\"{NAMESPACE}\">{escaped}</LocationConstraint>"
    );
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

pub(super) fn get_versioning(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let status = match bucket(world, ask)?.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some("Enabled"),
        Versioning::Suspended => Some("Suspended"),
    };
    let body = Xml::document("VersioningConfiguration", NAMESPACE, |xml| {
        xml.maybe("Status", status);
    });
    Ok(Response::xml(200, body).header("x-amz-request-id", ask.request_id))
}

pub(super) fn put_versioning(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let document = Element::parse(&ask.request.body).ok_or_else(malformed)?;
    let versioning = match document.text_of("Status") {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => return Err(malformed()),
    };
    bucket(world, ask)?.versioning = versioning;
    Ok(respond(200, ask))
}
