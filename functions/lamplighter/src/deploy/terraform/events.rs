//! The triggers of event functions: a queue, what sends to it, and the mapping by which Lambda takes from it.

use serde_json::{Value, json};

use super::super::events::{BATCH, Events, MAX_RECEIVES, VISIBILITY_TIMEOUTS, ended_deployments};
use super::super::model::Function;
use super::super::template::{DEAD_LETTER_SECS, EVENT_ATTEMPTS, EVENT_SECS};
use super::{Resources, in_terraform, literal, snake};

pub(super) fn resources(function: &Function, resources: &mut Resources) {
    let Some(events) = function.queued() else {
        return;
    };
    let (id, name) = (snake(&function.name), &function.name);
    resources.add(
        "aws_sqs_queue",
        &id,
        json!({
            "name": format!("${{var.name}}-{name}"),
            "visibility_timeout_seconds": format!("${{{VISIBILITY_TIMEOUTS} * var.{id}_timeout_secs}}"),
            "message_retention_seconds": DEAD_LETTER_SECS,
            "sqs_managed_sse_enabled": true,
            "redrive_policy": json!({
                "deadLetterTargetArn": format!("${{aws_sqs_queue.{id}_dead_letters.arn}}"),
                "maxReceiveCount": MAX_RECEIVES,
            })
            .to_string(),
        }),
    );
    let count = format!("${{var.{id}_objects_by == \"eventbridge\" ? 1 : 0}}");
    for (index, source) in events.sources.iter().enumerate() {
        let ending = format!("objects-{}", index + 1);
        let pattern = events.pattern(source);
        rule(function, &ending, &pattern, Some(&count), resources);
    }
    if events.deployments {
        let pattern = ended_deployments();
        rule(function, "deployments", &pattern, None, resources);
    }
    policies(function, events, resources);
    notifications(function, events, resources);
    resources.add(
        "aws_lambda_event_source_mapping",
        &id,
        json!({
            "function_name": format!("${{aws_lambda_alias.{id}_live.arn}}"),
            "event_source_arn": format!("${{aws_sqs_queue.{id}.arn}}"),
            "enabled": "${var.triggers_enabled}",
            "batch_size": BATCH,
            "function_response_types": ["ReportBatchItemFailures"],
            "scaling_config": { "maximum_concurrency": format!("${{var.{id}_max_concurrency}}") },
            // Lambda looks at once whether the role may take messages.
            "depends_on": [format!("aws_iam_role_policy.{id}_service")],
        }),
    );
}

fn rule(
    function: &Function,
    ending: &str,
    pattern: &Value,
    count: Option<&str>,
    resources: &mut Resources,
) {
    let (id, name) = (snake(&function.name), &function.name);
    let rule = format!("{id}_{}", snake(ending));
    let mut made = json!({
        "name": rule_name(name, ending),
        "description": format!("Lamplighter {name}"),
        "event_pattern": literal(&pattern.to_string()),
        "state": "${var.triggers_enabled ? \"ENABLED\" : \"DISABLED\"}",
    });
    let mut target = json!({
        "rule": rule_name(name, ending),
        "target_id": "queue",
        "arn": format!("${{aws_sqs_queue.{id}.arn}}"),
        "dead_letter_config": { "arn": format!("${{aws_sqs_queue.{id}_dead_letters.arn}}") },
        "retry_policy": {
            "maximum_event_age_in_seconds": EVENT_SECS,
            "maximum_retry_attempts": EVENT_ATTEMPTS,
        },
        "depends_on": [format!("aws_cloudwatch_event_rule.{rule}")],
    });
    if let Some(count) = count {
        made["count"] = json!(count);
        target["count"] = json!(count);
    }
    resources.add("aws_cloudwatch_event_rule", &rule, made);
    resources.add("aws_cloudwatch_event_target", &rule, target);
}

fn rule_name(function: &str, ending: &str) -> String {
    format!("${{var.name}}-{function}-{ending}")
}

