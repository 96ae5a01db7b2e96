//! Work that keeps a processor busy or waits for a disk, on threads of its own: it cannot be cancelled, so whoever answers
//! for a run can wait for it.

use std::sync::LazyLock;

use tokio::task::JoinError;
use tokio_util::task::TaskTracker;

/// All such work of the process.
static UNDER_WAY: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Does this on a thread of its own. Fails only if it panics.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    UNDER_WAY.spawn_blocking(work).await
}

/// Returns when nothing goes on any more, also of what nobody waits for since its run was cut off.
pub async fn all_ended() {
    UNDER_WAY.close();
    UNDER_WAY.wait().await;
    UNDER_WAY.reopen();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_waited_for() {
        let has_ended = Arc::new(AtomicBool::new(false));
        let (flag, (begun, is_begun)) = (Arc::clone(&has_ended), std::sync::mpsc::channel());
        let work = run(move || {
            begun.send(()).expect("the test listens");
            std::thread::sleep(Duration::from_millis(50));
            flag.store(true, Ordering::SeqCst);
        });
        // Polled once, and then dropped.
        let cut_off = tokio::time::timeout(Duration::ZERO, work).await;
        assert!(cut_off.is_err());
        is_begun.recv().expect("it has begun");
        all_ended().await;
        assert!(has_ended.load(Ordering::SeqCst));
        assert_eq!(run(|| 7).await.expect("it goes on"), 7);
    }
}
