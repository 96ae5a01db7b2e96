//! What keeps the function from resizing its own copies.

use lamplighter_local_aws::StoredObject;
use serde_json::json;

use super::stage::*;
use crate::harness::Lamplighter;

#[test]
fn a_source_that_holds_the_copies_is_refused_before_anything_runs() {
    let config = "[resize-images]\nsources = [\"s3://acme-photos\"]\n";
    let ran = Lamplighter::new(["check"]).config(config).run().code(2);
    assert!(
        ran.stderr.contains("each copy would be resized again"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_event_about_a_copy_is_acknowledged_and_nothing_more() {
    let aws = account();
    let copy = format!("resized/64/{KEY}");
    let event = upload(&aws, &copy, &fixture("plain.jpg"), "01");
    aws.clear_calls();
    let run = run(&aws, CONFIG, &event, &[]).code(0).json();
    assert_eq!(outcome(&run), ("ignored", "it lies where the copies are"));
    assert_eq!(changes(&aws), [""; 0]);
}

#[test]
fn a_copy_is_known_by_its_mark_where_the_prefix_was_changed_since() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    run(&aws, CONFIG, &event, &[]).code(0);
    let copy = format!("resized/64/{KEY}");
    let moved = CONFIG.replace("widths", "output_prefix = \"small/\"\nwidths");
    let event = created(&aws, &copy, "02");
    let ignored = run(&aws, &moved, &event, &[]).code(0).json();
    assert_eq!(
        outcome(&ignored),
        ("ignored", "it is a copy that this function wrote")
    );

    // A person who takes a copy, metadata and all, and makes it an image of its own gets its copies.
    let taken = copies(&aws)[&copy].clone();
    aws.with(|world| world.put_object(BUCKET, "in/cover.jpg", taken));
    let event = created(&aws, "in/cover.jpg", "03");
    let stored = run(&aws, CONFIG, &event, &[]).code(0).json();
    assert_eq!(outcome(&stored).0, "done");
}

#[test]
fn an_object_of_somebody_else_is_never_replaced_and_the_other_copies_are_stored() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    let place = format!("resized/100/{KEY}");
    aws.with(|world| world.put_object(BUCKET, &place, StoredObject::new("mine")));
    let run = run(&aws, WITH_STATE, &event, &[]).code(4).json();
    let (what, why) = outcome(&run);
    assert_eq!(what, "quarantined", "{run}");
    assert!(why.contains("another object is there"), "{why}");
    assert_eq!(run["findings"][0]["rule"], "image-copy-place-taken");
    let copies = copies(&aws);
    assert_eq!(copies[&place].body, b"mine");
    assert_eq!(copies.len(), 3);
}

#[test]
fn folders_and_test_events_are_acknowledged() {
    let aws = account();
    let folder = upload(&aws, "in/new/", b"", "01");
    let run_folder = run(&aws, CONFIG, &folder, &[]).code(0).json();
    assert_eq!(outcome(&run_folder).0, "ignored");
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T12:00:00.000Z",
        "Bucket": BUCKET, "RequestId": "x", "HostId": "y"});
    run(&aws, CONFIG, &test, &[]).code(0);
    assert!(copies(&aws).is_empty());
}
