//! The same stack for Terraform, as `.tf.json`, for the provider `hashicorp/aws` 5.100 or later.
//!
//! Deployed under the name in `var.name`, which stands where CloudFormation has the stack's name.
//! <https://developer.hashicorp.com/terraform/language/syntax/json>

mod alarms;
mod events;
mod function;
mod mail;
#[cfg(test)]
mod tests;
mod variables;

use serde_json::{Map, Value, json};

use super::model::Stack;
use super::template::TICK;

/// What is collected from all functions.
#[derive(Default)]
struct Resources {
    /// By their type and then by their name.
    resources: Map<String, Value>,
    /// Texts that a condition chooses from: a document cannot stand in an expression.
    locals: Map<String, Value>,
    outputs: Map<String, Value>,
}

impl Resources {
    fn add(&mut self, kind: &str, name: &str, arguments: Value) {
        let named = self.resources.entry(kind).or_insert_with(|| json!({}));
        named[name] = arguments;
    }

    /// A role, within the boundary if there is one.
    fn role(&mut self, name: &str, mut arguments: Value) {
        arguments["permissions_boundary"] =
            json!("${var.permissions_boundary == \"\" ? null : var.permissions_boundary}");
        self.add("aws_iam_role", name, arguments);
    }

    /// Names a text, and answers with the name.
    fn local(&mut self, name: String, text: impl Into<Value>) -> String {
        let reference = format!("local.{name}");
        self.locals.insert(name, text.into());
        reference
    }

    fn output(&mut self, name: &str, what: &str, value: &str) {
        self.outputs.insert(
            name.to_owned(),
            json!({ "description": what, "value": value }),
        );
    }
}

/// The configuration.
pub fn terraform(stack: &Stack) -> Value {
    let mut all = Resources::default();
    shared(stack, &mut all);
    for one in &stack.functions {
        function::resources(stack, one, &mut all);
        events::resources(one, &mut all);
        mail::resources(one, &mut all);
        alarms::resources(one, &mut all);
    }
    let mut configuration = json!({
        "terraform": { "required_providers": { "aws": { "source": "hashicorp/aws", "version": ">= 5.100" } } },
        "variable": variables::variables(stack),
        "data": {
            "aws_caller_identity": { "current": {} },
            "aws_partition": { "current": {} },
            "aws_region": { "current": {} },
        },
        "resource": all.resources,
        "output": all.outputs,
    });
    if !all.locals.is_empty() {
        configuration["locals"] = Value::Object(all.locals);
    }
    configuration
}

/// What all functions share: the topic, the schedule group, and the role that invokes.
fn shared(stack: &Stack, resources: &mut Resources) {
    resources.output(
        "alarm_topic_arn",
        "Where all alarms go",
        "${aws_sns_topic.alarms.arn}",
    );
    resources.add(
        "aws_sns_topic",
        "alarms",
        json!({ "name": "${var.name}-alarms", "display_name": "Lamplighter" }),
    );
    resources.add(
        "aws_sns_topic_subscription",
        "alarms",
        json!({
            "count": "${var.alarm_email == \"\" ? 0 : 1}",
            "topic_arn": "${aws_sns_topic.alarms.arn}",
            "protocol": "email",
            "endpoint": "${var.alarm_email}",
        }),
    );
    resources.add(
        "aws_scheduler_schedule_group",
        "schedules",
        json!({ "name": "${var.name}" }),
    );
    let account = "${data.aws_caller_identity.current.account_id}";
    let group = "${aws_scheduler_schedule_group.schedules.arn}";
    let trust = trust(
        "scheduler.amazonaws.com",
        Some(
            json!({ "StringEquals": { "aws:SourceAccount": account }, "ArnEquals": { "aws:SourceArn": group } }),
        ),
    );
    resources.role(
        "scheduler",
        json!({ "name": "${var.name}-scheduler", "assume_role_policy": trust }),
    );
    let all = |kind: &str, ending: &str| -> Vec<String> {
        let names = stack.functions.iter();
        names
            .map(|function| format!("${{{kind}.{}{ending}.arn}}", snake(&function.name)))
            .collect()
    };
    resources.add(
        "aws_iam_role_policy",
        "scheduler",
        json!({
            "name": "invoke",
            "role": "${aws_iam_role.scheduler.id}",
            "policy": document(json!([
                { "Sid": "InvokeLive", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": all("aws_lambda_alias", "_live") },
                { "Sid": "SendUndelivered", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": all("aws_sqs_queue", "_dead_letters") },
            ])),
        }),
    );
}

/// `stop-untagged` → `stop_untagged`.
fn snake(name: &str) -> String {
    name.replace('-', "_").to_ascii_lowercase()
}

/// A policy document as the text that Terraform takes. Its own words in `${…}` are replaced in it like anywhere else.
fn document(statements: Value) -> Value {
    json!(json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
}

fn trust(service: &str, condition: Option<Value>) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    document(json!([statement]))
}

/// Text that Terraform takes to the letter.
/// <https://developer.hashicorp.com/terraform/language/expressions/strings>
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// CloudFormation's words in an ARN as Terraform's.
fn in_terraform(arn: &str) -> String {
    arn.replace(
        "${AWS::Partition}",
        "${data.aws_partition.current.partition}",
    )
    .replace("${AWS::Region}", "${data.aws_region.current.name}")
    .replace(
        "${AWS::AccountId}",
        "${data.aws_caller_identity.current.account_id}",
    )
    .replace("${AWS::StackName}", "${var.name}")
}
