//! Runs functions: the same round for the CLI, the daemon and a Lambda.
//!
//! | Module | Does |
//! | --- | --- |
//! | [`settings`] | finds and loads the configuration, the environment and the clock |
//! | [`connect`] | what a function says about itself so that it can be run anywhere |
//! | [`round`] | one run: session, state, observe, plan, apply, deliver, record |
//! | [`intake`] | what stands around the run of an event: the ledger, quarantine, the answer |
//! | [`delivery`] | hands the report to its destinations |
//! | [`answer`] | the response envelope |
//! | [`lambda`] | the Lambda adapter |
//! | `daemon` | the schedule loop, what it remembers, and what it has to show; only with the feature `daemon` |
//! | [`schedule`] | what a schedule means |
//! | [`policy`] | the IAM policy of a function under a configuration |
//! | [`sweep`] | everything that lies in a bucket already, as events |
//! | [`user_remedy`] | acts on IAM users after a warning |
//! | [`warning`] | warns owners before something is done to what is theirs |
//! | [`logging`] | tracing, the same everywhere |
//!
//! Only this crate reads the clock and the environment. It deliberately judges nothing.

pub mod answer;
pub mod clock;
pub mod connect;
mod continuation;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod delivery;
pub mod intake;
pub mod lambda;
pub mod logging;
pub mod policy;
pub mod round;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod sweep;
pub mod user_remedy;
pub mod warning;

pub use connect::{Connect, Entry, entry};
pub use round::Invocation;
pub use settings::Settings;
