//! How much the daemon takes from a queue, and how soon: printed, and bounded.

use std::time::{Duration, Instant};

use super::{CONFIG, PATIENCE, Stage, receive, stop, world};

/// How many messages wait when the daemon starts.
const WAITING: usize = if cfg!(debug_assertions) { 200 } else { 2_000 };

/// How many messages come one by one.
const SINGLE: usize = if cfg!(debug_assertions) { 20 } else { 200 };

/// Slow machines and unoptimised programs included: below this something waits that should not.
const LEAST_PER_SECOND: f64 = if cfg!(debug_assertions) { 5.0 } else { 50.0 };

/// From S3's announcement to the deletion of its message, most of the time.
const MOST_LATENCY: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 500 });

#[test]
fn at_scale_a_queue_is_emptied_fast_and_a_single_message_does_not_wait() {
    let stage = Stage::new(world());
    for number in 0..WAITING {
        receive(&stage.aws, number);
    }
    let mut daemon = stage.daemon(CONFIG);
    let begin = Instant::now();
    let patience = Duration::from_secs(300);
    daemon.until("an empty queue", patience, |_| stage.messages() == 0);
    let took = begin.elapsed();
    let per_second = WAITING as f64 / took.as_secs_f64();
    assert_eq!(stage.archived(), WAITING);

    let mut latencies = Vec::new();
    for number in 0..SINGLE {
        let begin = Instant::now();
        receive(&stage.aws, WAITING + number);
        while stage.messages() > 0 {
            assert!(begin.elapsed() < PATIENCE, "it was not worked on");
            std::thread::sleep(Duration::from_millis(1));
        }
        latencies.push(begin.elapsed());
    }
    latencies.sort();
    let at = |percent: usize| latencies[(SINGLE - 1) * percent / 100];
    println!(
        "{WAITING} messages in {:.1} s: {per_second:.0} in a second, in deliveries of up to ten; one by one: {:.0?} in \
         the middle, {:.0?} at most for 95 of 100",
        took.as_secs_f64(),
        at(50),
        at(95)
    );
    stop(daemon, 0);
    assert!(per_second > LEAST_PER_SECOND, "{per_second} in a second");
    assert!(at(50) < MOST_LATENCY, "{:?}", at(50));
}
