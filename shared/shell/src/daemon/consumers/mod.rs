//! The queues that bring events: one consumer for each queue of each event function in apply mode.
//!
//! | Module | Does |
//! | --- | --- |
//! | [`poll`] | receives, while there is a place for what comes |
//! | [`delivery`] | one delivery: the run, the hold on its messages, and what becomes of each |
//! | [`row`] | how things stand with a queue |
//!
//! A message is deleted only when every record in it is done, was nothing to do, or is in quarantine. Everything else
//! comes again, later each time, until the queue's redrive policy sets it aside; nothing here ever gives up a message.
//! What consumes waits for the network only, on the program's runtime; the runs are on a runtime of each queue's own,
//! so that a run that blocks its thread keeps neither another queue nor the hold on its own messages waiting.

mod delivery;
mod poll;
mod row;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use chrono::{DateTime, Utc};
use lamplighter_aws::sqs::Look;
use lamplighter_config::Queue as QueueConfig;
use lamplighter_core::{Error, Result};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use row::{Counts, QueueRow};

use super::keeper::News;
use super::places::Places;
use super::store::{Outcome, RunRow};
use crate::connect::Entry;
use crate::policy::consumed_queues;
use crate::settings::Settings;

/// What a consumer tells the keeper.
pub struct QueueNews {
    /// The function it consumes for.
    pub function: String,
    /// The queue's URL.
    pub queue: String,
    /// How many messages are in work now.
    pub in_work: u64,
    /// What there is to tell.
    pub what: QueueEvent,
}

impl QueueNews {
    /// Whether a delivery was cut off before it had ended.
    pub fn is_cut_off(&self) -> bool {
        matches!(&self.what, QueueEvent::Delivered { run, .. } if run.outcome == Some(Outcome::Interrupted))
    }
}

/// What there is to tell of a queue.
pub enum QueueEvent {
    /// A delivery has ended.
    Delivered {
        /// Its run, with its end.
        run: Box<RunRow>,
        /// What became of its messages.
        counts: Counts,
    },
    /// Messages for which there was no place before the daemon stopped are in the queue again.
    GivenBack {
        /// How many.
        messages: u64,
    },
    /// How full it is.
    Looked {
        /// By SQS's count.
        look: Look,
        /// How long the oldest message of the last receive had waited.
        oldest_secs: Option<u64>,
    },
    /// Why nothing can be received, or that it can again.
    Trouble(Option<String>),
}

/// All consumers of the daemon.
pub(super) struct Consumers {
    entries: Vec<Entry>,
    /// The program's own runtime.
    handle: Handle,
    sender: Sender<News>,
    places: Places,
    consumers: BTreeMap<(String, String), Consumer>,
    /// Consumers of queues that were taken out of the configuration, until their last delivery has ended.
    leaving: Vec<Consumer>,
}

struct Consumer {
    queue: QueueConfig,
    places: usize,
    settings: watch::Sender<Arc<Settings>>,
    paused: watch::Sender<bool>,
    stop: CancellationToken,
    cancel: CancellationToken,
    in_work: Arc<AtomicUsize>,
}

/// What the tasks of one consumer share.
struct Shared {
    entry: Entry,
    queue: QueueConfig,
    places: usize,
    settings: watch::Receiver<Arc<Settings>>,
    paused: watch::Receiver<bool>,
    /// Cancelled: nothing is received any more.
    stop: CancellationToken,
    /// Cancelled: what runs is told to end.
    cancel: CancellationToken,
    /// Messages that were received and are neither deleted nor given back.
    in_work: Arc<AtomicUsize>,
    /// How many deliveries in a row have failed as a whole.
    failures: AtomicUsize,
    /// Those of all runs of the daemon.
    all_places: Places,
    runs: Handle,
    sender: Sender<News>,
}

impl Shared {
    fn now(&self) -> DateTime<Utc> {
        (self.settings.borrow().clock)()
    }

    fn tell(&self, what: QueueEvent) {
        self.tell_beside(what, self.in_work.load(Ordering::Relaxed));
    }

    /// Tells something while so many messages are in work.
    fn tell_beside(&self, what: QueueEvent, in_work: usize) {
        let news = QueueNews {
            function: self.entry.name.to_owned(),
            queue: self.queue.url.clone(),
            in_work: in_work as u64,
            what,
        };
        // The keeper has ended, and with it whoever could be told.
        self.sender.send(News::Queue(Box::new(news))).ok();
    }
}

