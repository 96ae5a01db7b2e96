//! Folds identical lines, so that a loop that is stuck cannot fill the disk.
//!
//! The first of them is written at once. Those that follow within [`WINDOW`] are counted, and said in one line when it
//! is over. Lines that come from one place in the code and differ a little are no loop, but can be as many: of those
//! at most [`MOST_LINES`] are written in a window, and the rest is counted too. Only for the daemon, which nobody
//! watches; a person's terminal and a Lambda's log get every line.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How long lines are counted before the count is said.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// The most lines of one place in the code that are written in a window.
pub(super) const MOST_LINES: u64 = 600;

/// The most different lines that are told apart. More than this in a window are at [`MOST_LINES`] soon.
const MOST_KINDS: usize = 10_000;

/// So much of a line stands for it where its count is said.
const MOST_CHARS: usize = 200;

/// Where the counts are said from. They are folded by nobody.
const TARGET: &str = "lamplighter_shell::logging::fold";

/// Writes what is counted still, when the program ends.
static FOLD: OnceLock<Fold> = OnceLock::new();

/// The layer that holds lines back.
#[derive(Clone, Default)]
pub(super) struct Fold {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counted: Mutex<Counted>,
    /// Something is counted now.
    begun: Condvar,
}

#[derive(Default)]
struct Counted {
    lines: HashMap<u64, Line>,
    places: HashMap<Identifier, Line>,
}

/// One kind of line.
struct Line {
    since: Instant,
    written: u64,
    held_back: u64,
    level: Level,
    text: String,
}

/// What is said of lines that were held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    level: Level,
    count: u64,
    text: String,
}

impl Fold {
    /// A layer whose counts are said by a thread of its own, which sleeps while there is nothing to count.
    pub(super) fn start() -> Self {
        let fold = FOLD.get_or_init(Self::default).clone();
        let saying = fold.clone();
        let spawned = std::thread::Builder::new()
            .name("fold".to_owned())
            .spawn(move || saying.say_for_ever());
        // Without the thread, counts are said when the daemon ends.
        drop(spawned);
        fold
    }

    fn say_for_ever(&self) {
        loop {
            let mut counted = self.counted();
            while counted.lines.is_empty() {
                counted = self
                    .shared
                    .begun
                    .wait(counted)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(counted);
            std::thread::sleep(WINDOW / 6);
            say(self.over(Instant::now(), WINDOW));
        }
    }

    /// Whether a line is written.
    fn admits(&self, place: Identifier, key: u64, level: Level, text: &str, now: Instant) -> bool {
        let mut counted = self.counted();
        let is_first = counted.lines.is_empty();
        if counted.lines.len() < MOST_KINDS || counted.lines.contains_key(&key) {
            let line = counted
                .lines
                .entry(key)
                .or_insert_with(|| Line::new(now, level, text));
            if line.written > 0 {
                line.held_back += 1;
                return false;
            }
            line.written = 1;
        }
        let line = counted
            .places
            .entry(place)
            .or_insert_with(|| Line::new(now, level, text));
        let is_admitted = line.written < MOST_LINES;
        match is_admitted {
            true => line.written += 1,
            false => line.held_back += 1,
        }
        drop(counted);
        if is_first {
            self.shared.begun.notify_one();
        }
        is_admitted
    }

    /// What is to be said of the lines whose window is over; they are counted anew from here on.
    pub(super) fn over(&self, now: Instant, window: Duration) -> Vec<Said> {
        let mut counted = self.counted();
        let is_over = |line: &Line| now.duration_since(line.since) >= window;
        let Counted { lines, places } = &mut *counted;
        let lines = lines.extract_if(|_, line| is_over(line));
        let mut said: Vec<Said> = lines.filter_map(|(_, line)| line.said("")).collect();
        let places = places.extract_if(|_, line| is_over(line));
        said.extend(places.filter_map(|(_, line)| line.said("and lines like it: ")));
        said
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.shared
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn new(since: Instant, level: Level, text: &str) -> Self {
        let end = text.char_indices().nth(MOST_CHARS);
        let text = match end {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        Self {
            since,
            written: 0,
            held_back: 0,
            level,
            text,
        }
    }

    fn said(self, prefix: &str) -> Option<Said> {
        (self.held_back > 0).then(|| Said {
            level: self.level,
            count: self.held_back,
            text: format!("{prefix}{}", self.text),
        })
    }
}

/// Says what is counted still. For the end of the daemon.
pub(super) fn flush() {
    if let Some(fold) = FOLD.get() {
        say(fold.over(Instant::now(), Duration::ZERO));
    }
}

fn say(said: Vec<Said>) {
    for Said { level, count, text } in said {
        let times = if count == 1 { "time" } else { "times" };
        match level {
            Level::ERROR => {
                tracing::error!(target: TARGET, repeated = count, "{text} … repeated {count} {times}");
            }
            Level::WARN => {
                tracing::warn!(target: TARGET, repeated = count, "{text} … repeated {count} {times}");
            }
            _ => {
                tracing::info!(target: TARGET, repeated = count, "{text} … repeated {count} {times}");
            }
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Fold {
    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if metadata.target() == TARGET {
            return true;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let mut hasher = DefaultHasher::new();
        metadata.callsite().hash(&mut hasher);
        text.message.hash(&mut hasher);
        text.fields.hash(&mut hasher);
        for span in context.event_scope(event).into_iter().flatten() {
            span.id().into_u64().hash(&mut hasher);
        }
        self.admits(
            metadata.callsite(),
            hasher.finish(),
            *metadata.level(),
            &text.message,
            Instant::now(),
        )
    }
}

/// What a line says.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        match field.name() {
            "message" => write!(self.message, "{value:?}").ok(),
            name => write!(self.fields, "{name}={value:?} ").ok(),
        };
    }
}

#[cfg(test)]
mod tests;
