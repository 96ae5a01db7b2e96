//! What is refused, and how: each line says which field, what it may hold, and the way out.

use chrono_tz::UTC;

use super::super::Schedule;

const FORMS: &str = "`cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, `at(yyyy-mm-ddThh:mm:ss)`, or the five fields of a crontab line";
const CRONTAB: &str = "five fields are read as a crontab line; EventBridge's own form is `cron(minutes hours day-of-month month day-of-week year)`";
const FIELDS: &str = "minutes hours day-of-month month day-of-week year";

/// The refusal as an operator reads it, with its hint. The texts above stand in braces.
fn refusal(expression: &str) -> String {
    let refusal = match Schedule::parse(expression, UTC) {
        Ok(schedule) => format!("accepted as {}", schedule.expression()),
        Err(error) => match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        },
    };
    refusal
        .replace(FORMS, "{FORMS}")
        .replace(CRONTAB, "{CRONTAB}")
        .replace(FIELDS, "{FIELDS}")
}

fn check(refused: &[(&str, &str)]) {
    for (expression, expected) in refused {
        assert_eq!(refusal(expression), *expected, "{expression}");
    }
}

#[test]
fn refuses_a_day_of_month_together_with_a_day_of_week() {
    check(&[
        (
            "cron(0 10 * * * *)",
            "day-of-month and day-of-week are both `*` (allowed: `?` in exactly one of them)\n\
             hint: for every day write day-of-month `*` and day-of-week `?`",
        ),
        (
            "cron(0 10 ? * ? *)",
            "day-of-month and day-of-week are both `?` (allowed: `?` in exactly one of them)\n\
             hint: for every day write day-of-month `*` and day-of-week `?`",
        ),
        (
            "cron(0 10 1 * MON *)",
            "day-of-month `1` and day-of-week `MON` are both set (allowed: `?` in exactly one of them)\n\
             hint: make two schedules, one by day-of-month and one by day-of-week",
        ),
        (
            "cron(0 10 * * MON *)",
            "day-of-month `*` and day-of-week `MON` are both set (allowed: `?` in exactly one of them)\n\
             hint: for these weekdays write day-of-month `?`, day-of-week `MON`",
        ),
        (
            "cron(0 10 1 * * *)",
            "day-of-month `1` and day-of-week `*` are both set (allowed: `?` in exactly one of them)\n\
             hint: for these days write day-of-month `1`, day-of-week `?`",
        ),
    ]);
}

#[test]
fn refuses_values_out_of_range() {
    check(&[
        (
            "cron(0 10 * * ? 2200)",
            "year `2200` is out of range (allowed: 1970 to 2199)",
        ),
        (
            "cron(0 10 * * ? 1969)",
            "year `1969` is out of range (allowed: 1970 to 2199)",
        ),
        (
            "cron(60 10 * * ? *)",
            "minutes `60` is out of range (allowed: 0 to 59)",
        ),
        (
            "cron(0 24 * * ? *)",
            "hours `24` is out of range (allowed: 0 to 23)",
        ),
        (
            "cron(0 0 0 * ? *)",
            "day-of-month `0` is out of range (allowed: 1 to 31)",
        ),
        (
            "cron(0 0 32 * ? *)",
            "day-of-month `32` is out of range (allowed: 1 to 31)",
        ),
        (
            "cron(0 0 1 13 ? *)",
            "month `13` is out of range (allowed: 1 to 12 or JAN to DEC)",
        ),
        (
            "cron(0 0 ? * 0 *)",
            "day-of-week `0` is out of range (allowed: 1 to 7 or SUN to SAT)\n\
             hint: EventBridge counts the days of the week from Sunday as 1",
        ),
        (
            "cron(0 0 ? * 8 *)",
            "day-of-week `8` is out of range (allowed: 1 to 7 or SUN to SAT)\n\
             hint: EventBridge counts the days of the week from Sunday as 1",
        ),
        (
            "cron(0/0 * * * ? *)",
            "minutes step `0` in `0/0` is out of range (allowed: 1 to 59)",
        ),
        (
            "cron(0/60 * * * ? *)",
            "minutes step `60` in `0/60` is out of range (allowed: 1 to 59)",
        ),
        (
            "cron(0 0 32W * ? *)",
            "day-of-month `32` is out of range (allowed: 1 to 31)",
        ),
        (
            "cron(0 0 ? * 2#6 *)",
            "day-of-week `2#6` is out of range after `#` (allowed: 1 to 5)\n\
             hint: the first of a month is `MON#1`",
        ),
        (
            "cron(0 0 ? * 2#0 *)",
            "day-of-week `2#0` is out of range after `#` (allowed: 1 to 5)\n\
             hint: the first of a month is `MON#1`",
        ),
        (
            "cron(0 0 ? * 8L *)",
            "day-of-week `8` is out of range (allowed: 1 to 7 or SUN to SAT)\n\
             hint: EventBridge counts the days of the week from Sunday as 1",
        ),
        (
            "cron(99999999999999999999999 * * * ? *)",
            "minutes `99999999999999999999999` is out of range (allowed: 0 to 59)",
        ),
    ]);
}

