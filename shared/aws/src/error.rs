//! What an SDK error means to the person who reads the report.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lamplighter_core::{Error, ErrorKind, chain};

/// Codes with which services deny a call. EC2 says `UnauthorizedOperation`, the JSON services `AccessDeniedException`,
/// the rest `AccessDenied`.
const DENIED: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "NotAuthorized",
    "AuthorizationError",
];

/// Codes of credentials that are wrong, expired, or not valid in this region.
const BAD_CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes with which services ask to be called less often.
const THROTTLED: &[&str] = &[
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The error code a service answered with, if it answered.
pub fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// Whether a service denied the call.
pub fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code_of(error).is_some_and(|code| DENIED.contains(&code))
}

/// Says what became of `call` (`ec2:DescribeInstances`), and whether trying again may help.
pub fn explain<E>(call: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (kind, message, hint) = match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("an unknown error");
            let text = service
                .err()
                .message()
                .unwrap_or_default()
                .trim_end_matches('.');
            let status = service.raw().status().as_u16();
            // An answer to HEAD has no body, and so no code.
            let is_forbidden =
                status == 403 && service.err().code().is_none_or(|code| code == "Forbidden");
            if DENIED.contains(&code) || code == "403" || is_forbidden {
                (
                    ErrorKind::Denied,
                    format!("not allowed to call `{call}`"),
                    None,
                )
            } else if BAD_CREDENTIALS.contains(&code) {
                (
                    ErrorKind::Denied,
                    format!("the credentials were not accepted for `{call}`: {code}: {text}"),
                    Some(
                        "check the credentials with `aws sts get-caller-identity`, and that the region is enabled in this account",
                    ),
                )
            } else if THROTTLED.contains(&code) {
                (
                    ErrorKind::Transient,
                    format!("`{call}` was throttled (`{code}`) until the last attempt"),
                    None,
                )
            } else if status >= 500 {
                (
                    ErrorKind::Transient,
                    format!(
                        "`{call}` failed on the side of AWS until the last attempt: {code} ({status})"
                    ),
                    None,
                )
            } else {
                (
                    ErrorKind::Permanent,
                    format!("`{call}` failed: {code}: {text}"),
                    None,
                )
            }
        }
        SdkError::TimeoutError(_) => (
            ErrorKind::Transient,
            format!("`{call}` did not answer in time"),
            Some("try again; `[aws] attempt_timeout_secs` and `max_attempts` say how long to wait"),
        ),
        SdkError::ResponseError(_) => (
            ErrorKind::Transient,
            format!("the answer to `{call}` was cut off or unreadable"),
            None,
        ),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (
            ErrorKind::Transient,
            format!("`{call}` did not answer in time"),
            None,
        ),
        SdkError::DispatchFailure(failure) if failure.is_io() => (
            ErrorKind::Transient,
            format!(
                "no connection for `{call}`: {}",
                failure
                    .as_connector_error()
                    .map(|e| chain(e))
                    .unwrap_or_default()
            ),
            Some("check the network, the proxy, and `--endpoint-url`"),
        ),
        SdkError::DispatchFailure(failure) => {
            let text = failure
                .as_connector_error()
                .map(|error| chain(error))
                .unwrap_or_default();
            if text.contains("credential") {
                (
                    ErrorKind::Config,
                    format!("no usable AWS credentials for `{call}`: {text}"),
                    Some(
                        "sign in (`aws sso login`), set `AWS_PROFILE`, or look at `lamplighter demo`, which needs none",
                    ),
                )
            } else {
                (
                    ErrorKind::Transient,
                    format!("`{call}` could not be sent: {text}"),
                    None,
                )
            }
        }
        _ => {
            let text = chain(&error);
            if text.contains("credential") && !text.contains("only read") {
                (
                    ErrorKind::Config,
                    format!("no usable AWS credentials for `{call}`: {text}"),
                    Some(
                        "sign in (`aws sso login`), set `AWS_PROFILE`, or look at `lamplighter demo`, which needs none",
                    ),
                )
            } else {
                (
                    ErrorKind::Permanent,
                    format!("`{call}` could not be made: {text}"),
                    None,
                )
            }
        }
    };
    let explained = Error::new(kind, message);
    match hint {
        Some(hint) => explained.hint(hint),
        None => explained,
    }
}
