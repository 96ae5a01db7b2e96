//! What is suspicious about a schedule that is nevertheless a schedule.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::cron::{Cron, Days};
use super::expression::Expression;
use super::transitions::joined;
use super::{AfterGap, Schedule, TransitionKind};

/// How far ahead clock changes are looked at: far enough for a monthly run to meet one, near enough to matter.
const DAYS_AHEAD: i64 = 5 * 366;

impl Schedule {
    /// What an operator should know before relying on this schedule, one sentence each.
    pub fn warnings(&self, now: DateTime<Utc>) -> Vec<String> {
        let Some(next) = self.next(now) else {
            return vec![self.no_run_left()];
        };
        let mut warnings = Vec::new();
        // Leap days come within four years. What stays away longer was hardly meant; also what clock changes
        // would always swallow, since the zone tables know of none after 2099.
        if next.signed_duration_since(now) > TimeDelta::days(DAYS_AHEAD) {
            warnings.push(format!("does not run before {}", self.show(next)));
        }
        if let Expression::Cron(cron) = &self.expression {
            if self.next(next).is_none() {
                warnings.push(format!(
                    "runs once more, on {}, and never again",
                    self.show(next)
                ));
            }
            warnings.extend(months_left_out(cron));
        }
        warnings.extend(self.clock_change_ahead(now, next));
        warnings
    }

    fn no_run_left(&self) -> String {
        let zone = self.zone;
        if self.next(DateTime::<Utc>::MIN_UTC).is_none() {
            return match &self.expression {
                Expression::Cron(cron) if cron.last_date().is_none() => {
                    format!(
                        "never fires: no date from 1970 to 2199 matches `{}`",
                        self.text
                    )
                }
                _ => format!(
                    "never fires: every local time it names is left out by a clock change in {zone}"
                ),
            };
        }
        match &self.expression {
            Expression::At(local) => format!("never fires again: {local} in {zone} is past"),
            Expression::Cron(cron) => match cron.last_date() {
                Some(date) => format!("never fires again: the last date it names is {date}"),
                None => "never fires again".to_owned(),
            },
            Expression::Rate(_) => {
                "never fires again: its next run is beyond the calendar".to_owned()
            }
        }
    }

    /// The next clock change that loses a run or breaks the rhythm, with its date.
    fn clock_change_ahead(&self, now: DateTime<Utc>, next: DateTime<Utc>) -> Option<String> {
        let runs_every_hour = match &self.expression {
            Expression::Cron(cron) => cron.hours.is_full(),
            Expression::Rate(_) => false,
            // A single time that has come this far exists.
            Expression::At(_) => return None,
        };
        let is_rate = matches!(self.expression, Expression::Rate(_));
        let until = next
            .checked_add_signed(TimeDelta::days(DAYS_AHEAD))
            .unwrap_or(next);
        let matters = |kind: TransitionKind| match kind {
            _ if is_rate => true,
            // An hourly rhythm does not feel a gap: the hour that is left out takes no time. It does feel an overlap.
            TransitionKind::Gap => self.after_gap == AfterGap::Skip && !runs_every_hour,
            TransitionKind::Overlap => runs_every_hour,
        };
        let (transition, effect) = self
            .transitions_ahead(now, until)
            .filter(|transition| matters(transition.kind))
            .find_map(|transition| transition.effect.clone().map(|effect| (transition, effect)))?;
        let (local, zone) = (&transition.local, self.zone);
        Some(match transition.kind {
            _ if is_rate => format!(
                "drifts by local time: in {zone} the clock changes on {}; {effect}; `cron()` keeps the time of day",
                transition.at.with_timezone(&zone).format("%Y-%m-%d")
            ),
            TransitionKind::Gap => {
                format!("sits in a gap: in {zone}, {local} does not exist; {effect}")
            }
            TransitionKind::Overlap => format!(
                "pauses when the clock goes back: in {zone}, {local} comes twice and the second time has no runs; the zone UTC has no such pause"
            ),
        })
    }

    fn show(&self, run: DateTime<Utc>) -> String {
        run.with_timezone(&self.zone)
            .format("%Y-%m-%d at %H:%M %Z")
            .to_string()
    }
}

/// A schedule by late days of the month skips the months that do not have them.
fn months_left_out(cron: &Cron) -> Option<String> {
    let earliest = match &cron.days {
        Days::OfMonth(set) => set.first()?,
        Days::WeekdayNearest(day) => *day,
        _ => return None,
    };
    let longest = |month: u32| match month {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let short = cron
        .months
        .values()
        .filter(|month| longest(*month) < earliest);
    let short: Vec<String> = short.map(super::describe::month_name).collect();
    (!short.is_empty()).then(|| {
        let leap = if earliest == 29 {
            ", except in leap years"
        } else {
            ""
        };
        format!(
            "skips {}, which {} no day {earliest}{leap}; `L` is the last day of any month",
            joined(&short, "and"),
            if short.len() == 1 { "has" } else { "have" }
        )
    })
}

/// Names the schedules that start in the same minute, where those are more than `at_most`, in the seven days after `now`.
/// Each schedule comes with how long after its slots it starts.
///
/// Each group is named once, with its first minute and how often it meets; a group within a larger one is left out.
pub fn crowded_minutes(
    schedules: &[(&str, &Schedule, TimeDelta)],
    now: DateTime<Utc>,
    at_most: usize,
) -> Vec<String> {
    let mut starting: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, (_, schedule, offset)) in schedules.iter().enumerate() {
        for run in schedule.between(now, now + TimeDelta::days(7)) {
            let start = run + *offset;
            let names = starting
                .entry(start.timestamp().div_euclid(60))
                .or_default();
            names.push(index);
        }
    }
    let mut groups: BTreeMap<Vec<usize>, (i64, usize)> = BTreeMap::new();
    for (minute, group) in starting {
        if group.len() > at_most {
            groups.entry(group).or_insert((minute, 0)).1 += 1;
        }
    }
    let is_within = |small: &[usize], large: &[usize]| {
        small.len() < large.len() && small.iter().all(|member| large.contains(member))
    };
    let mut largest: Vec<_> = groups
        .iter()
        .filter(|(group, _)| !groups.keys().any(|other| is_within(group, other)))
        .collect();
    largest.sort_by_key(|(_, (minute, _))| *minute);
    largest
        .into_iter()
        .map(|(group, (minute, times))| {
            let names: Vec<String> = group
                .iter()
                .map(|index| format!("`{}`", schedules[*index].0))
                .collect();
            let first = DateTime::from_timestamp(minute * 60, 0).unwrap_or(now);
            let often = if *times == 1 {
                "once".to_owned()
            } else {
                format!("{times} times")
            };
            format!(
                "{} schedules start in the same minute {often} within seven days, first on {}: {}",
                group.len(),
                first.format("%Y-%m-%d at %H:%M UTC"),
                joined(&names, "and")
            )
        })
        .collect()
}
