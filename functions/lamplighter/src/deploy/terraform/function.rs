//! One Lambda with its role, aliases, log group, queue and schedule.

use serde_json::{Value, json};

use super::super::model::{Function, Stack};
use super::super::package::CONFIG;
use super::super::template::{
    DEAD_LETTER_SECS, DELIVERY_ATTEMPTS, NETWORK_ACTIONS, PING, QUEUE_ACTIONS,
};
use super::variables::secret_variable;
use super::{Resources, TICK, document, in_terraform, snake, trust};

pub(super) fn resources(stack: &Stack, function: &Function, resources: &mut Resources) {
    let id = snake(&function.name);
    let name = &function.name;
    resources.add("aws_lambda_function", &id, lambda(stack, function));
    for (alias, version) in [
        (
            "live",
            format!(
                "${{var.{id}_live_version == \"\" ? aws_lambda_function.{id}.version : var.{id}_live_version}}"
            ),
        ),
        ("staging", format!("${{aws_lambda_function.{id}.version}}")),
    ] {
        resources.add(
            "aws_lambda_alias",
            &format!("{id}_{alias}"),
            json!({
                "name": alias,
                "function_name": format!("${{aws_lambda_function.{id}.function_name}}"),
                "function_version": version,
            }),
        );
    }
    resources.add(
        "aws_lambda_function_event_invoke_config",
        &id,
        json!({
            "function_name": format!("${{aws_lambda_function.{id}.function_name}}"),
            "qualifier": format!("${{aws_lambda_alias.{id}_live.name}}"),
            "maximum_retry_attempts": function.retries,
            "maximum_event_age_in_seconds": function.event_age_secs,
            "destination_config": { "on_failure": { "destination": format!("${{aws_sqs_queue.{id}_dead_letters.arn}}") } },
        }),
    );
    resources.add(
        "aws_lambda_permission",
        &format!("{id}_invoker"),
        json!({
            "count": "${var.invoker_account == \"\" ? 0 : 1}",
            "action": "lambda:InvokeFunction",
            "function_name": format!("${{aws_lambda_function.{id}.function_name}}"),
            "qualifier": format!("${{aws_lambda_alias.{id}_live.name}}"),
            "principal": "${var.invoker_account}",
        }),
    );
    resources.add(
        "aws_cloudwatch_log_group",
        &id,
        json!({ "name": format!("/aws/lambda/${{var.name}}-{name}"), "retention_in_days": "${var.log_retention_days}" }),
    );
    resources.add(
        "aws_sqs_queue",
        &format!("{id}_dead_letters"),
        json!({
            "name": format!("${{var.name}}-{name}-dead-letters"),
            "message_retention_seconds": DEAD_LETTER_SECS,
            "sqs_managed_sse_enabled": true,
        }),
    );
    role(function, resources);
    schedules(function, resources);
}

fn lambda(stack: &Stack, function: &Function) -> Value {
    let (id, name) = (snake(&function.name), &function.name);
    let mut lambda = json!({
        "function_name": format!("${{var.name}}-{name}"),
        "description": format!("Lamplighter {name}: {}", function.changes),
        "role": format!("${{aws_iam_role.{id}.arn}}"),
        "runtime": "provided.al2023",
        "handler": "bootstrap",
        "architectures": [stack.architecture.as_str()],
        "s3_bucket": "${var.artifact_bucket}",
        "s3_key": format!("${{var.artifact_prefix}}{name}/${{var.{id}_sha256}}.zip"),
        "memory_size": format!("${{var.{id}_memory_mb}}"),
        "timeout": format!("${{var.{id}_timeout_secs}}"),
        "publish": true,
        "logging_config": { "log_format": "Text", "log_group": format!("${{aws_cloudwatch_log_group.{id}.name}}") },
        // With both lists empty the provider takes it as no VPC.
        "vpc_config": { "subnet_ids": "${var.vpc_subnet_ids}", "security_group_ids": "${var.vpc_security_group_ids}" },
        "depends_on": [format!("aws_iam_role_policy.{id}_service")],
    });
    if function.runs_alone {
        lambda["reserved_concurrent_executions"] = json!("${var.reserve_concurrency ? 1 : -1}");
    }
    let packaged = if stack.has_config { CONFIG } else { "" };
    let mut variables = vec![format!(
        "LAMPLIGHTER_CONFIG = var.config_object == \"\" ? \"{packaged}\" : \"s3://${{var.config_object}}\""
    )];
    let secrets = stack.secret_variables.iter();
    variables.extend(secrets.map(|name| format!("{name} = var.{}", secret_variable(name))));
    // What is empty is left out, so that the configuration itself counts.
    lambda["environment"] = json!({
        "variables": format!(
            "${{{{ for key, value in {{ {} }} : key => value if value != \"\" }}}}",
            variables.join(", ")
        ),
    });
    lambda
}

