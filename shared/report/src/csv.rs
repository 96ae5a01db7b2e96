//! One table of rows for spreadsheets, as RFC 4180 has it.
//!
//! Spreadsheets run formulas, and a tag's owner may write one. A cell that could be taken for a formula gets a leading
//! apostrophe. <https://owasp.org/www-community/attacks/CSV_Injection>

use lamplighter_core::{CoverageStatus, Run};

use crate::escape::visible;
use crate::{Options, since, story, words};

const HEADER: [&str; 12] = [
    "type",
    "function",
    "run_id",
    "account",
    "region",
    "resource",
    "rule_or_action",
    "severity",
    "verdict_or_outcome",
    "message_or_reason",
    "fingerprint",
    "undo",
];

/// One line of the table: what differs from row to row. What a row has no value for stays empty.
#[derive(Default)]
struct Row<'a> {
    kind: &'a str,
    account: &'a str,
    region: &'a str,
    resource: &'a str,
    name: &'a str,
    severity: &'a str,
    result: &'a str,
    message: &'a str,
    fingerprint: &'a str,
    undo: &'a str,
}

/// The table.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let mut table = Table {
        run,
        text: HEADER.join(",") + "\r\n",
    };
    table.push(&Row {
        kind: "run",
        account: &run.account.id,
        result: run.outcome.as_str(),
        message: &story::summary(run),
        ..Row::default()
    });
    if let Some((title, reason)) = story::refusal(run) {
        table.push(&Row {
            kind: "run",
            account: &run.account.id,
            result: run.outcome.as_str(),
            message: &format!("{title}: {reason}"),
            ..Row::default()
        });
    }
    for finding in story::findings_and_certificates(run, options) {
        table.push(&Row {
            kind: "finding",
            account: &finding.account,
            region: finding.region.as_deref().unwrap_or_default(),
            resource: &finding.resource,
            name: &finding.rule,
            severity: finding.severity.as_str(),
            result: finding.verdict.as_str(),
            message: &finding.message,
            fingerprint: &finding.fingerprint,
            ..Row::default()
        });
    }
    for action in &run.actions {
        table.push(&Row {
            kind: "action",
            account: &action.account,
            region: action.region.as_deref().unwrap_or_default(),
            resource: &action.resource,
            name: &action.action,
            result: action.outcome.as_str(),
            message: action.reason.as_deref().unwrap_or_default(),
            undo: action.undo.as_deref().unwrap_or_default(),
            ..Row::default()
        });
    }
    for skipped in &run.skipped {
        table.push(&Row {
            kind: "skipped",
            account: &skipped.account,
            region: skipped.region.as_deref().unwrap_or_default(),
            resource: &skipped.resource,
            result: "skipped",
            message: &skipped.reason,
            ..Row::default()
        });
    }
    for finding in since::resolved(run) {
        table.push(&Row {
            kind: "resolved",
            account: &finding.account,
            region: finding.region.as_deref().unwrap_or_default(),
            resource: &finding.resource,
            name: &finding.rule,
            severity: finding.severity.as_str(),
            result: "resolved",
            message: &finding.message,
            fingerprint: &finding.fingerprint,
            ..Row::default()
        });
    }
    for exception in &run.exceptions {
        table.push(&Row {
            kind: "exception",
            resource: &exception.resource,
            name: &exception.rule,
            result: exception.status.as_str(),
            message: &since::exception_sentence(exception),
            ..Row::default()
        });
    }
    for error in &run.errors {
        table.push(&Row {
            kind: "error",
            resource: &error.scope,
            result: "error",
            message: &error.message,
            ..Row::default()
        });
    }
    for coverage in &run.coverage {
        let inspected = words::counted(coverage.inspected, "resource");
        table.push(&Row {
            kind: "coverage",
            resource: &coverage.scope,
            result: match coverage.status {
                CoverageStatus::Read => "read",
                CoverageStatus::Unreadable => "unreadable",
            },
            message: coverage.error.as_deref().unwrap_or(&inspected),
            ..Row::default()
        });
    }
    for note in &run.notes {
        table.push(&Row {
            kind: "note",
            message: note,
            ..Row::default()
        });
    }
    table.text
}

struct Table<'a> {
    run: &'a Run,
    text: String,
}

impl Table<'_> {
    fn push(&mut self, row: &Row<'_>) {
        let cells = [
            row.kind,
            &self.run.function,
            &self.run.run_id,
            row.account,
            row.region,
            row.resource,
            row.name,
            row.severity,
            row.result,
            row.message,
            row.fingerprint,
            row.undo,
        ];
        self.text.push_str(&cells.map(cell).join(","));
        self.text.push_str("\r\n");
    }
}

/// A value as a cell: visible, harmless, and quoted where the syntax needs it.
fn cell(value: &str) -> String {
    let mut cell = visible(value).into_owned();
    if is_formula(value) {
        cell.insert(0, '\'');
    }
    if cell.contains([',', '"', ';']) || cell.starts_with(' ') || cell.ends_with(' ') {
        cell = format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

/// Whether a spreadsheet may take the cell for a formula. Some drop white space in front, and those that read
/// full-width forms as their narrow ones run `＝1+1` too.
fn is_formula(value: &str) -> bool {
    value.starts_with(['\t', '\r', '\n'])
        || value
            .trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_as_a_formula_becomes_text() {
        for (value, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1,B2)", "\"'@SUM(A1,B2)\""),
            ("  =1+1", "'  =1+1"),
            ("\t=1", "'\\t=1"),
            ("\r=1", "'\\r=1"),
            ("＝1＋1", "'＝1＋1"),
            ("＠x", "'＠x"),
        ] {
            assert_eq!(cell(value), expected);
        }
    }

    #[test]
    fn ordinary_values_stay_as_they_are() {
        for value in ["", "eu-west-1", "a|b", "i-0abc", "größer"] {
            assert_eq!(cell(value), value);
        }
    }

    #[test]
    fn separators_and_quotes_are_quoted() {
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(cell("two\nlines"), "two\\nlines");
    }
}
