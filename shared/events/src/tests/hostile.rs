//! Whatever comes: no panic, at least one record, and every record reads again to itself.

use super::{check, events};
use crate::reader::{MAX_DEPTH, MAX_RECORDS};
use crate::{Form, Happening};
use proptest::prelude::*;
use serde_json::{Value, json};

fn reason(happening: &Happening) -> &str {
    match happening {
        Happening::Unreadable(reason) => reason,
        other => panic!("read: {other:?}"),
    }
}

fn put(key: &str) -> Value {
    json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
}

fn message(id: &str, body: &Value) -> Value {
    json!({"eventSource": "aws:sqs", "messageId": id, "body": body.to_string()})
}

#[test]
fn events_in_one_another_are_read_down_to_a_depth() {
    let nested = |depth: usize| {
        (0..depth).fold(
            json!({"Records": [put("k")]}),
            |event, _| json!({"requestContext": {}, "requestPayload": event}),
        )
    };
    let deepest = check(&nested(MAX_DEPTH));
    assert!(deepest.records[0].object().is_some(), "{deepest:?}");
    let deeper = check(&nested(MAX_DEPTH + 1));
    assert_eq!(deeper.records.len(), 1);
    assert_eq!(
        reason(&deeper.records[0].happening),
        "more than 8 events lie in one another"
    );
}

#[test]
fn nothing_in_a_list_that_failed_is_kept_as_nothing_in_a_list() {
    let event =
        json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": [null]});
    let delivery = check(&event);
    assert_eq!(
        reason(&delivery.records[0].happening),
        "the event is null, not an object (given up before: RetriesExhausted)"
    );
    assert_eq!(delivery.records[0].payload, event);
}

#[test]
fn the_rest_of_too_long_a_list_is_one_record_that_reads_again() {
    let records: Vec<Value> = (0..MAX_RECORDS + 2)
        .map(|number| put(&number.to_string()))
        .collect();
    let delivery = check(&json!({"Records": records}));
    assert_eq!(delivery.records.len(), MAX_RECORDS + 1);
    let rest = delivery.records.last().expect("the rest");
    assert_eq!(
        reason(&rest.happening),
        "more than 10000 records in one delivery; replay the rest"
    );
    let rest = check(&rest.payload);
    let keys: Vec<&str> = rest
        .records
        .iter()
        .filter_map(|record| Some(record.object()?.key.as_str()))
        .collect();
    assert_eq!(keys, ["10000", "10001"]);
}

#[test]
fn no_sqs_message_is_without_a_record_however_many_there_are() {
    let full: Vec<Value> = (0..MAX_RECORDS + 1)
        .map(|number| put(&number.to_string()))
        .collect();
    let delivery = check(&json!({"Records": [
        message("a", &json!({"Records": full})),
        message("b", &json!({"Records": [put("b")]})),
        message("c", &json!({"Records": [put("c")]})),
    ]}));
    assert_eq!(delivery.form, Form::Sqs);
    for id in ["a", "b", "c"] {
        let last = delivery
            .records
            .iter()
            .rfind(|record| record.message_id.as_deref() == Some(id));
        let last = last.unwrap_or_else(|| panic!("{id} has a record"));
        assert!(
            reason(&last.happening).starts_with("more than 10000"),
            "{id}"
        );
    }
    let last = delivery.records.last().expect("that of c");
    assert!(check(&last.payload).records[0].object().is_some());
}

#[test]
fn only_the_outermost_sqs_message_is_answered_for() {
    let inner = json!({"Records": [message("inner", &json!({"Records": [put("k"), put("l")]}))]});
    let delivery = check(&json!({"Records": [message("outer", &inner)]}));
    let ids: Vec<&str> = delivery
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!(ids, ["outer/0", "outer/1"]);
    let delivery = check(&json!({"requestPayload": inner}));
    assert_eq!(delivery.form, Form::Plain);
    assert_eq!(delivery.records[0].message_id, None);
}

#[test]
fn messages_without_an_id_and_with_the_same_id_have_names_of_their_own() {
    let event = json!({"Records": [put("k")]});
    let body = event.to_string();
    let delivery = check(&json!({"Records": [
        message("m", &event), message("m", &event), message("m/0~2", &event),
        {"eventSource": "aws:sqs", "body": body}, {"eventSource": "aws:sqs", "messageId": 7, "body": body},
    ]}));
    let ids: Vec<&str> = delivery
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!(ids, ["m/0", "m/0~2", "m/0~2/0", "3", "4"]);
}

