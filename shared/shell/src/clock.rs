//! The clock. Nothing outside this crate reads the time.

use std::sync::Arc;

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
