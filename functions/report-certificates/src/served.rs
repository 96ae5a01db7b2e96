//! What is decided about endpoints: whether the leaf is for the host, and where the chain leads. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, NoAction, Plan, Resource, Severity, Verdict};
use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::inventory::{Served, Trust, endpoint_url};
use crate::rules::Rules;
use crate::severity::Nearness;
use crate::words::{day, listed, names, rfc3339};

/// Findings about an endpoint: whether its leaf is for its host, and where its chain leads.
pub(crate) fn judge_endpoint(
    served: &Served,
    rules: &Rules,
    now: DateTime<Utc>,
    plan: &mut Plan<NoAction>,
) {
    let Some(leaf) = served.chain.first() else {
        return;
    };
    let resource = Resource {
        arn: endpoint_url(&served.endpoint),
        account: served.account.to_string(),
        region: None,
    };
    let holds = leaf.not_before <= now && now < leaf.not_after;
    let finding = |rule: &'static str, level, message: String| {
        let chain: Vec<Value> = served.chain.iter().map(|known| step(known)).collect();
        let path: Vec<Value> = match &served.trust {
            Trust::Path(path) => path.iter().map(|known| step(known)).collect(),
            Trust::None(_) | Trust::Unknown(_) => vec![],
        };
        Finding::new(rule, level, Verdict::Fail, &resource, message)
            .evidence("sha256", leaf.sha256.as_str())
            .evidence("addresses", json!(served.addresses))
            .evidence("served_chain", json!(chain))
            .evidence("best_path", json!(path))
    };
    if !leaf.is_for(&served.host) {
        let own = names(leaf);
        let message = format!(
            "`{}` serves a certificate that is not for `{}`, {}.",
            served.endpoint,
            served.host,
            if own.is_empty() {
                "but for no name at all".to_owned()
            } else {
                format!("but for {}", listed(&own))
            }
        );
        plan.find(finding(
            "certificate-name-mismatch",
            Severity::High,
            message,
        ));
    }
    match &served.trust {
        // Of a self-signed leaf it has been said already.
        Trust::None(reason) if holds && !leaf.is_self_signed => {
            let message = format!(
                "The chain of `{}` leads to no root that this machine trusts: {reason}.",
                served.endpoint
            );
            plan.find(finding("certificate-untrusted", Severity::Medium, message));
        }
        Trust::Unknown(reason) if holds => plan.notes.push(format!(
            "whether the chain of `{}` is trusted cannot be told: {reason}",
            served.endpoint
        )),
        Trust::Path(path) => {
            let weakest = path
                .iter()
                .min_by_key(|known| known.not_after)
                .filter(|known| known.not_after < leaf.not_after);
            if let Some(weakest) = weakest {
                let window = rules.window(weakest.not_after - weakest.not_before);
                let left = weakest.not_after - now;
                if Nearness::of(left, window).is_some() {
                    let message = format!(
                        "The best path of `{}` to a trusted root ends before its certificate does: `{}` ends on {}.",
                        served.endpoint,
                        weakest.name(),
                        day(weakest.not_after)
                    );
                    plan.find(finding(
                        "certificate-path-expiring",
                        Severity::Medium,
                        message,
                    ));
                }
            }
        }
        Trust::None(_) | Trust::Unknown(_) => {}
    }
}

/// Of each certificate that was sent along by an endpoint, whether every chain does without it.
pub(crate) fn spare_chains(served: &[Served]) -> BTreeMap<&str, bool> {
    let mut spare = BTreeMap::new();
    for served in served {
        for certificate in served.chain.iter().skip(1) {
            let is_spare = match &served.trust {
                Trust::Path(path) => !path.iter().any(|step| step.sha256 == certificate.sha256),
                Trust::None(_) | Trust::Unknown(_) => false,
            };
            let known = spare.entry(certificate.sha256.as_str()).or_insert(true);
            *known &= is_spare;
        }
    }
    spare
}

fn step(known: &Certificate) -> Value {
    json!({ "name": known.name(), "sha256": known.sha256, "not_after": rfc3339(known.not_after) })
}
