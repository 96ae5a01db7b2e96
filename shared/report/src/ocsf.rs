//! OCSF 1.5: a Compliance Finding event per finding, and one for each scope that could not be read and each error, so
//! that a gap in what was looked at is an event too. <https://schema.ocsf.io/1.5.0/classes/compliance_finding>
//!
//! One JSON array, as `prowler` writes it and what reads its files expects; `jq -c '.[]'` makes lines of it. A run is
//! not compared with the last one here, so every event creates its finding anew: `finding_info.uid` tells what is the
//! same finding, and `metadata.uid` the event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lamplighter_core::{
    ActionOutcome, ActionRow, Finding, Mode, Run, RunOutcome, Severity, Trigger, Verdict,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::escape::visible;
use crate::json::escaped;
use crate::{Options, story, words};

const VERSION: &str = "1.5.0";
/// The control of events about what could not be looked at.
const COVERAGE: &str = "coverage";
/// The control of events about what else went wrong, a refused plan included.
const RUN: &str = "run";

/// The events, pretty printed.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let events = serde_json::to_string_pretty(&events(run, options));
    let mut events = escaped(&events.expect("every map of a run has strings as keys"));
    events.push('\n');
    events
}

#[derive(Serialize)]
struct ComplianceFinding<'a> {
    activity_id: u32,
    activity_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    time: i64,
    severity_id: u32,
    severity: &'static str,
    status_id: u32,
    status: &'static str,
    status_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<String>,
    message: String,
    metadata: Metadata<'a>,
    finding_info: FindingInfo<'a>,
    compliance: Compliance<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
    cloud: Cloud<'a>,
    unmapped: Unmapped<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    version: &'static str,
    product: Product,
    profiles: [&'static str; 1],
    event_code: &'a str,
    correlation_uid: &'a str,
    uid: String,
}

#[derive(Serialize)]
struct Product {
    uid: &'static str,
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct FindingInfo<'a> {
    uid: String,
    title: String,
    desc: String,
    created_time: i64,
    analytic: Analytic<'a>,
}

#[derive(Serialize)]
struct Analytic<'a> {
    uid: &'a str,
    name: &'a str,
    type_id: u32,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Compliance<'a> {
    control: &'a str,
    standards: [&'static str; 1],
    status_id: u32,
    status: &'a str,
}

#[derive(Serialize)]
struct Remediation {
    desc: String,
}

#[derive(Serialize)]
struct Resource<'a> {
    uid: &'a str,
    name: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_partition: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    data: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Cloud<'a> {
    provider: &'static str,
    account: Account<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

#[derive(Serialize)]
struct Account<'a> {
    uid: &'a str,
    name: &'a str,
    type_id: u32,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// What OCSF has no place for.
#[derive(Serialize)]
struct Unmapped<'a> {
    function: &'a str,
    mode: Mode,
    trigger: Trigger,
    outcome: RunOutcome,
}

/// What one event says, before it is dressed in OCSF's many names for it.
struct Statement<'a> {
    control: &'a str,
    uid: String,
    message: Cow<'a, str>,
    severity: Option<Severity>,
    verdict: Verdict,
    /// Why it is accepted, if an exception is about it.
    acceptance: Option<String>,
    account: &'a str,
    region: Option<&'a str>,
    remediation: Option<String>,
    resource: Option<Resource<'a>>,
}

fn events<'a>(run: &'a Run, options: &Options) -> Vec<ComplianceFinding<'a>> {
    let mut actions: BTreeMap<&str, Vec<&ActionRow>> = BTreeMap::new();
    for action in &run.actions {
        actions.entry(&action.resource).or_default().push(action);
    }
    let mut statements: Vec<Statement<'_>> = story::findings(run, options)
        .into_iter()
        .map(|finding| {
            let actions = actions.get(&*finding.resource);
            about_finding(run, finding, actions.map_or(&[], Vec::as_slice))
        })
        .collect();
    for coverage in story::coverage(run).unreadable {
        let reason = coverage.error.as_deref().unwrap_or("no reason was given");
        let message = format!("`{}` could not be read: {reason}", coverage.scope);
        statements.push(about_scope(run, COVERAGE, &coverage.scope, message));
    }
    if let (Some((_, reason)), RunOutcome::Refused) = (story::refusal(run), run.outcome) {
        statements.push(about_scope(run, RUN, "limits", reason.to_owned()));
    }
    for error in story::errors(run) {
        if !story::is_about_coverage(run, error) {
            let message = format!("`{}`: {}", error.scope, error.message);
            statements.push(about_scope(run, RUN, &error.scope, message));
        }
    }
    statements
        .into_iter()
        .enumerate()
        .map(|(index, statement)| event(run, index, statement))
        .collect()
}

fn about_finding<'a>(run: &Run, finding: &'a Finding, actions: &[&ActionRow]) -> Statement<'a> {
    let arn = words::partition_and_service(&finding.resource);
    Statement {
        control: &finding.rule,
        uid: finding.fingerprint.clone(),
        message: Cow::from(&finding.message),
        severity: Some(finding.severity),
        verdict: finding.verdict,
        acceptance: finding.acceptance(),
        account: &finding.account,
        region: finding.region.as_deref(),
        remediation: remediation(run, actions),
        resource: Some(Resource {
            uid: &finding.resource,
            name: words::short_name(&finding.resource),
            kind: arn.map(|(_, service)| kind(service, &finding.resource)),
            region: finding.region.as_deref(),
            cloud_partition: arn.map(|(partition, _)| partition),
            data: &finding.evidence,
        }),
    }
}

