//! The program: command line and scheduler daemon.
//!
//! | File | Holds |
//! | --- | --- |
//! | `cli.rs` | what can be typed |
//! | `functions.rs` | the list of all functions |
//! | `commands/` | one file for each command |
//! | `cost/` | what the functions cost as Lambdas |
//! | `deploy/` | packages and templates |
//! | `output.rs` | where results go: stdout, a file, colours, the progress line |
//! | `demo/` | the product against a simulated account |

mod cli;
mod commands;
mod cost;
#[cfg(feature = "demo")]
mod demo;
mod deploy;
mod functions;
mod output;

use std::process::ExitCode;

use clap::Parser;
use lamplighter_core::chain;
use lamplighter_shell::logging;

use crate::cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_daemon = matches!(cli.command, Command::Daemon);
    let level = match (cli.globals.quiet, cli.globals.verbose) {
        (true, _) => logging::Default::Errors,
        (false, 0) if !is_daemon => logging::Default::Warnings,
        (false, 0 | 1) => logging::Default::Information,
        (false, _) => logging::Default::Debugging,
    };
    match is_daemon {
        true => logging::init_folding(level),
        false => logging::init(level),
    }
    match commands::run(cli).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Why the program ends without a result.
enum Failure {
    /// What could not be done.
    Error(lamplighter_core::Error),
    /// Everything that is wrong with the configuration.
    Config(lamplighter_config::Errors),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Error(error) => error.kind().exit_code(),
            Self::Config(_) => 2,
        }
    }

    /// All of it as plain text, for a log.
    fn text(&self) -> String {
        match self {
            Self::Error(error) => chain(error),
            Self::Config(errors) => errors.render(false),
        }
    }

    fn print(&self) {
        match self {
            Self::Error(error) => {
                output::note(&format!("error: {}", chain(error)));
                if let Some(hint) = error.hint_text() {
                    output::note(&format!("hint: {hint}"));
                }
            }
            Self::Config(errors) => output::note(&errors.render(output::stderr_has_colour())),
        }
    }
}

impl From<lamplighter_core::Error> for Failure {
    fn from(error: lamplighter_core::Error) -> Self {
        Self::Error(error)
    }
}

impl From<lamplighter_config::Errors> for Failure {
    fn from(errors: lamplighter_config::Errors) -> Self {
        Self::Config(errors)
    }
}
