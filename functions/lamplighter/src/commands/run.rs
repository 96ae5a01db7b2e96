//! `lamplighter run`: one run of one function.

use chrono::{DateTime, Utc};
use lamplighter_core::{Mode, Trigger};
use lamplighter_events::Kind;
use lamplighter_shell::Invocation;

use crate::cli::Globals;
use crate::commands::{event, finish, hints, settings, watched};
use crate::{Failure, functions, output};

pub(super) async fn run(
    globals: &Globals,
    function: &str,
    mode: Option<Mode>,
    from: Option<&str>,
    now: Option<DateTime<Utc>>,
) -> Result<u8, Failure> {
    let entry = functions::find(function)?;
    let settings = settings(globals, function, mode, now)?;
    let envelope = event(from)?;
    if envelope.kind == Kind::KeepWarm {
        // As in a Lambda: it asks for nothing, and no client is made.
        output::note("a ping that keeps a Lambda warm: nothing to do");
        return Ok(0);
    }
    let invocation = Invocation::new(mode, Trigger::Manual, envelope);
    let work = (entry.run)(settings.clone(), invocation);
    let run = watched(&settings.progress, globals.quiet, work)
        .await
        .map_err(|error| hints::of_error(function, error))?;
    finish(&run, globals)
}
