//! Tells which access keys are old or unused, and switches them off where that is asked for. It never deletes one.
//!
//! One credential report serves for all users of an account. It names no key ids and may be four hours old, so that
//! the keys of those it accuses are listed live. Every finding is about one key.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `key.rs` | what is kept of users and keys |
//! | `observe.rs` | reads the report, and lists the keys of whom it accuses |
//! | `plan.rs` | decides, purely |
//! | `action.rs` | what can be done, with what must still hold |
//! | `apply.rs` | what is asked again before it acts, and switching off: the frame is `lamplighter_shell::user_remedy` |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod apply;
mod connect;
mod key;
mod observe;
mod permissions;
mod plan;
mod rules;

pub use action::{Action, Target};
pub use apply::KeyRemedy;
pub use key::{AccountView, Inventory, Key, Keys, LastUsed, RootKeys, User};
pub use observe::AuditAccessKeys;
pub use permissions::permissions;
pub use plan::{MARK, plan};
pub use rules::Rules;
