//! The same daemon against moto: its S3 tells its SQS, the daemon takes it from there.

use std::time::{Duration, Instant};

use super::stage::fixture;
use crate::harness::Lamplighter;
use crate::moto::Moto;
use crate::process::Process;

/// A bucket that tells a queue of what is put under `in/`; then an image with a key that is encoded on its way.
const UPLOAD: &str = r#"
import boto3, json, sys
s3, sqs = boto3.client("s3", "eu-west-1"), boto3.client("sqs", "eu-west-1")
s3.create_bucket(Bucket="acme-photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
url = sqs.create_queue(QueueName="images")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
s3.put_bucket_notification_configuration(Bucket="acme-photos", NotificationConfiguration={"QueueConfigurations": [
    {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"],
     "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]})
s3.put_object(Bucket="acme-photos", Key="in/a+b ü.jpg", Body=bytes.fromhex(IMAGE), ContentType="text/plain")
print(json.dumps({"queue": url, "etag": s3.head_object(Bucket="acme-photos", Key="in/a+b ü.jpg")["ETag"].strip('"')}))
"#;

const LOOK: &str = r#"
import boto3, json
s3, sqs = boto3.client("s3", "eu-west-1"), boto3.client("sqs", "eu-west-1")
keys = [o["Key"] for o in s3.list_objects_v2(Bucket="acme-photos", Prefix="resized/").get("Contents", [])]
heads = {key: s3.head_object(Bucket="acme-photos", Key=key) for key in keys}
url = sqs.get_queue_url(QueueName="images")["QueueUrl"]
left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
print(json.dumps({
    "copies": {key: [head["ContentType"], head["Metadata"].get("lamplighter-source-etag")] for key, head in heads.items()},
    "left": int(left["ApproximateNumberOfMessages"]) + int(left["ApproximateNumberOfMessagesNotVisible"])}))
"#;

#[test]
fn an_upload_to_moto_gets_its_copies_over_its_queue() {
    let moto = Moto::start();
    let image: String = fixture("plain.jpg")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let uploaded = moto.python(&UPLOAD.replace("IMAGE", &format!("{image:?}")));
    let queue = uploaded["queue"].as_str().expect("a queue").to_owned();
    let config = format!(
        "[resize-images]\nsources = [\"s3://acme-photos/in/\"]\nqueues = [{queue:?}]\nwidths = [64, 1000]\n\
         schedule = \"cron(0 7 1 1 ? 2199)\"\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Lamplighter::new(["daemon"]).config(&config);
    for (key, value) in moto.environment() {
        program = program.env(key, value);
    }
    let daemon = Process::start(program.env("LAMPLIGHTER_DAEMON__STATE_DIR", folder.path()));
    let deadline = Instant::now() + Duration::from_secs(90);
    let expected = serde_json::json!({
        "resized/64/in/a+b ü.jpg": ["image/jpeg", uploaded["etag"]],
        "resized/1000/in/a+b ü.jpg": ["image/jpeg", uploaded["etag"]],
    });
    loop {
        let seen = moto.python(LOOK);
        if seen["copies"] == expected && seen["left"] == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{seen}\n{}", daemon.stderr());
        std::thread::sleep(Duration::from_secs(1));
    }
    daemon.signal("TERM");
    daemon.ended(Duration::from_secs(60)).code(0);
}
