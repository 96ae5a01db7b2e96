//! What faults do to a connection, seen byte by byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use lamplighter_local_aws::{Fault, FaultKind, Instance, LocalAws, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

async fn start() -> LocalAws {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let world = World::new(ACCOUNT, now).instance(ACCOUNT, REGION, Instance::new("i-1"));
    LocalAws::start(world).await.unwrap()
}

/// Sends one request to stop `i-1` and returns all that comes until the connection is closed.
async fn stop_instance(aws: &LocalAws) -> String {
    let address = aws.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "Action=StopInstances&InstanceId.1=i-1";
    let request = format!(
        "POST / HTTP/1.1\r\nhost: local\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/{REGION}/ec2/aws4_request, Signature=0\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed hard is an error, after what came before.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn state(aws: &LocalAws) -> &'static str {
    aws.with(|world| {
        world
            .find_instance(ACCOUNT, REGION, "i-1")
            .unwrap()
            .state
            .name()
    })
}

#[tokio::test]
async fn a_whole_answer_has_its_whole_length() {
    let aws = start().await;
    let answer = stop_instance(&aws).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    assert_eq!(state(&aws), "stopping");
    aws.advance(TimeDelta::seconds(30));
    assert_eq!(state(&aws), "stopped");
}

#[tokio::test]
async fn a_reset_sends_nothing() {
    let aws = start().await;
    aws.inject(Fault::new("ec2:StopInstances", FaultKind::Reset).nth(1));
    aws.inject(
        Fault::new("ec2:StopInstances", FaultKind::Reset)
            .nth(2)
            .after_effect(),
    );
    assert_eq!(stop_instance(&aws).await, "");
    assert_eq!(state(&aws), "running");
    assert_eq!(stop_instance(&aws).await, "");
    assert_eq!(state(&aws), "stopping");
    assert_eq!(
        aws.calls()
            .iter()
            .map(|call| call.status)
            .collect::<Vec<_>>(),
        [0, 0]
    );
}

#[tokio::test]
async fn a_truncated_answer_is_half_of_what_it_says() {
    let aws = start().await;
    aws.inject(Fault::new("ec2:StopInstances", FaultKind::Truncate).after_effect());
    let answer = stop_instance(&aws).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(length.parse::<usize>().unwrap() / 2, body.len());
    assert!(body.starts_with("<?xml"), "{body}");
    assert_eq!(state(&aws), "stopping");
}

#[tokio::test]
async fn a_stalled_answer_never_comes_and_ends_with_the_server() {
    let aws = start().await;
    aws.inject(Fault::new("ec2:*", FaultKind::Stall));
    let waiting = tokio::spawn({
        let aws = aws.clone();
        async move { stop_instance(&aws).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    assert_eq!(aws.calls().len(), 1);
    aws.stop().await;
    assert_eq!(waiting.await.unwrap(), "");
}

#[tokio::test]
async fn the_last_handle_ends_the_server() {
    let aws = start().await;
    let address = aws.endpoint().trim_start_matches("http://").to_owned();
    let clone = aws.clone();
    drop(aws);
    assert!(stop_instance(&clone).await.starts_with("HTTP/1.1 200 OK"));
    drop(clone);
    let closed = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .unwrap();
}
