//! Mail that SES receives, through every envelope it can come in, into the archive and back out of it by a search.

mod crashes;
mod decisions;
mod envelopes;
mod faults;
mod forwarding;
mod search;
mod size;
pub mod stage;
mod verdicts;
