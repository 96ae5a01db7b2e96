//! From an envelope to its records: who delivered it, and what each of them is called.

use crate::reader::{Leaf, Reader};
use crate::shape::is_sqs;
use crate::{Delivery, Envelope, Form, Kind, QUARANTINE_SCHEMA, Record, ses};
use serde_json::Value;
use std::collections::HashSet;

/// Reads what an envelope holds. It never fails: what cannot be read is a record that says so. A native event has at
/// least one record; a round has none.
pub fn deliver(envelope: &Envelope) -> Delivery {
    if envelope.kind != Kind::Native {
        return Delivery {
            form: Form::Plain,
            records: Vec::new(),
        };
    }
    let mut reader = Reader::new(&envelope.data);
    reader.read(&envelope.data, 0);
    Delivery {
        form: form(envelope),
        records: named(reader.leaves),
    }
}

/// Who delivered it: the outermost envelope says, without reading what is in it. Looked at in the order in which the
/// reader looks.
pub fn form(envelope: &Envelope) -> Form {
    if envelope.kind != Kind::Native {
        return Form::Plain;
    }
    let event = &envelope.data;
    let has = |name: &str| event.get(name).is_some();
    if event.get("schema").and_then(Value::as_str) == Some(QUARANTINE_SCHEMA) {
        return Form::Plain;
    }
    if has("lamplighter") {
        return Form::Objects;
    }
    if has("requestPayload") {
        return Form::Plain;
    }
    if has("Records") {
        return match event.pointer("/Records/0") {
            Some(record) if is_sqs(record) => Form::Sqs,
            Some(record) if ses::is_decision(record) => Form::MailDecision,
            _ => Form::Plain,
        };
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("invocationSchemaVersion"), text("invocationId")) {
        (Some(schema_version), Some(invocation_id)) if !has("Messages") => Form::BatchOperations {
            schema_version,
            invocation_id,
        },
        _ => Form::Plain,
    }
}

/// Gives every record its name, which is its place; a name that is taken gets a number.
fn named(leaves: Vec<Leaf>) -> Vec<Record> {
    let mut taken: HashSet<String> = HashSet::with_capacity(leaves.len());
    let mut in_message = (None, 0_usize);
    leaves
        .into_iter()
        .enumerate()
        .map(|(index, leaf)| {
            let name = match (&leaf.task_id, &leaf.message) {
                (Some(task_id), _) => task_id.clone(),
                (None, Some(message)) => {
                    if in_message.0 != Some(message.place) {
                        in_message = (Some(message.place), 0);
                    }
                    let name = format!("{}/{}", message.id, in_message.1);
                    in_message.1 += 1;
                    name
                }
                (None, None) => index.to_string(),
            };
            let mut id = name.clone();
            let mut number = 2_usize;
            while !taken.insert(id.clone()) {
                id = format!("{name}~{number}");
                number += 1;
            }
            Record {
                id,
                message_id: leaf.message.map(|message| message.id),
                happening: leaf.happening,
                payload: leaf.payload,
            }
        })
        .collect()
}
