//! IAM statements as values: what a function needs, before they become a policy document.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// One allowing statement of an IAM policy. Actions are always named; there is no wildcard action.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// `Read…`, `Deliver…`, `State…` or `Act…`: what kind of thing it allows.
    pub sid: String,
    effect: &'static str,
    /// `service:Operation`, sorted as written.
    pub action: Vec<String>,
    /// ARNs with wildcards, or `*` where IAM allows no other.
    pub resource: Vec<String>,
    /// Operator, then key, then values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Statement {
    /// Allows `actions` on `resources`.
    pub fn allow(
        sid: &str,
        actions: &[&str],
        resources: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            sid: sid.to_owned(),
            effect: "Allow",
            action: actions.iter().map(|action| (*action).to_owned()).collect(),
            resource: resources.into_iter().map(Into::into).collect(),
            condition: BTreeMap::new(),
        }
    }

    /// Only under this condition.
    #[must_use]
    pub fn only_if(mut self, operator: &str, key: &str, value: impl Into<Value>) -> Self {
        self.condition
            .entry(operator.to_owned())
            .or_default()
            .insert(key.to_owned(), value.into());
        self
    }

    /// Whether it allows changing something (`Act…`), as opposed to reading, delivering and remembering.
    pub fn is_act(&self) -> bool {
        self.sid.starts_with("Act")
    }
}

/// The policy document of some statements, pretty-printed with a final newline.
pub fn policy_document(statements: &[Statement]) -> String {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    format!("{document:#}\n")
}
