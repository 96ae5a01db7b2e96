//! Descriptions, warnings, and refusals: what people read.

use chrono::TimeDelta;
use chrono_tz::{America::New_York, UTC};

use super::super::{AfterGap, crowded_minutes};
use super::{schedule, utc};

#[test]
fn describes_a_schedule_in_one_sentence() {
    for (expression, expected) in [
        ("cron(0 10 * * ? *)", "At 10:00 every day (UTC)."),
        (
            "cron(0 18 ? * MON-FRI *)",
            "At 18:00 on Monday to Friday (UTC).",
        ),
        ("cron(0 8 1 * ? *)", "At 08:00 on day 1 of the month (UTC)."),
        (
            "cron(0 8,20 1,15 * ? *)",
            "At 08:00 and 20:00 on days 1 and 15 of the month (UTC).",
        ),
        ("cron(* * * * ? *)", "Every minute (UTC)."),
        ("cron(0/15 * * * ? *)", "Every 15 minutes (UTC)."),
        (
            "cron(0/10 * ? * MON-FRI *)",
            "Every 10 minutes on Monday to Friday (UTC).",
        ),
        (
            "cron(0/5 8-17 ? * MON-FRI *)",
            "Every 5 minutes from 08:00 to 17:55 on Monday to Friday (UTC).",
        ),
        (
            "cron(0/30 0-2,20-23 * * ? *)",
            "Every 30 minutes of the hours 0 to 2 and 20 to 23 (UTC).",
        ),
        (
            "cron(5/10 * * * ? *)",
            "At minutes 5, 15, 25, 35, 45 and 55 of every hour (UTC).",
        ),
        ("cron(0 * * * ? *)", "Every hour on the hour (UTC)."),
        ("cron(5 0/2 * * ? *)", "Every 2 hours at minute 5 (UTC)."),
        (
            "cron(0 8-17 * * ? *)",
            "At minute 0 of the hours 8 to 17 (UTC).",
        ),
        (
            "cron(0 9 ? * 2#1 *)",
            "At 09:00 on the first Monday of the month (UTC).",
        ),
        (
            "cron(15 10 ? * 6L 2022-2023)",
            "At 10:15 on the last Friday of the month in 2022 and 2023 (UTC).",
        ),
        (
            "cron(0 0 L * ? *)",
            "At 00:00 on the last day of the month (UTC).",
        ),
        (
            "cron(0 12 3W JAN-MAR ? *)",
            "At 12:00 on the weekday nearest to day 3 of the month in January to March (UTC).",
        ),
        (
            "rate(1 hour)",
            "Every hour, counted from 2026-01-01 00:00 UTC.",
        ),
        (
            "rate(5 days)",
            "Every 5 days, counted from 2026-01-01 00:00 UTC.",
        ),
        (
            "at(2026-11-20T13:00:00)",
            "Once, on 2026-11-20 at 13:00 (UTC).",
        ),
    ] {
        assert_eq!(
            schedule(expression, UTC).describe(),
            expected,
            "{expression}"
        );
    }
    let run = schedule("cron(30 2 * * ? *)", New_York).with_after_gap(AfterGap::Run);
    assert_eq!(
        run.describe(),
        "At 02:30 every day (America/New_York; a run in a gap of the clock comes right after it)."
    );
}

