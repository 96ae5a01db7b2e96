//! Every expression the AWS documentation shows, month ends, and crontab lines.
//!
//! Sources: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use chrono_tz::{America::New_York, Europe::Berlin, UTC};

use super::{runs, schedule, utc};

/// Checks the first runs of an expression after midnight UTC of a date.
fn check(expression: &str, date: &str, expected: &[&str]) {
    let schedule = schedule(expression, UTC);
    let found = runs(&schedule, &format!("{date}T00:00:00Z"), expected.len());
    let expected: Vec<String> = expected.iter().map(|run| format!("{run} UTC")).collect();
    assert_eq!(found, expected, "{expression}");
    assert_eq!(schedule.expression(), expression, "written unchanged");
}

#[test]
fn runs_as_the_documented_cron_examples_say() {
    check(
        "cron(0 10 * * ? *)",
        "2026-11-22",
        &["2026-11-22 10:00", "2026-11-23 10:00"],
    );
    check(
        "cron(15 12 * * ? *)",
        "2026-11-22",
        &["2026-11-22 12:15", "2026-11-23 12:15"],
    );
    // 2026-11-20 is a Friday.
    check(
        "cron(0 18 ? * MON-FRI *)",
        "2026-11-20",
        &["2026-11-20 18:00", "2026-11-23 18:00"],
    );
    check(
        "cron(0 8 1 * ? *)",
        "2026-11-22",
        &["2026-12-01 08:00", "2027-01-01 08:00"],
    );
    check(
        "cron(0/15 * * * ? *)",
        "2026-11-22",
        &["2026-11-22 00:15", "2026-11-22 00:30"],
    );
    check(
        "cron(0/10 * ? * MON-FRI *)",
        "2026-11-22",
        &["2026-11-23 00:00", "2026-11-23 00:10"],
    );
    check(
        "cron(0/5 8-17 ? * MON-FRI *)",
        "2026-11-22",
        &["2026-11-23 08:00", "2026-11-23 08:05"],
    );
    check(
        "cron(0/30 20-2 ? * MON-FRI *)"
            .replace("20-2", "20-23,0-2")
            .as_str(),
        "2026-11-22",
        &[
            "2026-11-23 00:00",
            "2026-11-23 00:30",
            "2026-11-23 01:00",
            "2026-11-23 01:30",
            "2026-11-23 02:00",
            "2026-11-23 02:30",
            "2026-11-23 20:00",
        ],
    );
    check(
        "cron(0/30 20-23 ? * MON-FRI *)",
        "2026-11-22",
        &["2026-11-23 20:00", "2026-11-23 20:30"],
    );
    check(
        "cron(0 9 ? * 2#1 *)",
        "2026-11-22",
        &["2026-12-07 09:00", "2027-01-04 09:00"],
    );
    check(
        "cron(0 0 L * ? *)",
        "2026-11-22",
        &["2026-11-30 00:00", "2026-12-31 00:00"],
    );
    check(
        "cron(0 12 3W * ? *)",
        "2026-12-01",
        &["2026-12-03 12:00", "2027-01-04 12:00"],
    );
    check(
        "cron(15 10 ? * 6L 2022-2023)",
        "2022-01-01",
        &["2022-01-28 10:15", "2022-02-25 10:15"],
    );
    check(
        "cron(0 0 ? * 3#2 *)",
        "2026-11-22",
        &["2026-12-08 00:00", "2027-01-12 00:00"],
    );
    check(
        "cron(1/10 * * * ? *)",
        "2026-11-22",
        &["2026-11-22 00:01", "2026-11-22 00:11"],
    );
    check(
        "cron(0 0 1-15 JAN,FEB,MAR ? *)",
        "2026-11-22",
        &["2027-01-01 00:00", "2027-01-02 00:00"],
    );
}

#[test]
fn ends_with_the_last_year_it_names() {
    let schedule = schedule("cron(15 10 ? * 6L 2022-2023)", UTC);
    assert_eq!(
        schedule
            .between(utc("2000-01-01T00:00:00Z"), utc("2100-01-01T00:00:00Z"))
            .count(),
        24
    );
    assert_eq!(
        schedule.next(utc("2023-12-29T10:14:59Z")),
        Some(utc("2023-12-29T10:15:00Z"))
    );
    assert_eq!(schedule.next(utc("2023-12-29T10:15:00Z")), None);
}

