//! SNS, in the query protocol: publishing to topics. What was published is kept, and delivered to the queues that
//! subscribed; there are no other subscribers.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::service::{
    Ask, Operation, QueryProtocol, Refusal, Route, Service, changes, route_query,
};
use crate::wire::{AwsError, Request, Response, Xml};
use crate::world::World;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

const OPERATIONS: &[Operation] = &[
    changes("CreateTopic", create_topic),
    changes("Publish", publish),
    changes("Subscribe", subscribe),
];

/// Subject and message together. <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MOST_BYTES: usize = 262_144;

/// The longest subject.
const MOST_SUBJECT: usize = 100;

pub(crate) struct Sns;

/// Topics, and what was published.
#[derive(Debug, Default)]
pub(crate) struct SnsState {
    topics: BTreeSet<String>,
    subscriptions: Vec<Subscription>,
    published: Vec<Published>,
}

/// A queue that receives what is published to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subscription {
    arn: String,
    topic: String,
    queue: String,
    /// Whether it receives the message alone, or in SNS's own envelope.
    is_raw: bool,
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

    /// A queue receives what is published to a topic, both by their ARNs: the message alone if `is_raw`, otherwise in
    /// SNS's own envelope. Panics if there is no such topic or queue.
    pub fn subscription(mut self, topic: &str, queue: &str, is_raw: bool) -> World {
        assert!(self.has_topic(topic), "this world has no topic `{topic}`");
        assert!(self.has_queue(queue), "this world has no queue `{queue}`");
        self.add_subscription(topic, queue, is_raw);
        self
    }

    /// Every message that was published.
    pub fn published(&self) -> &[Published] {
        &self.sns.published
    }

    pub(crate) fn has_topic(&self, arn: &str) -> bool {
        self.sns.topics.contains(arn)
    }

    /// Publishes to a topic that exists, and delivers to its subscribers.
    pub(crate) fn publish(&mut self, topic: &str, subject: Option<&str>, message: &str) -> String {
        let message_id = self.next_id();
        self.sns.published.push(Published {
            message_id: message_id.clone(),
            time: self.now(),
            topic: topic.to_owned(),
            subject: subject.map(str::to_owned),
            message: message.to_owned(),
        });
        let region = topic.split(':').nth(3).unwrap_or_default().to_owned();
        let subscriptions = self.sns.subscriptions.clone();
        for one in subscriptions.iter().filter(|one| one.topic == topic) {
            if one.is_raw {
                self.deliver(&one.queue, message);
                continue;
            }
            let host = format!("https://sns.{region}.amazonaws.com");
            let mut envelope = json!({
                "Type": "Notification",
                "MessageId": message_id,
                "TopicArn": topic,
                "Message": message,
                "Timestamp": crate::s3::event_time(self.now()),
                "SignatureVersion": "1",
                "Signature": "local-aws-signs-nothing",
                "SigningCertURL": format!("{host}/SimpleNotificationService-0.pem"),
                "UnsubscribeURL": format!("{host}/?Action=Unsubscribe&SubscriptionArn={}", one.arn),
            });
            if let Some(subject) = subject {
                envelope["Subject"] = json!(subject);
            }
            self.deliver(&one.queue, &envelope.to_string());
        }
        message_id
    }

    /// Subscribing twice answers the same subscription.
    fn add_subscription(&mut self, topic: &str, queue: &str, is_raw: bool) -> String {
        let known = self.sns.subscriptions.iter();
        let mut known = known.filter(|one| one.topic == topic && one.queue == queue);
        if let Some(known) = known.next() {
            return known.arn.clone();
        }
        let arn = format!("{topic}:{}", self.next_id());
        self.sns.subscriptions.push(Subscription {
            arn: arn.clone(),
            topic: topic.to_owned(),
            queue: queue.to_owned(),
            is_raw,
        });
        arn
    }
}

