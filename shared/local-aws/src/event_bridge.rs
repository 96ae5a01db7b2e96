//! EventBridge's default bus, as far as AWS's own services use it: what they put there goes to the queues of rules.

use serde_json::{Value, json};

use crate::world::World;

/// The rules.
#[derive(Debug, Default)]
pub(crate) struct EventBridgeState {
    rules: Vec<Rule>,
}

/// A rule whose pattern is one source, and whose target is a queue in the same account and region.
#[derive(Debug)]
struct Rule {
    source: String,
    queue: String,
}

impl World {
    /// What this source (`aws.s3`, `aws.codedeploy`) tells EventBridge goes to a queue, by its ARN, in the account and
    /// region of the queue. Panics if there is no such queue.
    pub fn event_rule(mut self, source: &str, queue: &str) -> World {
        self.add_event_rule(source, queue);
        self
    }

    /// The same in the middle of a test.
    pub fn add_event_rule(&mut self, source: &str, queue: &str) {
        assert!(self.has_queue(queue), "this world has no queue `{queue}`");
        self.event_bridge.rules.push(Rule {
            source: source.to_owned(),
            queue: queue.to_owned(),
        });
    }

    /// Puts an event on the bus of an account in a region, and answers it as it was put.
    /// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
    pub fn put_event(
        &mut self,
        account: &str,
        region: &str,
        source: &str,
        detail_type: &str,
        resources: &[&str],
        detail: Value,
    ) -> Value {
        let event = json!({
            "version": "0",
            "id": self.next_id(),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": self.now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": region,
            "resources": resources,
            "detail": detail,
        });
        let place = format!(":{region}:{account}:");
        let rules = self.event_bridge.rules.iter();
        let queues: Vec<String> = rules
            .filter(|rule| rule.source == source && rule.queue.contains(&place))
            .map(|rule| rule.queue.clone())
            .collect();
        for queue in queues {
            self.deliver(&queue, &event.to_string());
        }
        event
    }
}
