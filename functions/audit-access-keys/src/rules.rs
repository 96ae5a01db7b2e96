//! What to judge by, made from the `[audit-access-keys]` section.

use chrono::{DateTime, Duration, Utc};

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The age from which a key is too old, in days.
    pub max_age_days: u32,
    /// The time without use from which a key is unused, in days.
    pub unused_days: u32,
    /// The age from which a key that was never used is reported, in days.
    pub never_used_days: u32,
    /// How long two active keys may stand side by side, in days.
    pub two_keys_days: u32,
    /// Whether keys are switched off.
    pub deactivates: bool,
    /// Days between the warning and that. 0: no warning, no mark.
    pub warned_days: u32,
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
    /// The time between the warning and the end.
    pub fn warning(&self) -> Duration {
        days(self.warned_days)
    }

    /// Whether a key of this time is too old.
    pub fn is_too_old(&self, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - created_at >= days(self.max_age_days)
    }

    /// Whether a key that was last used at this time is unused.
    pub fn is_unused(&self, last_used: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - last_used >= days(self.unused_days)
    }

    /// Whether a key of this time should have been used by now.
    pub fn should_be_used(&self, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - created_at >= days(self.never_used_days)
    }

    /// Whether two keys, the younger of this time, have stood side by side for too long.
    pub fn is_two_for_too_long(&self, younger: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - younger >= days(self.two_keys_days)
    }
}

fn days(days: u32) -> Duration {
    Duration::days(i64::from(days))
}
