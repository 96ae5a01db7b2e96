//! The schedule of a function's section.

use lamplighter_config::{AfterGap as ConfigAfterGap, Common};

use super::{AfterGap, Schedule, ScheduleError};

impl Schedule {
    /// What the section of a function says: its expression, its zone, and what becomes of a run in a gap.
    pub fn of(section: &Common) -> Result<Schedule, ScheduleError> {
        let after_gap = match section.after_gap {
            ConfigAfterGap::Skip => AfterGap::Skip,
            ConfigAfterGap::Run => AfterGap::Run,
        };
        Ok(Schedule::parse(&section.schedule, section.zone)?.with_after_gap(after_gap))
    }
}