const QUERY: QueryProtocol = QueryProtocol {
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
        QUERY.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        QUERY.write(error, request_id)
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
    let message_id = world.publish(topic, subject, message);
    Ok(respond("Publish", ask, |xml| {
        xml.leaf("MessageId", &message_id);
    }))
}

/// Making a topic again answers the one that is there.
fn create_topic(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let name = ask.request.form.get("Name").unwrap_or_default();
    let is_name = (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name {
        return Err(invalid("Topic Name"));
    }
    let (account, region) = (&ask.caller.account, &ask.caller.region);
    let arn = format!("arn:aws:sns:{region}:{account}:{name}");
    world.sns.topics.insert(arn.clone());
    Ok(respond("CreateTopic", ask, |xml| {
        xml.leaf("TopicArn", &arn);
    }))
}

fn subscribe(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let topic = params.get("TopicArn").unwrap_or_default();
    let queue = params.get("Endpoint").unwrap_or_default();
    if !world.has_topic(topic) {
        return Err(AwsError::new(404, "NotFound", "Topic does not exist"));
    }
    if params.get("Protocol") != Some("sqs") {
        return Err(invalid("local-aws delivers to queues only"));
    }
    if !world.has_queue(queue) {
        return Err(invalid("SQS endpoint ARN"));
    }
    let mut is_raw = false;
    for entry in params.groups("Attributes.entry") {
        match (entry.get("key"), entry.get("value")) {
            (Some("RawMessageDelivery"), Some(value)) => is_raw = value == "true",
            _ => return Err(invalid("AttributeName")),
        }
    }
    let arn = world.add_subscription(topic, queue, is_raw);
    Ok(respond("Subscribe", ask, |xml| {
        xml.leaf("SubscriptionArn", &arn);
    }))
}

fn respond(action: &str, ask: &Ask<'_>, inside: impl FnOnce(&mut Xml)) -> Response {
    QUERY.result(action, ask, inside)
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
    use crate::testing::{ACCOUNT, REGION, Stage, short, world};

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
    fn subscribers_receive_the_message_in_an_envelope_or_raw() {
        const QUEUES: [&str; 2] = [
            "arn:aws:sqs:eu-west-1:123456789012:wrapped",
            "arn:aws:sqs:eu-west-1:123456789012:raw",
        ];
        let mut stage = Stage::new(
            world()
                .topic(TOPIC)
                .queue(ACCOUNT, REGION, "wrapped")
                .queue(ACCOUNT, REGION, "raw"),
        );
        for (queue, is_raw) in [(QUEUES[0], "false"), (QUEUES[1], "true")] {
            let params = format!(
                "TopicArn={TOPIC}&Protocol=sqs&Endpoint={queue}&Attributes.entry.1.key=RawMessageDelivery\
                 &Attributes.entry.1.value={is_raw}"
            );
            // Subscribing twice is one subscription.
            assert_eq!(short(&stage.query("sns", "Subscribe", &params)), "200");
            assert_eq!(short(&stage.query("sns", "Subscribe", &params)), "200");
        }
        let params = format!("TopicArn={TOPIC}&Subject=a+b&Message=%7B%7D");
        assert_eq!(published(&mut stage, &params), "200");
        let [wrapped, raw] = QUEUES.map(|queue| {
            let messages = stage.state.world.messages(queue);
            assert_eq!(messages.len(), 1, "{queue}");
            messages[0].body.clone()
        });
        assert_eq!(raw, "{}");
        let envelope: serde_json::Value = serde_json::from_str(&wrapped).unwrap();
        assert_eq!(
            (
                &envelope["Type"],
                &envelope["Subject"],
                &envelope["Message"]
            ),
            (&"Notification".into(), &"a b".into(), &"{}".into())
        );
        let other = format!("TopicArn={TOPIC}&Protocol=email&Endpoint=a@example.com");
        assert!(short(&stage.query("sns", "Subscribe", &other)).starts_with("400"));
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
