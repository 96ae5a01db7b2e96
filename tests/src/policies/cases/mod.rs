//! What each function is put through.

mod archive_mail;
mod audits;
mod deploy_bundles;
mod report_certificates;
mod resize_images;
mod stop_untagged;

use super::prove;
use super::stage::{Case, Play};

/// The case with a run that has no time for everything.
pub const IN_PARTS: &str = "a fleet, also in parts";
