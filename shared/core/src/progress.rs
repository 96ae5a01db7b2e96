//! How far a run has come, for somebody who watches. Counting only: drawing is the program's.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a function moves while it works and a terminal may draw. Cheap enough to be always on.
#[derive(Debug, Default)]
pub struct Progress {
    scopes: AtomicU64,
    scopes_read: AtomicU64,
    resources: AtomicU64,
    actions: AtomicU64,
    actions_done: AtomicU64,
}

impl Progress {
    /// Announces `count` more scopes (an account's region, or its IAM) that will be read.
    pub fn expect_scopes(&self, count: usize) {
        self.scopes.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// One scope is read, or known to be unreadable.
    pub fn scope_done(&self) {
        self.scopes_read.fetch_add(1, Ordering::Relaxed);
    }

    /// `count` more resources were seen.
    pub fn saw(&self, count: usize) {
        self.resources.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Announces `count` more actions.
    pub fn expect_actions(&self, count: usize) {
        self.actions.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// `count` more actions have an outcome.
    pub fn acted(&self, count: usize) {
        self.actions_done.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// One line: `reading 3 of 17 regions, 4120 resources`.
    pub fn line(&self) -> String {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (actions, done) = (load(&self.actions), load(&self.actions_done));
        if actions > 0 {
            return format!("applying {done} of {actions} actions");
        }
        match load(&self.scopes) {
            0 => "connecting".to_owned(),
            scopes => format!(
                "reading {} of {scopes} scopes, {} resources so far",
                load(&self.scopes_read),
                load(&self.resources)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_follows_the_work() {
        let progress = Progress::default();
        assert_eq!(progress.line(), "connecting");
        progress.expect_scopes(2);
        progress.saw(40);
        progress.scope_done();
        assert_eq!(
            progress.line(),
            "reading 1 of 2 scopes, 40 resources so far"
        );
        progress.expect_actions(3);
        progress.acted(1);
        assert_eq!(progress.line(), "applying 1 of 3 actions");
    }
}
