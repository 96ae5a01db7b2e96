//! How a bundle stands to what was deployed to its group. The plan judges by it, and right before a deployment is made
//! it is judged again by the same rule.

use lamplighter_aws::codedeploy::{Deployment, Group};

use crate::bundle::{Age, Bundle};

/// A deployment of the group, with the age of what it deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The deployment.
    pub deployment: Deployment,
    /// The age of its bundle; `None`: nobody can tell.
    pub age: Option<Age>,
}

/// How a bundle stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be deployed.
    Free,
    /// It was deployed, by this deployment.
    Deployed(String),
    /// A newer one was deployed, by this deployment: its id, and the bundle's place.
    Older(String, String),
    /// Another deployment is under way.
    Busy(String),
}

/// Judges a bundle by its group and by the deployments that were made since the bundle was written.
pub fn judge(bundle: &Bundle, group: &Group, history: &[Past]) -> Standing {
    let mut same = history.iter().filter(|past| {
        let revision = past.deployment.revision.as_ref();
        // Without versions the same bytes may have been written again, to be deployed again.
        let is_since = match (past.deployment.created_at, bundle.age.modified_at) {
            (Some(made), Some(written)) => made >= written,
            _ => true,
        };
        is_since && revision.is_some_and(|revision| bundle.revision.is_same(revision))
    });
    if let Some(past) = same.next() {
        return Standing::Deployed(past.deployment.id.clone());
    }
    let newer = history.iter().find_map(|past| {
        let revision = past.deployment.revision.as_ref()?;
        let age = past.age.as_ref()?;
        bundle
            .is_older_than(revision, age)
            .then(|| Standing::Older(past.deployment.id.clone(), revision.url()))
    });
    match (newer, &group.active) {
        (Some(newer), _) => newer,
        (None, Some(active)) => Standing::Busy(active.clone()),
        (None, None) => Standing::Free,
    }
}
