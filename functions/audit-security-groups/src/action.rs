//! What can be done about an open port: its rule is taken away. The action carries the rule as it was seen.

use lamplighter_core as core;
use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::group::Rule;

/// The rule an action is about, and what justified the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// `sg-…`.
    pub group: String,
    /// The rule as it was seen. It is revoked only while all of it is still the same.
    pub rule: Rule,
    /// The CIDRs of the prefix list that the rule names, as they were seen.
    pub cidrs: Option<Vec<String>>,
}

/// One change to one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Take the rule away.
    Revoke {
        /// Which rule.
        target: Target,
        /// Why.
        because: String,
    },
}

impl Action {
    /// The rule it is about.
    pub fn target(&self) -> &Target {
        let Self::Revoke { target, .. } = self;
        target
    }

    /// The account and the region it is in.
    pub(crate) fn place(&self) -> (&str, &str) {
        let target = self.target();
        (&target.account, &target.region)
    }
}

impl core::Action for Action {
    fn resource(&self) -> Resource {
        let Target {
            account,
            partition,
            region,
            rule,
            ..
        } = self.target();
        Resource {
            arn: format!(
                "arn:{partition}:ec2:{region}:{account}:security-group-rule/{}",
                rule.id
            ),
            account: account.clone(),
            region: Some(region.clone()),
        }
    }

    fn name(&self) -> &'static str {
        "revoke-rule"
    }

    fn reason(&self) -> String {
        let Self::Revoke { because, .. } = self;
        because.clone()
    }

    fn precondition(&self) -> Value {
        let target = self.target();
        json!({ "group": target.group, "rule": target.rule, "prefix_list_cidrs": target.cidrs })
    }

    fn undo(&self) -> Option<String> {
        let target = self.target();
        crate::undo::restore(&target.region, &target.group, &target.rule)
    }

    fn limited_verb(&self) -> Option<&'static str> {
        Some("revokes")
    }
}
