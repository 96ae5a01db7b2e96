//! Metrics without a call: one line of CloudWatch's embedded metric format for each invocation, which CloudWatch Logs
//! turns into metrics.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use chrono::Utc;
use lamplighter_core::{Mode, RecordOutcome, Run, RunOutcome, Trigger};
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Lamplighter";

/// Counts the scheduled rounds that went well. The alarm on silence looks at it: runs of events and dry runs say nothing
/// about the schedule.
const ROUNDS_OK: &str = "RoundsOk";

fn is_round_well(run: &Run) -> bool {
    run.trigger == Trigger::Schedule && run.mode != Mode::DryRun && run.outcome == RunOutcome::Ok
}

/// Whose metrics they are.
pub(super) struct Metrics {
    function: &'static str,
    /// The Lambda's name.
    lambda: String,
    /// The alias it was invoked by, so that what is tried out on `staging` wakes nobody.
    alias: String,
}

impl Metrics {
    /// Of an invocation: `arn:aws:lambda:<region>:<account>:function:<name>[:<alias>]`.
    pub(super) fn of(function: &'static str, arn: &str) -> Self {
        let mut parts = arn.split(':').skip(6);
        let named = |part: Option<&str>, otherwise: &str| {
            let part = part.filter(|part| !part.is_empty());
            part.unwrap_or(otherwise).to_owned()
        };
        Self {
            function,
            lambda: named(parts.next(), function),
            alias: named(parts.next(), "$LATEST"),
        }
    }

    /// A run came to its end.
    pub(super) fn ended(&self, run: &Run) {
        let outcome = match run.outcome {
            RunOutcome::Ok => "RunsOk",
            RunOutcome::Partial => "RunsPartial",
            RunOutcome::Failed => "RunsFailed",
            RunOutcome::Refused => "RunsRefused",
        };
        let records = |outcome| {
            let rows = run.records.iter().filter(|row| row.outcome == outcome);
            rows.count()
        };
        self.write(
            &[
                (outcome, 1),
                (ROUNDS_OK, usize::from(is_round_well(run))),
                ("Findings", run.summary.fail + run.summary.unknown),
                ("ActionsDone", run.summary.done),
                ("ActionsFailed", run.summary.failed),
                ("RecordsDone", records(RecordOutcome::Done)),
                ("RecordsRetried", records(RecordOutcome::Retry)),
                ("RecordsQuarantined", records(RecordOutcome::Quarantined)),
            ],
            &[("run_id", json!(run.run_id)), ("mode", json!(run.mode))],
        );
    }

    /// The slot was seen to already, by another Lambda or a daemon. It is no run of this function, and no silence.
    pub(super) fn seen_to_elsewhere(&self) {
        self.write(&[(ROUNDS_OK, 1)], &[]);
    }

    /// An invocation ended without a run.
    pub(super) fn failed(&self, kind: &str) {
        self.write(&[("RunsFailed", 1)], &[("error_kind", json!(kind))]);
    }

    /// One line to stdout, in one write.
    fn write(&self, counts: &[(&str, usize)], properties: &[(&str, Value)]) {
        let line = format!("{}\n", self.line(counts, properties));
        std::io::stdout().write_all(line.as_bytes()).ok();
    }

    /// A count of nothing is left out: CloudWatch asks money for each metric that was ever written.
    fn line(&self, counts: &[(&str, usize)], properties: &[(&str, Value)]) -> Value {
        let counts: Vec<&(&str, usize)> = counts.iter().filter(|(_, count)| *count > 0).collect();
        let definitions: Vec<Value> = counts
            .iter()
            .map(|(name, _)| json!({ "Name": name, "Unit": "Count" }))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": Utc::now().timestamp_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName", "Alias"]],
                    "Metrics": definitions,
                }],
            }),
        );
        line.insert("FunctionName".to_owned(), json!(self.lambda));
        line.insert("Alias".to_owned(), json!(self.alias));
        line.insert("service".to_owned(), json!(self.function));
        for (name, count) in counts {
            line.insert((*name).to_owned(), json!(count));
        }
        for (name, value) in properties {
            line.insert((*name).to_owned(), value.clone());
        }
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_defines_every_metric_that_it_holds_and_its_dimensions() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-audit-mfa:live";
        let line = Metrics::of("audit-mfa", arn).line(
            &[("RunsOk", 1), ("ActionsDone", 20), ("Findings", 0)],
            &[("run_id", json!("r"))],
        );
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(definition["Namespace"], "Lamplighter");
        for dimension in definition["Dimensions"][0].as_array().expect("a list") {
            assert!(
                line[dimension.as_str().expect("a name")].is_string(),
                "{dimension}"
            );
        }
        for metric in definition["Metrics"].as_array().expect("a list") {
            assert!(
                line[metric["Name"].as_str().expect("a name")].is_number(),
                "{metric}"
            );
        }
        assert_eq!(line["ActionsDone"], 20);
        assert!(line.get("Findings").is_none(), "nothing was found");
        assert_eq!(line["FunctionName"], "lamplighter-audit-mfa");
        assert_eq!(line["Alias"], "live");
        assert_eq!(line["run_id"], "r");
    }

    #[test]
    fn an_invocation_without_an_alias_is_of_the_latest_version() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-audit-mfa";
        assert_eq!(Metrics::of("audit-mfa", arn).alias, "$LATEST");
        assert_eq!(Metrics::of("audit-mfa", "").lambda, "audit-mfa");
    }
}
