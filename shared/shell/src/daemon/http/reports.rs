//! The last report of each function, kept in the state directory for the page: the ledger has only its summary.
//!
//! Two files for each: the report as HTML, and a digest of its findings for the overview. They are for one reader on
//! this machine, so nobody else may open them. What cannot be written is logged and nothing more: a full disk must not
//! fail a run that has done its work.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use lamplighter_core::{Mode, Run};
use lamplighter_report::{Format, Options, render, render_for_mail};
use serde::{Deserialize, Serialize};
use tracing::warn;

/// The folder in the state directory.
const FOLDER: &str = "reports";

/// A report that is longer than this is kept in the form for mails, whose lists end early.
const MOST_HTML_BYTES: usize = 4_000_000;

/// How many findings the overview shows.
const SHOWN_FINDINGS: usize = 5;

/// The longest sentence that the overview shows.
const MOST_CHARACTERS: usize = 300;

/// Where the last reports are.
#[derive(Debug)]
pub struct Reports {
    folder: PathBuf,
}

/// Which report of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// That of its last run.
    Run,
    /// That of its last dry run, which somebody asked for on the page.
    DryRun,
}

/// What the overview shows of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The run's id.
    pub run_id: String,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// What the report says in one line.
    pub subject: String,
    /// How many findings fail.
    pub fail: usize,
    /// How many could not be judged.
    pub unknown: usize,
    /// The worst of them.
    pub findings: Vec<DigestLine>,
}

/// One finding in the overview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestLine {
    /// How much it matters: `high`.
    pub severity: String,
    /// The rule.
    pub rule: String,
    /// One sentence.
    pub message: String,
}

impl Reports {
    /// The reports in a state directory.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.join(FOLDER),
        }
    }

    /// Keeps the report of a run in place of the one before.
    pub fn keep(&self, run: &Run) {
        let kind = match run.mode {
            Mode::DryRun => Kind::DryRun,
            Mode::Plan | Mode::Apply => Kind::Run,
        };
        let mut html = render(run, Format::Html, &Options::default());
        if html.len() > MOST_HTML_BYTES {
            html = render_for_mail(run).html;
        }
        let digest = serde_json::to_vec(&Digest::of(run)).unwrap_or_default();
        let written = self
            .write(&self.path(&run.function, kind, "html"), html.as_bytes())
            .and_then(|()| self.write(&self.path(&run.function, kind, "json"), &digest));
        if let Err(error) = written {
            warn!(
                function = %run.function,
                "the report is not kept for the page, in `{}`: {error}",
                self.folder.display()
            );
        }
    }

    /// The digest of a function's last report. What is not there, or not readable any more, is none.
    pub fn digest(&self, function: &str, kind: Kind) -> Option<Digest> {
        let bytes = fs::read(self.path(function, kind, "json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// A function's last report as HTML.
    pub fn html(&self, function: &str, kind: Kind) -> Option<String> {
        fs::read_to_string(self.path(function, kind, "html")).ok()
    }

    /// The caller has found the function in the configuration, so its name is no path.
    fn path(&self, function: &str, kind: Kind, ending: &str) -> PathBuf {
        let kind = match kind {
            Kind::Run => "",
            Kind::DryRun => ".dry-run",
        };
        self.folder.join(format!("{function}{kind}.{ending}"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let made = fs::DirBuilder::new().mode(0o700).create(&self.folder);
        match made {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let beside = path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        fs::rename(beside, path)
    }
}

impl Digest {
    fn of(run: &Run) -> Self {
        let mut findings: Vec<_> = run.problems().collect();
        findings.sort_by_key(|finding| finding.severity);
        let lines = findings.into_iter().take(SHOWN_FINDINGS);
        Self {
            run_id: run.run_id.clone(),
            finished_at: run.finished_at,
            subject: lamplighter_report::subject(run),
            fail: run.summary.fail,
            unknown: run.summary.unknown,
            findings: lines
                .map(|finding| DigestLine {
                    severity: finding.severity.as_str().to_owned(),
                    rule: finding.rule.to_string(),
                    message: shortened(&finding.message),
                })
                .collect(),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
