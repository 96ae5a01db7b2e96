//! The loop of one queue: it receives while there is a place for what comes, and rests after errors.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lamplighter_aws::sqs::{MOST_MESSAGES, Message, Queue};
use lamplighter_core::{Result, chain};
use tokio::sync::Semaphore;
use tracing::{error, info, warn};

use super::delivery::{self, VISIBILITY};
use super::{QueueEvent, Shared};

/// How often the queue is asked how full it is.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The pause after the first error; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after an error. A queue that is made while the daemon runs is consumed within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The age that stands for "nothing was received yet".
const UNKNOWN: u64 = u64::MAX;

/// Consumes until it is told to stop, and returns when its last delivery has ended.
pub(super) async fn consume(shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.places));
    let oldest = Arc::new(AtomicU64::new(UNKNOWN));
    let watching = tokio::spawn(watch(Arc::clone(&shared), Arc::clone(&oldest)));
    tokio::select! {
        () = receive(&shared, &places, &oldest) => {}
        // A receive that is dropped may have messages in its answer: they come again when their visibility ends.
        () = shared.stop.cancelled() => {}
    }
    watching.abort();
    let all = u32::try_from(shared.places).unwrap_or(u32::MAX);
    // Nobody closes the semaphore.
    places.acquire_many(all).await.ok();
}

async fn receive(shared: &Arc<Shared>, places: &Arc<Semaphore>, oldest: &AtomicU64) {
    let mut errors = 0;
    let mut paused = shared.paused.clone();
    loop {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        let failures = shared.failures.load(Ordering::Relaxed);
        if failures > 0 {
            // Each message would fail as the ones before: let the reason pass rather than use up their receives.
            tokio::time::sleep(pause(failures)).await;
        }
        // Back-pressure: what cannot be worked on yet stays in the queue, where others see it.
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            return;
        };
        let received = tokio::select! {
            received = async {
                shared.all_places.room(shared.entry.name).await;
                receive_once(shared).await
            } => received,
            changed = paused.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        match received {
            Ok((queue, messages)) => {
                if errors > 0 {
                    info!(
                        function = shared.entry.name,
                        queue = shared.queue.url,
                        "messages are received again"
                    );
                    errors = 0;
                    shared.tell(QueueEvent::Trouble(None));
                }
                oldest.store(oldest_of(shared, &messages), Ordering::Relaxed);
                if !messages.is_empty() {
                    shared.in_work.fetch_add(messages.len(), Ordering::Relaxed);
                    let shared = Arc::clone(shared);
                    tokio::spawn(async move {
                        delivery::deliver(&shared, &queue, messages).await;
                        drop(place);
                    });
                }
            }
            Err(failure) => {
                errors += 1;
                let wait = pause(errors);
                let text = chain(&failure);
                error!(
                    function = shared.entry.name,
                    queue = shared.queue.url,
                    "nothing can be received: {text}"
                );
                let text = match failure.hint_text() {
                    Some(hint) => format!("{text} (hint: {hint})"),
                    None => text,
                };
                shared.tell(QueueEvent::Trouble(Some(text)));
                drop(place);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn receive_once(shared: &Shared) -> Result<(Queue, Vec<Message>)> {
    let queue = connect(shared).await?;
    let messages = queue.receive(MOST_MESSAGES, VISIBILITY).await?;
    Ok((queue, messages))
}

/// The queue, with the settings of now. They are cheap to ask for again.
async fn connect(shared: &Shared) -> Result<Queue> {
    let settings = Arc::clone(&shared.settings.borrow());
    let aws = settings.aws().await?;
    let queue = &shared.queue;
    Queue::new(
        aws,
        &queue.url,
        queue.region.as_deref(),
        &queue.account,
        &queue.name,
    )
}

/// How long the oldest of these has waited, in seconds.
fn oldest_of(shared: &Shared, messages: &[Message]) -> u64 {
    let now = shared.now().timestamp_millis();
    let ages = messages.iter().filter_map(Message::sent_millis);
    let ages = ages.map(|sent| u64::try_from((now - sent) / 1000).unwrap_or_default());
    ages.max().unwrap_or_default()
}

/// Asks now and then how full the queue is.
async fn watch(shared: Arc<Shared>, oldest: Arc<AtomicU64>) {
    let mut is_told = false;
    loop {
        let looked = match connect(&shared).await {
            Ok(queue) => queue.look().await,
            Err(error) => Err(error),
        };
        match looked {
            Ok(look) => {
                if !look.has_redrive && !is_told {
                    warn!(
                        function = shared.entry.name,
                        queue = shared.queue.url,
                        "the queue has no redrive policy: a message that cannot be processed comes again until it expires"
                    );
                    is_told = true;
                }
                let oldest_secs = match oldest.load(Ordering::Relaxed) {
                    UNKNOWN => None,
                    secs => Some(secs),
                };
                shared.tell(QueueEvent::Looked { look, oldest_secs });
            }
            // Whether something is received is what counts, and is told where it fails.
            Err(error) if !is_told => {
                warn!(
                    function = shared.entry.name,
                    queue = shared.queue.url,
                    "how full the queue is cannot be told: {}",
                    chain(&error)
                );
                is_told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How long to rest after so many errors in a row: longer each time, and never quite the same, so that several daemons
/// do not come back together.
fn pause(errors: usize) -> Duration {
    let doublings = u32::try_from(errors.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = FIRST_PAUSE
        .saturating_mul(1 << doublings.min(16))
        .min(LONGEST_PAUSE);
    // The keys of the standard library's hashes are random.
    let random = RandomState::new().build_hasher().finish() % 1_000;
    whole / 2 + whole * u32::try_from(random).unwrap_or_default() / 2_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_bounded_and_differ() {
        for errors in [1, 2, 5, 20, usize::MAX] {
            let pause = pause(errors);
            assert!(pause >= FIRST_PAUSE / 2, "{pause:?}");
            assert!(pause <= LONGEST_PAUSE, "{pause:?}");
        }
        assert!(pause(10) >= LONGEST_PAUSE / 2);
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| pause(10)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
