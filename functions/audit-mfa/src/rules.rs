//! What to judge by, made from the `[audit-mfa]` section.

use chrono::Duration;

/// What becomes of a console user who stays without MFA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The password is taken away.
    DeleteLoginProfile,
    /// An inline policy allows nothing but enrolling, until there is MFA.
    DenyUntilMfa,
}

impl Remedy {
    /// What happens to the user, for a sentence.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::DeleteLoginProfile => "its password is deleted",
            Self::DenyUntilMfa => "everything but enrolling is denied",
        }
    }
}

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What is done; `None`: nothing.
    pub remedy: Option<Remedy>,
    /// Days between the warning and the remedy. 0: no warning, no mark.
    pub warned_days: u32,
    /// Whether administrators need a device that is more than an app.
    pub virtual_mfa_for_admin: bool,
    /// How long to wait for the credential report.
    pub report_timeout: std::time::Duration,
    /// Tags whose value may be the owner's mail address.
    pub owner_tags: Vec<String>,
    /// The mail domains an owner's address may have; empty: any.
    pub owner_domains: Vec<String>,
    /// Who is warned where no owner is known.
    pub to: Vec<String>,
}

impl Rules {
    /// The time between the warning and the remedy.
    pub fn warning(&self) -> Duration {
        Duration::days(i64::from(self.warned_days))
    }

    /// Whether every user's tags and policies must be known. Marks and denials of users who enrolled meanwhile are on
    /// nobody's list of accused, and neither are administrators who have MFA. For the accused alone, asking for each
    /// one costs less and needs less permission.
    pub fn need_details(&self) -> bool {
        self.remedy.is_some() || self.virtual_mfa_for_admin
    }
}
