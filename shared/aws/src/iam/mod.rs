//! IAM: the one place that knows aws-sdk-iam. IAM is global: it is read once for an account, whatever its regions.
//!
//! | Module | Does |
//! | --- | --- |
//! | `accounts` | every account at once, and what could not be read of one |
//! | [`credential_report`] | reads the report's text, purely |
//! | `report` | gets the report through all its states, with a deadline |
//! | `reader` | reads single users, for the few that the report accuses |
//! | `details` | reads all users' tags and policies, where a function must know them all |
//! | `writer` | changes users. Built only to apply |

mod accounts;
pub mod credential_report;
mod details;
mod reader;
mod report;
mod writer;

pub use accounts::AccountReading;
pub use details::{Details, UserDetail};
pub use reader::{AccessKey, Grant, Grants, MfaDevice, Reader, RootSummary, User};
pub use writer::{Refusal, Writer};

use aws_sdk_iam::config::Builder;
use aws_sdk_iam::config::retry::RetryPartition;
use aws_smithy_types::DateTime as SdkTime;
use chrono::{DateTime, Utc};

use crate::session::AccountSession;

/// What `coverage` calls IAM: `<account>/iam`.
pub fn scope_name(account: &str) -> String {
    format!("{account}/iam")
}

pub(crate) fn builder(account: &AccountSession) -> Builder {
    // Each partition has one IAM, with one region in its signatures.
    // <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
    let region = match account.partition.as_str() {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    };
    // A retry partition of its own: the SDK's is one per service and region for the whole process, so that one broken
    // account would use up the retries of all others.
    Builder::from(&account.scope(region).config)
        .retry_partition(RetryPartition::custom(format!("iam-{}", account.id)).build())
}

pub(crate) fn time(time: &SdkTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), 0)
}

/// The text of a policy, which IAM writes percent-encoded as in RFC 3986.
fn decoded(document: &str) -> String {
    let mut bytes = Vec::with_capacity(document.len());
    let mut rest = document.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_policy_s_text_is_decoded_and_a_plus_stays_a_plus() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22b+c%22%7D"), r#"{"a": "b+c"}"#);
        assert_eq!(decoded("100%, %zz and %"), "100%, %zz and %");
    }
}
