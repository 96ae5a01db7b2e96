//! What is deployed, before it becomes CloudFormation or Terraform.

use serde_json::Value;

use super::events::Events;
use super::package::Architecture;
use super::watch;

/// Everything that one template makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// One Lambda each.
    pub functions: Vec<Function>,
    /// The processor that the programs were built for.
    pub architecture: Architecture,
    /// Whether `lamplighter.toml` is in the packages.
    pub has_config: bool,
    /// The environment variables for configuration keys that hold secrets, which no package may.
    pub secret_variables: Vec<String>,
}

/// One function as a Lambda.
///
/// ARNs hold `${AWS::Partition}`, `${AWS::Region}`, `${AWS::AccountId}` and `${AWS::StackName}` where CloudFormation fills
/// them in; Terraform's renderer replaces them by its own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The verb phrase people type.
    pub name: String,
    /// What it changes, in a few words.
    pub changes: String,
    pub memory_mb: u32,
    pub timeout_secs: u32,
    /// Whether two runs must never be at once: `overlap = "skip"` or `"queue-one"`. Event functions may: each record is
    /// claimed, and with a single one at a time a round would keep events waiting.
    pub runs_alone: bool,
    /// What EventBridge Scheduler is told.
    pub when: When,
    /// The window in which Scheduler may delay a tick, in minutes; 0: none.
    pub window_minutes: u32,
    /// How late a tick may still be delivered, in seconds.
    pub grace_secs: u32,
    /// How long Lambda keeps an event that it could not hand over, in seconds.
    pub event_age_secs: u32,
    /// How often Lambda tries a run again that ended with an error, at most twice.
    pub retries: u32,
    /// The function's own IAM statements.
    pub statements: Vec<Value>,
    /// How long without a success is silence, in seconds; nothing where CloudWatch cannot look back as far.
    pub silence_secs: Option<u32>,
    /// The package's checksum, where the package is known.
    pub sha256: Option<String>,
    /// What sets it off besides its schedule; nothing for functions that take no events.
    pub events: Option<Events>,
}

/// A schedule as EventBridge Scheduler takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    pub expression: String,
    pub zone: String,
    /// What a `rate()` counts from that no `cron()` can say.
    pub start: Option<String>,
}

impl Function {
    /// `stop-untagged` → `StopUntagged`: the start of its logical ids.
    pub fn id(&self) -> String {
        pascal(&self.name)
    }

    /// The events that come through a queue of its own.
    pub fn queued(&self) -> Option<&Events> {
        self.events.as_ref().filter(|events| events.has_queue())
    }

    /// How many alarms the template makes for it.
    pub fn alarms(&self) -> u64 {
        watch::alarms(self).len() as u64
    }

    /// How many metrics its runs write, and how many more only runs that end badly do.
    pub fn metrics(&self) -> (u64, u64) {
        let of = |kind: watch::Written| {
            let metrics = watch::METRICS.iter();
            let own = metrics.filter(|metric| self.events.is_some() || !metric.is_of_records);
            own.filter(|metric| metric.written == kind).count() as u64
        };
        // The lines of level ERROR are counted by a filter of the log, as one metric more.
        (
            of(watch::Written::Often),
            of(watch::Written::WhenBad) + watch::FILTERS.len() as u64,
        )
    }
}

/// `stop-untagged`, `LAMPLIGHTER_AWS` → `StopUntagged`, `LamplighterAws`.
pub fn pascal(name: &str) -> String {
    name.split(['-', '_'])
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect()
}
