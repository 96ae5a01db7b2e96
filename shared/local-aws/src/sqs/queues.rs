//! Queues themselves: making and finding them, emptying and removing them.

use chrono::Duration;
use serde_json::json;

use super::attributes::read_settings;
use super::store::{Place, Settings};
use super::{answer, invalid, no_such_queue, number, place, queue, read, text};
use crate::service::Ask;
use crate::wire::{AwsError, Request, Response};
use crate::world::World;

/// Making the same queue again answers the one that is there.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
pub(super) fn create_queue(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let name = text(&body, "QueueName").unwrap_or_default();
    let wants_fifo = body["Attributes"]["FifoQueue"] == "true";
    if name.ends_with(".fifo") || wants_fifo {
        let message = "local-aws simulates no FIFO queues";
        return Err(AwsError::new(501, "UnsupportedOperation", message)
            .detail("query", "AWS.SimpleQueueService.UnsupportedOperation"));
    }
    let is_name = (1..=80).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name {
        return Err(invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    if body["tags"]
        .as_object()
        .is_some_and(|tags| !tags.is_empty())
    {
        return Err(invalid("local-aws simulates no tags of queues"));
    }
    let settings = read_settings(world, &body, Settings::default())?;
    let place = Place {
        account: ask.caller.account.clone(),
        region: ask.caller.region.clone(),
        name: name.to_owned(),
    };
    match world.sqs.queues.get(&place) {
        Some(queue) if queue.settings != settings => {
            let message =
                "A queue already exists with the same name and a different value for attributes";
            return Err(AwsError::new(400, "QueueNameExists", message)
                .detail("query", "QueueAlreadyExists"));
        }
        Some(_) => {}
        None => {
            world.make_queue(&place, settings);
        }
    }
    let body = json!({ "QueueUrl": url(ask.request, &place) });
    Ok(answer(200, &body, ask.request_id))
}

pub(super) fn delete_queue(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let place = place(ask, &read(ask.request))?;
    world.sqs.queues.remove(&place).ok_or_else(no_such_queue)?;
    Ok(answer(200, &json!({}), ask.request_id))
}

pub(super) fn get_queue_url(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let place = Place {
        account: text(&body, "QueueOwnerAWSAccountId")
            .unwrap_or(&ask.caller.account)
            .to_owned(),
        region: ask.caller.region.clone(),
        name: text(&body, "QueueName").unwrap_or_default().to_owned(),
    };
    if !world.sqs.queues.contains_key(&place) {
        return Err(no_such_queue());
    }
    let body = json!({ "QueueUrl": url(ask.request, &place) });
    Ok(answer(200, &body, ask.request_id))
}

pub(super) fn list_queues(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let prefix = text(&body, "QueueNamePrefix").unwrap_or_default();
    let after = text(&body, "NextToken").unwrap_or_default();
    let asked = number(&body, "MaxResults", 1, 1000)?;
    let asked = asked.and_then(|asked| usize::try_from(asked).ok());
    let size = world.page_of(asked, 1000);
    let mut rest = world.sqs.queues.keys().filter(|place| {
        place.account == ask.caller.account
            && place.region == ask.caller.region
            && place.name.starts_with(prefix)
            && place.name.as_str() > after
    });
    let shown: Vec<&Place> = rest.by_ref().take(size).collect();
    let mut body = json!({});
    if !shown.is_empty() {
        let urls = shown.iter().map(|place| url(ask.request, place));
        body["QueueUrls"] = urls.collect();
    }
    // Who does not say how many gets no token.
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
    if let Some(last) = shown.last()
        && asked.is_some()
        && rest.next().is_some()
    {
        body["NextToken"] = json!(last.name);
    }
    Ok(answer(200, &body, ask.request_id))
}

/// Once in a minute. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
pub(super) fn purge_queue(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let now = world.now();
    let queue = queue(world, ask, &read(ask.request))?;
    if queue
        .purged_at
        .is_some_and(|before| now < before + Duration::seconds(60))
    {
        let message = "Only one PurgeQueue operation on each queue is allowed every 60 seconds.";
        return Err(AwsError::new(403, "PurgeQueueInProgress", message)
            .detail("query", "AWS.SimpleQueueService.PurgeQueueInProgress"));
    }
    queue.messages.clear();
    queue.purged_at = Some(now);
    Ok(answer(200, &json!({}), ask.request_id))
}

/// A URL that leads back here.
fn url(request: &Request, place: &Place) -> String {
    let host = request.header("host").unwrap_or("localhost");
    format!("http://{host}/{}/{}", place.account, place.name)
}
