//! The daemon's HTTP server: a page for people, and what machines ask for. Off unless `[daemon] http` names an address.
//!
//! | Path | Answers |
//! | --- | --- |
//! | `/` | the functions: last runs, next run, durations, findings |
//! | `/jobs/FUNCTION` | one function with its history |
//! | `/jobs/FUNCTION/report` | the report of its last run |
//! | `/jobs/FUNCTION/dry-run` | the report of the last dry run; POST with the token starts one |
//! | `/status.json` | the same for programs: `lamplighter/status/v1` |
//! | `/metrics` | for Prometheus, text format 0.0.4 |
//! | `/livez`, `/readyz` | 200, or 503 with the reason |
//!
//! | Module | Does |
//! | --- | --- |
//! | [`link`] | what the daemon tells the page, in memory |
//! | [`live`] | how things stand: the ledger, read on a connection of its own, and the link |
//! | [`guard`] | who may ask: hosts, origins, the token |
//! | [`routes`] | one answer for each path, and the headers of all |
//! | [`page`] | the pages, from templates that escape everything |
//! | [`trend`] | durations as a line |
//! | [`metrics`] | the metrics |
//! | [`reports`] | the last report of each function |
//!
//! Everything here only reads, but "run now as dry run". There is no TLS and no login: whoever reaches the address may
//! read. That is why it should be an address of this machine, and a reverse proxy or `ssh -L` in front of it.

mod guard;
mod link;
mod live;
mod metrics;
mod page;
mod reports;
mod routes;
mod trend;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use lamplighter_config::Secret;
use lamplighter_core::{Error, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

pub use link::{DryRun, Link};

use super::keeper::News;
use crate::clock::Clock;
use crate::settings::Settings;

/// A person has a few windows, Prometheus one connection. More wait in the kernel.
const MOST_CONNECTIONS: usize = 64;

/// How long a client may take to send the head of a request, the pause before the next one included. Tests have less time.
const TIME_FOR_HEAD: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 20 });

/// After this long a connection is ended, in between two requests if there is a moment. Without a limit 64 slow readers
/// would keep everybody else out for ever.
const TIME_FOR_CONNECTION: Duration = Duration::from_secs(120);

/// How long an answer may take that goes on at the end of its connection.
const TIME_TO_END: Duration = Duration::from_secs(10);

/// Nothing that belongs here has more: no cookies, no long addresses.
const MOST_HEAD_BYTES: usize = 16 * 1024;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// The server. Dropping it ends it, with all of its connections.
pub(super) struct Server {
    task: JoinHandle<()>,
}

/// What the answers are made of.
pub(super) struct Site {
    link: Arc<Link>,
    keeper: Sender<News>,
    clock: Clock,
    state_dir: PathBuf,
    address: SocketAddr,
    token: Option<Secret>,
    started_at: DateTime<Utc>,
}

impl Server {
    /// Listens where `[daemon] http` says, if it does.
    pub(super) async fn start(
        settings: &Settings,
        link: &Arc<Link>,
        keeper: &Sender<News>,
        started_at: DateTime<Utc>,
    ) -> Result<Option<Self>> {
        let config = &settings.config.daemon;
        let Some(address) = config.http else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::config(format!("cannot listen on `{address}` for the status page"))
                .caused_by(error)
                .hint("`[daemon] http` must be an address of this machine with a free port")
        })?;
        let address = listener.local_addr().unwrap_or(address);
        info!("the status page is at http://{address}/");
        if !address.ip().is_loopback() {
            warn!(
                "`{address}` can be reached from other machines: whoever can may read the page, without a password"
            );
        }
        let site = Arc::new(Site {
            link: Arc::clone(link),
            keeper: keeper.clone(),
            clock: Arc::clone(&settings.clock),
            state_dir: PathBuf::from(&config.state_dir),
            address,
            token: config.token.clone(),
            started_at,
        });
        let task = tokio::spawn(accept(listener, routes::router(site)));
        Ok(Some(Self { task }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes connections while there are places for them. Costs nothing while nobody asks.
async fn accept(listener: TcpListener, router: axum::Router) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Ends its connections when this task is dropped.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    serve(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file handles, say. The next attempt may find one.
                debug!("a connection was not taken: {error}");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: axum::Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIME_FOR_HEAD)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // How a client went away is nobody's news.
    if timeout(TIME_FOR_CONNECTION, connection.as_mut())
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        timeout(TIME_TO_END, connection).await.ok();
    }
}

#[cfg(test)]
mod metrics_tests;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod server_tests;
