//! A function's own fixed delay, so that not everything starts at once.

use chrono::{DateTime, TimeDelta};
use lamplighter_config::Common;

use crate::schedule::Schedule;

/// A function's own share of its section's `spread_minutes`.
pub fn offset_of(name: &str, section: &Common, schedule: &Schedule) -> TimeDelta {
    let window = TimeDelta::minutes(i64::from(section.spread_minutes));
    offset(name, window, schedule)
}

/// A function's own share of `window`: the same on every machine and after every restart, and smaller than the time
/// between two runs, so that no slot is overtaken by the next.
pub(crate) fn offset(name: &str, window: TimeDelta, schedule: &Schedule) -> TimeDelta {
    // From a fixed day: the answer must not depend on when it is asked.
    let from = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    let runs: Vec<_> = std::iter::successors(schedule.next(from), |run| schedule.next(*run))
        .take(64)
        .collect();
    let gaps = runs.windows(2).map(|pair| pair[1] - pair[0]);
    let window = gaps.min().map_or(window, |period| window.min(period));
    match u64::try_from(window.num_seconds()) {
        Ok(seconds @ 1..) => TimeDelta::seconds((stable_hash(name) % seconds).cast_signed()),
        _ => TimeDelta::zero(),
    }
}

/// FNV-1a, 64 bits: the standard library's hashes may differ from version to version.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
pub(super) fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
