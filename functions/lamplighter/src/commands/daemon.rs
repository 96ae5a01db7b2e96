//! `lamplighter daemon`: the configured functions on their schedules, until SIGTERM.

use std::sync::Arc;

use lamplighter_core::{Error, ErrorKind, Result};
use lamplighter_shell::Settings;
use lamplighter_shell::daemon::{Ended, Load, Orders, run as run_daemon};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::Globals;
use crate::commands::{interrupted, load, options};
use crate::{Failure, functions};

pub(super) async fn run(globals: &Globals) -> Result<u8, Failure> {
    let settings = Arc::new(Settings::new(load(globals, vec![])?, options(globals)));
    log_panics();
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        interrupted().await;
        signalled.cancel();
        // A second signal is somebody who will not wait.
        interrupted().await;
        std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()));
    });
    let orders = Orders {
        stop,
        reload: hangups()?,
        load: again(globals.clone()),
    };
    let ended = run_daemon(functions::all(), settings, orders).await;
    lamplighter_shell::logging::flush();
    match ended? {
        Ended::Cleanly => Ok(0),
        Ended::Interrupted => Err(Error::new(
            ErrorKind::Interrupted,
            "the daemon stopped before all runs had ended",
        )
        .into()),
    }
}

/// Reads the configuration again, with the same flags.
fn again(globals: Globals) -> Load {
    Box::new(move || match load(&globals, vec![]) {
        Ok(config) => Ok(Settings::new(config, options(&globals))),
        Err(failure) => Err(failure.text()),
    })
}

/// SIGHUPs. Several that come while one is acted on are one.
fn hangups() -> Result<mpsc::Receiver<()>> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| Error::permanent("cannot listen for SIGHUP").caused_by(error))?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if sender.send(()).await.is_err() {
                // The daemon has ended.
                return;
            }
        }
    });
    Ok(receiver)
}

/// A panic in a run is a line in the log like any other, not text between the lines.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let what = panic.payload();
        let text = what
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| what.downcast_ref::<String>().map(String::as_str));
        tracing::error!(place, "panic: {}", text.unwrap_or("no message"));
    }));
}
