//! What was seen: the records of an event, the groups they concern, and what waits.

use std::collections::BTreeMap;

use lamplighter_aws::codedeploy::{Deployment, FailedTarget, Group, Revision};
use lamplighter_core::Resource;
use lamplighter_events::DeploymentEvent;

use crate::bundle::{Bundle, Target, Waiting};
use crate::preflight::Verdict;
use crate::rules::Options;
use crate::standing::Past;

/// What was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The records, in the order in which they came.
    pub records: Vec<Seen>,
    /// What waits, by its group.
    pub waiting: BTreeMap<Target, Queued>,
    /// Things to tell.
    pub notes: Vec<String>,
}

/// A record.
#[derive(Debug)]
pub struct Seen {
    /// Its place in the delivery.
    pub id: String,
    /// What it is about, for people.
    pub subject: String,
    /// What it turned out to be.
    pub what: What,
}

/// What a record turned out to be.
#[derive(Debug)]
pub enum What {
    /// Nothing to do, with the reason.
    Ignore(String),
    /// Not to be known now, with the reason.
    Retry(String),
    /// Nothing that could be deployed.
    Refuse(Refusal),
    /// A bundle.
    Bundle(Box<Candidate>),
    /// A deployment that is over.
    Ended(Box<Ended>),
}

/// Why a record cannot be worked on, ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// A sentence.
    pub message: String,
}

/// A bundle that could be deployed.
#[derive(Debug)]
pub struct Candidate {
    /// What.
    pub bundle: Bundle,
    /// Where to.
    pub target: Target,
    /// How.
    pub options: Options,
    /// What looking into it found; never [`Verdict::Bad`], which is a [`Refusal`].
    pub verdict: Verdict,
    /// Its group.
    pub group: Group,
    /// What was deployed to it.
    pub history: Vec<Past>,
    /// What was deployed to it last that succeeded.
    pub previous: Option<Revision>,
}

/// A deployment that is over.
#[derive(Debug)]
pub struct Ended {
    /// What CodeDeploy said.
    pub event: DeploymentEvent,
    /// Its group.
    pub target: Target,
    /// The deployment; `None`: CodeDeploy knows none of this id.
    pub deployment: Option<Deployment>,
    /// Where it failed.
    pub failed: Vec<FailedTarget>,
}

/// What waits for a group, and how it stands.
#[derive(Debug)]
pub struct Queued {
    /// What.
    pub waiting: Waiting,
    /// What a write names that replaces it.
    pub tag: String,
    /// How its group and its object are.
    pub state: QueuedState,
}

/// How the group and the object of what waits are.
#[derive(Debug)]
pub enum QueuedState {
    /// Both are there.
    Known {
        /// The group.
        group: Box<Group>,
        /// What was deployed to it.
        history: Vec<Past>,
        /// What was deployed to it last that succeeded.
        previous: Option<Revision>,
    },
    /// The group is gone.
    NoGroup,
    /// The bundle is gone.
    NoBundle,
    /// That could not be read.
    Unread(String),
}
