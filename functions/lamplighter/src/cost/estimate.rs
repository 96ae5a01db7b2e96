//! The lines of the bill.

use super::money::Money;
use super::prices::Prices;

/// What one function does in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The function, or `given` for numbers from the command line.
    pub name: String,
    /// Runs in a month, without retries.
    pub runs: u64,
    /// Of these, how many start cold.
    pub cold: u64,
    /// The Lambda's memory.
    pub memory_mb: u64,
    /// How long one run takes, and how this is known.
    pub duration: Duration,
    /// How often Lambda tries a failed run again, at most.
    pub retries: u64,
    /// Alarms that the template makes for it.
    pub alarms: u64,
    /// Custom metrics that its runs write, and how many more only runs that end badly do.
    pub metrics: (u64, u64),
    /// Events that come through a queue in a month; nothing for a function without one.
    pub events: Option<u64>,
    /// How many of the runs EventBridge Scheduler starts.
    pub scheduled: u64,
    /// Whether it remembers its runs in S3.
    pub has_s3_state: bool,
}

/// How long one run takes, in milliseconds, and how this is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duration {
    /// From the command line.
    Given(u64),
    /// From the record of a run.
    Measured(u64),
    /// From the price file.
    Assumed(u64),
}

impl Duration {
    /// Milliseconds.
    pub fn ms(self) -> u64 {
        match self {
            Self::Given(ms) | Self::Measured(ms) | Self::Assumed(ms) => ms,
        }
    }

    /// `given`, `measured` or `assumed`.
    pub fn origin(self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Measured(_) => "measured",
            Self::Assumed(_) => "assumed",
        }
    }
}

/// How the bill is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether the account's free tier is there to be used, all of it.
    pub free_tier: bool,
}

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// A stable word: `requests`, `compute`, `init`, ….
    pub what: &'static str,
    /// How much of it, in words.
    pub amount: String,
    /// What it costs.
    pub cost: Money,
}

/// A month's bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Line by line.
    pub lines: Vec<Line>,
    /// All lines together.
    pub total: Money,
    /// What pings every nine minutes would add; not in the total.
    pub keep_warm: Line,
    /// What they would save at most: the INITs, which are in the total.
    pub keep_warm_saves: Money,
    /// One machine with the daemon.
    pub ec2: Money,
    /// How many runs like these, without any free tier, cost as much as the machine; nothing without runs.
    pub break_even: Option<u128>,
}

/// A GB-second in the unit that everything is counted in: MB times milliseconds.
const GB_SECOND: u128 = 1024 * 1000;

/// `rate(9 minutes)` in a month of 30.4 days.
const PINGS: u64 = 365 * 24 * 60 / 9 / 12;

/// What Lambda itself logs of an invocation that logs nothing: where it starts, where it ends, what it took.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>
const PING_LOG_BYTES: u128 = 400;

/// What `[state]` in S3 is asked for by a round of the schedule: the last run and the slot's claim are read; the claim is
/// made and settled, the run is recorded, and it becomes the last one.
const READS_OF_A_ROUND: u128 = 2;
const WRITES_OF_A_ROUND: u128 = 4;

/// And by an event that goes well: the last run is read and its entry in the ledger looked up; the entry is made and
/// settled, and no run is recorded.
const READS_OF_AN_EVENT: u128 = 2;
const WRITES_OF_AN_EVENT: u128 = 2;

/// What an entry in the ledger takes, in bytes.
const ENTRY_BYTES: u128 = 1000;

const GB: u128 = 1_000_000_000;

/// The hours of a month of 30.4 days.
const HOURS: u64 = 730;

