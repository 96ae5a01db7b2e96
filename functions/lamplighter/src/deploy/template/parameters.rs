//! What is decided at deployment, and the conditions that follow from it.

use serde_json::{Map, Value, json};

use super::super::events::{MAX_CONCURRENCY, VISIBILITY_TIMEOUTS};
use super::super::model::{Function, Stack, pascal};
use super::events::by_eventbridge;
use super::{mail, reference};

/// The parameter of a secret's environment variable.
pub(super) fn secret_parameter(variable: &str) -> String {
    pascal(variable.trim_start_matches("LAMPLIGHTER_"))
}

fn switch(default: &str, what: &str) -> Value {
    json!({ "Type": "String", "AllowedValues": ["true", "false"], "Default": default, "Description": what })
}

pub(super) fn parameters(stack: &Stack) -> Value {
    let mut parameters = json!({
        "ArtifactBucket": {
            "Type": "String",
            "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            "Description": "The bucket that the packages were uploaded to, in this region",
        },
        "ArtifactPrefix": {
            "Type": "String",
            "Default": "lamplighter/",
            "AllowedPattern": "^([A-Za-z0-9._-]+/)*$",
            "Description": "What the keys of the packages begin with, with a slash at its end",
        },
        "TriggersEnabled": switch("false", "Whether schedules run, events are taken and alarms call anybody; false on the first deployment"),
        "KeepWarm": switch("false", "Whether every function is pinged every nine minutes; these functions start fast without"),
        "ReserveConcurrency": switch("true", "Whether functions whose runs must not overlap reserve a concurrency of 1; false for accounts whose limit is too low"),
        "AlarmEmail": {
            "Type": "String",
            "Default": "",
            "Description": "Who gets the alarms by mail, besides other subscribers of the topic; empty is nobody",
        },
        "ErrorsThreshold": {
            "Type": "Number",
            "Default": 1,
            "MinValue": 1,
            "Description": "How many failed invocations in five minutes are an alarm",
        },
        "LogRetentionDays": {
            "Type": "Number",
            "Default": 30,
            "AllowedValues": [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
            "Description": "How long the logs are kept",
        },
        "ConfigObject": {
            "Type": "String",
            "Default": "",
            // The description of a version holds it, and takes 256 characters.
            "MaxLength": 120,
            "AllowedPattern": "^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?$]+)?$",
            "Description": "The configuration in S3 as bucket/key, which every function reads when it starts; empty is the one in the packages",
        },
        "Revision": {
            "Type": "String",
            "Default": "",
            "MaxLength": 40,
            "AllowedPattern": "^[A-Za-z0-9._-]*$",
            "Description": "Any word; another one makes another version, which a secret or the VPC alone does not",
        },
        "PermissionsBoundary": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^(arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/.+)?$",
            "Description": "The managed policy that bounds what all roles of the stack may, as an ARN; empty is none",
        },
        "VpcSubnetIds": {
            "Type": "CommaDelimitedList",
            "Default": "",
            "Description": "Subnets with a way to the AWS APIs; empty is no VPC",
        },
        "VpcSecurityGroupIds": {
            "Type": "CommaDelimitedList",
            "Default": "",
            "Description": "Security groups in the VPC of these subnets",
        },
        "InvokerAccount": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^([0-9]{12})?$",
            "Description": "Another account that may invoke the aliases `live`; empty is none",
        },
    });
    if mail::is_needed(stack) {
        mail::parameters(&mut parameters);
    }
    for variable in &stack.secret_variables {
        parameters[secret_parameter(variable)] = json!({
            "Type": "String",
            "NoEcho": true,
            "Default": "",
            "Description": format!("The value of {variable}; empty is the package's own configuration"),
        });
    }
    for function in &stack.functions {
        let (id, name) = (function.id(), &function.name);
        if function.sha256.is_none() {
            parameters[format!("{id}Sha256")] = json!({
                "Type": "String",
                "AllowedPattern": "^[0-9a-f]{64}$",
                "Description": format!("The SHA-256 of {name}.zip, which its key carries"),
            });
        }
        parameters[format!("{id}MemoryMb")] = json!({
            "Type": "Number",
            "Default": function.memory_mb,
            "MinValue": 128,
            "MaxValue": 10240,
            "Description": format!("Memory of {name} in MB; its default is `memory_mb` in [{name}]"),
        });
        parameters[format!("{id}TimeoutSecs")] = json!({
            "Type": "Number",
            "Default": function.timeout_secs,
            "MinValue": 1,
            "MaxValue": 900,
            "Description": format!("The longest run of {name} in seconds; its default is `timeout_secs` in [{name}]"),
        });
        parameters[format!("{id}LiveVersion")] = json!({
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^[0-9]*$",
            "Description": format!("The version of {name} that `live` runs; empty is the newest, which `staging` always runs"),
        });
        if let Some(start) = &function.when.start {
            parameters[format!("{id}Start")] = json!({
                "Type": "String",
                "Default": start,
                "AllowedPattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
                "Description": format!("What the schedule of {name} counts from; AWS takes no time that is over, so give its next tick (lamplighter schedule {name})"),
            });
        }
        of_events(function, &mut parameters);
    }
    parameters
}

