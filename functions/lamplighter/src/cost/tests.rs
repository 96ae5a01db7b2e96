//! The published examples, with the prices they were published with.

use super::estimate::Estimate;
use super::*;

/// The prices of the examples: $0.20 per million requests, $0.00001667 per GB-second, a t2.micro at $9.
fn old_prices() -> Prices {
    let replaced = [
        ("date = \"2026-11-22\"", "date = \"2017-01-01\""),
        ("gb_second = \"0.0000166667\"", "gb_second = \"0.00001667\""),
        ("instance = \"t3.nano\"", "instance = \"t2.micro\""),
        ("instance_month = \"3.80\"", "instance_month = \"9\""),
        ("disk_month = \"0.64\"", "disk_month = \"0\""),
        ("address_month = \"3.65\"", "address_month = \"0\""),
    ];
    let mut text = DEFAULT.to_owned();
    for (new, old) in replaced {
        assert!(text.contains(new), "config/prices.toml has `{new}`");
        text = text.replace(new, old);
    }
    Prices::parse(&text).expect("the old prices are sound")
}

fn given(runs: u64, memory_mb: u64, ms: u64) -> Work {
    Work {
        name: "given".to_owned(),
        runs,
        cold: 0,
        memory_mb,
        duration: Duration::Given(ms),
        retries: 0,
        alarms: 0,
        metrics: (0, 0),
        events: None,
        scheduled: 0,
        has_s3_state: false,
    }
}

fn bill(work: Work, free_tier: bool) -> Estimate {
    estimate(&[work], &old_prices(), Options { free_tier })
}

fn line(estimate: &Estimate, what: &str) -> String {
    let line = estimate.lines.iter().find(|line| line.what == what);
    line.expect("the bill has this line").cost.cents()
}

#[test]
fn ten_million_runs_of_128_mb_and_200_ms_cost_6_17_and_in_the_free_tier_1_80() {
    assert_eq!(
        bill(given(10_000_000, 128, 200), false).total.cents(),
        "6.17"
    );
    let free = bill(given(10_000_000, 128, 200), true);
    assert_eq!(free.total.cents(), "1.80");
    assert_eq!(line(&free, "compute"), "0.00");
}

#[test]
fn a_hundred_thousand_runs_of_128_mb_and_a_second_cost_21_cents_of_compute_and_nothing_in_the_free_tier()
 {
    assert_eq!(
        line(&bill(given(100_000, 128, 1000), false), "compute"),
        "0.21"
    );
    assert_eq!(bill(given(100_000, 128, 1000), true).total.cents(), "0.00");
}

#[test]
fn thirty_days_of_128_mb_cost_5_40() {
    let runs = 30 * 24 * 3600 / 900;
    let month = bill(given(runs, 128, MAX_DURATION_MS), false);
    assert_eq!(line(&month, "compute"), "5.40");
}

#[test]
fn the_break_even_with_a_t2_micro_is_where_it_was_published() {
    let small = bill(given(1, 128, 100), false)
        .break_even
        .expect("something runs");
    assert_eq!(small / 100_000, 220, "22.0 million: {small}");
    let large = bill(given(1, 1536, 1000), false)
        .break_even
        .expect("something runs");
    assert_eq!(large / 1000, 357, "357,000: {large}");
    // It does not depend on how many runs the average is of.
    assert_eq!(
        bill(given(7_777_777, 128, 100), true).break_even,
        Some(small)
    );
    assert_eq!(bill(given(0, 128, 100), false).break_even, None);
}

#[test]
fn every_line_of_a_scheduled_function_is_billed() {
    let work = Work {
        cold: 1_000_000,
        retries: 2,
        alarms: 8,
        metrics: (3, 5),
        events: Some(2_000_000),
        scheduled: 100_000_000,
        has_s3_state: true,
        ..given(100_000_000, 1024, 1000)
    };
    let full = bill(work.clone(), false);
    for line in &full.lines {
        assert!(line.cost > super::money::Money::default(), "{line:?}");
    }
    // 1 % of 100 million fail, each tried twice again: 2 million requests of a GB-second.
    assert_eq!(line(&full, "retries"), "33.74");
    assert_eq!(line(&full, "scheduler"), "100.00");
    // Eight alarms, and eight metrics that are written in every hour: 1 % of this many runs end badly.
    assert_eq!(line(&full, "alarms"), "3.20");
    assert_eq!(line(&full, "events"), "2.00");
    // 1 million dead letters and 2 million events, three requests each, and a queue that is asked.
    assert_eq!(line(&full, "sqs"), "3.86");
    assert_eq!(full.total, full.lines.iter().map(|line| line.cost).sum());
    let free = bill(work, true);
    assert_eq!(line(&free, "scheduler"), "86.00");
    assert_eq!(line(&free, "alarms"), "0.00");
    assert!(free.total < full.total);
}

