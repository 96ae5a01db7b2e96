//! From a clone to a running deployment: packages, templates, and what differs between two of them.
//!
//! | File | Holds |
//! | --- | --- |
//! | `stack.rs` | what the configuration says is deployed |
//! | `events.rs` | what sets event functions off |
//! | `model.rs` | all that, before it becomes CloudFormation or Terraform |
//! | `watch.rs` | which alarms there are |
//! | `package/` | the zip of a function |
//! | `template/` | CloudFormation |
//! | `terraform/` | the same for Terraform |
//! | `yaml.rs`, `diff.rs` | writing and comparing templates |
//! | `ci_policy.rs` | what a pipeline that deploys may do |
//!
//! Nothing here calls AWS: the commands that do are `aws` commands in the README.

pub mod ci_policy;
pub mod diff;
pub mod events;
pub mod model;
pub mod package;
pub mod stack;
pub mod template;
pub mod terraform;
pub mod watch;
pub mod yaml;

pub use stack::{deployed, sample_year, schedule_of, stack};
