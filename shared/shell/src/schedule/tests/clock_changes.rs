//! What runs when a clock jumps: tables for the zones that are hardest to get right.

use chrono_tz::America::{New_York, Sao_Paulo};
use chrono_tz::{Australia::Lord_Howe, Europe::Berlin, Pacific::Apia, Tz};

use super::super::AfterGap;
use super::{runs, schedule, utc};

fn check(expression: &str, zone: Tz, after: &str, expected: &[&str]) {
    let schedule = schedule(expression, zone);
    assert_eq!(
        runs(&schedule, after, expected.len()),
        expected,
        "{expression} in {zone}"
    );
}

fn check_with_run_after_gap(expression: &str, zone: Tz, after: &str, expected: &[&str]) {
    let schedule = schedule(expression, zone).with_after_gap(AfterGap::Run);
    assert_eq!(
        runs(&schedule, after, expected.len()),
        expected,
        "{expression} in {zone}"
    );
}

#[test]
fn keeps_the_local_time_over_a_clock_change() {
    check(
        "cron(0 18 * * ? *)",
        New_York,
        "2026-03-07T12:00:00Z",
        &["2026-03-07 18:00 EST", "2026-03-08 18:00 EDT"],
    );
    check(
        "cron(0 18 * * ? *)",
        Berlin,
        "2026-10-24T12:00:00Z",
        &["2026-10-24 18:00 CEST", "2026-10-25 18:00 CET"],
    );
}

#[test]
fn skips_a_time_in_the_gap() {
    check(
        "cron(30 2 * * ? *)",
        New_York,
        "2026-03-07T05:00:00Z",
        &["2026-03-07 02:30 EST", "2026-03-09 02:30 EDT"],
    );
    check(
        "cron(0 2 * * ? *)",
        New_York,
        "2026-03-07T05:00:00Z",
        &["2026-03-07 02:00 EST", "2026-03-09 02:00 EDT"],
    );
    check(
        "cron(0 3 * * ? *)",
        New_York,
        "2026-03-07T12:00:00Z",
        &["2026-03-08 03:00 EDT"],
    );
    check(
        "cron(0 * * * ? *)",
        New_York,
        "2026-03-08T05:30:00Z",
        &["2026-03-08 01:00 EST", "2026-03-08 03:00 EDT"],
    );
    check(
        "cron(0/30 * * * ? *)",
        Berlin,
        "2026-03-29T00:15:00Z",
        &["2026-03-29 01:30 CET", "2026-03-29 03:00 CEST"],
    );
    assert_eq!(
        schedule("at(2026-03-08T02:30:00)", New_York).next(utc("2026-01-01T00:00:00Z")),
        None
    );
}

#[test]
fn runs_once_in_the_overlap_the_first_time() {
    check(
        "cron(30 1 * * ? *)",
        New_York,
        "2026-10-31T12:00:00Z",
        &["2026-11-01 01:30 EDT", "2026-11-02 01:30 EST"],
    );
    check(
        "cron(0 * * * ? *)",
        New_York,
        "2026-11-01T04:30:00Z",
        &["2026-11-01 01:00 EDT", "2026-11-01 02:00 EST"],
    );
    check(
        "cron(0/30 * * * ? *)",
        New_York,
        "2026-11-01T04:45:00Z",
        &[
            "2026-11-01 01:00 EDT",
            "2026-11-01 01:30 EDT",
            "2026-11-01 02:00 EST",
        ],
    );
    // Asked in the second pass, the answer is still the time after it.
    check(
        "cron(0/30 * * * ? *)",
        New_York,
        "2026-11-01T06:10:00Z",
        &["2026-11-01 02:00 EST"],
    );
    check(
        "at(2026-11-01T01:30:00)",
        New_York,
        "2026-01-01T00:00:00Z",
        &["2026-11-01 01:30 EDT"],
    );
}

#[test]
fn knows_a_zone_that_changes_by_half_an_hour() {
    check(
        "cron(15 2 * * ? *)",
        Lord_Howe,
        "2026-10-02T18:00:00Z",
        &["2026-10-05 02:15 +11"],
    );
    check(
        "cron(30 2 * * ? *)",
        Lord_Howe,
        "2026-10-02T18:00:00Z",
        &["2026-10-04 02:30 +11"],
    );
    check(
        "cron(0/15 * * * ? *)",
        Lord_Howe,
        "2026-04-04T14:20:00Z",
        &[
            "2026-04-05 01:30 +11",
            "2026-04-05 01:45 +11",
            "2026-04-05 02:00 +1030",
            "2026-04-05 02:15 +1030",
        ],
    );
}

#[test]
fn knows_a_day_that_begins_at_one_in_the_morning() {
    check(
        "cron(0 0 * * ? *)",
        Sao_Paulo,
        "2018-11-03T00:00:00Z",
        &["2018-11-03 00:00 -03", "2018-11-05 00:00 -02"],
    );
    check(
        "cron(30 23 * * ? *)",
        Sao_Paulo,
        "2018-02-17T12:00:00Z",
        &["2018-02-17 23:30 -02", "2018-02-18 23:30 -03"],
    );
}

