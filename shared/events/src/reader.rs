//! Reads every envelope down to its records, told apart by looking at the JSON.
//!
//! Which shape is looked for first matters: what only one sender writes comes before what anybody may write.

use crate::look::{kind_of, names, short, text};
use crate::shape::{event_source, is_own_envelope, is_record, is_sqs, without_handle};
use crate::{Happening, OBJECTS_SCHEMA, QUARANTINE_SCHEMA, codedeploy, s3, ses};
use serde_json::{Map, Value, json};

/// How many envelopes may lie in one another. The deepest known way has five: the on-failure record, in a queue, of a
/// queue's message that holds a topic's message, with S3's event in it.
pub(crate) const MAX_DEPTH: usize = 8;

/// How many records of one delivery are read. SQS delivers at most 10 000 messages at once, Lambda 6 MB.
pub(crate) const MAX_RECORDS: usize = 10_000;

/// A record before it has its name.
pub(crate) struct Leaf {
    pub(crate) message: Option<Message>,
    pub(crate) task_id: Option<String>,
    pub(crate) happening: Happening,
    pub(crate) payload: Value,
}

/// The SQS message that carries a record.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// Its place in the delivery: two messages may say that they have the same id.
    pub(crate) place: usize,
}

/// Collects the records of one delivery.
pub(crate) struct Reader<'a> {
    whole: &'a Value,
    /// Whether the SQS messages that are met are those that the answer is about: the outermost ones.
    is_answered_for: bool,
    message: Option<Message>,
    pub(crate) leaves: Vec<Leaf>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(whole: &'a Value) -> Self {
        Self {
            whole,
            is_answered_for: false,
            message: None,
            leaves: Vec::new(),
        }
    }

    /// Reads an event that lies this deep in others.
    pub(crate) fn read(&mut self, event: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} events lie in one another");
            return self.unreadable(reason, self.whole.clone());
        }
        match event {
            Value::Object(object) => self.object(event, object, depth),
            // EventBridge Pipes delivers lists.
            Value::Array(events) if !events.is_empty() => {
                self.each(events, Value::Array, |reader, event| {
                    reader.read(event, depth + 1);
                });
            }
            // JSON in JSON.
            Value::String(inner) => match serde_json::from_str::<Value>(inner) {
                Ok(inner) => self.read(&inner, depth + 1),
                Err(error) => {
                    self.unreadable(format!("a text that is not JSON: {error}"), event.clone());
                }
            },
            Value::Array(_) => {
                self.unreadable("the event is an empty array".to_owned(), event.clone())
            }
            other => self.unreadable(
                format!("the event is {}, not an object", kind_of(other)),
                other.clone(),
            ),
        }
    }

    fn object(&mut self, event: &Value, object: &Map<String, Value>, depth: usize) {
        let has = |name: &str| object.contains_key(name);
        if text(event, "/schema") == Some(QUARANTINE_SCHEMA) {
            self.inner(event, "payload", depth);
        } else if has("lamplighter") {
            self.our_objects(event);
        } else if has("requestPayload") {
            self.on_failure(event, depth);
        } else if has("Records") {
            self.list(event, "Records", depth, Self::record);
        } else if has("Messages") {
            self.list(event, "Messages", depth, Self::received_message);
        } else if has("invocationSchemaVersion") || has("tasks") {
            self.batch_operations(event);
        } else if text(event, "/Event") == Some("s3:TestEvent") {
            let happening = Happening::Nothing("test event of S3".to_owned());
            self.push(happening, event.clone());
        } else if has("Type") && has("TopicArn") {
            self.topic_message(event, event.clone(), depth);
        } else if has("notificationType") || (has("mail") && has("receipt")) {
            self.push(ses::notification(event), event.clone());
        } else if has("detail-type") || (has("source") && has("detail")) {
            self.push(eventbridge(event), event.clone());
        } else if is_record(event) {
            self.record(event, depth);
        } else if is_own_envelope(object) {
            self.own_envelope(event, depth);
        } else if let Some(happening) =
            s3::transformed(event).or_else(|| codedeploy::transformed(event))
        {
            self.push(happening, event.clone());
        } else {
            let reason = format!(
                "an event of an unknown shape: not S3, SES, CodeDeploy, SQS, SNS, EventBridge or \
                 S3 Batch Operations; {}",
                names(object)
            );
            self.unreadable(reason, event.clone());
        }
    }

    /// An entry of `Records`.
    fn record(&mut self, record: &Value, depth: usize) {
        let payload = || json!({"Records": [record]});
        let Value::Object(object) = record else {
            let reason = format!("a record is {}, not an object", kind_of(record));
            return self.unreadable(reason, payload());
        };
        let source = event_source(record).unwrap_or_default();
        if is_sqs(record) {
            self.queue_message(record, depth);
        } else if object.contains_key("s3") || source.ends_with(":s3") {
            self.push(s3::notification(record), payload());
        } else if object.contains_key("ses") || source == "aws:ses" {
            self.push(ses::lambda_action(record), payload());
        } else if object.contains_key("Sns") || source == "aws:sns" {
            let sns = object.get("Sns").unwrap_or(&Value::Null);
            self.topic_message(sns, payload(), depth);
        } else if source.is_empty() {
            // Some senders put whole events into the list.
            if object.contains_key("Records") || object.contains_key("detail-type") {
                self.read(record, depth + 1);
            } else {
                let reason = format!("a record without `eventSource`; {}", names(object));
                self.unreadable(reason, payload());
            }
        } else {
            let reason = format!(
                "a record of `{}`; known are `aws:s3`, `aws:ses`, `aws:sns`, `aws:sqs`",
                short(source)
            );
            self.unreadable(reason, payload());
        }
    }

    /// An SQS message, as an event source mapping delivers it. Each of the outermost ones has a record, even over the
    /// limit: SQS takes what is not named in the answer as done.
    fn queue_message(&mut self, record: &Value, depth: usize) {
        let payload = || json!({"Records": [without_handle(record)]});
        if !self.is_answered_for {
            return self.body(record.get("body"), payload, depth);
        }
        self.is_answered_for = false;
        self.message = text(record, "/messageId").map(|id| Message {
            id: id.to_owned(),
            place: self.leaves.len(),
        });
        if self.is_full() {
            self.push(overflow(), payload());
        } else {
            self.body(record.get("body"), payload, depth);
        }
        self.message = None;
        self.is_answered_for = true;
    }

    /// An SQS message as `aws sqs receive-message` prints it: how people save dead letters.
    fn received_message(&mut self, message: &Value, depth: usize) {
        self.body(
            message.get("Body"),
            || json!({"Messages": [message]}),
            depth,
        );
    }

    /// The text of an SQS message.
    fn body(&mut self, body: Option<&Value>, payload: impl FnOnce() -> Value, depth: usize) {
        match body {
            Some(Value::String(body)) => match serde_json::from_str::<Value>(body) {
                Ok(inner) => self.read(&inner, depth + 1),
                Err(error) => self.unreadable(
                    format!("the body of an SQS message is not JSON: {error}"),
                    payload(),
                ),
            },
            // Pipes with an input template, and clones, put the JSON there as it is.
            Some(inner @ Value::Object(_)) => self.read(inner, depth + 1),
            _ => self.unreadable("an SQS message without a body".to_owned(), payload()),
        }
    }

    /// A message of SNS, in a record of Lambda's or as the body of an SQS message.
    fn topic_message(&mut self, sns: &Value, payload: Value, depth: usize) {
        let kind = text(sns, "/Type").unwrap_or("Notification");
        if kind != "Notification" {
            let reason = format!(
                "an SNS message of the type `{}`: somebody has to confirm the subscription",
                short(kind)
            );
            return self.unreadable(reason, payload);
        }
        let Some(message) = text(sns, "/Message") else {
            return self.unreadable("an SNS notification without `Message`".to_owned(), payload);
        };
        match serde_json::from_str::<Value>(message) {
            Ok(inner) => self.read(&inner, depth + 1),
            // What SES publishes when a topic is chosen for its events.
            Err(_) if message.starts_with("Successfully validated SNS topic for Amazon SES") => {
                self.push(
                    Happening::Nothing("SES tries out its topic".to_owned()),
                    payload,
                );
            }
            Err(error) => self.unreadable(
                format!("the message of an SNS notification is not JSON: {error}"),
                payload,
            ),
        }
    }

    /// The record that an on-failure destination gets: the event is in it. What is still unreadable keeps the record
    /// and says what became of it before.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
    fn on_failure(&mut self, event: &Value, depth: usize) {
        let first = self.leaves.len();
        self.inner(event, "requestPayload", depth);
        if event["requestPayload"].is_null() {
            return;
        }
        let condition = text(event, "/requestContext/condition").map(short);
        let error = text(event, "/responsePayload/errorMessage").map(short);
        let history = match (condition, error) {
            (None, None) => return,
            (Some(only), None) | (None, Some(only)) => only,
            (Some(condition), Some(error)) => format!("{condition}: {error}"),
        };
        for leaf in self.leaves.iter_mut().skip(first) {
            if let Happening::Unreadable(reason) = &mut leaf.happening {
                reason.push_str(&format!(" (given up before: {history})"));
                // A bare null would read as no payload at all, and not as what it was: an entry of a list.
                let payload = match leaf.payload.take() {
                    Value::Null => Value::Array(vec![Value::Null]),
                    payload => payload,
                };
                let mut kept = Map::new();
                for name in ["version", "timestamp", "requestContext", "responsePayload"] {
                    if let Some(value) = event.get(name) {
                        kept.insert(name.to_owned(), value.clone());
                    }
                }
                kept.insert("requestPayload".to_owned(), payload);
                leaf.payload = Value::Object(kept);
            }
        }
    }

    /// Our own envelope, in a queue or in an on-failure record.
    fn own_envelope(&mut self, event: &Value, depth: usize) {
        let asks_for_dry_run = event
            .pointer("/metadata/dry_run")
            .is_some_and(|dry_run| !dry_run.is_null() && dry_run != &Value::Bool(false));
        let is_round = event
            .get("data")
            .is_none_or(|data| data.is_null() || data.as_object().is_some_and(Map::is_empty));
        if asks_for_dry_run {
            // The others of its delivery are no dry run, and so it cannot be one.
            let reason = "an event inside another one cannot ask for a dry run".to_owned();
            self.unreadable(reason, event.clone());
        } else if is_round {
            let reason = "a scheduled round in a queue: the schedule sends the next one".to_owned();
            self.push(Happening::Nothing(reason), event.clone());
        } else {
            self.inner(event, "data", depth);
        }
    }

    fn inner(&mut self, event: &Value, name: &str, depth: usize) {
        match event.get(name) {
            Some(inner) if !inner.is_null() => self.read(inner, depth + 1),
            _ => self.unreadable(format!("an event without its `{name}`"), event.clone()),
        }
    }

    /// The tasks of S3 Batch Operations. Each is answered for, under its id.
    fn batch_operations(&mut self, event: &Value) {
        let Some(tasks) = event.get("tasks").and_then(Value::as_array) else {
            let reason = "an event of S3 Batch Operations without `tasks`".to_owned();
            return self.unreadable(reason, event.clone());
        };
        let version = text(event, "/invocationSchemaVersion").unwrap_or("1.0");
        let is_known = matches!(version.split('.').next(), Some("1" | "2"));
        for task in tasks {
            let happening = if self.is_full() {
                overflow()
            } else if is_known {
                s3::task(task)
            } else {
                Happening::Unreadable(format!(
                    "S3 Batch Operations with the schema `{}`, known are 1.0 and 2.0",
                    short(version)
                ))
            };
            let mut payload = event.clone();
            payload["tasks"] = json!([task]);
            self.push(happening, payload);
            if let (Some(leaf), Some(id)) = (self.leaves.last_mut(), text(task, "/taskId")) {
                leaf.task_id = Some(id.to_owned());
            }
        }
        self.at_least_one(tasks, event);
    }

    /// Our own list.
    fn our_objects(&mut self, event: &Value) {
        if text(event, "/lamplighter") != Some(OBJECTS_SCHEMA) {
            let reason = format!("a list whose `lamplighter` is not `{OBJECTS_SCHEMA}`");
            return self.unreadable(reason, event.clone());
        }
        let Some(objects) = event.get("objects").and_then(Value::as_array) else {
            return self.unreadable("a list without `objects`".to_owned(), event.clone());
        };
        let list =
            |objects| json!({"lamplighter": OBJECTS_SCHEMA, "objects": Value::Array(objects)});
        self.each(objects, list, |reader, object| {
            reader.push(s3::listed(object), list(vec![object.clone()]));
        });
        self.at_least_one(objects, event);
    }

    /// The entries of a list that an event has under this name.
    fn list(
        &mut self,
        event: &Value,
        name: &str,
        depth: usize,
        read: impl Fn(&mut Self, &Value, usize),
    ) {
        let Some(records) = event.get(name).and_then(Value::as_array) else {
            return self.unreadable(format!("`{name}` is not an array"), event.clone());
        };
        let list = |records| {
            let mut event = Map::new();
            event.insert(name.to_owned(), Value::Array(records));
            Value::Object(event)
        };
        self.is_answered_for = depth == 0;
        self.each(records, list, |reader, record| read(reader, record, depth));
        self.is_answered_for = false;
        self.at_least_one(records, event);
    }

    /// Reads one after the other, up to the limit. The rest is one record, which reads again to what it holds.
    fn each(
        &mut self,
        list: &[Value],
        rest: impl Fn(Vec<Value>) -> Value,
        mut read: impl FnMut(&mut Self, &Value),
    ) {
        for (index, entry) in list.iter().enumerate() {
            if self.is_full() && !(self.is_answered_for && is_sqs(entry)) {
                return self.push(overflow(), rest(list[index..].to_vec()));
            }
            read(self, entry);
        }
    }

    fn at_least_one(&mut self, list: &[Value], event: &Value) {
        if list.is_empty() {
            let reason = "the event holds no records".to_owned();
            self.push(Happening::Nothing(reason), event.clone());
        }
    }

    fn is_full(&self) -> bool {
        self.leaves.len() >= MAX_RECORDS
    }

    fn unreadable(&mut self, reason: String, payload: Value) {
        self.push(Happening::Unreadable(reason), payload);
    }

    fn push(&mut self, happening: Happening, payload: Value) {
        self.leaves.push(Leaf {
            message: self.message.clone(),
            task_id: None,
            happening,
            payload,
        });
    }
}

fn overflow() -> Happening {
    Happening::Unreadable(format!(
        "more than {MAX_RECORDS} records in one delivery; replay the rest"
    ))
}

/// An event of EventBridge.
fn eventbridge(event: &Value) -> Happening {
    match text(event, "/source") {
        Some("aws.s3") => s3::eventbridge(event),
        Some("aws.codedeploy") => codedeploy::eventbridge(event),
        source => Happening::Unreadable(format!(
            "unknown event `{}` from `{}`",
            short(text(event, "/detail-type").unwrap_or_default()),
            short(source.unwrap_or_default())
        )),
    }
}
