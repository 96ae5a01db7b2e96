//! An image in S3 gets resized copies, and they follow it: when it is replaced, they are; when it is removed, they are
//! too, where that is asked for.
//!
//! An event is only a hint. What is done is decided by what is there now: the source's eTag, and the eTag that each copy
//! says it was made from. So events may come twice, late, or in any order.
//!
//! From the bytes of an image to those of its copies: that is `shared/images`, which knows no AWS.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `place.rs` | where a copy lies, and what it says about its source |
//! | `sighting.rs` | what was seen of an image and its copies |
//! | `observe.rs` | looks at the source, at its first bytes, and at its copies |
//! | `plan.rs` | decides, purely |
//! | `action.rs` | what can be done, with what must still hold |
//! | `apply.rs` | reads an image once, decodes it once, stores each copy |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod apply;
mod connect;
mod observe;
mod permissions;
mod place;
mod plan;
mod rules;
mod sighting;

pub use action::{Action, Image};
pub use apply::Resizer;
pub use observe::ResizeImages;
pub use permissions::permissions;
pub use place::{Mark, Origin};
pub use plan::plan;
pub use rules::Rules;
pub use sighting::{Copy, Inventory, Seen, Sighting, Source};
