//! The same program against moto, a simulation of AWS that somebody else wrote, over three regions.
//!
//! moto is proof of the wire protocol and of the states, not of everything: it counts reservations where EC2 counts
//! instances, and evaluates no policy.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, Ran, root};
use crate::process::Process;

/// What pip installs. moto 5 answers EC2, STS, SES and S3 in one server.
pub const MOTO: &str = "moto[server]==5.2.*";

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "ap-southeast-2"];

/// moto's account, which it never changes.
const ACCOUNT: &str = "123456789012";

/// Makes two instances in each region, one of which lacks its tag, and the sender's identity. boto3 comes with moto.
const FLEET: &str = r#"
import boto3, json
fleet = {}
for region in ["eu-west-1", "us-east-1", "ap-southeast-2"]:
    ec2 = boto3.client("ec2", region)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ids = [i["InstanceId"] for i in ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2)["Instances"]]
    ec2.create_tags(Resources=ids[:1], Tags=[{"Key": "cost_center", "Value": "4711"}])
    fleet[region] = {"tagged": ids[0], "untagged": ids[1]}
boto3.client("sesv2", "eu-west-1").create_email_identity(EmailIdentity="lamplighter@example.com")
boto3.client("s3", "eu-west-1").create_bucket(
    Bucket="acme-state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
print(json.dumps(fleet))
"#;

/// Makes what the audits look for. What moto gets wrong is left out: its credential report has no root user.
const OFFENDERS: &str = r#"
import boto3, json, pathlib, sys
iam, ec2 = boto3.client("iam", "eu-west-1"), boto3.client("ec2", "eu-west-1")
for name in ["ann", "bob"]:
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password="Correct-horse-1")
serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]["SerialNumber"]
iam.enable_mfa_device(UserName="ann", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")
iam.create_user(UserName="robot")
keys = [iam.create_access_key(UserName="robot")["AccessKey"]["AccessKeyId"] for _ in range(2)]
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
group = ec2.create_security_group(GroupName="bastion", Description="d", VpcId=vpc)["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
boto3.client("s3", "eu-west-1").create_bucket(
    Bucket="acme-state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
iam.upload_server_certificate(ServerCertificateName="old", CertificateBody=CERTIFICATE, PrivateKey="unused")
print(json.dumps({"group": group, "keys": keys}))
"#;

/// Tells each instance's state and mark, the mails that were sent, and the keys of the state.
const LOOK: &str = r#"
import boto3, json
seen = {"states": {}, "marks": {}}
for region in ["eu-west-1", "us-east-1", "ap-southeast-2"]:
    for reservation in boto3.client("ec2", region).describe_instances()["Reservations"]:
        for i in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in i.get("Tags", [])}
            seen["states"][i["InstanceId"]] = i["State"]["Name"]
            if "lamplighter:stop-after" in tags:
                seen["marks"][i["InstanceId"]] = tags["lamplighter:stop-after"]
# moto counts every recipient twice: in the call, and in the header "To".
seen["mails"] = int(boto3.client("ses", "eu-west-1").get_send_quota()["SentLast24Hours"]) // 2
objects = boto3.client("s3", "eu-west-1").list_objects_v2(Bucket="acme-state")
seen["state"] = [o["Key"] for o in objects.get("Contents", [])]
print(json.dumps(seen))
"#;

/// Makes a bucket that tells a queue of what is stored in it, as an operator would.
const MAILBOX: &str = r#"
import boto3, json
s3, sqs = boto3.client("s3", "eu-west-1"), boto3.client("sqs", "eu-west-1")
for bucket in ["acme-mail-in", "acme-archive"]:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
dead = sqs.create_queue(QueueName="mail-dead")["QueueUrl"]
arn = lambda url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
queue = sqs.create_queue(QueueName="mail", Attributes={
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": "2"})})["QueueUrl"]
s3.put_bucket_notification_configuration(Bucket="acme-mail-in", NotificationConfiguration={
    "QueueConfigurations": [{"QueueArn": arn(queue), "Events": ["s3:ObjectCreated:*"]}]})
print(json.dumps({"queue": queue}))
"#;

/// Stores mails, one of them under a key that events write in another way.
const MAIL: &str = r#"
import boto3, json
for key in ["inbox/1", "inbox/a b+\u00fc"]:
    boto3.client("s3", "eu-west-1").put_object(Bucket="acme-mail-in", Key=key, Body=(
        "From: ann@example.com\r\nTo: archive@example.com\r\nSubject: " + str(len(key)) +
        "\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nHello\r\n").encode())
print("null")
"#;

/// Tells what is in the archive, and what is left in the queues.
const ARCHIVE: &str = r#"
import boto3, json
s3, sqs = boto3.client("s3", "eu-west-1"), boto3.client("sqs", "eu-west-1")
left = {}
for name in ["mail", "mail-dead"]:
    attributes = sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], AttributeNames=["All"])
    counts = attributes["Attributes"]
    left[name] = int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])
