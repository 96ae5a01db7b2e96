//! The simulated account as somebody else's SDK sees it: boto3, which parses, retries and signs as it does with AWS.
//!
//! What is expected was seen on AWS or stands in its documentation; the Rust SDK meets the account in every other test.

use std::path::PathBuf;
use std::process::Command;

use chrono::Utc;
use lamplighter_local_aws::{LocalAws, World};
use serde_json::{Value, json};

use crate::moto::{MOTO, venv};

const ACCOUNT: &str = "123456789012";

/// What every script begins with. Answers go into `out`, by name.
const PROLOGUE: &str = r#"
import boto3, json, time, urllib.error, urllib.request
from botocore.config import Config
from botocore.exceptions import ClientError
plain = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, signature_version="v4")
s3 = boto3.client("s3", config=plain.merge(Config(signature_version="s3v4")))
sqs, sns = boto3.client("sqs", config=plain), boto3.client("sns", config=plain)
out = {}
def code(call, **params):
    try:
        call(**params)
        return "ok"
    except ClientError as error:
        return f"{error.response['Error']['Code']}/{error.response['ResponseMetadata']['HTTPStatusCode']}"
def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
def drain(url, want):
    bodies = []
    while len(bodies) < want:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        if not messages:
            break
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
"#;

const OBJECTS: &str = r#"
put, get, head = s3.put_object, s3.get_object, s3.head_object
b = dict(Bucket="files")
s3.create_bucket(**b)
put(**b, Key="a b/ü+c", Body=b"0123456789", Metadata={"src": "x y"}, ContentType="text/plain", CacheControl="max-age=5",
    Tagging="k=v")
it = head(**b, Key="a b/ü+c")
out["described"] = [it["Metadata"], it["ContentType"], it["CacheControl"], it["ETag"], it["ServerSideEncryption"]]
part = get(**b, Key="a b/ü+c", Range="bytes=2-4")
out["range"] = [part["ContentRange"], part["Body"].read().decode()]
out["bad range"] = code(get, **b, Key="a b/ü+c", Range="bytes=50-")
out["tags"] = s3.get_object_tagging(**b, Key="a b/ü+c")["TagSet"]
out["missing"] = [code(get, **b, Key="zz"), code(head, **b, Key="zz"), code(s3.head_bucket, Bucket="none")]
out["bad checksum"] = code(put, **b, Key="m", Body=b"x", ChecksumSHA256="A" * 43 + "=")
out["long key"] = code(put, **b, Key="k" * 1025, Body=b"")
out["once"] = [code(put, **b, Key="once", Body=b"1", IfNoneMatch="*"), code(put, **b, Key="once", Body=b"2", IfNoneMatch="*")]
etag = head(**b, Key="once")["ETag"]
out["if match"] = [code(put, **b, Key="once", Body=b"3", IfMatch='"bad"'), code(put, **b, Key="once", Body=b"4", IfMatch=etag),
    code(put, **b, Key="absent", Body=b"4", IfMatch=etag)]
out["unchanged"] = code(get, **b, Key="once", IfNoneMatch=head(**b, Key="once")["ETag"])
source = {"Bucket": "files", "Key": "once"}
out["copy"] = [code(s3.copy_object, **b, Key="new", CopySource=source), code(s3.copy_object, **b, Key="once", CopySource=source),
    code(s3.copy_object, **b, Key="x", CopySource=source, CopySourceIfMatch='"bad"')]
for number in range(25):
    put(**b, Key=f"l/{number:03d}/x", Body=b"1")
