//! Queues and their messages, without the protocol.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use crate::world::World;

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct SqsState {
    pub(super) queues: BTreeMap<Place, Queue>,
}

/// Where a queue is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
}

impl Place {
    pub(super) fn arn(&self) -> String {
        let Place {
            account,
            region,
            name,
        } = self;
        format!("arn:aws:sqs:{region}:{account}:{name}")
    }

    /// Reads `arn:aws:sqs:REGION:ACCOUNT:NAME`.
    pub(super) fn of_arn(arn: &str) -> Option<Place> {
        let mut parts = arn.strip_prefix("arn:aws:sqs:")?.split(':');
        let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then(|| Place {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        })
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) arn: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) modified_at: DateTime<Utc>,
    pub(super) settings: Settings,
    pub(super) purged_at: Option<DateTime<Utc>>,
    pub(super) messages: Vec<QueuedMessage>,
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) delay_seconds: i64,
    pub(super) most_bytes: i64,
    pub(super) retention_seconds: i64,
    pub(super) wait_seconds: i64,
    pub(super) visibility_seconds: i64,
    pub(super) redrive: Option<Redrive>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            delay_seconds: 0,
            most_bytes: 1_048_576,
            retention_seconds: 345_600,
            wait_seconds: 0,
            visibility_seconds: 30,
            redrive: None,
        }
    }
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) target: String,
    pub(super) most_receives: u32,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedMessage {
    /// What SQS answered to its sender.
    pub message_id: String,
    /// What it says.
    pub body: String,
    /// Its own attributes, as they were sent: each with `DataType` and a value.
    pub attributes: BTreeMap<String, Value>,
    /// When it was sent, in simulated time.
    pub sent_at: DateTime<Utc>,
    /// Who sent it.
    pub sender: String,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was received first.
    pub first_received_at: Option<DateTime<Utc>>,
    /// When it was received last.
    pub received_at: Option<DateTime<Utc>>,
    /// From when on it can be received.
    pub visible_at: DateTime<Utc>,
    /// The ARN of the queue from which it was moved to this one.
    pub dead_letter_source: Option<String>,
}

impl QueuedMessage {
    /// Whether somebody received it and may still be at it.
    pub fn is_in_flight(&self, now: DateTime<Utc>) -> bool {
        self.visible_at > now && self.receive_count > 0
    }

    pub(super) fn is_delayed(&self, now: DateTime<Utc>) -> bool {
        self.visible_at > now && self.receive_count == 0
    }

    /// The handle of the latest receipt; those before it are stale.
    pub(super) fn handle(&self) -> String {
        format!("{}#{}", self.message_id, self.receive_count)
    }
}

impl World {
    /// Adds a standard queue.
    ///
    /// Panics if the world has no such account or region.
    pub fn queue(mut self, account: &str, region: &str, name: &str) -> World {
        self.add_queue(account, region, name);
        self
    }

    /// The same in the middle of a test; answers the ARN.
    pub fn add_queue(&mut self, account: &str, region: &str, name: &str) -> String {
        self.assert_place(account, region);
        let place = Place {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        };
        self.make_queue(&place, Settings::default())
    }

    /// A queue, by its ARN, moves what was received this often to another one, by its ARN.
    ///
    /// Panics if there is no such queue.
    pub fn dead_letters(mut self, queue: &str, target: &str, most_receives: u32) -> World {
        assert!(self.has_queue(target), "this world has no queue `{target}`");
        self.queue_by_arn(queue).settings.redrive = Some(Redrive {
            target: target.to_owned(),
            most_receives,
        });
        self
    }

    /// How long a queue, by its ARN, hides what was received. Panics if there is no such queue.
    pub fn visibility_timeout(mut self, queue: &str, timeout: Duration) -> World {
        self.queue_by_arn(queue).settings.visibility_seconds = timeout.num_seconds();
        self
    }

    /// Sends a message to a queue, by its ARN; answers the message's id. Panics if there is no such queue.
    pub fn send_message(&mut self, queue: &str, body: &str) -> String {
        assert!(self.has_queue(queue), "this world has no queue `{queue}`");
        self.deliver(queue, body)
    }

    /// Every message in a queue, by its ARN, received or not, the oldest first. Panics if there is no such queue.
    pub fn messages(&self, queue: &str) -> &[QueuedMessage] {
        let place = Place::of_arn(queue).expect("the ARN of a queue");
        let queue = self.sqs.queues.get(&place);
        &queue
            .expect("the queue should exist in this world")
            .messages
    }

