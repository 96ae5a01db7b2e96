//! What a bucket holds: objects by key, each with its versions, and uploads that are not complete.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};

use super::events::Change;
use super::multipart::Upload;
use super::notifications::Notifications;
use crate::world::World;

/// Buckets by name: names are shared by all accounts.
#[derive(Debug, Default)]
pub(crate) struct S3State {
    pub(super) buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) versioning: Versioning,
    pub(super) notifications: Notifications,
    /// By upload id.
    pub(super) uploads: BTreeMap<String, Upload>,
    /// What completed uploads became, by upload id.
    pub(super) completed: BTreeMap<String, Written>,
    /// By key; the oldest version first, and never without one.
    keys: BTreeMap<String, Vec<ObjectVersion>>,
}

/// Whether a bucket keeps versions. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// It does.
    Enabled,
    /// It did once: what was kept stays, what is written now has the version `null`.
    Suspended,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its bytes.
    pub body: Vec<u8>,
    /// The MD5 of its bytes, in quotes; of a multipart upload, the MD5 of its parts' MD5s and their number.
    pub etag: String,
    /// When it was last written, in simulated time.
    pub modified_at: DateTime<Utc>,
    /// The headers it was stored with and is served with: content type and encoding, cache control, user metadata.
    pub headers: Vec<(String, String)>,
    /// Its tags, in the order they were given.
    pub tags: Vec<(String, String)>,
    /// `STANDARD`, `GLACIER`, …
    pub storage_class: String,
    /// Its version, if its bucket keeps versions or once did.
    pub version_id: Option<String>,
    /// The checksum it was uploaded with: the header and its value.
    pub checksum: Option<(String, String)>,
}

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectVersion {
    /// An object.
    Object(StoredObject),
    /// A delete marker: as the newest version, it makes the key look absent.
    DeleteMarker {
        /// Its own version.
        version_id: String,
        /// When the key was deleted, in simulated time.
        modified_at: DateTime<Utc>,
    },
}

/// What a write answers.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) etag: String,
    pub(super) version_id: Option<String>,
}

/// What a removal answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Removed {
    pub(super) version_id: Option<String>,
    pub(super) is_marker: bool,
}

/// Who changes an object, and by which operation.
pub(super) struct Cause<'a> {
    pub(super) operation: &'static str,
    pub(super) principal: &'a str,
    pub(super) request_id: &'a str,
}

impl StoredObject {
    /// An object of these bytes, without headers; a world gives it its time and its version.
    pub fn new(body: impl Into<Vec<u8>>) -> StoredObject {
        let body = body.into();
        StoredObject {
            etag: format!("\"{}\"", md5_hex(&body)),
            body,
            modified_at: DateTime::UNIX_EPOCH,
            headers: Vec::new(),
            tags: Vec::new(),
            storage_class: "STANDARD".to_owned(),
            version_id: None,
            checksum: None,
        }
    }

    /// With a header that it is served with: `content-type`, `cache-control`, …
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> StoredObject {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// With user metadata: `metadata("application-name", "web")` is the header `x-amz-meta-application-name`.
    #[must_use]
    pub fn metadata(self, name: &str, value: &str) -> StoredObject {
        self.header(&format!("x-amz-meta-{name}"), value)
    }

    /// With a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> StoredObject {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The value of a header it is served with.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(header, _)| header == name)?;
        Some(value)
    }
}

impl ObjectVersion {
    /// The object, unless this is a delete marker.
    pub fn object(&self) -> Option<&StoredObject> {
        match self {
            ObjectVersion::Object(object) => Some(object),
            ObjectVersion::DeleteMarker { .. } => None,
        }
    }

    /// Its version; `null` for what was written while the bucket kept none.
    pub fn version_id(&self) -> &str {
        match self {
            ObjectVersion::Object(object) => object.version_id.as_deref().unwrap_or("null"),
            ObjectVersion::DeleteMarker { version_id, .. } => version_id,
        }
    }

    /// When it was written, in simulated time.
    pub fn modified_at(&self) -> DateTime<Utc> {
        match self {
            ObjectVersion::Object(object) => object.modified_at,
            ObjectVersion::DeleteMarker { modified_at, .. } => *modified_at,
        }
    }
}

