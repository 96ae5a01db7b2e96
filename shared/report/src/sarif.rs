//! SARIF 2.1.0: one tool run, with a rule per rule name and a result per finding.
//!
//! The names are those of the standard: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. Where it
//! leaves a choice, GitHub's reader decides, because it refuses a whole file for one result that it cannot place.
//! <https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning>
//!
//! GitHub takes every result for an alert whatever its `kind`, so `--all` is for other readers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_core::{
    Account, ActionRow, Coverage, Finding, Mode, Run, RunOutcome, Severity, Skipped, Summary,
    Trigger, Verdict,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::escape::visible;
use crate::json::escaped;
use crate::{Options, story, words};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log, pretty printed.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [tool_run(run, options)],
    };
    let log = serde_json::to_string_pretty(&log);
    let mut log = escaped(&log.expect("every map of a run has strings as keys"));
    log.push('\n');
    log
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [ToolRun<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolRun<'a> {
    tool: Tool,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    results: Vec<SarifResult<'a>>,
    properties: RunProperties<'a>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 1],
    /// GitHub's own scale, which has more steps than `level`.
    #[serde(rename = "security-severity", skip_serializing_if = "Option::is_none")]
    security_severity: Option<&'static str>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    start_time_utc: String,
    end_time_utc: String,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    descriptor: Descriptor,
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct Descriptor {
    id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: ResultProperties<'a>,
}

/// An exception of the configuration, which is not in the files that are looked at.
#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

#[derive(Serialize)]
struct Fingerprints<'a> {
    #[serde(rename = "lamplighter/v1")]
    lamplighter: &'a str,
    /// The only key that GitHub looks at. Without it all resources of one pseudo file would be one alert.
    #[serde(rename = "primaryLocationLineHash")]
    github: String,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    verdict: Verdict,
    severity: Severity,
    account: &'a str,
    region: Option<&'a str>,
    evidence: &'a Map<String, Value>,
}

/// What SARIF has no place for, under the names of `lamplighter/run/v1`.
#[derive(Serialize)]
struct RunProperties<'a> {
    run_id: &'a str,
    function: &'a str,
    mode: Mode,
    trigger: Trigger,
    slot: Option<DateTime<Utc>>,
    account: &'a Account,
    outcome: RunOutcome,
    would_refuse: Option<&'a str>,
    summary: &'a Summary,
    coverage: &'a [Coverage],
    actions: &'a [ActionRow],
    skipped: &'a [Skipped],
}

fn tool_run<'a>(run: &'a Run, options: &Options) -> ToolRun<'a> {
    let findings = story::findings(run, options);
    let mut worst: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in &findings {
        let severity = worst.entry(&finding.rule).or_insert(finding.severity);
        // The order of severities is from worst to least.
        *severity = (*severity).min(finding.severity);
    }
    let index: BTreeMap<&str, usize> = worst.keys().copied().zip(0..).collect();
    ToolRun {
        tool: Tool {
            driver: Driver {
                name: "lamplighter",
                version: env!("CARGO_PKG_VERSION"),
                rules: worst
                    .iter()
                    .map(|(name, severity)| rule(run, name, *severity))
                    .collect(),
            },
        },
        // GitHub compares with the last file of the same category, which is everything before the last slash: two
        // functions, or two accounts, must not close each other's alerts.
        automation_details: AutomationDetails {
            id: format!(
                "lamplighter/{}/{}/{}",
                run.function, run.account.id, run.run_id
            ),
        },
        invocations: [invocation(run)],
        results: findings
            .into_iter()
            .map(|finding| result(finding, index[&*finding.rule]))
            .collect(),
        properties: RunProperties {
            run_id: &run.run_id,
            function: &run.function,
            mode: run.mode,
            trigger: run.trigger,
            slot: run.slot,
            account: &run.account,
            outcome: run.outcome,
            would_refuse: run.would_refuse.as_deref(),
            summary: &run.summary,
            coverage: &run.coverage,
            actions: &run.actions,
            skipped: &run.skipped,
        },
    }
}

