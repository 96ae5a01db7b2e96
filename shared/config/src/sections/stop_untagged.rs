//! `[stop-untagged]`: EC2 instances without their required tags.

use std::collections::BTreeMap;

use chrono::{NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;

use crate::common::{self, Common, displays_its_name};
use crate::forms::{self, shown};
use crate::reader::{Choice, Fault, Reader, parse_choice};
use crate::schema::Key;
use crate::sections::{Config, CrossChecks, Section};

/// EC2 instances without their required tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopUntagged {
    /// The keys that every function has.
    pub common: Common,
    /// Tags that every instance must have; at least one.
    pub required_tags: Vec<String>,
    /// What a tag's value must look like: a regular expression that must match the whole value.
    pub allowed_values: BTreeMap<String, String>,
    /// Whether tag keys are compared to the letter; otherwise case, and blanks around a key, make
    /// no difference.
    pub case_sensitive: bool,
    /// What happens when the grace is over.
    pub action: Action,
    /// Time between the warning and the action; zero: no warning.
    pub grace_hours: u32,
    /// Instances younger than this are left alone.
    pub min_age_hours: u32,
    /// A plan with more actions is refused.
    pub max_actions: u32,
    /// The largest share of the instances that one run may stop.
    pub max_percent: u32,
    /// The largest growth of the share of untagged instances since the last run, in percent points.
    pub max_untagged_jump_percent: u32,
    /// Fewer instances than this in view are taken for a fault of the look-up.
    pub min_population: u32,
    /// Instances with one of these tags are left alone.
    pub exempt_tags: Vec<String>,
    /// Tags whose value may be the owner's address, first match wins.
    pub owner_tags: Vec<String>,
    /// Domains that an owner's address may have, in lower case; empty: any.
    pub owner_domains: Vec<String>,
    /// Hours in which the action may happen; without: at any time of any day.
    pub work_hours: Option<WorkHours>,
    /// The time zone of `work_hours`.
    pub work_hours_zone: Tz,
    /// The days on which `work_hours` hold.
    pub work_days: Vec<Weekday>,
    /// Whether EC2 is asked beforehand, with DryRun, if it would allow the action.
    pub probe_permissions: bool,
}

/// What happens to an instance when its grace is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is stopped, and can be started again.
    Stop,
    /// It is terminated, for good.
    Terminate,
}

/// A part of the day, from a minute to another, the latter excluded. It does not reach over
/// midnight: then it would not be clear which of the two days `work_days` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkHours {
    /// Minutes from midnight.
    pub from_minute: u32,
    /// Minutes from midnight, up to 1440.
    pub until_minute: u32,
}

impl WorkHours {
    /// Whether a time of the day is inside.
    pub fn contains(&self, time: NaiveTime) -> bool {
        let minute = time.hour() * 60 + time.minute();
        (self.from_minute..self.until_minute).contains(&minute)
    }
}

impl Choice for Action {
    const ALL: &'static [(&'static str, Self)] =
        &[("stop", Self::Stop), ("terminate", Self::Terminate)];
}

impl Choice for Weekday {
    const ALL: &'static [(&'static str, Self)] = &[
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];
}

displays_its_name!(Action);

const HOURS_OF_A_YEAR: u32 = 8760;

impl Section for StopUntagged {
    const NAME: &'static str = "stop-untagged";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        let required_tags = section.parsed_list("required_tags", forms::own_tag_key);
        let work_hours = section.parsed_or_empty("work_hours", parse_work_hours);
        let work_days = section.parsed_list("work_days", parse_day);
        let rules = Self {
            common: Common::read(section),
            allowed_values: section.text_table("allowed_values", check_allowed_value),
            case_sensitive: section.boolean("case_sensitive"),
            action: section.choice("action").unwrap_or(Action::Stop),
            grace_hours: section.whole("grace_hours", 0..=HOURS_OF_A_YEAR),
            min_age_hours: section.whole("min_age_hours", 0..=HOURS_OF_A_YEAR),
            max_actions: section.whole("max_actions", 0..=100_000),
            max_percent: section.whole("max_percent", 0..=100),
            max_untagged_jump_percent: section.whole("max_untagged_jump_percent", 0..=100),
            min_population: section.whole("min_population", 0..=1_000_000),
            exempt_tags: section.parsed_list("exempt_tags", forms::tag_key),
            owner_tags: section.parsed_list("owner_tags", forms::tag_key),
            owner_domains: section.parsed_list("owner_domains", forms::domain),
            work_hours_zone: section
                .parsed("work_hours_zone", forms::zone)
                .unwrap_or(Tz::UTC),
            probe_permissions: section.boolean("probe_permissions"),
            required_tags,
            work_hours,
            work_days,
        };
        if section.is_empty_list("required_tags") {
            let fault = Fault::new("without a required tag there is nothing to look for");
            section.refuse_value("required_tags", fault.hint("name at least one tag"));
        }
        if rules.work_hours.is_some() && section.is_empty_list("work_days") {
            let fault = Fault::new("without a day, `work_hours` never come and nothing is stopped");
            section.refuse_value(
                "work_days",
                fault.hint("name the days, or empty `work_hours`"),
            );
        }
        rules
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }

    fn check_with(&self, config: &Config, checks: &mut CrossChecks<'_>) {
        let grace = self.grace_hours;
        checks.need_destination(Self::NAME, &self.common, "grace_hours", grace, config);
    }
}

fn check_allowed_value(tag: &str, pattern: &str) -> Result<(), Fault> {
    forms::tag_key(tag)?;
    forms::whole_pattern(pattern)
}

pub(super) fn parse_day(text: &str) -> Result<Weekday, Fault> {
    parse_choice(text).map_err(|fault| {
        let short: String = text.to_ascii_lowercase().chars().take(3).collect();
        match parse_choice::<Weekday>(&short) {
            Ok(_) => fault.hint(format!("did you mean \"{short}\"?")),
            Err(_) => fault,
        }
    })
}

fn parse_work_hours(text: &str) -> Result<WorkHours, Fault> {
    let hours = text.split_once('-').and_then(|(from, until)| {
        Some(WorkHours {
            from_minute: parse_minute(from.trim())?,
            until_minute: parse_minute(until.trim())?,
        })
    });
    match hours {
        Some(hours) if hours.from_minute < hours.until_minute => Ok(hours),
        Some(_) => {
            let fault = Fault::new(format!("{} ends before it begins", shown(text)));
            Err(fault.hint("work hours are of one day, at most \"00:00-24:00\""))
        }
        None => {
            let fault = Fault::new(format!("{} are no hours of a day", shown(text)));
            Err(fault.hint("write them like \"09:00-17:00\""))
        }
    }
}

/// `HH:MM` as minutes from midnight; `24:00` is the day's end.
fn parse_minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 24 * 60).then_some(minutes)
}
