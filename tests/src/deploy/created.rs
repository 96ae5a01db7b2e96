//! The template, created by a CloudFormation that somebody else wrote, as far as that goes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::templates::{PACKAGES, everything, template};
use crate::harness::{Lamplighter, root};
use crate::moto::venv;

/// The types that moto's CloudFormation passes over without making anything. Their properties are checked by cfn-lint
/// alone, and what the alarms look at by `alarms.rs`.
const PASSED_OVER: [&str; 10] = [
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::MetricFilter",
    "AWS::SES::ReceiptRule",
    "AWS::SES::ReceiptRuleSet",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
];

/// Creates the stack in moto and prints what is there. What refers to an alias gets the function's name instead, because
/// moto makes no aliases.
const CREATE: &str = r#"
import ast, boto3, io, json, sys, zipfile
from moto import mock_aws
from moto.core.common_models import CloudFormationModel
body = json.load(open(sys.argv[1]))
asked = json.load(open(sys.argv[2]))['Parameters']
resources = body['Resources']
assert set(asked) <= set(body['Parameters']), set(asked) - set(body['Parameters'])
def known(model):
    for one in model.__subclasses__():
        try:
            yield one.cloudformation_type()
        except Exception:
            pass
        yield from known(one)
def without_aliases(value):
    if isinstance(value, list):
        return [without_aliases(one) for one in value]
    if isinstance(value, dict):
        name = value.get('Ref')
        if resources.get(name, {}).get('Type') == 'AWS::Lambda::Alias':
            return {'Ref': name.removesuffix('Live').removesuffix('Staging') + 'Function'}
        return {key: without_aliases(one) for key, one in value.items()}
    return value
with mock_aws():
    made = dict(region_name='eu-west-1')
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, 'w') as archive:
        archive.writestr('bootstrap', 'x')
    s3 = boto3.client('s3', **made)
    bucket = asked['ArtifactBucket']
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})
    ec2 = boto3.client('ec2', **made)
    subnets = [one['SubnetId'] for one in ec2.describe_subnets()['Subnets']][:2]
    group = ec2.describe_security_groups()['SecurityGroups'][0]['GroupId']
    asked |= {'VpcSubnetIds': ','.join(subnets), 'VpcSecurityGroupIds': group}
    for name, resource in resources.items():
        if resource['Type'] == 'AWS::Lambda::Function':
            key = resource['Properties']['Code']['S3Key']['Fn::Sub']
            parameter = key.split('${')[2].split('}')[0]
            asked[parameter] = 'ab' * 32
            key = key.replace('${ArtifactPrefix}', 'lamplighter/').replace('${%s}' % parameter, 'ab' * 32)
            s3.put_object(Bucket=bucket, Key=key, Body=zipped.getvalue())
    cloudformation = boto3.client('cloudformation', **made)
    body['Resources'] = without_aliases(resources)
    cloudformation.create_stack(
        StackName='lamplighter', TemplateBody=json.dumps(body), Capabilities=['CAPABILITY_IAM'],
        Parameters=[{'ParameterKey': key, 'ParameterValue': value} for key, value in asked.items()])
    iam, logs, awslambda, sqs, events = (
        boto3.client(service, **made) for service in ('iam', 'logs', 'lambda', 'sqs', 'events'))
    functions = awslambda.list_functions()['Functions']
    # moto keeps the document of a stack's role as Python's text of it.
    def read(document):
        return ast.literal_eval(document) if isinstance(document, str) else document
    roles = {}
    for role in iam.list_roles()['Roles']:
        names = iam.list_role_policies(RoleName=role['RoleName'])['PolicyNames']
        roles[role['Arn']] = {
            'trust': read(role['AssumeRolePolicyDocument']),
            'policies': {name: read(iam.get_role_policy(RoleName=role['RoleName'], PolicyName=name)['PolicyDocument']) for name in names}}
    stack = cloudformation.describe_stacks(StackName='lamplighter')['Stacks'][0]
    types = sorted({one['Type'] for one in resources.values()})
    print(json.dumps({
        'status': stack['StackStatus'],
        'outputs': {one['OutputKey']: one['OutputValue'] for one in stack.get('Outputs', [])},
        'passed_over': sorted(set(types) - set(known(CloudFormationModel))),
        'functions': {function['FunctionName']: function for function in functions},
        'versions': {f['FunctionName']: len(awslambda.list_versions_by_function(FunctionName=f['FunctionName'])['Versions']) for f in functions},
        'roles': roles,
        'logs': {group['logGroupName']: group.get('retentionInDays') for group in logs.describe_log_groups()['logGroups']},
        'queues': {url.split('/')[-1]: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
                   for url in sqs.list_queues()['QueueUrls']},
        'mappings': awslambda.list_event_source_mappings()['EventSourceMappings'],
        'rules': [dict(rule, Targets=events.list_targets_by_rule(Rule=rule['Name'])['Targets']) for rule in events.list_rules()['Rules']],
        'permissions': {f['FunctionName']: json.loads(awslambda.get_policy(FunctionName=f['FunctionName'])['Policy'])['Statement'] for f in functions},
        'topics': len(boto3.client('sns', **made).list_topics()['Topics']),
    }, default=str))
