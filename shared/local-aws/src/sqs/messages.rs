//! Sending, receiving and deleting messages.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Duration;
use serde_json::{Map, Value, json};

use super::store::{Place, QueuedMessage};
use super::{answer, invalid, number, place, queue, read, text};
use crate::s3::md5_hex;
use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

/// From the receipt on. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const LONGEST_HIDING: i64 = 43_200;

pub(super) fn send_message(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let sent = send(world, ask, &body, &body)?;
    Ok(answer(200, &sent, ask.request_id))
}

/// Sends one message, alone or of a batch, to the queue that the request names.
pub(super) fn send(
    world: &mut World,
    ask: &Ask<'_>,
    request: &Value,
    message: &Value,
) -> Result<Value, AwsError> {
    let (message_id, now) = (world.next_id(), world.now());
    let queue = queue(world, ask, request)?;
    let text = text(message, "MessageBody").unwrap_or_default();
    if text.is_empty() {
        let message = "The request must contain the parameter MessageBody.";
        return Err(AwsError::new(400, "MissingParameter", message));
    }
    // What XML can write. <https://www.w3.org/TR/REC-xml/#charsets>
    let is_allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    if !text.chars().all(is_allowed) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                       #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(AwsError::new(400, "InvalidMessageContents", message));
    }
    if message.get("MessageGroupId").is_some() {
        return Err(invalid(
            "The request include parameter that is not valid for this queue type",
        ));
    }
    let attributes = read_attributes(message)?;
    let size = text.len()
        + attributes
            .iter()
            .map(|(name, value)| name.len() + value.to_string().len())
            .sum::<usize>();
    let most = queue.settings.most_bytes;
    if i64::try_from(size).is_ok_and(|size| size > most) {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let delay = number(message, "DelaySeconds", 0, 900)?;
    let delay = delay.unwrap_or(queue.settings.delay_seconds);
    let mut sent = json!({ "MessageId": message_id, "MD5OfMessageBody": md5_hex(text.as_bytes()) });
    if !attributes.is_empty() {
        sent["MD5OfMessageAttributes"] = json!(md5_of_attributes(&attributes));
    }
    queue.messages.push(QueuedMessage {
        message_id,
        body: text.to_owned(),
        attributes,
        sent_at: now,
        sender: ask.caller.user_id.clone(),
        receive_count: 0,
        first_received_at: None,
        received_at: None,
        visible_at: now + Duration::seconds(delay),
        dead_letter_source: None,
    });
    Ok(sent)
}

fn read_attributes(message: &Value) -> Result<BTreeMap<String, Value>, AwsError> {
    let mut read = BTreeMap::new();
    for (name, value) in message["MessageAttributes"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let kind = value["DataType"].as_str().unwrap_or_default();
        let has_value = match kind.split('.').next() {
            Some("String" | "Number") => value["StringValue"].is_string(),
            Some("Binary") => value["BinaryValue"]
                .as_str()
                .is_some_and(|text| BASE64_STANDARD.decode(text).is_ok()),
            _ => false,
        };
        if !has_value {
            return Err(invalid(format!(
                "The message attribute '{name}' must contain a non-empty message attribute type and value."
            )));
        }
        read.insert(name.clone(), value.clone());
    }
    if read.len() > 10 {
        return Err(invalid(
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ));
    }
    Ok(read)
}

/// Names, types and values, each after its length, in the order of the names.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
fn md5_of_attributes(attributes: &BTreeMap<String, Value>) -> String {
    let mut bytes = Vec::new();
    for (name, value) in attributes {
        let kind = value["DataType"].as_str().unwrap_or_default();
        put(&mut bytes, name.as_bytes());
        put(&mut bytes, kind.as_bytes());
        match value["StringValue"].as_str() {
            Some(text) => {
                bytes.push(1);
                put(&mut bytes, text.as_bytes());
            }
            None => {
                let text = value["BinaryValue"].as_str().unwrap_or_default();
                bytes.push(2);
                put(
                    &mut bytes,
                    &BASE64_STANDARD.decode(text).unwrap_or_default(),
                );
            }
        }
    }
    md5_hex(&bytes)
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
}

/// A request for messages, and how long its client waits for them.
#[derive(Clone, Debug)]
pub(crate) struct Poll {
    place: Place,
    most: usize,
    hidden_for: Option<i64>,
    /// Which of SQS's attributes, and which of the sender's own, are answered.
    system_names: Vec<String>,
    names: Vec<String>,
    request_id: String,
    pub(crate) wait_seconds: u64,
}

impl Poll {
    /// The answer when there is nothing.
    pub(crate) fn nothing(&self) -> Response {
        answer(200, &json!({}), &self.request_id)
    }
}

