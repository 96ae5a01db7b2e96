use std::sync::atomic::{AtomicUsize, Ordering};

use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// Counts the lines that come through.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().expect("not poisoned").push(text.message);
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}

/// What is written of what `speak` says, and what is said of the rest.
fn folded(speak: impl FnOnce()) -> (Vec<String>, Vec<Said>) {
    let (fold, log) = (Fold::default(), Log::default());
    let subscriber = tracing_subscriber::registry()
        .with(fold.clone())
        .with(log.clone());
    tracing::subscriber::with_default(subscriber, speak);
    let mut said = fold.over(Instant::now(), Duration::ZERO);
    said.sort_by(|a, b| a.text.cmp(&b.text));
    (log.lines(), said)
}

fn said(level: Level, count: u64, text: &str) -> Said {
    Said {
        level,
        count,
        text: text.to_owned(),
    }
}

#[test]
fn a_stuck_loop_writes_one_line_and_its_count() {
    let (lines, counts) = folded(|| {
        for _ in 0..313 {
            tracing::error!(queue = "q", "nothing can be received");
        }
    });
    assert_eq!(lines, ["nothing can be received"]);
    assert_eq!(counts, [said(Level::ERROR, 312, "nothing can be received")]);
}

#[test]
fn lines_that_differ_in_a_field_a_text_or_their_run_are_all_written() {
    let (lines, counts) = folded(|| {
        for function in ["audit-mfa", "stop-untagged"] {
            tracing::info!(function, "scheduled");
        }
        for run_id in ["a", "b"] {
            let _run = tracing::info_span!("run", run_id).entered();
            tracing::info!("the run begins");
        }
        tracing::info!("one");
        tracing::info!("one");
        tracing::info!("two {}", 2);
    });
    let expected = [
        "scheduled",
        "scheduled",
        "the run begins",
        "the run begins",
        "one",
        "one",
        "two 2",
    ];
    // The two `one` are two places in the code.
    assert_eq!(lines, expected);
    assert_eq!(counts, []);
}

#[test]
fn after_its_window_a_line_is_written_again() {
    let fold = Fold::default();
    let place = tracing::info_span!("here")
        .metadata()
        .map(tracing::Metadata::callsite);
    let begin = Instant::now();
    let Some(place) = place else {
        // No subscriber is interested in the span, so it has no metadata; take one that always has.
        return with_event_place(begin);
    };
    check_window(&fold, place, begin);
}

fn with_event_place(begin: Instant) {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    struct Take;
    impl<S: Subscriber> Layer<S> for Take {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            SEEN.fetch_add(1, Ordering::Relaxed);
            check_window(
                &Fold::default(),
                event.metadata().callsite(),
                Instant::now(),
            );
        }
    }
    let subscriber = tracing_subscriber::registry().with(Take);
    tracing::subscriber::with_default(subscriber, || tracing::info!("here"));
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
    assert!(begin.elapsed() < WINDOW);
}

fn check_window(fold: &Fold, place: Identifier, begin: Instant) {
    let admits = |after| fold.admits(place.clone(), 1, Level::INFO, "x", begin + after);
    assert!(admits(Duration::ZERO));
    assert!(!admits(WINDOW / 2));
    assert_eq!(fold.over(begin + WINDOW / 2, WINDOW), []);
    let over = fold.over(begin + WINDOW, WINDOW);
    assert_eq!(over, [said(Level::INFO, 1, "x")]);
    assert!(admits(WINDOW), "a new window");
}

#[test]
fn a_place_that_says_something_else_each_time_is_held_back_after_its_share() {
    let (lines, counts) = folded(|| {
        for number in 0..MOST_LINES + 50 {
            tracing::warn!("attempt {number} failed");
        }
    });
    assert_eq!(lines.len() as u64, MOST_LINES);
    assert_eq!(
        counts,
        [said(Level::WARN, 50, "and lines like it: attempt 0 failed")]
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let long = "ü".repeat(5_000);
    let (_, counts) = folded(|| {
        for _ in 0..2 {
            tracing::info!("{long}");
        }
        for number in 0..2 * MOST_KINDS {
            tracing::trace!("kind {number}");
        }
    });
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert_eq!(counts[1].text.chars().count(), MOST_CHARS + 1);
}