#[test]
fn a_metric_costs_only_the_hours_in_which_it_is_written() {
    let daily = Work {
        metrics: (3, 5),
        ..given(30, 128, 1000)
    };
    // Three metrics in 30 hours, five in the one hour of the run that fails: 95 of 730 hours at $0.30.
    assert_eq!(line(&bill(daily, false), "alarms"), "0.04");
}

#[test]
fn a_round_in_s3_is_claimed_and_recorded_and_an_event_that_goes_well_is_only_claimed() {
    let s3 = |runs, scheduled| {
        let work = Work {
            scheduled,
            has_s3_state: true,
            ..given(runs, 128, 1000)
        };
        let estimate = bill(work, false);
        let found = estimate.lines.iter().find(|line| line.what == "s3");
        found.expect("the bill has this line").amount.clone()
    };
    assert_eq!(s3(1000, 1000), "2,000 reads, 4,000 writes, 20.0 MB kept");
    assert_eq!(s3(1000, 0), "2,000 reads, 2,000 writes, 1.0 MB kept");
    assert_eq!(s3(1100, 1000), "2,200 reads, 4,200 writes, 20.1 MB kept");
}

#[test]
fn keep_warm_has_schedules_and_log_lines_of_its_own_and_saves_inits() {
    let work = Work {
        cold: 1_000_000,
        scheduled: 1_000_000,
        ..given(1_000_000, 1024, 1000)
    };
    let full = bill(work.clone(), false);
    // 4,866 pings: requests $0.00097, 4.9 GB-seconds $0.00008, Scheduler $0.0049, 1.9 MB of logs $0.001.
    assert_eq!(full.keep_warm.cost.to_string(), "0.006952");
    assert_eq!(full.keep_warm_saves.cents(), line(&full, "init"));
    assert_ne!(line(&full, "init"), "0.00");
    assert_eq!(bill(work, true).keep_warm.cost.cents(), "0.00");
}

#[test]
fn a_queue_costs_something_while_nothing_comes() {
    let idle = Work {
        events: Some(0),
        ..given(0, 128, 1000)
    };
    assert_eq!(line(&bill(idle.clone(), false), "sqs"), "0.26");
    assert_eq!(line(&bill(idle, true), "sqs"), "0.00");
}

#[test]
fn the_free_tier_is_given_once_and_not_to_each_function() {
    let half = given(600_000, 128, 1);
    let two = estimate(
        &[half.clone(), half],
        &old_prices(),
        Options { free_tier: true },
    );
    assert_eq!(line(&two, "requests"), "0.04");
}

#[test]
fn the_largest_inputs_do_not_overflow() {
    let work = given(MAX_EXECUTIONS, 10_240, MAX_DURATION_MS);
    // 10^12 runs of 9,000 GB-seconds at $0.00001667, and the requests.
    assert_eq!(bill(work, false).total.cents(), "150030200000.00");
}

#[test]
fn amounts_are_read_to_the_letter() {
    let money = |text| super::money::Money::parse(text);
    assert_eq!(
        money("0.0000166667")
            .expect("a price")
            .times(1_000_000, 1)
            .to_string(),
        "16.666700"
    );
    assert_eq!(money("9").expect("a price").cents(), "9.00");
    assert_eq!(money("0.005").expect("a price").cents(), "0.01");
    for wrong in ["", "-1", "1.", ".5", "1e3", "0.0000000000001", "1,5", "$1"] {
        assert!(money(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_price_file_with_a_fault_names_it() {
    let unknown = DEFAULT.replace("gb_second", "gb_seconds");
    let error = Prices::parse(&unknown).expect_err("a wrong key");
    assert!(error.contains("gb_seconds"), "{error}");
    let float = DEFAULT.replace("\"0.0000166667\"", "0.0000166667");
    assert!(Prices::parse(&float).is_err());
}
