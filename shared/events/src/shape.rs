//! What gives a sender away.

use crate::look::text;
use serde_json::{Map, Value};

/// Lambda's records say it in small letters, those of SNS with a capital.
pub(crate) fn event_source(record: &Value) -> Option<&str> {
    text(record, "/eventSource").or_else(|| text(record, "/EventSource"))
}

/// A record of SQS. The daemon and Pipes may leave out what it says of itself.
pub(crate) fn is_sqs(record: &Value) -> bool {
    match event_source(record) {
        Some(source) => source.ends_with(":sqs"),
        None => record.get("messageId").is_some() && record.get("body").is_some(),
    }
}

/// An SQS message to keep: without what is of this delivery only, its handle and its counts. What Lambda says of a
/// dead letter is among its attributes.
pub(crate) fn without_handle(record: &Value) -> Value {
    let mut kept = record.clone();
    if let Value::Object(kept) = &mut kept {
        for name in ["receiptHandle", "attributes", "md5OfBody"] {
            kept.remove(name);
        }
    }
    kept
}

/// Nothing but `metadata` and `data`.
pub(crate) fn is_own_envelope(event: &Map<String, Value>) -> bool {
    !event.is_empty()
        && event
            .keys()
            .all(|name| name == "metadata" || name == "data")
}

/// A record outside its list.
pub(crate) fn is_record(event: &Value) -> bool {
    event_source(event).is_some()
        || is_sqs(event)
        || ["s3", "ses", "Sns"]
            .into_iter()
            .any(|name| event.get(name).is_some_and(Value::is_object))
}
