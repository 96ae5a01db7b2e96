//! Stops EC2 instances without the required tags, after a warning and a grace period.
//!
//! An instance that is first seen without its tags gets a warning, mailed to its owner or to the security contact, and
//! then a mark: the tag `lamplighter:stop-after` with the deadline. The mark is the function's only memory. Mended
//! instances lose it; past the deadline the instance is stopped, or terminated where that is configured.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `instance.rs` | what is kept of an instance |
//! | `observe.rs` | reads the instances of every account and region |
//! | `plan.rs` | decides, purely |
//! | `action.rs` | what can be done, with what must still hold |
//! | `apply.rs` | re-reads, warns, marks, stops |
//! | `batch.rs` | many instances in one call, without letting one spoil it |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod apply;
mod batch;
mod connect;
mod instance;
mod observe;
mod permissions;
mod plan;
mod rules;

pub use action::{Action, Target};
pub use apply::Stopper;
pub use instance::{Instance, Inventory};
pub use observe::StopUntagged;
pub use permissions::permissions;
pub use plan::{MARK, RULE, plan};
pub use rules::{Ending, Rules};