fn rule(run: &Run, name: &str, severity: Severity) -> Rule {
    Rule {
        id: name.to_owned(),
        short_description: text(&words::rule_title(name)),
        full_description: text(&format!("The rule `{name}` of `{}`.", run.function)),
        help: text(&format!(
            "`lamplighter run {} --dry-run` judges again without changing anything.",
            run.function
        )),
        default_configuration: Configuration {
            level: level(severity),
        },
        properties: RuleProperties {
            tags: ["security"],
            security_severity: match severity {
                Severity::Critical => Some("9.5"),
                Severity::High => Some("8.0"),
                Severity::Medium => Some("5.5"),
                Severity::Low => Some("2.0"),
                Severity::Info => None,
            },
        },
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn result(finding: &Finding, rule_index: usize) -> SarifResult<'_> {
    // Only a result of the kind `fail` may have a level, section 3.27.10; how much the others matter is in their
    // properties.
    let acceptance = finding.acceptance();
    let (kind, level) = match finding.verdict {
        // It is a violation still; the suppression says that somebody answers for it.
        Verdict::NotApplicable if acceptance.is_some() => ("fail", level(finding.severity)),
        Verdict::Fail => ("fail", level(finding.severity)),
        Verdict::Unknown => ("review", "none"),
        Verdict::Pass => ("pass", "none"),
        Verdict::NotApplicable => ("notApplicable", "none"),
    };
    SarifResult {
        rule_id: &finding.rule,
        rule_index,
        kind,
        level,
        message: text(&finding.message),
        locations: [Location {
            physical_location: Some(PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: pseudo_file(finding),
                },
                region: Region { start_line: 1 },
            }),
            logical_locations: [LogicalLocation {
                fully_qualified_name: finding.resource.clone(),
                kind: "resource",
            }],
        }],
        partial_fingerprints: Fingerprints {
            lamplighter: &finding.fingerprint,
            github: format!("{}:1", finding.fingerprint),
        },
        suppressions: acceptance
            .map(|justification| Suppression {
                kind: "external",
                status: "accepted",
                justification: visible(&justification).into_owned(),
            })
            .into_iter()
            .collect(),
        properties: ResultProperties {
            verdict: finding.verdict,
            severity: finding.severity,
            account: &finding.account,
            region: finding.region.as_deref(),
            evidence: &finding.evidence,
        },
    }
}

/// A resource is in no file, and GitHub refuses results without one. This one is the same from run to run, exists
/// nowhere, and sorts alerts by account, region and service: `aws/123456789012/eu-west-1/ec2`.
fn pseudo_file(finding: &Finding) -> String {
    let (partition, service) =
        words::partition_and_service(&finding.resource).unwrap_or(("aws", "other"));
    let region = finding.region.as_deref().unwrap_or("global");
    [partition, &finding.account, region, service]
        .map(segment)
        .join("/")
}

/// One segment of a URI's path: whatever has a meaning there is percent-encoded, and none is empty, `.` or `..`.
fn segment(text: &str) -> String {
    if text.chars().all(|character| character == '.') {
        return "none".to_owned();
    }
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}

fn invocation(run: &Run) -> Invocation {
    let mut notifications = vec![];
    let mut notify = |id, level, message: &str, scope: Option<&str>| {
        notifications.push(Notification {
            descriptor: Descriptor { id },
            level,
            message: text(message),
            locations: scope.map(scope_location).into_iter().collect(),
        });
    };
    if let Some((title, reason)) = story::refusal(run) {
        let level = match run.outcome {
            RunOutcome::Refused => "error",
            _ => "warning",
        };
        notify("limit", level, &format!("{title}: {reason}"), None);
    }
    for coverage in story::coverage(run).unreadable {
        let reason = coverage.error.as_deref().unwrap_or("no reason was given");
        let message = format!("`{}` could not be read: {reason}", coverage.scope);
        notify("unreadable", "error", &message, Some(&coverage.scope));
    }
    for error in story::errors(run) {
        if !story::is_about_coverage(run, error) {
            notify("error", "error", &error.message, Some(&error.scope));
        }
    }
    for note in &run.notes {
        notify("note", "note", note, None);
    }
    Invocation {
        // What could not be read was not judged: a partial run is no success.
        execution_successful: run.outcome == RunOutcome::Ok,
        start_time_utc: timestamp(run.started_at),
        end_time_utc: timestamp(run.finished_at),
        tool_execution_notifications: notifications,
    }
}

fn scope_location(scope: &str) -> Location {
    Location {
        physical_location: None,
        logical_locations: [LogicalLocation {
            fully_qualified_name: scope.to_owned(),
            kind: "namespace",
        }],
    }
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A plain text message. In SARIF even these have a syntax: `{0}` is a placeholder (section 3.11.5), and
/// `[text](target)` is a link (3.11.6), which nobody may put into a report by naming a resource like one.
fn text(sentence: &str) -> Text {
    let mut text = visible(sentence).replace('{', "{{").replace('}', "}}");
    if text.contains("](") {
        text = text.replace('[', "\\[").replace(']', "\\]");
    }
    Text { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_no_placeholder_and_no_link() {
        for (sentence, expected) in [
            ("lacks `owner`", "lacks `owner`"),
            ("`^cc-[0-9]{4}$`", "`^cc-[0-9]{{4}}$`"),
            (
                "[click](https://evil.example)",
                "\\[click\\](https://evil.example)",
            ),
            ("\u{202e}x", "\\u{{202e}}x"),
        ] {
            assert_eq!(text(sentence).text, expected);
        }
    }

    #[test]
    fn a_segment_of_a_pseudo_file_cannot_lead_elsewhere() {
        for (name, expected) in [
            ("eu-west-1", "eu-west-1"),
            ("", "none"),
            ("..", "none"),
            ("a/../b c", "a%2F..%2Fb%20c"),
            ("javascript:x", "javascript%3Ax"),
        ] {
            assert_eq!(segment(name), expected);
        }
    }
}
