//! One SQS queue that is consumed: receive, delete, hold on to, give back, and how full it is.
//!
//! For the daemon, which works with its own credentials here and with the function's role only in the run. What the
//! messages mean is not read here.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName,
};
use lamplighter_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use crate::error::{code_of, explain};
use crate::session::Aws;

/// How long a receive waits for a message. It is the longest that SQS allows.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
pub const LONGEST_POLL: Duration = Duration::from_secs(20);

/// The most messages of one call, of any kind.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MOST_MESSAGES: usize = 10;

/// Codes with which SQS says that there is no such queue: in its JSON protocol, and in the query protocol before it.
const MISSING: [&str; 2] = [
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
];

/// A queue, reached with the daemon's own credentials.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
    region: String,
    arn: String,
}

/// A message that was received. Its receipt handle is good until its visibility ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What names this receipt of it.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// The MD5 of the body, as SQS counts it.
    pub md5_of_body: String,
    /// SQS's own attributes: `ApproximateReceiveCount`, `SentTimestamp`, …
    pub attributes: BTreeMap<String, String>,
    /// The sender's attributes, in the form of Lambda's SQS event.
    pub message_attributes: Map<String, Value>,
}

/// How full a queue is. SQS counts approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Messages that can be received.
    pub depth: u64,
    /// Messages that somebody has received and not deleted.
    pub in_flight: u64,
    /// Messages that are not to be received yet.
    pub delayed: u64,
    /// Whether messages that nobody can process go to another queue in the end.
    pub has_redrive: bool,
}

/// Bodies hold what people sent.
impl std::fmt::Debug for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Message");
        shown.field("id", &self.id).finish_non_exhaustive()
    }
}

impl Message {
    /// How often it has been received, this time included.
    pub fn receive_count(&self) -> u32 {
        self.number("ApproximateReceiveCount")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1)
    }

    /// When it was sent, in milliseconds since 1970.
    pub fn sent_millis(&self) -> Option<i64> {
        self.number("SentTimestamp")
    }

    fn number(&self, attribute: &str) -> Option<i64> {
        self.attributes.get(attribute)?.parse().ok()
    }
}

