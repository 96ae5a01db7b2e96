//! Every bootstrap through what every one of them must do: a round, a ping, nonsense, two rounds in one process, one
//! slot twice.

use serde_json::{Value, json};

use super::stages::{Played, STAGES, now, tick};
use crate::parity::{comparable, similar};

const SLOT: &str = "2026-11-22T06:00:00Z";
const NEXT: &str = "2026-11-22T07:00:00Z";

/// Each action of a run with its outcome.
fn actions(run: &Value) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let rows = run["actions"].as_array().expect("a list").iter();
    let mut actions: Vec<String> = rows
        .map(|row| format!("{} {}", text(row, "action"), text(row, "outcome")))
        .collect();
    actions.sort();
    actions
}

fn sorted(actions: &[&str]) -> Vec<String> {
    let mut actions: Vec<String> = actions.iter().map(|&action| action.to_owned()).collect();
    actions.sort();
    actions
}

/// The number of mails, and every change that S3 and the others took.
fn deeds(played: &Played) -> (usize, Vec<String>) {
    (played.aws.mails().len(), played.changes())
}

#[test]
fn a_scheduled_round_is_in_every_bootstrap_what_it_is_by_hand() {
    let now = now();
    for stage in &STAGES {
        let function = stage.function;
        let (hand, lambda) = std::thread::scope(|scope| {
            let hand = scope.spawn(|| {
                let played = stage.at(now).before_a_round();
                let run = played.by_hand(&tick(SLOT));
                (run, deeds(&played))
            });
            let lambda = scope.spawn(|| {
                let played = stage.at(now).before_a_round();
                let lambda = played.lambda();
                let answer = lambda.invoke(&tick(SLOT)).response();
                lambda.end();
                let status = (&answer["status"], &answer["code"]);
                assert_eq!(status, (&json!("ok"), &json!(0)), "{function}: {answer:#}");
                (answer["data"].clone(), deeds(&played))
            });
            (hand.join().expect("it ran"), lambda.join().expect("it ran"))
        });
        let ((hand, hand_did), (lambda, lambda_did)) = (hand, lambda);
        assert_eq!(actions(&lambda), sorted(stage.round), "{function}");
        let told = lambda["findings"].as_array().map_or(0, Vec::len);
        assert!(
            told > 0 || !stage.round.is_empty(),
            "{function}: {lambda:#}"
        );
        assert!(hand_did.0 > 0, "{function} mails its report");
        assert_eq!(hand_did, lambda_did, "{function}");
        for key in ["trigger", "slot", "metadata", "delta"] {
            assert_eq!(hand[key], lambda[key], "{function}: {key}");
        }
        similar(&comparable(hand), &comparable(lambda), function);
    }
}

#[test]
fn a_ping_to_keep_warm_makes_no_call_in_any_bootstrap() {
    for stage in &STAGES {
        let played = stage.at(now());
        let lambda = played.lambda();
        let answer = lambda.invoke(&json!({"source": "keep-warm"})).response();
        lambda.end();
        let expected =
            json!({"status": "ok", "code": 0, "message": "warm", "data": {}, "errors": []});
        assert_eq!(answer, expected, "{}", stage.function);
        assert_eq!(played.aws.calls(), [], "{}", stage.function);
    }
}

#[test]
fn an_event_that_makes_no_sense_is_answered_for_good_by_every_bootstrap() {
    for stage in &STAGES {
        let function = stage.function;
        let played = stage.at(now());
        let mut lambda = played.lambda();
        for event in [
            json!([1, 2]),
            json!("now"),
            Value::Null,
            json!({"metadata": "yes"}),
            json!({"metadata": {"dry_run": "true"}}),
            json!({"metadata": {"slot": "yesterday"}}),
            json!({"metadata": {"trigger": "cosmic ray"}}),
            json!({"metadata": {"continuation": 7}}),
        ] {
            let answer = lambda.invoke(&event).response();
            let status = (&answer["status"], &answer["code"]);
            assert_eq!(
                status,
                (&json!("failed"), &json!(1)),
                "{function}, {event}: {answer}"
            );
            assert_eq!(answer["errors"][0]["scope"], "Permanent", "{function}");
            assert_eq!(answer["data"], json!({}), "{function}, {event}");
        }
        assert!(lambda.is_warm(), "{function}");
        assert_eq!(deeds(&played), (0, vec![]), "{function}");
        lambda.end();
    }
}

#[test]
fn a_warm_process_keeps_nothing_of_one_round_for_the_next_in_any_bootstrap() {
    let now = now();
    for stage in &STAGES {
        let function = stage.function;
        let played = stage.at(now).before_a_round();
        let mut lambda = played.lambda();
        let mut dry = tick(SLOT);
        dry["metadata"]["dry_run"] = json!(true);
        dry["metadata"]["ticket"] = json!("of-the-first");
        let first = lambda.invoke(&dry).response();
        assert_eq!(first["data"]["mode"], "dry-run", "{function}");
        assert_eq!(deeds(&played), (0, vec![]), "{function}");
        let second = lambda.invoke(&tick(NEXT)).response();
        assert!(lambda.is_warm(), "{function}");
        lambda.end();
        let text = second.to_string();
        let run_id = first["data"]["run_id"].as_str().expect("an id");
        for of_the_first in ["of-the-first", SLOT, run_id, "dry-run"] {
            assert!(
                !text.contains(of_the_first),
                "{function}: {of_the_first} in {text}"
            );
        }
        // What the second one is alone in its process.
        let alone = stage.at(now).before_a_round();
        let fresh = alone.lambda();
        let expected = fresh.invoke(&tick(NEXT)).response();
        fresh.end();
        assert_eq!(second["status"], expected["status"], "{function}");
        assert_eq!(deeds(&played), deeds(&alone), "{function}");
        let runs = [expected, second].map(|answer| comparable(answer["data"].clone()));
        similar(&runs[0], &runs[1], function);
    }
}

#[test]
fn the_same_slot_twice_is_run_once_by_every_bootstrap() {
    for stage in &STAGES {
        let function = stage.function;
        let played = stage.at(now()).before_a_round();
        let lambda = played.lambda();
        let first = lambda.invoke(&tick(SLOT)).response();
        assert_eq!(first["status"], "ok", "{function}: {first:#}");
        let done = deeds(&played);
        assert!(done.0 > 0, "{function} mails its report");
        // In the same process, and in another.
        for second in [lambda, played.lambda()] {
            let answer = second.invoke(&tick(SLOT)).response();
            second.end();
            let status = (&answer["status"], &answer["code"], &answer["data"]);
            assert_eq!(status, (&json!("ok"), &json!(0), &json!({})), "{function}");
            let message = answer["message"].as_str().expect("a message");
            assert!(message.contains("2026-11-22"), "{function}: {message}");
            assert_eq!(deeds(&played), done, "{function}");
        }
    }
}
