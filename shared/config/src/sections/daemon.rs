//! `[daemon]`: the process that runs the schedules without Lambda.

use std::net::SocketAddr;

use crate::forms::shown;
use crate::reader::{Fault, Reader, Secret};
use crate::sections::Section;

/// The process that runs the schedules without Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The folder of the lock and the ledger.
    pub state_dir: String,
    /// How many runs may go on at once, over all functions.
    pub max_runs: u32,
    /// How long running work may take to end by itself after SIGTERM.
    pub drain_secs: u32,
    /// Where the status page listens; without: nowhere.
    pub http: Option<SocketAddr>,
    /// What allows "run now as dry run"; without: nobody may.
    pub token: Option<Secret>,
}

impl Section for Daemon {
    const NAME: &'static str = "daemon";
    const SECRETS: &'static [&'static str] = &["token"];

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            state_dir: section
                .parsed("state_dir", parse_folder)
                .unwrap_or_default(),
            max_runs: section.whole("max_runs", 1..=64),
            // systemd kills 90 seconds after SIGTERM, and what is cut off gets ten to put things in order.
            drain_secs: section.whole("drain_secs", 0..=3600),
            http: section.parsed_or_empty("http", parse_address),
            token: section.secret("token"),
        }
    }
}

fn parse_folder(text: &str) -> Result<String, Fault> {
    match text.trim().is_empty() || text.contains(char::is_control) {
        true => Err(Fault::new(format!("{} is no folder", shown(text)))),
        false => Ok(text.to_owned()),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(format!("{} is no IP address with a port", shown(text)));
        fault.hint("write it like \"127.0.0.1:9464\" or \"[::1]:9464\"")
    })
}
