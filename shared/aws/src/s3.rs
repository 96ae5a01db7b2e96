//! Objects in S3: what event functions read and write.
//!
//! Every answer that a caller acts on carries the object's eTag, and every write can be conditional, so that two
//! writers of one key never overwrite each other unseen.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use aws_config::Region;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime as AwsTime};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, ErrorKind, Result};

use crate::environment::Variables;
use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::{Session, behavior};

/// What S3 says about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// The eTag, without quotes.
    pub etag: String,
    /// The version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// When it was written.
    pub last_modified: Option<DateTime<Utc>>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// The user's metadata, names in lower case without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// The [`Head`] in an answer to `HeadObject` or `GetObject`: two types with the same names in them.
macro_rules! head_of {
    ($answer:ident) => {
        Head {
            size: size_of($answer.content_length()),
            etag: bare($answer.e_tag()),
            version_id: $answer.version_id().map(str::to_owned),
            last_modified: $answer.last_modified().and_then(time_of),
            content_type: $answer.content_type().map(str::to_owned),
            content_encoding: $answer.content_encoding().map(str::to_owned),
            cache_control: $answer.cache_control().map(str::to_owned),
            content_disposition: $answer.content_disposition().map(str::to_owned),
            metadata: metadata_of($answer.metadata()),
        }
    };
}

/// An object with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What S3 says about it.
    pub head: Head,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The eTag, without quotes.
    pub etag: String,
    /// When it was written.
    pub last_modified: Option<DateTime<Utc>>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects, in the order of their keys (UTF-8 bytes).
    pub objects: Vec<Listed>,
    /// The "folders", where a delimiter was given.
    pub folders: Vec<String>,
    /// The last key of the page, where there is more.
    pub after: Option<String>,
}

/// What a write demands of what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: what is there is replaced.
    Always,
    /// Nothing is there.
    Absent,
    /// What is there has this eTag.
    Matches(String),
}

/// Bytes to write: one's own, or shared with whoever still reads them, so that 40 MB are in memory once.
#[derive(Debug, Clone)]
pub struct Body(Bytes);

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Arc<Vec<u8>>> for Body {
    fn from(bytes: Arc<Vec<u8>>) -> Self {
        /// A shared vector as a slice, which `Arc` itself is not.
        struct Shared(Arc<Vec<u8>>);
        impl AsRef<[u8]> for Shared {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Self(Bytes::from_owner(Shared(bytes)))
    }
}

/// An object to write.
#[derive(Debug, Clone)]
pub struct Put<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The bytes.
    pub bytes: Body,
    /// `Content-Type`.
    pub content_type: &'a str,
    /// `Cache-Control`.
    pub cache_control: Option<&'a str>,
    /// `Content-Disposition`.
    pub content_disposition: Option<&'a str>,
    /// The user's metadata, names without `x-amz-meta-`. US-ASCII only: S3 signs and stores nothing else.
    pub metadata: BTreeMap<String, String>,
    /// What is demanded of what is there.
    pub condition: Condition,
}

/// What S3 answered to a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The eTag, without quotes.
    pub etag: String,
    /// The version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// Reads objects. It has no other method, and its client refuses to send anything but a read.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
}

/// Writes and removes objects. Built only to apply.
#[derive(Debug, Clone)]
pub struct Writer {
    client: Client,
}

/// The largest configuration that is read.
const MAX_CONFIG_BYTES: u64 = 1_000_000;

/// The text of a Lambda's configuration that lies in S3, read with the credentials and the region of its environment:
/// what the configuration says of them is not known yet.
pub async fn text_of_config(variables: Variables, bucket: &str, key: &str) -> Result<String> {
    let base = variables.builder(behavior())?.build();
    let config = Builder::from(&base).force_path_style(true);
    let reader = Reader {
        client: Client::from_conf(config.interceptor(ReadOnly).build()),
    };
    let object = reader
        .get(bucket, key, None, None, MAX_CONFIG_BYTES)
        .await?;
    let object = object
        .ok_or_else(|| Error::config(format!("there is no configuration `s3://{bucket}/{key}`")))?;
    String::from_utf8(object.bytes).map_err(|error| {
        Error::config(format!(
            "the configuration `s3://{bucket}/{key}` is not UTF-8"
        ))
        .caused_by(error)
    })
}

