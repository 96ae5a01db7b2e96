//! The three forms of a schedule expression, told apart and read.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use super::ScheduleError;
use super::cron::Cron;
use super::crontab;

/// A schedule expression as EventBridge Scheduler knows them.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// `cron(0 10 * * ? *)`: local times.
    Cron(Cron),
    /// `rate(5 minutes)`: a distance in real time, counted from a start, blind to the zone.
    Rate(Rate),
    /// `at(2026-11-20T13:00:00)`: one local time.
    At(NaiveDateTime),
}

/// `rate(value unit)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) value: u32,
    /// `minute`, `hour` or `day`.
    pub(super) unit: &'static str,
    /// A day is 24 hours, also where a clock change makes it 23 or 25.
    pub(super) period: TimeDelta,
}

const FORMS: &str = "`cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, \
    `at(yyyy-mm-ddThh:mm:ss)`, or the five fields of a crontab line";

/// Reads any of the forms, and gives the text that EventBridge takes for it.
pub(super) fn parse(text: &str) -> Result<(Expression, String), ScheduleError> {
    // Names may be small in a config file; the AWS documentation writes them large.
    let words: Vec<&str> = text.split_whitespace().collect();
    let tidy = words.join(" ");
    if let Some(body) = between_parentheses(&tidy, "cron") {
        let body = body.to_ascii_uppercase();
        return Ok((
            Expression::Cron(Cron::parse(&body)?),
            format!("cron({body})"),
        ));
    }
    if let Some(body) = between_parentheses(&tidy, "rate") {
        return Ok((
            Expression::Rate(Rate::parse(body)?),
            format!("rate({body})"),
        ));
    }
    if let Some(body) = between_parentheses(&tidy, "at") {
        return Ok((Expression::At(one_time(body)?), format!("at({body})")));
    }
    if let &[minutes, hours, day, month, weekday] = words.as_slice()
        && !tidy.contains(['(', ')', '@'])
    {
        let body = crontab::convert([minutes, hours, day, month, weekday])?;
        return Ok((
            Expression::Cron(Cron::parse(&body)?),
            format!("cron({body})"),
        ));
    }
    Err(no_form(&tidy, &words))
}

fn between_parentheses<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?
        .strip_prefix('(')?
        .strip_suffix(')')
        .map(str::trim)
}

fn no_form(tidy: &str, words: &[&str]) -> ScheduleError {
    if words.is_empty() {
        return ScheduleError::new(format!("schedule is empty (allowed: {FORMS})"));
    }
    let error = ScheduleError::new(format!(
        "schedule `{tidy}` is not understood (allowed: {FORMS})"
    ));
    let small = tidy.to_ascii_lowercase();
    let replacement = match small.as_str() {
        "@hourly" => Some("cron(0 * * * ? *)"),
        "@daily" | "@midnight" => Some("cron(0 0 * * ? *)"),
        "@weekly" => Some("cron(0 0 ? * SUN *)"),
        "@monthly" => Some("cron(0 0 1 * ? *)"),
        "@yearly" | "@annually" => Some("cron(0 0 1 1 ? *)"),
        _ => None,
    };
    if let Some(replacement) = replacement {
        return error.with_hint(format!("write `{replacement}`"));
    }
    if let Some(name) = ["cron", "rate", "at"]
        .into_iter()
        .find(|name| small.starts_with(&format!("{name}(")))
    {
        return error.with_hint(match tidy.starts_with(name) {
            true => format!("`{name}(` has no closing parenthesis at the end"),
            false => format!("write `{name}` in small letters"),
        });
    }
    match words.len() {
        6 => error.with_hint(format!("write `cron({tidy})`")),
        2 => error.with_hint(format!("write `rate({tidy})`")),
        _ => error,
    }
}

