//! One Lambda: function, version, aliases, role, log group, dead-letter queue.

use serde_json::{Map, Value, json};

use super::super::model::{Function, Stack};
use super::super::package::CONFIG;
use super::parameters::secret_parameter;
use super::{attribute, filled, if_else, name_of, no_value, policy, reference, sub, trust};

/// Two weeks, the longest SQS keeps a message.
pub(in super::super) const DEAD_LETTER_SECS: u32 = 1_209_600;

/// Read by nothing: it makes a function another one for Lambda.
const REVISION: &str = "LAMPLIGHTER_REVISION";

/// What Lambda needs to join a VPC. IAM knows no narrower resource for these: the interfaces do not exist yet.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions>
pub(in super::super) const NETWORK_ACTIONS: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// What Lambda needs to take messages from a queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
pub(in super::super) const QUEUE_ACTIONS: [&str; 3] = [
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

pub(super) fn resources(stack: &Stack, function: &Function, resources: &mut Map<String, Value>) {
    let id = function.id();
    let mut add = |suffix: &str, resource: Value| {
        resources.insert(format!("{id}{suffix}"), resource);
    };
    add("Function", lambda(stack, function));
    add("Role", role(function));
    add(
        "LogGroup",
        json!({
            "Type": "AWS::Logs::LogGroup",
            // Without them the names of a stack that was removed could not be used again.
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": sub(&format!("/aws/lambda/${{AWS::StackName}}-{}", function.name)),
                "RetentionInDays": reference("LogRetentionDays"),
            },
        }),
    );
    add(
        "DeadLetters",
        json!({
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "QueueName": name_of(&format!("{}-dead-letters", function.name)),
                "MessageRetentionPeriod": DEAD_LETTER_SECS,
                "SqsManagedSseEnabled": true,
            },
        }),
    );
    // Another description makes another version, so the version follows everything that is named in it. Each of these
    // changes the function too: of a function that has not changed Lambda publishes no version.
    // <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    add(
        "Version",
        json!({
            "Type": "AWS::Lambda::Version",
            // Older versions stay, so that `live` can go back to them.
            "UpdateReplacePolicy": "Retain",
            "DeletionPolicy": "Delete",
            "Properties": {
                "FunctionName": reference(&format!("{id}Function")),
                "Description": sub(&format!("{} ${{{id}MemoryMb}} MB ${{{id}TimeoutSecs}} s ${{ConfigObject}} ${{Revision}}", sha256(function))),
            },
        }),
    );
    let newest = attribute(&format!("{id}Version"), "Version");
    add(
        "Live",
        alias(
            &id,
            "live",
            if_else(
                &format!("{id}IsNewest"),
                newest.clone(),
                reference(&format!("{id}LiveVersion")),
            ),
        ),
    );
    add("Staging", alias(&id, "staging", newest));
    add(
        "AsyncConfig",
        json!({
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": reference(&format!("{id}Function")),
                "Qualifier": "live",
                "MaximumRetryAttempts": function.retries,
                "MaximumEventAgeInSeconds": function.event_age_secs,
                "DestinationConfig": { "OnFailure": { "Destination": attribute(&format!("{id}DeadLetters"), "Arn") } },
            },
            // An alias is named by its text, from which CloudFormation cannot tell that it must be there first.
            "DependsOn": [format!("{id}Live")],
        }),
    );
    add(
        "InvokerPermission",
        json!({
            "Type": "AWS::Lambda::Permission",
            "Condition": "HasInvoker",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": reference(&format!("{id}Live")),
                "Principal": reference("InvokerAccount"),
            },
        }),
    );
}

fn alias(id: &str, name: &str, version: Value) -> Value {
    json!({
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "FunctionName": reference(&format!("{id}Function")),
            "FunctionVersion": version,
            "Name": name,
        },
    })
}

