//! What is read of CodeDeploy and S3, for the plan and once more right before something is done.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use lamplighter_aws::codedeploy::{self, Group, Revision};
use lamplighter_aws::{Session, s3};
use lamplighter_core::{Error, ErrorKind, Result};

use crate::bundle::{Age, Bundle, Target, described_age};
use crate::preflight::{BundleType, Preflight, Step, Verdict};
use crate::standing::Past;

/// More deployments of one group since a bundle was written are not looked at.
const MOST_PAST: usize = 500;

/// Readers of one region.
#[derive(Clone)]
pub struct Place {
    /// Deployment groups.
    pub codedeploy: codedeploy::Reader,
    /// Objects.
    pub s3: s3::Reader,
}

impl Place {
    /// The readers of a region; of the session's own where none is given.
    pub fn new(session: &Session, region: Option<&str>) -> Self {
        Self {
            codedeploy: codedeploy::Reader::new(session, region),
            s3: s3::Reader::new(session, region),
        }
    }

    /// A group, and the deployments that a bundle has to be judged by: the last one, and those that were made since the
    /// bundle was written. `None`: there is no such group.
    pub async fn standing(
        &self,
        target: &Target,
        bundle: &Bundle,
    ) -> Result<Option<(Group, Vec<Past>)>> {
        let Target {
            application, group, ..
        } = target;
        let Some(found) = self.codedeploy.group(application, group).await? else {
            return Ok(None);
        };
        let ages = Mutex::new(BTreeMap::new());
        let mut history = Vec::new();
        if let Some(id) = &found.last_attempted
            && let Some(last) = self.codedeploy.deployment(id).await?
        {
            let age = self.age_of(&last, &ages).await?;
            history.push(Past {
                deployment: last,
                age,
            });
        }
        // The last one alone often decides: an object that was uploaded long ago, and deployments since. Without a time
        // nothing else can be asked.
        let is_decided = history.iter().any(|past| {
            let revision = past.deployment.revision.as_ref();
            let age = past.age.as_ref();
            matches!((revision, age), (Some(revision), Some(age)) if bundle.is_older_than(revision, age))
        });
        if let Some(since) = bundle.age.modified_at.filter(|_| !is_decided) {
            let list = self
                .codedeploy
                .deployments_since(application, group, since, MOST_PAST)
                .await?;
            for deployment in list {
                if Some(&deployment.id) == found.last_attempted.as_ref() {
                    continue;
                }
                let age = self.age_of(&deployment, &ages).await?;
                history.push(Past { deployment, age });
            }
        }
        Ok(Some((found, history)))
    }

    /// When a deployment's bundle was written: as its description says, or as S3 says of its object.
    async fn age_of(
        &self,
        deployment: &codedeploy::Deployment,
        known: &Mutex<BTreeMap<String, Option<Age>>>,
    ) -> Result<Option<Age>> {
        if let Some(age) = described_age(deployment) {
            return Ok(Some(age));
        }
        let Some(revision) = &deployment.revision else {
            return Ok(None);
        };
        let name = format!("{revision:?}");
        let remembered = known
            .lock()
            .ok()
            .and_then(|known| known.get(&name).cloned());
        if let Some(age) = remembered {
            return Ok(age);
        }
        let age = match self.head(revision).await {
            Ok(head) => head.map(|head| Age {
                modified_at: head.last_modified,
                sequencer: None,
            }),
            // It may be in a bucket that is none of this function's business.
            Err(error) if error.kind() == ErrorKind::Transient => return Err(error),
            Err(_) => None,
        };
        if let Ok(mut known) = known.lock() {
            known.insert(name, age.clone());
        }
        Ok(age)
    }

    /// What S3 says about a bundle, if it is still there as it was.
    pub async fn head(&self, revision: &Revision) -> Result<Option<s3::Head>> {
        let head = self
            .s3
            .head(&revision.bucket, &revision.key, revision.version.as_deref())
            .await?;
        Ok(head.filter(|head| {
            let etag = revision.etag.as_ref();
            etag.is_none_or(|etag| *etag == head.etag)
        }))
    }

    /// Looks into a bundle.
    pub async fn look_into(
        &self,
        bundle: &Bundle,
        kind: BundleType,
        max_scan_bytes: u64,
    ) -> Result<Verdict> {
        let Revision {
            bucket,
            key,
            version,
            etag,
            ..
        } = &bundle.revision;
        let mut preflight = Preflight::new(kind, bundle.size, max_scan_bytes);
        let mut step = preflight.begin();
        loop {
            match step {
                Step::Done(verdict) => return Ok(verdict),
                Step::Read(range) => {
                    let wanted = range.end - range.start;
                    let bytes = self
                        .s3
                        .range(bucket, key, version.as_deref(), etag.as_deref(), range)
                        .await?;
                    let bytes = bytes.ok_or_else(|| gone(bundle))?;
                    // The object is pinned by its eTag, so that fewer bytes are a fault of the connection.
                    if bytes.len() as u64 != wanted {
                        return Err(Error::transient(format!(
                            "the answer to `s3:GetObject` for `{}` was too short",
                            bundle.revision.url()
                        )));
                    }
                    step = preflight.go_on(&bytes);
                }
            }
        }
    }
}

fn gone(bundle: &Bundle) -> Error {
    Error::new(
        ErrorKind::Taken,
        format!("`{}` was removed meanwhile", bundle.revision.url()),
    )
}

/// A time in whole seconds, as S3 tells it.
pub(crate) fn seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}