fn of_events(function: &Function, parameters: &mut Value) {
    let Some(events) = function.queued() else {
        return;
    };
    let (id, name) = (function.id(), &function.name);
    // CloudFormation cannot multiply, so the two of them are parameters.
    parameters[format!("{id}VisibilitySecs")] = json!({
        "Type": "Number",
        "Default": VISIBILITY_TIMEOUTS * function.timeout_secs,
        "MinValue": VISIBILITY_TIMEOUTS,
        "MaxValue": 43_200,
        "Description": format!("How long a message that {name} works on stays hidden, in seconds: {VISIBILITY_TIMEOUTS} times {id}TimeoutSecs"),
    });
    parameters[format!("{id}MaxConcurrency")] = json!({
        "Type": "Number",
        "Default": MAX_CONCURRENCY,
        "MinValue": 2,
        "MaxValue": 1000,
        "Description": format!("How many invocations of {name} work on its queue at once"),
    });
    if !events.sources.is_empty() {
        parameters[format!("{id}ObjectsBy")] = json!({
            "Type": "String",
            "AllowedValues": ["eventbridge", "bucket"],
            "Default": "eventbridge",
            "Description": format!("Who tells {name} of objects: EventBridge, which needs its switch on the bucket, or the bucket itself; the outputs say what the bucket's notification configuration must hold"),
        });
    }
}

pub(super) fn conditions(stack: &Stack) -> Value {
    let is = |parameter: &str, value: &str| json!({ "Fn::Equals": [reference(parameter), value] });
    let is_not = |parameter: &str, value: &str| json!({ "Fn::Not": [is(parameter, value)] });
    let mut conditions = Map::new();
    let mut add = |name: String, condition: Value| {
        conditions.insert(name, condition);
    };
    add("HasTriggers".to_owned(), is("TriggersEnabled", "true"));
    add("HasKeepWarm".to_owned(), is("KeepWarm", "true"));
    if stack.functions.iter().any(|function| function.runs_alone) {
        add("HasReserve".to_owned(), is("ReserveConcurrency", "true"));
    }
    add("HasAlarmEmail".to_owned(), is_not("AlarmEmail", ""));
    add("HasInvoker".to_owned(), is_not("InvokerAccount", ""));
    add(
        "HasPermissionsBoundary".to_owned(),
        is_not("PermissionsBoundary", ""),
    );
    add("HasRevision".to_owned(), is_not("Revision", ""));
    add("HasConfigObject".to_owned(), is_not("ConfigObject", ""));
    if mail::is_needed(stack) {
        mail::conditions(&mut add);
    }
    add(
        "HasVpc".to_owned(),
        json!({ "Fn::Not": [{ "Fn::Equals": [{ "Fn::Join": ["", reference("VpcSubnetIds")] }, ""] }] }),
    );
    for variable in &stack.secret_variables {
        let parameter = secret_parameter(variable);
        add(format!("Has{parameter}"), is_not(&parameter, ""));
    }
    for function in &stack.functions {
        let parameter = format!("{}LiveVersion", function.id());
        add(format!("{}IsNewest", function.id()), is(&parameter, ""));
        if function
            .queued()
            .is_some_and(|events| !events.sources.is_empty())
        {
            let id = function.id();
            add(
                by_eventbridge(&id),
                is(&format!("{id}ObjectsBy"), "eventbridge"),
            );
        }
    }
    Value::Object(conditions)
}
