//! What alarms look at: metrics that AWS documents, and metrics that real runs write.

use std::collections::BTreeSet;

use chrono::Utc;
use lamplighter_local_aws::World;
use serde_json::{Value, json};

use super::templates::{everything, template};
use crate::harness::serve;
use crate::runtime_api::Lambda;

/// The metrics of AWS, copied from its documentation.
const DOCUMENTED: &str = include_str!("aws_metrics.json");

/// The ARN by which the schedule invokes a function.
const LIVE: &str = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-stop-untagged:live";

fn everything_template() -> Value {
    let text = template(["--config", &everything(), "--format", "json"]).stdout;
    serde_json::from_str(&text).expect("JSON")
}

/// What each alarm looks at: its logical id, namespace, metric, and dimensions with their values.
fn watched(template: &Value) -> Vec<(String, Value, Value, Vec<Value>)> {
    let resources = template["Resources"].as_object().expect("resources");
    let alarms = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let mut all = Vec::new();
    for (id, alarm) in alarms {
        let properties = &alarm["Properties"];
        let mut metrics = vec![properties.clone()];
        if let Some(queries) = properties["Metrics"].as_array() {
            let read = queries
                .iter()
                .map(|query| query["MetricStat"]["Metric"].clone());
            metrics = read.filter(Value::is_object).collect();
        }
        for metric in metrics {
            let dimensions = metric["Dimensions"].as_array().cloned().unwrap_or_default();
            all.push((
                id.clone(),
                metric["Namespace"].clone(),
                metric["MetricName"].clone(),
                dimensions,
            ));
        }
    }
    all
}

fn dimension_names(dimensions: &[Value]) -> BTreeSet<&str> {
    let names = dimensions
        .iter()
        .map(|dimension| dimension["Name"].as_str());
    names.map(|name| name.expect("a name")).collect()
}

fn words(value: &Value) -> BTreeSet<&str> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|word| word.as_str().expect("a word"))
        .collect()
}

#[test]
fn alarms_look_at_metrics_and_dimensions_that_aws_documents_or_the_runs_write() {
    let documented: Value = serde_json::from_str(DOCUMENTED).expect("JSON");
    let template = everything_template();
    let watched = watched(&template);
    assert!(
        watched.len() > 60,
        "the alarms were found: {}",
        watched.len()
    );
    let mut namespaces = BTreeSet::new();
    for (id, namespace, metric, dimensions) in &watched {
        let Some(namespace) = namespace.as_str() else {
            // One namespace for each stack: of the lines of level ERROR, which a filter counts.
            assert_eq!(
                namespace["Fn::Sub"], "Lamplighter/${AWS::StackName}",
                "{id}"
            );
            let filters = template["Resources"]
                .as_object()
                .expect("resources")
                .values();
            let made = filters.filter(|resource| resource["Type"] == "AWS::Logs::MetricFilter");
            let made: Vec<&Value> = made
                .map(|filter| &filter["Properties"]["MetricTransformations"][0]["MetricName"])
                .collect();
            assert!(made.contains(&metric), "{id}: no filter makes {metric}");
            assert!(dimensions.is_empty(), "{id}");
            continue;
        };
        namespaces.insert(namespace);
        let known = &documented["namespaces"][namespace];
        assert!(known.is_object(), "{id}: {namespace} is not in the table");
        let metric = metric.as_str().expect("a name");
        assert!(
            words(&known["metrics"]).contains(metric),
            "{id}: {namespace} has no {metric}"
        );
        let names = dimension_names(dimensions);
        let sets = known["dimensions"].as_array().expect("a list");
        assert!(
            sets.iter().any(|set| words(set) == names),
            "{id}: {namespace} has no metrics by {names:?}"
        );
    }
    assert_eq!(namespaces, ["AWS/Lambda", "AWS/SQS", "Lamplighter"].into());
}

