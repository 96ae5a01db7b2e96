//! Dry runs that somebody asks for on the page: they go the way of every run, but the ledger knows nothing of them.

use lamplighter_core::{Mode, Trigger};
use ulid::Ulid;

use super::Keeper;
use crate::daemon::store::RunRow;

impl Keeper {
    /// Starts one, and answers its id, or for a person why it does not start.
    pub(super) fn start_by_hand(&mut self, function: &str) -> Result<String, String> {
        if !self.settings.config.is_configured(function) {
            return Err(format!("`{function}` is not configured."));
        }
        let Some(place) = self.places.try_take(function) else {
            return Err(
                "As many runs as may go on at once are going on. Try again in a while.".to_owned(),
            );
        };
        let now = (self.settings.clock)();
        let run_id = Ulid::generate().to_string();
        if !self.link.dry_run_begins(function, &run_id, now) {
            return Err("Another dry run is going on. Try again when it has ended.".to_owned());
        }
        let start = RunRow {
            run_id: run_id.clone(),
            function: function.to_owned(),
            trigger: Trigger::Manual,
            slot: None,
            missed: 0,
            mode: Mode::DryRun,
            started_at: now,
            finished_at: None,
            outcome: None,
            detail: None,
            summary: None,
        };
        self.start(start, Some(place));
        Ok(run_id)
    }
}