#[test]
fn refuses_what_is_no_value_list_or_range() {
    check(&[
        (
            "cron(0 0 1 JAM ? *)",
            "month `JAM` is not understood (allowed: 1 to 12 or JAN to DEC, combined with `,` `-` `*` `/`)",
        ),
        (
            "cron(0 0 ? * MONDAY *)",
            "day-of-week `MONDAY` is not understood (allowed: 1 to 7 or SUN to SAT, combined with `,` `-` `*` `/`)\n\
             hint: EventBridge counts the days of the week from Sunday as 1",
        ),
        (
            "cron(0 22-2 * * ? *)",
            "hours range `22-2` runs backwards (allowed: 0 to 23, the earlier first)\n\
             hint: write it in two: `22-23,0-2`",
        ),
        (
            "cron(0 0 ? * FRI-MON *)",
            "day-of-week range `FRI-MON` runs backwards (allowed: 1 to 7 or SUN to SAT, the earlier first)\n\
             hint: write it in two: `FRI-SAT,SUN-MON`",
        ),
        (
            "cron(0 0 ? * SAT-SUN *)",
            "day-of-week range `SAT-SUN` runs backwards (allowed: 1 to 7 or SUN to SAT, the earlier first)\n\
             hint: write it in two: `SAT,SUN`",
        ),
        (
            "cron(/5 * * * ? *)",
            "minutes `/5` is not understood (allowed: 0 to 59, combined with `,` `-` `*` `/`)\n\
             hint: say where the steps begin: `0/5`",
        ),
        (
            "cron(1,,2 * * * ? *)",
            "minutes has an empty entry in its list (allowed: 0 to 59)",
        ),
        (
            "cron(? * * * ? *)",
            "minutes may not be `?` (allowed: 0 to 59; only day-of-month and day-of-week take `?`)\n\
             hint: write `*` for every value",
        ),
        (
            "cron(L 0 * * ? *)",
            "minutes `L` is not understood (allowed: 0 to 59, combined with `,` `-` `*` `/`)",
        ),
        (
            "cron(+5 10 * * ? *)",
            "minutes `+5` is not understood (allowed: 0 to 59, combined with `,` `-` `*` `/`)",
        ),
        (
            "cron(1-2-3 * * * ? *)",
            "minutes `2-3` is not understood (allowed: 0 to 59, combined with `,` `-` `*` `/`)",
        ),
        (
            "cron(0/5/2 * * * ? *)",
            "minutes step `5/2` in `0/5/2` is not a whole number (allowed: 1 to 59)",
        ),
        (
            "cron(- * * * ? *)",
            "minutes `-` is not understood (allowed: 0 to 59, combined with `,` `-` `*` `/`)",
        ),
        (
            "cron(0/x * * * ? *)",
            "minutes step `X` in `0/X` is not a whole number (allowed: 1 to 59)",
        ),
    ]);
}

