//! Lambda, as far as a function needs it that invokes itself: asynchronous invocations are taken and kept. Nothing runs
//! them; whoever tests looks at them, and hands them on.

use serde_json::{Value, json};

use crate::service::{Ask, JsonErrors, Operation, Refusal, Route, Service, changes};
use crate::wire::{AwsError, Request, Response, percent_decode};
use crate::world::World;

const INVOKE: Operation = changes("InvokeFunction", invoke);

/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST_ASYNCHRONOUS_BYTES: usize = 262_144;

pub(crate) struct Lambda;

/// The invocations that were asked for.
#[derive(Debug, Default)]
pub(crate) struct LambdaState {
    invocations: Vec<SelfInvocation>,
}

/// An asynchronous invocation that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfInvocation {
    /// The function as it was named: a name, or an ARN, with an alias.
    pub function: String,
    /// The event.
    pub event: Value,
}

impl World {
    /// Every asynchronous invocation that was asked for.
    pub fn invocations(&self) -> &[SelfInvocation] {
        &self.lambda.invocations
    }
}

/// The function in `/2015-03-31/functions/<name>/invocations`.
fn function_of(request: &Request) -> Option<String> {
    let name = request.path.strip_prefix("/2015-03-31/functions/")?;
    name.strip_suffix("/invocations").map(percent_decode)
}

fn invoke(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let invalid = |message: String| AwsError::new(400, "InvalidParameterValueException", message);
    if ask.request.header("x-amz-invocation-type") != Some("Event") {
        return Err(invalid(
            "local-aws takes asynchronous invocations only (`X-Amz-Invocation-Type: Event`)"
                .to_owned(),
        ));
    }
    if ask.request.body.len() > MOST_ASYNCHRONOUS_BYTES {
        return Err(AwsError::new(
            413,
            "RequestTooLargeException",
            format!(
                "{} byte payload is too large for the Event invocation type",
                ask.request.body.len()
            ),
        ));
    }
    let event = serde_json::from_slice(&ask.request.body).map_err(|error| {
        AwsError::new(
            400,
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        )
    })?;
    world.lambda.invocations.push(SelfInvocation {
        function: function_of(ask.request).unwrap_or_default(),
        event,
    });
    Ok(Response::new(202))
}

const ERRORS: JsonErrors = JsonErrors {
    throttled: (429, "TooManyRequestsException", "Rate exceeded"),
    broken: "ServiceException",
    denied: 403,
    unknown: 404,
};

impl Service for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn route(&self, request: &Request) -> Route {
        let function = function_of(request).filter(|_| request.method == "POST");
        Route {
            action: match &function {
                Some(_) => INVOKE.name.to_owned(),
                None => format!("{} {}", request.method, request.path),
            },
            operation: function.is_some().then_some(&INVOKE),
            resources: function.into_iter().collect(),
            dry_run: false,
        }
    }

    fn refusal(&self, refusal: &Refusal) -> AwsError {
        ERRORS.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        Response::json(error.status, &json!({ "Message": error.message }))
            .header("x-amzn-errortype", &error.code)
            .header("x-amzn-requestid", request_id)
    }
}
