//! What the functions cost in a month as Lambdas, line by line, beside one machine that runs the daemon.
//!
//! | File | Holds |
//! | --- | --- |
//! | `money.rs` | amounts without floats |
//! | `prices.rs` | the price file |
//! | `estimate.rs` | the lines of the bill |
//! | `show.rs` | the table and the JSON |
//!
//! Pure: schedules, durations and prices are handed in. It does not ask AWS, and knows no discounts.

mod estimate;
mod money;
mod prices;
mod show;
#[cfg(test)]
mod tests;

pub use estimate::{Duration, Options, Work, estimate};
pub use prices::{DEFAULT, Prices};
pub use show::{json, table};

/// A Lambda runs at most 15 minutes. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_DURATION_MS: u64 = 900_000;

/// The memory a Lambda can have, in MB.
pub const MEMORY_MB: std::ops::RangeInclusive<u64> = 128..=10_240;

/// More runs than any account has in a month: a million million.
pub const MAX_EXECUTIONS: u64 = 1_000_000_000_000;
