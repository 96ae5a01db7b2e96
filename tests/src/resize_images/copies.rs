//! An upload, its duplicates, a replacement, a removal: the copies follow what is there.

use std::time::{Duration, Instant};

use lamplighter_local_aws::{Fault, FaultKind, StoredObject};
use serde_json::json;

use super::stage::*;
use crate::process::{LOOK_AGAIN, Process};

#[test]
fn an_upload_gets_a_copy_of_each_width() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    let config = format!("{CONFIG}cache_control = \"public, max-age=60\"\n");
    let run = run(&aws, &config, &event, &[]).code(0).json();
    assert_eq!(outcome(&run).0, "done", "{run}");
    assert_eq!(run["summary"]["done"], 3);
    let copies = copies(&aws);
    let keys: Vec<&String> = copies.keys().collect();
    assert_eq!(
        keys,
        [
            "resized/100/in/a+b ü.jpg",
            "resized/1000/in/a+b ü.jpg",
            "resized/64/in/a+b ü.jpg"
        ]
    );
    for copy in copies.values() {
        assert_eq!(copy.header_value("content-type"), Some("image/jpeg"));
        assert_eq!(
            copy.header_value("cache-control"),
            Some("public, max-age=60")
        );
        assert_eq!(copy.body[..3], [0xff, 0xd8, 0xff]);
    }
    assert!(all_current(&aws));
}

#[test]
fn the_type_of_the_copies_can_be_chosen() {
    let aws = account();
    let event = upload(&aws, "in/p.x/shot.PNG", &fixture("alpha.png"), "01");
    let config = format!("{CONFIG}format = \"webp\"\n");
    run(&aws, &config, &event, &[]).code(0);
    let copies = copies(&aws);
    let copy = &copies["resized/64/in/p.x/shot.webp"];
    assert_eq!(copy.header_value("content-type"), Some("image/webp"));
    assert_eq!(&copy.body[8..12], b"WEBP");
    assert_eq!(copies.len(), 3);
}

#[test]
fn a_dry_run_tells_what_would_be_stored_and_changes_nothing() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    aws.clear_calls();
    let run = run(&aws, WITH_STATE, &event, &["--dry-run"]).code(0).json();
    assert_eq!(outcome(&run).0, "planned");
    assert_eq!(run["summary"]["planned"], 3);
    assert_eq!(changes(&aws), [""; 0]);
    assert!(copies(&aws).is_empty());
    assert!(aws.with(|world| world.objects(STATE).is_empty()));
}

#[test]
fn an_event_that_comes_twice_stores_once_with_and_without_a_ledger() {
    for config in [CONFIG, WITH_STATE] {
        let aws = account();
        let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
        run(&aws, config, &event, &[]).code(0);
        let before = copies(&aws);
        aws.clear_calls();
        let again = run(&aws, config, &event, &[]).code(0).json();
        assert_eq!(outcome(&again).0, "ignored", "{again}");
        assert_eq!(copies(&aws), before);
        let puts = changes(&aws);
        assert!(
            !puts.iter().any(|call| call == "s3:DeleteObject"),
            "{puts:?}"
        );
    }
}

#[test]
fn a_copy_that_was_lost_is_made_again_and_the_others_are_left_alone() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    run(&aws, CONFIG, &event, &[]).code(0);
    let lost = format!("resized/100/{KEY}");
    aws.with(|world| world.remove_object(BUCKET, &lost));
    aws.clear_calls();
    run(&aws, CONFIG, &event, &[]).code(0);
    assert_eq!(changes(&aws), ["s3:PutObject"]);
    assert!(all_current(&aws));
    // Other settings make other copies.
    let other = format!("{CONFIG}quality = 30\n");
    let before = copies(&aws);
    run(&aws, &other, &event, &[]).code(0);
    let after = copies(&aws);
    assert!(
        before
            .iter()
            .all(|(key, copy)| after[key].body.len() < copy.body.len())
    );
}

#[test]
fn an_old_event_never_brings_an_older_copy_back() {
    for config in [CONFIG, WITH_STATE] {
        let aws = account();
        let first = upload(&aws, KEY, &fixture("plain.jpg"), "01");
        let second = upload(&aws, KEY, &fixture("large.jpg"), "02");
        // The newer one first; and the older one alone makes copies of what is there.
        for order in [[&second, &first], [&first, &second]] {
            for event in order {
                run(&aws, config, event, &[]).code(0);
                assert!(all_current(&aws), "{:?}", made_from(&aws));
            }
        }
    }
}

