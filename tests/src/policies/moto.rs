//! moto as the second witness for the names of actions: somebody else has written down which call needs which.
//!
//! Of a policy it knows the actions only. So it is given the printed policies with every resource and no condition; and
//! it knows nothing of permissions that a call needs beside its own.
//! <https://docs.getmoto.org/en/latest/docs/iam.html>

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::deploy_bundles::stage::bundle;
use crate::harness::Lamplighter;
use crate::moto::Moto;
use crate::report_certificates::pem;

/// The user whom the program works as. `POLICY` is put before it.
const USER: &str = r#"
import boto3, json
iam = boto3.client("iam", "eu-west-1")
try:
    iam.create_user(UserName="under-test")
except iam.exceptions.EntityAlreadyExistsException:
    pass
iam.put_user_policy(UserName="under-test", PolicyName="own", PolicyDocument=POLICY)
for key in iam.list_access_keys(UserName="under-test")["AccessKeyMetadata"]:
    iam.delete_access_key(UserName="under-test", AccessKeyId=key["AccessKeyId"])
key = iam.create_access_key(UserName="under-test")["AccessKey"]
print(json.dumps([key["AccessKeyId"], key["SecretAccessKey"]]))
"#;

/// From now on moto asks for permissions, or no longer. `COUNT` is put before it: how many calls are free.
const SWITCH: &str = r#"
import json, os, urllib.request
url = os.environ["AWS_ENDPOINT_URL"] + "/moto-api/reset-auth"
request = urllib.request.Request(url, data=COUNT.encode(), headers={"Content-Type": "text/plain"}, method="POST")
urllib.request.urlopen(request).read()
print(json.dumps(True))
"#;

/// What the functions find. `CERTIFICATE` is put before it.
const ACCOUNT: &str = r#"
import boto3, json
iam, ec2 = boto3.client("iam", "eu-west-1"), boto3.client("ec2", "eu-west-1")
s3, acm = boto3.client("s3", "eu-west-1"), boto3.client("acm", "eu-west-1")
for name in ["acme-state", "acme-photos", "acme-mail-in", "acme-mail-archive", "acme-releases"]:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
iam.create_user(UserName="bob")
iam.create_login_profile(UserName="bob", Password="Correct-horse-1")
iam.create_group(GroupName="staff")
iam.add_user_to_group(GroupName="staff", UserName="bob")
document = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
iam.put_user_policy(UserName="bob", PolicyName="few", PolicyDocument=document)
iam.put_group_policy(GroupName="staff", PolicyName="few", PolicyDocument=document)
arn = iam.create_policy(PolicyName="own", PolicyDocument=document)["Policy"]["Arn"]
iam.attach_user_policy(UserName="bob", PolicyArn=arn)
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
group = ec2.create_security_group(GroupName="bastion", Description="d", VpcId=vpc)["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
iam.upload_server_certificate(ServerCertificateName="old", CertificateBody=CERTIFICATE, PrivateKey="unused")
boto3.client("sesv2", "eu-west-1").create_email_identity(EmailIdentity="ops@example.com")
s3.put_object(Bucket="acme-photos", Key="in/a.jpg", Body=b"no image")
s3.put_object(Bucket="acme-mail-in", Key="inbox/a", Body=b"From: a@example.org\r\nTo: b@example.com\r\n\r\nx\r\n")
print(json.dumps(True))
"#;

const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1"]
max_attempts = 1
[state]
url = "s3://acme-state/lamplighter"
[report]
from = "ops@example.com"
to = ["security@example.com"]
mail = "always"
"#;

/// A function, its section, what is made ready before each run, and the object it is told of: in both `RUN` is the run's
/// number. Last, the actions that moto must have asked for.
type Witness<'a> = (
    &'a str,
    &'a str,
    &'a str,
    Option<(&'a str, &'a str)>,
    &'a [&'a str],
);

/// All instances run, and none is marked.
const INSTANCES: &str = r#"
import boto3
ec2 = boto3.client("ec2", "eu-west-1")
found = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
ids = [i["InstanceId"] for i in found]
ec2.start_instances(InstanceIds=ids)
ec2.delete_tags(Resources=ids, Tags=[{"Key": "lamplighter:stop-after"}])
print("true")
"#;

