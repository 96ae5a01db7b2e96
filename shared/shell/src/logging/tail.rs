//! The last lines of a run, for whoever is told how it went.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many lines are kept.
const MOST_LINES: usize = 50;

/// How much of a line is kept.
const MOST_CHARS: usize = 500;

tokio::task_local! {
    /// The tail of the run that this task belongs to.
    static TAIL: Tail;
}

/// The last lines of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Runs `work`, and keeps the last lines that it logs. What it hands to other tasks is not part of it.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        TAIL.scope(self.clone(), work).await
    }

    /// The lines, the oldest first.
    pub fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn add(&self, mut line: String) {
        if let Some((end, _)) = line.char_indices().nth(MOST_CHARS) {
            line.truncate(end);
            line.push('…');
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// The layer that keeps them.
pub(super) struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Outside a run that is listened to there is no tail.
        TAIL.try_with(|tail| {
            let mut line = Line(String::new(), String::new());
            event.record(&mut line);
            let Line(message, fields) = line;
            let level = event.metadata().level();
            tail.add(format!("{level} {message}{fields}"));
        })
        .ok();
    }
}

/// The message, and the fields after it.
struct Line(String, String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        match field.name() {
            "message" => write!(self.0, "{value:?}").ok(),
            name => write!(self.1, " {name}={value:?}").ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_last_lines_of_a_run_are_kept_and_nobody_else_s() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let (one, other) = (Tail::default(), Tail::default());
        let subscriber = tracing_subscriber::registry().with(Keep);
        let _guard = tracing::subscriber::set_default(subscriber);
        runtime.block_on(async {
            tracing::info!("before");
            let work = |name: &'static str, count: usize| async move {
                for number in 0..count {
                    tracing::warn!(number, "{name}");
                    tokio::task::yield_now().await;
                }
            };
            tokio::join!(one.of(work("one", 60)), other.of(work("other", 1)));
        });
        assert_eq!(other.text(), "WARN other number=0\n");
        let text = one.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (50, "WARN one number=10"));
        assert_eq!(lines[49], "WARN one number=59");
    }
}