#[test]
fn copies_are_removed_with_their_source_only_where_that_is_asked_for_and_it_is_gone() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    run(&aws, CONFIG, &event, &[]).code(0);
    let removed = remove(&aws, KEY, "02");
    let kept = run(&aws, CONFIG, &removed, &[]).code(0).json();
    assert_eq!(
        outcome(&kept),
        (
            "ignored",
            "the object is gone; its 3 copies stay (`remove_copies` is off)"
        )
    );
    assert_eq!(copies(&aws).len(), 3);

    let removing = format!("{CONFIG}remove_copies = true\n");
    // It was put there again before the event came: the event is old, and the copies are made current.
    upload(&aws, KEY, &fixture("large.jpg"), "03");
    run(&aws, &removing, &removed, &[]).code(0);
    assert!(all_current(&aws));

    let removed = remove(&aws, KEY, "04");
    // Something at the place of a copy that is none.
    let foreign = format!("resized/64/{KEY}");
    aws.with(|world| world.put_object(BUCKET, &foreign, StoredObject::new("mine")));
    let gone = run(&aws, &removing, &removed, &[]).code(0).json();
    assert_eq!(gone["summary"]["done"], 2, "{gone}");
    assert_eq!(copies(&aws).into_keys().collect::<Vec<_>>(), [foreign]);
    // The late event of its upload makes no copies of nothing.
    run(&aws, &removing, &event, &[]).code(0);
    assert_eq!(copies(&aws).len(), 1);
}

#[test]
fn a_source_that_is_replaced_while_its_copies_are_written_is_worked_on_again() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    // The first write hangs, which leaves time to replace the source.
    aws.inject(Fault::new("s3:PutObject", FaultKind::Stall).nth(1));
    let config = CONFIG.replace("attempt_timeout_secs = 5", "attempt_timeout_secs = 2");
    let process = Process::start(program(&aws, &config, &event, &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !changes(&aws).iter().any(|call| call == "s3:PutObject") {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::sleep(LOOK_AGAIN);
    }
    let newer = upload(&aws, KEY, &fixture("odd.jpg"), "02");
    let ran = process.ended(Duration::from_secs(60)).code(4);
    let (what, why) = (
        outcome(&ran.json()).0.to_owned(),
        outcome(&ran.json()).1.to_owned(),
    );
    assert_eq!(what, "retry");
    assert!(why.contains("was replaced meanwhile"), "{why}");
    // Whichever event comes next, the copies are those of what is there.
    run(&aws, &config, &event, &[]).code(0);
    assert!(all_current(&aws));
    let last = run(&aws, &config, &newer, &[]).code(0).json();
    assert_eq!(outcome(&last).0, "ignored");
}

#[test]
fn a_plan_file_stores_copies_of_what_was_planned_and_of_nothing_else() {
    let aws = account();
    let event = upload(&aws, KEY, &fixture("plain.jpg"), "01");
    let planned = || {
        let program =
            crate::harness::Lamplighter::new(["plan", "resize-images", "--out", "plan.json"])
                .on(&aws)
                .config(CONFIG);
        let path = program.folder().join("event.json");
        std::fs::write(&path, event.to_string()).expect("the event is written");
        let ran = program.arg("--event").arg(path).run().code(0);
        std::fs::read_to_string(ran.folder.path().join("plan.json")).expect("the plan is written")
    };
    let apply = |plan: &str| {
        let program = crate::harness::Lamplighter::new(["apply", "plan.json", "--format", "json"])
            .on(&aws)
            .config(CONFIG);
        std::fs::write(program.folder().join("plan.json"), plan).expect("the plan is written");
        program.run()
    };
    let plan = planned();
    assert!(copies(&aws).is_empty());
    apply(&plan).code(0);
    assert!(all_current(&aws));

    let etag = etag(&aws, KEY);
    let plan = {
        aws.with(|world| world.remove_object(BUCKET, &format!("resized/64/{KEY}")));
        planned()
    };
    upload(&aws, KEY, &fixture("odd.jpg"), "02");
    let run = apply(&plan).code(4).json();
    assert_eq!(run["actions"][0]["outcome"], json!("failed"), "{run}");
    assert!(
        made_from(&aws).values().all(|source| *source == etag),
        "nothing new was stored"
    );
}
