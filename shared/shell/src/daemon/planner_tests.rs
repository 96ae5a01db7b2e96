//! What becomes of slots, case by case. Times are of 2026-03-02, a Monday.

mod options;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::Mode;

use super::planner::{Decision, Job, Known, ON_TIME, Planner, Waiting};
use crate::schedule::Schedule;

pub(super) fn job(name: &str, schedule: &str) -> Job {
    Job {
        name: name.to_owned(),
        mode: Mode::Plan,
        schedule: Schedule::parse(schedule, Tz::UTC).expect("a schedule"),
        missed: Missed::Once,
        grace: TimeDelta::minutes(60),
        overlap: Overlap::Skip,
        offset: TimeDelta::zero(),
        queues: vec![],
    }
}

/// `09:30:00` of that day.
pub(super) fn at(time: &str) -> DateTime<Utc> {
    format!("2026-03-02T{time}Z").parse().expect("a time")
}

fn known(until: &str) -> Known {
    Known {
        decided_until: Some(at(until)),
        ..Known::default()
    }
}

/// What one look decides, in words.
fn look(planner: &mut Planner, time: &str) -> String {
    let decided = planner.tick(at(time));
    let clock = |time: DateTime<Utc>| time.format("%H:%M:%S").to_string();
    let words = decided.decisions.iter().map(|decision| match decision {
        Decision::Start {
            slot, missed: 0, ..
        } => format!("start {}", clock(*slot)),
        Decision::Start { slot, missed, .. } => format!("start {} for {missed}", clock(*slot)),
        Decision::Wait { slot, waiting, .. } => {
            format!("{} waits until {}", clock(*slot), clock(waiting.not_before))
        }
        Decision::Skip(skip) => format!(
            "skip {} {}..{} ({})",
            skip.count,
            clock(skip.first),
            clock(skip.last),
            skip.why.as_str()
        ),
        Decision::Replace { .. } => "replace".to_owned(),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// One function that was last looked at at a time, and one look at another.
fn after_downtime(missed: Missed, schedule: &str, last: &str, now: &str) -> String {
    let mut planner = Planner::new(4);
    let job = Job {
        missed,
        ..job("f", schedule)
    };
    planner.add(job, known(last), at(now));
    look(&mut planner, now)
}

#[test]
fn a_slot_is_started_at_its_time_and_once() {
    let mut planner = Planner::new(4);
    planner.add(job("f", "rate(1 hour)"), Known::default(), at("08:59:59"));
    assert_eq!(planner.wake(), Some(at("09:00:00")));
    assert_eq!(look(&mut planner, "08:59:59"), "");
    assert_eq!(look(&mut planner, "09:00:00"), "start 09:00:00");
    planner.ended("f");
    assert_eq!(look(&mut planner, "09:00:00"), "");
    assert_eq!(look(&mut planner, "09:59:59"), "");
    assert_eq!(planner.wake(), Some(at("10:00:00")));
    assert_eq!(look(&mut planner, "10:00:01"), "start 10:00:00");
}

#[test]
fn a_function_that_was_never_seen_has_missed_nothing() {
    let mut planner = Planner::new(4);
    planner.add(job("f", "rate(1 hour)"), Known::default(), at("09:00:30"));
    assert_eq!(look(&mut planner, "09:00:30"), "");
}

#[test]
fn what_fell_into_a_downtime_goes_by_the_missed_policy() {
    // The catch-up's moment is the name's own, 45 seconds for `f`.
    for (missed, schedule, last, now, expected) in [
        // Less than a minute late is on time, whatever the policy says.
        (
            Missed::Skip,
            "rate(1 hour)",
            "08:00:00",
            "09:01:00",
            "start 09:00:00",
        ),
        (
            Missed::Skip,
            "rate(1 hour)",
            "08:00:00",
            "09:01:01",
            "skip 1 09:00:00..09:00:00 (down)",
        ),
        (
            Missed::Once,
            "rate(1 hour)",
            "08:00:00",
            "09:01:01",
            "09:00:00 waits until 09:01:46",
        ),
        (
            Missed::All,
            "rate(1 hour)",
            "08:00:00",
            "09:01:01",
            "09:00:00 waits until 09:01:46",
        ),
        // One run makes up for all that are not too late.
        (
            Missed::Once,
            "rate(20 minutes)",
            "06:00:00",
            "09:15:00",
            "skip 6 06:20:00..08:00:00 (grace); skip 2 08:20:00..08:40:00 (collapsed); 09:00:00 waits until 09:15:45",
        ),
        // A slot that is due anyway makes up for them.
        (
            Missed::Once,
            "rate(20 minutes)",
            "08:00:00",
            "09:00:10",
            "skip 2 08:20:00..08:40:00 (collapsed); start 09:00:00 for 2",
        ),
        (
            Missed::Skip,
            "rate(20 minutes)",
            "08:00:00",
            "09:00:10",
            "skip 2 08:20:00..08:40:00 (down); start 09:00:00",
        ),
        // Each one, one after another.
        (
            Missed::All,
            "rate(20 minutes)",
            "08:00:00",
            "08:50:00",
            "08:20:00 waits until 08:50:45; 08:40:00 waits until 08:50:45",
        ),
        // The grace ends to the second.
        (
            Missed::Once,
            "at(2026-03-02T08:00:00)",
            "07:00:00",
            "09:00:00",
            "08:00:00 waits until 09:00:45",
        ),
        (
            Missed::Once,
            "at(2026-03-02T08:00:00)",
            "07:00:00",
            "09:00:01",
            "skip 1 08:00:00..08:00:00 (grace)",
        ),
    ] {
        let decided = after_downtime(missed, schedule, last, now);
        assert_eq!(decided, expected, "{missed:?} {schedule} {last} {now}");
    }
}

#[test]
fn of_what_was_missed_one_is_run_even_if_the_slot_that_is_due_now_is_left_out() {
    // As after half an hour of sleep with a run that goes on.
    for (overlap, expected, after) in [
        (
            Overlap::Skip,
            "skip 2 09:10:00..09:20:00 (collapsed); skip 1 09:40:00..09:40:00 (busy); 09:30:00 waits until 09:40:55",
            "start 09:30:00 for 3",
        ),
        (
            Overlap::QueueOne,
            "skip 3 09:10:00..09:30:00 (collapsed); 09:40:00 waits until 09:40:00",
            "start 09:40:00 for 3",
        ),
        (
            Overlap::Replace,
            "skip 3 09:10:00..09:30:00 (collapsed); replace; 09:40:00 waits until 09:40:00",
            "start 09:40:00 for 3",
        ),
        (
            Overlap::Allow,
            "skip 3 09:10:00..09:30:00 (collapsed); start 09:40:00 for 3",
            "",
        ),
    ] {
        let mut planner = Planner::new(4);
        let job = Job {
            overlap,
            ..job("f", "rate(10 minutes)")
        };
        planner.add(job, known("08:50:00"), at("09:00:00"));
        assert_eq!(look(&mut planner, "09:00:00"), "start 09:00:00");
        assert_eq!(look(&mut planner, "09:40:10"), expected, "{overlap:?}");
        planner.ended("f");
        assert_eq!(look(&mut planner, "09:41:00"), after, "{overlap:?}");
    }
}

#[test]
fn of_too_many_missed_slots_the_last_hundred_are_made_up_for() {
    let mut planner = Planner::new(4);
    let job = Job {
        missed: Missed::All,
        grace: TimeDelta::minutes(1440),
        ..job("f", "rate(1 minute)")
    };
    planner.add(job, known("00:00:00"), at("05:00:30"));
    let decided = look(&mut planner, "05:00:30");
    // 05:00 is on time, and skipped as the others are still to come.
    assert!(
        decided.starts_with(
            "skip 199 00:01:00..03:19:00 (cap); skip 1 05:00:00..05:00:00 (busy); 03:20:00 waits"
        ),
        "{decided}"
    );
    assert_eq!(decided.matches("waits").count(), 100);
    let mut ran = 0;
    let mut now = at("05:01:15");
    for _ in 0..100 {
        let starts = planner.tick(now).decisions;
        ran += starts
            .iter()
            .filter(|decision| matches!(decision, Decision::Start { .. }))
            .count();
        assert_eq!(planner.running("f"), 1, "one after another");
        planner.ended("f");
        now += TimeDelta::milliseconds(100);
    }
    assert_eq!(ran, 100);
    assert_eq!(planner.jobs().next().expect("f").1.waiting.len(), 0);
}

#[test]
fn a_downtime_of_years_is_looked_through_in_bounded_time() {
    let mut planner = Planner::new(4);
    let known = Known {
        decided_until: "1999-01-01T00:00:00Z".parse().ok(),
        ..Known::default()
    };
    planner.add(
        job("f", "rate(1 minute)").with_start_in_1999(),
        known,
        at("09:00:30"),
    );
    let decided = look(&mut planner, "09:00:30");
    assert!(
        decided.contains("skip 100000 ") && decided.contains("start 09:00:00 for 59"),
        "{decided}"
    );
}

impl Job {
    fn with_start_in_1999(mut self) -> Self {
        let start = "1999-01-01T00:00:00Z".parse().expect("a time");
        self.schedule = self.schedule.with_start(start);
        self
    }
}

#[test]
fn a_slot_during_a_run_goes_by_the_overlap_policy() {
    for (overlap, during, later, after) in [
        (
            Overlap::Skip,
            "skip 1 10:00:00..10:00:00 (busy)",
            "skip 1 11:00:00..11:00:00 (busy)",
            "",
        ),
        (
            Overlap::QueueOne,
            "10:00:00 waits until 10:00:00",
            "skip 1 11:00:00..11:00:00 (busy)",
            "start 10:00:00",
        ),
        (
            Overlap::Replace,
            "replace; 10:00:00 waits until 10:00:00",
            "skip 1 10:00:00..10:00:00 (busy); replace; 11:00:00 waits until 11:00:00",
            "start 11:00:00",
        ),
        (Overlap::Allow, "start 10:00:00", "start 11:00:00", ""),
    ] {
        let mut planner = Planner::new(4);
        let job = Job {
            overlap,
            ..job("f", "rate(1 hour)")
        };
        planner.add(job, known("08:00:00"), at("09:00:00"));
        assert_eq!(look(&mut planner, "09:00:00"), "start 09:00:00");
        assert_eq!(look(&mut planner, "10:00:00"), during, "{overlap:?}");
        assert_eq!(look(&mut planner, "11:00:00"), later, "{overlap:?}");
        planner.ended("f");
        assert_eq!(look(&mut planner, "11:10:00"), after, "{overlap:?}");
    }
}

#[test]
fn a_long_run_does_not_starve_its_function() {
    // Every run takes longer than the time to the next slot; being busy is not being down, so the next slot that finds
    // it idle is run, and none is ever too late.
    for (overlap, expected) in [(Overlap::Skip, 3), (Overlap::QueueOne, 5)] {
        let mut planner = Planner::new(4);
        let job = Job {
            overlap,
            missed: Missed::Skip,
            grace: TimeDelta::minutes(1),
            ..job("f", "rate(10 minutes)")
        };
        planner.add(job, known("08:55:00"), at("09:00:00"));
        let mut runs = 0;
        let mut ends = None;
        for second in 0..3600 {
            let now = at("09:00:00") + TimeDelta::seconds(second);
            if ends == Some(now) {
                planner.ended("f");
            }
            for decision in planner.tick(now).decisions {
                if let Decision::Start { .. } = decision {
                    runs += 1;
                    ends = Some(now + TimeDelta::minutes(13));
                }
            }
        }
        assert_eq!(runs, expected, "{overlap:?}");
    }
}

#[test]
fn no_more_run_at_once_than_there_are_places_and_the_longest_waiting_is_first() {
    let mut planner = Planner::new(2);
    for name in ["a", "b", "c", "d"] {
        planner.add(job(name, "rate(1 hour)"), known("08:00:00"), at("09:00:00"));
    }
    let started = |planner: &mut Planner, time: &str| {
        let decided = planner.tick(at(time));
        let names = decided
            .decisions
            .into_iter()
            .filter_map(|decision| match decision {
                Decision::Start { function, .. } => Some(function),
                _ => None,
            });
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(started(&mut planner, "09:00:00"), "a b");
    assert_eq!(started(&mut planner, "09:30:00"), "");
    planner.ended("a");
    assert_eq!(started(&mut planner, "09:59:59"), "c");
    planner.ended("b");
    planner.ended("c");
    // `d` has waited for an hour: it is before those that come now, and its own next slot finds it busy.
    assert_eq!(started(&mut planner, "10:00:00"), "d a");
}

#[test]
fn while_it_is_paused_everything_is_left_out_and_going_on_is_no_burst() {
    let mut planner = Planner::new(4);
    let mut known = known("08:00:00");
    let waiting = Waiting {
        not_before: at("08:00:00"),
        missed: 0,
    };
    known.waiting.insert(at("08:00:00"), waiting);
    known.is_paused = true;
    planner.add(job("f", "rate(1 hour)"), known, at("08:00:10"));
    assert_eq!(
        look(&mut planner, "08:00:10"),
        "skip 1 08:00:00..08:00:00 (paused)"
    );
    assert_eq!(
        look(&mut planner, "12:00:00"),
        "skip 4 09:00:00..12:00:00 (paused)"
    );
    planner.set_paused("f", false);
    assert_eq!(look(&mut planner, "12:00:01"), "");
    assert_eq!(look(&mut planner, "13:00:00"), "start 13:00:00");
}

#[test]
fn a_clock_that_goes_back_decides_again_and_one_that_goes_forward_has_missed() {
    let mut planner = Planner::new(4);
    planner.add(job("f", "rate(1 hour)"), known("08:00:00"), at("09:00:00"));
    assert_eq!(look(&mut planner, "09:00:00"), "start 09:00:00");
    planner.ended("f");
    // Forward by mistake: two slots are passed over.
    assert_eq!(
        look(&mut planner, "11:30:00"),
        "skip 1 10:00:00..10:00:00 (grace); 11:00:00 waits until 11:30:45"
    );
    // And back: what was passed over comes again, at its time. 11:00 waits already, and is ready by now.
    assert_eq!(look(&mut planner, "09:30:00"), "start 11:00:00 for 1");
    planner.ended("f");
    assert_eq!(look(&mut planner, "10:00:00"), "start 10:00:00");
    // What has run does not come again, and what goes on keeps nothing from coming.
    assert_eq!(look(&mut planner, "09:59:59"), "");
    assert_eq!(look(&mut planner, "10:00:00"), "");
    assert_eq!(look(&mut planner, "11:00:00"), "");
    planner.ended("f");
    assert_eq!(look(&mut planner, "12:00:00"), "start 12:00:00");
}

#[test]
fn what_was_waiting_when_the_daemon_ended_is_judged_as_missed() {
    for (missed, now, expected) in [
        (Missed::Once, "09:30:00", ""),
        (Missed::Once, "10:00:01", "skip (grace)"),
        (Missed::Skip, "09:00:30", ""),
        (Missed::Skip, "09:30:00", "skip (down)"),
        (Missed::All, "09:30:00", ""),
    ] {
        let mut planner = Planner::new(4);
        let mut known = known("09:00:00");
        let waiting = Waiting {
            not_before: at("09:00:00"),
            missed: 0,
        };
        known.waiting.insert(at("09:00:00"), waiting);
        let job = Job {
            missed,
            ..job("f", "rate(1 day)")
        };
        planner.add(job, known, at(now));
        let decided = planner.recover(at(now)).decisions;
        let words: Vec<String> = decided
            .iter()
            .map(|decision| match decision {
                Decision::Skip(skip) => format!("skip ({})", skip.why.as_str()),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(words.join("; "), expected, "{missed:?} {now}");
        let started = look(&mut planner, now);
        assert_eq!(
            started.is_empty(),
            !expected.is_empty(),
            "{missed:?} {now}: {started}"
        );
    }
    assert_eq!(ON_TIME, TimeDelta::seconds(60), "the table goes by it");
}

#[test]
fn a_changed_schedule_makes_up_for_nothing_and_an_unchanged_one_keeps_what_it_knows() {
    let mut planner = Planner::new(4);
    planner.add(job("f", "rate(1 day)"), known("00:00:00"), at("08:00:00"));
    planner.add(job("g", "rate(1 hour)"), known("08:00:00"), at("08:00:00"));
    planner.change(job("f", "rate(10 minutes)"), at("09:05:00"));
    let patient = Job {
        grace: TimeDelta::minutes(100),
        ..job("g", "rate(1 hour)")
    };
    planner.change(patient, at("09:05:00"));
    // Only `g`'s 09:00 was missed.
    assert_eq!(
        look(&mut planner, "09:05:00")
            .matches("09:00:00 waits")
            .count(),
        1
    );
    let decided = planner.remove("g").decisions;
    assert!(
        matches!(&decided[..], [Decision::Skip(skip)] if skip.count == 1),
        "{decided:?}"
    );
    assert_eq!(look(&mut planner, "09:10:00"), "start 09:10:00");
}
