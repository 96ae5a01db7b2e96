//! `report-certificates`, run by the real program against a simulated account, files and TLS servers of this machine.

mod bundle;
pub mod cloud;
mod endpoints;
mod files;
mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use lamplighter_local_aws::{LocalAws, World};
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, root, serve};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
/// A time at which the fixtures' server certificate is expired, and most of the others are valid.
const NOW: &str = "2026-11-23T06:00:00Z";

fn now() -> chrono::DateTime<chrono::Utc> {
    NOW.parse().expect("a time")
}

fn world() -> World {
    World::new(ACCOUNT, now())
}

/// A certificate that `functions/report-certificates/fixtures/make.sh` made.
fn fixture(name: &str) -> PathBuf {
    root()
        .join("functions/report-certificates/fixtures")
        .join(name)
}

pub fn pem(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("a fixture")
}

/// An account, and the section of the configuration.
struct Stage {
    aws: LocalAws,
    section: String,
}

impl Stage {
    fn of(world: World, section: &str) -> Self {
        Self {
            aws: serve(world),
            section: section.to_owned(),
        }
    }

    fn program<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Lamplighter {
        Lamplighter::new(args)
            .on(&self.aws)
            .config(&format!("[report-certificates]\n{}\n", self.section))
    }

    /// One run at the stage's time, with every finding.
    fn run(&self) -> Ran {
        self.program([
            "run",
            "report-certificates",
            "--format",
            "json",
            "--all",
            "--now",
            NOW,
        ])
        .run()
    }

    fn count(&self, call: &str) -> usize {
        self.aws
            .calls()
            .iter()
            .filter(|seen| seen.name() == call)
            .count()
    }
}

/// The bucket of each certificate, by its SHA-256, with its end. Fails if one has two.
fn buckets(run: &Value) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for finding in findings(run) {
        let rule = finding["rule"].as_str().expect("a rule");
        let Some(bucket) = ["expired", "expiring", "valid"]
            .into_iter()
            .find(|word| rule == format!("certificate-{word}"))
        else {
            continue;
        };
        assert_eq!(finding["evidence"]["bucket"], bucket);
        let verdict = if bucket == "valid" { "pass" } else { "fail" };
        assert_eq!(finding["verdict"], verdict);
        let text = |key: &str| finding["evidence"][key].as_str().unwrap_or("-").to_owned();
        let known = found.insert(text("sha256"), (text("not_after"), bucket.to_owned()));
        assert!(known.is_none(), "{} is in two buckets", text("sha256"));
    }
    found
}

fn findings(run: &Value) -> &[Value] {
    run["findings"].as_array().expect("findings")
}

/// The rules that were found, with how often, but for those of valid certificates.
fn rules(run: &Value) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for finding in findings(run) {
        let rule = finding["rule"].as_str().expect("a rule");
        if rule != "certificate-valid" {
            *found.entry(rule).or_default() += 1;
        }
    }
    found
}

/// Runs openssl and answers what it printed; `Err` where it ended with a failure.
fn openssl(args: &[&str], input: &str) -> Result<String, String> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("openssl is installed: apt-get install -y openssl");
    let mut stdin = child.stdin.take().expect("it has a stdin");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}
