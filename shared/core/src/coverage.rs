//! What a run looked at, and what it could not see.

use serde::{Deserialize, Serialize};

/// Whether a scope could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoverageStatus {
    /// Everything in it was read.
    Read,
    /// Something in it could not be read, so nothing is known about it.
    Unreadable,
}

/// What was looked at, and whether it could be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// `<account>/<region or service>`.
    pub scope: String,
    /// Whether it could be read.
    pub status: CoverageStatus,
    /// How many resources were seen in it.
    pub inspected: usize,
    /// Why it could not be read.
    pub error: Option<String>,
}

impl Coverage {
    /// A scope that was read.
    pub fn read(scope: impl Into<String>, inspected: usize) -> Self {
        Self {
            scope: scope.into(),
            status: CoverageStatus::Read,
            inspected,
            error: None,
        }
    }

    /// A scope that could not be read.
    pub fn unreadable(scope: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            status: CoverageStatus::Unreadable,
            inspected: 0,
            error: Some(error.into()),
        }
    }
}

/// Something that went wrong, in a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// `<account>/<region or service>`, or what else failed, such as `report`.
    pub scope: String,
    /// What could not be done and why.
    pub message: String,
}
