//! The bootstraps of the event functions through their events: each way in, delivered twice, one after another, and
//! batches with a record that is damaged.

use serde_json::{Value, json};

use super::stages::{Played, batch, event_functions, now};
use crate::parity::{comparable, similar};

/// A run's records: what each is about, and what became of it.
fn records(run: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let rows = run["records"].as_array().expect("a list").iter();
    rows.map(|row| (text(row, "subject"), text(row, "outcome")))
        .collect()
}

/// The same from what a Lambda logged, for answers that hold no run.
fn logged(stderr: &str) -> Vec<(String, String)> {
    let lines = stderr.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        text("record")?;
        Some((text("subject")?, text("outcome")?))
    });
    lines.collect()
}

#[test]
fn each_event_is_in_lambda_what_it_is_by_hand() {
    let now = now();
    for stage in event_functions() {
        for (name, make) in stage.events {
            let what = format!("{} of {name}", stage.function);
            let by_hand = stage.at(now);
            let event = make(&by_hand, "first");
            let hand = by_hand.by_hand(&event);

            let played = stage.at(now);
            let lambda = played.lambda();
            assert_eq!(make(&played, "first"), event, "the accounts are equal");
            let answer = lambda.invoke(&event).response();
            lambda.end();
            assert_eq!(answer["status"], "ok", "{what}: {answer:#}");
            let run = answer["data"].clone();
            assert_eq!(records(&run).len(), 1, "{what}: {run:#}");
            assert_eq!(by_hand.changes(), played.changes(), "{what}");
            similar(&comparable(hand), &comparable(run), &what);
        }
    }
}

#[test]
fn an_event_that_is_delivered_twice_is_done_once() {
    for stage in event_functions() {
        let make = stage.events[0].1;
        let played = stage.at(now());
        let event = make(&played, "first");
        let lambda = played.lambda();
        let first = lambda.invoke(&event).response();
        assert_eq!(records(&first["data"])[0].1, "done", "{first:#}");
        let done = played.changes();
        for again in [lambda, played.lambda()] {
            let answer = again.invoke(&event).response();
            again.end();
            assert_eq!(answer["status"], "ok", "{}: {answer:#}", stage.function);
            assert_eq!(answer["data"]["summary"]["done"], 0, "{answer:#}");
            assert_eq!(played.changes(), done, "{}", stage.function);
        }
    }
}

#[test]
fn a_warm_process_keeps_nothing_of_one_event_for_the_next() {
    let now = now();
    for stage in event_functions() {
        let function = stage.function;
        let make = stage.events[0].1;
        let played = stage.at(now);
        let (first, second) = (make(&played, "first"), make(&played, "second"));
        let mut lambda = played.lambda();
        let one = lambda.invoke(&first).response();
        let other = lambda.invoke(&second).response();
        assert!(lambda.is_warm());
        lambda.end();
        let subjects = [&one, &other].map(|answer| records(&answer["data"])[0].0.clone());
        assert_ne!(subjects[0], subjects[1], "{function}");
        let run_id = one["data"]["run_id"].as_str().expect("an id");
        let text = other.to_string();
        for of_the_first in [subjects[0].as_str(), run_id] {
            assert!(
                !text.contains(of_the_first),
                "{function}: {of_the_first} in {text}"
            );
        }
        // What the second one is alone in its process.
        let alone = stage.at(now);
        make(&alone, "first");
        assert_eq!(make(&alone, "second"), second);
        let fresh = alone.lambda();
        let expected = fresh.invoke(&second).response();
        fresh.end();
        let runs = [expected, other].map(|answer| comparable(answer["data"].clone()));
        similar(&runs[0], &runs[1], function);
    }
}

/// The event of something good and that of something damaged.
fn good_and_bad(played: &Played) -> (Value, Value) {
    let stage = played.stage;
    let (_, make) = stage
        .events
        .iter()
        .find(|(name, _)| *name == "S3")
        .expect("S3");
    let damage = stage.damaged.expect("something may be damaged");
    (make(played, "good"), damage(played, "bad"))
}

