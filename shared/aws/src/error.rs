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

/// What is not allowed. AWS often names an action that is not the call's own: sending a raw message needs another one,
/// and a deployment needs several. S3 answers `HEAD` without a word.
fn denied(call: &str, text: &str, is_wordless: bool) -> String {
    let named = text
        .split_once("authorized to perform")
        .map(|(_, rest)| rest.trim_start_matches([':', ' ', '`']))
        .and_then(|rest| {
            let is_part =
                |letter: char| letter.is_ascii_alphanumeric() || letter == ':' || letter == '-';
            rest.split(|letter| !is_part(letter)).next()
        })
        .map(|action| action.trim_end_matches(':'))
        .filter(|action| action.contains(':') && *action != call);
    match named {
        Some(action) => format!("not allowed to call `{action}`, which `{call}` needs here"),
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
        None if is_wordless && call == "s3:GetObject" => format!(
            "not allowed to call `{call}` (`s3:GetObjectVersion` for a version), or it is missing, which S3 tells only \
             with `s3:ListBucket`"
        ),
        None => format!("not allowed to call `{call}`"),
    }
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
                (ErrorKind::Denied, denied(call, text, is_forbidden), None)
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

#[cfg(test)]
mod tests {
    use super::denied;

    #[test]
    fn the_action_that_aws_names_is_told_and_the_call_s_own_where_it_names_none() {
        let plain = "not allowed to call `ses:SendEmail`";
        for (text, expected) in [
            ("You are not authorized to perform this operation", plain),
            ("Access Denied", plain),
            (
                "User: arn:aws:iam::1:user/a is not authorized to perform: ses:SendEmail on resource: x",
                plain,
            ),
            (
                "User `arn:aws:iam::1:user/a' is not authorized to perform `ses:SendRawEmail' on resource `x'",
                "not allowed to call `ses:SendRawEmail`, which `ses:SendEmail` needs here",
            ),
        ] {
            assert_eq!(denied("ses:SendEmail", text, false), expected);
        }
        let head = denied("s3:GetObject", "", true);
        assert!(head.contains("`s3:ListBucket`"), "{head}");
        let bucket = denied("s3:ListBucket", "", true);
        assert_eq!(bucket, "not allowed to call `s3:ListBucket`");
    }
}