impl Reader {
    /// A reader of the buckets of `region`; of the session's own where none is given.
    pub fn new(session: &Session, region: Option<&str>) -> Self {
        let config = settings(session, region).interceptor(ReadOnly).build();
        Self {
            client: Client::from_conf(config),
        }
    }

    /// What S3 says about an object; `None` if it is not there, or is a delete marker.
    pub async fn head(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<Head>> {
        let call = self.client.head_object().bucket(bucket).key(key);
        match call.set_version_id(version.map(str::to_owned)).send().await {
            Ok(answer) => Ok(Some(head_of!(answer))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(about("s3:GetObject", "look at", bucket, key, error)),
        }
    }

    /// An object of at most `max_bytes`; `None` if it is not there. With `if_match` it is the object with this eTag, or
    /// an error of [`ErrorKind::Taken`].
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        if_match: Option<&str>,
        max_bytes: u64,
    ) -> Result<Option<Object>> {
        let call = self.client.get_object().bucket(bucket).key(key);
        let call = call
            .set_version_id(version.map(str::to_owned))
            .set_if_match(if_match.map(quoted));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(about("s3:GetObject", "read", bucket, key, error)),
        };
        let head = head_of!(answer);
        // Told by the header before a byte of the body is kept.
        if head.size > max_bytes {
            return Err(Error::permanent(format!(
                "`s3://{bucket}/{key}` has {} bytes, the limit is {max_bytes}",
                head.size
            )));
        }
        let bytes = collect(answer.body, head.size, bucket, key).await?;
        Ok(Some(Object { head, bytes }))
    }

    /// Some bytes of an object, fewer at its end; `None` if it is not there. With `if_match` as in [`Reader::get`].
    pub async fn range(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        if_match: Option<&str>,
        range: Range<u64>,
    ) -> Result<Option<Vec<u8>>> {
        if range.is_empty() {
            return Ok(Some(vec![]));
        }
        let wanted = range.end - range.start;
        let call = self.client.get_object().bucket(bucket).key(key);
        let call = call
            .set_version_id(version.map(str::to_owned))
            .set_if_match(if_match.map(quoted))
            .range(format!("bytes={}-{}", range.start, range.end - 1));
        match call.send().await {
            Ok(answer) => {
                let size = size_of(answer.content_length());
                // A server that does not know ranges sends the whole object.
                if size > wanted {
                    return Err(Error::permanent(format!(
                        "`s3:GetObject` of `s3://{bucket}/{key}` answered {size} bytes to a range of {wanted}"
                    )));
                }
                Ok(Some(collect(answer.body, size, bucket, key).await?))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) if code_of(&error) == Some("InvalidRange") => Ok(Some(vec![])),
            Err(error) => Err(about("s3:GetObject", "read", bucket, key, error)),
        }
    }

    /// A page of the objects under `prefix`, behind the key `after`.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        delimiter: Option<&str>,
    ) -> Result<Page> {
        let call = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let call = call
            .set_start_after(after.map(str::to_owned))
            .set_delimiter(delimiter.map(str::to_owned));
        let answer = call
            .send()
            .await
            .map_err(|error| about("s3:ListBucket", "list", bucket, prefix, error))?;
        let folders: Vec<String> = answer
            .common_prefixes()
            .iter()
            .filter_map(|folder| folder.prefix().map(str::to_owned))
            .collect();
        let objects: Vec<Listed> = answer
            .contents()
            .iter()
            .filter_map(|object| {
                Some(Listed {
                    key: object.key()?.to_owned(),
                    size: size_of(object.size()),
                    etag: bare(object.e_tag()),
                    last_modified: object.last_modified().and_then(time_of),
                })
            })
            .collect();
        let last_key = objects.last().map(|object| object.key.clone());
        // Behind a folder there is nothing of it left: every key in it begins with its name.
        let last_folder = folders.last().map(|folder| format!("{folder}\u{10ffff}"));
        Ok(Page {
            after: if answer.is_truncated() == Some(true) {
                last_key.max(last_folder)
            } else {
                None
            },
            objects,
            folders,
        })
    }

    /// The region a bucket is in, `us-east-1` included. S3 tells it to whoever may list the bucket.
    pub async fn region_of(&self, bucket: &str) -> Result<Option<String>> {
        let answer = self.client.head_bucket().bucket(bucket).send().await;
        match answer {
            Ok(answer) => Ok(answer.bucket_region().map(str::to_owned)),
            Err(error) => {
                // A redirect to another region names it in its header.
                let named = error
                    .raw_response()
                    .and_then(|raw| raw.headers().get("x-amz-bucket-region"))
                    .map(str::to_owned);
                match named {
                    Some(region) => Ok(Some(region)),
                    None => Err(explain("s3:ListBucket", error)
                        .context(format!("cannot tell the region of the bucket `{bucket}`"))),
                }
            }
        }
    }
}

