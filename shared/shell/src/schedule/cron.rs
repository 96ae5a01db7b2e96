//! `cron(minutes hours day-of-month month day-of-week year)`: reading it, and the local times it names.
//!
//! Nothing here knows a time zone. The local times of an expression come out in order, and whether
//! such a time exists, or comes twice, is for `zone` to say.

use chrono::{
    Datelike, Days as DayCount, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike,
};

use super::ScheduleError;
use super::field::{
    DAY_OF_MONTH, DAY_OF_WEEK, Field, HOURS, MINUTES, MONTH, ValueSet, WEEKDAYS, YEAR,
};

/// The names of the six fields, for messages.
const FIELDS: &str = "minutes hours day-of-month month day-of-week year";

/// A cron expression as the sets of values it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    pub(super) minutes: ValueSet,
    pub(super) hours: ValueSet,
    pub(super) days: Days,
    pub(super) months: ValueSet,
    pub(super) years: ValueSet,
}

/// The days an expression names, by whichever of the two day fields is not `?`.
/// Weekdays are numbered as EventBridge does: Sunday is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    /// `1,15`, `*`.
    OfMonth(ValueSet),
    /// `L`.
    LastOfMonth,
    /// `3W`: the Monday to Friday nearest to the 3rd, in the same month. A month without the day has none.
    WeekdayNearest(u32),
    /// `MON-FRI`, `*`, and `L` for Saturday, the last day of the week.
    OfWeek(ValueSet),
    /// `6L`: the last Friday of the month.
    LastOfWeekday(u32),
    /// `2#1`: the first Monday of the month.
    NthOfWeekday {
        /// Sunday is 1.
        weekday: u32,
        /// The first is 1; few months have a fifth.
        nth: u32,
    },
}

impl Cron {
    /// Reads what stands between the parentheses; single spaces and capitals are the caller's.
    pub(super) fn parse(body: &str) -> Result<Cron, ScheduleError> {
        let fields: Vec<&str> = body.split_whitespace().collect();
        let &[minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return Err(wrong_count(&fields));
        };
        Ok(Cron {
            minutes: list(&MINUTES, minutes)?,
            hours: list(&HOURS, hours)?,
            days: days(day_of_month, day_of_week)?,
            months: list(&MONTH, month)?,
            years: list(&YEAR, year)?,
        })
    }

    /// The first local time named after `local`, by the minute. Walks months, never minutes, so that
    /// a date that cannot exist costs 230 years of twelve cheap steps and then ends.
    pub(super) fn next_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let from = local
            .with_second(0)?
            .with_nanosecond(0)?
            .checked_add_signed(TimeDelta::minutes(1))?;
        let date = self.date_at_or_after(from.date())?;
        if date == from.date() {
            if let Some(time) = self.time_at_or_after(from.time()) {
                return Some(date.and_time(time));
            }
            let date = self.date_at_or_after(date.checked_add_days(DayCount::new(1))?)?;
            return Some(date.and_time(self.time_at_or_after(NaiveTime::MIN)?));
        }
        Some(date.and_time(self.time_at_or_after(NaiveTime::MIN)?))
    }

    fn time_at_or_after(&self, time: NaiveTime) -> Option<NaiveTime> {
        let hour = self.hours.at_or_after(time.hour())?;
        if hour == time.hour()
            && let Some(minute) = self.minutes.at_or_after(time.minute())
        {
            return NaiveTime::from_hms_opt(hour, minute, 0);
        }
        let hour = if hour == time.hour() {
            self.hours.at_or_after(hour + 1)?
        } else {
            hour
        };
        NaiveTime::from_hms_opt(hour, self.minutes.first()?, 0)
    }

    fn date_at_or_after(&self, date: NaiveDate) -> Option<NaiveDate> {
        let from = (
            u32::try_from(date.year()).unwrap_or(0),
            date.month(),
            date.day(),
        );
        let mut year = self.years.at_or_after(from.0);
        while let Some(this_year) = year {
            let first_month = if this_year == from.0 { from.1 } else { 1 };
            let mut month = self.months.at_or_after(first_month);
            while let Some(this_month) = month {
                let first_day = if (this_year, this_month) == (from.0, from.1) {
                    from.2
                } else {
                    1
                };
                let days = self.days.in_month(this_year, this_month) & (u32::MAX << first_day);
                if days != 0 {
                    let day = days.trailing_zeros();
                    return NaiveDate::from_ymd_opt(this_year as i32, this_month, day);
                }
                month = self.months.at_or_after(this_month + 1);
            }
            year = self.years.at_or_after(this_year + 1);
        }
        None
    }

    /// The last date named, whether or not its times exist.
    pub(super) fn last_date(&self) -> Option<NaiveDate> {
        let years: Vec<u32> = self.years.values().collect();
        let months: Vec<u32> = self.months.values().collect();
        years.iter().rev().find_map(|&year| {
            months.iter().rev().find_map(|&month| {
                let days = self.days.in_month(year, month);
                NaiveDate::from_ymd_opt(year as i32, month, days.checked_ilog2()?)
            })
        })
    }
}