"#;

/// What moto says of the stack of everything, with the example's parameters.
fn created() -> Value {
    let bin = venv("deploy", &PACKAGES);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("template.json");
    let made = Lamplighter::new(["deploy", "template", "--format", "json"]);
    let body = made.config(&without_roles()).run().code(0).stdout;
    fs::write(&path, &body).expect("it is written");
    let created = Command::new(bin.join("python"))
        .args(["-c", CREATE])
        .arg(&path)
        .arg(root().join("config/examples/everything.parameters.json"))
        .envs([
            ("AWS_ACCESS_KEY_ID", "AKIAMOTO000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "none"),
        ])
        .env_remove("AWS_PROFILE")
        .output()
        .expect("python runs");
    let stderr = String::from_utf8_lossy(&created.stderr);
    assert!(created.status.success(), "{stderr}");
    serde_json::from_slice(&created.stdout).expect("JSON")
}

/// Everything, with functions that do their work under the role that the template makes them. Other accounts are still
/// reached through theirs.
fn without_roles() -> String {
    let text = fs::read_to_string(everything()).expect("it is there");
    let is_kept =
        |line: &&str| !line.starts_with("role = ") || line.contains("/lamplighter-target");
    let kept: Vec<&str> = text.lines().filter(is_kept).collect();
    assert!(kept.len() < text.lines().count(), "there were roles");
    kept.join("\n")
}

fn names(value: &Value) -> BTreeSet<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn moto_creates_the_stack_of_everything_with_the_parameters_of_the_example() {
    let seen = created();
    assert_eq!(seen["status"], "CREATE_COMPLETE");
    assert_eq!(seen["passed_over"], json!(PASSED_OVER));
    let functions = names(&seen["functions"]);
    assert_eq!(functions.len(), 8, "{functions:?}");
    for name in &functions {
        let function = &seen["functions"][*name];
        assert_eq!(function["Runtime"], "provided.al2023");
        assert_eq!(
            function["Environment"]["Variables"]["LAMPLIGHTER_CONFIG"],
            "s3://lamplighter-artifacts-111122223333/config/2026-11-22.toml"
        );
        assert_eq!(
            function["VpcConfig"]["SubnetIds"].as_array().map(Vec::len),
            Some(2)
        );
        assert_eq!(seen["versions"][*name], 2, "$LATEST and the first");
        assert_eq!(seen["logs"][format!("/aws/lambda/{name}")], 30);
        roles(&seen, name);
    }
    assert_eq!(
        seen["functions"]["lamplighter-stop-untagged"]["Timeout"],
        900
    );
    assert_eq!(seen["topics"], 1);
    queues(&seen, &functions);
    rules(&seen);
    permissions(&seen);
}

/// The service's own permissions are there, and narrowed to what is the function's own.
fn roles(seen: &Value, name: &str) {
    let role = seen["functions"][name]["Role"].as_str().expect("a role");
    let role = &seen["roles"][role];
    assert_eq!(
        role["trust"]["Statement"][0]["Principal"],
        json!({ "Service": "lambda.amazonaws.com" })
    );
    let policies = &role["policies"];
    let service = policies["lambda-service"]["Statement"]
        .as_array()
        .expect("statements");
    let find = |sid: &str| service.iter().find(|statement| statement["Sid"] == sid);
    let logs = find("WriteOwnLogs").expect("it may write its log");
    assert_eq!(
        logs["Action"],
        json!(["logs:CreateLogStream", "logs:PutLogEvents"])
    );
    assert!(
        logs["Resource"]
            .as_str()
            .is_some_and(|arn| arn.ends_with(&format!("log-group:/aws/lambda/{name}:*"))),
        "{logs}"
    );
    let failures = find("SendFailures").expect("failures can be sent");
    assert_eq!(failures["Action"], json!(["sqs:SendMessage"]));
    assert_eq!(
        failures["Resource"],
        format!("arn:aws:sqs:eu-west-1:123456789012:{name}-dead-letters")
    );
    let taken =
        find("TakeMessages").map(|statement| (&statement["Action"], &statement["Resource"]));
    let queue = json!(format!("arn:aws:sqs:eu-west-1:123456789012:{name}"));
    let actions = json!([
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage"
    ]);
    let has_queue = seen["queues"][name].is_object();
    assert_eq!(taken, has_queue.then_some((&actions, &queue)), "{name}");
    assert!(find("JoinVpc").is_some(), "{name} is in a VPC");
    assert_eq!(
        policies["config"]["Statement"][0]["Resource"],
        "arn:aws:s3:::lamplighter-artifacts-111122223333/config/2026-11-22.toml"
    );
    // Its own are those that `lamplighter policy` prints.
    let function = name.trim_start_matches("lamplighter-");
    let printed = Lamplighter::new(["policy", function, "--account", "123456789012"]);
    let printed = printed.config(&without_roles()).run().code(0).json();
    assert_eq!(policies["function"], printed, "{name}");
}

#[test]
fn a_function_with_a_role_of_its_own_may_only_assume_it() {
    let text = template(["--config", &everything(), "--format", "json"]).stdout;
    let template: Value = serde_json::from_str(&text).expect("JSON");
    let role = &template["Resources"]["StopUntaggedRole"]["Properties"]["Policies"][0];
    assert_eq!(role["PolicyName"], "function");
    let statements = &role["PolicyDocument"]["Statement"];
    assert_eq!(statements.as_array().map(Vec::len), Some(1));
    assert_eq!(statements[0]["Action"], json!(["sts:AssumeRole"]));
    assert!(
        statements[0]["Resource"][0]
            .to_string()
            .contains("role/lamplighter-stop-untagged"),
        "{statements}"
    );
}

fn queues(seen: &Value, functions: &BTreeSet<&str>) {
    for name in functions {
        assert!(
            seen["queues"][format!("{name}-dead-letters")].is_object(),
            "{name}"
        );
    }
    let mappings = seen["mappings"].as_array().expect("mappings");
    assert_eq!(mappings.len(), 2, "{mappings:?}");
    for (name, timeout) in [
        ("lamplighter-resize-images", 300),
        ("lamplighter-deploy-bundles", 300),
    ] {
        let queue = &seen["queues"][name];
        assert_eq!(queue["VisibilityTimeout"], (6 * timeout).to_string());
        let redrive: Value =
            serde_json::from_str(queue["RedrivePolicy"].as_str().expect("a text")).expect("JSON");
        assert_eq!(
            redrive["deadLetterTargetArn"],
            format!("arn:aws:sqs:eu-west-1:123456789012:{name}-dead-letters")
        );
        assert_eq!(
            redrive["maxReceiveCount"].to_string().trim_matches('"'),
            "5"
        );
        let mapping = mappings
            .iter()
            .find(|mapping| mapping["EventSourceArn"] == queue["QueueArn"])
            .unwrap_or_else(|| panic!("{name} has no mapping: {mappings:?}"));
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
        assert_eq!(mapping["BatchSize"], 10);
        assert_eq!(mapping["State"], "Enabled");
    }
}

/// The bucket of `resize-images` sends by itself here, so only the others have rules.
fn rules(seen: &Value) {
    let rules = seen["rules"].as_array().expect("rules");
    let sources: BTreeSet<String> = rules
        .iter()
        .map(|rule| {
            assert_eq!(rule["State"], "ENABLED");
            let target = &rule["Targets"][0];
            assert_eq!(
                target["Arn"],
                "arn:aws:sqs:eu-west-1:123456789012:lamplighter-deploy-bundles"
            );
            assert_eq!(
                target["DeadLetterConfig"]["Arn"],
                "arn:aws:sqs:eu-west-1:123456789012:lamplighter-deploy-bundles-dead-letters"
            );
            let pattern = rule["EventPattern"].as_str().expect("a text");
            let pattern: Value = serde_json::from_str(pattern).expect("JSON");
            pattern["source"][0].as_str().expect("a source").to_owned()
        })
        .collect();
    assert_eq!(
        sources,
        ["aws.codedeploy", "aws.s3"].map(str::to_owned).into()
    );
    let output = seen["outputs"]["ResizeImagesNotification1"]
        .as_str()
        .expect("a text");
    let direct: Value = serde_json::from_str(output).expect("the output is JSON");
    assert_eq!(
        direct["QueueConfigurations"][0]["QueueArn"],
        "arn:aws:sqs:eu-west-1:123456789012:lamplighter-resize-images"
    );
}

/// Another account may invoke every function, and SES one: by the one rule of this account.
fn permissions(seen: &Value) {
    for (name, statements) in seen["permissions"].as_object().expect("policies") {
        let statements = statements.as_array().expect("statements");
        let text = json!(statements).to_string();
        assert!(text.contains("444455556666"), "{name}: {text}");
        let from_ses = statements
            .iter()
            .find(|statement| statement.to_string().contains("ses.amazonaws.com"));
        assert_eq!(
            from_ses.is_some(),
            name == "lamplighter-archive-mail",
            "{text}"
        );
        let Some(statement) = from_ses else { continue };
        assert!(
            statement.to_string().contains(
                "arn:aws:ses:eu-west-1:123456789012:receipt-rule-set/lamplighter:receipt-rule/lamplighter-archive-mail"
            ),
            "{statement}"
        );
        assert!(
            statement.to_string().contains("AWS:SourceAccount"),
            "{statement}"
        );
    }
}
