//! The end of a run, told whatever happens: one that is never told would keep its place for ever.

use std::sync::mpsc::Sender;
use std::thread::panicking;

use super::News;
use crate::daemon::dispatcher::End;
use crate::daemon::pings::Ping;
use crate::daemon::store::Outcome;

/// Tells how a run ended, when it is dropped: first those who watch from outside, whom the end of the daemon waits for,
/// and then the keeper, even if the first could not be told.
pub(super) struct Ending {
    ping: Option<Ping>,
    word: Word,
}

/// The word to the keeper.
struct Word {
    sender: Sender<News>,
    run_id: String,
    end: Option<End>,
}

impl Ending {
    pub(super) fn new(sender: Sender<News>, run_id: String) -> Self {
        Self {
            ping: None,
            word: Word {
                sender,
                run_id,
                end: None,
            },
        }
    }

    /// Who else is told.
    pub(super) fn watched_by(&mut self, ping: Option<Ping>) -> Option<&Ping> {
        self.ping = ping;
        self.ping.as_ref()
    }

    /// Tells this. Where it is never called, something around the run has panicked: its report, or the word about it.
    pub(super) fn with(mut self, end: End) {
        self.word.end = Some(end);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Without an end and a panic the whole runtime ends, and nothing can be said any more.
        if self.word.end.is_none() && !panicking() {
            return;
        }
        let end = self.word.end.get_or_insert_with(lost);
        if let Some(ping) = self.ping.take() {
            ping.end(end);
        }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        let news = News::Ended {
            run_id: std::mem::take(&mut self.run_id),
            end: self.end.take().unwrap_or_else(lost),
        };
        // The keeper has ended: it has said that this one did not.
        self.sender.send(news).ok();
    }
}

/// The end of what was dropped before it had ended.
pub(in crate::daemon) fn lost() -> End {
    let (outcome, detail) = match panicking() {
        true => (
            Outcome::Panicked,
            "it panicked outside of the function; the log says where",
        ),
        false => (Outcome::Interrupted, "it was dropped before it had ended"),
    };
    End {
        outcome,
        detail: Some(detail.to_owned()),
        summary: None,
    }
}