pages = s3.get_paginator("list_objects_v2").paginate(**b, Prefix="l/", PaginationConfig={"PageSize": 10})
out["pages"] = [page["KeyCount"] for page in pages]
folders = s3.get_paginator("list_objects_v2").paginate(**b, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 10})
out["folders"] = [len(page["CommonPrefixes"]) for page in folders]
upload = dict(**b, Key="mp", UploadId=s3.create_multipart_upload(**b, Key="mp", ContentType="image/jpeg")["UploadId"])
parts = [{"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
    for number, body in [(1, b"a" * 5 * 1024 * 1024), (2, b"b")]]
out["parts"] = [code(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts[::-1]}),
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")["ETag"]]
s3.put_bucket_versioning(**b, VersioningConfiguration={"Status": "Enabled"})
first, second = [put(**b, Key="v", Body=body)["VersionId"] for body in (b"1", b"2")]
s3.delete_object(**b, Key="v")
listed = s3.list_object_versions(**b, Prefix="v")
out["versions"] = [first != second, len(listed["Versions"]), len(listed["DeleteMarkers"]), code(get, **b, Key="v"),
    get(**b, Key="v", VersionId=first)["Body"].read().decode(), code(get, **b, Key="v", VersionId="nope")]
link = s3.generate_presigned_url("get_object", Params={**b, "Key": "new"}, ExpiresIn=60)
old = s3.generate_presigned_url("get_object", Params={**b, "Key": "new"}, ExpiresIn=1)
out["link"] = urllib.request.urlopen(link).read().decode()
time.sleep(2.1)
try:
    out["late"] = urllib.request.urlopen(old).status
except urllib.error.HTTPError as error:
    out["late"] = [error.code, "Request has expired" in error.read().decode()]
"#;

const EVENTS: &str = r#"
b = dict(Bucket="uploads")
s3.create_bucket(**b)
work, arn = queue("work")
rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]
configure = s3.put_bucket_notification_configuration
configure(**b, NotificationConfiguration={"QueueConfigurations": [{"Id": "x", "QueueArn": arn,
    "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], "Filter": {"Key": {"FilterRules": rules}}}]})
out["test event"] = [body["Event"] for body in drain(work, 1)]
s3.put_object(**b, Key="in/a+b ü.jpg", Body=b"123")
s3.put_object(**b, Key="in/no.png", Body=b"123")
s3.copy_object(**b, Key="in/copy.jpg", CopySource={"Bucket": "uploads", "Key": "in/no.png"})
s3.delete_object(**b, Key="in/copy.jpg")
records = [body["Records"][0] for body in drain(work, 3)]
out["events"] = [[record["eventName"], record["s3"]["object"]["key"]] for record in records]
topic = sns.create_topic(Name="topic")["TopicArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
configure(**b, NotificationConfiguration={"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:Put"]}]})
s3.put_object(**b, Key="k", Body=b"1")
out["through a topic"] = [json.loads(body["Message"]).get("Event", "Records") for body in drain(work, 2)]
out["bad queue"] = code(configure, **b, NotificationConfiguration={"QueueConfigurations": [
    {"QueueArn": arn + "x", "Events": ["s3:ObjectCreated:*"]}]})
"#;

const QUEUES: &str = r#"
dead, arn = queue("dead")
policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
work, _ = queue("work", VisibilityTimeout="0", RedrivePolicy=policy)
sqs.send_message(QueueUrl=work, MessageBody="poison", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
received = [sqs.receive_message(QueueUrl=work, AttributeNames=["All"], MessageAttributeNames=["All"]).get("Messages", [])
    for _ in range(3)]
out["received"] = [[message["Attributes"]["ApproximateReceiveCount"] for message in messages] for messages in received]
out["attributes"] = received[0][0]["MessageAttributes"]["a"]["StringValue"]
out["dead"] = [message["Body"] for message in sqs.receive_message(QueueUrl=dead)["Messages"]]
began = time.time()
sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1)
out["waited"] = time.time() - began >= 1
out["refused"] = [code(sqs.get_queue_url, QueueName="nope"), code(sqs.delete_message, QueueUrl=work, ReceiptHandle="zz"),
    code(sqs.send_message, QueueUrl=work, MessageBody="x" * 1100000)]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_objects_versions_conditions_and_links_as_in_aws() {
    let aws = start().await;
    // Links end by the simulated clock, which does not move by itself.
    let out = run(&aws, OBJECTS, true).await;
    let expected = json!({
        "described": [{ "src": "x y" }, "text/plain", "max-age=5", "\"781e5e245d69b566979b86e28d23f2c7\"", "AES256"],
        "range": ["bytes 2-4/10", "234"],
        "bad range": "InvalidRange/416",
        "tags": [{ "Key": "k", "Value": "v" }],
        "missing": ["NoSuchKey/404", "404/404", "404/404"],
        "bad checksum": "BadDigest/400",
        "long key": "KeyTooLongError/400",
        "once": ["ok", "PreconditionFailed/412"],
        "if match": ["PreconditionFailed/412", "ok", "NoSuchKey/404"],
        "unchanged": "304/304",
        "copy": ["ok", "InvalidRequest/400", "PreconditionFailed/412"],
        "pages": [10, 10, 5],
        "folders": [10, 10, 5],
        "parts": ["InvalidPartOrder/400", "\"e5a8c5272b26fc10581a21089559b006-2\""],
        "versions": [true, 2, 1, "NoSuchKey/404", "1", "InvalidArgument/400"],
        "link": "4",
        "late": [403, true],
    });
    assert_eq!(out, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_receives_the_events_of_a_bucket_from_queue_and_topic() {
    let out = run(&start().await, EVENTS, false).await;
    let expected = json!({
        "test event": ["s3:TestEvent"],
        "events": [
            ["ObjectCreated:Put", "in/a%2Bb+%C3%BC.jpg"],
            ["ObjectCreated:Copy", "in/copy.jpg"],
            ["ObjectRemoved:Delete", "in/copy.jpg"],
        ],
        "through a topic": ["s3:TestEvent", "Records"],
        "bad queue": "InvalidArgument/400",
    });
    assert_eq!(out, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_works_through_a_queue_and_its_dead_letters() {
    let out = run(&start().await, QUEUES, false).await;
    let expected = json!({
        "received": [["1"], ["2"], []],
        "attributes": "b",
        "dead": ["poison"],
        "waited": true,
        "refused": [
            "AWS.SimpleQueueService.NonExistentQueue/400",
            "ReceiptHandleIsInvalid/400",
            "InvalidParameterValue/400",
        ],
    });
    assert_eq!(out, expected);
}

/// An empty account, at our time: boto3 signs its links with it.
async fn start() -> LocalAws {
    let world = World::new(ACCOUNT, Utc::now()).home_region("us-east-1");
    LocalAws::start(world).await.expect("a port is free")
}

/// Runs a script with boto3 and reads its answers. If `ticks`, the simulated clock moves on while it runs.
async fn run(aws: &LocalAws, script: &str, ticks: bool) -> Value {
    let environment = aws.environment();
    let script = format!("{PROLOGUE}{script}\nprint(json.dumps(out))\n");
    let script = tokio::task::spawn_blocking(move || {
        let python: PathBuf = venv("moto", &[MOTO]).join("python");
        Command::new(python)
            .args(["-c", &script])
            .envs(environment)
            .env_remove("AWS_PROFILE")
            .output()
            .expect("python runs")
    });
    let mut script = std::pin::pin!(script);
    let ran = loop {
        let tick = std::time::Duration::from_millis(100);
        match tokio::time::timeout(tick, script.as_mut()).await {
            Ok(ran) => break ran.expect("it did not panic"),
            Err(_) if ticks => aws.set_now(Utc::now()),
            Err(_) => {}
        }
    };
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{stderr}");
    serde_json::from_slice(&ran.stdout).expect("it prints JSON")
}
