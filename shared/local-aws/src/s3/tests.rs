//! The protocol, request by request.

use super::conditions;
use super::*;
use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, short, world};

fn stage() -> Stage {
    Stage::new(world().bucket(ACCOUNT, REGION, "state"))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let mut stage = stage();
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-who", "me"),
        ("content-encoding", "aws-chunked,gzip"),
    ];
    let chunks = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let put = stage.call(
        "s3",
        "PUT",
        "/state/a%20b/%C3%BC?x-id=PutObject",
        &headers,
        chunks,
    );
    // md5 of `hello`
    assert_eq!(
        header(&put, "etag"),
        Some("\"5d41402abc4b2a76b9719d911017c592\"")
    );
    let got = stage.call("s3", "GET", "/state/a%20b/%C3%BC?x-id=GetObject", &[], b"");
    assert_eq!(got.body, b"hello");
    assert_eq!(header(&got, "content-type"), Some("text/plain"));
    assert_eq!(header(&got, "content-encoding"), Some("gzip"));
    assert_eq!(header(&got, "x-amz-meta-who"), Some("me"));
    assert_eq!(
        header(&got, "last-modified"),
        Some("Fri, 04 Oct 2024 00:00:00 GMT")
    );
    let head = stage.call("s3", "HEAD", "/state/a%20b/%C3%BC", &[], b"");
    assert_eq!(
        (head.body.len(), header(&head, "content-length")),
        (0, Some("5"))
    );
    assert_eq!(
        stage
            .call("s3", "DELETE", "/state/a%20b/%C3%BC", &[], b"")
            .status,
        204
    );
    assert_eq!(
        short(&stage.call("s3", "GET", "/state/a%20b/%C3%BC", &[], b"")),
        "404 NoSuchKey: The specified key does not exist."
    );
}

#[test]
fn conditional_writes() {
    let mut stage = stage();
    let mut put = |key: &str, headers: &[(&str, &str)]| {
        short(&stage.call("s3", "PUT", &format!("/state/{key}"), headers, b"hello"))
    };
    let failed =
        "412 PreconditionFailed: At least one of the pre-conditions you specified did not hold";
    assert_eq!(put("once", &[("if-none-match", "*")]), "200");
    assert_eq!(put("once", &[("if-none-match", "*")]), failed);
    assert_eq!(put("once", &[("if-match", "\"deadbeef\"")]), failed);
    assert_eq!(
        put(
            "once",
            &[("if-match", "\"5d41402abc4b2a76b9719d911017c592\"")]
        ),
        "200"
    );
    assert!(put("absent", &[("if-match", "\"deadbeef\"")]).starts_with("404 NoSuchKey"));
    let same = [("if-none-match", "\"5d41402abc4b2a76b9719d911017c592\"")];
    assert_eq!(
        stage.call("s3", "GET", "/state/once", &same, b"").status,
        304
    );
    let delete = stage.call(
        "s3",
        "DELETE",
        "/state/once",
        &[("if-match", "\"deadbeef\"")],
        b"",
    );
    assert_eq!(short(&delete), failed);
}

#[test]
fn listings_come_in_pages() {
    let mut stage = stage();
    for key in ["a/1", "a/2", "a/3 +", "b/1"] {
        stage.state.world.store_object("state", key, b"x");
    }
    stage.state.world.set_page_size(Some(2));
    let first = body(&stage.call(
        "s3",
        "GET",
        "/state?list-type=2&prefix=a%2F&encoding-type=url",
        &[],
        b"",
    ));
    assert_eq!(leaves(&first, "Key"), ["a/1", "a/2"]);
    assert_eq!(leaves(&first, "IsTruncated"), ["true"]);
    let token = percent_encode(&leaves(&first, "NextContinuationToken")[0]);
    let target =
        format!("/state?list-type=2&prefix=a%2F&encoding-type=url&continuation-token={token}");
    let second = body(&stage.call("s3", "GET", &target, &[], b""));
    assert_eq!(leaves(&second, "Key"), ["a/3%20%2B"]);
    assert_eq!(leaves(&second, "IsTruncated"), ["false"]);
}

#[test]
fn buckets_are_where_and_whose_they_are() {
    let mut stage = Stage::new(
        world()
            .account("210987654321")
            .bucket("210987654321", REGION, "theirs")
            .bucket(ACCOUNT, "us-east-1", "far"),
    );
    let mut get =
        |bucket: &str| short(&stage.call("s3", "GET", &format!("/{bucket}/key"), &[], b""));
    assert_eq!(
        get("none"),
        "404 NoSuchBucket: The specified bucket does not exist"
    );
    assert_eq!(get("theirs"), "403 AccessDenied: Access Denied");
    assert_eq!(get("far"), "301");
    assert_eq!(short(&stage.call("s3", "PUT", "/new", &[], b"")), "200");
    assert!(
        short(&stage.call("s3", "PUT", "/new", &[], b""))
            .starts_with("409 BucketAlreadyOwnedByYou")
    );
    assert!(
        short(&stage.call("s3", "PUT", "/theirs", &[], b""))
            .starts_with("409 BucketAlreadyExists")
    );
}

#[test]
fn what_is_not_simulated_is_refused() {
    let mut stage = stage();
    for (method, target, headers) in [
        ("GET", "/state?versioning", vec![]),
        ("GET", "/state?list-type=2&delimiter=%2F", vec![]),
        ("PUT", "/state/key?tagging", vec![]),
        (
            "PUT",
            "/state/key",
            vec![("x-amz-copy-source", "/state/other")],
        ),
        ("GET", "/state/key", vec![("range", "bytes=0-1")]),
        ("GET", "/", vec![]),
    ] {
        let answer = stage.call("s3", method, target, &headers, b"");
        assert_eq!(answer.status, 501, "{method} {target}");
    }
}

#[test]
fn a_body_that_was_damaged_is_refused() {
    let mut stage = stage();
    let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    assert!(
        short(&stage.call("s3", "PUT", "/state/key", &wrong, b"x"))
            .starts_with("400 BadDigest")
    );
    let chunked = [("content-encoding", "aws-chunked")];
    assert!(
        short(&stage.call("s3", "PUT", "/state/key", &chunked, b"5\r\nhel"))
            .starts_with("400 IncompleteBody")
    );
    assert!(stage.state.world.keys("state").is_empty());
}