/// Who may send to the queue, and to the dead letters: these rules and these buckets, of this account.
fn policies(function: &Function, events: &Events, resources: &mut Resources) {
    let (id, name) = (snake(&function.name), &function.name);
    let of_rule = |ending: &str| {
        let arn = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/";
        format!("{}{}", in_terraform(arn), rule_name(name, ending))
    };
    let always: Vec<String> = events
        .deployments
        .then(|| of_rule("deployments"))
        .into_iter()
        .collect();
    let numbers = 1..=events.sources.len();
    let mut all: Vec<String> = numbers
        .map(|number| of_rule(&format!("objects-{number}")))
        .collect();
    all.extend(always.clone());
    let buckets: Vec<String> = events
        .buckets()
        .into_keys()
        .map(|bucket| in_terraform(&format!("arn:${{AWS::Partition}}:s3:::{bucket}")))
        .collect();
    let rules = |rules: &[String], resource: &str| {
        let resource = format!("${{aws_sqs_queue.{resource}.arn}}");
        let service = "events.amazonaws.com";
        let some = (!rules.is_empty()).then_some(rules);
        some.map(|rules| sender("SendFromRules", service, &resource, rules))
    };
    let direct = (!buckets.is_empty()).then(|| {
        let resource = format!("${{aws_sqs_queue.{id}.arn}}");
        sender("SendFromBuckets", "s3.amazonaws.com", &resource, &buckets)
    });
    let dead_letters = format!("{id}_dead_letters");
    let queue_document = document([rules(&all, &id)]);
    let direct_document = document([rules(&always, &id), direct]);
    let dead_document = document([rules(&all, &dead_letters)]);
    let policy = match events.sources.is_empty() {
        true => queue_document,
        false => {
            let by_eventbridge = resources.local(format!("{id}_policy"), queue_document);
            let by_bucket = resources.local(format!("{id}_policy_direct"), direct_document);
            format!("${{var.{id}_objects_by == \"eventbridge\" ? {by_eventbridge} : {by_bucket}}}")
        }
    };
    for (queue, policy) in [(&id, policy), (&dead_letters, dead_document)] {
        resources.add(
            "aws_sqs_queue_policy",
            queue,
            json!({ "queue_url": format!("${{aws_sqs_queue.{queue}.url}}"), "policy": policy }),
        );
    }
}

/// What the buckets' own configuration must hold: Terraform's resource for it would replace all that is there.
fn notifications(function: &Function, events: &Events, resources: &mut Resources) {
    let (id, name) = (snake(&function.name), &function.name);
    for (index, (bucket, sources)) in events.buckets().into_iter().enumerate() {
        let number = index + 1;
        let direct = literal(&events.notification(name, &sources, "QUEUE").to_string())
            .replace("\"QUEUE\"", &format!("\"${{aws_sqs_queue.{id}.arn}}\""));
        let switch = json!({ "EventBridgeConfiguration": {} }).to_string();
        let direct = resources.local(format!("{id}_notification_{number}_direct"), direct);
        let switch = resources.local(format!("{id}_notification_{number}"), switch);
        resources.output(
            &format!("{id}_notification_{number}"),
            &format!("What the notification configuration of the bucket {bucket} must hold"),
            &format!("${{var.{id}_objects_by == \"eventbridge\" ? {switch} : {direct}}}"),
        );
    }
}

fn document<const COUNT: usize>(statements: [Option<Value>; COUNT]) -> String {
    let statements: Vec<Value> = statements.into_iter().flatten().collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn sender(sid: &str, service: &str, resource: &str, sources: &[String]) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sqs:SendMessage",
        "Resource": resource,
        "Condition": {
            "ArnEquals": { "aws:SourceArn": sources },
            "StringEquals": { "aws:SourceAccount": "${data.aws_caller_identity.current.account_id}" },
        },
    })
}
