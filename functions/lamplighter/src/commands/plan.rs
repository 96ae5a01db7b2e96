//! `lamplighter plan`: a plan in a file, for review.

use std::path::Path;

use chrono::{DateTime, Utc};
use lamplighter_core::{Mode, PLAN_VALID_HOURS, Trigger};
use lamplighter_shell::Invocation;

use crate::cli::Globals;
use crate::commands::{event, finish, hints, settings, watched};
use crate::output;
use crate::{Failure, functions};

pub(super) async fn run(
    globals: &Globals,
    function: &str,
    from: Option<&str>,
    out: &Path,
    now: Option<DateTime<Utc>>,
) -> Result<u8, Failure> {
    let entry = functions::find(function)?;
    let settings = settings(globals, function, Some(Mode::Plan), now)?;
    let invocation = Invocation::new(Some(Mode::Plan), Trigger::Manual, event(from)?);
    let work = (entry.plan)(settings.clone(), invocation);
    let planned = watched(&settings.progress, globals.quiet, work)
        .await
        .map_err(|error| hints::of_error(function, error))?;
    output::write_file(out, planned.file.as_bytes())?;
    let code = finish(&planned.run, globals)?;
    if !globals.quiet {
        output::note(&format!(
            "wrote {} with {} actions; apply it within {PLAN_VALID_HOURS} hours: lamplighter apply {}",
            out.display(),
            planned.run.summary.planned,
            out.display()
        ));
    }
    Ok(code)
}
