//! The triggers of event functions: a queue, what sends to it, and the mapping by which Lambda takes from it.

use serde_json::{Map, Value, json};

use super::super::events::{BATCH, Events, MAX_RECEIVES, ended_deployments};
use super::super::model::Function;
use super::function::DEAD_LETTER_SECS;
use super::{attribute, if_else, name_of, no_value, reference, sub};

/// How often EventBridge tries to fill the queue; its own default.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html>
pub(in super::super) const DELIVERY_ATTEMPTS: u32 = 185;

/// How long it tries, in seconds: a day.
pub(in super::super) const DELIVERY_SECS: u32 = 86_400;

/// The condition that the buckets of a function tell EventBridge of their objects.
pub(super) fn by_eventbridge(id: &str) -> String {
    format!("{id}ByEventBridge")
}

pub(super) fn resources(function: &Function, resources: &mut Map<String, Value>) {
    let Some(events) = function.queued() else {
        return;
    };
    let id = function.id();
    resources.insert(format!("{id}Queue"), queue(function));
    let mut rules = Vec::new();
    for (index, source) in events.sources.iter().enumerate() {
        let name = format!("{id}ObjectRule{}", index + 1);
        let what = format!("Lamplighter {}: {source}", function.name);
        let mut made = rule(function, &what, events.pattern(source));
        made["Condition"] = json!(by_eventbridge(&id));
        resources.insert(name.clone(), made);
        let arn = attribute(&name, "Arn");
        // Where something else sends too, these are in a list that is there in either case.
        rules.push(match events.deployments {
            true => if_else(&by_eventbridge(&id), arn, no_value()),
            false => arn,
        });
    }
    if events.deployments {
        let name = format!("{id}DeploymentRule");
        let what = format!("Lamplighter {}: deployments that are over", function.name);
        resources.insert(name.clone(), rule(function, &what, ended_deployments()));
        rules.push(attribute(&name, "Arn"));
    }
    let (policy, dead_letters_policy) = policies(&id, events, rules);
    resources.insert(format!("{id}QueuePolicy"), policy);
    resources.insert(format!("{id}DeadLettersPolicy"), dead_letters_policy);
    resources.insert(
        format!("{id}Mapping"),
        json!({
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": reference(&format!("{id}Live")),
                "EventSourceArn": attribute(&format!("{id}Queue"), "Arn"),
                "Enabled": if_else("HasTriggers", true, false),
                "BatchSize": BATCH,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": { "MaximumConcurrency": reference(&format!("{id}MaxConcurrency")) },
            },
        }),
    );
}

/// What the stack says of them, to be typed where CloudFormation has no hand: a bucket's own configuration.
pub(super) fn outputs(function: &Function, outputs: &mut Map<String, Value>) {
    let Some(events) = function.queued() else {
        return;
    };
    let id = function.id();
    outputs.insert(
        format!("{id}QueueUrl"),
        json!({ "Description": format!("What waits for {}", function.name), "Value": reference(&format!("{id}Queue")) }),
    );
    for (index, (bucket, sources)) in events.buckets().into_iter().enumerate() {
        // What CloudFormation would fill in is the queue's ARN alone; a prefix may hold the same signs.
        let direct = events
            .notification(&function.name, &sources, "QUEUE")
            .to_string()
            .replace("${", "${!")
            .replace("\"QUEUE\"", &format!("\"${{{id}Queue.Arn}}\""));
        let configuration = if_else(
            &by_eventbridge(&id),
            json!({ "EventBridgeConfiguration": {} }).to_string(),
            sub(&direct),
        );
        outputs.insert(
            format!("{id}Notification{}", index + 1),
            json!({
                "Description": format!(
                    "What the notification configuration of the bucket {bucket} must hold, so that {} hears of its objects",
                    function.name
                ),
                "Value": configuration,
            }),
        );
    }
}

fn queue(function: &Function) -> Value {
    let id = function.id();
    json!({
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "QueueName": name_of(&function.name),
            "VisibilityTimeout": reference(&format!("{id}VisibilitySecs")),
            "MessageRetentionPeriod": DEAD_LETTER_SECS,
            "SqsManagedSseEnabled": true,
            "RedrivePolicy": {
                "deadLetterTargetArn": attribute(&format!("{id}DeadLetters"), "Arn"),
                "maxReceiveCount": MAX_RECEIVES,
            },
        },
    })
}

fn rule(function: &Function, what: &str, pattern: Value) -> Value {
    let id = function.id();
    json!({
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": what,
            "EventPattern": pattern,
            "State": if_else("HasTriggers", "ENABLED", "DISABLED"),
            "Targets": [{
                "Id": "queue",
                "Arn": attribute(&format!("{id}Queue"), "Arn"),
                "DeadLetterConfig": { "Arn": attribute(&format!("{id}DeadLetters"), "Arn") },
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": DELIVERY_SECS,
                    "MaximumRetryAttempts": DELIVERY_ATTEMPTS,
                },
            }],
        },
    })
}

/// Who may send to the queue, and to the dead letters: these rules and these buckets, of this account.
fn policies(id: &str, events: &Events, rules: Vec<Value>) -> (Value, Value) {
    let queue = attribute(&format!("{id}Queue"), "Arn");
    let dead_letters = attribute(&format!("{id}DeadLetters"), "Arn");
    let buckets: Vec<Value> = events
        .buckets()
        .into_keys()
        .map(|bucket| sub(&format!("arn:${{AWS::Partition}}:s3:::{bucket}")))
        .collect();
    let from_rules = |resource| sender("SendFromRules", "events.amazonaws.com", resource, &rules);
    let mut statements = vec![match events.deployments {
        true => from_rules(queue.clone()),
        false => if_else(&by_eventbridge(id), from_rules(queue.clone()), no_value()),
    }];
    if !buckets.is_empty() {
        let direct = sender("SendFromBuckets", "s3.amazonaws.com", queue, &buckets);
        statements.push(if_else(&by_eventbridge(id), no_value(), direct));
    }
    let of = |name: &str, statements: Vec<Value>| {
        json!({
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [reference(name)],
                "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
            },
        })
    };
    let mut dead = of(&format!("{id}DeadLetters"), vec![from_rules(dead_letters)]);
    if !events.deployments {
        dead["Condition"] = json!(by_eventbridge(id));
    }
    (of(&format!("{id}Queue"), statements), dead)
}

fn sender(sid: &str, service: &str, resource: Value, sources: &[Value]) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sqs:SendMessage",
        "Resource": resource,
        "Condition": {
            "ArnEquals": { "aws:SourceArn": sources },
            "StringEquals": { "aws:SourceAccount": reference("AWS::AccountId") },
        },
    })
}
