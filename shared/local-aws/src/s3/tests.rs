//! The protocol, request by request.

mod events;
mod uploads;
mod versions;

use super::*;
use crate::fault::{Fault, FaultKind};
use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, short, world};
use crate::wire::percent_encode;

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

fn put(stage: &mut Stage, target: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Response {
    let answer = stage.call("s3", "PUT", target, headers, bytes);
    assert_eq!(short(&answer), "200", "{target}");
    answer
}

fn get(stage: &mut Stage, target: &str, headers: &[(&str, &str)]) -> Response {
    stage.call("s3", "GET", target, headers, b"")
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let mut stage = stage();
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-who", "me"),
        ("content-encoding", "aws-chunked,gzip"),
    ];
    let chunks = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
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
        short(&stage.call("s3", "PUT", "/theirs", &[], b"")).starts_with("409 BucketAlreadyExists")
    );
}

#[test]
fn what_is_not_simulated_is_refused() {
    let mut stage = stage();
    for (method, target, headers) in [
        ("GET", "/state?acl", vec![]),
        ("GET", "/state", vec![]),
        ("GET", "/state?list-type=2&unknown", vec![]),
        ("PUT", "/state/key", vec![("x-amz-acl", "public-read")]),
        (
            "PUT",
            "/state/key?partNumber=1&uploadId=u",
            vec![("x-amz-copy-source", "/state/other")],
        ),
        ("PUT", "/state/key", vec![("x-amz-checksum-sha1", "AAAA")]),
        ("GET", "/state/key?torrent", vec![]),
        ("GET", "/", vec![]),
    ] {
        let answer = stage.call("s3", method, target, &headers, b"");
        assert_eq!(answer.status, 501, "{method} {target}");
    }
}

#[test]
fn ranges_are_answered_as_parts() {
    let mut stage = stage();
    put(&mut stage, "/state/key", &[], b"0123456789");
    let part = get(&mut stage, "/state/key", &[("range", "bytes=2-4")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &b"234"[..]));
    assert_eq!(header(&part, "content-range"), Some("bytes 2-4/10"));
    assert_eq!(
        get(&mut stage, "/state/key", &[("range", "bytes=-3")]).body,
        b"789"
    );
    assert_eq!(
        get(&mut stage, "/state/key", &[("range", "bytes=7-")]).body,
        b"789"
    );
    let none = get(&mut stage, "/state/key", &[("range", "bytes=10-")]);
    assert!(short(&none).starts_with("416 InvalidRange"));
    assert_eq!(header(&none, "content-range"), Some("bytes */10"));
    let head = stage.call("s3", "HEAD", "/state/key", &[("range", "bytes=0-0")], b"");
    assert_eq!(
        (head.status, header(&head, "content-length")),
        (206, Some("1"))
    );
}

#[test]
fn a_conflict_can_be_injected_and_has_no_effect() {
    let mut stage = stage();
    let conflict = FaultKind::Answer(409, "ConditionalRequestConflict");
    stage.inject(Fault::new("s3:PutObject", conflict).first(1));
    let once = [("if-none-match", "*")];
    let answer = stage.call("s3", "PUT", "/state/key", &once, b"1");
    assert!(short(&answer).starts_with("409 ConditionalRequestConflict"));
    assert!(stage.state.world.keys("state").is_empty());
    put(&mut stage, "/state/key", &once, b"1");
}

#[test]
fn reads_take_conditions_on_time_and_etag() {
    let mut stage = stage();
    put(&mut stage, "/state/key", &[], b"hello");
    let written = "Fri, 04 Oct 2024 00:00:00 GMT";
    let before = "Thu, 03 Oct 2024 00:00:00 GMT";
    for (headers, expected) in [
        (vec![("if-match", "\"deadbeef\"")], 412),
        (vec![("if-match", "\"deadbeef\", *")], 200),
        (vec![("if-modified-since", written)], 304),
        (vec![("if-modified-since", before)], 200),
        (vec![("if-unmodified-since", before)], 412),
        (vec![("if-unmodified-since", written)], 200),
        (vec![("if-modified-since", "yesterday")], 200),
    ] {
        let answer = get(&mut stage, "/state/key", &headers);
        assert_eq!(answer.status, expected, "{headers:?}");
    }
    let unchanged = get(&mut stage, "/state/key", &[("if-none-match", "*")]);
    assert!(unchanged.status == 304 && unchanged.body.is_empty());
    assert!(header(&unchanged, "etag").is_some());
}

