//! How a deployment ended, as a finding: where it failed, in which lifecycle event, and what the script said last.

use lamplighter_aws::codedeploy::{Deployment, FailedTarget};
use lamplighter_core::{Finding, Severity, Verdict};
use serde_json::{Value, json};

use crate::bundle::{cut, is_ours};
use crate::inventory::Ended;
use crate::plan::FAILED_RULE;

/// How many failed targets are told of.
const MOST_TARGETS: usize = 5;

/// How much of a script's output is kept; the end says why.
const LONGEST_TAIL: usize = 1000;

/// The longest line of it in the message.
const LONGEST_LINE: usize = 160;

/// The finding about a deployment that is over; `None` if somebody else made it.
pub(crate) fn finding(ended: &Ended) -> Option<Finding> {
    let deployment = ended.deployment.as_ref().filter(|one| is_ours(one))?;
    let bundle = deployment.revision.as_ref().map(|revision| revision.url());
    let bundle = bundle.unwrap_or_else(|| "a bundle".to_owned());
    let (id, target) = (&deployment.id, &ended.target);
    let resource = target.resource();
    let finding = match deployment.status.as_str() {
        "Succeeded" => Finding::new(
            FAILED_RULE,
            Severity::Info,
            Verdict::Pass,
            &resource,
            format!("Deployment {id} of `{bundle}` to `{target}` succeeded."),
        ),
        "Stopped" => Finding::new(
            FAILED_RULE,
            Severity::Medium,
            Verdict::Fail,
            &resource,
            format!(
                "Deployment {id} of `{bundle}` to `{target}` was stopped{}.",
                why(deployment)
            ),
        ),
        "Failed" => Finding::new(
            FAILED_RULE,
            Severity::High,
            Verdict::Fail,
            &resource,
            format!(
                "Deployment {id} of `{bundle}` to `{target}` failed{}.",
                where_it_failed(deployment, &ended.failed)
            ),
        ),
        // The event came before CodeDeploy's own answer changed, or it is a state from after this program was made.
        other => Finding::new(
            FAILED_RULE,
            Severity::Info,
            Verdict::Unknown,
            &resource,
            format!(
                "Deployment {id} of `{bundle}` to `{target}` is said to be over ({}), and CodeDeploy calls it {other}.",
                ended.event.state
            ),
        ),
    };
    let finding = finding
        .evidence("deployment", id.as_str())
        .evidence("bundle", bundle)
        .evidence(
            "version",
            json!(
                deployment
                    .revision
                    .as_ref()
                    .and_then(|one| one.version.as_ref())
            ),
        );
    Some(match ended.failed.as_slice() {
        [] => finding,
        failed => finding.evidence(
            "failed_targets",
            Value::Array(failed.iter().take(MOST_TARGETS).map(evidence).collect()),
        ),
    })
}

fn why(deployment: &Deployment) -> String {
    let error = deployment.error.as_ref();
    match error {
        Some((code, message)) if !message.is_empty() => {
            format!(" ({code}): {}", line(message.trim_end_matches('.')))
        }
        _ => String::new(),
    }
}

/// The first failed target, its step and the last line of its script; all of it is in the evidence.
fn where_it_failed(deployment: &Deployment, failed: &[FailedTarget]) -> String {
    let Some(first) = failed.first() else {
        return why(deployment);
    };
    let event = first.event.as_deref().unwrap_or("an unknown step");
    let mut text = format!(" at {} on {}", line(event), line(&first.id));
    if let Some(script) = &first.script {
        text.push_str(&format!(" (`{}`)", line(script)));
    }
    if failed.len() > 1 {
        text.push_str(&format!(" and {} more", failed.len() - 1));
    }
    let tail = first.log_tail.as_deref().unwrap_or_default();
    let mut lines = tail.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.next_back().or(first.message.as_deref());
    if let Some(last) = last {
        text.push_str(&format!(": {}", line(last.trim_end_matches('.'))));
    }
    text
}

fn evidence(target: &FailedTarget) -> Value {
    let tail = target.log_tail.as_deref().map(|tail| {
        let from = tail.char_indices().rev().nth(LONGEST_TAIL - 1);
        clean(&tail[from.map_or(0, |(at, _)| at)..], true)
    });
    json!({
        "target": clean(&target.id, false),
        "event": target.event,
        "code": target.code,
        "script": target.script.as_deref().map(|script| clean(script, false)),
        "message": target.message.as_deref().map(|message| cut(&clean(message, false), LONGEST_TAIL)),
        "log_tail": tail,
    })
}

fn line(text: &str) -> String {
    cut(&clean(text, false), LONGEST_LINE)
}

/// What a script printed goes into mails and terminals: no control characters, and none that turn text around.
fn clean(text: &str, keeps_lines: bool) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' if keeps_lines => '\n',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}
