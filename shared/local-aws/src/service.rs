//! What a service is, and the list of them.

use crate::auth::Caller;
use crate::wire::{AwsError, Params, Request, Response, Xml};
use crate::world::World;

/// Every service of the simulated account.
pub(crate) const SERVICES: &[&dyn Service] = &[
    &crate::acm::Acm,
    &crate::codedeploy::CodeDeploy,
    &crate::ec2::Ec2,
    &crate::iam::Iam,
    &crate::lambda::Lambda,
    &crate::s3::S3,
    &crate::sesv2::SesV2,
    &crate::sns::Sns,
    &crate::sqs::Sqs,
    &crate::sts::Sts,
];

/// One AWS service.
pub(crate) trait Service: Sync {
    /// Its name in signatures, which is also its prefix in IAM actions.
    fn name(&self) -> &'static str;

    /// What a request asks for.
    fn route(&self, request: &Request) -> Route;

    /// The error this service answers when the operation was not even tried.
    fn refusal(&self, refusal: &Refusal) -> AwsError;

    /// How this service writes an error.
    fn error(&self, error: &AwsError, request_id: &str) -> Response;
}

/// What a request asks for.
pub(crate) struct Route {
    /// The operation's name, known or not.
    pub(crate) action: String,
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) resources: Vec<String>,
    pub(crate) dry_run: bool,
}

/// One operation of a service.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Whether it changes something.
    pub(crate) changes: bool,
    pub(crate) answer: fn(&mut World, &Ask<'_>) -> Result<Response, AwsError>,
}

/// One request for an operation.
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request,
    pub(crate) caller: &'a Caller,
    pub(crate) request_id: &'a str,
    pub(crate) resources: &'a [String],
}

/// Why an operation was not even tried.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Throttled,
    Broken,
    Denied {
        action: String,
        principal: String,
    },
    UnknownKey,
    ExpiredSession,
    /// A presigned link that was used too late.
    ExpiredLink,
    UnknownAction(String),
}

