//! The report in a few lines, for a chat: what happened, the counts, and the findings that matter most.
//!
//! It is mrkdwn, Slack's own markup, in which three characters have to be escaped so that no tag can mention a channel
//! or hide a link. <https://docs.slack.dev/messaging/formatting-message-text/#escaping>

use std::collections::BTreeSet;

use lamplighter_core::{Finding, Run};
use lamplighter_report::{subject, visible};

/// How many findings are named.
const MOST_FINDINGS: usize = 10;

/// How many errors are named.
const MOST_ERRORS: usize = 3;

/// How long one line may be, in characters.
const MOST_CHARS: usize = 300;

/// The text of a chat message about `run`.
pub(super) fn text(run: &Run) -> String {
    let mut lines = vec![format!("*{}*", escaped(&subject(run))), counts(run)];
    if let Some(delta) = &run.delta {
        let since = delta.since.map_or_else(
            || "the first run".to_owned(),
            |since| format!("since {}", since.format("%Y-%m-%d %H:%M UTC")),
        );
        lines.push(format!(
            "{} new, {} changed, {} resolved, {since}",
            delta.new.len(),
            delta.changed.len(),
            delta.resolved.len()
        ));
    }
    if let Some(reason) = &run.would_refuse {
        lines.push(format!("refused by a limit: {}", escaped(reason)));
    }
    for error in run.errors.iter().take(MOST_ERRORS) {
        let line = format!("{}: {}", error.scope, error.message);
        lines.push(format!("• error: {}", escaped(&line)));
    }
    lines.extend(rest(run.errors.len(), MOST_ERRORS, "errors"));
    let findings = by_news(run);
    for (news, finding) in findings.iter().take(MOST_FINDINGS) {
        lines.push(format!(
            "• {news}{}: {} ({})",
            finding.severity.as_str(),
            escaped(&finding.message),
            escaped(&place(finding))
        ));
    }
    lines.extend(rest(findings.len(), MOST_FINDINGS, "findings"));
    lines.join("\n")
}

fn counts(run: &Run) -> String {
    let summary = &run.summary;
    let all = [
        (summary.inspected, "inspected"),
        (summary.fail, "fail"),
        (summary.unknown, "unknown"),
        (summary.failed, "actions failed"),
        (summary.done, "actions done"),
        (summary.planned, "actions planned"),
    ];
    // How many were looked at says something even if it is none.
    let told = all
        .iter()
        .enumerate()
        .filter(|(index, (count, _))| *index == 0 || *count > 0)
        .map(|(_, (count, what))| format!("{count} {what}"));
    told.collect::<Vec<_>>().join(", ")
}

/// The problems, what is new first, then what changed, each in the order of the run: the worst first.
fn by_news(run: &Run) -> Vec<(&'static str, &Finding)> {
    let set = |fingerprints: Option<&'_ Vec<String>>| -> BTreeSet<String> {
        fingerprints.into_iter().flatten().cloned().collect()
    };
    let new = set(run.delta.as_ref().map(|delta| &delta.new));
    let changed = set(run.delta.as_ref().map(|delta| &delta.changed));
    let mut findings: Vec<(&'static str, &Finding)> = run
        .problems()
        .map(|finding| match &finding.fingerprint {
            known if new.contains(known) => ("NEW ", finding),
            known if changed.contains(known) => ("CHANGED ", finding),
            _ => ("", finding),
        })
        .collect();
    findings.sort_by_key(|(news, _)| match *news {
        "NEW " => 0,
        "CHANGED " => 1,
        _ => 2,
    });
    findings
}

fn place(finding: &Finding) -> String {
    match &finding.region {
        Some(region) => format!("{}, {region}", finding.account),
        None => finding.account.clone(),
    }
}

fn rest(count: usize, most: usize, what: &str) -> Option<String> {
    (count > most).then(|| format!("and {} more {what}", count - most))
}

/// One line of bounded length in which nothing is markup.
fn escaped(text: &str) -> String {
    let text = visible(text);
    let mut short: String = text.chars().take(MOST_CHARS).collect();
    if text.chars().nth(MOST_CHARS).is_some() {
        short.push('…');
    }
    short
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
