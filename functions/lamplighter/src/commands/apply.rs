//! `lamplighter apply`: does what a plan file says. Naming the file is the consent.

use std::path::Path;

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Mode, PlanFile};
use lamplighter_shell::Invocation;

use crate::cli::Globals;
use crate::commands::{finish, hints, settings, watched};
use crate::{Failure, functions};

pub(super) async fn run(
    globals: &Globals,
    file: &Path,
    dry_run: bool,
    now: Option<DateTime<Utc>>,
) -> Result<u8, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::config(format!("cannot read the plan `{name}`")).caused_by(error)
    })?;
    let function = PlanFile::open(&name, &text)?.run.function.into_owned();
    let entry = functions::find(&function)?;
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    // The configuration's mode is ignored, and so is what it would say against applying by schedule.
    let settings = settings(globals, &function, dry_run.then_some(Mode::DryRun), now)?;
    let work = (entry.apply)(
        settings.clone(),
        Invocation::by_hand(Some(mode)),
        name,
        text,
    );
    let run = watched(&settings.progress, globals.quiet, work)
        .await
        .map_err(|error| hints::of_error(&function, error))?;
    finish(&run, globals)
}