#[test]
fn warns_about_what_an_operator_would_regret() {
    for (expression, zone, expected) in [
        ("cron(0 10 * * ? *)", New_York, &[][..]),
        ("cron(0 * * * ? *)", UTC, &[]),
        ("rate(1 day)", UTC, &[]),
        (
            "cron(0 0 30 2 ? *)",
            UTC,
            &["never fires: no date from 1970 to 2199 matches `cron(0 0 30 2 ? *)`"],
        ),
        (
            "cron(30 2 8 3 ? 2026)",
            New_York,
            &[
                "never fires: every local time it names is left out by a clock change in America/New_York",
            ],
        ),
        (
            "at(2027-03-14T02:30:00)",
            New_York,
            &[
                "never fires: every local time it names is left out by a clock change in America/New_York",
            ],
        ),
        (
            "cron(0 10 * * ? 2022-2023)",
            UTC,
            &["never fires again: the last date it names is 2023-12-31"],
        ),
        (
            "at(2026-11-20T13:00:00)",
            UTC,
            &["never fires again: 2026-11-20 13:00:00 in UTC is past"],
        ),
        (
            "cron(0 10 L 12 ? 2026)",
            UTC,
            &["runs once more, on 2026-12-31 at 10:00 UTC, and never again"],
        ),
        (
            "cron(30 2 * * ? *)",
            New_York,
            &[
                "sits in a gap: in America/New_York, 2027-03-14 02:00 to 03:00 does not exist; skipped at 02:30",
            ],
        ),
        (
            "cron(0 * * * ? *)",
            New_York,
            &[
                "pauses when the clock goes back: in America/New_York, 2027-11-07 01:00 to 02:00 comes twice and the second time has no runs; the zone UTC has no such pause",
            ],
        ),
        (
            "cron(0 0 1 1 ? 2040/10)",
            UTC,
            &["does not run before 2040-01-01 at 00:00 UTC"],
        ),
        (
            "cron(30 2 ? 3 1#2 *)",
            New_York,
            &[
                "does not run before 2100-03-14 at 02:30 EST",
                "sits in a gap: in America/New_York, 2027-03-14 02:00 to 03:00 does not exist; skipped at 02:30",
            ],
        ),
        (
            "cron(0 0 31 * ? *)",
            UTC,
            &[
                "skips February, April, June, September and November, which have no day 31; `L` is the last day of any month",
            ],
        ),
        (
            "cron(0 0 29 * ? *)",
            UTC,
            &[
                "skips February, which has no day 29, except in leap years; `L` is the last day of any month",
            ],
        ),
        (
            "rate(1 day)",
            New_York,
            &[
                "drifts by local time: in America/New_York the clock changes on 2027-03-14; a day stays 24 hours, so runs come 60 minutes later by local time from here on; `cron()` keeps the time of day",
            ],
        ),
        ("rate(90 minutes)", New_York, &[]),
    ] {
        let warnings = schedule(expression, zone).warnings(utc("2026-11-22T09:00:00Z"));
        assert_eq!(warnings, expected, "{expression} in {zone}");
    }
    let run = schedule("cron(30 2 * * ? *)", New_York).with_after_gap(AfterGap::Run);
    assert!(run.warnings(utc("2026-11-22T09:00:00Z")).is_empty());
}

#[test]
fn names_the_schedules_that_crowd_one_minute() {
    let hourly = schedule("cron(0 * * * ? *)", UTC);
    let daily = schedule("cron(0 6 * * ? *)", UTC);
    let weekly = schedule("cron(0 6 ? * MON *)", UTC);
    let apart = schedule("cron(7 6 * * ? *)", UTC);
    let all = [
        ("tag", &hourly, TimeDelta::zero()),
        ("certificates", &daily, TimeDelta::zero()),
        ("keys", &weekly, TimeDelta::zero()),
        ("mail", &apart, TimeDelta::zero()),
    ];
    let now = utc("2026-11-22T09:00:00Z");
    assert_eq!(
        crowded_minutes(&all, now, 1),
        [
            "3 schedules start in the same minute once within seven days, first on 2026-11-23 at 06:00 UTC: `tag`, `certificates` and `keys`"
        ]
    );
    assert_eq!(
        crowded_minutes(&all[..2], now, 1),
        [
            "2 schedules start in the same minute 7 times within seven days, first on 2026-11-23 at 06:00 UTC: `tag` and `certificates`"
        ]
    );
    assert_eq!(crowded_minutes(&all, now, 3), [""; 0]);
    let spread = [
        all[0],
        ("certificates", &daily, TimeDelta::seconds(60)),
        ("keys", &weekly, TimeDelta::seconds(59)),
    ];
    assert_eq!(
        crowded_minutes(&spread, now, 1),
        [
            "2 schedules start in the same minute once within seven days, first on 2026-11-23 at 06:00 UTC: `tag` and `keys`"
        ]
    );
}
