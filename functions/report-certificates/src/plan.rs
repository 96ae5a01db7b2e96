//! Decides: one bucket for each certificate, and whatever else is wrong with it. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use lamplighter_core::{Finding, NoAction, Plan, Resource, Severity, Verdict};
use serde_json::json;

use crate::inventory::{Inventory, Managed, Renewal, Role, Status};
use crate::merge::{Use, merge};
use crate::rules::Rules;
use crate::served::{judge_endpoint, spare_chains};
use crate::severity::{Circumstances, Nearness, severity};
use crate::subject::Subject;
use crate::words::{day, span};

/// Every rule that findings are of. The first three are the buckets: each certificate has exactly one of them.
pub(crate) const RULES: &[&str] = &[
    "certificate-expired",
    "certificate-expiring",
    "certificate-valid",
    "certificate-unreadable",
    "certificate-not-yet-valid",
    "certificate-pending-validation",
    "certificate-validation-timed-out",
    "certificate-failed",
    "certificate-revoked",
    "certificate-inactive",
    "certificate-renewal-stuck",
    "certificate-weak-key",
    "certificate-weak-signature",
    "certificate-self-signed",
    "certificate-name-mismatch",
    "certificate-untrusted",
    "certificate-path-expiring",
];

/// Decides about every certificate and every endpoint.
pub fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<NoAction> {
    let mut plan = Plan::default();
    plan.notes.clone_from(&inventory.notes);
    let merged = merge(&inventory.sightings);
    let spare = spare_chains(&inventory.served);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for certificate in &merged {
        let subject = Subject {
            merged: certificate,
            is_spare: certificate.certificate.is_some_and(|known| {
                certificate.is_chain() && spare.get(known.sha256.as_str()) == Some(&true)
            }),
            rules,
            now,
        };
        let bucket = subject.judge(&mut plan);
        *counts.entry(bucket).or_default() += 1;
    }
    for served in &inventory.served {
        judge_endpoint(served, rules, now, &mut plan);
    }
    let count = |bucket: &str| counts.get(bucket).copied().unwrap_or_default();
    plan.notes.push(format!(
        "certificates: {} expired, {} expiring, {} valid{}",
        count("expired"),
        count("expiring"),
        count("valid"),
        match count("none") {
            0 => String::new(),
            none => format!(", {none} not issued or unreadable"),
        }
    ));
    plan
}