#[test]
fn knows_a_day_that_never_was() {
    check(
        "cron(0 12 * * ? *)",
        Apia,
        "2011-12-29T00:00:00Z",
        &["2011-12-29 12:00 -10", "2011-12-31 12:00 +14"],
    );
    check("cron(0 12 30 12 ? 2011)", Apia, "1970-01-01T00:00:00Z", &[]);
    assert_eq!(
        schedule("cron(0 12 30 12 ? 2011)", Apia).next(utc("1970-01-01T00:00:00Z")),
        None
    );
    check_with_run_after_gap(
        "cron(0 12 30 12 ? 2011)",
        Apia,
        "1970-01-01T00:00:00Z",
        &["2011-12-31 00:00 +14"],
    );
}

#[test]
fn makes_up_a_run_in_the_gap_when_asked_to() {
    check_with_run_after_gap(
        "cron(30 2 * * ? *)",
        New_York,
        "2026-03-07T12:00:00Z",
        &["2026-03-08 03:00 EDT", "2026-03-09 02:30 EDT"],
    );
    // All that the gap swallowed, and what is due anyway, is one run.
    check_with_run_after_gap(
        "cron(0/15 * * * ? *)",
        New_York,
        "2026-03-08T06:40:00Z",
        &[
            "2026-03-08 01:45 EST",
            "2026-03-08 03:00 EDT",
            "2026-03-08 03:15 EDT",
        ],
    );
    check_with_run_after_gap(
        "cron(0 0 * * ? *)",
        Sao_Paulo,
        "2018-11-03T12:00:00Z",
        &["2018-11-04 01:00 -02"],
    );
    check_with_run_after_gap(
        "at(2026-03-08T02:30:00)",
        New_York,
        "2026-01-01T00:00:00Z",
        &["2026-03-08 03:00 EDT"],
    );
}

#[test]
fn a_rate_in_days_keeps_24_hours() {
    check(
        "rate(1 day)",
        New_York,
        "2026-03-07T12:00:00Z",
        &["2026-03-07 19:00 EST", "2026-03-08 20:00 EDT"],
    );
}

fn affected(expression: &str, zone: Tz, from: &str, until: &str) -> Vec<String> {
    let affected = schedule(expression, zone).affected(utc(from), utc(until));
    affected.iter().map(ToString::to_string).collect()
}

#[test]
fn says_what_clock_changes_do() {
    let (from, until) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_eq!(
        affected("cron(30 2 * * ? *)", New_York, from, until),
        ["2026-03-08 02:00 to 03:00 does not exist: skipped at 02:30"]
    );
    assert_eq!(
        affected("cron(30 1 * * ? *)", New_York, from, until),
        ["2026-11-01 01:00 to 02:00 comes twice: runs once at 01:30, the first time it comes"]
    );
    assert_eq!(
        affected("cron(0/10 * * * ? *)", New_York, from, until),
        [
            "2026-03-08 02:00 to 03:00 does not exist: skipped 6 times from 02:00 to 02:50",
            "2026-11-01 01:00 to 02:00 comes twice: runs 6 times from 01:00 to 01:50, only as these first come",
        ]
    );
    assert_eq!(
        affected("cron(0/20 * * * ? *)", Lord_Howe, from, until),
        [
            "2026-04-05 01:30 to 02:00 comes twice: runs once at 01:40, the first time it comes",
            "2026-10-04 02:00 to 02:30 does not exist: skipped at 02:00 and 02:20",
        ]
    );
    assert_eq!(
        affected("cron(0 12 * * ? *)", New_York, from, until),
        [""; 0]
    );
    assert_eq!(
        affected(
            "cron(0 12 * * ? *)",
            Apia,
            "2011-12-01T00:00:00Z",
            "2012-01-15T00:00:00Z"
        ),
        ["2011-12-30 00:00 to 2011-12-31 00:00 does not exist: skipped at 12:00"]
    );
    assert_eq!(
        affected("rate(1 day)", New_York, from, "2026-06-01T00:00:00Z"),
        [
            "2026-03-08 02:00 to 03:00 does not exist: a day stays 24 hours, so runs come 60 minutes later by local time from here on"
        ]
    );
    let run = schedule("cron(0/30 2 * * ? *)", New_York).with_after_gap(AfterGap::Run);
    let made_up: Vec<_> = run
        .affected(utc(from), utc(until))
        .into_iter()
        .filter_map(|change| change.effect)
        .collect();
    assert_eq!(made_up, ["runs once at 03:00 for 02:00 and 02:30"]);
}

#[test]
fn lists_clock_changes_that_do_nothing_too() {
    let schedule = schedule("cron(0 12 * * ? *)", New_York);
    let listed: Vec<_> = schedule
        .transitions(utc("2026-03-08T06:59:59.5Z"), utc("2026-11-01T06:00:00Z"))
        .into_iter()
        .map(|change| format!("{} {change}", change.at.to_rfc3339()))
        .collect();
    assert_eq!(
        listed,
        [
            "2026-03-08T07:00:00+00:00 2026-03-08 02:00 to 03:00 does not exist: no run is affected",
            "2026-11-01T06:00:00+00:00 2026-11-01 01:00 to 02:00 comes twice: no run is affected",
        ]
    );
    assert!(
        schedule
            .transitions(utc("2026-03-08T07:00:00Z"), utc("2026-11-01T05:59:59Z"))
            .is_empty()
    );
}
