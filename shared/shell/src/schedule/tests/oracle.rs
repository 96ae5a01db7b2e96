//! Schedules against an oracle that shares nothing with them: it walks a window minute by minute, reads
//! the local time off each instant, and asks the calendar whether the fields name it. A local minute
//! counts the first time it is seen; minutes that local time jumped over are made up at the jump.
//!
//! Equal sets say all at once that runs are strictly increasing, that each matches, and that none is missing.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{AfterGap, Schedule};
use super::{schedule, utc};

/// Zones that are hard to get right, each with the middle of a window worth looking at: clock changes,
/// month ends, the last day of February and of a year.
const WINDOWS: &[(Tz, &[&str])] = &[
    (
        chrono_tz::America::New_York,
        &[
            "2026-03-08T07:00:00Z",
            "2026-11-01T06:00:00Z",
            "2028-02-29T12:00:00Z",
        ],
    ),
    (
        chrono_tz::Europe::Berlin,
        &[
            "2026-03-29T01:00:00Z",
            "2026-10-25T01:00:00Z",
            "2026-12-31T23:00:00Z",
        ],
    ),
    (
        chrono_tz::Europe::London,
        &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"],
    ),
    (
        chrono_tz::Australia::Lord_Howe,
        &["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"],
    ),
    (
        chrono_tz::America::Sao_Paulo,
        &["2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"],
    ),
    (
        chrono_tz::Pacific::Apia,
        &["2011-12-30T10:00:00Z", "2011-09-24T14:00:00Z"],
    ),
    (
        chrono_tz::Asia::Kathmandu,
        &["2026-05-31T18:15:00Z", "1985-12-31T18:30:00Z"],
    ),
    (
        chrono_tz::Africa::Casablanca,
        &[
            "2026-02-15T02:00:00Z",
            "2026-03-22T02:00:00Z",
            "2027-02-28T12:00:00Z",
        ],
    ),
    (
        chrono_tz::UTC,
        &["2027-01-31T12:00:00Z", "2026-02-28T12:00:00Z"],
    ),
];

/// How many schedules are held against the walk over every minute. `PROPTEST_CASES`, proptest's own variable, asks for
/// another number; `just bench` asks for a million.
const CASES: u32 = 20_000;

/// As many cases as were asked for, or one in `share` of them.
fn cases(share: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let asked = asked.map(|cases| cases.parse().expect("a number in PROPTEST_CASES"));
    let cases = asked.unwrap_or(CASES) / share;
    println!("{cases} cases");
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A zone's clock, minute by minute.
struct Window {
    zone: Tz,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    dates: Vec<NaiveDate>,
    minutes: Vec<Minute>,
}

struct Minute {
    at: DateTime<Utc>,
    local: Local,
    /// Whether this local minute has not been seen before.
    is_first: bool,
    /// The local minutes that were jumped over just before.
    jumped_over: Vec<Local>,
}

/// A local minute; its date is an index into the window's dates, so that each is judged once.
struct Local {
    date: usize,
    hour: u32,
    minute: u32,
}

static CLOCKS: LazyLock<Vec<Window>> = LazyLock::new(|| {
    let windows = WINDOWS
        .iter()
        .flat_map(|(zone, middles)| middles.iter().map(|at| (*zone, utc(at))));
    windows
        .map(|(zone, middle)| Window::around(zone, middle))
        .collect()
});

impl Window {
    fn around(zone: Tz, middle: DateTime<Utc>) -> Window {
        let (from, until) = (middle - TimeDelta::hours(20), middle + TimeDelta::hours(20));
        let mut window = Window {
            zone,
            from,
            until,
            dates: Vec::new(),
            minutes: Vec::new(),
        };
        // Begin earlier than asked, to have seen what may come twice.
        let mut at = from - TimeDelta::hours(30);
        let mut seen = HashSet::new();
        let mut expected: Option<NaiveDateTime> = None;
        while at <= until {
            let local = zone.from_utc_datetime(&at.naive_utc()).naive_local();
            let mut jumped_over = Vec::new();
            while let Some(missing) = expected.filter(|expected| *expected < local) {
                jumped_over.push(window.split(missing));
                expected = Some(missing + TimeDelta::minutes(1));
            }
            expected = Some(local + TimeDelta::minutes(1));
            let is_first = seen.insert(local);
            let local = window.split(local);
            window.minutes.push(Minute {
                at,
                local,
                is_first,
                jumped_over,
            });
            at += TimeDelta::minutes(1);
        }
        window
    }

    fn split(&mut self, local: NaiveDateTime) -> Local {
        let date = self
            .dates
            .iter()
            .position(|date| *date == local.date())
            .unwrap_or_else(|| {
                self.dates.push(local.date());
                self.dates.len() - 1
            });
        Local {
            date,
            hour: local.hour(),
            minute: local.minute(),
        }
    }

    fn runs(
        &self,
        fields: &Fields,
        after: DateTime<Utc>,
        after_gap: AfterGap,
    ) -> Vec<DateTime<Utc>> {
        let minutes: Vec<bool> = (0..60).map(|value| names(&fields.minutes, value)).collect();
        let hours: Vec<bool> = (0..24).map(|value| names(&fields.hours, value)).collect();
        let dates: Vec<bool> = self
            .dates
            .iter()
            .map(|date| fields.name_date(*date))
            .collect();
        let matches = |local: &Local| {
            dates[local.date] && hours[local.hour as usize] && minutes[local.minute as usize]
        };
        let is_run = |minute: &&Minute| {
            minute.at > after
                && (minute.is_first && matches(&minute.local)
                    || after_gap == AfterGap::Run && minute.jumped_over.iter().any(matches))
        };
        self.minutes
            .iter()
            .filter(is_run)
            .map(|minute| minute.at)
            .collect()
    }
}

/// One entry of a field's list.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Every,
    One(u32),
    Range(u32, u32),
    Step(u32, u32),
    RangeStep(u32, u32, u32),
}

