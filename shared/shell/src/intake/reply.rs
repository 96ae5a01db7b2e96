//! What whoever delivered an event is told: by an invocation error, by `batchItemFailures`, by a disposition, or by a
//! result for each task.

use std::collections::BTreeSet;

use lamplighter_core::{
    Disposition, Error, ErrorKind, Mode, RecordOutcome, RecordRow, Result, Run,
};
use lamplighter_events::Form;
use serde_json::{Value, json};

use crate::answer::Answer;

/// The answer to a delivery, or the error that makes AWS deliver it again.
pub fn reply(form: &Form, run: &Run) -> Result<Value> {
    match form {
        Form::Sqs => Ok(json!({ "batchItemFailures": failures(run)
            .into_iter()
            .map(|id| json!({ "itemIdentifier": id }))
            .collect::<Vec<_>>() })),
        Form::BatchOperations {
            schema_version,
            invocation_id,
        } => Ok(json!({
            "invocationSchemaVersion": schema_version,
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": invocation_id,
            "results": run.records.iter().map(result).collect::<Vec<_>>(),
        })),
        Form::MailDecision => {
            // Nothing is decided of a mail that is not archived.
            again(run)?;
            // Several records do not happen; the strictest answer stands for all of them.
            let dispositions = run.records.iter().filter_map(|row| row.disposition);
            let strictest = dispositions.max().unwrap_or(Disposition::Continue);
            Ok(json!({ "disposition": strictest }))
        }
        Form::Plain | Form::Objects => again(run).map(|()| json!(Answer::of_run(run))),
    }
}

/// The SQS messages that must not be deleted: something in them is to be delivered again, or was not done.
pub fn failures(run: &Run) -> BTreeSet<&str> {
    run.records
        .iter()
        .filter(|row| is_open(row, run.mode))
        .map(|row| message_of(&row.id))
        .collect()
}

/// The SQS message that carried a record: its place begins with it.
pub fn message_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(message, _)| message)
}

/// Whether a record must not be acknowledged. A dry run acknowledges nothing that it has not found to be nothing.
fn is_open(row: &RecordRow, mode: Mode) -> bool {
    match row.outcome {
        RecordOutcome::Retry => true,
        RecordOutcome::Planned | RecordOutcome::Quarantined => mode != Mode::Apply,
        RecordOutcome::Done | RecordOutcome::Ignored => false,
    }
}

/// What a retry may mend is an error, so that Lambda tries again.
fn again(run: &Run) -> Result<()> {
    let open: Vec<&RecordRow> = run
        .records
        .iter()
        .filter(|row| row.outcome == RecordOutcome::Retry)
        .collect();
    let Some(first) = open.first() else {
        return Ok(());
    };
    let reason = first.reason.as_deref().unwrap_or("no reason is known");
    let others = match open.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    Err(Error::new(
        ErrorKind::Transient,
        format!(
            "`{}` is to be delivered again: {reason}{others}",
            first.subject
        ),
    ))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>
fn result(row: &RecordRow) -> Value {
    let code = match row.outcome {
        RecordOutcome::Done | RecordOutcome::Ignored => "Succeeded",
        RecordOutcome::Retry | RecordOutcome::Planned => "TemporaryFailure",
        RecordOutcome::Quarantined => "PermanentFailure",
    };
    let text = row.reason.as_deref().unwrap_or(row.outcome.as_str());
    json!({ "taskId": row.id, "resultCode": code, "resultString": text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_s_place_begins_with_its_message() {
        assert_eq!(message_of("059f36b4-87a3/0/1"), "059f36b4-87a3");
        assert_eq!(message_of("0"), "0");
    }

    #[test]
    fn a_dry_run_acknowledges_only_what_is_nothing() {
        let row = |outcome| RecordRow {
            id: "m/0".to_owned(),
            subject: "s3://b/k".to_owned(),
            outcome,
            reason: None,
            disposition: None,
            not_before: None,
        };
        let open = |mode| {
            [
                RecordOutcome::Planned,
                RecordOutcome::Done,
                RecordOutcome::Ignored,
                RecordOutcome::Retry,
                RecordOutcome::Quarantined,
            ]
            .map(|outcome| is_open(&row(outcome), mode))
        };
        assert_eq!(open(Mode::DryRun), [true, false, false, true, true]);
        assert_eq!(open(Mode::Apply), [false, false, false, true, false]);
    }
}