/// The metrics of a line in the embedded metric format, as CloudWatch reads it: namespace, name, value, and dimensions.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn extracted(stdout: &str) -> Vec<(Value, String, Value, Value)> {
    let mut metrics = Vec::new();
    let lines = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            for set in directive["Dimensions"].as_array().into_iter().flatten() {
                let dimensions: Value = words(set)
                    .into_iter()
                    .map(|name| json!({ "Name": name, "Value": line[name] }))
                    .collect();
                for metric in directive["Metrics"].as_array().into_iter().flatten() {
                    let name = metric["Name"].as_str().expect("a name").to_owned();
                    let value = line[&name].clone();
                    metrics.push((
                        directive["Namespace"].clone(),
                        name,
                        value,
                        dimensions.clone(),
                    ));
                }
            }
        }
    }
    metrics
}

/// The alarms of a function that count a metric of a run, invoked by `live`.
fn seen_by(template: &Value, id: &str, metrics: &[(Value, String, Value, Value)]) -> Vec<String> {
    let name =
        template["Resources"][format!("{id}Function")]["Properties"]["FunctionName"]["Fn::Sub"]
            .as_str()
            .expect("a name")
            .replace("${AWS::StackName}", "lamplighter");
    let own = watched(template).into_iter();
    let own = own.filter(|(alarm, ..)| alarm.starts_with(&format!("{id}Alarm")));
    own.filter(|(_, namespace, metric, dimensions)| {
        let mut dimensions = dimensions.clone();
        for dimension in &mut dimensions {
            if dimension["Value"]["Ref"] == format!("{id}Function") {
                dimension["Value"] = json!(name);
            }
        }
        dimensions.sort_by_key(|dimension| dimension["Name"].to_string());
        metrics.iter().any(|(of, name, _, by)| {
            (of, metric.as_str(), &json!(dimensions)) == (namespace, Some(name.as_str()), by)
        })
    })
    .map(|(alarm, ..)| alarm.replacen(&format!("{id}Alarm"), "", 1))
    .collect()
}

#[test]
fn a_run_of_live_that_succeeds_breaks_the_silence_and_sets_off_nothing_else() {
    let template = everything_template();
    let tick = &template["Resources"]["StopUntaggedSchedule"]["Properties"]["Target"]["Input"];
    let mut event: Value = serde_json::from_str(tick.as_str().expect("a text")).expect("JSON");
    event["metadata"]["id"] = json!("one");
    event["metadata"]["slot"] = json!("2026-11-22T06:00:00Z");
    let aws = serve(World::new("111122223333", Utc::now()));
    let lambda = Lambda::start("stop-untagged", &aws, "", &[]);
    assert_eq!(lambda.invoke_as(LIVE, &event).response()["status"], "ok");
    let ran = lambda.end();
    let metrics = extracted(&ran.stdout);
    assert_eq!(
        seen_by(&template, "StopUntagged", &metrics),
        ["Silence"],
        "{}",
        ran.stdout
    );
    assert_eq!(errors(&template, &ran.stderr), 0, "{}", ran.stderr);
}

#[test]
fn a_run_of_staging_is_seen_by_no_alarm() {
    let template = everything_template();
    let aws = serve(World::new("111122223333", Utc::now()));
    let lambda = Lambda::start("stop-untagged", &aws, "", &[]);
    let staging = LIVE.replace(":live", ":staging");
    assert_eq!(
        lambda.invoke_as(&staging, &json!({})).response()["status"],
        "ok"
    );
    let metrics = extracted(&lambda.end().stdout);
    assert!(metrics.iter().any(|(_, name, ..)| name == "RunsOk"));
    assert_eq!(seen_by(&template, "StopUntagged", &metrics), [""; 0]);
}

#[test]
fn a_run_that_fails_sets_off_the_alarm_for_it_and_is_a_line_of_level_error() {
    let template = everything_template();
    let aws = serve(World::new("111122223333", Utc::now()));
    // A configuration that cannot be read.
    let lambda = Lambda::start("stop-untagged", &aws, "[stop-untagged\n", &[]);
    lambda.invoke_as(LIVE, &json!({})).error();
    let ran = lambda.end();
    let metrics = extracted(&ran.stdout);
    assert_eq!(
        seen_by(&template, "StopUntagged", &metrics),
        ["Failed"],
        "{}",
        ran.stdout
    );
    assert!(errors(&template, &ran.stderr) >= 1, "{}", ran.stderr);
}

