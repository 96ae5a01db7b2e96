//! A mail that SES received, as its event tells of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A received mail. The event may tell less than the mail holds: headers over 10 KB are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailEvent {
    /// The id that SES gave it, which is also the end of its key in S3.
    pub message_id: String,
    /// When SES received it: not the `Date` header, which anybody can write.
    pub received_at: Option<DateTime<Utc>>,
    /// The sender of the SMTP envelope, which may be rewritten (`prvs=…`, SRS).
    pub mail_from: Option<String>,
    /// The recipients of the SMTP envelope that the receipt rule matched. Those of the headers may be others.
    pub recipients: Vec<String>,
    /// What SES thinks of it.
    pub verdicts: Verdicts,
    /// The headers in their order, with their names as written.
    pub headers: Vec<(String, String)>,
    /// Whether headers are missing.
    pub headers_truncated: bool,
    /// Bucket and key of the raw mail: only the S3 action tells.
    pub object: Option<(String, String)>,
    /// The raw mail: only the SNS action brings it. With the encoding `UTF-8` bytes that are not UTF-8 are lost
    /// already; with `BASE64` it is what came.
    pub content: Option<Vec<u8>>,
    /// Whether SES waits for a disposition.
    pub is_decision: bool,
}

/// What SES thinks of a mail. A verdict that is missing was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Whether it is spam.
    pub spam: Option<Verdict>,
    /// Whether it carries a virus.
    pub virus: Option<Verdict>,
    /// The check of the sending host.
    pub spf: Option<Verdict>,
    /// The check of the signature.
    pub dkim: Option<Verdict>,
    /// The check of the alignment with the `From` header.
    pub dmarc: Option<Verdict>,
    /// What the sender's domain asks for: `none`, `quarantine`, `reject`, in lower case. Documented to be there only
    /// when DMARC failed; seen beside a PASS as well.
    pub dmarc_policy: Option<String>,
}

/// One verdict.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Verdict {
    /// Passed.
    Pass,
    /// Failed.
    Fail,
    /// Not to be told. Never a pass.
    Gray,
    /// SES could not check. Never a pass.
    ProcessingFailed,
    /// Scanning is switched off in the rule.
    Disabled,
    /// A word that is new.
    Other(String),
}

impl Verdict {
    /// AWS's own word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Gray => "GRAY",
            Self::ProcessingFailed => "PROCESSING_FAILED",
            Self::Disabled => "DISABLED",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Verdict {
    fn from(word: String) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "PASS" => Self::Pass,
            "FAIL" => Self::Fail,
            "GRAY" => Self::Gray,
            "PROCESSING_FAILED" => Self::ProcessingFailed,
            "DISABLED" => Self::Disabled,
            _ => Self::Other(word),
        }
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.as_str().to_owned()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
