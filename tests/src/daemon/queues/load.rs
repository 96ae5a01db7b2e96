//! How much the daemon takes from a queue, and how soon: printed, and bounded.

use std::time::{Duration, Instant};

use crate::harness::are_optimised;

use super::{CONFIG, PATIENCE, Stage, receive, stop, world};

/// How many messages wait when the daemon starts, how many come one by one after that, and what is asked of optimised
/// programs: below that something waits that should not. Of others no speed is asked.
struct Load {
    waiting: usize,
    single: usize,
    least_per_second: f64,
    /// From S3's announcement to the deletion of its message, most of the time.
    most_latency: Duration,
}

const LOAD: Load = Load {
    waiting: 2_000,
    single: 200,
    least_per_second: 50.0,
    most_latency: Duration::from_millis(500),
};

const UNOPTIMISED: Load = Load {
    waiting: 200,
    single: 20,
    least_per_second: 0.0,
    most_latency: Duration::MAX,
};

#[test]
fn at_scale_a_queue_is_emptied_fast_and_a_single_message_does_not_wait() {
    let load = if are_optimised() { LOAD } else { UNOPTIMISED };
    let Load {
        waiting, single, ..
    } = load;
    let stage = Stage::new(world());
    for number in 0..waiting {
        receive(&stage.aws, number);
    }
    let mut daemon = stage.daemon(CONFIG);
    let begin = Instant::now();
    let patience = Duration::from_secs(300);
    daemon.until("an empty queue", patience, |_| stage.messages() == 0);
    let took = begin.elapsed();
    let per_second = waiting as f64 / took.as_secs_f64();
    assert_eq!(stage.archived(), waiting);

    let mut latencies = Vec::new();
    for number in 0..single {
        let begin = Instant::now();
        receive(&stage.aws, waiting + number);
        while stage.messages() > 0 {
            assert!(begin.elapsed() < PATIENCE, "it was not worked on");
            std::thread::sleep(Duration::from_millis(1));
        }
        latencies.push(begin.elapsed());
    }
    latencies.sort();
    let at = |percent: usize| latencies[(single - 1) * percent / 100];
    println!(
        "{waiting} messages in {:.1} s: {per_second:.0} in a second, in deliveries of up to ten; one by one: {:.0?} in \
         the middle, {:.0?} at most for 95 of 100",
        took.as_secs_f64(),
        at(50),
        at(95)
    );
    stop(daemon, 0);
    assert!(
        per_second > load.least_per_second,
        "{per_second} in a second"
    );
    assert!(at(50) < load.most_latency, "{:?}", at(50));
}