impl Consumers {
    pub(super) fn new(
        entries: Vec<Entry>,
        handle: Handle,
        sender: Sender<News>,
        places: Places,
    ) -> Self {
        Self {
            entries,
            handle,
            sender,
            places,
            consumers: BTreeMap::new(),
            leaving: vec![],
        }
    }

    /// Puts a configuration in place: what it names is consumed, what it names no more comes to its end, and what is
    /// the same goes on.
    pub(super) fn configure(&mut self, settings: &Arc<Settings>) {
        let places = usize::try_from(settings.config.daemon.max_deliveries).unwrap_or(1);
        let mut wanted: BTreeMap<(String, String), (Entry, QueueConfig)> = BTreeMap::new();
        for entry in &self.entries {
            for queue in consumed_queues(&settings.config, entry.name) {
                let key = (entry.name.to_owned(), queue.url.clone());
                wanted.insert(key, (*entry, queue.clone()));
            }
        }
        let gone = self.consumers.extract_if(.., |key, consumer| {
            wanted
                .get(key)
                .is_none_or(|(_, queue)| *queue != consumer.queue || places != consumer.places)
        });
        for ((function, queue), consumer) in gone.collect::<Vec<_>>() {
            info!(function, queue, "no longer consumed");
            consumer.stop.cancel();
            self.leaving.push(consumer);
        }
        self.leaving
            .retain(|consumer| consumer.in_work.load(Ordering::Relaxed) > 0);
        for (key, (entry, queue)) in wanted {
            if let Some(consumer) = self.consumers.get(&key) {
                consumer.settings.send_replace(Arc::clone(settings));
                continue;
            }
            match self.start(entry, queue, places, settings) {
                Ok(consumer) => {
                    info!(function = entry.name, queue = key.1, "consumed");
                    self.consumers.insert(key, consumer);
                }
                Err(error) => warn!(
                    function = entry.name,
                    queue = key.1,
                    "not consumed: {}",
                    lamplighter_core::chain(&error)
                ),
            }
        }
    }

    fn start(
        &self,
        entry: Entry,
        queue: QueueConfig,
        places: usize,
        settings: &Arc<Settings>,
    ) -> Result<Consumer> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(places + 1)
            .thread_name("delivery")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::permanent("cannot start the threads of deliveries").caused_by(error)
            })?;
        let consumer = Consumer {
            queue: queue.clone(),
            places,
            settings: watch::Sender::new(Arc::clone(settings)),
            paused: watch::Sender::new(false),
            stop: CancellationToken::new(),
            cancel: CancellationToken::new(),
            in_work: Arc::default(),
        };
        let shared = Arc::new(Shared {
            entry,
            queue,
            places,
            settings: consumer.settings.subscribe(),
            paused: consumer.paused.subscribe(),
            stop: consumer.stop.clone(),
            cancel: consumer.cancel.clone(),
            in_work: Arc::clone(&consumer.in_work),
            failures: AtomicUsize::default(),
            all_places: self.places.clone(),
            runs: runtime.handle().clone(),
            sender: self.sender.clone(),
        });
        self.handle.spawn(until_drained(shared, runtime));
        Ok(consumer)
    }

    /// Lets the consumers of a function rest, or go on.
    pub(super) fn set_paused(&self, function: &str, is_paused: bool) {
        for ((name, _), consumer) in &self.consumers {
            if name == function {
                consumer
                    .paused
                    .send_if_modified(|paused| std::mem::replace(paused, is_paused) != is_paused);
            }
        }
    }

    /// Nothing is received any more.
    pub(super) fn stop(&self) {
        self.consumers
            .values()
            .for_each(|consumer| consumer.stop.cancel());
    }

    /// What runs is told to end.
    pub(super) fn cancel(&self) {
        self.all().for_each(|consumer| consumer.cancel.cancel());
    }

    /// How many messages are in work.
    pub(super) fn in_work(&self) -> usize {
        self.all()
            .map(|consumer| consumer.in_work.load(Ordering::Relaxed))
            .sum()
    }

    fn all(&self) -> impl Iterator<Item = &Consumer> {
        self.consumers.values().chain(&self.leaving)
    }
}

async fn until_drained(shared: Arc<Shared>, runtime: Runtime) {
    poll::consume(shared).await;
    // A run that blocks its thread must not keep the program from ending.
    runtime.shutdown_background();
}