impl Rate {
    fn parse(body: &str) -> Result<Rate, ScheduleError> {
        let Some((value_text, unit_text)) = body.split_once(' ') else {
            return Err(ScheduleError::new(format!(
                "rate `{body}` needs a value and a unit, such as `rate(5 minutes)`"
            )));
        };
        let is_number = value_text.bytes().all(|byte| byte.is_ascii_digit());
        let value: u32 = match value_text.parse() {
            Ok(value) if is_number && value > 0 => value,
            _ => {
                return Err(ScheduleError::new(format!(
                    "rate value `{value_text}` is out of range (allowed: whole numbers from 1 to {})",
                    u32::MAX
                )));
            }
        };
        let (unit, minutes) = match unit_text {
            "minute" | "minutes" => ("minute", 1),
            "hour" | "hours" => ("hour", 60),
            "day" | "days" => ("day", 24 * 60),
            _ => {
                return Err(ScheduleError::new(format!(
                    "rate unit `{unit_text}` is not known (allowed: {})",
                    units_for(value)
                )));
            }
        };
        let rate = Rate {
            value,
            unit,
            period: TimeDelta::minutes(i64::from(value) * minutes),
        };
        if unit_text != rate.unit_text() {
            return Err(ScheduleError::new(format!(
                "rate unit `{unit_text}` does not go with the value {value} (allowed: {})",
                units_for(value)
            ))
            .with_hint(format!("write `rate({value} {})`", rate.unit_text())));
        }
        Ok(rate)
    }

    /// Singular after 1, plural otherwise, as EventBridge demands.
    pub(super) fn unit_text(&self) -> String {
        if self.value == 1 {
            self.unit.to_owned()
        } else {
            format!("{}s", self.unit)
        }
    }

    /// The first of `start`, `start` + period, … that is after `after`.
    pub(super) fn next_after(
        &self,
        start: DateTime<Utc>,
        after: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        if after < start {
            return Some(start);
        }
        let period = self.period.num_seconds();
        let periods_passed = after.signed_duration_since(start).num_seconds() / period;
        let seconds = (periods_passed + 1).checked_mul(period)?;
        start.checked_add_signed(TimeDelta::try_seconds(seconds)?)
    }
}

fn units_for(value: u32) -> &'static str {
    if value == 1 {
        "`minute`, `hour`, `day`"
    } else {
        "`minutes`, `hours`, `days`"
    }
}

/// Reads `yyyy-mm-ddThh:mm:ss`, exactly: chrono alone would also take short years, signs and a 60th second.
fn one_time(body: &str) -> Result<NaiveDateTime, ScheduleError> {
    let malformed = || {
        let error = ScheduleError::new(format!(
            "at time `{body}` is not understood (allowed: `yyyy-mm-ddThh:mm:ss`, such as `at(2026-11-20T13:00:00)`)"
        ));
        match body.ends_with(['Z', 'z']) {
            true => error.with_hint("leave the `Z` out: the time is local to the schedule's zone"),
            false => error,
        }
    };
    let shape = "dddd-dd-ddTdd:dd:dd";
    let has_shape = body.len() == shape.len()
        && body
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                _ => byte == wanted,
            });
    if !has_shape {
        return Err(malformed());
    }
    let number = |from: usize, to: usize| body[from..to].parse::<u32>().map_err(|_| malformed());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1970..=2199).contains(&year) {
        return Err(ScheduleError::new(format!(
            "at year `{}` is out of range (allowed: 1970 to 2199)",
            &body[..4]
        )));
    }
    NaiveDate::from_ymd_opt(year as i32, month, day)
        .ok_or_else(|| {
            ScheduleError::new(format!(
                "at date `{}` does not exist in the calendar",
                &body[..10]
            ))
        })?
        .and_hms_opt(hour, minute, second)
        .ok_or_else(|| {
            ScheduleError::new(format!(
                "at time `{}` is out of range (allowed: 00:00:00 to 23:59:59)",
                &body[11..]
            ))
        })
}
