//! What the daemon tells systemd: that it is ready, reads its configuration again, stops, and lives.
//!
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>. Without systemd, that is without
//! `NOTIFY_SOCKET`, all of it does nothing. The watchdog is fed by the thread that plans, on the heartbeat's pulse or,
//! while that is made anew, without it: so a planner that hangs ends in a restart, and so does a heart that cannot be
//! made to beat again, but not a clock that was set back.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::warn;

use crate::round::TIME_TO_END;

/// systemd, if it watches.
pub(super) struct Supervisor {
    /// How often it wants a sign of life: half of the time after which it gives the daemon up.
    watchdog: Option<Duration>,
    fed_at: Option<Instant>,
    status: String,
    is_reachable: bool,
}

impl Supervisor {
    pub(super) fn from_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled().map(|timeout| timeout / 2),
            fed_at: None,
            status: String::new(),
            is_reachable: true,
        }
    }

    /// The first plan is made.
    pub(super) fn ready(&mut self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        status.clone_into(&mut self.status);
    }

    /// The configuration is read again. systemd wants to know since when, on the clock that does not jump.
    pub(super) fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => warn!("systemd is not told of the new configuration: {error}"),
        }
    }

    /// The new configuration is in place, or the old one still is.
    pub(super) fn reloaded(&mut self, status: &str) {
        self.ready(status);
    }

    /// No new work. It takes this long at most, and then a little to put things in order.
    pub(super) fn stopping(&mut self, drain: Duration) {
        let longest = drain + 2 * TIME_TO_END;
        let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
        self.tell(&[
            NotifyState::Stopping,
            NotifyState::ExtendTimeoutUsec(longest),
            NotifyState::Status("stopping"),
        ]);
    }

    /// The planner has looked at the clock.
    pub(super) fn alive(&mut self, status: &str) {
        let is_due = self.watchdog.is_some_and(|every| {
            self.fed_at
                .is_none_or(|fed_at| fed_at.elapsed() >= every / 2)
        });
        if is_due {
            self.fed_at = Some(Instant::now());
            self.tell(&[NotifyState::Watchdog]);
        }
        if self.status != status {
            status.clone_into(&mut self.status);
            self.tell(&[NotifyState::Status(status)]);
        }
    }

    fn tell(&mut self, states: &[NotifyState<'_>]) {
        match sd_notify::notify(states) {
            Ok(()) => self.is_reachable = true,
            Err(error) if self.is_reachable => {
                self.is_reachable = false;
                warn!("systemd cannot be told how things stand: {error}");
            }
            // Said once; the next word may get through.
            Err(_) => {}
        }
    }
}