/// The bill of a month.
pub fn estimate(work: &[Work], prices: &Prices, options: Options) -> Estimate {
    let sum = |of: &dyn Fn(&Work) -> u128| work.iter().map(of).sum::<u128>();
    let free = |amount: u64| match options.free_tier {
        true => u128::from(amount),
        false => 0,
    };
    let cloudwatch = &prices.cloudwatch;
    let runs = sum(&|work| work.runs.into());
    let retried = sum(&|work| retries(work, prices));
    let retried_mb_ms = sum(&|work| retries(work, prices) * mb_ms(work, work.duration.ms()));
    let run_mb_ms = sum(&|work| u128::from(work.runs) * mb_ms(work, work.duration.ms()));
    let init_mb_ms = sum(&|work| u128::from(work.cold) * mb_ms(work, prices.assumptions.init_ms));
    let scheduled = sum(&|work| work.scheduled.into());
    let in_s3 = |work: &Work, count: u64| u128::from(if work.has_s3_state { count } else { 0 });
    let rounds_in_s3 = sum(&|work| in_s3(work, work.scheduled));
    let events_in_s3 = sum(&|work| in_s3(work, work.runs.saturating_sub(work.scheduled)));
    let reads = rounds_in_s3 * READS_OF_A_ROUND + events_in_s3 * READS_OF_AN_EVENT;
    let writes = rounds_in_s3 * WRITES_OF_A_ROUND + events_in_s3 * WRITES_OF_AN_EVENT;
    let dead = sum(&|work| {
        u128::from(work.scheduled) * u128::from(prices.assumptions.failing_percent) / 100
    });
    let log_bytes = match scheduled {
        0 => 0,
        _ => (runs + retried) * u128::from(prices.assumptions.log_bytes),
    };
    let state_bytes =
        rounds_in_s3 * u128::from(prices.assumptions.state_bytes) + events_in_s3 * ENTRY_BYTES;
    let alarms = sum(&|work| work.alarms.into());
    // A metric is paid for by the hours in which it was written at all.
    let metric_hours = sum(&|work| {
        let bad = (work.runs * prices.assumptions.failing_percent).div_ceil(100);
        u128::from(work.metrics.0 * work.runs.min(HOURS))
            + u128::from(work.metrics.1 * bad.min(HOURS))
    });
    let free_metric_hours = free(cloudwatch.free_metrics) * u128::from(HOURS);
    let events = sum(&|work| work.events.unwrap_or(0).into());
    let queues = work.iter().filter(|work| work.events.is_some()).count() as u128;
    let polls = queues * u128::from(prices.assumptions.queue_polls);

    // The free tier is used up by the runs first, then by INIT, then by retries.
    let mut free_requests = free(prices.lambda.free_requests);
    let mut free_mb_ms = free(prices.lambda.free_gb_seconds) * GB_SECOND;
    let request = |count: u128, free_requests: &mut u128| {
        let billed = take(count, free_requests);
        prices.lambda.million_requests.times(billed, 1_000_000)
    };
    let compute = |amount: u128, free_mb_ms: &mut u128| {
        prices
            .lambda
            .gb_second
            .times(take(amount, free_mb_ms), GB_SECOND)
    };
    let lines = vec![
        Line {
            what: "requests",
            amount: counted(runs, "request"),
            cost: request(runs, &mut free_requests),
        },
        Line {
            what: "compute",
            amount: gb_seconds(run_mb_ms),
            cost: compute(run_mb_ms, &mut free_mb_ms),
        },
        Line {
            what: "init",
            amount: format!(
                "{}, {}",
                counted(sum(&|work| work.cold.into()), "cold start"),
                gb_seconds(init_mb_ms)
            ),
            cost: compute(init_mb_ms, &mut free_mb_ms),
        },
        Line {
            what: "retries",
            amount: format!(
                "{}, {}",
                counted(retried, "request"),
                gb_seconds(retried_mb_ms)
            ),
            cost: request(retried, &mut free_requests) + compute(retried_mb_ms, &mut free_mb_ms),
        },
        Line {
            what: "scheduler",
            amount: counted(scheduled, "invocation"),
            cost: prices.scheduler.million_invocations.times(
                scheduled.saturating_sub(free(prices.scheduler.free_invocations)),
                1_000_000,
            ),
        },
        Line {
            what: "logs",
            amount: format!("{} written, and kept a month", megabytes(log_bytes)),
            cost: logs(log_bytes, free(cloudwatch.free_logs_gb) * GB, prices),
        },
        Line {
            what: "alarms",
            amount: format!(
                "{}, {} of metrics",
                counted(alarms, "alarm"),
                counted(metric_hours, "hour")
            ),
            cost: cloudwatch
                .alarm
                .times(alarms.saturating_sub(free(cloudwatch.free_alarms)), 1)
                + cloudwatch
                    .metric
                    .times(metric_hours.saturating_sub(free_metric_hours), HOURS.into()),
        },
        Line {
            what: "events",
            amount: format!("{} through EventBridge", counted(events, "event")),
            cost: prices.eventbridge.million_events.times(events, 1_000_000),
        },
        Line {
            what: "sqs",
            // Each message is sent, received and deleted; and Lambda asks a queue that is empty, too.
            amount: match polls {
                0 => counted((dead + events) * 3, "request"),
                _ => format!(
                    "{}, and {} that find nothing",
                    counted((dead + events) * 3, "request"),
                    grouped(polls)
                ),
            },
            cost: prices.sqs.million_requests.times(
                ((dead + events) * 3 + polls).saturating_sub(free(prices.sqs.free_requests)),
                1_000_000,
            ),
        },
        Line {
            what: "s3",
            amount: format!(
                "{}, {}, {} kept",
                counted(reads, "read"),
                counted(writes, "write"),
                megabytes(state_bytes)
            ),
            cost: prices.s3.thousand_reads.times(reads, 1000)
                + prices.s3.thousand_writes.times(writes, 1000)
                + prices.s3.stored_gb.times(state_bytes, GB),
        },
    ];
    let left = Left {
        requests: free_requests,
        mb_ms: free_mb_ms,
        invocations: free(prices.scheduler.free_invocations).saturating_sub(scheduled),
        log_bytes: (free(cloudwatch.free_logs_gb) * GB).saturating_sub(log_bytes),
    };
    Estimate {
        total: lines.iter().map(|line| line.cost).sum(),
        keep_warm: keep_warm(work, prices, left),
        keep_warm_saves: lines
            .iter()
            .filter(|line| line.what == "init")
            .map(|line| line.cost)
            .sum(),
        lines,
        ec2: prices.ec2.month(),
        break_even: break_even(runs, run_mb_ms, prices),
    }
}