/// An operation that only looks.
pub(crate) const fn reads(
    name: &'static str,
    answer: fn(&mut World, &Ask<'_>) -> Result<Response, AwsError>,
) -> Operation {
    Operation {
        name,
        changes: false,
        answer,
    }
}

/// An operation that changes something.
pub(crate) const fn changes(
    name: &'static str,
    answer: fn(&mut World, &Ask<'_>) -> Result<Response, AwsError>,
) -> Operation {
    Operation {
        name,
        changes: true,
        answer,
    }
}

/// Routes a request of the query protocol, whose operation is the parameter `Action`; `naming` lists the parameters
/// that name resources.
pub(crate) fn route_query(
    operations: &'static [Operation],
    naming: &[&str],
    request: &Request,
) -> Route {
    let params: &Params = &request.form;
    let action = params.get("Action").unwrap_or("(none)");
    let mut resources = Vec::new();
    for name in naming {
        resources.extend(params.get(name).map(str::to_owned));
        resources.extend(params.list(name).into_iter().map(str::to_owned));
    }
    Route {
        action: action.to_owned(),
        operation: operations.iter().find(|operation| operation.name == action),
        resources,
        dry_run: params.is_true("DryRun"),
    }
}

/// What differs from service to service in the errors of the query protocol.
pub(crate) struct QueryProtocol {
    /// The namespace of the document.
    pub(crate) namespace: &'static str,
    /// The version of the API.
    pub(crate) version: &'static str,
    /// The code of a call that is not allowed.
    pub(crate) denied: &'static str,
    /// The code of a failure on the side of AWS.
    pub(crate) broken: &'static str,
}

impl QueryProtocol {
    /// The error of an operation that was not even tried.
    pub(crate) fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Throttled => AwsError::new(400, "Throttling", "Rate exceeded"),
            Refusal::Broken => {
                let message = "The request processing has failed because of an unknown error, exception or failure.";
                AwsError::new(500, self.broken, message)
            }
            Refusal::Denied { action, principal } => {
                let message = format!("User: {principal} is not authorized to perform: {action}");
                AwsError::new(403, self.denied, message)
            }
            Refusal::UnknownKey => {
                let message = "The security token included in the request is invalid.";
                AwsError::new(403, "InvalidClientTokenId", message)
            }
            Refusal::ExpiredSession | Refusal::ExpiredLink => {
                let message = "The security token included in the request is expired";
                AwsError::new(403, "ExpiredToken", message)
            }
            Refusal::UnknownAction(action) => {
                let version = self.version;
                let message = format!("Could not find operation {action} for version {version}");
                AwsError::new(400, "InvalidAction", message)
            }
        }
    }

    /// `<ActionResponse><ActionResult>…</ActionResult><ResponseMetadata>…`
    pub(crate) fn result(
        &self,
        action: &str,
        ask: &Ask<'_>,
        inside: impl FnOnce(&mut Xml),
    ) -> Response {
        self.response(action, ask, |xml| {
            xml.node(&format!("{action}Result"), inside);
        })
    }

    /// The answer of an operation that has nothing to say.
    pub(crate) fn done(&self, action: &str, ask: &Ask<'_>) -> Response {
        self.response(action, ask, |_| {})
    }

    fn response(&self, action: &str, ask: &Ask<'_>, inside: impl FnOnce(&mut Xml)) -> Response {
        let body = Xml::document(&format!("{action}Response"), self.namespace, |xml| {
            inside(xml);
            xml.node("ResponseMetadata", |xml| {
                xml.leaf("RequestId", ask.request_id);
            });
        });
        Response::xml(200, body).header("x-amzn-requestid", ask.request_id)
    }

    /// An error as the query protocol writes it.
    pub(crate) fn write(&self, error: &AwsError, request_id: &str) -> Response {
        let blame = if error.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let body = Xml::document("ErrorResponse", self.namespace, |xml| {
            xml.node("Error", |xml| {
                xml.leaf("Type", blame)
                    .leaf("Code", &error.code)
                    .leaf("Message", &error.message);
            });
            xml.leaf("RequestId", request_id);
        });
        Response::xml(error.status, body).header("x-amzn-requestid", request_id)
    }
}

/// What services of the JSON protocols answer differently from each other.
pub(crate) struct JsonErrors {
    /// The status, the code and the message of a call too many.
    pub(crate) throttled: (u16, &'static str, &'static str),
    /// The code of a failure on the side of AWS.
    pub(crate) broken: &'static str,
    /// The status of a call that is not allowed.
    pub(crate) denied: u16,
    /// The status of an operation that there is not.
    pub(crate) unknown: u16,
}

impl JsonErrors {
    /// Those whose operations are named in a header: everything but a failure of their own is 400.
    pub(crate) const BY_TARGET: Self = Self {
        throttled: (400, "ThrottlingException", "Rate exceeded"),
        broken: "InternalFailure",
        denied: 400,
        unknown: 400,
    };

    /// The error of an operation that was not even tried.
    pub(crate) fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Throttled => {
                let (status, code, message) = self.throttled;
                AwsError::new(status, code, message)
            }
            Refusal::Broken => AwsError::new(500, self.broken, "An internal error has occurred"),
            Refusal::Denied { action, principal } => {
                let message = format!("User: {principal} is not authorized to perform: {action}");
                AwsError::new(self.denied, "AccessDeniedException", message)
            }
            Refusal::UnknownKey => {
                let message = "The security token included in the request is invalid.";
                AwsError::new(self.denied, "UnrecognizedClientException", message)
            }
            Refusal::ExpiredSession | Refusal::ExpiredLink => {
                let message = "The security token included in the request is expired";
                AwsError::new(self.denied, "ExpiredTokenException", message)
            }
            Refusal::UnknownAction(_) => {
                AwsError::new(self.unknown, "UnknownOperationException", "")
            }
        }
    }
}
