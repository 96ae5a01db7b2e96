use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::{RecordOutcome, RecordRow};
use serde_json::Map;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::daemon::keeper::News;
use crate::daemon::keeper_tests::entry;
use crate::daemon::places::Places;
use crate::settings::Settings;

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
        not_before: None,
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

#[test]
fn what_somebody_else_holds_comes_when_he_must_have_lost_it_and_not_before() {
    let at = |second| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(second);
    let rows = [
        ("m/0", None),
        ("m/1", Some(at(360))),
        ("m/2", Some(at(90))),
        ("n/0", None),
    ]
    .map(|(id, not_before)| RecordRow {
        not_before,
        ..row(id, RecordOutcome::Retry)
    });
    let held = held(&rows);
    let wait = |id, receives, now| {
        let message = message(id, receives);
        wait_of(&message, held.get(id), at(now)).as_secs()
    };
    assert_eq!(
        wait("m", 1, 0),
        362,
        "the longest of its records, and a little"
    );
    assert_eq!(wait("m", 1, 340), 22);
    let usual = |id, receives| back_off(&message(id, receives)).as_secs();
    assert_eq!(wait("m", 1, 400), usual("m", 1), "it has lost it");
    assert_eq!(wait("m", 9, 340), usual("m", 9), "it also failed often");
    assert_eq!(wait("n", 1, 0), usual("n", 1), "nobody holds it");
    let longest = wait_of(&message("m", 1), Some(&at(1_000_000)), at(0));
    assert!(longest < Duration::from_secs(12 * 3_600), "{longest:?}");
}

#[test]
fn a_delivery_that_panics_is_told_and_is_in_work_no_more() {
    let config = Config::load(&Sources::default()).map_err(|errors| errors.render(false));
    let settings = Settings::new(config.expect("the defaults are sound"), Options::default());
    let settings = watch::Sender::new(Arc::new(settings));
    let paused = watch::Sender::new(false);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (sender, inbox) = std::sync::mpsc::channel();
    let in_work = Arc::new(AtomicUsize::new(5));
    let shared = Arc::new(Shared {
        entry: entry("archive-mail"),
        queue: lamplighter_config::Queue {
            url: "https://sqs.eu-west-1.amazonaws.com/111122223333/q".to_owned(),
            region: None,
            account: "111122223333".to_owned(),
            name: "q".to_owned(),
        },
        places: 1,
        settings: settings.subscribe(),
        paused: paused.subscribe(),
        stop: CancellationToken::new(),
        cancel: CancellationToken::new(),
        in_work: Arc::clone(&in_work),
        failures: AtomicUsize::default(),
        all_places: Places::new(1),
        runs: runtime.handle().clone(),
        sender,
    });
    let of_task = Arc::clone(&shared);
    let task = runtime.spawn(async move {
        let _in_work = InWork {
            shared: &of_task,
            messages: 3,
            begun: Some(begun(&of_task)),
        };
        panic!("beside the run")
    });
    let panicked = runtime.block_on(task).map(|()| "it ended");
    panicked.expect_err("it panics");
    assert_eq!(
        in_work.load(Ordering::Relaxed),
        2,
        "those of another delivery"
    );
    assert_eq!(shared.failures.load(Ordering::Relaxed), 1);
    let Ok(News::Queue(news)) = inbox.try_recv() else {
        panic!("nobody was told");
    };
    assert_eq!(news.in_work, 2);
    let QueueEvent::Delivered { run, counts } = news.what else {
        panic!("a delivery has ended");
    };
    assert_eq!(run.outcome, Some(Outcome::Panicked));
    assert_eq!(
        (counts.retried, counts.failed, counts.deliveries),
        (3, 1, 1)
    );
}
