//! Words to a dead-man's switch about every scheduled run: it begins, it has succeeded, it has failed.
//!
//! The switch raises the alarm when nothing comes, which is what no alarm of the daemon itself can do. A word that does
//! not arrive is logged and changes nothing: neither the run waits for it, nor its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lamplighter_aws::ping::{Switch, Word};
use lamplighter_config::Config;
use lamplighter_core::chain;
use tokio::task::JoinHandle;
use tracing::warn;
use ulid::Ulid;

use super::dispatcher::End;
use super::store::{Outcome, RunRow};
use crate::logging::tail::Tail;

/// How long the end of the daemon waits for words that are on their way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Words that are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Pings(Arc<AtomicUsize>);

/// The words about one run.
pub(super) struct Ping {
    switch: Switch,
    function: String,
    id: u128,
    tail: Tail,
    start: JoinHandle<()>,
    pings: Pings,
}

impl Pings {
    /// Says that a run begins, if anybody is to be told.
    pub(super) fn begin(&self, config: &Config, run: &RunRow) -> Option<Ping> {
        let url = config.daemon.ping_url.as_ref()?;
        let switch = match Switch::new(url) {
            Ok(switch) => switch,
            Err(error) => {
                warn!("nobody is told of runs: {}", chain(&error));
                return None;
            }
        };
        let id = Ulid::from_string(&run.run_id).map_or(0, |ulid| ulid.0);
        let said = (switch.clone(), run.function.clone());
        let on_its_way = self.on_its_way();
        let start = tokio::spawn(async move {
            let (switch, function) = said;
            say(&switch, &function, Word::Start, id, "").await;
            drop(on_its_way);
        });
        Some(Ping {
            switch,
            function: run.function.clone(),
            id,
            tail: Tail::default(),
            start,
            pings: self.clone(),
        })
    }

    /// Waits a little for words that are on their way.
    pub(super) fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn on_its_way(&self) -> OnItsWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        OnItsWay(Arc::clone(&self.0))
    }
}

/// Counts a word until it has arrived, or has not.
struct OnItsWay(Arc<AtomicUsize>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ping {
    /// Where the run's last lines are kept.
    pub(super) fn tail(&self) -> Tail {
        self.tail.clone()
    }

    /// Says how the run ended, after it was said that it begins. Does not wait for that.
    pub(super) fn end(self, end: &End) {
        let word = match end.outcome {
            Outcome::Ok => Word::Success,
            // Whoever has it says how it went.
            Outcome::Taken => Word::Log,
            // A run that was cut off has not done what it was there for.
            Outcome::Partial
            | Outcome::Failed
            | Outcome::Refused
            | Outcome::Timeout
            | Outcome::Panicked
            | Outcome::Interrupted => Word::Fail,
        };
        let detail = end.detail.as_deref().unwrap_or_default();
        let text = format!("{}: {detail}\n\n{}", end.outcome.as_str(), self.tail.text());
        let on_its_way = self.pings.on_its_way();
        tokio::spawn(async move {
            // It has panicked or was ended: then this word comes alone.
            self.start.await.ok();
            say(&self.switch, &self.function, word, self.id, &text).await;
            drop(on_its_way);
        });
    }
}

async fn say(switch: &Switch, function: &str, word: Word, id: u128, text: &str) {
    if let Err(error) = switch.say(function, word, id, text).await {
        warn!(
            function,
            ?word,
            "nobody was told of the run: {}",
            chain(&error)
        );
    }
}
