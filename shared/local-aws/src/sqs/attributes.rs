//! The attributes of queues, which SQS writes as text throughout.

use serde_json::{Value, json};

use super::store::{Queue, Redrive, Settings};
use super::{answer, invalid, queue, read};
use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

pub(super) fn get_queue_attributes(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let now = world.now();
    let queue = queue(world, ask, &body)?;
    queue.forget(now);
    let all = describe(queue, now);
    let asked: Vec<&str> = body["AttributeNames"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut shown = serde_json::Map::new();
    for (name, value) in all {
        if asked.contains(&"All") || asked.contains(&name) {
            // Without a policy for dead letters there is no such attribute.
            if let Some(value) = value {
                shown.insert(name.to_owned(), json!(value));
            }
        }
    }
    let known = describe(queue, now);
    let unknown = asked
        .iter()
        .find(|name| **name != "All" && !known.iter().any(|(known, _)| known == *name));
    if let Some(unknown) = unknown {
        let message = format!("Unknown Attribute {unknown}.");
        return Err(AwsError::new(400, "InvalidAttributeName", message));
    }
    let body = if shown.is_empty() {
        json!({})
    } else {
        json!({ "Attributes": shown })
    };
    Ok(answer(200, &body, ask.request_id))
}

fn describe(
    queue: &Queue,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<(&'static str, Option<String>)> {
    let count = |wanted: &dyn Fn(&super::QueuedMessage) -> bool| {
        let messages = queue.messages.iter();
        messages.filter(|one| wanted(one)).count().to_string()
    };
    let settings = &queue.settings;
    let redrive = settings.redrive.as_ref().map(|redrive| {
        json!({ "deadLetterTargetArn": redrive.target, "maxReceiveCount": redrive.most_receives })
            .to_string()
    });
    let in_flight = count(&|one| one.is_in_flight(now));
    let delayed = count(&|one| one.is_delayed(now));
    let visible = count(&|one| one.visible_at <= now);
    vec![
        ("ApproximateNumberOfMessages", Some(visible)),
        ("ApproximateNumberOfMessagesNotVisible", Some(in_flight)),
        ("ApproximateNumberOfMessagesDelayed", Some(delayed)),
        (
            "CreatedTimestamp",
            Some(queue.created_at.timestamp().to_string()),
        ),
        ("DelaySeconds", Some(settings.delay_seconds.to_string())),
        (
            "LastModifiedTimestamp",
            Some(queue.modified_at.timestamp().to_string()),
        ),
        ("MaximumMessageSize", Some(settings.most_bytes.to_string())),
        (
            "MessageRetentionPeriod",
            Some(settings.retention_seconds.to_string()),
        ),
        ("QueueArn", Some(queue.arn.clone())),
        (
            "ReceiveMessageWaitTimeSeconds",
            Some(settings.wait_seconds.to_string()),
        ),
        ("RedrivePolicy", redrive),
        ("SqsManagedSseEnabled", Some("true".to_owned())),
        (
            "VisibilityTimeout",
            Some(settings.visibility_seconds.to_string()),
        ),
    ]
}

pub(super) fn set_queue_attributes(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let now = world.now();
    let settings = queue(world, ask, &body)?.settings.clone();
    let settings = read_settings(world, &body, settings)?;
    let queue = queue(world, ask, &body)?;
    queue.settings = settings;
    queue.modified_at = now;
    Ok(answer(200, &json!({}), ask.request_id))
}

/// Settings as a request changes them.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
pub(super) fn read_settings(
    world: &World,
    body: &Value,
    mut settings: Settings,
) -> Result<Settings, AwsError> {
    let attributes = body["Attributes"].as_object().into_iter().flatten();
    for (name, value) in attributes {
        let wrong = || invalid(format!("Invalid value for the parameter {name}."));
        let text = value.as_str().ok_or_else(wrong)?;
        let within = |from: i64, to: i64| {
            let number = text.parse().ok();
            number
                .filter(|number| (from..=to).contains(number))
                .ok_or_else(wrong)
        };
        match name.as_str() {
            "DelaySeconds" => settings.delay_seconds = within(0, 900)?,
            "MaximumMessageSize" => settings.most_bytes = within(1024, 1_048_576)?,
            "MessageRetentionPeriod" => settings.retention_seconds = within(60, 1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => settings.wait_seconds = within(0, 20)?,
            "VisibilityTimeout" => settings.visibility_seconds = within(0, 43_200)?,
            "RedrivePolicy" if text.is_empty() => settings.redrive = None,
            "RedrivePolicy" => settings.redrive = Some(read_redrive(world, text)?),
            "FifoQueue" if text == "false" => {}
            // Encryption with SQS's own keys is what every queue has.
            "SqsManagedSseEnabled" if text == "true" => {}
            _ => {
                let message = format!("Unknown Attribute {name}.");
                return Err(AwsError::new(400, "InvalidAttributeName", message));
            }
        }
    }
    Ok(settings)
}

/// The number may be a text: the documentation has both.
fn read_redrive(world: &World, text: &str) -> Result<Redrive, AwsError> {
    let wrong = |reason: &str| {
        invalid(format!(
            "Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}"
        ))
    };
    let policy: Value =
        serde_json::from_str(text).map_err(|_| wrong("Redrive policy is not a valid JSON map."))?;
    let target = policy["deadLetterTargetArn"].as_str().ok_or_else(|| {
        wrong("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    })?;
    let count = &policy["maxReceiveCount"];
    let count = count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .filter(|count| (1..=1000).contains(count))
        .and_then(|count| u32::try_from(count).ok())
        .ok_or_else(|| {
            wrong("Invalid value for maxReceiveCount: must be an integer from 1 to 1000.")
        })?;
    if !world.has_queue(target) {
        return Err(wrong("Dead letter target does not exist."));
    }
    Ok(Redrive {
        target: target.to_owned(),
        most_receives: count,
    })
}
