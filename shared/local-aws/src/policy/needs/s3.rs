//! S3, whose actions are often named otherwise than its operations.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>

use super::{Asked, Need};
use crate::policy::Context;
use crate::wire::{Request, percent_decode};

pub(super) fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let (bucket, key) = crate::s3::place(asked.request);
    let of_bucket = format!("arn:aws:s3:::{bucket}");
    let of_object = format!("arn:aws:s3:::{bucket}/{key}");
    let query = &asked.request.query;
    let has_version = query.get("versionId").is_some();
    let versioned = |plain: &str| match has_version {
        true => asked.need_for(&format!("{plain}Version"), &of_object),
        false => asked.need_for(plain, &of_object),
    };
    let listing = |action: &str| {
        let mut need = asked.need_for(action, &of_bucket);
        for name in ["prefix", "delimiter", "max-keys"] {
            need.context.add(&format!("s3:{name}"), query.get(name));
        }
        need
    };
    match asked.action {
        "ListObjectsV2" | "HeadBucket" => vec![listing("ListBucket")],
        "ListObjectVersions" => vec![listing("ListBucketVersions")],
        "ListMultipartUploads" => vec![listing("ListBucketMultipartUploads")],
        "GetBucketLocation"
        | "GetBucketVersioning"
        | "PutBucketVersioning"
        | "CreateBucket"
        | "DeleteBucket" => vec![asked.need(of_bucket)],
        "GetBucketNotificationConfiguration" => {
            vec![asked.need_for("GetBucketNotification", of_bucket)]
        }
        "PutBucketNotificationConfiguration" => {
            vec![asked.need_for("PutBucketNotification", of_bucket)]
        }
        "GetObject" | "HeadObject" => vec![versioned("GetObject")],
        // Only a delete that names a version takes something away for good.
        "DeleteObject" => conditional(asked, versioned("DeleteObject"), &of_object),
        // S3 decides key by key. Here the whole batch needs what any key may need.
        "DeleteObjects" => vec![asked.need_for("DeleteObject", format!("{of_bucket}/*"))],
        "PutObject" => {
            let mut needs = conditional(asked, asked.need(&of_object), &of_object);
            if asked.request.header("x-amz-tagging").is_some() {
                needs.push(asked.need_for("PutObjectTagging", of_object));
            }
            needs
        }
        "CopyObject" => {
            let source = asked
                .request
                .header("x-amz-copy-source")
                .unwrap_or_default();
            let source = percent_decode(source.trim_start_matches('/'));
            vec![
                asked.need_for("GetObject", format!("arn:aws:s3:::{source}")),
                asked.need_for("PutObject", of_object),
            ]
        }
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            vec![asked.need_for("PutObject", of_object)]
        }
        "AbortMultipartUpload" => vec![asked.need(of_object)],
        "ListParts" => vec![asked.need_for("ListMultipartUploadParts", of_object)],
        "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => {
            let plain = asked.action;
            vec![match has_version {
                // `GetObjectVersionTagging`
                true => asked.need_for(&plain.replace("Tagging", "VersionTagging"), of_object),
                false => asked.need_for(plain, of_object),
            }]
        }
        _ => vec![asked.need("*")],
    }
}

/// Whoever writes or deletes on the condition that something has a certain eTag learns of that eTag: S3 wants the
/// permission to read it too.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn conditional(asked: &Asked<'_>, need: Need, object: &str) -> Vec<Need> {
    let mut needs = vec![need];
    if asked.request.header("if-match").is_some() {
        needs.push(asked.need_for("GetObject", object));
    }
    needs
}

/// Whether an object is missing is told to those only who may list the bucket: the others are told that it is forbidden.
/// The key stands for the prefix, as ceph found out when it copied S3 (<https://github.com/ceph/ceph/pull/68577>).
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(crate) fn missing_object(request: &Request) -> Need {
    let (bucket, key) = crate::s3::place(request);
    let mut context = Context::default();
    context.add("s3:prefix", [key.as_str()]);
    Need {
        action: "s3:ListBucket".to_owned(),
        resource: format!("arn:aws:s3:::{bucket}"),
        context,
    }
}
