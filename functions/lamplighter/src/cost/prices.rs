//! The price file: `config/prices.toml` is compiled in, and can be replaced.

use serde::{Deserialize, Deserializer};

use super::money::Money;

/// The text of `config/prices.toml`.
pub const DEFAULT: &str = include_str!("../../../../config/prices.toml");

/// What AWS asks, and what is assumed where nothing was measured. The keys are explained in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub date: String,
    pub region: String,
    pub sources: Vec<String>,
    pub lambda: Lambda,
    pub scheduler: Scheduler,
    pub cloudwatch: CloudWatch,
    pub eventbridge: EventBridge,
    pub sqs: Sqs,
    pub s3: S3,
    pub ec2: Ec2,
    pub assumptions: Assumptions,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lambda {
    pub million_requests: Money,
    pub gb_second: Money,
    pub free_requests: u64,
    pub free_gb_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    pub million_invocations: Money,
    pub free_invocations: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudWatch {
    pub logs_ingested_gb: Money,
    pub logs_stored_gb: Money,
    pub free_logs_gb: u64,
    pub alarm: Money,
    pub free_alarms: u64,
    pub metric: Money,
    pub free_metrics: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBridge {
    pub million_events: Money,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sqs {
    pub million_requests: Money,
    pub free_requests: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub thousand_writes: Money,
    pub thousand_reads: Money,
    pub stored_gb: Money,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ec2 {
    pub instance: String,
    pub instance_month: Money,
    pub disk_month: Money,
    pub address_month: Money,
}

impl Ec2 {
    /// The machine with all that it needs, for a month.
    pub fn month(&self) -> Money {
        self.instance_month + self.disk_month + self.address_month
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    pub duration_ms: u64,
    pub init_ms: u64,
    pub stays_warm_minutes: u64,
    pub failing_percent: u64,
    pub log_bytes: u64,
    pub state_bytes: u64,
    pub events: u64,
    pub queue_polls: u64,
}

impl Prices {
    /// Reads a price file. The message holds the line and the key that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let prices: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let assumed = &prices.assumptions;
        if assumed.failing_percent > 100 {
            return Err("`failing_percent` in [assumptions] is over 100".to_owned());
        }
        if assumed.events > super::MAX_EXECUTIONS || assumed.queue_polls > super::MAX_EXECUTIONS {
            return Err(
                "`events` or `queue_polls` in [assumptions] is over a million million".to_owned(),
            );
        }
        if !(1..=super::MAX_DURATION_MS).contains(&assumed.duration_ms) {
            return Err("`duration_ms` in [assumptions] is not between 1 and 900000".to_owned());
        }
        Ok(prices)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A float would be rounded before anybody could look at it.
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
