//! Metric filters and alarms.

use serde_json::{Value, json};

use super::super::model::Function;
use super::super::watch::{Alarm, FILTERS, NAMESPACE, Threshold, Watched, alarms};
use super::{Resources, snake};

pub(super) fn resources(function: &Function, resources: &mut Resources) {
    let id = snake(&function.name);
    for filter in FILTERS {
        resources.add(
            "aws_cloudwatch_log_metric_filter",
            &format!("{id}_{}", snake(filter.metric)),
            json!({
                "name": format!("${{var.name}}-{}-{}", function.name, filter.metric),
                "log_group_name": format!("${{aws_cloudwatch_log_group.{id}.name}}"),
                "pattern": filter.pattern,
                "metric_transformation": {
                    "name": format!("{}.{}", function.name, filter.metric),
                    "namespace": "Lamplighter/${var.name}",
                    "value": "1",
                    "unit": "Count",
                },
            }),
        );
    }
    for one in alarms(function) {
        resources.add(
            "aws_cloudwatch_metric_alarm",
            &format!("{id}_{}", snake(one.name)),
            alarm(function, &one),
        );
    }
}

fn alarm(function: &Function, alarm: &Alarm) -> Value {
    let id = snake(&function.name);
    let (comparison, threshold) = match alarm.threshold {
        Threshold::AtLeast(value) => ("GreaterThanOrEqualToThreshold", json!(value)),
        Threshold::AtLeastAsManyErrors => (
            "GreaterThanOrEqualToThreshold",
            json!("${var.errors_threshold}"),
        ),
        Threshold::Below(value) => ("LessThanThreshold", json!(value)),
    };
    let mut arguments = json!({
        "alarm_name": format!("${{var.name}}-{}-{}", function.name, alarm.name),
        "alarm_description": format!("Lamplighter {}: {}", function.name, alarm.meaning),
        "actions_enabled": "${var.triggers_enabled}",
        "alarm_actions": ["${aws_sns_topic.alarms.arn}"],
        "ok_actions": ["${aws_sns_topic.alarms.arn}"],
        "comparison_operator": comparison,
        "threshold": threshold,
        "evaluation_periods": alarm.periods,
        "datapoints_to_alarm": alarm.periods,
        "treat_missing_data": if alarm.missing_is_breaching { "breaching" } else { "notBreaching" },
    });
    let live = json!({
        "FunctionName": format!("${{aws_lambda_function.{id}.function_name}}"),
        "Resource": format!("${{aws_lambda_function.{id}.function_name}}:live"),
    });
    let (namespace, metric, dimensions, statistic) = match alarm.watched {
        Watched::Lambda(metric) => ("AWS/Lambda", metric.to_owned(), live, "Sum"),
        Watched::DeadLetters => (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible".to_owned(),
            json!({ "QueueName": format!("${{aws_sqs_queue.{id}_dead_letters.name}}") }),
            "Maximum",
        ),
        Watched::Queue(metric) => (
            "AWS/SQS",
            metric.to_owned(),
            json!({ "QueueName": format!("${{aws_sqs_queue.{id}.name}}") }),
            "Maximum",
        ),
        Watched::Embedded(metric) => (
            NAMESPACE,
            metric.to_owned(),
            json!({
                "FunctionName": format!("${{aws_lambda_function.{id}.function_name}}"),
                "Alias": "live",
            }),
            "Sum",
        ),
        Watched::Log(metric) => (
            "Lamplighter/${var.name}",
            format!("{}.{metric}", function.name),
            json!({}),
            "Sum",
        ),
        Watched::DurationShare => {
            arguments["metric_query"] = json!([
                {
                    "id": "share",
                    "label": "percent of the timeout",
                    "expression": format!("duration / (${{var.{id}_timeout_secs}} * 10)"),
                    "return_data": true,
                },
                {
                    "id": "duration",
                    "metric": {
                        "namespace": "AWS/Lambda",
                        "metric_name": "Duration",
                        "dimensions": live,
                        "period": alarm.period_secs,
                        "stat": "p95",
                    },
                },
            ]);
            return arguments;
        }
    };
    arguments["namespace"] = json!(namespace);
    arguments["metric_name"] = json!(metric);
    if dimensions.as_object().is_some_and(|map| !map.is_empty()) {
        arguments["dimensions"] = dimensions;
    }
    arguments["statistic"] = json!(statistic);
    arguments["period"] = json!(alarm.period_secs);
    arguments
}