/// Runs on Lambda that cost as much as the machine: requests and compute of an average run, no free tier, which a busy
/// account has used up anyway.
fn break_even(runs: u128, run_mb_ms: u128, prices: &Prices) -> Option<u128> {
    // Of a million average runs, so that nothing is lost in rounding.
    let million = prices.lambda.million_requests
        + prices.lambda.gb_second.times(
            run_mb_ms.saturating_mul(1_000_000),
            GB_SECOND.saturating_mul(runs.max(1)),
        );
    match runs {
        0 => None,
        _ => prices.ec2.month().times(1_000_000, 1).divided_by(million),
    }
}

/// What the runs have left of the free tier.
struct Left {
    requests: u128,
    mb_ms: u128,
    invocations: u128,
    log_bytes: u128,
}

/// Pings that return at once: a schedule's invocation, a request, a millisecond, and Lambda's own log lines each. In
/// exchange hardly a run starts cold.
fn keep_warm(work: &[Work], prices: &Prices, mut left: Left) -> Line {
    let pings = u128::from(PINGS) * work.len() as u128;
    let mb_ms = work
        .iter()
        .map(|work| u128::from(PINGS) * mb_ms(work, 1))
        .sum();
    let requests = take(pings, &mut left.requests);
    let invocations = take(pings, &mut left.invocations);
    Line {
        what: "keep-warm",
        amount: counted(pings, "ping"),
        cost: prices.lambda.million_requests.times(requests, 1_000_000)
            + prices
                .lambda
                .gb_second
                .times(take(mb_ms, &mut left.mb_ms), GB_SECOND)
            + prices
                .scheduler
                .million_invocations
                .times(invocations, 1_000_000)
            + logs(pings * PING_LOG_BYTES, left.log_bytes, prices),
    }
}

fn logs(bytes: u128, free: u128, prices: &Prices) -> Money {
    let billed = bytes.saturating_sub(free);
    prices.cloudwatch.logs_ingested_gb.times(billed, GB)
        + prices.cloudwatch.logs_stored_gb.times(billed, GB)
}

fn retries(work: &Work, prices: &Prices) -> u128 {
    u128::from(work.runs)
        * u128::from(prices.assumptions.failing_percent)
        * u128::from(work.retries)
        / 100
}

fn mb_ms(work: &Work, ms: u64) -> u128 {
    u128::from(work.memory_mb) * u128::from(ms)
}

/// What is left to pay of `amount`, and of the free tier.
fn take(amount: u128, free: &mut u128) -> u128 {
    let used = amount.min(*free);
    *free -= used;
    amount - used
}

fn counted(count: u128, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", grouped(count)),
    }
}

fn gb_seconds(mb_ms: u128) -> String {
    format!("{} GB-seconds", tenths(mb_ms * 10 / GB_SECOND))
}

fn megabytes(bytes: u128) -> String {
    format!("{} MB", tenths(bytes / 100_000))
}

fn tenths(count: u128) -> String {
    format!("{}.{}", grouped(count / 10), count % 10)
}

/// `1234567` → `1,234,567`.
pub(super) fn grouped(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
