//! The keys that every function's section has.

use chrono_tz::Tz;

use crate::forms;
use crate::reader::{Choice, Fault, Reader};
use crate::schema::{Key, Kind};

/// What a run may do. A dry run is no mode: it is asked for with a flag, for one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Says what would be done, and delivers the report.
    Plan,
    /// Does it.
    Apply,
}

/// What becomes of ticks that fell into a downtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// One run makes up for all of them.
    Once,
    /// They are dropped.
    Skip,
    /// Each one is run.
    All,
}

/// What becomes of a tick while the function's last run is still going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The tick is dropped.
    Skip,
    /// One tick waits; more are dropped.
    QueueOne,
    /// The running one is ended first.
    Replace,
    /// Both run.
    Allow,
}

/// What becomes of a tick whose local time is left out when the clock jumps forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterGap {
    /// It is skipped, as EventBridge Scheduler does.
    #[default]
    Skip,
    /// The daemon runs it at the first moment after the gap.
    Run,
}

/// When a report is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailPolicy {
    /// When something differs from the run before.
    Changes,
    /// After every run.
    Always,
    /// Not at all.
    Never,
}

/// The keys that every function has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// What a run may do.
    pub mode: Mode,
    /// When it runs; not evaluated here, but never empty.
    pub schedule: String,
    /// The schedule's time zone.
    pub zone: Tz,
    /// The ARN of the role that is assumed for its runs; without: the credentials that are there.
    pub role: Option<String>,
    /// The Lambda's memory.
    pub memory_mb: u32,
    /// The longest time of one run.
    pub timeout_secs: u32,
    /// What becomes of missed ticks.
    pub missed: Missed,
    /// How late a missed tick may still be made up for.
    pub missed_grace_minutes: u32,
    /// What becomes of a tick during a run.
    pub overlap: Overlap,
    /// The window in which the function's ticks are given their fixed delay.
    pub spread_minutes: u32,
    /// How often a failed run is tried again for the same tick.
    pub retries: u32,
    /// What becomes of a tick in a gap of the zone's clock.
    pub after_gap: AfterGap,
    /// When its report is mailed, if it says so itself; [`Config::mail_of`](crate::Config::mail_of)
    /// knows both.
    pub mail: Option<MailPolicy>,
    /// Who gets its report, if it says so itself; [`Config::mail_of`](crate::Config::mail_of) knows
    /// both.
    pub to: Option<Vec<String>>,
}

/// The keys of every function that have no default: without `mail` and `to`, those of `[report]` hold.
pub(crate) const OPTIONAL: &[Key] = &[
    Key::optional("mail", Kind::Text),
    Key::optional("to", Kind::Texts),
    Key::optional("after_gap", Kind::Text),
];

impl Common {
    pub(crate) fn read(section: &mut Reader<'_>) -> Self {
        Self {
            mode: section.choice("mode").unwrap_or(Mode::Plan),
            schedule: section
                .parsed("schedule", parse_schedule)
                .unwrap_or_default(),
            zone: section.parsed("zone", forms::zone).unwrap_or(Tz::UTC),
            role: section.parsed_or_empty("role", forms::role),
            // <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
            memory_mb: section.whole("memory_mb", 128..=10_240),
            timeout_secs: section.whole("timeout_secs", 1..=900),
            missed: section.choice("missed").unwrap_or(Missed::Once),
            // EventBridge Scheduler keeps an event at most 24 hours, tries at most 185 times, and
            // spreads over at most 24 hours.
            // <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>
            missed_grace_minutes: section.whole("missed_grace_minutes", 1..=1440),
            overlap: section.choice("overlap").unwrap_or(Overlap::Skip),
            spread_minutes: section.whole("spread_minutes", 0..=1440),
            retries: section.whole("retries", 0..=185),
            after_gap: section.optional_choice("after_gap").unwrap_or_default(),
            mail: section.optional_choice("mail"),
            to: section.optional_parsed_list("to", forms::address),
        }
    }
}

/// What the schedule means, and whether it is one, is the caller's to say with
/// [`Config::error_at`](crate::Config::error_at).
fn parse_schedule(text: &str) -> Result<String, Fault> {
    match text.trim() {
        "" => {
            Err(Fault::new("a schedule must not be empty").hint("write it like \"rate(1 hour)\""))
        }
        _ => Ok(text.to_owned()),
    }
}

impl Choice for Mode {
    const ALL: &'static [(&'static str, Self)] = &[("plan", Self::Plan), ("apply", Self::Apply)];
}

impl Choice for Missed {
    const ALL: &'static [(&'static str, Self)] = &[
        ("once", Self::Once),
        ("skip", Self::Skip),
        ("all", Self::All),
    ];
}

impl Choice for Overlap {
    const ALL: &'static [(&'static str, Self)] = &[
        ("skip", Self::Skip),
        ("queue-one", Self::QueueOne),
        ("replace", Self::Replace),
        ("allow", Self::Allow),
    ];
}

impl Choice for AfterGap {
    const ALL: &'static [(&'static str, Self)] = &[("skip", Self::Skip), ("run", Self::Run)];
}

impl Choice for MailPolicy {
    const ALL: &'static [(&'static str, Self)] = &[
        ("changes", Self::Changes),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}

macro_rules! displays_its_name {
    ($($choice:ty),*) => {$(
        impl std::fmt::Display for $choice {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.name())
            }
        }
    )*};
}
pub(crate) use displays_its_name;

displays_its_name!(Mode, Missed, Overlap, AfterGap, MailPolicy);