impl Days {
    /// The named days of one month: bit 1 is the 1st.
    fn in_month(&self, year: u32, month: u32) -> u32 {
        let Some(first) = NaiveDate::from_ymd_opt(year as i32, month, 1) else {
            return 0;
        };
        let length = u32::from(first.num_days_in_month());
        // Sunday is 1, as in the expression.
        let weekday = |day: u32| (first.weekday().num_days_from_sunday() + day - 1) % 7 + 1;
        // The first day of the month that is this weekday.
        let first_of = |wanted: u32| (wanted + 7 - weekday(1)) % 7 + 1;
        let all = || 1..=length;
        let mask = |days: &mut dyn Iterator<Item = u32>| days.fold(0, |mask, day| mask | 1 << day);
        match self {
            Days::OfMonth(set) => mask(&mut all().filter(|day| set.contains(*day))),
            Days::OfWeek(set) => mask(&mut all().filter(|day| set.contains(weekday(*day)))),
            Days::LastOfMonth => 1 << length,
            Days::WeekdayNearest(day) if *day > length => 0,
            Days::WeekdayNearest(day) => {
                let (saturday, sunday) = (weekday(*day) == 7, weekday(*day) == 1);
                // Never out of the month: from Saturday the 1st on to Monday, from a Sunday at its end back to Friday.
                1 << match *day {
                    1 if saturday => 3,
                    day if saturday => day - 1,
                    day if sunday && day == length => day - 2,
                    day if sunday => day + 1,
                    day => day,
                }
            }
            Days::LastOfWeekday(wanted) => {
                let first = first_of(*wanted);
                1 << (first + (length - first) / 7 * 7)
            }
            Days::NthOfWeekday {
                weekday: wanted,
                nth,
            } => {
                let day = first_of(*wanted) + 7 * (nth - 1);
                if day > length { 0 } else { 1 << day }
            }
        }
    }
}

fn wrong_count(fields: &[&str]) -> ScheduleError {
    let error = ScheduleError::new(format!(
        "cron has {} field{}, it needs six: {FIELDS}",
        fields.len(),
        if fields.len() == 1 { "" } else { "s" }
    ));
    match fields.len() {
        5 if fields.contains(&"?") => {
            error.with_hint(format!("add the year: `cron({} *)`", fields.join(" ")))
        }
        5 => error.with_hint(format!(
            "a crontab line goes without `cron()`: `{}`",
            fields.join(" ")
        )),
        7 => error.with_hint("EventBridge has no field for seconds; leave the first one out"),
        _ => error,
    }
}

/// A field that is not about days, where EventBridge has no `?`.
fn list(field: &Field, text: &str) -> Result<ValueSet, ScheduleError> {
    if text == "?" {
        return Err(ScheduleError::new(format!(
            "{} may not be `?` (allowed: {}; only day-of-month and day-of-week take `?`)",
            field.name,
            field.allowed()
        ))
        .with_hint("write `*` for every value"));
    }
    field.list(text)
}

