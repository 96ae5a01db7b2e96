//! A new bundle in S3 starts a CodeDeploy deployment: once, of exactly this version, and never over a newer one.
//!
//! Where a bundle goes is told by its key, its metadata or the configuration. Before a deployment exists the bundle is
//! looked into. A group takes one deployment at a time: what comes meanwhile waits in the state, the newest only, and
//! has its turn when CodeDeploy tells that the group is free, or with the next round.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `bundle.rs` | a bundle, where it goes, which of two is newer, what waits |
//! | `route.rs` | where a bundle goes, purely |
//! | `preflight/` | looks into a bundle, purely |
//! | `standing.rs` | how a bundle stands to what was deployed, purely |
//! | `look.rs` | what is read of CodeDeploy and S3, for the plan and again before acting |
//! | `observe.rs` | from the records of an event to the `inventory.rs` |
//! | `plan.rs` | decides, purely |
//! | `outcome.rs` | how a deployment ended, as a finding |
//! | `action.rs` | what can be done |
//! | `apply.rs` | judges again, deploys, lets wait |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod apply;
mod bundle;
mod connect;
mod inventory;
mod look;
mod observe;
mod outcome;
mod permissions;
mod plan;
#[cfg(test)]
mod plan_tests;
pub mod preflight;
mod route;
mod rules;
mod standing;

pub use action::{Action, Subject};
pub use apply::Deployer;
pub use bundle::{Age, Bundle, SCHEMA, Target, Waiting};
pub use inventory::{Candidate, Ended, Inventory, Queued, QueuedState, Refusal, Seen, What};
pub use observe::DeployBundles;
pub use permissions::permissions;
pub use plan::plan;
pub use route::{Routed, route};
pub use rules::{Options, Rules};
pub use standing::{Past, Standing, judge};

/// The name people type.
pub(crate) const FUNCTION: &str = "deploy-bundles";
