//! A bundle, where it goes, and which of two is newer.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use lamplighter_aws::codedeploy::{Deployment, Revision};
use lamplighter_aws::state::pending_key;
use lamplighter_core::Resource;
use lamplighter_events::Sequencer;
use serde::{Deserialize, Serialize};

use crate::FUNCTION;
use crate::rules::Options;

/// A bundle, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Bucket, key, version and eTag.
    pub revision: Revision,
    /// In bytes.
    pub size: u64,
    /// What it is compared by.
    pub age: Age,
}

/// When a bundle was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Age {
    /// S3's `Last-Modified`, in whole seconds.
    pub modified_at: Option<DateTime<Utc>>,
    /// S3's order among the events of the key.
    #[serde(default)]
    pub sequencer: Option<Sequencer>,
}

impl Bundle {
    /// Whether this bundle is known to be older than another: by the sequencer within one key, by the time it was
    /// written across keys. Of two that were written in the same second neither is.
    pub fn is_older_than(&self, revision: &Revision, age: &Age) -> bool {
        let is_same_key =
            (&self.revision.bucket, &self.revision.key) == (&revision.bucket, &revision.key);
        if is_same_key && let (Some(own), Some(other)) = (&self.age.sequencer, &age.sequencer) {
            return own.cmp(other) == Ordering::Less;
        }
        matches!((self.age.modified_at, age.modified_at), (Some(own), Some(other)) if own < other)
    }

    /// The same against another bundle.
    pub fn is_older(&self, other: &Self) -> bool {
        self.is_older_than(&other.revision, &other.age)
    }

    /// What its deployment is described by: when it was written, in a form that is read back, and its place. CodeDeploy
    /// has no field for the former, and the object may be gone when somebody asks.
    pub fn description(&self) -> String {
        let modified_at = self.age.modified_at;
        let time = modified_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
        let sequencer = self.age.sequencer.as_ref().map(Sequencer::as_str);
        let text = format!(
            "{MARK} {} {} {}",
            time.as_deref().unwrap_or("-"),
            sequencer.unwrap_or("-"),
            self.revision.url()
        );
        cut(&text, LONGEST_DESCRIPTION)
    }
}

/// How this function's own deployments begin their description.
const MARK: &str = "lamplighter";

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html>
const LONGEST_DESCRIPTION: usize = 256;

/// The first letters of a text, with a mark where something was left out.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Whether a deployment was made by this function.
pub(crate) fn is_ours(deployment: &Deployment) -> bool {
    let description = deployment.description.as_deref().unwrap_or_default();
    description.split(' ').next() == Some(MARK)
}

/// What a deployment's description says about its bundle's age, if this function wrote it.
pub(crate) fn described_age(deployment: &Deployment) -> Option<Age> {
    let description = deployment.description.as_deref()?;
    let mut words = description.split(' ');
    if words.next() != Some(MARK) {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(words.next()?).ok()?;
    Some(Age {
        modified_at: Some(time.to_utc()),
        sequencer: words.next().and_then(Sequencer::parse),
    })
}

/// A deployment group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The application.
    pub application: String,
    /// The group.
    pub group: String,
}

impl Target {
    /// Where a bundle for it waits in the state.
    pub fn pending_key(&self) -> String {
        let Self {
            account,
            region,
            application,
            group,
            ..
        } = self;
        pending_key(FUNCTION, account, region, application, group)
    }

    /// As a resource.
    pub fn resource(&self) -> Resource {
        let Self {
            partition,
            account,
            region,
            ..
        } = self;
        Resource {
            arn: format!("arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:{self}"),
            account: account.clone(),
            region: Some(region.clone()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.application, self.group)
    }
}

/// What waits for a busy group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Where it goes.
    pub target: Target,
    /// What.
    pub bundle: Bundle,
    /// How.
    pub options: Options,
    /// The deployment it waits for, as far as that is known.
    pub behind: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The schema of [`Waiting`] as JSON.
pub const SCHEMA: &str = "lamplighter/pending/v1";

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(key: &str, time: &str, sequencer: &str) -> Bundle {
        Bundle {
            revision: Revision {
                bucket: "releases".to_owned(),
                key: key.to_owned(),
                bundle_type: "zip".to_owned(),
                version: None,
                etag: None,
            },
            size: 1,
            age: Age {
                modified_at: time.parse().ok(),
                sequencer: Sequencer::parse(sequencer),
            },
        }
    }

    #[test]
    fn the_sequencer_decides_within_a_key_and_the_time_across_keys() {
        let (early, late) = ("2026-11-22T06:00:00Z", "2026-11-22T06:00:01Z");
        for (own, other, expected) in [
            (bundle("a", early, ""), bundle("b", late, ""), true),
            (bundle("a", late, ""), bundle("b", early, ""), false),
            (bundle("a", early, "05"), bundle("b", early, "06"), false),
            (bundle("a", early, "05"), bundle("a", early, "06"), true),
            (bundle("a", late, "05"), bundle("a", early, "06"), true),
            (bundle("a", early, "05"), bundle("a", late, ""), true),
            (bundle("a", "", "05"), bundle("a", late, ""), false),
        ] {
            assert_eq!(own.is_older(&other), expected, "{own:?} {other:?}");
        }
    }

    fn deployment(description: &str) -> Deployment {
        Deployment {
            id: "d-1".to_owned(),
            application: "shop".to_owned(),
            group: "live".to_owned(),
            status: "Succeeded".to_owned(),
            is_active: false,
            revision: None,
            description: Some(description.to_owned()),
            created_at: None,
            error: None,
        }
    }

    #[test]
    fn a_description_is_read_back_and_has_at_most_256_characters() {
        let long = bundle(&"ü".repeat(500), "2026-11-22T06:00:00Z", "0055AE");
        let text = long.description();
        assert_eq!(text.chars().count(), 256);
        assert_eq!(described_age(&deployment(&text)), Some(long.age));
        let short = bundle("a/b.zip", "", "");
        assert_eq!(short.description(), "lamplighter - - s3://releases/a/b.zip");
        assert!(is_ours(&deployment(&short.description())));
        for other in [
            "",
            "lamplighter",
            "lamplighters 2026-11-22T06:00:00Z",
            "by hand",
        ] {
            assert_eq!(described_age(&deployment(other)), None, "{other}");
        }
    }
}
