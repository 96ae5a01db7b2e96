//! Our own list of objects: how a backfill hands on what is already there.

use crate::ObjectEvent;
use serde_json::{Map, Value, json};

/// What the list says it is.
pub const OBJECTS_SCHEMA: &str = "objects/v1";

/// The event that names these objects, with their keys as they are. Read again, every one of them was created.
pub fn objects_event(objects: &[ObjectEvent]) -> Value {
    let objects: Vec<Value> = objects.iter().map(entry).collect();
    json!({"lamplighter": OBJECTS_SCHEMA, "objects": objects})
}

fn entry(object: &ObjectEvent) -> Value {
    let mut entry = Map::new();
    entry.insert("bucket".to_owned(), json!(object.bucket));
    entry.insert("key".to_owned(), json!(object.key));
    let optional = [
        ("size", object.size.map(|size| json!(size))),
        ("etag", object.etag.as_ref().map(|etag| json!(etag))),
        ("version_id", object.version_id.as_ref().map(|id| json!(id))),
        ("last_modified", object.time.map(|time| json!(time))),
        ("region", object.region.as_ref().map(|region| json!(region))),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            entry.insert(key.to_owned(), value);
        }
    }
    Value::Object(entry)
}