fn role(function: &Function, resources: &mut Resources) {
    let (id, name) = (snake(&function.name), &function.name);
    resources.role(
        &id,
        json!({ "name": format!("${{var.name}}-{name}"), "assume_role_policy": trust("lambda.amazonaws.com", None) }),
    );
    let mut add = |ending: &str, policy_name: &str, statements: Value, count: Option<&str>| {
        let mut policy = json!({
            "name": policy_name,
            "role": format!("${{aws_iam_role.{id}.id}}"),
            "policy": document(statements),
        });
        if let Some(count) = count {
            policy["count"] = json!(count);
        }
        resources.add("aws_iam_role_policy", &format!("{id}{ending}"), policy);
    };
    let mut own = function.statements.clone();
    for statement in &mut own {
        for resource in statement["Resource"].as_array_mut().into_iter().flatten() {
            *resource = json!(in_terraform(resource.as_str().unwrap_or("*")));
        }
    }
    if !own.is_empty() {
        add("", "function", json!(own), None);
    }
    let mut service = json!([
        {
            "Sid": "WriteOwnLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": format!("${{aws_cloudwatch_log_group.{id}.arn}}:*"),
        },
        {
            "Sid": "SendFailures",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": format!("${{aws_sqs_queue.{id}_dead_letters.arn}}"),
        },
    ]);
    if let (Some(_), Some(statements)) = (function.queued(), service.as_array_mut()) {
        statements.push(json!({
            "Sid": "TakeMessages",
            "Effect": "Allow",
            "Action": QUEUE_ACTIONS,
            "Resource": format!("${{aws_sqs_queue.{id}.arn}}"),
        }));
    }
    add("_service", "lambda-service", service, None);
    let itself = ["live", "staging"].map(|alias| {
        let place = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:";
        format!("{}${{var.name}}-{name}:{alias}", in_terraform(place))
    });
    let continuation = json!([{
        "Sid": "ContinueRun",
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": itself,
    }]);
    add("_continuation", "continuation", continuation, None);
    let config = json!([{
        "Sid": "ReadConfig",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": in_terraform("arn:${AWS::Partition}:s3:::${var.config_object}"),
    }]);
    add(
        "_config",
        "config",
        config,
        Some("${var.config_object == \"\" ? 0 : 1}"),
    );
    let network = json!([{ "Sid": "JoinVpc", "Effect": "Allow", "Action": NETWORK_ACTIONS, "Resource": "*" }]);
    add(
        "_service_vpc",
        "lambda-service-vpc",
        network,
        Some("${length(var.vpc_subnet_ids) == 0 ? 0 : 1}"),
    );
}

fn schedules(function: &Function, resources: &mut Resources) {
    let (id, name) = (snake(&function.name), &function.name);
    let schedule = |schedule_name: String, expression: &str, input: &str| {
        json!({
            "name": schedule_name,
            "group_name": "${aws_scheduler_schedule_group.schedules.name}",
            "schedule_expression": expression,
            "state": "${var.triggers_enabled ? \"ENABLED\" : \"DISABLED\"}",
            "flexible_time_window": { "mode": "OFF" },
            "target": {
                "arn": format!("${{aws_lambda_alias.{id}_live.arn}}"),
                "role_arn": "${aws_iam_role.scheduler.arn}",
                "input": input,
            },
        })
    };
    let mut tick = schedule(
        format!("${{var.name}}-{name}"),
        &function.when.expression,
        TICK,
    );
    tick["schedule_expression_timezone"] = json!(function.when.zone);
    if function.when.start.is_some() {
        tick["start_date"] = json!(format!("${{var.{id}_start}}"));
    }
    if function.window_minutes > 0 {
        tick["flexible_time_window"] =
            json!({ "mode": "FLEXIBLE", "maximum_window_in_minutes": function.window_minutes });
    }
    tick["target"]["retry_policy"] = json!({
        "maximum_event_age_in_seconds": function.grace_secs,
        "maximum_retry_attempts": DELIVERY_ATTEMPTS,
    });
    tick["target"]["dead_letter_config"] =
        json!({ "arn": format!("${{aws_sqs_queue.{id}_dead_letters.arn}}") });
    resources.add("aws_scheduler_schedule", &id, tick);
    let mut ping = schedule(
        format!("${{var.name}}-{name}-keep-warm"),
        "rate(9 minutes)",
        PING,
    );
    ping["count"] = json!("${var.keep_warm ? 1 : 0}");
    ping["target"]["retry_policy"] =
        json!({ "maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 0 });
    resources.add("aws_scheduler_schedule", &format!("{id}_keep_warm"), ping);
}
