//! An account with a bucket of photos, and events about it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{LocalAws, StoredObject, World};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, Ran, root, serve};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "acme-photos";
pub const STATE: &str = "acme-state";
/// A key with everything that is encoded in events.
pub const KEY: &str = "in/a+b ü.jpg";

/// Two widths below the size of the photo, and one above it.
pub const CONFIG: &str = r#"
[aws]
max_attempts = 2
attempt_timeout_secs = 5
[resize-images]
sources = ["s3://acme-photos/in/"]
widths = [64, 100, 1000]
"#;

/// The same with a ledger and a quarantine.
pub const WITH_STATE: &str = r#"
[aws]
max_attempts = 2
attempt_timeout_secs = 1
[state]
url = "s3://acme-state/lamp"
[resize-images]
sources = ["s3://acme-photos/in/"]
widths = [64, 100, 1000]
remove_copies = true
"#;

/// An image of the fixtures of `shared/images`.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = root().join("shared/images/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn world() -> World {
    let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age");
    World::new(ACCOUNT, now)
        .bucket(ACCOUNT, REGION, BUCKET)
        .bucket(ACCOUNT, REGION, STATE)
}

pub fn account() -> LocalAws {
    serve(world())
}

/// Puts an image where sources are, and answers the event that S3 tells of it.
pub fn upload(aws: &LocalAws, key: &str, bytes: &[u8], sequencer: &str) -> Value {
    aws.with(|world| world.store_object(BUCKET, key, bytes));
    created(aws, key, sequencer)
}

/// What S3 tells of the object that is there now.
pub fn created(aws: &LocalAws, key: &str, sequencer: &str) -> Value {
    let (etag, size) = aws.with(|world| {
        let object = world.object(BUCKET, key).expect("it is there");
        (object.etag.trim_matches('"').to_owned(), object.body.len())
    });
    event(
        "ObjectCreated:Put",
        key,
        json!({"eTag": etag, "size": size, "sequencer": sequencer}),
    )
}

/// Removes an image, and answers the event that S3 tells of it.
pub fn remove(aws: &LocalAws, key: &str, sequencer: &str) -> Value {
    aws.with(|world| world.remove_object(BUCKET, key));
    event("ObjectRemoved:Delete", key, json!({"sequencer": sequencer}))
}

/// A notification of S3 about one object.
pub fn event(name: &str, key: &str, mut object: Value) -> Value {
    object["key"] = json!(encoded(key));
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventName": name,
        "eventTime": "2026-11-22T12:00:00.000Z",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": BUCKET}, "object": object}
    }]})
}

/// A key as S3's notifications write it: as a form would.
fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                text.push(char::from(byte))
            }
            b' ' => text.push('+'),
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

/// `lamplighter run resize-images --event …` with more arguments.
pub fn program(aws: &LocalAws, config: &str, event: &Value, args: &[&str]) -> Lamplighter {
    let now = aws.now().to_rfc3339();
    let program = Lamplighter::new(["run", "resize-images", "--format", "json", "--now", &now])
        .args(args.iter().copied())
        .on(aws)
        .config(config);
    let path = program.folder().join("event.json");
    std::fs::write(&path, event.to_string()).expect("the event is written");
    program.arg("--event").arg(path)
}

/// The same, to its end.
pub fn run(aws: &LocalAws, config: &str, event: &Value, args: &[&str]) -> Ran {
    program(aws, config, event, args).run()
}

/// What a run says of its first record: outcome and reason.
pub fn outcome(run: &Value) -> (&str, &str) {
    let record = &run["records"][0];
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    (text("outcome"), text("reason"))
}

/// Every copy: its key and what is stored.
pub fn copies(aws: &LocalAws) -> BTreeMap<String, StoredObject> {
    aws.with(|world| {
        let objects = world.objects(BUCKET).into_iter();
        objects
            .filter(|(key, _)| key.starts_with("resized/"))
            .map(|(key, object)| (key.to_owned(), object.clone()))
            .collect()
    })
}

/// Which state of its source each copy was made from.
pub fn made_from(aws: &LocalAws) -> BTreeMap<String, String> {
    let copies = copies(aws).into_iter();
    copies
        .map(|(key, object)| {
            let etag = object.header_value("x-amz-meta-lamplighter-source-etag");
            (key, etag.unwrap_or("nothing").to_owned())
        })
        .collect()
}

/// The eTag of an image, without its quotes.
pub fn etag(aws: &LocalAws, key: &str) -> String {
    aws.with(|world| {
        let object = world.object(BUCKET, key).expect("it is there");
        object.etag.trim_matches('"').to_owned()
    })
}

/// Whether all copies of [`KEY`] are there, made from its present state.
pub fn all_current(aws: &LocalAws) -> bool {
    let etag = etag(aws, KEY);
    let made_from = made_from(aws);
    [64, 100, 1000]
        .iter()
        .all(|width| made_from.get(&format!("resized/{width}/{KEY}")) == Some(&etag))
}

/// The calls that changed something, by name.
pub fn changes(aws: &LocalAws) -> Vec<String> {
    let calls = aws.calls();
    let changes = calls.iter().filter(|call| call.changes);
    changes.map(|call| call.name()).collect()
}
