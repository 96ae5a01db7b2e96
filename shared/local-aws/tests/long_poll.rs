//! Long polls: they wait in real time, and end when there is something to tell, when their time is up, or with the
//! server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use lamplighter_local_aws::{LocalAws, Notification, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:work";

async fn start() -> LocalAws {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let world = World::new(ACCOUNT, now)
        .bucket(ACCOUNT, REGION, "uploads")
        .queue(ACCOUNT, REGION, "work");
    LocalAws::start(world).await.unwrap()
}

/// Waits up to this long for a message, and returns the whole answer; empty if the connection was closed.
async fn receive(aws: &LocalAws, seconds: u32) -> String {
    let address = aws.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = format!(
        "{{\"QueueUrl\":\"http://{address}/{ACCOUNT}/work\",\"WaitTimeSeconds\":{seconds}}}"
    );
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nx-amz-target: AmazonSQS.ReceiveMessage\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/{REGION}/sqs/aws4_request, Signature=0\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed hard is an error, after what came before.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// A poll for 20 seconds that has reached the server and waits there.
async fn waiting(aws: &LocalAws) -> JoinHandle<String> {
    let waiting = tokio::spawn({
        let aws = aws.clone();
        async move { receive(&aws, 20).await }
    });
    while aws.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    waiting
}

/// What a poll that is over has answered.
async fn answer(waiting: JoinHandle<String>) -> String {
    let soon = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    soon.unwrap().unwrap()
}

#[tokio::test]
async fn a_poll_ends_when_a_message_arrives() {
    let aws = start().await;
    let poll = waiting(&aws).await;
    aws.with(|world| world.send_message(QUEUE, "hello"));
    assert!(answer(poll).await.contains("\"Body\":\"hello\""));
    assert_eq!(aws.calls().len(), 1);
}

#[tokio::test]
async fn a_poll_ends_when_an_upload_makes_an_event() {
    let aws = start().await;
    let wanted = Notification::to(QUEUE, &["s3:ObjectCreated:*"]);
    aws.with(|world| world.add_notification("uploads", wanted));
    aws.with(|world| world.purge(QUEUE));
    let poll = waiting(&aws).await;
    aws.with(|world| world.store_object("uploads", "a b", b"x"));
    assert!(answer(poll).await.contains("\\\"key\\\":\\\"a+b\\\""));
}

#[tokio::test]
async fn a_poll_ends_when_time_makes_a_message_visible() {
    let aws = start().await;
    aws.with(|world| world.send_message(QUEUE, "again"));
    assert!(receive(&aws, 0).await.contains("again"));
    aws.clear_calls();
    let poll = waiting(&aws).await;
    aws.advance(TimeDelta::seconds(30));
    assert!(answer(poll).await.contains("\"Body\":\"again\""));
}

#[tokio::test]
async fn a_poll_ends_with_nothing_when_its_time_is_up() {
    let aws = start().await;
    let began = Instant::now();
    let answer = receive(&aws, 1).await;
    assert!(answer.ends_with("\r\n\r\n{}"), "{answer}");
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_poll_ends_with_the_server() {
    let aws = start().await;
    let poll = waiting(&aws).await;
    aws.stop().await;
    assert_eq!(answer(poll).await, "");
}
