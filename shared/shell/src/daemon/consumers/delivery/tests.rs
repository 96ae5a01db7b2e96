use std::collections::BTreeMap;

use lamplighter_core::{RecordOutcome, RecordRow};
use serde_json::Map;

use super::*;

fn message(id: &str, receives: u32) -> Message {
    Message {
        id: id.to_owned(),
        receipt_handle: format!("receipt-{id}"),
        body: "{}".to_owned(),
        md5_of_body: String::new(),
        attributes: BTreeMap::from([("ApproximateReceiveCount".to_owned(), receives.to_string())]),
        message_attributes: Map::new(),
    }
}

fn row(id: &str, outcome: RecordOutcome) -> RecordRow {
    RecordRow {
        id: id.to_owned(),
        subject: "s3://b/k".to_owned(),
        outcome,
        reason: None,
        disposition: None,
    }
}

fn fates_of(rows: &[(&str, RecordOutcome)]) -> Vec<(String, Fate)> {
    let rows: Vec<RecordRow> = rows.iter().map(|(id, outcome)| row(id, *outcome)).collect();
    let fates = fates(&rows);
    let fates = fates.into_iter();
    fates.map(|(id, fate)| (id.to_owned(), fate)).collect()
}

#[test]
fn a_message_is_settled_only_when_all_of_its_records_are() {
    use RecordOutcome::{Done, Ignored, Planned, Quarantined, Retry};
    let fate = |outcomes: &[RecordOutcome]| {
        let ids: Vec<String> = (0..outcomes.len()).map(|at| format!("m/{at}")).collect();
        let rows: Vec<_> = ids
            .iter()
            .map(String::as_str)
            .zip(outcomes.iter().copied())
            .collect();
        fates_of(&rows)[0].1
    };
    assert_eq!(fate(&[Done]), Fate::Done);
    assert_eq!(fate(&[Ignored]), Fate::Ignored);
    assert_eq!(fate(&[Ignored, Done, Ignored]), Fate::Done);
    assert_eq!(fate(&[Done, Quarantined]), Fate::Quarantined);
    assert_eq!(fate(&[Quarantined, Retry, Done]), Fate::Again);
    assert_eq!(fate(&[Retry]), Fate::Again);
    assert_eq!(
        fate(&[Planned, Done]),
        Fate::Again,
        "what is planned is not done"
    );
}

#[test]
fn messages_are_told_apart_by_their_whole_id() {
    let fates = fates_of(&[
        ("a", RecordOutcome::Done),
        ("ab/0", RecordOutcome::Retry),
        ("b/0/1", RecordOutcome::Done),
    ]);
    let of = |id: &str| {
        fates
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, fate)| *fate)
    };
    assert_eq!(of("a"), Some(Fate::Done));
    assert_eq!(of("ab"), Some(Fate::Again));
    assert_eq!(of("b"), Some(Fate::Done));
    assert_eq!(of("c"), None);
}

#[test]
fn a_message_that_fails_again_comes_back_later_and_never_later_than_a_quarter_of_an_hour() {
    let mut before = Duration::ZERO;
    for receives in 1..=8 {
        let wait = back_off(&message("m-1", receives));
        assert!(wait > before, "receive {receives}: {wait:?}");
        before = wait;
    }
    for receives in [0, 9, 40, u32::MAX] {
        assert!(back_off(&message("m-1", receives)) <= LONGEST_BACK_OFF);
    }
    let waits: std::collections::BTreeSet<_> = (0..40)
        .map(|number| back_off(&message(&format!("m-{number}"), 9)))
        .collect();
    assert!(waits.len() > 3, "{waits:?}");
}
