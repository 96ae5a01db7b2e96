//! What is decided about each record.

use expect_test::{Expect, expect};
use lamplighter_aws::s3::Head;
use lamplighter_core::Action as _;

use super::*;
use crate::place::{Mark, Origin, metadata};
use lamplighter_images::{Limits, Wish, peek};

const BOMB: &[u8] = include_bytes!("../../../shared/images/fixtures/bomb.jpg");
const PHOTO: &[u8] = include_bytes!("../../../shared/images/fixtures/plain.jpg");

fn rules() -> Rules {
    Rules {
        output_bucket: None,
        output_prefix: "resized/".to_owned(),
        cache_control: None,
        removes_copies: false,
        max_bytes: 1_000_000,
        wish: Wish {
            widths: vec![480, 640],
            format: None,
            quality: 80,
            background: [255; 3],
            keeps_rights: false,
            limits: Limits {
                max_megapixels: 100,
                memory_bytes: 100_000_000,
            },
        },
    }
}

fn origin(etag: &str) -> Origin {
    Origin {
        bucket: "photos".to_owned(),
        key: "in/a.jpg".to_owned(),
        etag: etag.to_owned(),
        version_id: None,
    }
}

/// The mark of a copy with this eTag, made from this source.
fn mark(etag: &str, source: &Origin, width: u32) -> Mark {
    let recipe = recipe(&rules().wish, width);
    Mark::of(&Head {
        etag: etag.to_owned(),
        metadata: metadata(source, &recipe, "photos", "anywhere"),
        ..Head::default()
    })
}

fn copy(width: u32, found: Option<Mark>) -> Copy {
    Copy {
        width,
        bucket: "photos".to_owned(),
        key: format!("resized/{width}/in/a.jpg"),
        found,
    }
}

fn there(copies: Vec<Copy>) -> Source {
    Source {
        origin: origin("e2"),
        region: None,
        size: PHOTO.len() as u64,
        header: peek(PHOTO).map(|header| header.map(Box::new)),
        copies,
    }
}

fn seen(source: Source) -> Seen {
    Seen::There(Box::new(source))
}

fn check(seen: Seen, rules: &Rules, expected: Expect) {
    let inventory = Inventory {
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        sightings: vec![Sighting {
            record: "0".to_owned(),
            subject: "s3://photos/in/a.jpg".to_owned(),
            seen,
        }],
    };
    let plan = plan(&inventory, rules, DateTime::UNIX_EPOCH);
    let mut text = String::new();
    for decided in &plan.records {
        text += &format!("{} {:?}\n", decided.id, decided.decision);
    }
    for finding in &plan.findings {
        text += &format!("{}: {}\n", finding.rule, finding.message);
    }
    for action in &plan.actions {
        let precondition = action.precondition();
        text += &format!(
            "{} {}: {} {precondition}\n",
            action.name(),
            action.resource().arn,
            action.reason()
        );
    }
    expected.assert_eq(&text);
}