#[test]
fn the_subject_of_what_cannot_be_read_is_its_own_and_the_same_when_it_comes_again() {
    let subject = |id: &str, body: &str, handle: &str| {
        let delivery = check(
            &json!({"Records": [{"eventSource": "aws:sqs", "messageId": id,
            "body": body, "receiptHandle": handle, "attributes": {"ApproximateReceiveCount": handle}}]}),
        );
        assert!(
            !delivery.records[0]
                .payload
                .to_string()
                .contains("receiptHandle")
        );
        delivery.records[0].subject()
    };
    let first = subject("m", "hello", "1");
    assert!(first.starts_with("record/"), "{first}");
    assert_eq!(first, subject("m", "hello", "2"));
    assert_ne!(first, subject("n", "hello", "1"));
    assert_ne!(first, subject("m", "hallo", "1"));
}

#[test]
fn a_list_of_messages_as_pipes_delivers_it_is_read() {
    let event = json!({"Records": [put("k")]});
    let inner = json!([message("a", &event), message("b", &event)]);
    let delivery = check(&json!({"requestPayload": inner}));
    assert_eq!(delivery.records.len(), 2);
    assert!(
        delivery
            .records
            .iter()
            .all(|record| record.object().is_some())
    );
}

#[test]
fn a_reason_is_one_short_line() {
    let key = format!("in/\n\u{1b}[31m{}%zz", "x".repeat(4_000));
    let delivery = check(&json!({"Records": [put(&key)]}));
    let reason = reason(&delivery.records[0].happening);
    assert!(!reason.contains(char::is_control), "{reason}");
    assert!(reason.chars().count() < 500, "{reason}");
    assert!(reason.contains("`%zz` is not a percent escape"), "{reason}");
}

#[test]
fn hostile_nesting_in_a_text_is_an_error() {
    let text = "[".repeat(100_000);
    let delivery =
        check(&json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": text}]}));
    assert_eq!(
        reason(&delivery.records[0].happening),
        "the body of an SQS message is not JSON: recursion limit exceeded at line 1 column 128"
    );
}

/// Words that the reader looks for, so that arbitrary JSON is not always of an unknown shape.
const WORDS: &[&str] = &[
    "Records",
    "s3",
    "ses",
    "Sns",
    "body",
    "messageId",
    "eventSource",
    "EventSource",
    "eventName",
    "eventVersion",
    "bucket",
    "name",
    "object",
    "key",
    "size",
    "detail",
    "detail-type",
    "source",
    "requestPayload",
    "requestContext",
    "responsePayload",
    "errorMessage",
    "condition",
    "Message",
    "Type",
    "TopicArn",
    "notificationType",
    "mail",
    "receipt",
    "action",
    "tasks",
    "taskId",
    "s3Key",
    "s3Bucket",
    "invocationSchemaVersion",
    "lamplighter",
    "objects",
    "schema",
    "payload",
    "metadata",
    "data",
    "Messages",
    "Body",
    "deploymentId",
    "status",
    "content",
    "encoding",
    "Event",
];

const TEXTS: &[&str] = &[
    "aws:s3",
    "aws:ses",
    "aws:sns",
    "aws:sqs",
    "aws.s3",
    "aws.codedeploy",
    "ObjectCreated:Put",
    "Object Created",
    "Received",
    "Notification",
    "2.1",
    "1.0",
    "objects/v1",
    "BASE64",
    "S3",
    "lamplighter/quarantine/v1",
    "s3:TestEvent",
    "%zz",
    "%FF",
    "+",
    "{}",
    "[]",
    "null",
    "\"{}\"",
    "{\"Records\":[]}",
    "{\"requestPayload\":null}",
    "",
    "\u{0}",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let name = prop_oneof![
            8 => prop::sample::select(WORDS).prop_map(str::to_owned),
            1 => "\\PC{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name, inner.clone(), 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

/// Puts another value somewhere into an event; `path` chooses where.
fn mutate(event: &mut Value, path: &[usize], with: Value) {
    let Some((&step, rest)) = path.split_first() else {
        *event = with;
        return;
    };
    match event {
        Value::Array(values) if !values.is_empty() => {
            let index = step % values.len();
            mutate(&mut values[index], rest, with);
        }
        Value::Object(values) if !values.is_empty() => {
            let index = step % values.len();
            if let Some(value) = values.values_mut().nth(index) {
                mutate(value, rest, with);
            }
        }
        // Into the JSON in a text.
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(mut inner) if inner.is_object() || inner.is_array() => {
                mutate(&mut inner, path, with);
                *text = inner.to_string();
            }
            _ => *event = with,
        },
        _ => *event = with,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_json_is_too_strange(event in any_json()) {
        check(&event);
    }

    #[test]
    fn no_change_of_a_fixture_is_too_strange(
        which in any::<prop::sample::Index>(),
        path in prop::collection::vec(any::<usize>(), 0..14),
        with in any_json(),
    ) {
        let events = events();
        let mut event = which.get(&events).1.clone();
        mutate(&mut event, &path, with);
        check(&event);
    }
}