impl Writer {
    /// A writer of the buckets of `region`; of the session's own where none is given.
    pub fn new(session: &Session, region: Option<&str>) -> Self {
        Self {
            client: Client::from_conf(settings(session, region).build()),
        }
    }

    /// Writes an object. What is there does not answer the condition: [`ErrorKind::Taken`].
    pub async fn put(&self, put: Put<'_>) -> Result<Written> {
        let call = self.client.put_object().bucket(put.bucket).key(put.key);
        let call = match &put.condition {
            Condition::Always => call,
            Condition::Absent => call.if_none_match("*"),
            Condition::Matches(etag) => call.if_match(quoted(etag)),
        };
        let call = call
            .content_type(put.content_type)
            .set_cache_control(put.cache_control.map(str::to_owned))
            .set_content_disposition(put.content_disposition.map(str::to_owned))
            .set_metadata(Some(put.metadata.into_iter().collect()))
            .body(ByteStream::from(put.bytes.0));
        match call.send().await {
            Ok(answer) => Ok(Written {
                etag: bare(answer.e_tag()),
                version_id: answer.version_id().map(str::to_owned),
            }),
            Err(error) => Err(about("s3:PutObject", "write", put.bucket, put.key, error)),
        }
    }

    /// Removes an object, if it is there. In a bucket with versions that hides it. What is there does not answer the
    /// condition: [`ErrorKind::Taken`].
    pub async fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<()> {
        let call = self.client.delete_object().bucket(bucket).key(key);
        let call = match condition {
            Condition::Matches(etag) => call.if_match(quoted(etag)),
            Condition::Always | Condition::Absent => call,
        };
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(about("s3:DeleteObject", "remove", bucket, key, error)),
        }
    }
}

/// Path style: bucket names with dots work over TLS, and so do endpoints that are an address.
fn settings(session: &Session, region: Option<&str>) -> Builder {
    let builder = Builder::from(session.base()).force_path_style(true);
    match region {
        Some(region) => builder.region(Region::new(region.to_owned())),
        None => builder,
    }
}

/// The body, as long as it was said to be. A connection that ends early is an error, not a shorter object.
async fn collect(body: ByteStream, size: u64, bucket: &str, key: &str) -> Result<Vec<u8>> {
    let cut_off = || {
        Error::transient(format!(
            "the answer to `s3:GetObject` for `s3://{bucket}/{key}` was cut off"
        ))
    };
    let mut body = body;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| cut_off().caused_by(error))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > size {
            return Err(cut_off());
        }
    }
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(cut_off())
    }
}

/// 404, in its three spellings: `HeadObject` has no body, and so no code of S3's own.
fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        code_of(error),
        Some("NoSuchKey" | "NotFound" | "NoSuchVersion")
    )
}

/// An error that says which object it is about. A condition that does not hold, or another conditional write at the
/// same moment, is [`ErrorKind::Taken`]: somebody else was first.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn about<E>(
    call: &str,
    verb: &str,
    bucket: &str,
    key: &str,
    error: SdkError<E, HttpResponse>,
) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let is_taken = matches!(
        code_of(&error),
        Some("PreconditionFailed" | "ConditionalRequestConflict")
    );
    let is_no_bucket = code_of(&error) == Some("NoSuchBucket");
    let explained = explain(call, error).context(format!("cannot {verb} `s3://{bucket}/{key}`"));
    if is_taken {
        return Error::new(
            ErrorKind::Taken,
            format!("cannot {verb} `s3://{bucket}/{key}`: it was changed meanwhile"),
        );
    }
    if is_no_bucket {
        return explained.hint(format!("there is no bucket `{bucket}`"));
    }
    explained
}

fn quoted(etag: impl AsRef<str>) -> String {
    format!("\"{}\"", etag.as_ref().trim_matches('"'))
}

fn bare(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn size_of(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}

fn time_of(time: &AwsTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

fn metadata_of(
    metadata: Option<&std::collections::HashMap<String, String>>,
) -> BTreeMap<String, String> {
    metadata
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect()
}
