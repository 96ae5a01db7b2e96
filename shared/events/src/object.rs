//! An object of S3, as an event names it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// What an event says about an object. Only bucket and key are certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// The bucket's name.
    pub bucket: String,
    /// The key to try first.
    pub key: String,
    /// Another reading of the key, for the events that do not tell whether their keys are encoded: to be tried when
    /// there is no object under `key`, and taken only if its eTag is the event's.
    pub decoded_key: Option<String>,
    /// In bytes; a removal has none.
    pub size: Option<u64>,
    /// Without its quotes.
    pub etag: Option<String>,
    /// Absent where the bucket has no versions. `null` is a version: the one from before there were any.
    pub version_id: Option<String>,
    /// The order among the events of this key.
    pub sequencer: Option<Sequencer>,
    /// The bucket's.
    pub region: Option<String>,
    /// When S3 finished.
    pub time: Option<DateTime<Utc>>,
    /// As S3's own notifications call it: `ObjectCreated:Put`. Lists of objects have names of their own:
    /// `BatchOperations`, `Listed`, `Transformed`.
    pub name: String,
}

impl ObjectEvent {
    /// `s3://bucket/key`.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Which of two events of one key came first. `None` where nobody can tell: different keys, or an event without
    /// a sequencer.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if (&self.bucket, &self.key) != (&other.bucket, &other.key) {
            return None;
        }
        Some(self.sequencer.as_ref()?.cmp(other.sequencer.as_ref()?))
    }
}

/// The order of the events of one key, and of one key only: a hexadecimal number whose shorter text is filled with
/// zeros on the right before two are compared. Kept without those zeros, so that equal ones are the same text.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequencer(String);

impl Sequencer {
    /// Reads one. What is not hexadecimal has no order: `None`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let text = text.to_ascii_uppercase();
        let trimmed = text.trim_end_matches('0');
        Some(Self(
            if trimmed.is_empty() { "0" } else { trimmed }.to_owned(),
        ))
    }

    /// Its text, without zeros at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sequencer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Sequencer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a sequencer"))
    }
}

impl From<Sequencer> for String {
    fn from(sequencer: Sequencer) -> Self {
        sequencer.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sequencer(text: &str) -> Sequencer {
        Sequencer::parse(text).expect("hexadecimal")
    }

    #[test]
    fn the_shorter_sequencer_is_filled_with_zeros_on_the_right() {
        assert!(sequencer("0055AED6DCD90281E5") < sequencer("0055AED6DCD90281E6"));
        assert!(sequencer("0055AED6DCD9") < sequencer("0055AED6DCD90281E5"));
        assert!(sequencer("0055AED6DD") > sequencer("0055AED6DCD90281E5"));
        assert_eq!(sequencer("0055ae"), sequencer("0055AE00"));
        assert_eq!(sequencer("0000"), sequencer("0"));
        assert!(sequencer("0") < sequencer("0001"));
    }

    #[test]
    fn what_is_not_hexadecimal_has_no_order() {
        assert_eq!(Sequencer::parse("Happy Sequencer"), None);
        assert_eq!(Sequencer::parse(""), None);
        assert_eq!(Sequencer::parse("00ü"), None);
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_texts_of_equal_length(left in "[0-9A-F]{1,20}", right in "[0-9A-F]{1,20}") {
            let length = left.len().max(right.len());
            let fill = |text: &str| format!("{text:0<length$}");
            prop_assert_eq!(
                sequencer(&left).cmp(&sequencer(&right)),
                fill(&left).cmp(&fill(&right))
            );
        }

        #[test]
        fn a_sequencer_that_was_written_down_reads_back(text in "[0-9a-fA-F]{1,20}") {
            let sequencer = sequencer(&text);
            prop_assert_eq!(Sequencer::parse(sequencer.as_str()), Some(sequencer));
        }
    }
}
