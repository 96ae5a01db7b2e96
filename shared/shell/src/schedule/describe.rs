//! A schedule in one plain English sentence.

use chrono::{NaiveDateTime, Timelike};

use super::cron::{Cron, Days};
use super::expression::{Expression, Rate};
use super::field::ValueSet;
use super::transitions::joined;
use super::{AfterGap, Schedule};

/// Above this many times a day, a list of them says less than the rhythm.
const MOST_LISTED_TIMES: usize = 4;

pub(super) fn describe(schedule: &Schedule) -> String {
    let zone = schedule.zone.name();
    match &schedule.expression {
        Expression::Rate(rate) => {
            let start = schedule.start.format("%Y-%m-%d %H:%M UTC");
            format!("{}, counted from {start}.", every(rate))
        }
        Expression::At(local) => format!("Once, on {} ({zone}).", one_time(*local)),
        Expression::Cron(cron) => {
            let gap = match schedule.after_gap {
                AfterGap::Skip => "",
                AfterGap::Run => "; a run in a gap of the clock comes right after it",
            };
            format!("{} ({zone}{gap}).", cron_phrase(cron))
        }
    }
}

fn every(rate: &Rate) -> String {
    match rate.value {
        1 => format!("Every {}", rate.unit_text()),
        value => format!("Every {value} {}", rate.unit_text()),
    }
}

fn one_time(local: NaiveDateTime) -> String {
    let format = if local.second() == 0 {
        "%Y-%m-%d at %H:%M"
    } else {
        "%Y-%m-%d at %H:%M:%S"
    };
    local.format(format).to_string()
}

fn cron_phrase(cron: &Cron) -> String {
    let listed = cron.minutes.len() * cron.hours.len() <= MOST_LISTED_TIMES;
    let clock = if listed {
        listed_times(cron)
    } else {
        rhythm(cron)
    };
    let mut phrase = clock + &days_phrase(&cron.days, listed);
    if !cron.months.is_full() {
        phrase += &format!(" in {}", set_phrase(&cron.months, month_name));
    }
    if !cron.years.is_full() {
        phrase += &format!(" in {}", set_phrase(&cron.years, |year| year.to_string()));
    }
    phrase
}

fn listed_times(cron: &Cron) -> String {
    let times = cron.hours.values().flat_map(|hour| {
        cron.minutes
            .values()
            .map(move |minute| format!("{hour:02}:{minute:02}"))
    });
    format!("At {}", joined(&times.collect::<Vec<_>>(), "and"))
}

fn rhythm(cron: &Cron) -> String {
    let (minutes, hours) = (&cron.minutes, &cron.hours);
    let only_minute = minutes.first().filter(|_| minutes.len() == 1);
    if let Some(minute) = only_minute {
        let past = if minute == 0 {
            " on the hour".to_owned()
        } else {
            format!(" at minute {minute}")
        };
        return match step_from_zero(hours, 24) {
            Some(1) => format!("Every hour{past}"),
            Some(step) => format!("Every {step} hours{past}"),
            None => format!("At minute {minute}{}", hours_phrase(cron)),
        };
    }
    let minutes_phrase = match step_from_zero(minutes, 60) {
        Some(1) => "Every minute".to_owned(),
        Some(step) => format!("Every {step} minutes"),
        None => format!(
            "At minutes {}",
            set_phrase(minutes, |minute| minute.to_string())
        ),
    };
    match (hours.is_full(), minutes_phrase.starts_with("At")) {
        (true, true) => format!("{minutes_phrase} of every hour"),
        (true, false) => minutes_phrase,
        (false, true) => minutes_phrase + &hours_phrase(cron),
        (false, false) => match (hours.runs().as_slice(), minutes.values().last()) {
            ([(first, last)], Some(minute)) => {
                format!("{minutes_phrase} from {first:02}:00 to {last:02}:{minute:02}")
            }
            _ => minutes_phrase + &hours_phrase(cron),
        },
    }
}

fn hours_phrase(cron: &Cron) -> String {
    let word = if cron.hours.len() == 1 {
        "hour"
    } else {
        "hours"
    };
    format!(
        " of the {word} {}",
        set_phrase(&cron.hours, |hour| hour.to_string())
    )
}

/// The step of a set that is 0, step, 2 × step, … and comes out even at `round`.
fn step_from_zero(set: &ValueSet, round: u32) -> Option<u32> {
    let step = round / u32::try_from(set.len()).ok()?.max(1);
    let even = (0..round).step_by(step.max(1) as usize);
    (round.is_multiple_of(step) && set.values().eq(even)).then_some(step)
}

fn days_phrase(days: &Days, listed: bool) -> String {
    match days {
        Days::OfMonth(set) | Days::OfWeek(set) if set.is_full() => {
            if listed {
                " every day".to_owned()
            } else {
                String::new()
            }
        }
        Days::OfMonth(set) => {
            let word = if set.len() == 1 { "day" } else { "days" };
            format!(
                " on {word} {} of the month",
                set_phrase(set, |day| day.to_string())
            )
        }
        Days::LastOfMonth => " on the last day of the month".to_owned(),
        Days::WeekdayNearest(day) => format!(" on the weekday nearest to day {day} of the month"),
        Days::OfWeek(set) => format!(" on {}", set_phrase(set, weekday_name)),
        Days::LastOfWeekday(weekday) => {
            format!(" on the last {} of the month", weekday_name(*weekday))
        }
        Days::NthOfWeekday { weekday, nth } => {
            let nth = ["first", "second", "third", "fourth", "fifth"][*nth as usize - 1];
            format!(" on the {nth} {} of the month", weekday_name(*weekday))
        }
    }
}

/// "1, 5 to 8 and 10".
fn set_phrase(set: &ValueSet, name: impl Fn(u32) -> String) -> String {
    let mut words = Vec::new();
    for (first, last) in set.runs() {
        match last - first {
            0 => words.push(name(first)),
            1 => words.extend([name(first), name(last)]),
            _ => words.push(format!("{} to {}", name(first), name(last))),
        }
    }
    joined(&words, "and")
}

pub(super) fn month_name(month: u32) -> String {
    let names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    names[month as usize - 1].to_owned()
}

/// Sunday is 1, as in the expression.
fn weekday_name(weekday: u32) -> String {
    let names = [
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
    ];
    names[weekday as usize - 1].to_owned()
}
