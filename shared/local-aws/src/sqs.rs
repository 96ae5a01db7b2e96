//! SQS, in AWS JSON 1.0: standard queues, with delays, visibility, redrive and long polling.
//!
//! Delays and visibility follow the world's clock. A long poll waits in real time, since its client does.
//! FIFO queues, encryption, policies and tags are not simulated; a request for one is refused.

mod attributes;
mod batches;
mod messages;
mod queues;
mod store;
#[cfg(test)]
mod tests;

pub use store::QueuedMessage;
pub(crate) use store::SqsState;

pub(crate) use messages::{Poll, poll};

use serde_json::{Value, json};

use crate::service::{Ask, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::json::{self, JSON_1_0, read, text};
use crate::wire::{AwsError, Request, Response};
use crate::world::World;
use store::{Place, Queue};

const OPERATIONS: &[Operation] = &[
    changes("ChangeMessageVisibility", messages::change_visibility),
    changes(
        "ChangeMessageVisibilityBatch",
        batches::change_visibility_batch,
    ),
    changes("CreateQueue", queues::create_queue),
    changes("DeleteMessage", messages::delete_message),
    changes("DeleteMessageBatch", batches::delete_message_batch),
    changes("DeleteQueue", queues::delete_queue),
    reads("GetQueueAttributes", attributes::get_queue_attributes),
    reads("GetQueueUrl", queues::get_queue_url),
    reads("ListQueues", queues::list_queues),
    changes("PurgeQueue", queues::purge_queue),
    changes("ReceiveMessage", messages::receive_message),
    changes("SendMessage", messages::send_message),
    changes("SendMessageBatch", batches::send_message_batch),
    changes("SetQueueAttributes", attributes::set_queue_attributes),
];

/// Before the operation's name in `X-Amz-Target`.
const TARGET: &str = "AmazonSQS.";

pub(crate) struct Sqs;

impl Service for Sqs {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn route(&self, request: &Request) -> Route {
        let target = request.header("x-amz-target").unwrap_or_default();
        // Old SDKs speak the query protocol, which is not simulated: then it is an unknown operation.
        let action = match target {
            "" => request.form.get("Action").unwrap_or("(none)"),
            target => target.strip_prefix(TARGET).unwrap_or(target),
        };
        let body = read(request);
        let names = ["QueueUrl", "QueueName"];
        Route {
            action: action.to_owned(),
            operation: OPERATIONS
                .iter()
                .find(|operation| operation.name == action && !target.is_empty()),
            resources: names
                .iter()
                .filter_map(|name| text(&body, name).map(str::to_owned))
                .collect(),
            dry_run: false,
        }
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Throttled => AwsError::new(400, "ThrottlingException", "Rate exceeded"),
            Refusal::Broken => AwsError::new(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            Refusal::Denied { action, principal } => {
                let message = format!("User: {principal} is not authorized to perform: {action}");
                AwsError::new(403, "AccessDeniedException", message).detail("query", "AccessDenied")
            }
            Refusal::UnknownKey => {
                let message = "The security token included in the request is invalid.";
                AwsError::new(403, "UnrecognizedClientException", message)
                    .detail("query", "InvalidClientTokenId")
            }
            Refusal::ExpiredSession | Refusal::ExpiredLink => {
                let message = "The security token included in the request is expired";
                AwsError::new(403, "ExpiredTokenException", message).detail("query", "ExpiredToken")
            }
            Refusal::UnknownAction(action) => {
                let message = format!("The action {action} is not valid for this endpoint.");
                AwsError::new(400, "InvalidAction", message)
            }
        }
    }

    /// Beside the name of the JSON protocol stands that of the query protocol, which old programs look for.
    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        let body = json!({
            "__type": format!("com.amazonaws.sqs#{}", error.code),
            "message": error.message,
        });
        let query = query_code(error);
        let blame = if error.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        answer(error.status, &body, request_id)
            .header("x-amzn-query-error", format!("{query};{blame}"))
    }
}

/// What the query protocol calls an error; the outcomes of batches still do.
fn query_code(error: &AwsError) -> &str {
    let query = error.details.iter().find(|(name, _)| *name == "query");
    query.map_or(&error.code, |(_, code)| code)
}

fn answer(status: u16, body: &Value, request_id: &str) -> Response {
    json::answer(JSON_1_0, status, body, request_id)
}

/// A number among the parameters, within its limits.
fn number(body: &Value, key: &str, from: i64, to: i64) -> Result<Option<i64>, AwsError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
            _ => Err(invalid(format!(
                "Value {value} for parameter {key} is invalid. Reason: Must be >= {from} and <= {to}, if provided."
            ))),
        },
    }
}

/// The queue that a request names by its URL.
fn queue<'a>(world: &'a mut World, ask: &Ask<'_>, body: &Value) -> Result<&'a mut Queue, AwsError> {
    let place = place(ask, body)?;
    world.sqs.queues.get_mut(&place).ok_or_else(no_such_queue)
}

fn place(ask: &Ask<'_>, body: &Value) -> Result<Place, AwsError> {
    let url = text(body, "QueueUrl").ok_or_else(|| {
        let message = "The request must contain the parameter QueueUrl.";
        AwsError::new(400, "MissingParameter", message)
    })?;
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let (Some(name), Some(account)) = (parts.next(), parts.next()) else {
        return Err(no_such_queue());
    };
    if account != ask.caller.account {
        let message = format!("Access to the resource {url} is denied.");
        return Err(
            AwsError::new(403, "AccessDeniedException", message).detail("query", "AccessDenied")
        );
    }
    Ok(Place {
        account: account.to_owned(),
        region: ask.caller.region.clone(),
        name: name.to_owned(),
    })
}

fn no_such_queue() -> AwsError {
    AwsError::new(
        400,
        "QueueDoesNotExist",
        "The specified queue does not exist.",
    )
    .detail("query", "AWS.SimpleQueueService.NonExistentQueue")
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidParameterValueException", message)
        .detail("query", "InvalidParameterValue")
}
