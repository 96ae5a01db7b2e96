//! `[audit-mfa]`: people who can sign in without MFA.

use crate::common::{self, Common, Mode, displays_its_name};
use crate::forms;
use crate::reader::{Choice, Reader};
use crate::schema::Key;
use crate::sections::{Config, CrossChecks, Section};

/// People who can sign in without MFA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditMfa {
    /// The keys that every function has.
    pub common: Common,
    /// What is done about a user who stays without MFA.
    pub remediate: MfaRemedy,
    /// Days between the warning and the remedy; zero: no warning.
    pub warned_days: u32,
    /// Whether administrators need a device that is more than an app.
    pub virtual_mfa_for_admin: bool,
    /// How long to wait for the credential report.
    pub report_timeout_secs: u32,
    /// A plan with more actions is refused.
    pub max_actions: u32,
    /// The largest share of the console users that one run may act on.
    pub max_percent: u32,
    /// Fewer console users than this in view are taken for a fault of the look-up.
    pub min_population: u32,
    /// Tags whose value may be the owner's address, first match wins.
    pub owner_tags: Vec<String>,
    /// Domains that an owner's address may have, in lower case; empty: any.
    pub owner_domains: Vec<String>,
}

/// What is done about a user who stays without MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MfaRemedy {
    /// Nothing.
    None,
    /// The password is taken away.
    DeleteLoginProfile,
    /// An inline policy allows nothing but enrolling, until there is MFA.
    DenyUntilMfa,
}

impl Choice for MfaRemedy {
    const ALL: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("delete-login-profile", Self::DeleteLoginProfile),
        ("deny-until-mfa", Self::DenyUntilMfa),
    ];
}

displays_its_name!(MfaRemedy);

impl Section for AuditMfa {
    const NAME: &'static str = "audit-mfa";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(section),
            remediate: section.choice("remediate").unwrap_or(MfaRemedy::None),
            warned_days: section.whole("warned_days", 0..=365),
            virtual_mfa_for_admin: section.boolean("virtual_mfa_for_admin"),
            report_timeout_secs: section.whole("report_timeout_secs", 1..=600),
            max_actions: section.whole("max_actions", 0..=100_000),
            max_percent: section.whole("max_percent", 0..=100),
            min_population: section.whole("min_population", 0..=1_000_000),
            owner_tags: section.parsed_list("owner_tags", forms::tag_key),
            owner_domains: section.parsed_list("owner_domains", forms::domain),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }

    fn check_with(&self, config: &Config, checks: &mut CrossChecks<'_>) {
        // Without a remedy nobody is warned.
        if self.remediate != MfaRemedy::None && self.common.mode == Mode::Apply {
            let days = self.warned_days;
            checks.need_destination(Self::NAME, &self.common, "warned_days", days, config);
        }
    }
}
