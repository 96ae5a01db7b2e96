//! Archives inbound mail in S3: byte for byte, then with its attachments beside it, and with what is known of it in a
//! sidecar that makes the archive searchable. It never deletes a mail.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to judge by, from the configuration |
//! | `mail.rs` | what is kept of a mail that came in |
//! | `seal.rs` | reads what SES wrote on top of it |
//! | `address.rs` | compares addresses |
//! | `policy.rs` | judges a mail by its verdicts and its sender |
//! | `layout.rs` | where things are in the archive |
//! | `observe.rs` | finds the mails of an event, and what the archive has of them |
//! | `digest.rs` | counts what the archive got on a day |
//! | `plan.rs` | decides, purely |
//! | `action.rs` | what can be done |
//! | `apply.rs` | archives: raw mail, attachments, linked copy, sidecar |
//! | `dissect/` | takes a mail apart, purely |
//! | `stored.rs` | which attachments are stored on their own, and how |
//! | `linked.rs` | the copy with links, purely |
//! | `links.rs` | what an object is linked by, and for how long |
//! | `sidecar.rs` | what is known of a mail, as JSON |
//! | `forward.rs`, `sending.rs` | a copy to send on, and sending it |
//! | `permissions.rs` | the IAM statements it needs |

mod action;
mod address;
mod apply;
mod connect;
mod digest;
pub mod dissect;
mod forward;
mod layout;
mod links;
mod mail;
mod observe;
mod permissions;
mod plan;
#[cfg(test)]
mod plan_tests;
mod policy;
mod rules;
mod seal;
mod sending;
pub mod sidecar;
mod stored;

pub use action::{Action, Archive, Copy};
pub use address::{Known, Mailbox, original_sender};
pub use apply::Archivist;
pub use layout::{Place, QUARANTINE, day_folder};
pub use mail::{Archived, Day, Input, Inventory, Letter, Seen, Sighting, Suspect};
pub use observe::ArchiveMail;
pub use permissions::permissions;
pub use plan::plan;
pub use policy::{Judgement, Policy, Sender};
pub use rules::{Forward, Links, Rules};
pub use seal::{Authenticated, Seal, seal};
