//! Versions and delete markers.

use super::*;

#[test]
fn versions_are_kept_and_markers_hide_them() {
    let mut stage = Stage::new(world().bucket(ACCOUNT, REGION, "state"));
    let before = put(&mut stage, "/state/key", &[], b"0");
    assert_eq!(header(&before, "x-amz-version-id"), None);
    let on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    put(&mut stage, "/state?versioning", &[], on);
    let first = put(&mut stage, "/state/key", &[], b"1");
    let second = put(&mut stage, "/state/key", &[], b"2");
    let id = |answer: &Response| header(answer, "x-amz-version-id").unwrap().to_owned();
    let (first, second) = (id(&first), id(&second));
    assert_ne!(first, second);
    let deleted = stage.call("s3", "DELETE", "/state/key", &[], b"");
    assert_eq!(header(&deleted, "x-amz-delete-marker"), Some("true"));
    let marker = id(&deleted);
    let gone = get(&mut stage, "/state/key", &[]);
    assert!(short(&gone).starts_with("404 NoSuchKey"));
    assert_eq!(header(&gone, "x-amz-delete-marker"), Some("true"));
    for (version, expected) in [(&first, b"1"), (&second, b"2"), (&"null".to_owned(), b"0")] {
        let answer = get(&mut stage, &format!("/state/key?versionId={version}"), &[]);
        assert_eq!(answer.body, expected);
    }
    let marked = get(&mut stage, &format!("/state/key?versionId={marker}"), &[]);
    assert!(short(&marked).starts_with("405 MethodNotAllowed"));

    stage.state.world.set_page_size(Some(3));
    let list = body(&get(&mut stage, "/state?versions", &[]));
    assert_eq!(
        leaves(&list, "VersionId"),
        [marker.clone(), second.clone(), first.clone()]
    );
    assert_eq!(leaves(&list, "IsLatest"), ["true", "false", "false"]);
    assert_eq!(leaves(&list, "NextVersionIdMarker"), [first.as_str()]);
    let target = format!("/state?versions&key-marker=key&version-id-marker={first}");
    let list = body(&get(&mut stage, &target, &[]));
    assert_eq!(leaves(&list, "VersionId"), ["null"]);

    let target = format!("/state/key?versionId={marker}");
    assert_eq!(stage.call("s3", "DELETE", &target, &[], b"").status, 204);
    assert_eq!(get(&mut stage, "/state/key", &[]).body, b"2");
    let unknown = get(&mut stage, &format!("/state/key?versionId={marker}"), &[]);
    assert!(short(&unknown).starts_with("404 NoSuchVersion"));
    let nonsense = get(&mut stage, "/state/key?versionId=nope", &[]);
    assert!(short(&nonsense).starts_with("400 InvalidArgument"));
}

#[test]
fn a_condition_counts_a_marked_key_as_absent() {
    let mut stage = Stage::new(world().bucket(ACCOUNT, REGION, "state").versioned("state"));
    put(&mut stage, "/state/key", &[("if-none-match", "*")], b"1");
    stage.call("s3", "DELETE", "/state/key", &[], b"");
    put(&mut stage, "/state/key", &[("if-none-match", "*")], b"2");
    assert_eq!(stage.state.world.versions("state", "key").len(), 3);
}
