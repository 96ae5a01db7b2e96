//! What tests and the demo do with buckets without a request.
//!
//! Everybody who listens to a bucket is told all the same: for them it was somebody else's request.

use super::notifications::Notification;
use super::store::{Bucket, Cause, ObjectVersion, StoredObject, Versioning};
use crate::world::World;

/// Whom events name as the one who did it.
const SOMEBODY: &str = "AIDALOCALAWS00000002";

impl World {
    /// Adds a bucket.
    ///
    /// Panics if the world has no such account or region.
    pub fn bucket(mut self, account: &str, region: &str, name: &str) -> World {
        self.add_bucket(account, region, name);
        self
    }

    /// The same in the middle of a test.
    pub fn add_bucket(&mut self, account: &str, region: &str, name: &str) {
        self.assert_place(account, region);
        let bucket = Bucket::new(account, region);
        self.s3.buckets.insert(name.to_owned(), bucket);
    }

    /// The bucket keeps versions. Panics if there is no such bucket.
    pub fn versioned(mut self, bucket: &str) -> World {
        self.set_versioning(bucket, Versioning::Enabled);
        self
    }

    /// Whether a bucket keeps versions from now on. Panics if there is no such bucket.
    pub fn set_versioning(&mut self, bucket: &str, versioning: Versioning) {
        self.bucket_mut(bucket).versioning = versioning;
    }

    /// The bucket tells a queue or topic what happens in it, beginning with S3's test event.
    ///
    /// Panics if there is no such bucket, queue or topic.
    pub fn notification(mut self, bucket: &str, notification: Notification) -> World {
        self.add_notification(bucket, notification);
        self
    }

    /// The same in the middle of a test.
    pub fn add_notification(&mut self, bucket: &str, notification: Notification) {
        let mut all = self.bucket_mut(bucket).notifications.clone();
        all.configurations.push(notification);
        self.configure_notifications(bucket, all, "local-aws")
            .unwrap_or_else(|error| panic!("{}", error.message));
    }

    /// The bucket tells EventBridge what happens in it, which goes on to the queues of
    /// [`World::event_rule`]. Panics if there is no such bucket.
    pub fn notify_event_bridge(mut self, bucket: &str) -> World {
        self.bucket_mut(bucket).notifications.to_event_bridge = true;
        self
    }

    /// What a bucket holds under a key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&StoredObject> {
        self.s3.buckets.get(bucket)?.current(key)
    }

    /// One version of it.
    pub fn object_version(&self, bucket: &str, key: &str, id: &str) -> Option<&StoredObject> {
        self.s3.buckets.get(bucket)?.version(key, id)?.object()
    }

    /// Every version of a key, the oldest first.
    pub fn versions(&self, bucket: &str, key: &str) -> &[ObjectVersion] {
        let bucket = self.s3.buckets.get(bucket);
        bucket.map_or(&[], |bucket| bucket.versions(key))
    }

    /// The keys in a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<&str> {
        let bucket = self.s3.buckets.get(bucket).into_iter();
        bucket
            .flat_map(|bucket| bucket.objects().map(|(key, _)| key.as_str()))
            .collect()
    }

    /// Every object in a bucket, in the order of their keys.
    pub fn objects(&self, bucket: &str) -> Vec<(&str, &StoredObject)> {
        let bucket = self.s3.buckets.get(bucket).into_iter();
        bucket
            .flat_map(|bucket| bucket.objects().map(|(key, object)| (key.as_str(), object)))
            .collect()
    }

    /// The uploads that were begun and neither completed nor aborted: the key of each.
    pub fn uploads(&self, bucket: &str) -> Vec<&str> {
        let bucket = self.s3.buckets.get(bucket).into_iter();
        bucket
            .flat_map(|bucket| bucket.uploads.values().map(|upload| upload.key.as_str()))
            .collect()
    }

    /// Stores an object behind the program's back. Panics if there is no such bucket.
    pub fn store_object(&mut self, bucket: &str, key: &str, body: &[u8]) {
        self.put_object(bucket, key, StoredObject::new(body));
    }

    /// Stores an object with headers and tags behind the program's back; answers its version, if the bucket keeps
    /// versions. Panics if there is no such bucket.
    pub fn put_object(&mut self, bucket: &str, key: &str, object: StoredObject) -> Option<String> {
        let request_id = self.next_id();
        let cause = Cause {
            operation: "PutObject",
            principal: SOMEBODY,
            request_id: &request_id,
        };
        self.write_object(bucket, key, object, &cause).version_id
    }

    /// Takes an object away behind the program's back: `DeleteObject` without a version.
    pub fn remove_object(&mut self, bucket: &str, key: &str) -> Option<StoredObject> {
        let object = self.object(bucket, key)?.clone();
        let request_id = self.next_id();
        let cause = Cause {
            operation: "DeleteObject",
            principal: SOMEBODY,
            request_id: &request_id,
        };
        self.delete_object(bucket, key, None, &cause);
        Some(object)
    }
}
