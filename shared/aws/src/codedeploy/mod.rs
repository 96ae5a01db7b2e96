//! CodeDeploy: deployment groups, what was deployed to them, and new deployments.
//!
//! Every call is about groups of the account and region that the adapter was made for.

mod convert;
mod reader;
mod writer;

use std::fmt;

use aws_config::Region;
use aws_sdk_codedeploy::config::Builder;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::session::Session;

pub use reader::Reader;
pub use writer::Writer;

/// A bundle in S3, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `zip`, `tar`, `tgz`, `YAML` or `JSON`.
    pub bundle_type: String,
    /// The version. Without it the agent takes the newest one at the time when it downloads.
    pub version: Option<String>,
    /// The eTag, without quotes. Without it the agent does not compare.
    pub etag: Option<String>,
}

impl Revision {
    /// Whether both are the same bundle. A version decides; without one, which is how CodeDeploy may have been asked by
    /// somebody else, the eTag.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key)
            && match (&self.version, &other.version) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => self.etag.is_some() && self.etag == other.etag,
            }
    }

    /// `s3://bucket/key`.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// What runs the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// EC2 instances and machines of one's own.
    Server,
    /// Lambda functions.
    Lambda,
    /// ECS services.
    Ecs,
    /// One that this program does not know.
    Other,
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Server => "EC2/On-premises",
            Self::Lambda => "Lambda",
            Self::Ecs => "ECS",
            Self::Other => "an unknown platform",
        })
    }
}

/// A deployment group, as far as its next deployment is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What runs the application.
    pub platform: Platform,
    /// The id of its last deployment, whatever became of it.
    pub last_attempted: Option<String>,
    /// The id of the deployment that is under way; it takes no other meanwhile.
    pub active: Option<String>,
    /// The id of its last deployment that succeeded.
    pub last_successful: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `d-…`.
    pub id: String,
    /// The application.
    pub application: String,
    /// The group.
    pub group: String,
    /// `Succeeded`, `Failed`, … as CodeDeploy says it.
    pub status: String,
    /// Whether it is under way.
    pub is_active: bool,
    /// What it deploys; `None`: something that is not in S3.
    pub revision: Option<Revision>,
    /// Its description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Why it failed: a code and a message.
    pub error: Option<(String, String)>,
}

/// A target on which a deployment failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedTarget {
    /// `i-…`, a function or a service.
    pub id: String,
    /// The lifecycle event that failed.
    pub event: Option<String>,
    /// `ScriptFailed`, …
    pub code: Option<String>,
    /// The script.
    pub script: Option<String>,
    /// What the agent says.
    pub message: Option<String>,
    /// The end of the script's output.
    pub log_tail: Option<String>,
}

/// A deployment to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The deployment configuration; `None`: the group's.
    pub deployment_config: Option<String>,
    /// `DISALLOW`, `OVERWRITE` or `RETAIN`.
    pub file_exists_behavior: Option<String>,
    /// What makes CodeDeploy roll back; `None`: as the group says; empty: nothing.
    pub auto_rollback: Option<Vec<String>>,
    /// Whether it goes on where the old revision cannot be stopped.
    pub ignore_application_stop_failures: Option<bool>,
    /// Whether only outdated instances get it.
    pub update_outdated_instances_only: Option<bool>,
    /// For people, and for who looks whether it was made already.
    pub description: String,
}

/// What became of a request for a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made, with this id.
    Deployment(String),
    /// The group is busy; with the id of the deployment that keeps it so, if the message names one.
    Busy(Option<String>),
}

fn settings(session: &Session, region: Option<&str>) -> Builder {
    let builder = Builder::from(session.base());
    match region {
        Some(region) => builder.region(Region::new(region.to_owned())),
        None => builder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(version: Option<&str>, etag: Option<&str>) -> Revision {
        Revision {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            bundle_type: "zip".to_owned(),
            version: version.map(str::to_owned),
            etag: etag.map(str::to_owned),
        }
    }

    #[test]
    fn a_bundle_is_the_same_by_its_version_and_without_one_by_its_etag() {
        let one = revision(Some("v1"), Some("e1"));
        assert!(one.is_same(&revision(Some("v1"), None)));
        assert!(!one.is_same(&revision(Some("v2"), Some("e1"))));
        assert!(one.is_same(&revision(None, Some("e1"))));
        assert!(!one.is_same(&revision(None, Some("e2"))));
        assert!(
            !revision(None, None).is_same(&revision(None, None)),
            "nobody can tell"
        );
        let other = Revision {
            key: "l".to_owned(),
            ..one.clone()
        };
        assert!(!one.is_same(&other));
    }
}
