//! `lamplighter daemon`: the configured functions on their schedules, until SIGTERM.

use std::sync::Arc;

use lamplighter_core::{Error, ErrorKind};
use lamplighter_shell::Settings;
use lamplighter_shell::daemon::{Ended, run as run_daemon};
use tokio_util::sync::CancellationToken;

use crate::cli::Globals;
use crate::commands::{interrupted, load, options};
use crate::{Failure, functions};

pub(super) async fn run(globals: &Globals) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    let entries = functions::all()
        .into_iter()
        .filter(|entry| config.is_configured(entry.name))
        .collect();
    let settings = Arc::new(Settings::new(config, options(globals)));
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        interrupted().await;
        signalled.cancel();
        // A second signal is somebody who will not wait.
        interrupted().await;
        std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()));
    });
    match run_daemon(entries, settings, stop).await? {
        Ended::Cleanly => Ok(0),
        Ended::Interrupted => Err(Error::new(
            ErrorKind::Interrupted,
            "the daemon stopped before all runs had ended",
        )
        .into()),
    }
}
