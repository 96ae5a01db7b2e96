//! The trigger of scheduled functions: EventBridge Scheduler, which invokes the alias `live`.

use serde_json::{Map, Value, json};

use super::super::model::{Function, Stack};
use super::{attribute, if_else, name_of, policy, reference, sub, trust};

/// What a tick says. Scheduler replaces the words in angle brackets.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
pub(in super::super) const TICK: &str = r#"{"metadata":{"id":"<aws.scheduler.execution-id>","source":"scheduler","trigger":"schedule","slot":"<aws.scheduler.scheduled-time>"},"data":{}}"#;

/// What a ping says.
pub(in super::super) const PING: &str = r#"{"source":"keep-warm"}"#;

/// How often Scheduler tries to deliver a tick, at most; the grace ends it earlier.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>
pub(in super::super) const DELIVERY_ATTEMPTS: u32 = 185;

/// What all schedules share: their group, and the role that invokes.
pub(super) fn shared(stack: &Stack, resources: &mut Map<String, Value>) {
    let live: Vec<Value> = stack
        .functions
        .iter()
        .map(|function| reference(&format!("{}Live", function.id())))
        .collect();
    let queues: Vec<Value> = stack
        .functions
        .iter()
        .map(|function| attribute(&format!("{}DeadLetters", function.id()), "Arn"))
        .collect();
    resources.insert(
        "ScheduleGroup".to_owned(),
        json!({ "Type": "AWS::Scheduler::ScheduleGroup", "Properties": { "Name": reference("AWS::StackName") } }),
    );
    // A schedule's own ARN would need the schedule first, and the schedule needs the role: the group is named instead.
    let group = sub(
        "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/${AWS::StackName}",
    );
    resources.insert(
        "SchedulerRole".to_owned(),
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Description": "Lamplighter: EventBridge Scheduler invokes the functions",
                "AssumeRolePolicyDocument": trust(
                    "scheduler.amazonaws.com",
                    Some(json!({
                        "StringEquals": { "aws:SourceAccount": reference("AWS::AccountId") },
                        "ArnEquals": { "aws:SourceArn": group },
                    })),
                ),
                "Policies": [policy("invoke", json!([
                    { "Sid": "InvokeLive", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": live },
                    { "Sid": "SendUndelivered", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": queues },
                ]))],
            },
        }),
    );
}

pub(super) fn resources(function: &Function, resources: &mut Map<String, Value>) {
    let id = function.id();
    let mut properties = schedule(function, &function.name, TICK, &function.when.expression);
    properties["Description"] = json!(format!("Lamplighter {}", function.name));
    properties["ScheduleExpressionTimezone"] = json!(function.when.zone);
    properties["State"] = if_else("HasTriggers", "ENABLED", "DISABLED");
    if function.when.start.is_some() {
        properties["StartDate"] = reference(&format!("{id}Start"));
    }
    if function.window_minutes > 0 {
        properties["FlexibleTimeWindow"] =
            json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": function.window_minutes });
    }
    properties["Target"]["RetryPolicy"] = json!({
        "MaximumEventAgeInSeconds": function.grace_secs,
        "MaximumRetryAttempts": DELIVERY_ATTEMPTS,
    });
    properties["Target"]["DeadLetterConfig"] =
        json!({ "Arn": attribute(&format!("{id}DeadLetters"), "Arn") });
    resources.insert(
        format!("{id}Schedule"),
        json!({ "Type": "AWS::Scheduler::Schedule", "Properties": properties }),
    );
    let ping = format!("{}-keep-warm", function.name);
    let mut properties = schedule(function, &ping, PING, "rate(9 minutes)");
    properties["State"] = if_else("HasTriggers", "ENABLED", "DISABLED");
    // A ping that is late is worth nothing.
    properties["Target"]["RetryPolicy"] =
        json!({ "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0 });
    resources.insert(
        format!("{id}KeepWarm"),
        json!({ "Type": "AWS::Scheduler::Schedule", "Condition": "HasKeepWarm", "Properties": properties }),
    );
}

fn schedule(function: &Function, name: &str, input: &str, expression: &str) -> Value {
    json!({
        "Name": name_of(name),
        "GroupName": reference("ScheduleGroup"),
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": reference(&format!("{}Live", function.id())),
            "RoleArn": attribute("SchedulerRole", "Arn"),
            "Input": input,
        },
    })
}
