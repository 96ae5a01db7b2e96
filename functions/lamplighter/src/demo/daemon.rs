//! `lamplighter demo --daemon`: the real daemon with every function, against the simulated account.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use lamplighter_config::{Config, Sources};
use lamplighter_core::{Error, Result};
use lamplighter_local_aws::LocalAws;
use lamplighter_shell::Settings;
use lamplighter_shell::daemon::{Orders, run as run_daemon};
use tokio_util::sync::CancellationToken;

use super::{fleet, options, say};
use crate::{Failure, functions};

/// The same that can be run by hand against `lamplighter demo --serve`.
const CONFIG: &str = include_str!("../../../../config/examples/demo-daemon.toml");

/// Runs the daemon until a signal.
pub(super) async fn run(aws: &LocalAws, http: SocketAddr) -> Result<u8, Failure> {
    let folder = Folder::new()?;
    let config = config(&folder, Some(http))?;
    let token = config.daemon.token.as_ref();
    let token = token.map_or("", |token| token.expose());
    say(&format!(
        "The daemon runs every function of the demo every few minutes, the first one within a minute.\n\n  \
         Its status page:  http://{http}/\n  Metrics:          http://{http}/metrics\n\n\
         \"Run now as dry run\" there asks for a token; here it is `{token}`. Stop with Ctrl-C.\n"
    ))?;
    aws.with(fleet::something_happens);
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        crate::commands::interrupted().await;
        signalled.cancel();
    });
    // Nothing is read again: the configuration is part of the program.
    let (_hangup, reload) = tokio::sync::mpsc::channel(1);
    let orders = Orders {
        stop,
        reload,
        load: Box::new(|| Err("the demo has only its own configuration".to_owned())),
    };
    let settings = Arc::new(Settings::new(config, options(aws)));
    run_daemon(functions::all(), settings, orders).await?;
    aws.stop().await;
    Ok(0)
}

/// The demo's configuration, with its folder and address: nothing else of this machine.
pub(super) fn config(folder: &Folder, http: Option<SocketAddr>) -> Result<Config, Failure> {
    let folder = folder.0.display();
    let environment = [
        ("LAMPLIGHTER_DAEMON__STATE_DIR", folder.to_string()),
        ("LAMPLIGHTER_STATE__URL", format!("file://{folder}/state")),
        (
            "LAMPLIGHTER_DAEMON__HTTP",
            http.map(|http| http.to_string()).unwrap_or_default(),
        ),
    ];
    Ok(Config::load(&Sources {
        file: Some(("demo-daemon.toml", CONFIG)),
        environment: environment
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        flags: vec![],
    })?)
}

/// A folder for the ledger and the state, which goes away with the demo.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("lamplighter-demo-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| {
                Error::permanent(format!("cannot make the folder `{}`", path.display()))
                    .caused_by(error)
            })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for what may go away.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
