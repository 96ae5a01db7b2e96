//! `lamplighter run`: one run of one function.

use chrono::{DateTime, Utc};
use lamplighter_core::{Mode, Trigger};
use lamplighter_shell::Invocation;

use crate::cli::Globals;
use crate::commands::{event, finish, settings, watched};
use crate::{Failure, functions};

pub(super) async fn run(
    globals: &Globals,
    function: &str,
    mode: Option<Mode>,
    from: Option<&str>,
    now: Option<DateTime<Utc>>,
) -> Result<u8, Failure> {
    let entry = functions::find(function)?;
    let settings = settings(globals, function, mode, now)?;
    let invocation = Invocation {
        mode,
        trigger: Trigger::Manual,
        envelope: event(from)?,
    };
    let work = (entry.run)(settings.clone(), invocation);
    let run = watched(&settings.progress, globals.quiet, work)
        .await
        .map_err(|error| error.context(function))?;
    finish(&run, globals)
}
