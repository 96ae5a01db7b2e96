//! The certificates of a run: all of them, in the three buckets that their function put them into.
//!
//! A certificate is known by its finding's evidence, whatever function it came from. What is fine is listed too: the
//! question is what ends when, and not only what is wrong.

pub(crate) mod page;
mod timeline;

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, Run, Verdict};
use serde_json::Value;

use crate::Options;
use crate::listed::{Extent, Listed};
use crate::words::{counted, number, span};

/// This many valid certificates are listed unless everything was asked for; the next to end are the first.
const MOST_VALID: usize = 50;

/// This many places of a certificate are named; a root may lie in thousands.
const MOST_PLACES: usize = 3;

/// Whether a report lists `finding` without being asked for everything: problems, and every certificate.
///
/// Whoever hands on a part of a run keeps these, or the report would say that there are no valid certificates.
pub fn is_listed(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Unknown)
        || Certificate::of(finding).is_some()
}

/// How near the end of a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bucket {
    /// It is over.
    Expired,
    /// It is near enough to do something about it.
    Expiring,
    /// It is far.
    Valid,
}

impl Bucket {
    /// Every bucket, in the order of reports.
    const ALL: [Self; 3] = [Self::Expired, Self::Expiring, Self::Valid];

    /// The word as in the evidence, and as the class in the page.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Expiring => "expiring",
            Self::Valid => "valid",
        }
    }

    /// The word as a heading has it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Expired => "Expired",
            Self::Expiring => "Expiring",
            Self::Valid => "Valid",
        }
    }
}

/// One certificate, as its finding's evidence tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificate<'a> {
    finding: &'a Finding,
    bucket: Bucket,
    not_after: DateTime<Utc>,
}

impl<'a> Certificate<'a> {
    /// The certificate a finding puts into a bucket. A bucket of S3 may have any name, but it has no end.
    fn of(finding: &'a Finding) -> Option<Self> {
        let word = finding.evidence.get("bucket")?.as_str()?;
        Some(Self {
            finding,
            bucket: Bucket::ALL
                .into_iter()
                .find(|bucket| bucket.as_str() == word)?,
            not_after: time(finding, "not_after")?,
        })
    }

    /// The name it is for.
    pub(crate) fn name(&self) -> &'a str {
        let name = self.finding.evidence.get("name").and_then(Value::as_str);
        name.filter(|name| !name.is_empty())
            .unwrap_or(&self.finding.resource)
    }

    /// The beginning of its SHA-256, enough to tell two of one name apart.
    pub(crate) fn short_sha256(&self) -> Option<&'a str> {
        let sha256 = self.finding.evidence.get("sha256")?.as_str()?;
        sha256.get(..16)
    }

    /// When it ends.
    pub(crate) fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }

    /// When it began, where that is known.
    fn not_before(&self) -> Option<DateTime<Utc>> {
        time(self.finding, "not_before")
    }

    /// The time that was left when the run ended: `in 12 days`, `3 days ago`.
    pub(crate) fn left(&self, run: &Run) -> String {
        let left = self.not_after - run.finished_at;
        if left.num_seconds() > 0 {
            format!("in {}", span(left))
        } else {
            format!("{} ago", span(-left))
        }
    }

    /// The first places where it was seen, and how many more there are: `and 2 more places`.
    pub(crate) fn places(&self) -> (Vec<&'a str>, Option<String>) {
        let evidence = &self.finding.evidence;
        let known = evidence.get("sources").and_then(Value::as_array);
        let mut places: Vec<&str> = known
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if places.is_empty() {
            places.push(&self.finding.resource);
        }
        let count = evidence.get("sources_count").and_then(Value::as_u64);
        let count = count
            .and_then(|count| usize::try_from(count).ok())
            .map_or(places.len(), |count| count.max(places.len()));
        places.truncate(MOST_PLACES);
        let hidden = count - places.len();
        let rest = (hidden > 0).then(|| format!("and {}", counted(hidden, "more place")));
        (places, rest)
    }
}

fn time(finding: &Finding, key: &str) -> Option<DateTime<Utc>> {
    finding.evidence.get(key)?.as_str()?.parse().ok()
}

/// All certificates of one bucket, the first to end first.
pub(crate) struct Group<'a> {
    /// The bucket.
    pub(crate) bucket: Bucket,
    /// All that are in it.
    pub(crate) all: Vec<Certificate<'a>>,
}

impl<'a> Group<'a> {
    /// The rows to show, and what is said of the others.
    pub(crate) fn listed(
        &self,
        options: &Options,
        extent: Extent,
    ) -> (Vec<Certificate<'a>>, Option<String>) {
        match extent {
            Extent::Whole if self.bucket == Bucket::Valid && !options.all => {
                let listed = Listed::first(self.all.clone(), MOST_VALID);
                let rest = (listed.hidden > 0)
                    .then(|| format!("and {} more (`--all`)", number(listed.hidden)));
                (listed.rows, rest)
            }
            _ => {
                let listed = Listed::first(self.all.clone(), extent.most());
                let rest = listed.rest();
                (listed.rows, rest)
            }
        }
    }
}

/// The certificates of the run in their buckets, or `None` where the run is not about any.
pub(crate) fn groups(run: &Run) -> Option<[Group<'_>; 3]> {
    let mut all: Vec<Certificate<'_>> = run.findings.iter().filter_map(Certificate::of).collect();
    if all.is_empty() {
        return None;
    }
    all.sort_by_key(|certificate| {
        (
            certificate.not_after,
            certificate.name(),
            &certificate.finding.resource,
        )
    });
    Some(Bucket::ALL.map(|bucket| {
        let is_in = |certificate: &&Certificate<'_>| certificate.bucket == bucket;
        Group {
            bucket,
            all: all.iter().filter(is_in).copied().collect(),
        }
    }))
}

/// How many certificates there are in all groups.
pub(crate) fn count(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.all.len()).sum()
}
