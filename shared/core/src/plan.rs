//! What a function decided: a value that can be printed, stored and tested.

use crate::finding::{Finding, Resource, Severity, Verdict};
use crate::limits::Population;
use crate::record::{Decided, Decision, Disposition};

/// Something left alone, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What was left alone.
    pub resource: Resource,
    /// Why.
    pub reason: String,
}

/// Findings, actions, and what is left alone.
#[derive(Debug, Clone)]
pub struct Plan<A> {
    /// What was decided about each resource, the passes too.
    pub findings: Vec<Finding>,
    /// What should be changed. Complete: applying makes no choices.
    pub actions: Vec<A>,
    /// What is left alone, and why.
    pub skipped: Vec<Skip>,
    /// What the limits are measured against, one per account.
    pub populations: Vec<Population>,
    /// Things a reader should know.
    pub notes: Vec<String>,
    /// What was decided about each record of the event.
    pub records: Vec<Decided>,
}

impl<A> Default for Plan<A> {
    fn default() -> Self {
        Self {
            findings: vec![],
            actions: vec![],
            skipped: vec![],
            populations: vec![],
            notes: vec![],
            records: vec![],
        }
    }
}

impl<A> Plan<A> {
    /// Adds a finding.
    pub fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds an action.
    pub fn act(&mut self, action: A) {
        self.actions.push(action);
    }

    /// Adds an action that the record `id` of the event asks for.
    pub fn act_for(&mut self, id: &str, subject: impl Into<String>, action: A) {
        self.actions.push(action);
        if !self.is_decided(id) {
            self.decide(id, subject, Decision::Act);
        }
    }

    /// There is nothing to do for the record `id`: it is acknowledged.
    pub fn ignore(&mut self, id: &str, subject: impl Into<String>, reason: impl Into<String>) {
        self.decide(id, subject, Decision::Ignore(reason.into()));
    }

    /// The record `id` cannot succeed: it goes into quarantine, and `finding` says why.
    pub fn reject(&mut self, id: &str, subject: impl Into<String>, finding: Finding) {
        self.decide(id, subject, Decision::Reject(finding.message.clone()));
        self.find(finding);
    }

    /// The record `id` may succeed later: it is to be delivered again.
    pub fn retry(&mut self, id: &str, subject: impl Into<String>, reason: impl Into<String>) {
        self.decide(id, subject, Decision::Retry(reason.into()));
    }

    /// What SES is told about the mail of the record `id`, which must have been decided about.
    pub fn answer(&mut self, id: &str, disposition: Disposition) {
        if let Some(decided) = self.records.iter_mut().find(|decided| decided.id == id) {
            decided.disposition = Some(disposition);
        }
    }

    fn is_decided(&self, id: &str) -> bool {
        self.records.iter().any(|decided| decided.id == id)
    }

    fn decide(&mut self, id: &str, subject: impl Into<String>, decision: Decision) {
        self.records.push(Decided {
            id: id.to_owned(),
            subject: subject.into(),
            decision,
            disposition: None,
        });
    }

    /// Leaves `resource` alone. What is left alone is also a decision.
    pub fn skip(&mut self, resource: &Resource, reason: impl Into<String>) {
        self.skipped.push(Skip {
            resource: resource.clone(),
            reason: reason.into(),
        });
    }

    /// `resource` keeps `rule`.
    pub fn pass(&mut self, rule: &'static str, resource: &Resource, message: impl Into<String>) {
        self.find(Finding::new(
            rule,
            Severity::Info,
            Verdict::Pass,
            resource,
            message,
        ));
    }

    /// `rule` does not concern `resource`.
    pub fn not_applicable(
        &mut self,
        rule: &'static str,
        resource: &Resource,
        message: impl Into<String>,
    ) {
        self.find(Finding::new(
            rule,
            Severity::Info,
            Verdict::NotApplicable,
            resource,
            message,
        ));
    }
}