impl Queue {
    /// The queue `name` of `account` at `url`. Without a region in its URL, the SDK's is taken. Calls nothing.
    pub fn new(
        aws: &Aws,
        url: &str,
        region: Option<&str>,
        account: &str,
        name: &str,
    ) -> Result<Self> {
        let region = match region {
            Some(region) => region.to_owned(),
            None => match aws.base().region() {
                Some(region) => region.to_string(),
                None => {
                    return Err(Error::config(format!(
                        "the region of the queue `{url}` is not known"
                    ))
                    .hint("set `[aws] regions` or `AWS_REGION`"));
                }
            },
        };
        let longest = LONGEST_POLL + Duration::from_secs(10);
        let config = Builder::from(aws.base())
            .region(Region::new(region.clone()))
            // Whoever receives tries again for ever, with longer and longer pauses, and says so.
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    // An empty queue answers after the whole poll.
                    .operation_attempt_timeout(longest)
                    .operation_timeout(longest * 2)
                    .build(),
            )
            // An answer that waits for a message is no stalled one.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let partition = match region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Ok(Self {
            client: Client::from_conf(config.build()),
            url: url.to_owned(),
            arn: format!("arn:{partition}:sqs:{region}:{account}:{name}"),
            region,
        })
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Waits for messages, up to [`LONGEST_POLL`], and hides them from everybody else for `visibility`.
    pub async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>> {
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(whole(most.clamp(1, MOST_MESSAGES) as u64))
            .wait_time_seconds(whole(LONGEST_POLL.as_secs()))
            .visibility_timeout(whole(visibility.as_secs()))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = call
            .send()
            .await
            .map_err(|error| self.explain("sqs:ReceiveMessage", error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(message).collect())
    }

    /// Deletes messages, and answers the ids of those that are still there.
    pub async fn delete(&self, messages: &[&Message]) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for batch in messages.chunks(MOST_MESSAGES) {
            let mut call = self.client.delete_message_batch().queue_url(&self.url);
            for (place, message) in batch.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(&message.receipt_handle);
                call = call.entries(entry.build().map_err(unbuildable)?);
            }
            let answer = call
                .send()
                .await
                .map_err(|error| self.explain("sqs:DeleteMessageBatch", error))?;
            let failed = answer.failed.iter().map(|failed| failed.id.as_str());
            left.extend(named(failed, batch));
        }
        Ok(left)
    }

    /// Hides each message for so long from now on; zero: gives it back. Answers the ids of those for which that failed.
    pub async fn set_visibility(&self, messages: &[(&Message, Duration)]) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for batch in messages.chunks(MOST_MESSAGES) {
            let mut call = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url);
            for (place, (message, visibility)) in batch.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(&message.receipt_handle)
                    .visibility_timeout(whole(visibility.as_secs()));
                call = call.entries(entry.build().map_err(unbuildable)?);
            }
            let answer = call
                .send()
                .await
                .map_err(|error| self.explain("sqs:ChangeMessageVisibilityBatch", error))?;
            let failed = answer.failed.iter().map(|failed| failed.id.as_str());
            let batch: Vec<&Message> = batch.iter().map(|(message, _)| *message).collect();
            left.extend(named(failed, &batch));
        }
        Ok(left)
    }

    /// How full it is.
    pub async fn look(&self) -> Result<Look> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = call
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| self.explain("sqs:GetQueueAttributes", error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name: QueueAttributeName| {
            let text = attributes.get(&name);
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        Ok(Look {
            depth: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
            has_redrive: attributes.contains_key(&QueueAttributeName::RedrivePolicy),
        })
    }

    fn explain<E>(
        &self,
        call: &str,
        error: aws_sdk_sqs::error::SdkError<
            E,
            aws_smithy_runtime_api::client::orchestrator::HttpResponse,
        >,
    ) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if code_of(&error).is_some_and(|code| MISSING.contains(&code)) {
            return Error::new(
                ErrorKind::Permanent,
                format!("there is no queue `{}`", self.url),
            )
            .hint(
                "create it, or correct `queues`; SQS says the same of a queue in another region",
            );
        }
        explain(call, error).context(format!("the queue `{}`", self.url))
    }
}

fn message(message: aws_sdk_sqs::types::Message) -> Option<Message> {
    let attributes = message.attributes.unwrap_or_default();
    let message_attributes = message.message_attributes.unwrap_or_default();
    let message_attributes = message_attributes.into_iter().map(|(name, value)| {
        let binary = value
            .binary_value
            .map(|bytes| aws_smithy_types::base64::encode(bytes.into_inner()));
        let value = json!({
            "stringValue": value.string_value, "binaryValue": binary, "dataType": value.data_type,
            "stringListValues": [], "binaryListValues": [],
        });
        (name, value)
    });
    Some(Message {
        id: message.message_id?,
        // Without it the message could be neither deleted nor held: it comes again when its visibility ends.
        receipt_handle: message.receipt_handle?,
        body: message.body.unwrap_or_default(),
        md5_of_body: message.md5_of_body.unwrap_or_default(),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect(),
        message_attributes: message_attributes.collect(),
    })
}

/// The ids of the messages at these places of a batch.
fn named<'a>(
    places: impl Iterator<Item = &'a str>,
    batch: &[&Message],
) -> impl Iterator<Item = String> {
    let places = places.filter_map(|place| batch.get(place.parse::<usize>().ok()?));
    let ids: Vec<String> = places.map(|message| message.id.clone()).collect();
    ids.into_iter()
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn unbuildable(error: aws_smithy_types::error::operation::BuildError) -> Error {
    Error::permanent("cannot compose a call of SQS").caused_by(error)
}