#[test]
fn of_a_batch_the_good_record_is_done_and_the_bad_one_is_kept_in_quarantine() {
    let now = now();
    for stage in event_functions() {
        let function = stage.function;
        let by_hand = stage.at(now);
        let (good, bad) = good_and_bad(&by_hand);
        let event = batch(&[("the-bad-one", &bad), ("the-good-one", &good)]);
        let hand = by_hand.by_hand(&event);

        let played = stage.at(now);
        assert_eq!(good_and_bad(&played), (good, bad), "the accounts are equal");
        let lambda = played.lambda();
        let answer = lambda.invoke(&event).response();
        // Both are seen to: neither is to come again.
        assert_eq!(answer, json!({"batchItemFailures": []}), "{function}");
        let again = lambda.invoke(&event).response();
        assert_eq!(again, json!({"batchItemFailures": []}), "{function}");
        let said = lambda.end().stderr;
        let outcomes: Vec<String> = records(&hand).into_iter().map(|(_, end)| end).collect();
        assert_eq!(outcomes, ["quarantined", "done"], "{function}: {hand:#}");
        let logged = logged(&said);
        assert_eq!(logged[..2], records(&hand), "{function}: {said}");
        // Delivered again, both are known.
        let known: Vec<&str> = logged[2..].iter().map(|(_, end)| end.as_str()).collect();
        assert_eq!(known, ["ignored", "ignored"], "{function}: {said}");
        assert_eq!(by_hand.changes(), played.changes(), "{function}");
        let is_kept = |change: &&String| change.contains("/lamp/quarantine/");
        assert_eq!(played.changes().iter().filter(is_kept).count(), 1);
    }
}

/// Without a state there is no quarantine: the message is left to the queue's redrive, and no other.
#[test]
fn without_a_state_the_message_of_the_bad_record_comes_again_and_only_that() {
    for stage in event_functions() {
        // It applies nothing without a state.
        if stage.function == "deploy-bundles" {
            continue;
        }
        let played = stage.without_state(now());
        let (good, bad) = good_and_bad(&played);
        let event = batch(&[("the-good-one", &good), ("the-bad-one", &bad)]);
        let lambda = played.lambda();
        let answer = lambda.invoke(&event).response();
        let said = lambda.end().stderr;
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "the-bad-one"}]}),
            "{}",
            stage.function
        );
        let ends: Vec<String> = logged(&said).into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, ["done", "retry"], "{}: {said}", stage.function);
    }
}

/// What is in a message may be no event at all.
#[test]
fn a_message_that_is_no_event_takes_no_other_with_it() {
    for stage in event_functions() {
        let played = stage.at(now());
        let (good, _) = good_and_bad(&played);
        let mut event = batch(&[("the-good-one", &good), ("nonsense", &json!({}))]);
        event["Records"][1]["body"] = json!("{\"Records\": [");
        let lambda = played.lambda();
        let answer = lambda.invoke(&event).response();
        let said = lambda.end().stderr;
        assert_eq!(answer, json!({"batchItemFailures": []}), "{said}");
        let ends: Vec<String> = logged(&said).into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, ["done", "quarantined"], "{}: {said}", stage.function);
    }
}

/// It is no envelope of ours and nothing that AWS sends: with a state it is kept for a person, without one Lambda's
/// retries and the on-failure destination keep it.
#[test]
fn an_event_of_nobody_is_kept_and_nothing_is_done() {
    for stage in event_functions() {
        let function = stage.function;
        for event in [
            json!({"hello": 1}),
            json!({"Records": "many"}),
            json!({"Records": [{"eventSource": "aws:dynamodb"}]}),
        ] {
            let played = stage.at(now());
            let mut lambda = played.lambda();
            let answer = lambda.invoke(&event).response();
            assert_eq!(
                answer["status"], "partial",
                "{function}, {event}: {answer:#}"
            );
            let outcomes = records(&answer["data"]);
            assert_eq!(outcomes.len(), 1, "{function}, {event}: {outcomes:?}");
            assert_eq!(outcomes[0].1, "quarantined", "{function}, {event}");
            assert_eq!(answer["data"]["actions"], json!([]), "{function}, {event}");
            assert!(lambda.is_warm());
            lambda.end();
        }
        if function != "deploy-bundles" {
            let played = stage.without_state(now());
            let lambda = played.lambda();
            let (kind, message) = lambda.invoke(&json!({"hello": 1})).error();
            lambda.end();
            assert_eq!(kind, "Lamplighter.Transient", "{function}: {message}");
            assert_eq!(played.changes(), Vec::<String>::new(), "{function}");
        }
    }
}
