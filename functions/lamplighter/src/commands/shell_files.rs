//! `lamplighter completions` and `lamplighter man`: what a shell and a manual reader need.

use clap::CommandFactory;
use lamplighter_core::Error;

use crate::Failure;
use crate::cli::{Cli, Globals};
use crate::output;

pub(super) fn completions(globals: &Globals, shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lamplighter", &mut script);
    output::text(&String::from_utf8_lossy(&script), globals)?;
    Ok(0)
}

pub(super) fn man(globals: &Globals) -> Result<u8, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Error::permanent("cannot write the manual page").caused_by(error))?;
    output::text(&String::from_utf8_lossy(&page), globals)?;
    Ok(0)
}
