//! The clock, and whose it is. Nothing outside this crate reads the time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The machine's clock.
pub fn system() -> Clock {
    Arc::new(Utc::now)
}

/// A clock that stands at `time`, for `--now`.
pub fn standing_at(time: DateTime<Utc>) -> Clock {
    Arc::new(move || time)
}

/// How long it is until `deadline`; nothing once it has passed.
pub(crate) fn until(deadline: DateTime<Utc>, clock: &Clock) -> Duration {
    (deadline - clock()).to_std().unwrap_or_default()
}

/// This machine's name, or in a Lambda the function's.
pub fn machine() -> String {
    let lambda = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok();
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    lambda
        .map(|name| format!("lambda {name}"))
        .or_else(|| kernel().map(|name| name.trim().to_owned()))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "an unnamed machine".to_owned())
}