#[test]
fn refuses_wildcards_aws_does_not_document() {
    check(&[
        (
            "cron(0 0 LW * ? *)",
            "day-of-month `LW` is not documented by AWS (allowed: 1 to 31, `L`, or a day and `W`)",
        ),
        (
            "cron(0 0 L-3 * ? *)",
            "day-of-month `L-3` is not documented by AWS (allowed: 1 to 31, `L`, or a day and `W`)",
        ),
        (
            "cron(0 0 1,L * ? *)",
            "day-of-month `1,L` combines `L`, `W` or `#` with something else (allowed: one of them, alone)\n\
             hint: make one schedule for each",
        ),
        (
            "cron(0 0 1W,15W * ? *)",
            "day-of-month `1W,15W` combines `L`, `W` or `#` with something else (allowed: one of them, alone)\n\
             hint: make one schedule for each",
        ),
        (
            "cron(0 0 W * ? *)",
            "day-of-month `W` needs a day before it (allowed: 1W to 31W)",
        ),
        (
            "cron(0 0 ? * 3#1,6#3 *)",
            "day-of-week `3#1,6#3` combines `L`, `W` or `#` with something else (allowed: one of them, alone)\n\
             hint: make one schedule for each",
        ),
        (
            "cron(0 0 ? * 2,6L *)",
            "day-of-week `2,6L` combines `L`, `W` or `#` with something else (allowed: one of them, alone)\n\
             hint: make one schedule for each",
        ),
        (
            "cron(0 0 ? * 3W *)",
            "day-of-week `3W` is not understood (allowed: 1 to 7 or SUN to SAT, combined with `,` `-` `*` `/`)\n\
             hint: EventBridge counts the days of the week from Sunday as 1",
        ),
        (
            "cron(0 0 2#1 * ? *)",
            "day-of-month `2#1` is not understood (allowed: 1 to 31, combined with `,` `-` `*` `/`)",
        ),
    ]);
}

#[test]
fn refuses_the_wrong_number_of_fields() {
    check(&[
        (
            "cron(0 10 * * ?)",
            "cron has 5 fields, it needs six: {FIELDS}\n\
             hint: add the year: `cron(0 10 * * ? *)`",
        ),
        (
            "cron(0 10 * * 1)",
            "cron has 5 fields, it needs six: {FIELDS}\n\
             hint: a crontab line goes without `cron()`: `0 10 * * 1`",
        ),
        (
            "cron(0 0 10 * * ? *)",
            "cron has 7 fields, it needs six: {FIELDS}\n\
             hint: EventBridge has no field for seconds; leave the first one out",
        ),
        ("cron()", "cron has 0 fields, it needs six: {FIELDS}"),
    ]);
}

#[test]
fn refuses_rates_with_the_wrong_number_or_unit() {
    check(&[
        (
            "rate(1 hours)",
            "rate unit `hours` does not go with the value 1 (allowed: `minute`, `hour`, `day`)\n\
             hint: write `rate(1 hour)`",
        ),
        (
            "rate(2 hour)",
            "rate unit `hour` does not go with the value 2 (allowed: `minutes`, `hours`, `days`)\n\
             hint: write `rate(2 hours)`",
        ),
        (
            "rate(0 minutes)",
            "rate value `0` is out of range (allowed: whole numbers from 1 to 4294967295)",
        ),
        (
            "rate(-5 minutes)",
            "rate value `-5` is out of range (allowed: whole numbers from 1 to 4294967295)",
        ),
        (
            "rate(5 seconds)",
            "rate unit `seconds` is not known (allowed: `minutes`, `hours`, `days`)",
        ),
        (
            "rate(5)",
            "rate `5` needs a value and a unit, such as `rate(5 minutes)`",
        ),
        (
            "rate(1.5 hours)",
            "rate value `1.5` is out of range (allowed: whole numbers from 1 to 4294967295)",
        ),
        (
            "rate(5000000000 days)",
            "rate value `5000000000` is out of range (allowed: whole numbers from 1 to 4294967295)",
        ),
        (
            "rate(5 minutes extra)",
            "rate unit `minutes extra` is not known (allowed: `minutes`, `hours`, `days`)",
        ),
        (
            "rate(1 weeks)",
            "rate unit `weeks` is not known (allowed: `minute`, `hour`, `day`)",
        ),
    ]);
}

