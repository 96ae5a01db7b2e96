//! How a run ends that was told to: in time, and with its claims given back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Invocation;
use crate::clock::Clock;

/// How long a run that was told to end may go on once it has begun to change things or to deliver its report.
pub const TIME_TO_END: Duration = Duration::from_secs(10);

/// Returns when a run that was told to end has had its time. Before it changes anything, that is at once; after that the
/// host's deadline counts too. A fifth of the time is left for giving back what is claimed, and for the answer; where
/// time is short, more of it.
pub(super) async fn cut_off(invocation: &Invocation, clock: &Clock, is_acting: &AtomicBool) {
    invocation.cancel.cancelled().await;
    if is_acting.load(Ordering::Relaxed) {
        let left = invocation.left(clock);
        let time = left.map_or(TIME_TO_END, |left| TIME_TO_END.min(left));
        let rest = (time / 5).max(Duration::from_secs(1)).min(time / 2);
        tokio::time::sleep(time - rest).await;
    }
}

/// How long giving back may take. It must not keep the answer from coming in time, not even if the state answers nothing
/// any more.
pub(super) fn patience(invocation: &Invocation, clock: &Clock) -> Duration {
    let longest = match invocation.cancel.is_cancelled() {
        true => TIME_TO_END / 5,
        false => Duration::from_secs(60),
    };
    let left = invocation.left(clock);
    left.map_or(longest, |left| longest.min(left / 2))
}
