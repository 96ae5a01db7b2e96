//! Other ways to write: copies and multipart uploads; and what is refused.

use super::*;

#[test]
fn a_body_that_was_damaged_is_refused() {
    let mut stage = stage();
    let trailer = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let streaming = [("content-encoding", "aws-chunked")];
    assert!(
        short(&stage.call("s3", "PUT", "/state/key", &streaming, trailer))
            .starts_with("400 BadDigest")
    );
    let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    assert!(
        short(&stage.call("s3", "PUT", "/state/key", &wrong, b"x")).starts_with("400 BadDigest")
    );
    let chunked = [("content-encoding", "aws-chunked")];
    assert!(
        short(&stage.call("s3", "PUT", "/state/key", &chunked, b"5\r\nhel"))
            .starts_with("400 IncompleteBody")
    );
    assert!(stage.state.world.keys("state").is_empty());
}

#[test]
fn copies_keep_or_replace_what_describes_them() {
    let mut stage = stage();
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-who", "me"),
        ("x-amz-tagging", "a=1&b=c+d"),
    ];
    put(&mut stage, "/state/a%2Bb%20c", &headers, b"hello");
    let from = ("x-amz-copy-source", "state/a%2Bb%20c");
    put(&mut stage, "/state/kept", &[from], b"");
    let kept = stage.state.world.object("state", "kept").unwrap();
    assert_eq!(kept.header_value("x-amz-meta-who"), Some("me"));
    assert_eq!(kept.tags[1], ("b".to_owned(), "c d".to_owned()));
    let replace = [
        from,
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-who", "you"),
    ];
    put(&mut stage, "/state/new", &replace, b"");
    let new = stage.state.world.object("state", "new").unwrap();
    assert_eq!(new.header_value("x-amz-meta-who"), Some("you"));
    assert_eq!(new.header_value("content-type"), None);
    for (target, header, expected) in [
        (
            "/state/kept",
            ("if-none-match", "*"),
            "412 PreconditionFailed",
        ),
        (
            "/state/x",
            ("x-amz-copy-source-if-match", "\"bad\""),
            "412 PreconditionFailed",
        ),
        ("/state/a%2Bb%20c", ("x-id", ""), "400 InvalidRequest"),
    ] {
        let answer = stage.call("s3", "PUT", target, &[from, header], b"");
        assert!(short(&answer).starts_with(expected), "{target}");
    }
    let missing = [("x-amz-copy-source", "state/none")];
    let answer = stage.call("s3", "PUT", "/state/x", &missing, b"");
    assert!(short(&answer).starts_with("404 NoSuchKey"));
}

#[test]
fn a_multipart_upload_becomes_one_object() {
    let mut stage = stage();
    let begun = stage.call(
        "s3",
        "POST",
        "/state/mp?uploads",
        &[("content-type", "image/jpeg")],
        b"",
    );
    let id = leaves(&body(&begun), "UploadId").remove(0);
    let large = vec![b'a'; 5 * 1024 * 1024];
    let mut etags = Vec::new();
    for (number, bytes) in [(1, large.as_slice()), (2, b"b")] {
        let target = format!("/state/mp?partNumber={number}&uploadId={id}");
        let sent = put(&mut stage, &target, &[], bytes);
        etags.push(header(&sent, "etag").unwrap().to_owned());
    }
    let list = body(&get(&mut stage, &format!("/state/mp?uploadId={id}"), &[]));
    assert_eq!(leaves(&list, "PartNumber"), ["1", "2"]);
    assert!(stage.state.world.keys("state").is_empty());
    let document = |order: [usize; 2]| {
        let parts = order.map(|place| {
            let (number, etag) = (place + 1, &etags[place]);
            format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>")
        });
        format!(
            "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
            parts.concat()
        )
    };
    let target = format!("/state/mp?uploadId={id}");
    let mut complete = |order, headers: &[(&str, &str)]| {
        let document = document(order);
        stage.call("s3", "POST", &target, headers, document.as_bytes())
    };
    assert!(short(&complete([1, 0], &[])).starts_with("400 InvalidPartOrder"));
    let done = complete([0, 1], &[("if-none-match", "*")]);
    assert_eq!(short(&done), "200");
    let etag = leaves(&body(&done), "ETag").remove(0);
    assert!(etag.ends_with("-2\""), "{etag}");
    // The client may not have read it.
    assert_eq!(
        body(&complete([0, 1], &[("if-none-match", "*")])),
        body(&done)
    );
    let object = stage.state.world.object("state", "mp").unwrap();
    assert_eq!(
        (object.body.len(), object.etag.as_str()),
        (5 * 1024 * 1024 + 1, etag.as_str())
    );
    assert_eq!(object.header_value("content-type"), Some("image/jpeg"));
}

#[test]
fn small_parts_and_aborted_uploads_are_refused() {
    let mut stage = stage();
    let begun = stage.call("s3", "POST", "/state/mp?uploads", &[], b"");
    let id = leaves(&body(&begun), "UploadId").remove(0);
    let mut parts = String::new();
    for number in [1, 2] {
        let target = format!("/state/mp?partNumber={number}&uploadId={id}");
        let sent = put(&mut stage, &target, &[], b"a");
        let etag = header(&sent, "etag").unwrap();
        parts += &format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>");
    }
    let target = format!("/state/mp?uploadId={id}");
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let answer = stage.call("s3", "POST", &target, &[], document.as_bytes());
    assert!(short(&answer).starts_with("400 EntityTooSmall"));
    assert_eq!(stage.state.world.uploads("state"), ["mp"]);
    assert_eq!(stage.call("s3", "DELETE", &target, &[], b"").status, 204);
    let target = format!("/state/mp?partNumber=1&uploadId={id}");
    let answer = stage.call("s3", "PUT", &target, &[], b"");
    assert!(short(&answer).starts_with("404 NoSuchUpload"));
}

#[test]
fn long_keys_and_large_metadata_are_refused() {
    let mut stage = stage();
    let long = "ü".repeat(513);
    let target = format!("/state/{}", percent_encode(&long));
    let answer = stage.call("s3", "PUT", &target, &[], b"");
    assert!(short(&answer).starts_with("400 KeyTooLongError"));
    let target = format!("/state/{}", percent_encode(&long[2..]));
    put(&mut stage, &target, &[], b"");
    let large = "x".repeat(2045);
    let answer = stage.call(
        "s3",
        "PUT",
        "/state/key",
        &[("x-amz-meta-much", &large)],
        b"",
    );
    assert!(short(&answer).starts_with("400 MetadataTooLarge"));
}