#[test]
fn refuses_one_times_that_are_no_local_time() {
    check(&[
        (
            "at(2026-11-20T13:00:00Z)",
            "at time `2026-11-20T13:00:00Z` is not understood (allowed: `yyyy-mm-ddThh:mm:ss`, such as `at(2026-11-20T13:00:00)`)\n\
             hint: leave the `Z` out: the time is local to the schedule's zone",
        ),
        (
            "at(2026-11-20 13:00:00)",
            "at time `2026-11-20 13:00:00` is not understood (allowed: `yyyy-mm-ddThh:mm:ss`, such as `at(2026-11-20T13:00:00)`)",
        ),
        (
            "at(2026-02-30T13:00:00)",
            "at date `2026-02-30` does not exist in the calendar",
        ),
        (
            "at(2026-11-20T24:00:00)",
            "at time `24:00:00` is out of range (allowed: 00:00:00 to 23:59:59)",
        ),
        (
            "at(2026-11-20T13:00:60)",
            "at time `13:00:60` is out of range (allowed: 00:00:00 to 23:59:59)",
        ),
        (
            "at(26-11-20T13:00)",
            "at time `26-11-20T13:00` is not understood (allowed: `yyyy-mm-ddThh:mm:ss`, such as `at(2026-11-20T13:00:00)`)",
        ),
        (
            "at(0026-11-20T13:00:00)",
            "at year `0026` is out of range (allowed: 1970 to 2199)",
        ),
        (
            "at(2026-11-20T13:00)",
            "at time `2026-11-20T13:00` is not understood (allowed: `yyyy-mm-ddThh:mm:ss`, such as `at(2026-11-20T13:00:00)`)",
        ),
    ]);
}

#[test]
fn refuses_crontab_lines_that_cannot_be_converted() {
    check(&[
        (
            "0 0 1 * 1",
            "day-of-month `1` and day-of-week `1` are both set: crontab runs on days that match either, EventBridge cannot say that (allowed: `*` in at least one of them)\n\
             hint: make two schedules: `0 0 1 * *` and `0 0 * * 1`",
        ),
        (
            "0 0 * * 8",
            "day-of-week `8` is out of range (allowed: 0 to 7 or SUN to SAT)\n\
             hint: {CRONTAB}",
        ),
        (
            "0 0 * * 5-1",
            "day-of-week range `5-1` runs backwards (allowed: 0 to 7 or SUN to SAT, the earlier first)\n\
             hint: write it in two: `5-7,0-1`",
        ),
        (
            "0 10 * * ?",
            "crontab fields may not be `?` (allowed: `*` in day-of-month, day-of-week or both)\n\
             hint: {CRONTAB}",
        ),
        (
            "0 0 L * *",
            "day-of-month `L` is not understood (allowed: 1 to 31, combined with `,` `-` `*` `/`)\n\
             hint: {CRONTAB}",
        ),
        (
            "0 0 32 * *",
            "day-of-month `32` is out of range (allowed: 1 to 31)\n\
             hint: {CRONTAB}",
        ),
        (
            "61 * * * *",
            "minutes `61` is out of range (allowed: 0 to 59)\n\
             hint: {CRONTAB}",
        ),
    ]);
}

#[test]
fn refuses_what_is_no_schedule_at_all() {
    check(&[
        ("", "schedule is empty (allowed: {FORMS})"),
        (
            "cron(0 10 * * ? *",
            "schedule `cron(0 10 * * ? *` is not understood (allowed: {FORMS})\n\
             hint: `cron(` has no closing parenthesis at the end",
        ),
        (
            "CRON(0 10 * * ? *)",
            "schedule `CRON(0 10 * * ? *)` is not understood (allowed: {FORMS})\n\
             hint: write `cron` in small letters",
        ),
        (
            "0 10 * * ? *",
            "schedule `0 10 * * ? *` is not understood (allowed: {FORMS})\n\
             hint: write `cron(0 10 * * ? *)`",
        ),
        (
            "5 minutes",
            "schedule `5 minutes` is not understood (allowed: {FORMS})\n\
             hint: write `rate(5 minutes)`",
        ),
        (
            "@daily",
            "schedule `@daily` is not understood (allowed: {FORMS})\n\
             hint: write `cron(0 0 * * ? *)`",
        ),
        (
            "@reboot",
            "schedule `@reboot` is not understood (allowed: {FORMS})",
        ),
        (
            "every 5 minutes",
            "schedule `every 5 minutes` is not understood (allowed: {FORMS})",
        ),
    ]);
}
