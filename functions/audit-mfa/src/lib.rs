//! Tells who can sign in to the console without MFA, and takes the console from those who stay so.
//!
//! One credential report serves for all users of an account; only those it accuses are asked for one by one, so that
//! nobody is accused of what was mended since. The root user is judged too.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `user.rs` | what is kept of a user |
//! | `observe.rs` | reads the report, and checks live whom it accuses |
//! | `admin.rs` | tells an administrator by the policies, purely |
//! | `plan.rs` | decides, purely |
//! | `root.rs` | judges the root user, purely |
//! | `action.rs` | what can be done, with what must still hold |
//! | `apply.rs` | what is asked again before it acts, and acting: the frame is `lamplighter_shell::user_remedy` |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod admin;
mod apply;
mod connect;
mod observe;
mod permissions;
mod plan;
mod root;
mod rules;
mod user;

pub use action::{Action, Target};
pub use apply::ConsoleRemedy;
pub use observe::AuditMfa;
pub use permissions::permissions;
pub use plan::{DENIAL, MARK, plan};
pub use rules::{Remedy, Rules};
pub use user::{AccountView, Admin, Console, Inventory, Marks, Root, User};
