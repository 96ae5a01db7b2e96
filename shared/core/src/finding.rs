//! What was decided about a resource: one sentence, with the evidence.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The AWS resource a row is about. `region` is `None` for global services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// The Amazon Resource Name.
    pub arn: String,
    /// The 12-digit account id.
    pub account: String,
    /// The region, or `None` where the service is global.
    pub region: Option<String>,
}

impl Resource {
    /// The part of the ARN that people say: `i-0abc…`, `ann`, `alias/x`.
    pub fn name(&self) -> &str {
        let last = self.arn.rsplit(':').next().unwrap_or(&self.arn);
        last.split_once('/').map_or(last, |(_, name)| name)
    }
}

/// What was decided about one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It violates the rule.
    Fail,
    /// It could not be judged. Never treated as a pass.
    Unknown,
    /// It keeps the rule.
    Pass,
    /// The rule does not concern it.
    NotApplicable,
}

impl Verdict {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Pass => "pass",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// How much a finding matters. The order is from worst to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Act now.
    Critical,
    /// Act today.
    High,
    /// Act this week.
    Medium,
    /// Act when convenient.
    Low,
    /// For information.
    Info,
}

impl Severity {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

/// One sentence about one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable from run to run for the same rule and resource: see [`Finding::fingerprint_of`].
    pub fingerprint: String,
    /// The rule's name, such as `missing-required-tags`.
    pub rule: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// What was decided.
    pub verdict: Verdict,
    /// The resource's ARN.
    pub resource: String,
    /// The 12-digit account id.
    pub account: String,
    /// The region, or `None` where the service is global.
    pub region: Option<String>,
    /// One sentence.
    pub message: String,
    /// What was seen that led to the verdict.
    pub evidence: Map<String, Value>,
}

impl Finding {
    /// A finding about `resource`, without evidence.
    pub fn new(
        rule: impl Into<Cow<'static, str>>,
        severity: Severity,
        verdict: Verdict,
        resource: &Resource,
        message: impl Into<String>,
    ) -> Self {
        let rule = rule.into();
        Self {
            fingerprint: Self::fingerprint_of(&rule, &resource.arn),
            rule,
            severity,
            verdict,
            resource: resource.arn.clone(),
            account: resource.account.clone(),
            region: resource.region.clone(),
            message: message.into(),
            evidence: Map::new(),
        }
    }

    /// Adds one piece of evidence.
    #[must_use]
    pub fn evidence(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(key.to_owned(), value.into());
        self
    }

    /// The first 128 bits of SHA-256 over rule, newline, ARN, in lower-case hex.
    pub fn fingerprint_of(rule: &str, arn: &str) -> String {
        let digest = Sha256::new()
            .chain_update(rule)
            .chain_update("\n")
            .chain_update(arn)
            .finalize();
        hex(&digest[..16])
    }

    /// The order in which findings are listed: the worst first, then by place.
    pub(crate) fn rank(&self) -> (Verdict, Severity, &str, Option<&str>, &str, &str) {
        (
            self.verdict,
            self.severity,
            &self.account,
            self.region.as_deref(),
            &self.resource,
            &self.rule,
        )
    }

    /// Why it is accepted, if an exception is about it: its reason, who answers for it, the ticket, and the last day.
    pub fn acceptance(&self) -> Option<String> {
        let exception = self.evidence.get("exception")?;
        let text = |key| exception.get(key).and_then(Value::as_str).unwrap_or("?");
        Some(format!(
            "accepted until the end of {}: {} ({}, {})",
            text("expires"),
            text("reason"),
            text("owner"),
            text("ticket")
        ))
    }

    /// The resource as a value of its own.
    pub fn about(&self) -> Resource {
        Resource {
            arn: self.resource.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