#[test]
fn a_new_image_gets_all_its_copies() {
    check(
        seen(there(vec![copy(480, None), copy(640, None)])),
        &rules(),
        expect![[r#"
            0 Act
            store-copy arn:aws:s3:::photos/resized/480/in/a.jpg: a copy of `s3://photos/in/a.jpg`, 480 pixels wide {"copy_etag":null,"source_etag":"e2","source_version":null}
            store-copy arn:aws:s3:::photos/resized/640/in/a.jpg: a copy of `s3://photos/in/a.jpg`, 640 pixels wide {"copy_etag":null,"source_etag":"e2","source_version":null}
        "#]],
    );
}

#[test]
fn a_copy_that_is_current_is_left_alone() {
    let current = || copy(480, Some(mark("c1", &origin("e2"), 480)));
    check(
        seen(there(vec![current()])),
        &rules(),
        expect![[r#"
        0 Ignore("all its copies are there, and current")
    "#]],
    );
    check(
        seen(there(vec![current(), copy(640, None)])),
        &rules(),
        expect![[r#"
            0 Act
            store-copy arn:aws:s3:::photos/resized/640/in/a.jpg: a copy of `s3://photos/in/a.jpg`, 640 pixels wide {"copy_etag":null,"source_etag":"e2","source_version":null}
        "#]],
    );
}

#[test]
fn a_copy_of_an_older_state_or_with_other_settings_is_replaced() {
    let older = copy(480, Some(mark("c1", &origin("e1"), 480)));
    let otherwise = copy(640, Some(mark("c2", &origin("e2"), 480)));
    check(
        seen(there(vec![older, otherwise])),
        &rules(),
        expect![[r#"
        0 Act
        store-copy arn:aws:s3:::photos/resized/480/in/a.jpg: a newer copy of `s3://photos/in/a.jpg`, 480 pixels wide {"copy_etag":"c1","source_etag":"e2","source_version":null}
        store-copy arn:aws:s3:::photos/resized/640/in/a.jpg: a newer copy of `s3://photos/in/a.jpg`, 640 pixels wide {"copy_etag":"c2","source_etag":"e2","source_version":null}
    "#]],
    );
}

#[test]
fn an_object_of_somebody_else_is_left_where_it_is() {
    let foreign = Mark::of(&Head {
        etag: "x".to_owned(),
        ..Head::default()
    });
    check(
        seen(there(vec![copy(480, Some(foreign)), copy(640, None)])),
        &rules(),
        expect![[r#"
            0 Act
            image-copy-place-taken: `s3://photos/resized/480/in/a.jpg` is no copy of `s3://photos/in/a.jpg`: another object is there, and is left alone.
            store-copy arn:aws:s3:::photos/resized/480/in/a.jpg: a copy of `s3://photos/in/a.jpg`, 480 pixels wide {"copy_etag":null,"source_etag":"e2","source_version":null}
            store-copy arn:aws:s3:::photos/resized/640/in/a.jpg: a copy of `s3://photos/in/a.jpg`, 640 pixels wide {"copy_etag":null,"source_etag":"e2","source_version":null}
        "#]],
    );
}

#[test]
fn what_cannot_be_resized_is_rejected_before_it_is_read() {
    let with = |start: &[u8]| Source {
        header: peek(start).map(|header| header.map(Box::new)),
        ..there(vec![copy(480, None)])
    };
    check(
        seen(with(BOMB)),
        &rules(),
        expect![[r#"
        0 Reject("`s3://photos/in/a.jpg` is 65500 x 65500 pixels, 4290.2 million; the most is 100 million (`max_source_megapixels`).")
        image-too-large: `s3://photos/in/a.jpg` is 65500 x 65500 pixels, 4290.2 million; the most is 100 million (`max_source_megapixels`).
    "#]],
    );
    check(
        seen(with(b"%PDF-1.7")),
        &rules(),
        expect![[r#"
        0 Reject("`s3://photos/in/a.jpg` is a PDF document; JPEG, PNG, GIF and WebP are resized.")
        image-type-unsupported: `s3://photos/in/a.jpg` is a PDF document; JPEG, PNG, GIF and WebP are resized.
    "#]],
    );
    let large = Source {
        size: 1_000_001,
        ..there(vec![copy(480, None)])
    };
    check(
        seen(large),
        &rules(),
        expect![[r#"
        0 Reject("`s3://photos/in/a.jpg` has 1000001 bytes; the most is 1000000 (`max_source_bytes`).")
        image-too-large: `s3://photos/in/a.jpg` has 1000001 bytes; the most is 1000000 (`max_source_bytes`).
    "#]],
    );
    let mut little = rules();
    little.wish.limits.memory_bytes = 5_000_000;
    check(
        seen(there(vec![copy(480, None)])),
        &little,
        expect![[r#"
        0 Reject("`s3://photos/in/a.jpg` is 160 x 120 pixels in 3 channels of 8 bits: decoding it would take about 9 MB, and 5 MB are there (`memory_mb`).")
        image-too-large: `s3://photos/in/a.jpg` is 160 x 120 pixels in 3 channels of 8 bits: decoding it would take about 9 MB, and 5 MB are there (`memory_mb`).
    "#]],
    );
    let mut long = there(vec![copy(480, None)]);
    long.copies[0].key = "x".repeat(1025);
    check(
        seen(long),
        &rules(),
        expect![[r#"
        0 Reject("The key of a copy of `s3://photos/in/a.jpg` would have 1025 bytes, S3 takes 1024.")
        image-key-too-long: The key of a copy of `s3://photos/in/a.jpg` would have 1025 bytes, S3 takes 1024.
    "#]],
    );
}

#[test]
fn the_copies_of_an_image_that_is_gone_are_removed_where_that_is_asked_for() {
    let gone = || Seen::Gone {
        bucket: "photos".to_owned(),
        key: "in/a.jpg".to_owned(),
        region: None,
        copies: vec![copy(480, Some(mark("c1", &origin("e1"), 480)))],
    };
    check(
        gone(),
        &rules(),
        expect![[r#"
        0 Ignore("the object is gone; its copy stays (`remove_copies` is off)")
    "#]],
    );
    let removing = Rules {
        removes_copies: true,
        ..rules()
    };
    check(
        gone(),
        &removing,
        expect![[r#"
        0 Act
        remove-copy arn:aws:s3:::photos/resized/480/in/a.jpg: its source `s3://photos/in/a.jpg` is gone {"copy_etag":"c1","source_etag":null}
    "#]],
    );
}

#[test]
fn what_could_not_be_seen_is_delivered_again_and_what_nobody_reads_is_kept() {
    check(
        Seen::Unread("it did not answer".to_owned()),
        &rules(),
        expect![[r#"
            0 Retry("it did not answer")
        "#]],
    );
    check(
        Seen::Refused("its key is no text".to_owned()),
        &rules(),
        expect![[r#"
            0 Reject("its key is no text")
            image-event-unreadable: its key is no text
        "#]],
    );
    check(
        Seen::Nothing("it stands for a folder".to_owned()),
        &rules(),
        expect![[r#"
            0 Ignore("it stands for a folder")
        "#]],
    );
}
