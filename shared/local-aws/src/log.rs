//! The call log: who asked what of which account, and what came of it.

use chrono::{DateTime, Utc};

use crate::fault::FaultKind;
use crate::policy::Permission;

/// One call, as it was received and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Counted from 1 since the start, or since the log was cleared.
    pub number: usize,
    /// The simulated time.
    pub time: DateTime<Utc>,
    /// The caller's account; empty if the caller is not known.
    pub account: String,
    /// The region the request was signed for.
    pub region: String,
    /// As in IAM actions: `ec2`, `sts`, `ses`, `s3`.
    pub service: String,
    /// The operation: `StopInstances`. S3's IAM actions sometimes differ: `ListObjectsV2` needs `s3:ListBucket`.
    pub action: String,
    /// What the request names: instance ids, a role's ARN, a sender, `bucket/key`.
    pub resources: Vec<String>,
    /// The caller's ARN; the access key if the caller is not known.
    pub principal: String,
    /// Whether it asked only if it would be allowed.
    pub dry_run: bool,
    /// Whether it would change something, if it succeeds. Never true of a dry run.
    pub changes: bool,
    /// The HTTP status; 0 if no answer was sent.
    pub status: u16,
    /// The code of the error.
    pub error: Option<String>,
    /// The fault that struck it.
    pub fault: Option<FaultKind>,
    /// What it needed, under IAM's names.
    pub permissions: Vec<Permission>,
}

impl Call {
    /// Service and operation: `ec2:StopInstances`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.action)
    }

    /// The first permission that the caller's policy refused.
    pub fn denied(&self) -> Option<&Permission> {
        self.permissions.iter().find(|one| one.is_denied)
    }
}
