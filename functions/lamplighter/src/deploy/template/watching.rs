//! The topic, the metric filters and the alarms.

use serde_json::{Map, Value, json};

use super::super::model::Function;
use super::super::watch::{Alarm, FILTERS, NAMESPACE, Threshold, Watched, alarms};
use super::{attribute, name_of, reference, sub};

/// The namespace of what is counted in logs, one for each stack.
fn namespace() -> Value {
    sub("Lamplighter/${AWS::StackName}")
}

pub(super) fn topic(resources: &mut Map<String, Value>) {
    resources.insert(
        "AlarmTopic".to_owned(),
        json!({ "Type": "AWS::SNS::Topic", "Properties": { "DisplayName": "Lamplighter" } }),
    );
    resources.insert(
        "AlarmSubscription".to_owned(),
        json!({
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasAlarmEmail",
            "Properties": {
                "TopicArn": reference("AlarmTopic"),
                "Protocol": "email",
                "Endpoint": reference("AlarmEmail"),
            },
        }),
    );
}

pub(super) fn resources(function: &Function, resources: &mut Map<String, Value>) {
    let id = function.id();
    for filter in FILTERS {
        resources.insert(
            format!("{id}Count{}", filter.id),
            json!({
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": reference(&format!("{id}LogGroup")),
                    "FilterPattern": filter.pattern,
                    "MetricTransformations": [{
                        "MetricNamespace": namespace(),
                        "MetricName": format!("{}.{}", function.name, filter.metric),
                        "MetricValue": "1",
                        "Unit": "Count",
                    }],
                },
            }),
        );
    }
    for one in alarms(function) {
        resources.insert(format!("{id}Alarm{}", one.id), alarm(function, &one));
    }
}

fn alarm(function: &Function, alarm: &Alarm) -> Value {
    let id = function.id();
    let (comparison, threshold) = match alarm.threshold {
        Threshold::AtLeast(value) => ("GreaterThanOrEqualToThreshold", json!(value)),
        Threshold::AtLeastAsManyErrors => (
            "GreaterThanOrEqualToThreshold",
            reference("ErrorsThreshold"),
        ),
        Threshold::Below(value) => ("LessThanThreshold", json!(value)),
    };
    let mut properties = json!({
        "AlarmName": name_of(&format!("{}-{}", function.name, alarm.name)),
        "AlarmDescription": format!("Lamplighter {}: {}", function.name, alarm.meaning),
        "ActionsEnabled": reference("TriggersEnabled"),
        "AlarmActions": [reference("AlarmTopic")],
        "OKActions": [reference("AlarmTopic")],
        "ComparisonOperator": comparison,
        "Threshold": threshold,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.periods,
        "TreatMissingData": if alarm.missing_is_breaching { "breaching" } else { "notBreaching" },
    });
    // Of `live` only: what is tried out on `staging` calls nobody.
    let live = json!([
        { "Name": "FunctionName", "Value": reference(&format!("{id}Function")) },
        { "Name": "Resource", "Value": sub(&format!("${{{id}Function}}:live")) },
    ]);
    let (namespace, metric, dimensions, statistic) = match alarm.watched {
        Watched::Lambda(metric) => (json!("AWS/Lambda"), metric.to_owned(), live, "Sum"),
        Watched::DeadLetters => (
            json!("AWS/SQS"),
            "ApproximateNumberOfMessagesVisible".to_owned(),
            json!([{ "Name": "QueueName", "Value": attribute(&format!("{id}DeadLetters"), "QueueName") }]),
            "Maximum",
        ),
        Watched::Queue(metric) => (
            json!("AWS/SQS"),
            metric.to_owned(),
            json!([{ "Name": "QueueName", "Value": attribute(&format!("{id}Queue"), "QueueName") }]),
            "Maximum",
        ),
        Watched::Embedded(metric) => (
            json!(NAMESPACE),
            metric.to_owned(),
            json!([
                { "Name": "FunctionName", "Value": reference(&format!("{id}Function")) },
                { "Name": "Alias", "Value": "live" },
            ]),
            "Sum",
        ),
        Watched::Log(metric) => (
            namespace(),
            format!("{}.{metric}", function.name),
            json!([]),
            "Sum",
        ),
        Watched::DurationShare => {
            properties["Metrics"] = json!([
                {
                    "Id": "share",
                    "Label": "percent of the timeout",
                    "Expression": sub(&format!("duration / (${{{id}TimeoutSecs}} * 10)")),
                    "ReturnData": true,
                },
                {
                    "Id": "duration",
                    "ReturnData": false,
                    "MetricStat": {
                        "Metric": { "Namespace": "AWS/Lambda", "MetricName": "Duration", "Dimensions": live },
                        "Period": alarm.period_secs,
                        "Stat": "p95",
                    },
                },
            ]);
            return json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties });
        }
    };
    properties["Namespace"] = namespace;
    properties["MetricName"] = json!(metric);
    if dimensions.as_array().is_some_and(|list| !list.is_empty()) {
        properties["Dimensions"] = dimensions;
    }
    properties["Statistic"] = json!(statistic);
    properties["Period"] = json!(alarm.period_secs);
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}
