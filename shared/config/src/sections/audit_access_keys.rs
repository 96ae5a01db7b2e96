//! `[audit-access-keys]`: access keys that are old, or that nobody uses.

use crate::common::{self, Common, Mode, displays_its_name};
use crate::forms;
use crate::reader::{Choice, Reader};
use crate::schema::Key;
use crate::sections::{Config, CrossChecks, Section};

/// Access keys that are old, or that nobody uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditAccessKeys {
    /// The keys that every function has.
    pub common: Common,
    /// The age from which a key is too old.
    pub max_age_days: u32,
    /// The time without use from which a key is unused.
    pub unused_days: u32,
    /// The age from which a key that was never used is reported.
    pub never_used_days: u32,
    /// How long two active keys may stand side by side.
    pub two_keys_days: u32,
    /// What is done about a key that stays.
    pub remediate: KeyRemedy,
    /// Days between the warning and the remedy; zero: no warning.
    pub warned_days: u32,
    /// How long to wait for the credential report.
    pub report_timeout_secs: u32,
    /// A plan with more actions is refused.
    pub max_actions: u32,
    /// The largest share of the active keys that one run may act on.
    pub max_percent: u32,
    /// Fewer active keys than this in view are taken for a fault of the look-up.
    pub min_population: u32,
    /// Tags whose value may be the owner's address, first match wins.
    pub owner_tags: Vec<String>,
    /// Domains that an owner's address may have, in lower case; empty: any.
    pub owner_domains: Vec<String>,
}

/// What is done about a key that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRemedy {
    /// Nothing.
    None,
    /// It is switched off, and can be switched on again. Keys are never deleted.
    Deactivate,
}

impl Choice for KeyRemedy {
    const ALL: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("deactivate", Self::Deactivate)];
}

displays_its_name!(KeyRemedy);

/// The most days of a limit: ten years.
const MOST_DAYS: u32 = 3650;

impl Section for AuditAccessKeys {
    const NAME: &'static str = "audit-access-keys";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(section),
            max_age_days: section.whole("max_age_days", 1..=MOST_DAYS),
            unused_days: section.whole("unused_days", 1..=MOST_DAYS),
            never_used_days: section.whole("never_used_days", 0..=MOST_DAYS),
            two_keys_days: section.whole("two_keys_days", 0..=MOST_DAYS),
            remediate: section.choice("remediate").unwrap_or(KeyRemedy::None),
            warned_days: section.whole("warned_days", 0..=365),
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
        if self.remediate != KeyRemedy::None && self.common.mode == Mode::Apply {
            let days = self.warned_days;
            checks.need_destination(Self::NAME, &self.common, "warned_days", days, config);
        }
    }
}