fn names(entries: &[Entry], value: u32) -> bool {
    entries.iter().any(|entry| match *entry {
        Entry::Every => true,
        Entry::One(one) => value == one,
        Entry::Range(first, last) => first <= value && value <= last,
        Entry::Step(first, step) => first <= value && (value - first).is_multiple_of(step),
        Entry::RangeStep(first, last, step) => {
            first <= value && value <= last && (value - first).is_multiple_of(step)
        }
    })
}

fn text(entries: &[Entry]) -> String {
    let texts = entries.iter().map(|entry| match entry {
        Entry::Every => "*".to_owned(),
        Entry::One(one) => one.to_string(),
        Entry::Range(first, last) => format!("{first}-{last}"),
        Entry::Step(first, step) => format!("{first}/{step}"),
        Entry::RangeStep(first, last, step) => format!("{first}-{last}/{step}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

fn entries(low: u32, high: u32, longest_step: u32) -> impl Strategy<Value = Vec<Entry>> {
    let entry = (0..10u32, low..=high, low..=high, 1..=longest_step).prop_map(
        |(form, one, other, step)| {
            let (first, last) = (one.min(other), one.max(other));
            match form {
                0 => Entry::Every,
                1..=5 => Entry::One(one),
                6 => Entry::Range(first, last),
                7 | 8 => Entry::Step(first, step),
                _ => Entry::RangeStep(first, last, step),
            }
        },
    );
    prop::collection::vec(entry, 1..4)
}

/// The two day fields, of which one is `?`.
#[derive(Debug, Clone)]
enum DayRule {
    OfMonth(Vec<Entry>),
    LastOfMonth,
    WeekdayNearest(u32),
    OfWeek(Vec<Entry>),
    LastOfWeekday(u32),
    NthOfWeekday(u32, u32),
}

fn day_rule() -> impl Strategy<Value = DayRule> {
    prop_oneof![
        3 => Just(DayRule::OfMonth(vec![Entry::Every])),
        3 => entries(1, 31, 31).prop_map(DayRule::OfMonth),
        2 => Just(DayRule::LastOfMonth),
        2 => (1..=31u32).prop_map(DayRule::WeekdayNearest),
        3 => entries(1, 7, 7).prop_map(DayRule::OfWeek),
        2 => (1..=7u32).prop_map(DayRule::LastOfWeekday),
        2 => (1..=7u32, 1..=5u32).prop_map(|(weekday, nth)| DayRule::NthOfWeekday(weekday, nth)),
    ]
}

#[derive(Debug, Clone)]
struct Fields {
    minutes: Vec<Entry>,
    hours: Vec<Entry>,
    days: DayRule,
    months: Vec<Entry>,
    years: Vec<Entry>,
}

fn fields() -> impl Strategy<Value = Fields> {
    let months = prop_oneof![3 => Just(vec![Entry::Every]), 1 => entries(1, 12, 12)];
    let years = prop_oneof![4 => Just(vec![Entry::Every]), 1 => entries(1970, 2199, 229)];
    (
        entries(0, 59, 59),
        entries(0, 23, 23),
        day_rule(),
        months,
        years,
    )
        .prop_map(|(minutes, hours, days, months, years)| Fields {
            minutes,
            hours,
            days,
            months,
            years,
        })
}

impl Fields {
    fn expression(&self) -> String {
        let (minutes, hours) = (text(&self.minutes), text(&self.hours));
        let (months, years) = (text(&self.months), text(&self.years));
        let (day, weekday) = match &self.days {
            DayRule::OfMonth(entries) => (text(entries), "?".to_owned()),
            DayRule::LastOfMonth => ("L".to_owned(), "?".to_owned()),
            DayRule::WeekdayNearest(day) => (format!("{day}W"), "?".to_owned()),
            DayRule::OfWeek(entries) => ("?".to_owned(), text(entries)),
            DayRule::LastOfWeekday(weekday) => ("?".to_owned(), format!("{weekday}L")),
            DayRule::NthOfWeekday(weekday, nth) => ("?".to_owned(), format!("{weekday}#{nth}")),
        };
        format!("cron({minutes} {hours} {day} {months} {weekday} {years})")
    }

    /// Whether the date is named, by looking at the calendar around it.
    fn name_date(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().number_from_sunday();
        let is_in_month =
            |other: &NaiveDate| other.month() == date.month() && other.year() == date.year();
        let a_week_on = date + Days::new(7);
        let is_named_day = match &self.days {
            DayRule::OfMonth(entries) => names(entries, date.day()),
            DayRule::LastOfMonth => !is_in_month(&(date + Days::new(1))),
            DayRule::WeekdayNearest(day) => nearest_weekday(date, *day) == Some(date),
            DayRule::OfWeek(entries) => names(entries, weekday),
            DayRule::LastOfWeekday(wanted) => weekday == *wanted && !is_in_month(&a_week_on),
            DayRule::NthOfWeekday(wanted, nth) => {
                let same_weekday_so_far =
                    (0..5).filter(|weeks| is_in_month(&(date - Days::new(7 * weeks))));
                weekday == *wanted && same_weekday_so_far.count() == *nth as usize
            }
        };
        is_named_day
            && names(&self.months, date.month())
            && u32::try_from(date.year())
                .is_ok_and(|year| (1970..=2199).contains(&year) && names(&self.years, year))
    }
}

/// Of the Mondays to Fridays in the month of `date`, the one nearest to the day.
fn nearest_weekday(date: NaiveDate, day: u32) -> Option<NaiveDate> {
    let wanted = date.with_day(day)?;
    let month = (1..=31).filter_map(|day| date.with_day(day));
    let weekdays = month.filter(|date| date.weekday().number_from_monday() <= 5);
    weekdays.min_by_key(|date| (*date - wanted).num_days().abs())
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn runs_are_those_a_walk_over_every_minute_finds(
        window in 0..CLOCKS.len(),
        fields in fields(),
        offset_seconds in -86_400..72_000i64,
        after_gap in select(vec![AfterGap::Skip, AfterGap::Run]),
    ) {
        let window = &CLOCKS[window];
        let schedule = schedule(&fields.expression(), window.zone).with_after_gap(after_gap);
        let after = window.from + TimeDelta::seconds(offset_seconds.max(0));
        let found: Vec<_> = schedule.between(after, window.until).collect();
        prop_assert_eq!(&found, &window.runs(&fields, after, after_gap), "{} in {}", fields.expression(), window.zone);
        prop_assert!(found.is_sorted_by(|earlier, later| earlier < later));
    }
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn days_are_those_a_walk_over_the_calendar_finds(fields in fields(), start in 0..83_000u64) {
        let fields = Fields { minutes: vec![Entry::One(0)], hours: vec![Entry::One(12)], ..fields };
        let schedule = schedule(&fields.expression(), chrono_tz::UTC);
        let first = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date") + Days::new(start);
        let noon = |date: NaiveDate| date.and_hms_opt(12, 0, 0).expect("noon").and_utc();
        let expected: Vec<_> = first.iter_days().take(150).filter(|date| fields.name_date(*date)).map(noon).collect();
        let after = noon(first) - TimeDelta::seconds(1);
        let found: Vec<_> = schedule.between(after, noon(first + Days::new(149))).collect();
        prop_assert_eq!(found, expected, "{}", fields.expression());
    }
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn no_text_makes_it_panic(
        form in select(vec!["cron(", "rate(", "at(", ""]),
        letters in prop::collection::vec(select("0123456789 *?,-/#LWMONJANTminuteshours:()é".chars().collect::<Vec<_>>()), 0..30),
    ) {
        let body: String = letters.into_iter().collect();
        for text in [format!("{form}{body})"), format!("{form}{body}"), body] {
            if let Ok(schedule) = Schedule::parse(&text, chrono_tz::Europe::Berlin) {
                let again = Schedule::parse(schedule.expression(), chrono_tz::Europe::Berlin);
                prop_assert_eq!(again.as_ref(), Ok(&schedule), "what EventBridge takes means the same");
                let now = utc("2026-11-22T09:00:00Z");
                prop_assert!(schedule.describe().ends_with('.'));
                prop_assert!(schedule.next(now).is_none_or(|run| run > now));
                schedule.warnings(now);
            }
        }
    }
}
