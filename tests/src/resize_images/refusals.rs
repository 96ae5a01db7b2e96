//! What cannot be resized: told, kept, and never tried again.

use super::stage::*;

#[test]
fn what_is_no_image_is_quarantined_with_its_reason_and_without_reading_it_all() {
    let cases: [(&[u8], &str, &str); 5] = [
        (
            b"%PDF-1.7 ...",
            "image-type-unsupported",
            "is a PDF document",
        ),
        (
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "image-type-unsupported",
            "is an SVG document",
        ),
        (b"", "image-damaged", "is empty"),
        (
            &fixture("bomb.jpg"),
            "image-too-large",
            "65500 x 65500 pixels, 4290.2 million",
        ),
        (
            &fixture("bomb.png"),
            "image-too-large",
            "65535 x 65535 pixels",
        ),
    ];
    for (bytes, rule, words) in cases {
        let aws = account();
        let event = upload(&aws, "in/x.jpg", bytes, "01");
        let ran = run(&aws, WITH_STATE, &event, &[]).code(4).json();
        let (what, why) = outcome(&ran);
        assert_eq!(what, "quarantined", "{ran}");
        assert!(why.contains(words), "{why}");
        assert_eq!(ran["findings"][0]["rule"], rule);
        assert!(copies(&aws).is_empty());
        let kept = aws.with(|world| {
            let keys = world.keys(STATE).into_iter();
            keys.filter(|key| key.contains("/quarantine/resize-images/"))
                .count()
        });
        assert_eq!(kept, 1, "{words}");
    }
}

#[test]
fn an_image_that_ends_early_is_quarantined_and_no_half_copy_is_stored() {
    for name in [
        "large.jpg",
        "progressive.jpg",
        "deep.png",
        "animated.gif",
        "plain.webp",
    ] {
        let aws = account();
        let bytes = fixture(name);
        let event = upload(&aws, "in/x", &bytes[..bytes.len() * 2 / 3], "01");
        let ran = run(&aws, WITH_STATE, &event, &[]).code(4).json();
        let (what, why) = outcome(&ran);
        assert_eq!(what, "quarantined", "{name}: {ran}");
        assert!(
            why.contains("ends early") || why.contains("does not decode"),
            "{name}: {why}"
        );
        assert!(copies(&aws).is_empty(), "{name}");
    }
}

#[test]
fn the_others_of_an_event_are_worked_on_all_the_same() {
    let aws = account();
    let mut event = upload(&aws, "in/bad.jpg", b"%PDF-1.7", "01");
    let good = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    let records = event["Records"].as_array_mut().expect("a list");
    records.push(good["Records"][0].clone());
    let ran = run(&aws, WITH_STATE, &event, &[]).code(4).json();
    let outcomes: Vec<&str> = ran["records"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|record| record["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["quarantined", "done"]);
    assert!(all_current(&aws));
}

#[test]
fn a_key_whose_copies_would_not_fit_into_s3_is_told() {
    let aws = account();
    let key = format!("in/{}.jpg", "k".repeat(1024 - 7));
    let event = upload(&aws, &key, &fixture("plain.jpg"), "01");
    let ran = run(&aws, WITH_STATE, &event, &[]).code(4).json();
    assert_eq!(outcome(&ran).0, "quarantined");
    assert_eq!(ran["findings"][0]["rule"], "image-key-too-long");
}

#[test]
fn without_a_place_to_keep_it_what_cannot_be_resized_is_left_to_the_queue() {
    let aws = account();
    let event = upload(&aws, "in/x.jpg", b"%PDF-1.7", "01");
    let ran = run(&aws, CONFIG, &event, &[]).code(4).json();
    let (what, why) = outcome(&ran);
    assert_eq!(what, "retry");
    assert!(why.contains("is a PDF document"), "{why}");
    assert!(why.contains("no [state]"), "{why}");
}