impl Subject<'_> {
    /// Adds its findings, and answers its bucket.
    fn judge(&self, plan: &mut Plan<NoAction>) -> &'static str {
        let bucket = match self.not_after() {
            Some(not_after) => self.judge_end(not_after, plan),
            None => "none",
        };
        let has_status = self.judge_status(plan);
        if bucket == "none" && !has_status {
            plan.find(self.finding(
                "certificate-unreadable",
                Severity::Medium,
                Verdict::Unknown,
                format!(
                    "{} could not be judged: when it ends could not be read.",
                    self.title()
                ),
            ));
        }
        self.judge_beginning(plan);
        self.judge_strength(plan);
        self.judge_renewal(plan);
        bucket
    }

    fn judge_end(&self, not_after: DateTime<Utc>, plan: &mut Plan<NoAction>) -> &'static str {
        // Of a certificate whose beginning is not known, the life is not known either: it gets the whole window.
        let lifetime = self
            .not_before()
            .map_or(Duration::MAX, |not_before| not_after - not_before);
        let window = self.rules.window(lifetime);
        let left = not_after - self.now;
        let nearness = Nearness::of(left, window);
        let (rule, bucket, verdict) = match nearness {
            Some(Nearness::Expired) => ("certificate-expired", "expired", Verdict::Fail),
            Some(_) => ("certificate-expiring", "expiring", Verdict::Fail),
            None => ("certificate-valid", "valid", Verdict::Pass),
        };
        let level = nearness.map_or(Severity::Info, |nearness| {
            severity(
                nearness,
                Circumstances {
                    in_use: self.merged.in_use(),
                    renews_itself: self.renews_itself(),
                    is_chain: self.merged.is_chain(),
                    is_spare: self.is_spare,
                },
            )
        });
        let when = match nearness {
            Some(Nearness::Expired) => {
                format!("expired {} ago, on {}", span(-left), day(not_after))
            }
            Some(_) => format!("expires in {}, on {}", span(left), day(not_after)),
            None => format!("is valid for {}, until {}", span(left), day(not_after)),
        };
        let mut message = format!("{} {when}; {}", self.title(), self.places());
        if nearness.is_some() {
            message.push_str(&self.outlook());
        }
        message.push('.');
        plan.find(
            self.finding(rule, level, verdict, message)
                .evidence("bucket", bucket)
                .evidence("seconds_left", left.num_seconds())
                .evidence("window_secs", window.num_seconds()),
        );
        bucket
    }

    /// Findings about what ACM says of its state. A request that came to nothing has no end and no bucket.
    fn judge_status(&self, plan: &mut Plan<NoAction>) -> bool {
        let mut has_any = false;
        for managed in self.merged.managed() {
            let in_use = managed.in_use || managed.exported;
            let grave = if in_use {
                Severity::High
            } else {
                Severity::Low
            };
            let (rule, level, what) = match managed.status {
                Status::Issued => continue,
                Status::Unknown if managed.not_after.is_some() => continue,
                Status::PendingValidation => (
                    "certificate-pending-validation",
                    Severity::Medium,
                    "waits for somebody to prove that its names are yours".to_owned(),
                ),
                Status::ValidationTimedOut => (
                    "certificate-validation-timed-out",
                    Severity::Low,
                    "was not issued: nobody proved in 72 hours that its names are yours".to_owned(),
                ),
                Status::Failed => (
                    "certificate-failed",
                    Severity::Medium,
                    match &managed.failure {
                        Some(failure) => format!("was not issued: `{failure}`"),
                        None => "was not issued".to_owned(),
                    },
                ),
                Status::Revoked => ("certificate-revoked", grave, "was revoked".to_owned()),
                Status::Inactive => (
                    "certificate-inactive",
                    grave,
                    "is of a private CA and inactive".to_owned(),
                ),
                Status::Unknown => (
                    "certificate-unreadable",
                    Severity::Medium,
                    format!(
                        "is in the state `{}`, which is not known",
                        managed.status_word
                    ),
                ),
            };
            let verdict = if managed.status == Status::Unknown {
                Verdict::Unknown
            } else {
                Verdict::Fail
            };
            has_any = true;
            let message = format!("ACM's certificate for `{}` {what}.", managed.domain);
            plan.find(
                Finding::new(rule, level, verdict, &acm_resource(managed), message)
                    .evidence("sha256", self.sha256())
                    .evidence("status", managed.status_word.as_str()),
            );
        }
        has_any
    }

    fn judge_beginning(&self, plan: &mut Plan<NoAction>) {
        let Some(not_before) = self.not_before().filter(|time| self.now < *time) else {
            return;
        };
        let level = match self.merged.in_use() {
            Use::Yes => Severity::High,
            Use::Unknown => Severity::Medium,
            Use::No => Severity::Low,
        };
        let message = format!(
            "{} is not valid yet, only from {} on; {}.",
            self.title(),
            day(not_before),
            self.places()
        );
        plan.find(self.finding("certificate-not-yet-valid", level, Verdict::Fail, message));
    }

    fn judge_strength(&self, plan: &mut Plan<NoAction>) {
        let level = match self.merged.in_use() {
            Use::Yes => Severity::High,
            Use::Unknown => Severity::Medium,
            Use::No => Severity::Low,
        };
        let acm_key = self
            .merged
            .managed()
            .find_map(|managed| managed.key_algorithm.as_deref());
        let weak_key = match self.merged.certificate {
            Some(known) => known.weak_key.map(|reason| (known.key.as_str(), reason)),
            None => acm_key
                .filter(|key| *key == "RSA_1024")
                .map(|key| (key, "RSA keys need 2048 bits or more")),
        };
        if let Some((key, reason)) = weak_key {
            let message = format!(
                "{} has a weak key ({key}): {reason}; {}.",
                self.title(),
                self.places()
            );
            plan.find(self.finding("certificate-weak-key", level, Verdict::Fail, message));
        }
        let Some(known) = self.merged.certificate else {
            return;
        };
        // Nobody relies on a root's own signature: a root is trusted because it is known.
        if let Some(hash) = known.weak_signature.filter(|_| !known.is_self_signed) {
            let message = format!(
                "{} is signed with {hash}, which is broken (`{}`); {}.",
                self.title(),
                known.signature,
                self.places()
            );
            plan.find(self.finding("certificate-weak-signature", level, Verdict::Fail, message));
        }
        // In a file a self-signed authority is a root, which is where it belongs.
        let is_leaf = self.merged.sightings.iter().any(|sighting| {
            sighting.role == Role::Leaf || sighting.role == Role::Member && !known.is_ca
        });
        if known.is_self_signed && is_leaf {
            let level = if self.merged.is_served() {
                Severity::Medium
            } else {
                Severity::Low
            };
            let message = format!("{} is self-signed; {}.", self.title(), self.places());
            plan.find(self.finding("certificate-self-signed", level, Verdict::Fail, message));
        }
    }

    fn judge_renewal(&self, plan: &mut Plan<NoAction>) {
        for managed in self.merged.managed() {
            let Renewal::Stuck { reason, domains } = &managed.renewal else {
                continue;
            };
            let left = self.not_after().map(|not_after| not_after - self.now);
            let is_near = left.is_some_and(|left| {
                matches!(
                    Nearness::of(left, Duration::days(i64::from(self.rules.warn_days))),
                    Some(Nearness::Expired | Nearness::Near)
                )
            });
            let level = match (managed.in_use || managed.exported, is_near) {
                (true, true) => Severity::Critical,
                (true, false) => Severity::High,
                (false, _) => Severity::Low,
            };
            let message = format!(
                "ACM cannot renew its certificate for `{}`: {reason}{}.",
                managed.domain,
                self.not_after()
                    .map_or_else(String::new, |not_after| format!(
                        "; it ends on {}",
                        day(not_after)
                    ))
            );
            plan.find(
                Finding::new(
                    "certificate-renewal-stuck",
                    level,
                    Verdict::Fail,
                    &acm_resource(managed),
                    message,
                )
                .evidence("sha256", self.sha256())
                .evidence("domains", json!(domains)),
            );
        }
    }
}

fn acm_resource(managed: &Managed) -> Resource {
    Resource {
        arn: managed.arn.clone(),
        account: managed.account.clone(),
        region: Some(managed.region.clone()),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