    /// Empties a queue, by its ARN. Panics if there is no such queue.
    pub fn purge(&mut self, queue: &str) {
        self.queue_by_arn(queue).messages.clear();
    }

    pub(crate) fn has_queue(&self, arn: &str) -> bool {
        Place::of_arn(arn).is_some_and(|place| self.sqs.queues.contains_key(&place))
    }

    /// Sends what AWS itself sends; a queue that is gone loses it, as in AWS.
    pub(crate) fn deliver(&mut self, arn: &str, body: &str) -> String {
        let message_id = self.next_id();
        let now = self.now();
        let queue = Place::of_arn(arn).and_then(|place| self.sqs.queues.get_mut(&place));
        if let Some(queue) = queue {
            let message = QueuedMessage {
                message_id: message_id.clone(),
                body: body.to_owned(),
                attributes: BTreeMap::new(),
                sent_at: now,
                sender: "AIDALOCALAWS00000003".to_owned(),
                receive_count: 0,
                first_received_at: None,
                received_at: None,
                visible_at: now + Duration::seconds(queue.settings.delay_seconds),
                dead_letter_source: None,
            };
            queue.messages.push(message);
        }
        message_id
    }

    pub(super) fn make_queue(&mut self, place: &Place, settings: Settings) -> String {
        let now = self.now();
        let queue = Queue {
            arn: place.arn(),
            created_at: now,
            modified_at: now,
            settings,
            purged_at: None,
            messages: Vec::new(),
        };
        self.sqs.queues.insert(place.clone(), queue);
        place.arn()
    }

    fn queue_by_arn(&mut self, arn: &str) -> &mut Queue {
        let place = Place::of_arn(arn).expect("the ARN of a queue");
        let queue = self.sqs.queues.get_mut(&place);
        queue.expect("the queue should exist in this world")
    }

    /// Receives up to this many messages, and hides them. What was received too often moves to the dead letters.
    pub(super) fn receive(
        &mut self,
        place: &Place,
        most: usize,
        hidden_for: Option<i64>,
    ) -> Vec<QueuedMessage> {
        let now = self.now();
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        let targets: Vec<String> = self.sqs.queues.keys().map(Place::arn).collect();
        let Some(queue) = self.sqs.queues.get_mut(place) else {
            return received;
        };
        let mut settings = queue.settings.clone();
        // Without its queue of dead letters it keeps them.
        settings
            .redrive
            .take_if(|redrive| !targets.contains(&redrive.target));
        let hidden_for = Duration::seconds(hidden_for.unwrap_or(settings.visibility_seconds));
        queue.forget(now);
        queue.messages.retain_mut(|message| {
            if message.visible_at > now || received.len() == most {
                return true;
            }
            if let Some(redrive) = &settings.redrive
                && message.receive_count >= redrive.most_receives
            {
                dead.push(message.clone());
                return false;
            }
            message.receive_count += 1;
            message.first_received_at.get_or_insert(now);
            message.received_at = Some(now);
            message.visible_at = now + hidden_for;
            received.push(message.clone());
            true
        });
        let (source, target) = (place.arn(), settings.redrive.map(|redrive| redrive.target));
        let target = target.as_deref().and_then(Place::of_arn);
        if let Some(queue) = target.and_then(|target| self.sqs.queues.get_mut(&target)) {
            queue
                .messages
                .extend(dead.into_iter().map(|message| QueuedMessage {
                    dead_letter_source: Some(source.clone()),
                    ..message
                }));
        }
        received
    }
}

impl Queue {
    /// Lets go of what was kept long enough.
    pub(super) fn forget(&mut self, now: DateTime<Utc>) {
        let kept = Duration::seconds(self.settings.retention_seconds);
        self.messages.retain(|message| message.sent_at + kept > now);
    }

    /// The message of a handle, and whether the handle is its latest; `Err` if it is no handle.
    pub(super) fn by_handle(&self, handle: &str) -> Result<Option<(usize, bool)>, ()> {
        let (id, count) = handle.split_once('#').ok_or(())?;
        count.parse::<u32>().map_err(|_| ())?;
        let mut messages = self.messages.iter();
        let place = messages.position(|message| message.message_id == id);
        Ok(place.map(|place| (place, self.messages[place].handle() == handle)))
    }
}