/// Bob can sign in with a password.
const PASSWORD: &str = r#"
import boto3
iam = boto3.client("iam", "eu-west-1")
try:
    iam.get_login_profile(UserName="bob")
except iam.exceptions.NoSuchEntityException:
    iam.create_login_profile(UserName="bob", Password="Correct-horse-1")
print("true")
"#;

/// A bundle, and a group that is not busy: moto's deployments never end. `BUNDLE` is put before it.
const BUNDLE: &str = r#"
import boto3
s3, deploy = boto3.client("s3", "eu-west-1"), boto3.client("codedeploy", "eu-west-1")
if "shop" not in deploy.list_applications()["applications"]:
    deploy.create_application(applicationName="shop", computePlatform="Server")
deploy.create_deployment_group(
    applicationName="shop", deploymentGroupName="RUN", serviceRoleArn="arn:aws:iam::123456789012:role/deploy")
s3.put_object(Bucket="acme-releases", Key="apps/shop/RUN/a.zip", Body=bytes.fromhex(BUNDLE))
print("true")
"#;

const WITNESSES: [Witness<'_>; 11] = [
    (
        "stop-untagged",
        "mode = \"plan\"\nrequired_tags = [\"owner\"]",
        "",
        None,
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "audit-mfa",
        "mode = \"plan\"",
        "",
        None,
        &[
            "iam:GenerateCredentialReport",
            "iam:GetCredentialReport",
            "iam:GetGroupPolicy",
            "iam:GetLoginProfile",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetUserPolicy",
            "iam:ListAttachedGroupPolicies",
            "iam:ListAttachedUserPolicies",
            "iam:ListGroupPolicies",
            "iam:ListGroupsForUser",
            "iam:ListMFADevices",
            "iam:ListUserPolicies",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "audit-access-keys",
        "mode = \"plan\"",
        "",
        None,
        &[
            "iam:GenerateCredentialReport",
            "iam:GetCredentialReport",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "audit-security-groups",
        "mode = \"plan\"",
        "",
        None,
        &[
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRegions",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeSecurityGroups",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "report-certificates",
        "mode = \"plan\"",
        "",
        None,
        &[
            "acm:ListCertificates",
            "ec2:DescribeRegions",
            "iam:GetServerCertificate",
            "iam:ListServerCertificates",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "resize-images",
        "sources = [\"s3://acme-photos/in/\"]\nwidths = [64]",
        "",
        Some(("acme-photos", "in/a.jpg")),
        &["s3:GetObject", "s3:PutObject"],
    ),
    (
        "archive-mail",
        "sources = [\"s3://acme-mail-in/inbox/\"]\narchive_bucket = \"acme-mail-archive\"",
        "",
        Some(("acme-mail-in", "inbox/a")),
        // The first run has archived it, so that the others only look.
        &["s3:GetObject"],
    ),
    (
        "deploy-bundles",
        "sources = [\"s3://acme-releases/apps/\"]\n[[deploy-bundles.routes]]\nbucket = \"acme-releases\"\n\
         key = \"apps/{application}/{group}/{bundle}\"",
        BUNDLE,
        Some(("acme-releases", "apps/shop/RUN/a.zip")),
        &[
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:ListDeployments",
            "s3:GetObject",
            "s3:PutObject",
        ],
    ),
    (
        "stop-untagged",
        "mode = \"apply\"\nrequired_tags = [\"owner\"]\ngrace_hours = 0\nmin_age_hours = 0\nmax_percent = 100",
        INSTANCES,
        None,
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "ec2:DescribeTags",
            "ec2:StopInstances",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "stop-untagged",
        "mode = \"apply\"\nrequired_tags = [\"owner\"]\ngrace_hours = 24\nmin_age_hours = 0\nmax_percent = 100",
        INSTANCES,
        None,
        &[
            "ec2:CreateTags",
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "ec2:DescribeTags",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
    (
        "audit-mfa",
        "mode = \"apply\"\nremediate = \"delete-login-profile\"\nwarned_days = 0\nmax_percent = 100",
        PASSWORD,
        None,
        &[
            "iam:DeleteLoginProfile",
            "iam:GenerateCredentialReport",
            "iam:GetAccountAuthorizationDetails",
            "iam:GetCredentialReport",
            "iam:GetLoginProfile",
            "iam:GetUser",
            "iam:ListMFADevices",
            "s3:GetObject",
            "s3:PutObject",
            "ses:SendEmail",
        ],
    ),
];

#[test]
fn moto_asks_for_the_same_actions() {
    let moto = Moto::start();
    let certificate = json!(pem("server.pem"));
    moto.python(&format!("CERTIFICATE = {certificate}\n{ACCOUNT}"));
    let bundle = bundle("1")
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let bundle = format!("bytes.fromhex(\"{bundle}\")");
    let mut wrong = Vec::new();
    for (function, section, prepare, object, expected) in WITNESSES {
        let mode = match section.contains("\"apply\"") {
            true => "applied",
            false => "as it is",
        };
        let prepare = prepare.replace("bytes.fromhex(BUNDLE)", &bundle);
        let run = |config: &str, policy: &Value| {
            let run = next_run();
            let prepare = prepare.replace("RUN", &run);
            let object = object.map(|(bucket, key)| (bucket, key.replace("RUN", &run)));
            ran(&moto, function, config, &prepare, object, &run, policy)
        };
        let config = format!("{CONFIG}[{function}]\n{section}\n");
        let printed = Lamplighter::new(["policy", function]).config(&config);
        let mut policy = printed.run().code(0).json();
        for statement in policy["Statement"].as_array_mut().expect("statements") {
            statement["Resource"] = json!("*");
            let statement = statement.as_object_mut().expect("a statement");
            statement.remove("Condition");
        }
        let whole = run(&config, &policy);
        if whole.contains("not allowed to call") || !whole.contains("\"schema\"") {
            wrong.push(format!(
                "{function}, {mode}, under its own policy:\n{whole}"
            ));
            continue;
        }
        let mut asked = BTreeSet::new();
        for action in actions(&policy) {
            let mut less = policy.clone();
            let statements = less["Statement"].as_array_mut().expect("statements");
            for statement in statements.iter_mut() {
                let list = statement["Action"].as_array_mut().expect("actions");
                list.retain(|one| *one != action.as_str());
            }
            statements.retain(|one| one["Action"] != json!([]));
            let lacking = run(&config, &less);
            if lacking.contains(&format!("`{action}`")) {
                asked.insert(action);
            }
        }
        let expected: BTreeSet<String> = expected.iter().map(|one| (*one).to_owned()).collect();
        if asked != expected {
            wrong.push(format!(
                "{function}, {mode}: moto asked for {asked:?}\n{whole}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let actions = statements.flat_map(|one| one["Action"].as_array().expect("actions"));
    actions
        .map(|action| action.as_str().expect("a name").to_owned())
        .collect()
}

/// The number of a run, in digits that are in order as texts too: the ledger takes an event only if it is newer.
fn next_run() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    format!("{:08X}", RUNS.fetch_add(1, Ordering::Relaxed))
}

/// One run as the user with this policy; all that it says.
fn ran(
    moto: &Moto,
    function: &str,
    config: &str,
    prepare: &str,
    object: Option<(&str, String)>,
    run: &str,
    policy: &Value,
) -> String {
    let document = json!(policy.to_string());
    moto.python(&format!("COUNT = \"inf\"\n{SWITCH}"));
    if !prepare.is_empty() {
        moto.python(prepare);
    }
    let key = moto.python(&format!("POLICY = {document}\n{USER}"));
    moto.python(&format!("COUNT = \"0\"\n{SWITCH}"));
    let mut program = Lamplighter::new(["run", function, "--format", "json"]).config(config);
    for (name, value) in moto.environment() {
        program = program.env(name, value);
    }
    let text = |place: usize| key[place].as_str().expect("a text").to_owned();
    program = program
        .env("AWS_ACCESS_KEY_ID", text(0))
        .env("AWS_SECRET_ACCESS_KEY", text(1));
    if let Some((bucket, key)) = object {
        let event = json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
            "eventName": "ObjectCreated:Put", "eventTime": "2026-11-22T12:00:00.000Z",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": run}}
        }]});
        let path = program.folder().join("event.json");
        std::fs::write(&path, event.to_string()).expect("the event is written");
        program = program.arg("--event").arg(path);
    }
    let ran = program.run();
    format!("{}\n{}", ran.stdout, ran.stderr)
}