/// Reads the two day fields, of which exactly one says `?`.
fn days(day_of_month: &str, day_of_week: &str) -> Result<Days, ScheduleError> {
    match (day_of_month, day_of_week) {
        ("?", "?") => Err(ScheduleError::new(
            "day-of-month and day-of-week are both `?` (allowed: `?` in exactly one of them)",
        )
        .with_hint("for every day write day-of-month `*` and day-of-week `?`")),
        (day, "?") => day_of_month_rule(day),
        ("?", weekday) => day_of_week_rule(weekday),
        ("*", "*") => Err(ScheduleError::new(
            "day-of-month and day-of-week are both `*` (allowed: `?` in exactly one of them)",
        )
        .with_hint("for every day write day-of-month `*` and day-of-week `?`")),
        (day, weekday) => Err(ScheduleError::new(format!(
            "day-of-month `{day}` and day-of-week `{weekday}` are both set (allowed: `?` in exactly one of them)"
        ))
        .with_hint(match (day, weekday) {
            ("*", weekday) => format!("for these weekdays write day-of-month `?`, day-of-week `{weekday}`"),
            (day, "*") => format!("for these days write day-of-month `{day}`, day-of-week `?`"),
            _ => "make two schedules, one by day-of-month and one by day-of-week".to_owned(),
        })),
    }
}

fn day_of_month_rule(text: &str) -> Result<Days, ScheduleError> {
    let field = &DAY_OF_MONTH;
    if text == "L" {
        return Ok(Days::LastOfMonth);
    }
    if text == "LW" || text == "WL" || text.starts_with("L-") {
        return Err(ScheduleError::new(format!(
            "day-of-month `{text}` is not documented by AWS (allowed: {}, `L`, or a day and `W`)",
            field.allowed()
        )));
    }
    if text.contains(['L', 'W']) {
        stands_alone(field, text)?;
    }
    match text.strip_suffix('W') {
        Some("") => Err(ScheduleError::new(
            "day-of-month `W` needs a day before it (allowed: 1W to 31W)",
        )),
        Some(day) => Ok(Days::WeekdayNearest(field.value(day)?)),
        None => Ok(Days::OfMonth(field.list(text)?)),
    }
}

fn day_of_week_rule(text: &str) -> Result<Days, ScheduleError> {
    weekdays(text)
        .map_err(|error| error.or_hint("EventBridge counts the days of the week from Sunday as 1"))
}

fn weekdays(text: &str) -> Result<Days, ScheduleError> {
    let field = &DAY_OF_WEEK;
    // No weekday's name has an L in it, so an L here is always the wildcard.
    if text.contains(['L', '#']) {
        stands_alone(field, text)?;
    }
    if let Some((weekday, nth)) = text.split_once('#') {
        let weekday = field.value(weekday)?;
        return match nth.parse() {
            Ok(nth @ 1..=5) => Ok(Days::NthOfWeekday { weekday, nth }),
            _ => Err(ScheduleError::new(format!(
                "day-of-week `{text}` is out of range after `#` (allowed: 1 to 5)"
            ))
            .with_hint(format!(
                "the first of a month is `{}#1`",
                WEEKDAYS[weekday as usize - 1]
            ))),
        };
    }
    match text.strip_suffix('L') {
        Some("") => Ok(Days::OfWeek(field.list("7")?)),
        Some(weekday) => Ok(Days::LastOfWeekday(field.value(weekday)?)),
        None => Ok(Days::OfWeek(field.list(text)?)),
    }
}

/// `L`, `W` and `#` take the whole field.
/// AWS says so of `#`: `"3#1,6#3"` is not valid "because it is interpreted as two expressions".
/// Of `L` and `W` it shows no list, so none is risked in a template.
fn stands_alone(field: &Field, text: &str) -> Result<(), ScheduleError> {
    if !text.contains([',', '-', '/', '*']) && text.matches('#').count() <= 1 {
        return Ok(());
    }
    Err(ScheduleError::new(format!(
        "{} `{text}` combines `L`, `W` or `#` with something else (allowed: one of them, alone)",
        field.name
    ))
    .with_hint("make one schedule for each"))
}
