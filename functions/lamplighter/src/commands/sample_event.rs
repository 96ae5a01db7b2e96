//! `lamplighter sample-event`: an event to try a function with.

use lamplighter_core::Error;
use lamplighter_events::{SAMPLES, sample};

use crate::Failure;
use crate::cli::Globals;
use crate::output;

pub(super) fn run(globals: &Globals, name: Option<&str>) -> Result<u8, Failure> {
    let Some(name) = name else {
        let width = SAMPLES
            .iter()
            .map(|sample| sample.name.len())
            .max()
            .unwrap_or_default();
        let lines: String = SAMPLES
            .iter()
            .map(|sample| format!("{:width$}  {}\n", sample.name, sample.what))
            .collect();
        output::text(&lines, globals)?;
        return Ok(0);
    };
    let Some(sample) = sample(name) else {
        let known: Vec<String> = SAMPLES
            .iter()
            .map(|sample| format!("`{}`", sample.name))
            .collect();
        return Err(Error::config(format!("there is no sample event `{name}`"))
            .hint(format!("known: {}", known.join(", ")))
            .into());
    };
    output::text(sample.text, globals)?;
    Ok(0)
}
