//! What to judge by, made from the `[stop-untagged]` section.

use chrono::{DateTime, Datelike, Duration, Utc, Weekday};
use chrono_tz::Tz;
use regex_lite::Regex;

use crate::instance::same_key;

/// What becomes of an instance past its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `ec2:StopInstances`: its disks stay.
    Stop,
    /// `ec2:TerminateInstances`: for good.
    Terminate,
}

impl Ending {
    /// What happens to an instance, in the passive: `stopped`.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Terminate => "terminated",
        }
    }
}

/// The hours in which instances may be stopped.
#[derive(Debug, Clone)]
pub struct WorkHours {
    /// These hours of the day.
    pub hours: lamplighter_config::WorkHours,
    /// In this zone.
    pub zone: Tz,
    /// On these days.
    pub days: Vec<Weekday>,
}

impl WorkHours {
    /// Whether `now` is inside.
    pub fn contain(&self, now: DateTime<Utc>) -> bool {
        let local = now.with_timezone(&self.zone);
        self.days.contains(&local.weekday()) && self.hours.contains(local.time())
    }
}

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Tags that every instance must carry, with a value.
    pub required_tags: Vec<String>,
    /// The values a tag may have, as anchored patterns.
    pub allowed_values: Vec<(String, Regex)>,
    /// Whether the case of a tag's key counts.
    pub case_sensitive: bool,
    /// What becomes of an instance past its deadline.
    pub ending: Ending,
    /// The time between the warning and the deadline, in hours. 0: no warning, no mark.
    pub grace_hours: u32,
    /// Younger instances are not judged, in hours.
    pub min_age_hours: u32,
    /// Tags that exempt an instance.
    pub exempt_tags: Vec<String>,
    /// Tags that exceptions of the configuration name, to the letter.
    pub excepted_tags: Vec<String>,
    /// Tags whose value may be the owner's mail address.
    pub owner_tags: Vec<String>,
    /// The mail domains an owner's address may have; empty: any.
    pub owner_domains: Vec<String>,
    /// Who is warned where no owner is known.
    pub to: Vec<String>,
    /// When instances may be stopped; `None`: at any time.
    pub work_hours: Option<WorkHours>,
    /// Whether to ask beforehand if the credentials may stop instances.
    pub probe_permissions: bool,
}

impl Rules {
    /// The grace period.
    pub fn grace(&self) -> Duration {
        Duration::hours(i64::from(self.grace_hours))
    }

    /// The age from which an instance is judged.
    pub fn min_age(&self) -> Duration {
        Duration::hours(i64::from(self.min_age_hours))
    }

    /// Whether a tag matters to these rules and must be kept.
    pub(crate) fn speak_of(&self, key: &str) -> bool {
        let listed = |known: &String| {
            if self.case_sensitive {
                known == key
            } else {
                same_key(known, key)
            }
        };
        self.required_tags.iter().any(listed)
            || self.exempt_tags.iter().any(listed)
            || self.owner_tags.iter().any(listed)
            || self.excepted_tags.iter().any(|known| known == key)
    }
}