#[test]
fn takes_every_form_the_fields_allow() {
    check(
        "cron(5/10 * * * ? *)",
        "2026-11-22",
        &["2026-11-22 00:05", "2026-11-22 00:15"],
    );
    check(
        "cron(*/20 3 * * ? *)",
        "2026-11-22",
        &["2026-11-22 03:00", "2026-11-22 03:20"],
    );
    check(
        "cron(10-30/15 3 * * ? *)",
        "2026-11-22",
        &["2026-11-22 03:10", "2026-11-22 03:25", "2026-11-23 03:10"],
    );
    check(
        "cron(0,30 0 * * ? *)",
        "2026-11-22",
        &["2026-11-22 00:30", "2026-11-23 00:00"],
    );
    check(
        "cron(0 0 ? * * *)",
        "2026-11-22",
        &["2026-11-23 00:00", "2026-11-24 00:00"],
    );
    check("cron(0 0 ? * 1 *)", "2026-11-23", &["2026-11-29 00:00"]);
    check(
        "cron(0 0 ? * L *)",
        "2026-11-22",
        &["2026-11-28 00:00", "2026-12-05 00:00"],
    );
    check(
        "cron(0 0 ? * FRIL *)",
        "2026-11-22",
        &["2026-11-27 00:00", "2026-12-25 00:00"],
    );
    check(
        "cron(0 0 ? * MON#5 *)",
        "2026-11-22",
        &["2026-11-30 00:00", "2027-03-29 00:00"],
    );
    check(
        "cron(0 0 ? * 2/2 *)",
        "2026-11-22",
        &[
            "2026-11-23 00:00",
            "2026-11-25 00:00",
            "2026-11-27 00:00",
            "2026-11-30 00:00",
        ],
    );
    check(
        "cron(0 0 1 1 ? 2028/2)",
        "2026-11-22",
        &["2028-01-01 00:00", "2030-01-01 00:00"],
    );
    check(
        "cron(59 23 31 12 ? 2199)",
        "2026-11-22",
        &["2199-12-31 23:59"],
    );
}

#[test]
fn knows_where_months_end() {
    check(
        "cron(0 0 31 * ? *)",
        "2026-11-22",
        &[
            "2026-12-31 00:00",
            "2027-01-31 00:00",
            "2027-03-31 00:00",
            "2027-05-31 00:00",
        ],
    );
    check(
        "cron(0 0 29 2 ? *)",
        "2026-11-22",
        &["2028-02-29 00:00", "2032-02-29 00:00"],
    );
    check("cron(0 0 29 2 ? *)", "2096-03-01", &["2104-02-29 00:00"]);
    check(
        "cron(0 0 L 2 ? *)",
        "2026-11-22",
        &["2027-02-28 00:00", "2028-02-29 00:00"],
    );
    // 2026-08-01 is a Saturday and 2026-05-31 a Sunday; neither may leave its month.
    check(
        "cron(0 0 1W * ? *)",
        "2026-07-02",
        &["2026-08-03 00:00", "2026-09-01 00:00"],
    );
    check(
        "cron(0 0 31W * ? *)",
        "2026-05-01",
        &["2026-05-29 00:00", "2026-07-31 00:00"],
    );
    check(
        "cron(0 0 15W * ? *)",
        "2026-08-01",
        &[
            "2026-08-14 00:00",
            "2026-09-15 00:00",
            "2026-10-15 00:00",
            "2026-11-16 00:00",
        ],
    );
}

#[test]
fn gives_up_on_impossible_dates_at_once() {
    let started = Instant::now();
    for impossible in [
        "cron(0 0 30 2 ? *)",
        "cron(0 0 31 4,6,9,11 ? *)",
        "cron(0 0 29 2 ? 2027,2029-2031,2100)",
        "cron(* * 31W 2 ? *)",
        "cron(30 2 8 3 ? 2026)",
    ] {
        assert_eq!(
            schedule(impossible, New_York).next(utc("1960-01-01T00:00:00Z")),
            None,
            "{impossible}"
        );
    }
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "took {:?}",
        started.elapsed()
    );
}

#[test]
fn answers_at_the_edges_of_the_calendar() {
    use chrono::{DateTime, Utc};
    let daily = schedule("cron(0 0 * * ? *)", New_York);
    assert_eq!(
        daily.next(DateTime::<Utc>::MIN_UTC),
        Some(utc("1970-01-01T05:00:00Z"))
    );
    assert_eq!(daily.next(DateTime::<Utc>::MAX_UTC), None);
    let rate = schedule("rate(4294967295 days)", UTC);
    assert_eq!(
        rate.next(DateTime::<Utc>::MIN_UTC),
        Some(utc("2026-01-01T00:00:00Z"))
    );
    assert_eq!(rate.next(utc("2026-01-01T00:00:00Z")), None);
    assert_eq!(
        schedule("rate(1 minute)", UTC).next(DateTime::<Utc>::MAX_UTC),
        None
    );
}

