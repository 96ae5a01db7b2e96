//! Tells which ports security groups open to how much of the public internet, and revokes the rule that does where
//! that is asked for.
//!
//! It compares sets, not strings: for every port the union of all sources that any rule of the group lets in, prefix
//! lists expanded, IPv4 and IPv6 apart. So two halves of the internet are the whole of it, and a long list of one
//! provider's ranges is not. A group has one finding with all of its open ports, because a group is what people mend.
//!
//! | File | Does |
//! | --- | --- |
//! | `ranges.rs` | sets of numbers, with union, intersection and difference |
//! | `address.rs` | CIDRs as such sets, and the share of the public internet |
//! | `traffic.rs` | what the protocol and port fields of a rule mean |
//! | `exposure.rs` | what all rules of a group open together |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `group.rs` | what is kept of a security group |
//! | `observe.rs` | reads groups, rules, prefix lists and interfaces of every account and region |
//! | `plan.rs` | decides, purely |
//! | `finding.rs` | what was decided, in words and evidence |
//! | `action.rs` | what can be done, with what must still hold |
//! | `undo.rs` | the command that restores a rule |
//! | `apply.rs` | re-reads, revokes |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod address;
mod apply;
mod connect;
mod exposure;
mod finding;
mod group;
mod observe;
mod permissions;
mod plan;
mod ranges;
mod rules;
mod traffic;
mod undo;

pub use action::{Action, Target};
pub use apply::Revoker;
pub use group::{Group, Inventory, Rule, Source};
pub use observe::AuditSecurityGroups;
pub use permissions::permissions;
pub use plan::{PROTOCOL_RULE, RULE, UNREADABLE_RULE, plan};
pub use rules::Rules;
