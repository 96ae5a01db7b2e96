//! Everything that talks to AWS: the credentials of a run, its accounts and regions, one adapter per service, and the
//! state store. Functions hold the adapters they use, not SDK clients.
//!
//! Adapters come in two kinds. A `…Reader` can only read: it has no other method, and its client refuses to send
//! anything but a read ([`read_only`]). A `…Writer` is built only to apply.
//!
//! Deliberately not here: what to judge and what to change. That is each function's `plan`.

pub mod acm;
pub mod codedeploy;
pub mod ec2;
mod environment;
mod error;
pub mod iam;
pub mod iam_certificates;
pub mod lambda;
pub mod ping;
mod places;
mod post;
mod read_only;
mod regions;
pub mod s3;
pub mod ses;
mod session;
pub mod signed_links;
pub mod sns;
pub mod sqs;
pub mod state;
pub mod sts;
pub mod threads;
pub mod webhook;

pub use environment::Variables;
pub use error::{code_of, explain, is_denied};
pub use places::{HasTime, Unfinished};
pub use read_only::is_read;
pub use session::{AccountSession, Aws, Caller, Options, Own, Scope, Scopes, Session};