keys = [o["Key"] for o in s3.list_objects_v2(Bucket="acme-archive").get("Contents", [])]
print(json.dumps({"left": left, "mails": len([k for k in keys if k.endswith(".json")])}))
"#;

const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1", "us-east-1", "ap-southeast-2"]

[state]
url = "s3://acme-state/lamplighter"

[report]
from = "lamplighter@example.com"
to = ["security@example.com"]

[stop-untagged]
required_tags = ["cost_center"]
grace_hours = 24
min_age_hours = 0
max_percent = 100
"#;

#[test]
fn a_fleet_in_three_regions_of_moto_is_warned_marked_and_stopped() {
    let moto = Moto::start();
    let fleet = moto.python(FLEET);
    let of = |kind: &str| REGIONS.map(|region| fleet[region][kind].as_str().expect("an id"));
    let (tagged, untagged) = (of("tagged"), of("untagged"));

    // A dry run: seen, and nothing else.
    let run = moto.lamplighter(["run", "stop-untagged", "--dry-run", "--format", "json"]);
    let run = run.code(0).json();
    assert_eq!(run["account"]["id"], ACCOUNT);
    let scopes: Vec<&Value> = list(&run["coverage"])
        .iter()
        .map(|row| &row["scope"])
        .collect();
    assert_eq!(scopes.len(), REGIONS.len(), "{scopes:?}");
    for region in REGIONS {
        assert!(
            scopes
                .iter()
                .any(|scope| **scope == format!("{ACCOUNT}/{region}")),
            "{scopes:?}"
        );
    }
    assert_eq!(
        (&run["summary"]["pass"], &run["summary"]["fail"]),
        (&json!(3), &json!(3))
    );
    let seen = moto.python(LOOK);
    assert_eq!(seen["marks"], json!({}));
    assert_eq!((&seen["mails"], &seen["state"]), (&json!(0), &json!([])));
    moto.lamplighter(["run", "stop-untagged", "--dry-run", "--fail-on-findings"])
        .code(3);

    // Plan mode: reported and remembered, but nothing is changed.
    let run = moto
        .lamplighter(["run", "stop-untagged", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(
        (&run["mode"], &run["summary"]["planned"]),
        (&json!("plan"), &json!(3))
    );
    let seen = moto.python(LOOK);
    assert_eq!((&seen["marks"], &seen["mails"]), (&json!({}), &json!(1)));
    assert!(list(&seen["state"]).contains(&json!("lamplighter/runs/stop-untagged/latest.json")));

    // A plan file, applied: the owners are warned, and then the instances are marked.
    let planned = moto
        .lamplighter(["plan", "stop-untagged", "--out", "plan.json"])
        .code(0);
    let plan = planned.folder.path().join("plan.json");
    let plan = plan.to_str().expect("a path in UTF-8");
    let run = moto
        .lamplighter(["apply", plan, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(run["summary"]["done"], 3);
    let seen = moto.python(LOOK);
    for id in untagged {
        assert_eq!(seen["states"][id], "running");
        assert!(seen["marks"][id].is_string(), "{id} is marked");
    }
    assert_eq!(seen["marks"].as_object().expect("an object").len(), 3);
    assert!(seen["mails"].as_u64().expect("a number") > 1);

    // The same plan again finds marks that it did not expect.
    let again = moto
        .lamplighter(["apply", plan, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(again["summary"]["done"], 0);
    assert!(
        list(&again["actions"])
            .iter()
            .all(|row| row["outcome"] == "vetoed"),
        "{again:#}"
    );

    // Before the deadline nothing is stopped; past it, all three and nothing else.
    let run = moto
        .lamplighter(["run", "stop-untagged", "--apply", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(
        (&run["summary"]["done"], &run["summary"]["skipped"]),
        (&json!(0), &json!(3))
    );
    let later = (Utc::now() + TimeDelta::hours(25)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let run = moto
        .lamplighter([
            "run",
            "stop-untagged",
            "--apply",
            "--now",
            &later,
            "--format",
            "json",
        ])
        .code(0)
        .json();
    assert_eq!(run["summary"]["done"], 3);
    let seen = moto.python(LOOK);
    for (tagged, untagged) in tagged.into_iter().zip(untagged) {
        assert_eq!(seen["states"][untagged], "stopped");
        assert_eq!(seen["states"][tagged], "running");
    }
}

#[test]
fn the_audits_find_in_moto_what_is_there() {
    let moto = Moto::start();
    let pem = root().join("functions/report-certificates/fixtures/server.pem");
    let pem = std::fs::read_to_string(pem).expect("the certificate");
    let made = moto.python(&format!("CERTIFICATE = {}\n{OFFENDERS}", json!(pem)));
    let failing = |function: &str, code: i32| -> Vec<(String, String)> {
        let run = moto.lamplighter(["run", function, "--dry-run", "--format", "json"]);
        let run = run.code(code).json();
        let rows = list(&run["findings"])
            .iter()
            .filter(|row| row["verdict"] == "fail");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let mut rows: Vec<_> = rows
            .map(|row| (text(&row["rule"]), text(&row["resource"])))
            .collect();
        rows.sort();
        rows
    };
    let found = |rule: &str, resource: String| (rule.to_owned(), resource);
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");

    // Without a row for the root user nothing is known about it: partial, never clean.
    let mfa = failing("audit-mfa", 4);
    assert_eq!(mfa, [found("console-user-without-mfa", arn("user/bob"))]);
    let keys = failing("audit-access-keys", 4);
    assert!(keys.is_empty(), "fresh keys are no finding: {keys:?}");
    assert_eq!(made["keys"].as_array().map(Vec::len), Some(2));
    let group = made["group"].as_str().expect("an id");
    let group = format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/{group}");
    let groups = failing("audit-security-groups", 0);
    assert_eq!(groups, [found("port-open-to-internet", group)]);
    let certificates = failing("report-certificates", 0);
    let old = arn("server-certificate/old");
    assert_eq!(certificates, [found("certificate-expired", old)]);
}

#[test]
fn the_daemon_takes_from_moto_s_queue_what_its_buckets_announce() {
    let moto = Moto::start();
    let made = moto.python(MAILBOX);
    let config = format!(
        "[archive-mail]\nqueues = [{}]\narchive_bucket = \"acme-archive\"\non_unauthenticated = \"keep\"\n\
         schedule = \"cron(0 7 1 1 ? 2199)\"\n",
        made["queue"]
    );
    let mut program = Lamplighter::new(["daemon"]).config(&config);
    for (key, value) in moto.environment() {
        program = program.env(key, value);
    }
    let mut daemon = Process::start(program);
    moto.python(MAIL);
    let mut seen = Value::Null;
    // S3's test event, which moto sends too, holds nothing and is deleted like the rest.
    daemon.until("both mails", Duration::from_secs(90), |_| {
        seen = moto.python(ARCHIVE);
        seen["mails"] == 2 && seen["left"]["mail"] == 0
    });
    assert_eq!(seen["left"]["mail-dead"], 0);
    daemon.signal("TERM");
    daemon.ended(Duration::from_secs(60)).code(0);
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A moto server. Dropping it ends the process, also when a test panics.
pub struct Moto {
    server: Child,
    endpoint: String,
    python: PathBuf,
}

impl Moto {
    pub fn start() -> Self {
        let bin = venv("moto", &[MOTO]);
        // Free a moment ago; moto says so if it is not any more, and does not answer.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a port is free")
            .port();
        let server = Command::new(bin.join("moto_server"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server starts");
        let mut moto = Self {
            server,
            endpoint: format!("http://127.0.0.1:{port}"),
            python: bin.join("python"),
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let has_ended = moto.server.try_wait().expect("it can be asked").is_some();
            assert!(
                !has_ended && Instant::now() < deadline,
                "moto_server does not answer"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIAMOTO000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "moto-verifies-no-signatures"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }

    fn lamplighter<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ran {
        let mut program = Lamplighter::new(args).config(CONFIG);
        for (key, value) in self.environment() {
            program = program.env(key, value);
        }
        program.run()
    }

    /// What a script prints, as JSON.
    pub fn python(&self, script: &str) -> Value {
        let ran = Command::new(&self.python)
            .args(["-c", script])
            .envs(self.environment())
            .env_remove("AWS_PROFILE")
            .output()
            .expect("python runs");
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{stderr}");
        serde_json::from_slice(&ran.stdout).expect("it prints JSON")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// Installs Python packages into a virtual environment of this name in the target folder, once, and answers where its
/// programs are. pip's own configuration says where packages come from.
pub fn venv(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).expect("the target folder is writable");
    // Another run of these tests may be installing it just now.
    let lock = File::create(folder.join(format!("{name}.lock"))).expect("the lock is writable");
    lock.lock().expect("it can be locked");
    let venv = folder.join(name);
    let done = venv.join("installed");
    let bin = venv.join("bin");
    let wanted = packages.join("\n");
    if fs::read_to_string(&done).is_ok_and(|text| text == wanted) {
        return bin;
    }
    // Half of one may be there.
    fs::remove_dir_all(&venv).ok();
    let python = ["-m", "venv", venv.to_str().expect("a path in UTF-8")];
    run(Command::new("python3").args(python));
    run(Command::new(bin.join("pip"))
        .args(["install", "--quiet"])
        .args(packages));
    fs::write(done, wanted).expect("the venv is writable");
    bin
}

fn run(command: &mut Command) {
    let ran = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; these tests need Python 3 with venv and pip")
    });
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {stderr}");
}
