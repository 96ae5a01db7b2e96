//! One JSON object per line: first the run, then each of its rows. Every line carries the run's id and the function's
//! name, so that a log pipeline can take them one by one.

use chrono::{DateTime, Utc};
use lamplighter_core::{
    Account, Delivery, Delta, ExceptionRow, Measure, Mode, Run, RunOutcome, Summary, Trigger,
    Verdict,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Options;
use crate::json::escaped;

/// The run without its rows. The names are those of `lamplighter/run/v1`.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'a str,
    mode: Mode,
    trigger: Trigger,
    slot: Option<DateTime<Utc>>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    account: &'a Account,
    outcome: RunOutcome,
    would_refuse: Option<&'a str>,
    summary: &'a Summary,
    notes: &'a [String],
    measures: &'a [Measure],
    deliveries: &'a [Delivery],
    metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exceptions: &'a [ExceptionRow],
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a Delta>,
}

/// The lines.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let head = Head {
        schema: &run.schema,
        mode: run.mode,
        trigger: run.trigger,
        slot: run.slot,
        started_at: run.started_at,
        finished_at: run.finished_at,
        account: &run.account,
        outcome: run.outcome,
        would_refuse: run.would_refuse.as_deref(),
        summary: &run.summary,
        notes: &run.notes,
        measures: &run.measures,
        deliveries: &run.deliveries,
        metadata: &run.metadata,
        exceptions: &run.exceptions,
        delta: run.delta.as_ref(),
    };
    let mut lines = Lines {
        run_id: json(&run.run_id),
        function: json(&run.function),
        text: String::new(),
    };
    lines.push("run", &head);
    for finding in &run.findings {
        if options.all || matches!(finding.verdict, Verdict::Fail | Verdict::Unknown) {
            lines.push("finding", finding);
        }
    }
    lines.extend("action", &run.actions);
    lines.extend("skipped", &run.skipped);
    lines.extend("error", &run.errors);
    lines.extend("coverage", &run.coverage);
    lines.text
}

struct Lines {
    run_id: String,
    function: String,
    text: String,
}

impl Lines {
    /// Puts what every line has in front of the row's own members. All rows are structs with members, so the row's
    /// JSON is an opening brace and at least one of them.
    fn push(&mut self, kind: &str, row: &impl Serialize) {
        let row = json(row);
        let members = row.strip_prefix('{').unwrap_or(&row);
        self.text.push_str(&format!(
            "{{\"type\":\"{kind}\",\"run_id\":{},\"function\":{},{members}\n",
            self.run_id, self.function
        ));
    }

    fn extend(&mut self, kind: &str, rows: &[impl Serialize]) {
        for row in rows {
            self.push(kind, row);
        }
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    escaped(&serde_json::to_string(value).expect("every map of a run has strings as keys"))
}
