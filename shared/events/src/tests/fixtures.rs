//! Each fixture beside the records it holds, in `fixtures/NAME.records`. SOURCE.md says where the shapes are from.

use super::{check, events, read, show};
use crate::{Envelope, Form, Happening, Kind, ObjectEvent, Work, deliver, objects_event};
use expect_test::expect_file;
use serde_json::{Value, json};

#[test]
fn every_fixture_and_sample_is_read_as_written_beside_it() {
    for (path, event) in events() {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let beside = format!("{}/fixtures/{name}.records", env!("CARGO_MANIFEST_DIR"));
        expect_file![beside].assert_eq(&show(&read(&event)));
    }
}

#[test]
fn the_payload_of_every_record_reads_again_to_the_same() {
    for (_, event) in events() {
        if Envelope::read(event.clone()).expect("an object").kind == Kind::Native {
            check(&event);
        }
    }
}

#[test]
fn the_awkward_key_is_the_same_object_in_every_envelope() {
    let mut found = 0;
    for (path, event) in events() {
        for record in read(&event).records {
            let Some(object) = record.object() else {
                continue;
            };
            if object.key.contains('ü') {
                assert_eq!(
                    object.url(),
                    "s3://uploads.example/in/a+b ü.jpg",
                    "{path:?}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn every_fixture_has_its_source() {
    let source = include_str!("../../fixtures/SOURCE.md");
    for (path, _) in events() {
        if path
            .parent()
            .is_some_and(|folder| folder.ends_with("fixtures"))
        {
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert!(source.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn a_list_of_objects_reads_back() {
    let listed = |key: &str, size| ObjectEvent {
        bucket: "b".to_owned(),
        key: key.to_owned(),
        decoded_key: None,
        size,
        etag: Some("e".to_owned()),
        version_id: None,
        sequencer: None,
        region: None,
        time: "2026-11-22T06:00:00Z".parse().ok(),
        name: "Listed".to_owned(),
    };
    let objects = [listed("in/a+b ü.jpg", Some(3)), listed("100%", None)];
    let delivery = check(&objects_event(&objects));
    assert_eq!(delivery.form, Form::Objects);
    let read: Vec<Happening> = delivery
        .records
        .into_iter()
        .map(|record| record.happening)
        .collect();
    assert_eq!(read, objects.map(Happening::Created));
}

#[test]
fn a_round_is_work_without_records() {
    let envelope = Envelope::default();
    let delivery = deliver(&envelope);
    assert_eq!(delivery.records, []);
    let work = Work::new(&envelope, delivery.records);
    assert_eq!((&work, work.records()), (&Work::Round, &[][..]));
    let event = Envelope::read(json!({"Records": []})).expect("an object");
    assert_eq!(
        Work::new(&event, deliver(&event).records).records().len(),
        1
    );
}

#[test]
fn what_is_read_can_be_written_down_in_a_plan() {
    for (_, event) in events() {
        for record in read(&event).records {
            if let Some(object) = record.object() {
                let written = serde_json::to_value(object).expect("JSON");
                let back: ObjectEvent = serde_json::from_value(written).expect("the same");
                assert_eq!(&back, object);
            }
        }
    }
}

#[test]
fn a_batch_task_keeps_its_job_s_arguments() {
    let event: Value =
        serde_json::from_str(include_str!("../../fixtures/batch-operations-2.json")).expect("JSON");
    for record in read(&event).records {
        assert_eq!(record.payload["job"]["userArguments"]["k1"], "v1");
        assert_eq!(record.payload["tasks"].as_array().map(Vec::len), Some(1));
    }
}
