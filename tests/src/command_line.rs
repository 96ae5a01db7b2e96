//! The command line, as a person and a script meet it: every command, flag, format and exit code of the interface.

mod commands;
mod exit_codes;
mod formats;
mod schedules;

use crate::harness::{Lamplighter, Ran};

fn lamplighter<'a>(args: impl IntoIterator<Item = &'a str>) -> Ran {
    Lamplighter::new(args).run()
}

fn with<'a>(config: &str, args: impl IntoIterator<Item = &'a str>) -> Ran {
    Lamplighter::new(args).config(config).run()
}
