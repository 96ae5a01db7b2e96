//! Mail and bundles against moto: its S3 tells its SQS, and the daemon takes it from there. Images have a test of their
//! own. moto's deployments never end, so what follows a deployment is tested elsewhere.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Lamplighter, root};
use crate::moto::Moto;
use crate::process::Process;

/// Two buckets that tell a queue each, an archive and a state; then a mail and a bundle, with keys that are encoded on
/// their way.
const UPLOAD: &str = r#"
import boto3, json
region = "eu-west-1"
s3, sqs, deploy = (boto3.client(name, region) for name in ("s3", "sqs", "codedeploy"))
def bucket(name):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
def announced(name, prefix):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bucket("acme-" + name)
    s3.put_bucket_notification_configuration(Bucket="acme-" + name, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"],
         "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}]})
    return url
queues = {"mail": announced("mail", "inbox/"), "bundles": announced("bundles", "apps/")}
for name in ("acme-archive", "acme-state"):
    bucket(name)
s3.put_bucket_versioning(Bucket="acme-bundles", VersioningConfiguration={"Status": "Enabled"})
deploy.create_application(applicationName="shop", computePlatform="Server")
deploy.create_deployment_group(applicationName="shop", deploymentGroupName="live",
                               serviceRoleArn="arn:aws:iam::123456789012:role/deploy")
s3.put_object(Bucket="acme-mail", Key="inbox/a+b ü", Body=bytes.fromhex(MAIL))
s3.put_object(Bucket="acme-bundles", Key="apps/shop/live/a+b ü.zip", Body=bytes.fromhex(BUNDLE))
print(json.dumps(queues))
"#;

const LOOK: &str = r#"
import boto3, hashlib, json
region = "eu-west-1"
s3, sqs, deploy = (boto3.client(name, region) for name in ("s3", "sqs", "codedeploy"))
keys = [o["Key"] for o in s3.list_objects_v2(Bucket="acme-archive").get("Contents", [])]
raw = [s3.get_object(Bucket="acme-archive", Key=key)["Body"].read() for key in keys if key.endswith(".eml")]
left = 0
for name in ("mail", "bundles"):
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    seen = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    left += int(seen["ApproximateNumberOfMessages"]) + int(seen["ApproximateNumberOfMessagesNotVisible"])
deployed = []
for id in deploy.list_deployments(applicationName="shop", deploymentGroupName="live")["deployments"]:
    revision = deploy.get_deployment(deploymentId=id)["deploymentInfo"]["revision"]["s3Location"]
    deployed.append([revision["bucket"], revision["key"], revision["bundleType"], bool(revision.get("version"))])
print(json.dumps({
    "kinds": sorted(key.rsplit(".", 1)[-1] for key in keys),
    "mails": [hashlib.sha256(mail).hexdigest() for mail in raw],
    "deployed": deployed,
    "left": left}))
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fixture(path: &str) -> Vec<u8> {
    let path = root().join("functions").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_mail_and_a_bundle_that_arrive_in_moto_are_archived_and_deployed_over_its_queues() {
    let moto = Moto::start();
    let mail = fixture("archive-mail/fixtures/mail/002-adjacent-encoded-words.eml");
    let bundle = fixture("deploy-bundles/fixtures/top.zip");
    let script = UPLOAD
        .replace("MAIL", &format!("{:?}", hex(&mail)))
        .replace("BUNDLE", &format!("{:?}", hex(&bundle)));
    let queues = moto.python(&script);
    let config = format!(
        "[state]\nurl = \"s3://acme-state/lamp\"\n\
         [archive-mail]\nsources = [\"s3://acme-mail/inbox/\"]\nqueues = [{}]\narchive_bucket = \"acme-archive\"\n\
         schedule = \"cron(0 7 1 1 ? 2199)\"\n\
         [deploy-bundles]\nsources = [\"s3://acme-bundles/apps/\"]\nqueues = [{}]\nschedule = \"cron(0 7 1 1 ? 2199)\"\n\
         [[deploy-bundles.routes]]\nbucket = \"acme-bundles\"\nkey = \"apps/{{application}}/{{group}}/{{bundle}}\"\n",
        queues["mail"], queues["bundles"]
    );
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Lamplighter::new(["daemon"]).config(&config);
    for (key, value) in moto.environment() {
        program = program.env(key, value);
    }
    let daemon = Process::start(program.env("LAMPLIGHTER_DAEMON__STATE_DIR", folder.path()));
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let seen = moto.python(LOOK);
        if is_done(&seen, &mail) {
            break;
        }
        assert!(Instant::now() < deadline, "{seen:#}\n{}", daemon.stderr());
        std::thread::sleep(Duration::from_secs(1));
    }
    daemon.signal("TERM");
    daemon.ended(Duration::from_secs(60)).code(0);
}

fn is_done(seen: &Value, mail: &[u8]) -> bool {
    use sha2::{Digest, Sha256};
    let digest = hex(&Sha256::digest(mail));
    seen["kinds"] == json!(["eml", "json"])
        && seen["mails"] == json!([digest])
        && seen["deployed"] == json!([["acme-bundles", "apps/shop/live/a+b ü.zip", "zip", true]])
        && seen["left"] == 0
}
