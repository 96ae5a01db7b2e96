//! What a process starts with: the configuration, how to reach AWS, the clock, and who watches.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use lamplighter_aws::{Aws, Options, Session, Variables};
use lamplighter_config::{Config, Flag, Sources};
use lamplighter_core::{Error, Progress, Result};
use tokio::sync::OnceCell;

use crate::clock::{self, Clock};

/// The file that is read where no other is named.
pub const DEFAULT_FILE: &str = "lamplighter.toml";

/// The most bytes of a configuration; the longest that anybody has written is a hundredth of it.
const LARGEST_CONFIG: u64 = 1024 * 1024;

/// The environment variable that names the file.
pub const CONFIG_VARIABLE: &str = "LAMPLIGHTER_CONFIG";

/// The process's own.
pub(crate) const VARIABLES: Variables = Variables {
    read: |name| std::env::var(name).ok(),
};

/// What a process starts with. Cheap to share; makes no call until the first run.
pub struct Settings {
    /// The effective configuration.
    pub config: Arc<Config>,
    /// How to reach AWS.
    pub options: Options,
    /// Tells the time.
    pub clock: Clock,
    /// How far the current run has come.
    pub progress: Arc<Progress>,
    aws: OnceCell<Aws>,
    reach: Reach,
}

/// Sets the SDK up. A pointer, so that a Lambda does not carry what only other machines need.
type Reach = for<'a> fn(&'a Options, &'a lamplighter_config::Aws) -> BoxFuture<'a, Result<Aws>>;

impl Settings {
    /// Settings that use the machine's clock.
    pub fn new(config: Config, options: Options) -> Self {
        Self::by(config, options, |options, config| {
            Box::pin(Aws::load(options, config))
        })
    }

    /// Settings of a Lambda, which has all it needs in its environment.
    pub fn of_lambda(config: Config) -> Self {
        Self::by(config, Options::default(), |_, config| {
            Box::pin(std::future::ready(Aws::of_lambda(VARIABLES, config)))
        })
    }

    fn by(config: Config, options: Options, reach: Reach) -> Self {
        Self {
            config: Arc::new(config),
            options,
            clock: clock::system(),
            progress: Arc::new(Progress::default()),
            aws: OnceCell::new(),
            reach,
        }
    }

    /// The same, at a standing time: `--now`. Only for dry runs and local endpoints.
    #[must_use]
    pub fn at(mut self, time: Option<DateTime<Utc>>) -> Self {
        if let Some(time) = time {
            self.clock = clock::standing_at(time);
        }
        self
    }

    /// Opens a session with the credentials of a function: its role, where it has one. `run_id` names the session.
    pub async fn session(&self, function: &str, run_id: &str) -> Result<Session> {
        let section = self
            .config
            .section(function)
            .ok_or_else(|| Error::config(format!("there is no section [{function}]")))?;
        let (progress, now) = (Arc::clone(&self.progress), (self.clock)());
        let aws = self.aws().await?;
        aws.session(run_id, section.role.as_deref(), progress, now)
            .await
    }

    /// The SDK, set up at the first run.
    pub(crate) async fn aws(&self) -> Result<&Aws> {
        self.aws
            .get_or_try_init(|| (self.reach)(&self.options, &self.config.aws))
            .await
    }
}

/// The configuration's file: its name for messages, and its text.
pub type ConfigFile = Option<(String, String)>;

/// Reads the configuration's file: `named`, else what `LAMPLIGHTER_CONFIG` names, else `lamplighter.toml` if it is
/// there. A named file that is not there is an error; so is one that is there and cannot be read.
pub fn read_config_file(named: Option<&Path>) -> Result<ConfigFile> {
    let from_environment = std::env::var(CONFIG_VARIABLE)
        .ok()
        .filter(|path| !path.is_empty());
    let (path, must_exist) = match (named, &from_environment) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (Path::new(path), true),
        (None, None) => (Path::new(DEFAULT_FILE), false),
    };
    match read_text(path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(None),
        Err(error) => Err(Error::config(format!(
            "cannot read the configuration `{}`",
            path.display()
        ))
        .caused_by(error)
        .hint("`lamplighter check --print` prints one with every key")),
    }
}

/// A daemon reads its configuration again on the thread that plans: it must not read for ever.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST_CONFIG + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_CONFIG {
        let error = format!("it is larger than {LARGEST_CONFIG} bytes");
        return Err(std::io::Error::other(error));
    }
    Ok(text)
}

/// Loads the configuration from its layers. The text of the error holds all that is wrong.
pub fn load_config(
    file: &ConfigFile,
    flags: Vec<Flag>,
) -> Result<Config, lamplighter_config::Errors> {
    let sources = Sources {
        file: file
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
        // A variable that is not Unicode cannot be one of ours.
        environment: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        flags,
    };
    Config::load(&sources)
}

/// Whether every call to AWS goes to this machine, as in the demo and in tests. `--endpoint-url` wins over the
/// environment; there, one service with an address elsewhere is one too many.
pub fn is_local(options: &Options) -> bool {
    if let Some(url) = &options.endpoint_url {
        return is_loopback(url);
    }
    let ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if ignored.is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    let urls = std::env::vars_os().filter_map(|(key, value)| {
        let key = key.into_string().ok()?;
        key.starts_with("AWS_ENDPOINT_URL")
            .then_some((key, value.into_string().unwrap_or_default()))
    });
    let urls: Vec<(String, String)> = urls.filter(|(_, url)| !url.is_empty()).collect();
    urls.iter().any(|(key, _)| key == "AWS_ENDPOINT_URL")
        && urls.iter().all(|(_, url)| is_loopback(url))
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an `@` is a user name, not a host.
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or(v6, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_addresses_of_this_machine_are_local() {
        for url in [
            "http://127.0.0.1:5000",
            "http://localhost:4566/",
            "http://[::1]:80",
            "127.0.0.1:1",
            "http://127.8.8.8",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://ec2.eu-west-1.amazonaws.com",
            "http://127.0.0.1@evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
