//! `[daemon]`: the process that runs the schedules without Lambda.

use std::net::SocketAddr;

use crate::error::Refusal;
use crate::forms::shown;
use crate::reader::{Fault, Reader, Secret};
use crate::schema::{Key, Kind};
use crate::sections::report::webhook_url;
use crate::sections::{Config, CrossChecks, Section};

/// The process that runs the schedules without Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The folder of the lock and the ledger.
    pub state_dir: String,
    /// How many runs may go on at once, over all functions.
    pub max_runs: u32,
    /// Functions that share something, and how many runs of them may go on at once.
    pub limits: Vec<TagLimit>,
    /// How many deliveries of one queue may be in work at once.
    pub max_deliveries: u32,
    /// How long running work may take to end by itself after SIGTERM.
    pub drain_secs: u32,
    /// Where the status page listens; without: nowhere.
    pub http: Option<SocketAddr>,
    /// What allows "run now as dry run"; without: nobody may.
    pub token: Option<Secret>,
    /// Where a dead-man's switch hears of every run, with `{function}` for its name; without: nowhere.
    pub ping_url: Option<Secret>,
}

/// Functions that share something, such as an API's request limit, and how many of their runs may go on at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagLimit {
    /// What they share, in a word.
    pub tag: String,
    /// Their names.
    pub functions: Vec<String>,
    /// The most runs of all of them together.
    pub max_runs: u32,
}

const LIMIT_KEYS: &[Key] = &[
    Key::required("tag", Kind::Text),
    Key::required("functions", Kind::Texts),
    Key::required("max_runs", Kind::Integer),
];

impl Section for Daemon {
    const NAME: &'static str = "daemon";
    const OPTIONAL: &'static [Key] = &[Key::optional("limits", Kind::Entries(LIMIT_KEYS))];
    const SECRETS: &'static [&'static str] = &["token", "ping_url"];

    fn read(section: &mut Reader<'_>) -> Self {
        let ping_url = section.secret("ping_url");
        if let Some(url) = &ping_url
            && let Err(fault) = webhook_url(&url.expose().replace("{function}", "function"))
        {
            section.refuse_value("ping_url", fault);
        }
        let mut tags = Vec::new();
        let limits = section.entries("limits", |entry| read_limit(entry, &mut tags));
        Self {
            limits,
            ping_url,
            state_dir: section
                .parsed("state_dir", parse_folder)
                .unwrap_or_default(),
            max_runs: section.whole("max_runs", 1..=64),
            max_deliveries: section.whole("max_deliveries", 1..=64),
            // systemd kills 90 seconds after SIGTERM, and what is cut off gets ten to put things in order.
            drain_secs: section.whole("drain_secs", 0..=3600),
            http: section.parsed_or_empty("http", parse_address),
            token: section.secret("token"),
        }
    }

    fn check_with(&self, config: &Config, checks: &mut CrossChecks<'_>) {
        let functions: Vec<&str> = config.functions().iter().map(|(name, _)| *name).collect();
        let Some(place) = checks.effective.place(Self::NAME, "limits") else {
            return;
        };
        let named = self.limits.iter().flat_map(|limit| &limit.functions);
        for unknown in named.filter(|name| !functions.contains(&name.as_str())) {
            checks.findings.refuse(Refusal {
                place,
                section: Self::NAME,
                key: Some("limits"),
                message: format!("there is no function {}", shown(unknown)),
                label: "here it is limited".to_owned(),
                hint: Some(format!("functions are {}", functions.join(", "))),
            });
        }
    }
}

fn read_limit(entry: &mut Reader<'_>, tags: &mut Vec<String>) -> TagLimit {
    let tag = entry.parsed("tag", |text| match text.trim().is_empty() {
        true => Err(Fault::new("a tag must not be empty")),
        false => Ok(text.to_owned()),
    });
    if let Some(tag) = &tag {
        if tags.contains(tag) {
            let fault = Fault::new(format!("the tag {} has an entry already", shown(tag)));
            entry.refuse_value("tag", fault);
        }
        tags.push(tag.clone());
    }
    TagLimit {
        tag: tag.unwrap_or_default(),
        functions: entry.parsed_list("functions", |name| Ok(name.to_owned())),
        max_runs: entry.whole("max_runs", 1..=64),
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
