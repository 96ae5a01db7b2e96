//! What was asked of the scheduler crates and got wrong answers, with the right ones.
//!
//! tokio-cron-scheduler 0.15 with croner 3 is the heartbeat only, and this is why. What the same probes found about
//! runs (overlap, blocking, panics, the end of the process) is with the daemon's tests.

use std::time::{Duration, Instant};

use chrono_tz::{America::New_York, Tz, UTC};

use super::super::Schedule;
use super::{runs, schedule, utc};

fn check(expression: &str, zone: Tz, after: &str, expected: &[&str]) {
    let found = runs(&schedule(expression, zone), after, expected.len());
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn six_in_the_evening_stays_six_in_the_evening_when_the_clock_changes() {
    // The crate had frozen the zone to an offset: 19:00 on the second day.
    check(
        "cron(0 18 * * ? *)",
        New_York,
        "2025-03-08T12:00:00Z",
        &["2025-03-08 18:00 EST", "2025-03-09 18:00 EDT"],
    );
}

#[test]
fn no_run_comes_before_the_one_before_it_when_an_hour_comes_twice() {
    // croner 3 went back in time, from 01:00 EST to 01:30 EDT; croner 4 ran the hour twice.
    check(
        "cron(0/30 * * * ? *)",
        New_York,
        "2025-11-02T04:45:00Z",
        &[
            "2025-11-02 01:00 EDT",
            "2025-11-02 01:30 EDT",
            "2025-11-02 02:00 EST",
            "2025-11-02 02:30 EST",
        ],
    );
}

#[test]
fn eight_bodies_that_aws_takes_are_taken() {
    // All eight were rejected: `?` and `L` landed in other fields.
    for (body, expected) in [
        ("0 10 * * ? *", "2026-11-22 10:00 UTC"),
        ("0 18 ? * MON-FRI *", "2026-11-23 18:00 UTC"),
        ("0 0 L * ? *", "2026-11-30 00:00 UTC"),
        ("15 10 ? * 6L 2026-2027", "2026-11-27 10:15 UTC"),
        ("0 9 ? * 3#2 *", "2026-12-08 09:00 UTC"),
        ("0 12 3W * ? *", "2026-12-03 12:00 UTC"),
        ("0/15 * * * ? *", "2026-11-22 00:15 UTC"),
        // croner 4 took this one and never ran it: in the day of the week `L` is Saturday.
        ("0 0 ? * L *", "2026-11-28 00:00 UTC"),
    ] {
        let expression = format!("cron({body})");
        check(&expression, UTC, "2026-11-22T00:00:00Z", &[expected]);
    }
}

#[test]
fn day_of_week_1_is_sunday_for_aws_and_monday_in_a_crontab() {
    // 2026-11-22 is a Sunday.
    let after = "2026-11-21T12:00:00Z";
    check("cron(0 0 ? * 1 *)", UTC, after, &["2026-11-22 00:00 UTC"]);
    check("0 0 * * 1", UTC, after, &["2026-11-23 00:00 UTC"]);
}

#[test]
fn friday_the_13th_has_no_meaning_rather_than_two() {
    // One constructor took the next Friday the 13th, the other the next Friday or 13th.
    for refused in ["0 0 13 * FRI", "cron(0 0 13 * FRI *)"] {
        let error = Schedule::parse(refused, UTC).expect_err("two meanings");
        assert!(error.to_string().contains("are both set"), "{error}");
        let hint = error.hint().unwrap_or_default();
        assert!(hint.starts_with("make two schedules"), "{hint}");
    }
}

#[test]
fn the_30th_of_february_is_a_schedule_that_says_that_it_never_fires() {
    // The job was accepted, and deleted at its first tick without a word.
    let began = Instant::now();
    let never = schedule("0 0 30 2 *", UTC);
    let now = utc("2026-11-22T00:00:00Z");
    assert_eq!(never.next(now), None);
    assert_eq!(
        never.warnings(now),
        ["never fires: no date from 1970 to 2199 matches `cron(0 0 30 2 ? *)`"]
    );
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn what_aws_refuses_is_refused_where_croner_takes_it() {
    for body in [
        "0 10 * * * *",
        "0 10 ? * ? *",
        "0 10 1 * MON *",
        "0 10 ? * 3#1,6#3 *",
        "0 10 * * ? 2200",
    ] {
        let parsed = Schedule::parse(&format!("cron({body})"), UTC);
        assert!(parsed.is_err(), "{body}");
    }
}

#[test]
fn a_run_in_the_gap_is_left_out_as_eventbridge_scheduler_does() {
    // croner 4 moved it to 03:00.
    check(
        "cron(30 2 * * ? *)",
        New_York,
        "2025-03-08T12:00:00Z",
        &["2025-03-10 02:30 EDT"],
    );
}