#[test]
fn tags_are_read_written_and_limited() {
    let mut stage = stage();
    put(&mut stage, "/state/key", &[("x-amz-tagging", "k=v")], b"");
    let list = body(&get(&mut stage, "/state/key?tagging", &[]));
    assert_eq!(
        (leaves(&list, "Key"), leaves(&list, "Value")),
        (vec!["k".to_owned()], vec!["v".to_owned()])
    );
    let set = b"<Tagging><TagSet><Tag><Key>a &amp; b</Key><Value/></Tag></TagSet></Tagging>";
    put(&mut stage, "/state/key?tagging", &[], set);
    let list = body(&get(&mut stage, "/state/key?tagging", &[]));
    assert_eq!(leaves(&list, "Key"), ["a & b"]);
    let many: Vec<String> = (0..11).map(|number| format!("k{number}=v")).collect();
    let answer = stage.call(
        "s3",
        "PUT",
        "/state/key",
        &[("x-amz-tagging", &many.join("&"))],
        b"",
    );
    assert!(short(&answer).starts_with("400 BadRequest"));
}

#[test]
fn listings_fold_what_is_below_a_delimiter() {
    let mut stage = stage();
    for key in ["a", "l/0/x", "l/0/y", "l/1/x", "l/2", "l/3/x"] {
        stage.state.world.store_object("state", key, b"");
    }
    stage.state.world.set_page_size(Some(2));
    let target = "/state?list-type=2&prefix=l%2F&delimiter=%2F";
    let first = body(&get(&mut stage, target, &[]));
    assert_eq!(leaves(&first, "Prefix"), ["l/", "l/0/", "l/1/"]);
    let token = percent_encode(&leaves(&first, "NextContinuationToken")[0]);
    let second = body(&get(
        &mut stage,
        &format!("{target}&continuation-token={token}"),
        &[],
    ));
    assert_eq!(leaves(&second, "Key"), ["l/2"]);
    assert_eq!(leaves(&second, "Prefix"), ["l/", "l/3/"]);
    assert_eq!(leaves(&second, "IsTruncated"), ["false"]);
}

#[test]
fn a_presigned_link_ends_with_its_time() {
    let mut stage = stage();
    put(
        &mut stage,
        "/state/key",
        &[("content-type", "text/html")],
        b"hello",
    );
    let link = "/state/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20241004%2Feu-west-1%2Fs3%2F\
                aws4_request&X-Amz-Date=20241004T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0\
                &response-content-disposition=attachment&x-id=GetObject";
    let answer = stage.unsigned("GET", link);
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(header(&answer, "content-disposition"), Some("attachment"));
    stage.wait(60);
    assert_eq!(stage.unsigned("GET", link).status, 200);
    stage.wait(1);
    assert_eq!(
        short(&stage.unsigned("GET", link)),
        "403 AccessDenied: Request has expired"
    );
    assert_eq!(stage.unsigned("GET", "/state/key").status, 403);
}

#[test]
fn what_is_archived_is_not_served() {
    let mut stage = stage();
    put(
        &mut stage,
        "/state/key",
        &[("x-amz-storage-class", "GLACIER")],
        b"x",
    );
    assert!(short(&get(&mut stage, "/state/key", &[])).starts_with("403 InvalidObjectState"));
    let head = stage.call("s3", "HEAD", "/state/key", &[], b"");
    assert_eq!(header(&head, "x-amz-storage-class"), Some("GLACIER"));
}

#[test]
fn several_objects_go_in_one_request() {
    let mut stage = stage();
    stage.state.world.store_object("state", "a", b"");
    stage.state.world.store_object("state", "b", b"");
    let document =
        b"<Delete><Object><Key>a</Key></Object><Object><Key>never</Key></Object></Delete>";
    let answer = stage.call("s3", "POST", "/state?delete", &[], document);
    assert_eq!(leaves(&body(&answer), "Key"), ["a", "never"]);
    let full = stage.call("s3", "DELETE", "/state", &[], b"");
    assert!(short(&full).starts_with("409 BucketNotEmpty"));
    stage.call("s3", "DELETE", "/state/b", &[], b"");
    assert_eq!(stage.call("s3", "DELETE", "/state", &[], b"").status, 204);
}
