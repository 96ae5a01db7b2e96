//! What each function is put through.

mod audits;
mod archive_mail;
mod deploy_bundles;
mod report_certificates;
mod resize_images;
mod stop_untagged;

use super::prove;
use super::stage::{Case, Play};
