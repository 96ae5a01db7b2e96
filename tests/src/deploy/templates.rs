//! Templates: sound for cfn-lint, created by moto as far as it can, the same every time, and true to the logs.

use std::fs;
use std::process::Command;

use chrono::Utc;
use lamplighter_local_aws::World;
use serde_json::{Value, json};

use crate::harness::{Lamplighter, Ran, root, serve};
use crate::moto::venv;
use crate::runtime_api::Lambda;

/// What pip installs: AWS's own linter, with the shapes of all resource types, and an independent CloudFormation.
const PACKAGES: [&str; 2] = ["cfn-lint==1.58.0", "moto[cloudformation]==5.2.*"];

fn everything() -> String {
    root()
        .join("config/examples/everything.toml")
        .display()
        .to_string()
}

fn template<'a>(args: impl IntoIterator<Item = &'a str>) -> Ran {
    Lamplighter::new(["deploy", "template"])
        .args(args)
        .run()
        .code(0)
}

#[test]
fn cfn_lint_finds_nothing_in_the_template_of_the_defaults_and_of_everything() {
    let bin = venv("deploy", &PACKAGES);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, args) in [
        ("defaults.yaml", vec![]),
        ("everything.yaml", vec!["--config", &everything()]),
        (
            "everything.json",
            vec!["--config", &everything(), "--format", "json"],
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, template(args).stdout).expect("it is written");
        let linted = Command::new(bin.join("cfn-lint"))
            .args(["--include-checks", "I", "--region", "eu-west-1", "--"])
            .arg(&path)
            .output()
            .expect("cfn-lint runs");
        let said = String::from_utf8_lossy(&linted.stdout);
        assert!(
            linted.status.success() && said.trim().is_empty(),
            "{name}:\n{said}"
        );
    }
    // The linter itself can find something.
    let path = folder.path().join("wrong.yaml");
    let wrong = template([]).stdout.replace("MinValue: 128", "MinValu: 128");
    fs::write(&path, wrong).expect("it is written");
    let linted = Command::new(bin.join("cfn-lint"))
        .arg("--")
        .arg(&path)
        .output();
    assert!(!linted.expect("cfn-lint runs").status.success());
}

