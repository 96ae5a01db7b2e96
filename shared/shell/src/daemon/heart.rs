//! The heartbeat: one pulse a second in UTC, from tokio-cron-scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use lamplighter_core::{Error, Result};
use tokio_cron_scheduler::{Job as Beat, JobScheduler};
use tracing::warn;

use super::keeper::News;

/// A heart that is stopped gets this long to do so.
const PATIENCE: Duration = Duration::from_secs(5);

/// What beats.
pub(super) struct Heart {
    scheduler: JobScheduler,
    keeper: Sender<News>,
}

impl Heart {
    pub(super) async fn start(keeper: Sender<News>) -> Result<Self> {
        Ok(Self {
            scheduler: beating(keeper.clone()).await?,
            keeper,
        })
    }

    /// Makes it anew. The scheduler holds the time of its next beat by the wall clock: after one that went back, the old
    /// one would beat only when that time has come again.
    pub(super) async fn renew(&mut self) -> Result<()> {
        let new = beating(self.keeper.clone()).await?;
        let mut old = std::mem::replace(&mut self.scheduler, new);
        stop(&mut old).await;
        Ok(())
    }

    pub(super) async fn stop(mut self) {
        stop(&mut self.scheduler).await;
    }
}

/// While one pulse is unread, another would say the same.
async fn beating(keeper: Sender<News>) -> Result<JobScheduler> {
    let broken =
        |error| Error::permanent("cannot start the scheduler's heartbeat").caused_by(error);
    let heart = JobScheduler::new().await.map_err(broken)?;
    let is_unread = Arc::new(AtomicBool::new(false));
    let beat = Beat::new_async("* * * * * *", move |_, _| {
        if !is_unread.swap(true, Ordering::Relaxed) {
            // The keeper is gone: the daemon is ending.
            keeper.send(News::Pulse(Arc::clone(&is_unread))).ok();
        }
        Box::pin(std::future::ready(()))
    })
    .map_err(broken)?;
    heart.add(beat).await.map_err(broken)?;
    heart.start().await.map_err(broken)?;
    Ok(heart)
}

async fn stop(heart: &mut JobScheduler) {
    match tokio::time::timeout(PATIENCE, heart.shutdown()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!("the heartbeat did not stop cleanly: {error}"),
        // Then it beats on, and says what the other one says.
        Err(_) => warn!("the heartbeat did not stop"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Whether a pulse comes within so many seconds.
    async fn beats(inbox: &Receiver<News>, seconds: u32) -> bool {
        for _ in 0..10 * seconds {
            match inbox.try_recv() {
                Ok(News::Pulse(is_unread)) => {
                    is_unread.store(false, Ordering::Relaxed);
                    return true;
                }
                Ok(_) => panic!("only pulses"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        false
    }

    #[tokio::test]
    async fn a_heart_that_has_stopped_beats_again_when_it_is_made_anew() {
        let (sender, inbox) = channel();
        let mut heart = Heart::start(sender).await.expect("a heart");
        assert!(beats(&inbox, 5).await);
        stop(&mut heart.scheduler).await;
        while beats(&inbox, 2).await {}
        heart.renew().await.expect("made anew");
        assert!(beats(&inbox, 5).await);
        assert!(beats(&inbox, 5).await, "and goes on");
        heart.stop().await;
    }
}
