//! What holds of every delivery, whatever was delivered: asked by the fuzz target, and by the tests of
//! `shared/events`, which replay the corpus and add events of their own.

use lamplighter_events::{Delivery, Envelope, Happening, Kind, deliver};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Bytes as an event; and as the texts inside of events, which fuzzing alone would take long to quote.
pub fn bytes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(envelope) = Envelope::parse("fuzz", text) {
        deliver(&envelope);
    }
    if let Ok(event) = serde_json::from_str::<Value>(text) {
        check(&event);
    }
    check(&json!({"Records": [
        {"eventSource": "aws:sqs", "messageId": "m", "body": text},
        {"eventSource": "aws:sns", "Sns": {"Message": text}},
        {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": text}}},
    ]}));
}

/// Reads an event, and every record of it once more.
pub fn check(event: &Value) -> Delivery {
    let native = |data: &Value| Envelope {
        kind: Kind::Native,
        data: data.clone(),
        ..Envelope::default()
    };
    let delivery = deliver(&native(event));
    assert!(!delivery.records.is_empty(), "{event}");
    let ids: HashSet<&str> = delivery
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!(ids.len(), delivery.records.len(), "{event}");
    assert_eq!(
        delivery,
        deliver(&native(event)),
        "the same when read again"
    );
    for record in &delivery.records {
        // Over a limit, the payload is what was not read.
        let is_over_limit = matches!(&record.happening, Happening::Unreadable(reason)
            if reason.starts_with("more than "));
        if is_over_limit {
            continue;
        }
        let again = deliver(&native(&record.payload));
        assert_eq!(again.records.len(), 1, "{record:#?} in {event}");
        let again = &again.records[0];
        assert_eq!(again.happening, record.happening, "{record:#?} in {event}");
        assert_eq!(again.payload, record.payload, "{event}");
        assert_eq!(again.subject(), record.subject(), "{event}");
    }
    delivery
}
