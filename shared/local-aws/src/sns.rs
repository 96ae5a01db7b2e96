//! SNS, in the query protocol: publishing to topics. Nothing is delivered to subscribers; what was published is kept.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::service::{Ask, Operation, QueryErrors, Refusal, Route, Service, changes, route_query};
use crate::wire::{AwsError, Request, Response, Xml};
use crate::world::World;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

const OPERATIONS: &[Operation] = &[changes("Publish", publish)];

/// Subject and message together. <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MOST_BYTES: usize = 262_144;

/// The longest subject.
const MOST_SUBJECT: usize = 100;

pub(crate) struct Sns;

/// Topics, and what was published.
#[derive(Debug, Default)]
pub(crate) struct SnsState {
    topics: BTreeSet<String>,
    published: Vec<Published>,
}

/// A message that a topic accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What SNS answered.
    pub message_id: String,
    /// The simulated time.
    pub time: DateTime<Utc>,
    /// The topic's ARN.
    pub topic: String,
    /// The subject of mails to subscribers.
    pub subject: Option<String>,
    /// The message.
    pub message: String,
}

impl World {
    /// Adds a topic by its ARN.
    pub fn topic(mut self, arn: &str) -> World {
        self.sns.topics.insert(arn.to_owned());
        self
    }

    /// Every message that was published.
    pub fn published(&self) -> &[Published] {
        &self.sns.published
    }
}

const ERRORS: QueryErrors = QueryErrors {
    namespace: NAMESPACE,
    version: "2010-03-31",
    denied: "AuthorizationError",
    broken: "InternalFailure",
};

impl Service for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn route(&self, request: &Request) -> Route {
        route_query(OPERATIONS, &["TopicArn"], request)
    }

    fn refusal(&self, refusal: &Refusal) -> AwsError {
        ERRORS.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        ERRORS.write(error, request_id)
    }
}

fn publish(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let topic = params.get("TopicArn").unwrap_or_default();
    // A topic of another region is not there: requests go to the topic's own.
    let region = topic.split(':').nth(3);
    if !world.sns.topics.contains(topic) || region != Some(ask.caller.region.as_str()) {
        return Err(AwsError::new(404, "NotFound", "Topic does not exist"));
    }
    let message = params.get("Message").unwrap_or_default();
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    let subject = params.get("Subject");
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    if message.len() + subject.map_or(0, str::len) > MOST_BYTES {
        return Err(invalid("Message too long"));
    }
    if topic.ends_with(".fifo") && params.get("MessageGroupId").is_none() {
        return Err(invalid(
            "The MessageGroupId parameter is required for FIFO topics",
        ));
    }
    let published = Published {
        message_id: world.next_id(),
        time: world.now(),
        topic: topic.to_owned(),
        subject: subject.map(str::to_owned),
        message: message.to_owned(),
    };
    let body = Xml::document("PublishResponse", NAMESPACE, |xml| {
        xml.node("PublishResult", |xml| {
            xml.leaf("MessageId", &published.message_id);
        });
        xml.node("ResponseMetadata", |xml| {
            xml.leaf("RequestId", ask.request_id);
        });
    });
    world.sns.published.push(published);
    Ok(Response::xml(200, body).header("x-amzn-requestid", ask.request_id))
}

/// Up to 100 ASCII characters in one line that begins with a letter, a digit or a sign.
fn is_subject(subject: &str) -> bool {
    (1..=MOST_SUBJECT).contains(&subject.len())
        && subject.starts_with(|first: char| first.is_ascii_graphic())
        && subject
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn invalid(what: &str) -> AwsError {
    AwsError::new(
        400,
        "InvalidParameter",
        format!("Invalid parameter: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, short, world};

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ops";

    fn published(stage: &mut Stage, params: &str) -> String {
        short(&stage.query("sns", "Publish", params))
    }

    #[test]
    fn what_a_topic_accepted_is_kept() {
        let mut stage = Stage::new(world().topic(TOPIC));
        let params = format!("TopicArn={TOPIC}&Subject=a+b&Message=one%0Atwo");
        assert_eq!(published(&mut stage, &params), "200");
        let kept = &stage.state.world.published()[0];
        assert_eq!(
            (kept.subject.as_deref(), kept.message.as_str()),
            (Some("a b"), "one\ntwo")
        );
        assert!(stage.state.calls[0].changes);
    }

    #[test]
    fn what_sns_does_not_take_is_refused_in_its_words() {
        let mut stage = Stage::new(world().topic(TOPIC));
        let long = "x".repeat(101);
        let huge = "x".repeat(262_145);
        for (params, expected) in [
            (
                "TopicArn=arn:aws:sns:eu-west-1:123456789012:other&Message=a".to_owned(),
                "404 NotFound: Topic does not exist",
            ),
            (
                format!("TopicArn={TOPIC}&Message="),
                "400 InvalidParameter: Invalid parameter: Empty message",
            ),
            (
                format!("TopicArn={TOPIC}&Message=a&Subject={long}"),
                "400 InvalidParameter: Invalid parameter: Subject",
            ),
            (
                format!("TopicArn={TOPIC}&Message=a&Subject=a%0Ab"),
                "400 InvalidParameter: Invalid parameter: Subject",
            ),
            (
                format!("TopicArn={TOPIC}&Message={huge}"),
                "400 InvalidParameter: Invalid parameter: Message too long",
            ),
        ] {
            assert_eq!(published(&mut stage, &params), expected);
        }
        assert!(stage.state.world.published().is_empty());
    }
}
