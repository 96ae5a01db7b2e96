//! Exceptions: findings that somebody answers for until a date.
//!
//! An exception never hides: the finding keeps its row, with who accepted it and why. It protects, too: nothing is
//! changed on a resource that has an excepted finding. When it is over, the finding fires again, and the report lists
//! the exception until somebody removes or renews it.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::coverage::{Coverage, CoverageStatus};
use crate::finding::{Finding, Resource, Verdict};
use crate::plan::{Plan, Skip};

/// Findings of one rule that are accepted until a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name.
    pub rule: String,
    /// Which resources: an ARN with `*` and `?`, or `tag:Key=Value`.
    pub resource: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was decided.
    pub ticket: String,
    /// The last day on which it holds, in UTC.
    pub expires: NaiveDate,
}

/// Whether an exception did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExceptionStatus {
    /// It holds.
    Active,
    /// It is over, and what it accepted is reported again.
    Expired,
    /// It holds, everything could be read, and nothing needed it.
    Unused,
}

impl ExceptionStatus {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Unused => "unused",
        }
    }
}

/// One exception as the run found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRow {
    /// The rule's name.
    pub rule: String,
    /// Which resources.
    pub resource: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was decided.
    pub ticket: String,
    /// The last day on which it holds, in UTC.
    pub expires: NaiveDate,
    /// Whether it did anything.
    pub status: ExceptionStatus,
    /// How many `fail` and `unknown` findings it is about.
    pub matched: usize,
}

impl Exception {
    /// The first moment at which it does not hold any more: the end of its last day, in UTC.
    pub fn ends_at(&self) -> DateTime<Utc> {
        let next = self.expires.checked_add_days(Days::new(1));
        next.unwrap_or(NaiveDate::MAX)
            .and_time(NaiveTime::MIN)
            .and_utc()
    }

    fn matches(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && match self.tag() {
                Some((key, value)) => {
                    let tags = finding.evidence.get("tags").and_then(Value::as_object);
                    tags.and_then(|tags| tags.get(key)).and_then(Value::as_str) == Some(value)
                }
                None => glob(&self.resource, &finding.resource),
            }
    }

    fn tag(&self) -> Option<(&str, &str)> {
        self.resource.strip_prefix("tag:")?.split_once('=')
    }

    fn evidence(&self) -> Value {
        json!({
            "reason": self.reason,
            "owner": self.owner,
            "ticket": self.ticket,
            "expires": self.expires,
        })
    }
}

/// Applies the exceptions to a plan, and says what became of each. `exceptions` are those of the function's rules.
pub(crate) fn except<A: crate::Action>(
    plan: &mut Plan<A>,
    exceptions: &[Exception],
    coverage: &[Coverage],
    now: DateTime<Utc>,
) -> Vec<ExceptionRow> {
    let (protected, matched) = accept(&mut plan.findings, exceptions, now);
    protect(plan, &protected);
    rows(exceptions, matched, coverage, now)
}

/// The resources of these findings that the exceptions protect, each with the reason.
pub(crate) fn protected(
    findings: &[Finding],
    exceptions: &[Exception],
    now: DateTime<Utc>,
) -> BTreeMap<Resource, String> {
    accept(&mut findings.to_vec(), exceptions, now).0
}

/// Accepts the findings that an exception is about. Answers the protected resources, and how many findings each
/// exception matched.
fn accept(
    findings: &mut [Finding],
    exceptions: &[Exception],
    now: DateTime<Utc>,
) -> (BTreeMap<Resource, String>, Vec<usize>) {
    let mut matched = vec![0; exceptions.len()];
    // The first exception in the order of the configuration speaks.
    let mut protected: BTreeMap<Resource, String> = BTreeMap::new();
    for finding in findings {
        if !matches!(finding.verdict, Verdict::Fail | Verdict::Unknown) {
            continue;
        }
        let mut holds = None;
        for (exception, matched) in exceptions.iter().zip(&mut matched) {
            if exception.matches(finding) {
                *matched += 1;
                if now < exception.ends_at() {
                    holds = holds.or(Some(exception));
                }
            }
        }
        if let Some(exception) = holds {
            finding.verdict = Verdict::NotApplicable;
            finding
                .evidence
                .insert("exception".to_owned(), exception.evidence());
            protected.entry(finding.about()).or_insert_with(|| {
                format!(
                    "excepted until the end of {}: {} ({}, {})",
                    exception.expires, exception.reason, exception.owner, exception.ticket
                )
            });
        }
    }
    (protected, matched)
}

/// What became of each exception.
fn rows(
    exceptions: &[Exception],
    matched: Vec<usize>,
    coverage: &[Coverage],
    now: DateTime<Utc>,
) -> Vec<ExceptionRow> {
    // Where something could not be read, the finding that needs the exception may be there.
    let is_all_read = coverage
        .iter()
        .all(|coverage| coverage.status == CoverageStatus::Read);
    let rows = exceptions.iter().zip(matched).map(|(exception, matched)| {
        let status = match matched {
            _ if now >= exception.ends_at() => ExceptionStatus::Expired,
            0 if is_all_read => ExceptionStatus::Unused,
            _ => ExceptionStatus::Active,
        };
        ExceptionRow {
            rule: exception.rule.clone(),
            resource: exception.resource.clone(),
            reason: exception.reason.clone(),
            owner: exception.owner.clone(),
            ticket: exception.ticket.clone(),
            expires: exception.expires,
            status,
            matched,
        }
    });
    rows.collect()
}

/// Drops what would be done to protected resources, but for taking their marks away, and says why they are left alone,
/// in place of any other reason.
fn protect<A: crate::Action>(plan: &mut Plan<A>, protected: &BTreeMap<Resource, String>) {
    if protected.is_empty() {
        return;
    }
    let mut skipped = BTreeMap::new();
    plan.actions = std::mem::take(&mut plan.actions)
        .into_iter()
        .filter_map(|action| {
            let resource = action.resource();
            let Some(reason) = protected.get(&resource) else {
                return Some(action);
            };
            skipped.insert(resource, reason.clone());
            action.pardon(reason)
        })
        .collect();
    plan.skipped.retain(|skip| {
        let reason = protected.get(&skip.resource);
        if let Some(reason) = reason {
            skipped.insert(skip.resource.clone(), reason.clone());
        }
        reason.is_none()
    });
    let skips = skipped
        .into_iter()
        .map(|(resource, reason)| Skip { resource, reason });
    plan.skipped.extend(skips);
}

/// Whether `text` is as `pattern` says: `*` is any run of characters, `?` exactly one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stands, and how much of the text it has taken: the only place to go back to.
    let mut star = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    read = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
#[path = "exception_tests.rs"]
mod tests;