fn lambda(stack: &Stack, function: &Function) -> Value {
    let (id, name) = (function.id(), &function.name);
    let mut variables = Map::new();
    let packaged = match stack.has_config {
        true => json!(CONFIG),
        false => no_value(),
    };
    variables.insert(
        "LAMPLIGHTER_CONFIG".to_owned(),
        if_else("HasConfigObject", sub("s3://${ConfigObject}"), packaged),
    );
    variables.insert(
        REVISION.to_owned(),
        if_else("HasRevision", reference("Revision"), no_value()),
    );
    for variable in &stack.secret_variables {
        let parameter = secret_parameter(variable);
        let value = if_else(
            &format!("Has{parameter}"),
            reference(&parameter),
            no_value(),
        );
        variables.insert(variable.clone(), value);
    }
    let mut properties = json!({
        "Environment": { "Variables": variables },
        "FunctionName": name_of(name),
        "Description": format!("Lamplighter {name}: {}", function.changes),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Architectures": [stack.architecture.as_str()],
        "Code": {
            "S3Bucket": reference("ArtifactBucket"),
            "S3Key": sub(&format!("${{ArtifactPrefix}}{name}/{}.zip", sha256(function))),
        },
        "MemorySize": reference(&format!("{id}MemoryMb")),
        "Timeout": reference(&format!("{id}TimeoutSecs")),
        "Role": attribute(&format!("{id}Role"), "Arn"),
        // The lines are JSON already; Lambda's own JSON format would put each into another object.
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": reference(&format!("{id}LogGroup")) },
        "VpcConfig": if_else(
            "HasVpc",
            json!({ "SubnetIds": reference("VpcSubnetIds"), "SecurityGroupIds": reference("VpcSecurityGroupIds") }),
            no_value(),
        ),
    });
    if function.runs_alone {
        properties["ReservedConcurrentExecutions"] = if_else("HasReserve", 1, no_value());
    }
    json!({ "Type": "AWS::Lambda::Function", "Properties": properties })
}

/// The package's checksum. It is no parameter where it is known: `aws cloudformation deploy` keeps the last value of every
/// parameter that is not given again, and would deploy the old package for ever.
fn sha256(function: &Function) -> String {
    match &function.sha256 {
        Some(known) => known.clone(),
        None => format!("${{{}Sha256}}", function.id()),
    }
}

/// The function's role: its own statements, and apart from them what the Lambda service does in its name.
fn role(function: &Function) -> Value {
    let id = function.id();
    let mut own = function.statements.clone();
    for statement in &mut own {
        if let Some(resources) = statement["Resource"].as_array_mut() {
            for resource in resources {
                *resource = filled(resource.as_str().unwrap_or("*"));
            }
        }
    }
    let mut service = vec![
        json!({
            "Sid": "WriteOwnLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": sub(&format!(
                "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/${{AWS::StackName}}-{}:*",
                function.name
            )),
        }),
        json!({
            "Sid": "SendFailures",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": attribute(&format!("{id}DeadLetters"), "Arn"),
        }),
    ];
    if function.queued().is_some() {
        service.push(json!({
            "Sid": "TakeMessages",
            "Effect": "Allow",
            "Action": QUEUE_ACTIONS,
            "Resource": attribute(&format!("{id}Queue"), "Arn"),
        }));
    }
    service.push(if_else(
        "HasVpc",
        json!({ "Sid": "JoinVpc", "Effect": "Allow", "Action": NETWORK_ACTIONS, "Resource": "*" }),
        no_value(),
    ));
    // Read by the code before it has a configuration, and so before `lamplighter policy` could know of it.
    let config = json!([{
        "Sid": "ReadConfig",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": sub("arn:${AWS::Partition}:s3:::${ConfigObject}"),
    }]);
    // Under the Lambda's own role, whatever role the function works under; `lamplighter policy` knows no Lambda's name.
    let itself = ["live", "staging"].map(|alias| {
        sub(&format!(
            "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:${{AWS::StackName}}-{}:{alias}",
            function.name
        ))
    });
    let continuation = json!([{
        "Sid": "ContinueRun",
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": itself,
    }]);
    let mut policies = vec![
        policy("continuation", continuation),
        policy("lambda-service", json!(service)),
        if_else("HasConfigObject", policy("config", config), no_value()),
    ];
    if !own.is_empty() {
        policies.insert(0, policy("function", json!(own)));
    }
    json!({
        "Type": "AWS::IAM::Role",
        "Metadata": {
            "function": format!("what the code of {} calls: lamplighter policy {}", function.name, function.name),
            "lambda-service": "what Lambda does in the role's name and the code never calls: its log lines, the events of runs that failed for good, the messages of the queue, and joining a VPC",
            "continuation": "what a run that has no time left does: it asks for another invocation of itself",
            "config": "the one object that ConfigObject names",
        },
        "Properties": {
            "Description": format!("Lamplighter {}", function.name),
            // Lambda sends no source account or ARN when it assumes a role; who may pass the role is the guard.
            "AssumeRolePolicyDocument": trust("lambda.amazonaws.com", None),
            "Policies": policies,
        },
    })
}
