//! What a function decided: a value that can be printed, stored and tested.

use crate::limits::Population;
use crate::run::{Finding, Resource, Severity, Verdict};

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
}

impl<A> Default for Plan<A> {
    fn default() -> Self {
        Self {
            findings: vec![],
            actions: vec![],
            skipped: vec![],
            populations: vec![],
            notes: vec![],
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