pub(super) fn receive_message(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let most = number(&body, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let hidden_for = number(&body, "VisibilityTimeout", 0, LONGEST_HIDING)?;
    let wait = number(&body, "WaitTimeSeconds", 0, 20)?;
    let wait = wait.unwrap_or(queue(world, ask, &body)?.settings.wait_seconds);
    let names = |key: &str| -> Vec<String> {
        let names = body[key].as_array().into_iter().flatten();
        names
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect()
    };
    // `AttributeNames` is the old name of `MessageSystemAttributeNames`.
    let mut system_names = names("MessageSystemAttributeNames");
    system_names.extend(names("AttributeNames"));
    let asked = Poll {
        place: place(ask, &body)?,
        most: usize::try_from(most).unwrap_or(1),
        hidden_for,
        system_names,
        names: names("MessageAttributeNames"),
        request_id: ask.request_id.to_owned(),
        wait_seconds: u64::try_from(wait).unwrap_or(0),
    };
    Ok(poll(world, &asked).unwrap_or_else(|| {
        let mut nothing = asked.nothing();
        nothing.poll = (asked.wait_seconds > 0).then_some(asked);
        nothing
    }))
}

/// Tries again; `None` while there is nothing.
pub(crate) fn poll(world: &mut World, asked: &Poll) -> Option<Response> {
    let received = world.receive(&asked.place, asked.most, asked.hidden_for);
    if received.is_empty() {
        return None;
    }
    let messages: Vec<Value> = received.iter().map(|one| describe(one, asked)).collect();
    Some(answer(
        200,
        &json!({ "Messages": messages }),
        &asked.request_id,
    ))
}

fn describe(one: &QueuedMessage, asked: &Poll) -> Value {
    let mut message = json!({
        "MessageId": one.message_id,
        "ReceiptHandle": BASE64_STANDARD.encode(one.handle()),
        "MD5OfBody": md5_hex(one.body.as_bytes()),
        "Body": one.body,
    });
    let millis = |time: chrono::DateTime<chrono::Utc>| time.timestamp_millis().to_string();
    let system = [
        ("SenderId", Some(one.sender.clone())),
        ("SentTimestamp", Some(millis(one.sent_at))),
        (
            "ApproximateReceiveCount",
            Some(one.receive_count.to_string()),
        ),
        (
            "ApproximateFirstReceiveTimestamp",
            one.first_received_at.map(millis),
        ),
        ("DeadLetterQueueSourceArn", one.dead_letter_source.clone()),
    ];
    let wants = |name: &str| {
        asked
            .system_names
            .iter()
            .any(|one| one == "All" || one == name)
    };
    let system: Map<String, Value> = system
        .into_iter()
        .filter(|(name, _)| wants(name))
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
        .collect();
    if !system.is_empty() {
        message["Attributes"] = system.into();
    }
    let own: BTreeMap<String, Value> = one
        .attributes
        .iter()
        .filter(|(name, _)| asked.names.iter().any(|pattern| is_named(pattern, name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        message["MD5OfMessageAttributes"] = json!(md5_of_attributes(&own));
        message["MessageAttributes"] = json!(own);
    }
    message
}

/// `All`, `.*`, a name, or its beginning before `.*`.
fn is_named(pattern: &str, name: &str) -> bool {
    pattern == "All"
        || pattern == name
        || pattern
            .strip_suffix(".*")
            .is_some_and(|beginning| name.starts_with(beginning))
}

pub(super) fn delete_message(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    delete(world, ask, &body, &body)?;
    Ok(answer(200, &json!({}), ask.request_id))
}

/// With a stale handle the answer is the same, and the message stays.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
pub(super) fn delete(
    world: &mut World,
    ask: &Ask<'_>,
    request: &Value,
    entry: &Value,
) -> Result<(), AwsError> {
    let queue = queue(world, ask, request)?;
    let handle = handle(entry)?;
    if let Some((place, true)) = queue.by_handle(&handle).map_err(|()| bad_handle(entry))? {
        queue.messages.remove(place);
    }
    Ok(())
}

pub(super) fn change_visibility(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    hide(world, ask, &body, &body)?;
    Ok(answer(200, &json!({}), ask.request_id))
}

/// Hides a message for so long from now on.
pub(super) fn hide(
    world: &mut World,
    ask: &Ask<'_>,
    request: &Value,
    entry: &Value,
) -> Result<(), AwsError> {
    let now = world.now();
    let queue = queue(world, ask, request)?;
    let seconds = number(entry, "VisibilityTimeout", 0, LONGEST_HIDING)?.ok_or_else(|| {
        let message = "The request must contain the parameter VisibilityTimeout.";
        AwsError::new(400, "MissingParameter", message)
    })?;
    let handle = handle(entry)?;
    let found = queue.by_handle(&handle).map_err(|()| bad_handle(entry))?;
    let Some((place, is_latest)) = found else {
        return Err(invalid(format!(
            "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available \
             for visibility timeout change.",
            text(entry, "ReceiptHandle").unwrap_or_default()
        )));
    };
    let message = &mut queue.messages[place];
    if !is_latest || !message.is_in_flight(now) {
        return Err(AwsError::new(
            400,
            "MessageNotInflight",
            "The message referred to isn't in flight.",
        )
        .detail("query", "AWS.SimpleQueueService.MessageNotInflight"));
    }
    let until = now + Duration::seconds(seconds);
    let received_at = message.received_at.unwrap_or(now);
    if until > received_at + Duration::seconds(LONGEST_HIDING) {
        return Err(invalid(format!(
            "Total VisibilityTimeout for the message is beyond the limit [{LONGEST_HIDING} seconds]"
        )));
    }
    message.visible_at = until;
    Ok(())
}

fn handle(entry: &Value) -> Result<String, AwsError> {
    let text = text(entry, "ReceiptHandle").unwrap_or_default();
    BASE64_STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| bad_handle(entry))
}

fn bad_handle(entry: &Value) -> AwsError {
    let text = text(entry, "ReceiptHandle").unwrap_or_default();
    let message = format!("The input receipt handle \"{text}\" is not a valid receipt handle.");
    AwsError::new(400, "ReceiptHandleIsInvalid", message)
}