/// Creates the stack in moto and prints what is there. moto knows no aliases, schedules, alarms and filters.
const CREATE: &str = r#"
import ast, boto3, io, json, sys, zipfile
from moto import mock_aws
body = sys.stdin.read()
with mock_aws():
    made = dict(region_name='eu-west-1')
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, 'w') as archive:
        archive.writestr('bootstrap', 'x')
    s3 = boto3.client('s3', **made)
    s3.create_bucket(Bucket='artifacts', CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})
    given = [{'ParameterKey': 'ArtifactBucket', 'ParameterValue': 'artifacts'}]
    resources = json.loads(body)['Resources']
    for name, resource in resources.items():
        if resource['Type'] == 'AWS::Lambda::Function':
            key = resource['Properties']['Code']['S3Key']['Fn::Sub']
            parameter = key.split('${')[2].split('}')[0]
            given.append({'ParameterKey': parameter, 'ParameterValue': 'ab' * 32})
            key = key.replace('${ArtifactPrefix}', 'lamplighter/').replace('${%s}' % parameter, 'ab' * 32)
            s3.put_object(Bucket='artifacts', Key=key, Body=zipped.getvalue())
    cloudformation = boto3.client('cloudformation', **made)
    cloudformation.create_stack(StackName='lamplighter', TemplateBody=body, Parameters=given, Capabilities=['CAPABILITY_IAM'])
    iam, logs, awslambda = (boto3.client(service, **made) for service in ('iam', 'logs', 'lambda'))
    functions = awslambda.list_functions()['Functions']
    policies = {}
    # moto keeps the document of a stack's role as Python's text of it.
    def read(document):
        return ast.literal_eval(document) if isinstance(document, str) else document
    for function in functions:
        role = function['Role'].split('/')[-1]
        names = iam.list_role_policies(RoleName=role)['PolicyNames']
        policies[function['FunctionName']] = {
            name: read(iam.get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument']) for name in names}
    print(json.dumps({
        'status': cloudformation.describe_stacks(StackName='lamplighter')['Stacks'][0]['StackStatus'],
        'functions': {function['FunctionName']: function for function in functions},
        'versions': {f['FunctionName']: len(awslambda.list_versions_by_function(FunctionName=f['FunctionName'])['Versions']) for f in functions},
        'policies': policies,
        'logs': {group['logGroupName']: group.get('retentionInDays') for group in logs.describe_log_groups()['logGroups']},
        'queues': boto3.client('sqs', **made).list_queues()['QueueUrls'],
        'topics': len(boto3.client('sns', **made).list_topics()['Topics']),
    }, default=str))
"#;

#[test]
fn moto_creates_the_functions_with_their_roles_logs_queues_and_the_topic() {
    let bin = venv("deploy", &PACKAGES);
    let body = template(["--format", "json", "--config", &everything()]).stdout;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("template.json");
    fs::write(&path, &body).expect("it is written");
    let created = Command::new(bin.join("python"))
        .args(["-c", CREATE])
        .stdin(fs::File::open(&path).expect("it is there"))
        .envs([
            ("AWS_ACCESS_KEY_ID", "AKIAMOTO000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "none"),
        ])
        .env_remove("AWS_PROFILE")
        .output()
        .expect("python runs");
    let stderr = String::from_utf8_lossy(&created.stderr);
    assert!(created.status.success(), "{stderr}");
    let seen: Value = serde_json::from_slice(&created.stdout).expect("JSON");
    assert_eq!(seen["status"], "CREATE_COMPLETE");
    let function = &seen["functions"]["lamplighter-stop-untagged"];
    assert_eq!(function["Runtime"], "provided.al2023");
    assert_eq!(function["MemorySize"], 256);
    assert_eq!(function["Timeout"], 900);
    assert_eq!(
        function["Environment"]["Variables"]["LAMPLIGHTER_CONFIG"],
        "lamplighter.toml"
    );
    assert_eq!(
        seen["versions"]["lamplighter-stop-untagged"], 2,
        "$LATEST and the first"
    );
    assert_eq!(seen["logs"]["/aws/lambda/lamplighter-stop-untagged"], 30);
    assert_eq!(seen["topics"], 1);
    let functions = seen["functions"].as_object().expect("functions");
    assert_eq!(
        seen["queues"].as_array().map(Vec::len),
        Some(functions.len())
    );
    for (name, policies) in seen["policies"].as_object().expect("policies") {
        // The service's own permissions are there, and narrowed to the function's own group and queue.
        let service = policies["lambda-service"].to_string();
        for action in [
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:SendMessage",
        ] {
            assert!(service.contains(action), "{name} lacks {action}: {service}");
        }
        assert!(
            service.contains(&format!("log-group:/aws/lambda/{name}:*")),
            "{service}"
        );
        assert!(
            service.contains(&format!("{name}-dead-letters")),
            "{service}"
        );
        // Its own are those that `lamplighter policy` prints.
        let function = name.trim_start_matches("lamplighter-");
        let printed = Lamplighter::new(["policy", function, "--config", &everything()]);
        let printed = printed
            .args(["--account", "123456789012"])
            .run()
            .code(0)
            .json();
        assert_eq!(policies["function"], printed, "{name}");
    }
}

#[test]
fn a_template_is_the_same_every_time_and_differs_from_itself_in_nothing() {
    let first = template(["--config", &everything()]).stdout;
    let second = template(["--config", &everything()]).stdout;
    assert_eq!(first, second);
    let diff = Lamplighter::new(["deploy", "diff", "a.yaml", "b.json", "--fail-on-findings"]);
    fs::write(diff.folder().join("a.yaml"), &first).expect("it is written");
    let json = template(["--config", &everything(), "--format", "json"]).stdout;
    fs::write(diff.folder().join("b.json"), json).expect("it is written");
    assert_eq!(diff.run().code(0).stdout, "no difference\n");
}

#[test]
fn a_difference_is_told_by_its_path_and_is_an_exit_code_only_where_it_was_asked_for() {
    let old = Lamplighter::new(["deploy", "template"]).config("[stop-untagged]\nmemory_mb = 256\n");
    let old = old.run().code(0).stdout;
    let new = Lamplighter::new(["deploy", "template"]).config(
        "[stop-untagged]\nmemory_mb = 512\n[report]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n",
    );
    let new = new.run().code(0).stdout;
    for (args, code) in [(vec![], 0), (vec!["--fail-on-findings"], 3)] {
        let diff = Lamplighter::new(["deploy", "diff", "old", "new"]).args(args);
        fs::write(diff.folder().join("old"), &old).expect("it is written");
        fs::write(diff.folder().join("new"), &new).expect("it is written");
        let said = diff.run().code(code).stdout;
        assert!(
            said.contains("~ Parameters.StopUntaggedMemoryMb\n    Default\n"),
            "{said}"
        );
        assert!(
            said.contains("~ Resources.StopUntaggedRole (AWS::IAM::Role)"),
            "{said}"
        );
        assert!(!said.contains("example.com"), "{said}");
    }
    Lamplighter::new(["deploy", "diff", "nothing", "nowhere"])
        .run()
        .code(2);
}

#[test]
fn no_secret_is_in_a_template() {
    for extra in ["", "--terraform"] {
        let mut program = Lamplighter::new(["deploy", "template"]);
        if !extra.is_empty() {
            program = program.arg(extra);
        }
        let ran = program
            .config("[report]\nwebhook = \"https://example.com/s3cret-0\"\n[daemon]\ntoken = \"s3cret-1\"\n")
            .run()
            .code(0);
        assert!(!ran.stdout.contains("s3cret"), "{}", ran.stdout);
    }
}

#[test]
fn terraform_gets_json_with_as_many_functions() {
    let terraform = template(["--terraform", "--config", &everything()]);
    let terraform: Value = serde_json::from_str(&terraform.stdout).expect("JSON");
    let template: Value =
        serde_json::from_str(&template(["--config", &everything(), "--format", "json"]).stdout)
            .expect("JSON");
    let lambdas = template["Resources"]
        .as_object()
        .expect("resources")
        .values();
    let lambdas = lambdas
        .filter(|resource| resource["Type"] == "AWS::Lambda::Function")
        .count();
    let there = terraform["resource"]["aws_lambda_function"]
        .as_object()
        .expect("functions")
        .len();
    assert_eq!(there, lambdas);
}

/// The metric filters are patterns over log lines; here a real Lambda writes the lines.
#[test]
fn the_line_at_the_end_of_a_run_is_counted_by_exactly_one_of_the_outcome_filters() {
    let template: Value =
        serde_json::from_str(&template(["--format", "json"]).stdout).expect("JSON");
    let tick = &template["Resources"]["StopUntaggedSchedule"]["Properties"]["Target"]["Input"];
    let tick: Value = serde_json::from_str(tick.as_str().expect("a text")).expect("JSON");
    let aws = serve(World::new("111122223333", Utc::now()));
    let lambda = Lambda::start("stop-untagged", &aws, "", &[]);
    let mut event = tick;
    event["metadata"]["id"] = json!("one");
    event["metadata"]["slot"] = json!("2026-11-22T06:00:00Z");
    assert_eq!(lambda.invoke(&event).response()["status"], "ok");
    let stderr = lambda.end().stderr;
    let lines: Vec<Value> = stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let counted = |id: &str| {
        let filter = &template["Resources"][format!("StopUntaggedCount{id}")];
        let pattern = filter["Properties"]["FilterPattern"]
            .as_str()
            .expect("a pattern");
        lines.iter().filter(|line| matches(pattern, line)).count()
    };
    assert_eq!(counted("Ok"), 1, "{stderr}");
    for other in ["Partial", "Failed", "Refused", "ErrorLines"] {
        assert_eq!(counted(other), 0, "{other}: {stderr}");
    }
}

/// `{ ($.a = "b") && ($.c = "d") }`, which is all that the filters use.
fn matches(pattern: &str, line: &Value) -> bool {
    let inner = pattern.trim_start_matches("{ ").trim_end_matches(" }");
    inner.split(" && ").all(|term| {
        let term = term.trim_start_matches('(').trim_end_matches(')');
        let (key, value) = term.split_once(" = ").expect("a comparison");
        let key = key.strip_prefix("$.").expect("a key");
        line[key].as_str() == Some(value.trim_matches('"'))
    })
}
