//! What is decided when it is applied; the same as the parameters of the CloudFormation template.

use serde_json::{Map, Value, json};

use super::super::events::MAX_CONCURRENCY;
use super::super::model::{Function, Stack};
use super::{mail, snake};

/// The variable of a secret's environment variable.
pub(super) fn secret_variable(variable: &str) -> String {
    snake(variable.trim_start_matches("LAMPLIGHTER_")).replace("__", "_")
}

fn variable(kind: &str, default: impl Into<Value>, what: &str) -> Value {
    json!({ "type": kind, "default": default.into(), "description": what })
}

fn bounded(name: &str, from: u32, to: u32, mut variable: Value) -> Value {
    variable["validation"] = json!([{
        "condition": format!("${{var.{name} >= {from} && var.{name} <= {to}}}"),
        "error_message": format!("It must be {from} to {to}."),
    }]);
    variable
}

pub(super) fn variables(stack: &Stack) -> Value {
    let mut variables = Map::new();
    let mut add = |name: &str, variable: Value| {
        variables.insert(name.to_owned(), variable);
    };
    add(
        "name",
        variable("string", "lamplighter", "What all names begin with"),
    );
    add(
        "artifact_bucket",
        json!({ "type": "string", "description": "The bucket that the packages were uploaded to, in this region" }),
    );
    add(
        "artifact_prefix",
        variable(
            "string",
            "lamplighter/",
            "What the keys of the packages begin with, with a slash at its end",
        ),
    );
    add(
        "triggers_enabled",
        variable(
            "bool",
            false,
            "Whether schedules run, events are taken and alarms call anybody",
        ),
    );
    add(
        "keep_warm",
        variable(
            "bool",
            false,
            "Whether every function is pinged every nine minutes",
        ),
    );
    add(
        "reserve_concurrency",
        variable(
            "bool",
            true,
            "Whether functions whose runs must not overlap reserve a concurrency of 1",
        ),
    );
    add(
        "alarm_email",
        variable("string", "", "Who gets the alarms by mail; empty is nobody"),
    );
    add(
        "errors_threshold",
        variable(
            "number",
            1,
            "How many failed invocations in five minutes are an alarm",
        ),
    );
    add(
        "log_retention_days",
        variable("number", 30, "How long the logs are kept"),
    );
    add(
        "config_object",
        variable(
            "string",
            "",
            "The configuration in S3 as bucket/key, which every function reads when it starts; empty is the one in the packages",
        ),
    );
    if mail::is_needed(stack) {
        add(
            "mail_rule_set",
            variable(
                "string",
                "",
                "The rule set of SES that is active in this region, which gets a rule more; empty: one is made, which you then activate",
            ),
        );
    }
    add(
        "permissions_boundary",
        variable(
            "string",
            "",
            "The managed policy that bounds what all roles may, as an ARN; empty is none",
        ),
    );
    add(
        "vpc_subnet_ids",
        variable(
            "list(string)",
            json!([]),
            "Subnets with a way to the AWS APIs; empty is no VPC",
        ),
    );
    add(
        "vpc_security_group_ids",
        variable(
            "list(string)",
            json!([]),
            "Security groups in the VPC of these subnets",
        ),
    );
    add(
        "invoker_account",
        variable(
            "string",
            "",
            "Another account that may invoke the aliases `live`; empty is none",
        ),
    );
    for name in &stack.secret_variables {
        let mut secret = variable(
            "string",
            "",
            &format!("The value of {name}; empty is the package's own configuration"),
        );
        secret["sensitive"] = json!(true);
        add(&secret_variable(name), secret);
    }
    for function in &stack.functions {
        let (name, snake) = (&function.name, snake(&function.name));
        let mut sha256 = json!({ "type": "string", "description": format!("The SHA-256 of {name}.zip, which its key carries") });
        if let Some(known) = &function.sha256 {
            sha256["default"] = json!(known);
        }
        add(&format!("{snake}_sha256"), sha256);
        let memory = format!("{snake}_memory_mb");
        let what = format!("Memory of {name} in MB");
        add(
            &memory,
            bounded(
                &memory,
                128,
                10_240,
                variable("number", function.memory_mb, &what),
            ),
        );
        let timeout = format!("{snake}_timeout_secs");
        let what = format!("The longest run of {name} in seconds");
        add(
            &timeout,
            bounded(
                &timeout,
                1,
                900,
                variable("number", function.timeout_secs, &what),
            ),
        );
        let what = format!(
            "The version of {name} that `live` runs; empty is the newest, which `staging` always runs"
        );
        add(
            &format!("{snake}_live_version"),
            variable("string", "", &what),
        );
        if let Some(start) = &function.when.start {
            let what =
                format!("What the schedule of {name} counts from; AWS takes no time that is over");
            add(
                &format!("{snake}_start"),
                variable("string", start.as_str(), &what),
            );
        }
        of_events(function, &mut add);
    }
    Value::Object(variables)
}

fn of_events(function: &Function, add: &mut impl FnMut(&str, Value)) {
    let Some(events) = function.queued() else {
        return;
    };
    let (name, snake) = (&function.name, snake(&function.name));
    let concurrency = format!("{snake}_max_concurrency");
    let what = format!("How many invocations of {name} work on its queue at once");
    let most = variable("number", MAX_CONCURRENCY, &what);
    add(&concurrency, bounded(&concurrency, 2, 1000, most));
    if events.sources.is_empty() {
        return;
    }
    let by = format!("{snake}_objects_by");
    let what = format!(
        "Who tells {name} of objects: eventbridge, which needs its switch on the bucket, or bucket, the bucket itself"
    );
    let mut teller = variable("string", "eventbridge", &what);
    teller["validation"] = json!([{
        "condition": format!("${{contains([\"eventbridge\", \"bucket\"], var.{by})}}"),
        "error_message": "It must be eventbridge or bucket.",
    }]);
    add(&by, teller);
}
