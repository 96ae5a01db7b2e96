//! What a function or several of them may ask for: a spread, a limit of what they share, and runs in a gap of the clock.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{at, job, known, look};
use crate::daemon::planner::{Decision, Job, Known, Limit, Planner, offset};
use crate::schedule::{AfterGap, Schedule};

#[test]
fn a_spread_delays_the_start_and_leaves_the_slot_s_name() {
    let mut planner = Planner::new(4);
    let job = Job {
        offset: TimeDelta::minutes(5),
        ..job("f", "rate(1 hour)")
    };
    planner.add(job, known("08:00:00"), at("09:00:00"));
    assert_eq!(planner.wake(), Some(at("09:05:00")));
    assert_eq!(look(&mut planner, "09:04:59"), "");
    assert_eq!(look(&mut planner, "09:05:00"), "start 09:00:00");
}

#[test]
fn an_offset_is_the_name_s_own_and_smaller_than_the_window_and_the_period() {
    let schedule = |text| Schedule::parse(text, Tz::UTC).expect("a schedule");
    let names: Vec<String> = (0..200)
        .map(|number| format!("function-{number}"))
        .collect();
    for (expression, window, limit) in [
        ("rate(1 day)", 600, 600),
        ("rate(5 minutes)", 3600, 300),
        // 9, 10 and 17 o'clock: never as long as the shortest time between two.
        ("cron(0 9,10,17 * * ? *)", 7200, 3600),
        ("rate(1 day)", 0, 1),
    ] {
        let offsets: Vec<TimeDelta> = names
            .iter()
            .map(|name| offset(name, TimeDelta::seconds(window), &schedule(expression)))
            .collect();
        assert!(
            offsets
                .iter()
                .all(|offset| (0..limit).contains(&offset.num_seconds())),
            "{expression}"
        );
        let different: std::collections::BTreeSet<_> = offsets.iter().collect();
        assert!(
            window == 0 || different.len() > 90,
            "{expression}: {}",
            different.len()
        );
    }
    // The same for ever: a schedule must not move with an update.
    let spread = offset(
        "stop-untagged",
        TimeDelta::minutes(10),
        &schedule("rate(1 hour)"),
    );
    assert_eq!(spread, TimeDelta::seconds(547));
}

#[test]
fn functions_that_share_something_run_one_after_another_and_the_others_go_on() {
    let mut planner = Planner::new(4);
    planner.set_limits(vec![Limit {
        functions: ["keys", "mfa"].map(str::to_owned).into(),
        max_runs: 1,
    }]);
    for name in ["groups", "keys", "mfa"] {
        planner.add(job(name, "rate(1 hour)"), known("08:00:00"), at("08:00:00"));
    }
    let started = |planner: &mut Planner, time: &str| -> Vec<String> {
        let decisions = planner.tick(at(time)).decisions.into_iter();
        decisions
            .filter_map(|decision| match decision {
                Decision::Start { function, .. } => Some(function),
                _ => None,
            })
            .collect()
    };
    assert_eq!(started(&mut planner, "09:00:00"), ["groups", "keys"]);
    assert_eq!(
        planner.wake(),
        Some(at("10:00:00")),
        "what waits for another function's run is no reason to look"
    );
    assert!(started(&mut planner, "09:00:05").is_empty());
    planner.ended("groups");
    assert!(started(&mut planner, "09:00:06").is_empty());
    planner.ended("keys");
    assert!(planner.wake().is_some_and(|wake| wake <= at("09:00:07")));
    assert_eq!(started(&mut planner, "09:00:07"), ["mfa"]);
    // Taken away by a new configuration, it holds nobody back any more.
    planner.set_limits(vec![]);
    assert_eq!(started(&mut planner, "10:00:00"), ["groups", "keys"]);
}

#[test]
fn a_run_in_a_gap_of_the_clock_is_made_up_where_that_is_asked_for() {
    let new_york = |after_gap| {
        let schedule = Schedule::parse("cron(30 2 * * ? *)", Tz::America__New_York);
        let mut planner = Planner::new(4);
        let job = Job {
            schedule: schedule.expect("a schedule").with_after_gap(after_gap),
            ..job("f", "rate(1 hour)")
        };
        let time = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
        // The clock jumps from 02:00 to 03:00, at 07:00 UTC.
        let begin = time("2026-03-08T06:00:00Z");
        planner.add(job, Known::default(), begin);
        let decided = planner.tick(time("2026-03-08T07:00:30Z"));
        (planner.wake(), decided.decisions.len())
    };
    let next_day: DateTime<Utc> = "2026-03-09T06:30:00Z".parse().expect("a time");
    assert_eq!(new_york(AfterGap::Skip), (Some(next_day), 0));
    assert_eq!(new_york(AfterGap::Run), (Some(next_day), 1));
}