impl Bucket {
    pub(super) fn new(account: &str, region: &str) -> Bucket {
        Bucket {
            account: account.to_owned(),
            region: region.to_owned(),
            versioning: Versioning::Off,
            notifications: Notifications::default(),
            uploads: BTreeMap::new(),
            completed: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// What a request without a version finds.
    pub(super) fn current(&self, key: &str) -> Option<&StoredObject> {
        self.keys.get(key)?.last()?.object()
    }

    /// Every version of a key, the oldest first.
    pub(super) fn versions(&self, key: &str) -> &[ObjectVersion] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn version(&self, key: &str, id: &str) -> Option<&ObjectVersion> {
        let mut versions = self.versions(key).iter();
        versions.find(|version| version.version_id() == id)
    }

    /// The object a request means, to be changed in place: its tags may change without a new version.
    pub(super) fn object_mut(&mut self, key: &str, id: Option<&str>) -> Option<&mut StoredObject> {
        let versions = self.keys.get_mut(key)?;
        let version = match id {
            None => versions.last_mut()?,
            Some(id) => versions
                .iter_mut()
                .find(|version| version.version_id() == id)?,
        };
        match version {
            ObjectVersion::Object(object) => Some(object),
            ObjectVersion::DeleteMarker { .. } => None,
        }
    }

    /// Every key that has an object, in order.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&String, &StoredObject)> {
        let newest = self.keys.iter();
        newest.filter_map(|(key, versions)| Some((key, versions.last()?.object()?)))
    }

    /// Every key with all its versions, in order.
    pub(super) fn all_versions(&self) -> impl Iterator<Item = (&String, &[ObjectVersion])> {
        self.keys
            .iter()
            .map(|(key, versions)| (key, versions.as_slice()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds the newest version; one without an id takes the place of the one before that has none.
    fn push(&mut self, key: &str, version: ObjectVersion) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        if version.version_id() == "null" {
            versions.retain(|kept| kept.version_id() != "null");
        }
        versions.push(version);
    }

    /// Takes one version out.
    fn take(&mut self, key: &str, id: &str) -> Option<ObjectVersion> {
        let versions = self.keys.get_mut(key)?;
        let place = versions
            .iter()
            .position(|version| version.version_id() == id)?;
        let taken = versions.remove(place);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(taken)
    }
}

impl World {
    /// Writes an object into a bucket that exists, and tells whoever listens.
    pub(super) fn write_object(
        &mut self,
        bucket: &str,
        key: &str,
        mut object: StoredObject,
        cause: &Cause<'_>,
    ) -> Written {
        object.modified_at = self.now();
        let id = self.next_version_id();
        let place = self.bucket_mut(bucket);
        object.version_id = match place.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(id),
            Versioning::Suspended => Some("null".to_owned()),
        };
        let change = Change::created(&object, cause.operation);
        let written = Written {
            etag: object.etag.clone(),
            version_id: object.version_id.clone(),
        };
        place.push(key, ObjectVersion::Object(object));
        self.tell(bucket, key, &change, cause);
        written
    }

    /// Removes an object, or one version of it; without a version, a bucket that keeps versions gets a delete marker.
    ///
    /// Removing what does not exist succeeds, and nobody is told.
    pub(super) fn delete_object(
        &mut self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        cause: &Cause<'_>,
    ) -> Removed {
        let (id, modified_at) = (self.next_version_id(), self.now());
        let place = self.bucket_mut(bucket);
        let marker = match (version, place.versioning) {
            (Some(_), _) | (None, Versioning::Off) => None,
            (None, Versioning::Enabled) => Some(id),
            (None, Versioning::Suspended) => Some("null".to_owned()),
        };
        let (removed, change) = match marker {
            Some(version_id) => {
                let marker = ObjectVersion::DeleteMarker {
                    version_id: version_id.clone(),
                    modified_at,
                };
                place.push(key, marker);
                let removed = Removed {
                    version_id: Some(version_id.clone()),
                    is_marker: true,
                };
                (removed, Change::marked(version_id))
            }
            None => match place.take(key, version.unwrap_or("null")) {
                Some(taken) => {
                    let removed = Removed {
                        version_id: version.map(str::to_owned),
                        is_marker: taken.object().is_none(),
                    };
                    (removed, Change::deleted(version))
                }
                None => {
                    return Removed {
                        version_id: version.map(str::to_owned),
                        is_marker: false,
                    };
                }
            },
        };
        self.tell(bucket, key, &change, cause);
        removed
    }

    /// A bucket that is known to exist.
    pub(super) fn bucket_mut(&mut self, name: &str) -> &mut Bucket {
        self.s3
            .buckets
            .get_mut(name)
            .expect("the bucket should exist in this world")
    }

    /// Opaque, and of the letters that S3 uses.
    pub(super) fn next_version_id(&mut self) -> String {
        let number = self.next_number();
        let first = md5_hex(&number.to_be_bytes());
        format!("{}.{number:07X}", &first[..24])
    }
}

/// The MD5 of some bytes, as lower-case hexadecimal digits.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