/// The kind of a resource as AWS's own tagging API writes it: `ec2:instance`, `iam:user`, `s3`.
fn kind(service: &str, arn: &str) -> String {
    match words::resource_part(arn).split_once(['/', ':']) {
        // A bucket's ARN has no kind, only its name and a key.
        Some((kind, _)) if service != "s3" => format!("{service}:{kind}"),
        _ => service.to_owned(),
    }
}

/// An event about a part of the world of which nothing is known. Its severity is unknown, never low.
fn about_scope<'a>(
    run: &'a Run,
    control: &'static str,
    scope: &'a str,
    message: String,
) -> Statement<'a> {
    let is_account =
        |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (account, region) = match scope.split_once('/') {
        Some((account, rest)) if is_account(account) => {
            (account, Some(rest).filter(|rest| words::is_region(rest)))
        }
        _ => (run.account.id.as_str(), None),
    };
    Statement {
        control,
        uid: Finding::fingerprint_of(control, &format!("{}\n{scope}", run.function)),
        message: Cow::from(message),
        severity: None,
        verdict: Verdict::Unknown,
        acceptance: None,
        account,
        region,
        remediation: None,
        resource: None,
    }
}

/// What would mend a finding, or did, and how to take it back.
fn remediation(run: &Run, actions: &[&ActionRow]) -> Option<String> {
    let sentences: Vec<String> = actions
        .iter()
        .filter(|action| action.outcome == ActionOutcome::Planned || action.undo.is_some())
        .map(|action| {
            let outcome = words::capitalised(action.outcome.as_str());
            let mut sentence = format!("{outcome}: `{}`", action.action);
            if let Some(meaning) = story::outcome_meaning(run, action.outcome) {
                sentence.push_str(&format!(" ({meaning})"));
            }
            if let Some(reason) = &action.reason {
                sentence.push_str(&format!("; {reason}"));
            }
            if let Some(undo) = &action.undo {
                sentence.push_str(&format!("; undo: `{undo}`"));
            }
            sentence
        })
        .collect();
    (!sentences.is_empty()).then(|| sentences.join(". "))
}

fn event<'a>(run: &'a Run, index: usize, statement: Statement<'a>) -> ComplianceFinding<'a> {
    let time = run.started_at.timestamp_millis();
    let (severity_id, severity) = severity(statement.severity);
    let (compliance_id, compliance) = match statement.verdict {
        Verdict::Fail => (3, "Fail"),
        // "The compliance check did not yield a result due to missing information."
        Verdict::Unknown => (2, "Warning"),
        Verdict::Pass => (1, "Pass"),
        Verdict::NotApplicable => (99, "Not Applicable"),
    };
    let (status_id, status) = match statement.verdict {
        _ if statement.acceptance.is_some() => (3, "Suppressed"),
        Verdict::Fail | Verdict::Unknown => (1, "New"),
        // Nobody has to work on what is fine, and no status of OCSF says so.
        Verdict::Pass => (99, "Pass"),
        Verdict::NotApplicable => (99, "Not Applicable"),
    };
    // Sentences are for people, who see them in somebody else's program; names and ids stay as they are.
    let message = visible(&statement.message).into_owned();
    ComplianceFinding {
        activity_id: 1,
        activity_name: "Create",
        category_uid: 2,
        category_name: "Findings",
        class_uid: 2003,
        class_name: "Compliance Finding",
        type_uid: 200_301,
        type_name: "Compliance Finding: Create",
        time,
        severity_id,
        severity,
        status_id,
        status,
        status_code: statement.verdict.as_str(),
        status_detail: statement
            .acceptance
            .as_deref()
            .map(|acceptance| visible(acceptance).into_owned()),
        message: message.clone(),
        metadata: Metadata {
            version: VERSION,
            product: Product {
                uid: "lamplighter",
                name: "Lamplighter",
                vendor_name: "Lamplighter",
                version: env!("CARGO_PKG_VERSION"),
            },
            profiles: ["cloud"],
            event_code: statement.control,
            correlation_uid: &run.run_id,
            uid: format!("{}/{index}", run.run_id),
        },
        finding_info: FindingInfo {
            uid: statement.uid,
            title: words::rule_title(statement.control),
            desc: message,
            created_time: time,
            analytic: Analytic {
                uid: statement.control,
                name: statement.control,
                type_id: 1,
                kind: "Rule",
            },
        },
        compliance: Compliance {
            control: statement.control,
            standards: ["Lamplighter"],
            status_id: compliance_id,
            status: compliance,
        },
        remediation: statement.remediation.map(|text| Remediation {
            desc: visible(&text).into_owned(),
        }),
        resources: statement.resource.into_iter().collect(),
        cloud: Cloud {
            provider: "AWS",
            account: Account {
                uid: statement.account,
                name: match run.account.alias.as_deref() {
                    Some(alias) if run.account.id == statement.account => alias,
                    _ => statement.account,
                },
                type_id: 10,
                kind: "AWS Account",
            },
            region: statement.region,
        },
        unmapped: Unmapped {
            function: &run.function,
            mode: run.mode,
            trigger: run.trigger,
            outcome: run.outcome,
        },
    }
}

/// `None` where nobody can tell how much it matters.
fn severity(severity: Option<Severity>) -> (u32, &'static str) {
    match severity {
        None => (0, "Unknown"),
        Some(Severity::Info) => (1, "Informational"),
        Some(Severity::Low) => (2, "Low"),
        Some(Severity::Medium) => (3, "Medium"),
        Some(Severity::High) => (4, "High"),
        Some(Severity::Critical) => (5, "Critical"),
    }
}
