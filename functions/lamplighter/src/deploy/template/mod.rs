//! The CloudFormation template: plain, without a transform, byte for byte the same for the same configuration.
//!
//! | File | Holds |
//! | --- | --- |
//! | `parameters.rs` | what is decided at deployment, and the conditions that follow |
//! | `function.rs` | one Lambda: function, version, aliases, role, log group, queue |
//! | `schedule.rs` | the trigger that all functions have |
//! | `events.rs` | the triggers of event functions: queue, rules, mapping |
//! | `mail.rs` | the trigger of a function that takes mail: a receipt rule of SES |
//! | `watching.rs` | alarms, metric filters, the topic |

#[cfg(test)]
mod event_tests;
mod events;
mod function;
mod mail;
mod parameters;
mod schedule;
#[cfg(test)]
pub(super) mod tests;
mod watching;

use serde_json::{Map, Value, json};

use super::model::Stack;
pub(super) use events::{DELIVERY_ATTEMPTS as EVENT_ATTEMPTS, DELIVERY_SECS as EVENT_SECS};
pub(super) use function::{DEAD_LETTER_SECS, NETWORK_ACTIONS, QUEUE_ACTIONS};
pub(super) use schedule::{DELIVERY_ATTEMPTS, PING, TICK};

/// The template.
pub fn template(stack: &Stack) -> Value {
    let mut resources = Map::new();
    let mut outputs = Map::new();
    schedule::shared(stack, &mut resources);
    watching::topic(&mut resources);
    for function in &stack.functions {
        function::resources(stack, function, &mut resources);
        schedule::resources(function, &mut resources);
        events::resources(function, &mut resources);
        events::outputs(function, &mut outputs);
        mail::resources(function, &mut resources);
        mail::outputs(function, &mut outputs);
        watching::resources(function, &mut resources);
        let id = function.id();
        outputs.insert(
            format!("{id}Live"),
            json!({ "Description": format!("The alias that runs {}", function.name), "Value": reference(&format!("{id}Live")) }),
        );
        outputs.insert(
            format!("{id}DeadLettersUrl"),
            json!({ "Description": format!("What {} could not do", function.name), "Value": reference(&format!("{id}DeadLetters")) }),
        );
    }
    bound_roles(&mut resources);
    outputs.insert(
        "AlarmTopicArn".to_owned(),
        json!({ "Description": "Where all alarms go", "Value": reference("AlarmTopic") }),
    );
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Lamplighter {}: operations functions on their schedules and events", env!("CARGO_PKG_VERSION")),
        "Parameters": parameters::parameters(stack),
        "Conditions": parameters::conditions(stack),
        "Resources": resources,
        "Outputs": outputs,
    })
}

/// Every role of the stack has the boundary, if there is one.
fn bound_roles(resources: &mut Map<String, Value>) {
    for resource in resources.values_mut() {
        if resource["Type"] == "AWS::IAM::Role" {
            resource["Properties"]["PermissionsBoundary"] = if_else(
                "HasPermissionsBoundary",
                reference("PermissionsBoundary"),
                no_value(),
            );
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

fn attribute(name: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [name, attribute] })
}

fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

fn if_else(condition: &str, yes: impl Into<Value>, no: impl Into<Value>) -> Value {
    json!({ "Fn::If": [condition, yes.into(), no.into()] })
}

fn no_value() -> Value {
    reference("AWS::NoValue")
}

/// What stands in all names: `lamplighter-stop-untagged`.
fn name_of(function: &str) -> Value {
    sub(&format!("${{AWS::StackName}}-{function}"))
}

/// A text that CloudFormation fills in, if there is something to fill in.
fn filled(text: &str) -> Value {
    match text.contains("${") {
        true => sub(text),
        false => json!(text),
    }
}

/// A role's trust policy for a service of AWS.
fn trust(service: &str, condition: Option<Value>) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
    });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// An inline policy.
fn policy(name: &str, statements: Value) -> Value {
    json!({ "PolicyName": name, "PolicyDocument": { "Version": "2012-10-17", "Statement": statements } })
}
