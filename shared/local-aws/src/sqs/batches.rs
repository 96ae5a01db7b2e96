//! Batches: up to ten at once, each with an outcome of its own.

use serde_json::{Value, json};

use super::{answer, messages, query_code, queue, read, text};
use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

const MOST_ENTRIES: usize = 10;

/// The bodies of a batch together. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MOST_BYTES: usize = 1_048_576;

pub(super) fn send_message_batch(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let entries = entries(&body)?;
    let sizes = entries
        .iter()
        .filter_map(|entry| Some(text(entry, "MessageBody")?.len()));
    if sizes.sum::<usize>() > MOST_BYTES {
        let message = format!("Batch requests cannot be longer than {MOST_BYTES} bytes.");
        return Err(AwsError::new(400, "BatchRequestTooLong", message)
            .detail("query", "AWS.SimpleQueueService.BatchRequestTooLong"));
    }
    each(world, ask, &body, entries, messages::send)
}

pub(super) fn delete_message_batch(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    each(
        world,
        ask,
        &body,
        entries(&body)?,
        |world, ask, request, entry| {
            messages::delete(world, ask, request, entry)?;
            Ok(json!({}))
        },
    )
}

pub(super) fn change_visibility_batch(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let body = read(ask.request);
    each(
        world,
        ask,
        &body,
        entries(&body)?,
        |world, ask, request, entry| {
            messages::hide(world, ask, request, entry)?;
            Ok(json!({}))
        },
    )
}

fn each(
    world: &mut World,
    ask: &Ask<'_>,
    body: &Value,
    entries: &[Value],
    act: impl Fn(&mut World, &Ask<'_>, &Value, &Value) -> Result<Value, AwsError>,
) -> Result<Response, AwsError> {
    queue(world, ask, body)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = text(entry, "Id").unwrap_or_default();
        match act(world, ask, body, entry) {
            Ok(mut done) => {
                done["Id"] = json!(id);
                successful.push(done);
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "SenderFault": error.status < 500,
                "Code": query_code(&error),
                "Message": error.message,
            })),
        }
    }
    let body = json!({ "Successful": successful, "Failed": failed });
    Ok(answer(200, &body, ask.request_id))
}

fn entries(body: &Value) -> Result<&[Value], AwsError> {
    let wrong = |code: &str, message: &str| {
        let query = format!("AWS.SimpleQueueService.{code}");
        AwsError::new(400, code, message).detail("query", query)
    };
    let entries = body["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(wrong("EmptyBatchRequest", message));
    }
    if entries.len() > MOST_ENTRIES {
        let message = format!(
            "Maximum number of entries per request are {MOST_ENTRIES}. You have sent {}.",
            entries.len()
        );
        return Err(wrong("TooManyEntriesInBatchRequest", &message));
    }
    let mut ids: Vec<&str> = entries.iter().filter_map(|one| text(one, "Id")).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < entries.len() {
        let message = "Two or more batch entries in the request have the same Id.";
        return Err(wrong("BatchEntryIdsNotDistinct", message));
    }
    Ok(entries)
}
