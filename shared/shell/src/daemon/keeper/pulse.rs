//! What is known of the heartbeat: when it came last, and what is to be done while it does not come.
//!
//! tokio-cron-scheduler holds the time of its next beat by the wall clock. A clock that goes back an hour silences it for
//! an hour, while the planner, which looks at the clock itself, is in the best of health.

use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::Keeper;
use crate::daemon::dispatcher::Dispatcher;

/// Without a pulse for this long the planner goes on by itself, and the heart is made anew.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// A heart that is made anew gets this long to beat, before that is tried again.
const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// A heart that is silent for this long although it was made anew is beyond help, and so is what it is made of: the
/// threads that wait for signals and for queues. Then somebody has to start the daemon again.
const BEYOND_HELP: Duration = Duration::from_secs(60);

/// When the heart beat last, and when what hangs on it was done last.
pub(super) struct Pulse {
    came_at: Instant,
    renewed_at: Option<Instant>,
    kept_at: Instant,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            came_at: now,
            renewed_at: None,
            kept_at: now,
        }
    }

    /// A pulse has come. Answers whether it had been missed.
    pub(super) fn came(&mut self, now: Instant) -> bool {
        self.came_at = now;
        self.renewed_at.take().is_some()
    }

    /// What is done on a pulse has been done.
    pub(super) fn kept(&mut self, now: Instant) {
        self.kept_at = now;
    }

    /// Whether what is done on a pulse is to be done without one.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        now.duration_since(self.kept_at) >= SILENCE
    }

    /// Whether the heart is to be made anew now: it is silent, or the clock went back and silences it.
    pub(super) fn wants_renewal(&mut self, went_back: bool, now: Instant) -> bool {
        let is_silent = now.duration_since(self.came_at) >= SILENCE;
        let waits = |renewed_at| now.duration_since(renewed_at) < RENEWED_EVERY;
        let wants = went_back || (is_silent && !self.renewed_at.is_some_and(waits));
        if wants {
            self.renewed_at = Some(now);
        }
        wants
    }

    /// Whether the heart cannot be brought to beat again.
    pub(super) fn is_beyond_help(&self, now: Instant) -> bool {
        now.duration_since(self.came_at) >= BEYOND_HELP
    }
}

impl Keeper {
    /// The heart beats.
    pub(super) fn beats(&mut self) {
        self.is_given_up = false;
        if self.pulse.came(Instant::now()) {
            info!("the scheduler's heart beats again");
        }
    }

    /// What is done every second, on the heart's pulse or without it.
    pub(super) fn live(&mut self, dispatcher: &mut Dispatcher) {
        self.pulse.kept(Instant::now());
        self.have_renewed(false);
        dispatcher.keep((self.settings.clock)());
        self.let_consume(dispatcher);
        let status = self.status(dispatcher);
        self.say_alive(&status);
    }

    /// Has the heart made anew, if it is silent or about to be.
    pub(super) fn have_renewed(&mut self, went_back: bool) {
        if self.pulse.wants_renewal(went_back, Instant::now())
            && let Some(renew) = &self.renew
        {
            warn!(
                "the scheduler's heartbeat stopped; it is made anew, and the planner goes on by itself"
            );
            // Whoever makes it is gone when the daemon ends another way.
            renew.send(()).ok();
        }
    }

    /// Tells systemd that the planner lives, unless the heart is beyond help.
    pub(super) fn say_alive(&mut self, status: &str) {
        if !self.pulse.is_beyond_help(Instant::now()) {
            self.supervisor.alive(status);
        } else if !std::mem::replace(&mut self.is_given_up, true) {
            error!(
                "the scheduler's heart cannot be made to beat again; systemd gets no more signs of life"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_heart_is_made_anew_again_and_again_and_given_up_after_a_minute() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        let mut renewed = vec![];
        let mut kept = vec![];
        for second in 1..70 {
            let now = start + Duration::from_secs(second);
            if pulse.wants_renewal(false, now) {
                renewed.push(second);
            }
            if pulse.is_overdue(now) {
                pulse.kept(now);
                kept.push(second);
            }
            assert_eq!(pulse.is_beyond_help(now), second >= 60, "{second}");
        }
        assert_eq!(renewed, [3, 13, 23, 33, 43, 53, 63]);
        assert_eq!(kept.len(), 23, "{kept:?}");
        let now = start + Duration::from_secs(70);
        assert!(pulse.came(now), "it had been missed");
        assert!(!pulse.came(now));
        assert!(!pulse.is_beyond_help(now) && !pulse.wants_renewal(false, now));
        assert!(pulse.wants_renewal(true, now), "the clock went back");
    }
}
