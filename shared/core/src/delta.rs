//! What is new since the last recorded run.
//!
//! A finding counts as resolved only where somebody could look: while its region is unreadable it is unseen, and is
//! compared again when the region answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, CoverageStatus};
use crate::finding::{Finding, Verdict};
use crate::run::Run;

/// How a run differs from the last recorded one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// When the run began that this one is compared with; `None` where this is the first.
    pub since: Option<DateTime<Utc>>,
    /// The fingerprints of findings that were not there.
    pub new: Vec<String>,
    /// The fingerprints of findings with another severity, verdict or message.
    pub changed: Vec<String>,
    /// Findings that were there, and are not any more.
    pub resolved: Vec<Finding>,
    /// Findings that were there, of a scope that could not be read now.
    pub unseen: Vec<Finding>,
}

impl Delta {
    /// Compares `run`, with all its findings, with the last recorded run.
    pub fn between(last: Option<&Run>, run: &Run) -> Self {
        let now: BTreeMap<&str, &Finding> = run
            .findings
            .iter()
            .map(|finding| (finding.fingerprint.as_str(), finding))
            .collect();
        let unseen = last.and_then(|last| last.delta.as_ref());
        let unseen = unseen.map(|delta| delta.unseen.as_slice());
        let before: BTreeMap<&str, &Finding> = unseen
            .unwrap_or_default()
            .iter()
            .chain(last.into_iter().flat_map(Run::problems))
            .map(|finding| (finding.fingerprint.as_str(), finding))
            .collect();

        let mut delta = Self {
            since: last.map(|last| last.started_at),
            ..Self::default()
        };
        for (fingerprint, finding) in &now {
            match before.get(fingerprint) {
                None if is_problem(finding) => delta.new.push((*fingerprint).to_owned()),
                Some(before) if is_changed(before, finding) => {
                    delta.changed.push((*fingerprint).to_owned());
                }
                _ => {}
            }
        }
        let scopes = Scopes::of(&run.coverage);
        for (fingerprint, finding) in before {
            match now.get(fingerprint) {
                Some(now) if is_problem(now) || is_excepted(now) => {}
                // It was looked at, and is fine.
                Some(_) => delta.resolved.push(finding.clone()),
                None if scopes.could_see(finding) => delta.resolved.push(finding.clone()),
                None => delta.unseen.push(finding.clone()),
            }
        }
        delta
    }

    /// Whether there is anything that a reader has not been told.
    pub fn is_news(&self) -> bool {
        !self.new.is_empty() || !self.changed.is_empty() || !self.resolved.is_empty()
    }
}

fn is_problem(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Unknown)
}

/// Accepted since: it is still there, so it is not resolved.
fn is_excepted(finding: &Finding) -> bool {
    finding.evidence.contains_key("exception")
}

fn is_changed(before: &Finding, now: &Finding) -> bool {
    (is_problem(now) || is_excepted(now))
        && ((before.severity, before.verdict) != (now.severity, now.verdict)
            || without_ages(&before.message) != without_ages(&now.message))
}

/// A message without its ages: a key that was 91 days old yesterday and is 92 today has not changed.
fn without_ages(message: &str) -> Vec<&str> {
    const UNITS: &[&str] = &["minute", "hour", "h", "day", "week", "month", "year"];
    let words: Vec<&str> = message.split_whitespace().collect();
    let is_unit = |word: Option<&&str>| {
        word.is_some_and(|word| {
            let word = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
            UNITS.contains(&word) || UNITS.contains(&word.trim_end_matches('s'))
        })
    };
    let is_number = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_digit())
            && word.chars().all(|letter| {
                letter.is_ascii_digit() || matches!(letter, ',' | '.' | '\u{a0}' | '\u{202f}')
            })
    };
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if is_number(words[at]) && is_unit(words.get(at + 1)) {
            // The unit goes too: `1 day` becomes `2 days`.
            at += 2;
        } else {
            kept.push(words[at]);
            at += 1;
        }
    }
    kept
}

/// What could be read in this run.
struct Scopes<'a> {
    read: BTreeSet<&'a str>,
    unreadable: BTreeSet<&'a str>,
}

impl<'a> Scopes<'a> {
    fn of(coverage: &'a [Coverage]) -> Self {
        let with = |status| {
            let rows = coverage.iter().filter(move |row| row.status == status);
            rows.map(|row| row.scope.as_str()).collect()
        };
        Self {
            read: with(CoverageStatus::Read),
            unreadable: with(CoverageStatus::Unreadable),
        }
    }

    /// Whether the place of a finding was looked at, all of it.
    fn could_see(&self, finding: &Finding) -> bool {
        let service = finding.resource.split(':').nth(2).unwrap_or_default();
        let place = finding.region.as_deref().unwrap_or(service);
        let scope = format!("{}/{place}", finding.account);
        if self.unreadable.contains(scope.as_str()) {
            return false;
        }
        if self.read.contains(scope.as_str()) {
            return true;
        }
        // What has no region may be listed under another name than its service, such as a file. Then it was seen if
        // nothing at all went wrong. A region without a row was not looked at: it was taken out of the configuration.
        finding.region.is_none() && self.unreadable.is_empty() && !self.read.is_empty()
    }
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