#[test]
fn an_event_that_cannot_be_worked_on_sets_off_the_alarm_for_quarantine() {
    let template = everything_template();
    let aws = serve(
        World::new("111122223333", Utc::now())
            .bucket("111122223333", "eu-west-1", "acme-state")
            .bucket("111122223333", "eu-west-1", "acme-photos"),
    );
    let config = "[state]\nurl = \"s3://acme-state/lamp\"\n[resize-images]\nsources = [\"s3://acme-photos/in/\"]\n";
    let lambda = Lambda::start("resize-images", &aws, config, &[]);
    let body = json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "acme-photos" }, "object": { "key": "in/%ZZ.jpg", "size": 1 } },
    }] });
    let event = json!({ "Records": [{
        "messageId": "m-1", "eventSource": "aws:sqs", "body": body.to_string(),
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:lamplighter-resize-images",
    }] });
    let live = LIVE.replace("stop-untagged", "resize-images");
    assert_eq!(
        lambda.invoke_as(&live, &event).response(),
        json!({ "batchItemFailures": [] }),
        "it is kept in the quarantine, so the queue may forget it"
    );
    let ran = lambda.end();
    let seen = seen_by(&template, "ResizeImages", &extracted(&ran.stdout));
    assert!(
        seen.contains(&"Quarantined".to_owned()),
        "{seen:?}: {}",
        ran.stdout
    );
}

/// How many lines the filter on level ERROR counts.
fn errors(template: &Value, stderr: &str) -> usize {
    let filter = &template["Resources"]["StopUntaggedCountErrorLines"]["Properties"];
    let pattern = filter["FilterPattern"].as_str().expect("a pattern");
    let lines = stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| is_counted(pattern, line)).count()
}

/// Whether a pattern of CloudWatch's is about a line, as far as the template's go: comparisons with texts, all of which
/// must hold, and in a text an asterisk at its start for anything.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
fn is_counted(pattern: &str, line: &Value) -> bool {
    let inner = pattern
        .strip_prefix("{ ")
        .and_then(|rest| rest.strip_suffix(" }"));
    let mut comparisons = inner.expect("a pattern for JSON").split(" && ");
    comparisons.all(|comparison| {
        let (selector, text) = comparison.split_once(" = ").expect("a comparison");
        let key = selector.strip_prefix("$.").expect("a selector");
        let text = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let text = text.expect("a quoted text");
        let Some(value) = line[key].as_str() else {
            return false;
        };
        match text.strip_prefix('*') {
            Some(ending) => value.ends_with(ending),
            None => value == text,
        }
    })
}

#[test]
fn only_errors_of_live_are_counted() {
    let template = everything_template();
    for (alias, is_counted) in [(":live", true), (":staging", false), ("", false)] {
        let aws = serve(World::new("111122223333", Utc::now()));
        let lambda = Lambda::start("stop-untagged", &aws, "[stop-untagged\n", &[]);
        lambda
            .invoke_as(&LIVE.replace(":live", alias), &json!({}))
            .error();
        let stderr = lambda.end().stderr;
        assert!(stderr.contains(r#""level":"ERROR""#), "{stderr}");
        assert_eq!(
            errors(&template, &stderr) > 0,
            is_counted,
            "{alias}: {stderr}"
        );
    }
    // No function writes them in another way.
    let resources = template["Resources"]
        .as_object()
        .expect("resources")
        .values();
    let filters = resources.filter(|one| one["Type"] == "AWS::Logs::MetricFilter");
    let patterns: BTreeSet<String> = filters
        .map(|filter| filter["Properties"]["FilterPattern"].to_string())
        .collect();
    assert_eq!(patterns.len(), 1, "{patterns:?}");
}
