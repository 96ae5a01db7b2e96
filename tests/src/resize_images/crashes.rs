//! A crash at each write: the next delivery ends in the copies that the first one should have made.

use std::time::{Duration, Instant};

use lamplighter_local_aws::{Fault, FaultKind};

use super::stage::*;
use crate::process::{LOOK_AGAIN, Process};

#[test]
fn after_kill_9_at_any_write_the_next_attempt_stores_what_is_missing() {
    for number in 1..=3 {
        let aws = account();
        let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
        // The write has its effect, and its answer never comes: there the process dies.
        aws.inject(
            Fault::new("s3:PutObject", FaultKind::Stall)
                .nth(number)
                .after_effect(),
        );
        let config = CONFIG.replace("attempt_timeout_secs = 5", "attempt_timeout_secs = 60");
        let process = Process::start(program(&aws, &config, &event, &[]));
        let deadline = Instant::now() + Duration::from_secs(60);
        while copies(&aws).len() < number {
            assert!(Instant::now() < deadline, "write {number}");
            std::thread::sleep(LOOK_AGAIN);
        }
        process.kill();
        aws.clear_faults();
        aws.clear_calls();
        let before = copies(&aws);
        run(&aws, CONFIG, &event, &[]).code(0);
        assert!(all_current(&aws));
        assert_eq!(
            changes(&aws).len(),
            3 - number,
            "what was written is not written again"
        );
        let after = copies(&aws);
        assert!(before.iter().all(|(key, copy)| after[key] == *copy));
    }
}

#[test]
fn two_programs_at_once_end_in_one_set_of_copies() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("large.jpg"), "01");
    let both: Vec<Process> = (0..2)
        .map(|_| Process::start(program(&aws, CONFIG, &event, &[])))
        .collect();
    for process in both {
        process.ended(Duration::from_secs(120)).code(0);
    }
    assert!(all_current(&aws));
}
