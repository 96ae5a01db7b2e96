//! The response envelope: `{"status", "code", "message", "data", "errors"}`.

use lamplighter_core::{Error, ErrorKind, Run, RunOutcome, chain};
use serde::Serialize;
use serde_json::{Value, json};

/// Above this the answer keeps the summary and the first findings. Lambda refuses more than 6 MB; asynchronous
/// destinations and logs are the narrower gate.
const MAX_BYTES: usize = 1_000_000;

/// How many findings an answer that was too large keeps.
const KEPT_FINDINGS: usize = 100;

/// The answer of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// `ok`, `partial`, `failed` or `refused`.
    pub status: &'static str,
    /// The exit code of the same run in the CLI.
    pub code: u8,
    /// One line.
    pub message: String,
    /// The run, `lamplighter/run/v1`.
    pub data: Value,
    /// What went wrong: `{"scope", "message"}`.
    pub errors: Vec<Value>,
}

impl Answer {
    /// The answer of a run.
    pub fn of_run(run: &Run) -> Self {
        let slim = run.problems_only();
        let mut data = json!(slim);
        if data.to_string().len() > MAX_BYTES {
            data = cut(slim);
        }
        Self {
            status: run.outcome.as_str(),
            code: run.exit_code(false),
            message: lamplighter_report::subject(run),
            data,
            errors: run
                .errors
                .iter()
                .take(KEPT_FINDINGS)
                .map(|row| json!(row))
                .collect(),
        }
    }

    /// The answer of a run that could not begin, or did not have to.
    pub fn of_error(error: &Error) -> Self {
        if error.kind() == ErrorKind::Taken {
            return Self {
                status: RunOutcome::Ok.as_str(),
                code: 0,
                message: chain(error),
                data: json!({}),
                errors: vec![],
            };
        }
        let message = match error.hint_text() {
            Some(hint) => format!("{} (hint: {hint})", chain(error)),
            None => chain(error),
        };
        Self {
            status: RunOutcome::Failed.as_str(),
            code: error.kind().exit_code(),
            errors: vec![json!({ "scope": error.kind().name(), "message": chain(error) })],
            message,
            data: json!({}),
        }
    }

    /// The answer to a ping that keeps a Lambda warm.
    pub fn keep_warm() -> Self {
        Self {
            status: "ok",
            code: 0,
            message: "warm".to_owned(),
            data: json!({}),
            errors: vec![],
        }
    }
}

/// The summary and the first findings, with a note that says so.
fn cut(mut run: Run) -> Value {
    let (findings, actions) = (run.findings.len(), run.actions.len());
    run.findings.truncate(KEPT_FINDINGS);
    run.actions.truncate(KEPT_FINDINGS);
    run.skipped.truncate(KEPT_FINDINGS);
    run.errors.truncate(KEPT_FINDINGS);
    run.coverage.truncate(KEPT_FINDINGS);
    run.exceptions.truncate(KEPT_FINDINGS);
    if let Some(delta) = &mut run.delta {
        delta.new.truncate(KEPT_FINDINGS);
        delta.changed.truncate(KEPT_FINDINGS);
        delta.resolved.truncate(KEPT_FINDINGS);
        delta.unseen.truncate(KEPT_FINDINGS);
    }
    run.notes.push(format!(
        "the answer was too large: it keeps the first {KEPT_FINDINGS} of {findings} findings and {actions} actions"
    ));
    json!(run)
}
