//! Five-field crontab lines, rewritten as the `cron()` expression with the same runs.
//!
//! crontab counts the days of the week from Sunday as 0, EventBridge from Sunday as 1, and nothing in
//! `1-5` tells which was meant. The rewritten expression therefore spells the days out.

use super::ScheduleError;
use super::field::{
    CRONTAB_DAY_OF_WEEK, DAY_OF_MONTH, DAY_OF_WEEK, Field, HOURS, MINUTES, MONTH, ValueSet,
    WEEKDAYS,
};

const HINT: &str = "five fields are read as a crontab line; EventBridge's own form is \
    `cron(minutes hours day-of-month month day-of-week year)`";

/// What stands between the parentheses of the `cron()` expression for these five fields.
pub(super) fn convert(fields: [&str; 5]) -> Result<String, ScheduleError> {
    rewrite(fields).map_err(|error| error.or_hint(HINT))
}

fn rewrite([minutes, hours, day, month, weekday]: [&str; 5]) -> Result<String, ScheduleError> {
    if day == "?" || weekday == "?" {
        return Err(ScheduleError::new(
            "crontab fields may not be `?` (allowed: `*` in day-of-month, day-of-week or both)",
        ));
    }
    let minutes = same_list(&MINUTES, minutes)?;
    let hours = same_list(&HOURS, hours)?;
    let month = same_list(&MONTH, month)?;
    let days = same_list(&DAY_OF_MONTH, day)?;
    let weekdays = shifted_weekdays(weekday)?;
    match (days.as_str(), weekdays.as_str()) {
        (_, "*") => Ok(format!("{minutes} {hours} {days} {month} ? *")),
        ("*", _) => Ok(format!("{minutes} {hours} ? {month} {weekdays} *")),
        _ => Err(ScheduleError::new(format!(
            "day-of-month `{day}` and day-of-week `{weekday}` are both set: crontab runs on days that \
             match either, EventBridge cannot say that (allowed: `*` in at least one of them)"
        ))
        .with_hint(format!(
            "make two schedules: `{minutes} {hours} {day} {month} *` and `{minutes} {hours} * {month} {weekday}`"
        ))),
    }
}

/// A field that means the same in both, except that AWS documents steps from a number, not from `*`.
fn same_list(field: &Field, text: &str) -> Result<String, ScheduleError> {
    if field.list(text)?.is_full() {
        return Ok("*".to_owned());
    }
    let entries = text.split(',').map(|entry| match entry.strip_prefix("*/") {
        Some(step) => format!("{}/{step}", field.low),
        None => entry.to_ascii_uppercase(),
    });
    Ok(entries.collect::<Vec<_>>().join(","))
}

fn shifted_weekdays(text: &str) -> Result<String, ScheduleError> {
    let mut shifted = ValueSet::empty(&DAY_OF_WEEK);
    for value in CRONTAB_DAY_OF_WEEK.list(text)?.values() {
        shifted.insert(value % 7 + 1);
    }
    if shifted.is_full() {
        return Ok("*".to_owned());
    }
    let name = |value: u32| WEEKDAYS[value as usize - 1];
    let entries = shifted
        .runs()
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => name(first).to_owned(),
            1 => format!("{},{}", name(first), name(last)),
            _ => format!("{}-{}", name(first), name(last)),
        });
    Ok(entries.collect::<Vec<_>>().join(","))
}