#[test]
fn counts_a_rate_from_its_start() {
    check(
        "rate(5 minutes)",
        "2026-11-22",
        &["2026-11-22 00:05", "2026-11-22 00:10"],
    );
    check(
        "rate(1 hour)",
        "2026-11-22",
        &["2026-11-22 01:00", "2026-11-22 02:00"],
    );
    check(
        "rate(7 days)",
        "2025-11-22",
        &["2026-01-01 00:00", "2026-01-08 00:00"],
    );
    let late = schedule("rate(2 hours)", UTC).with_start(utc("2026-05-05T05:05:05Z"));
    assert_eq!(
        late.next(utc("2026-05-05T05:05:04Z")),
        Some(utc("2026-05-05T05:05:05Z"))
    );
    assert_eq!(
        late.next(utc("2026-05-05T05:05:05Z")),
        Some(utc("2026-05-05T07:05:05Z"))
    );
    assert_eq!(
        late.next(utc("2026-05-05T07:05:04.999Z")),
        Some(utc("2026-05-05T07:05:05Z"))
    );
    assert_eq!(late.start(), Some(utc("2026-05-05T05:05:05Z")));
    assert_eq!(schedule("cron(0 10 * * ? *)", UTC).start(), None);
}

#[test]
fn runs_a_one_time_schedule_once_in_its_zone() {
    let once = schedule("at(2022-11-20T13:00:00)", Berlin);
    assert_eq!(
        once.next(utc("2022-01-01T00:00:00Z")),
        Some(utc("2022-11-20T12:00:00Z"))
    );
    assert_eq!(once.next(utc("2022-11-20T12:00:00Z")), None);
    let seconds = schedule("at(2026-07-01T00:00:30)", New_York);
    assert_eq!(
        seconds.next(utc("2026-01-01T00:00:00Z")),
        Some(utc("2026-07-01T04:00:30Z"))
    );
}

#[test]
fn gives_the_time_between_the_next_two_runs() {
    let hint =
        |expression: &str| schedule(expression, UTC).period_hint(utc("2026-11-20T18:30:00Z"));
    assert_eq!(hint("rate(2 hours)"), Some(TimeDelta::hours(2)));
    assert_eq!(hint("cron(0 18 ? * MON-FRI *)"), Some(TimeDelta::days(1)));
    assert_eq!(hint("at(2026-11-20T19:00:00)"), None);
    assert_eq!(hint("cron(0 0 30 2 ? *)"), None);
}

#[test]
fn lists_runs_after_one_time_up_to_and_with_another() {
    let schedule = schedule("cron(0 * * * ? *)", UTC);
    let found: Vec<_> = schedule
        .between(utc("2026-11-22T01:00:00Z"), utc("2026-11-22T03:00:00Z"))
        .collect();
    assert_eq!(
        found,
        [utc("2026-11-22T02:00:00Z"), utc("2026-11-22T03:00:00Z")]
    );
}

#[test]
fn tidies_spaces_and_capitals() {
    let expression = |text: &str| schedule(text, UTC).expression().to_owned();
    assert_eq!(
        expression("  cron( 0  9 ? jan-mar mon,fri * ) "),
        "cron(0 9 ? JAN-MAR MON,FRI *)"
    );
    assert_eq!(expression("rate(5   minutes)"), "rate(5 minutes)");
    assert_eq!(
        expression("at( 2026-11-20T13:00:00 )"),
        "at(2026-11-20T13:00:00)"
    );
}

#[test]
fn converts_crontab_lines() {
    for (line, expected) in [
        ("0 10 * * *", "cron(0 10 * * ? *)"),
        ("*/5 8-17 * * 1-5", "cron(0/5 8-17 ? * MON-FRI *)"),
        ("* * * * *", "cron(* * * * ? *)"),
        ("*/1 */6 */2 */3 *", "cron(* 0/6 1/2 1/3 ? *)"),
        ("0 0 1,15 * *", "cron(0 0 1,15 * ? *)"),
        ("30 4 * jan-mar sun", "cron(30 4 ? JAN-MAR SUN *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 7", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 0-7", "cron(0 0 * * ? *)"),
        ("0 0 * * 5-7", "cron(0 0 ? * SUN,FRI,SAT *)"),
        ("0 0 * * 1,3", "cron(0 0 ? * MON,WED *)"),
        ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
        ("0 0 1 * 0-6", "cron(0 0 1 * ? *)"),
        ("10-40/10 3 * * *", "cron(10-40/10 3 * * ? *)"),
    ] {
        assert_eq!(schedule(line, UTC).expression(), expected, "{line}");
    }
}
