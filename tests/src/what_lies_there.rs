//! `replay`, `backfill` and `reconcile`: what could not be done, and what lies in a bucket already.

use std::path::PathBuf;

use lamplighter_local_aws::LocalAws;
use serde_json::{Value, json};

use crate::harness::{Lamplighter, Ran};
use crate::resize_images::stage::{
    ACCOUNT, BUCKET, CONFIG, REGION, STATE, WITH_STATE, account, copies, fixture, outcome, run,
    upload,
};

const PLACE: [&str; 4] = ["--bucket", BUCKET, "--prefix", "in/"];

/// An account with five images, one of which is none, and a folder.
fn full_bucket() -> LocalAws {
    let aws = account();
    aws.with(|world| {
        for number in 1..=4 {
            world.store_object(BUCKET, &format!("in/{number}.jpg"), &fixture("plain.jpg"));
        }
        world.store_object(BUCKET, "in/5.jpg", b"no image");
        world.store_object(BUCKET, "in/folder/", b"");
        world.store_object(BUCKET, "elsewhere/6.jpg", &fixture("plain.jpg"));
    });
    aws
}

fn lamplighter(aws: &LocalAws, config: &str, args: &[&str]) -> Ran {
    Lamplighter::new(args.iter().copied())
        .on(aws)
        .config(config)
        .run()
}

fn sweep(aws: &LocalAws, config: &str, command: &str, more: &[&str]) -> Ran {
    let args: Vec<&str> = [command, "resize-images", "--format", "json"]
        .into_iter()
        .chain(PLACE)
        .chain(more.iter().copied())
        .collect();
    lamplighter(aws, config, &args)
}

fn changes(aws: &LocalAws) -> usize {
    aws.calls().iter().filter(|call| call.changes).count()
}

/// `(objects, done, to_do, ignored, quarantined, failed)`.
fn counts(ran: &Ran) -> [u64; 6] {
    let said = ran.json();
    [
        "objects",
        "done",
        "to_do",
        "ignored",
        "quarantined",
        "failed",
    ]
    .map(|key| said[key].as_u64().expect(key))
}

#[test]
fn a_backfill_works_on_what_lies_there_and_a_second_one_finds_it_done() {
    let aws = full_bucket();
    let look = sweep(&aws, WITH_STATE, "backfill", &["--dry-run"]).code(0);
    assert_eq!(counts(&look), [5, 0, 4, 0, 1, 0], "{}", look.stdout);
    assert!(look.stderr.contains("5 objects"), "{}", look.stderr);
    assert_eq!(changes(&aws), 0, "a look has changed something");

    let done = sweep(&aws, WITH_STATE, "backfill", &[]).code(4);
    assert_eq!(counts(&done), [5, 4, 0, 0, 1, 0], "{}", done.stdout);
    assert_eq!(copies(&aws).len(), 4 * 3);
    assert!(copies(&aws).keys().all(|key| !key.contains("elsewhere")));

    let stored = copies(&aws);
    let again = sweep(&aws, WITH_STATE, "backfill", &[]).code(4);
    assert_eq!(counts(&again), [5, 0, 0, 4, 1, 0], "{}", again.stdout);
    assert_eq!(copies(&aws), stored);
}

#[test]
fn an_interrupted_backfill_goes_on_where_it_was() {
    let aws = full_bucket();
    let first = sweep(&aws, WITH_STATE, "backfill", &["--limit", "2"]).code(0);
    assert_eq!(counts(&first)[1], 2, "{}", first.stdout);
    let rest = sweep(&aws, WITH_STATE, "backfill", &[]).code(4);
    assert!(
        rest.stderr.contains("going on behind `in/2.jpg`"),
        "{}",
        rest.stderr
    );
    assert_eq!(counts(&rest), [3, 2, 0, 0, 1, 0], "{}", rest.stdout);
    // It came to its end, so the next one begins at the beginning.
    let again = sweep(&aws, WITH_STATE, "backfill", &[]).code(4);
    assert_eq!(counts(&again)[0], 5);

    // Without a state it is told by hand.
    let by_hand = sweep(&aws, CONFIG, "backfill", &["--after", "in/3.jpg"]);
    assert_eq!(counts(&by_hand)[0], 2);
}

#[test]
fn a_reconciliation_lists_what_is_missing_and_changes_nothing() {
    let aws = full_bucket();
    let missing = sweep(&aws, CONFIG, "reconcile", &["--fail-on-findings"]).code(3);
    assert_eq!(counts(&missing)[2], 4, "{}", missing.stdout);
    let args = [
        "reconcile",
        "resize-images",
        PLACE[0],
        PLACE[1],
        PLACE[2],
        PLACE[3],
    ];
    let told = lamplighter(&aws, CONFIG, &args).code(0).stdout;
    assert!(told.contains("to do (12):"), "{told}");
    assert!(told.contains("cannot succeed (1):"), "{told}");
    assert!(told.contains("in/5.jpg"), "{told}");
    assert_eq!(changes(&aws), 0);

    sweep(&aws, WITH_STATE, "backfill", &[]);
    aws.with(|world| world.remove_object(BUCKET, "in/5.jpg"));
    let nothing = sweep(&aws, CONFIG, "reconcile", &["--fail-on-findings"]).code(0);
    assert_eq!(counts(&nothing), [4, 0, 0, 4, 0, 0], "{}", nothing.stdout);
    // A source that was replaced makes its copies stale.
    aws.with(|world| world.store_object(BUCKET, "in/1.jpg", &fixture("grey.jpg")));
    let stale = sweep(&aws, CONFIG, "reconcile", &["--fail-on-findings"]).code(3);
    assert_eq!(counts(&stale)[2], 1, "{}", stale.stdout);
}

#[test]
fn a_function_without_objects_and_a_bucket_that_is_not_there_are_clear_errors() {
    let aws = account();
    let wrong = lamplighter(&aws, CONFIG, &["backfill", "audit-mfa", "--bucket", "b"]).code(2);
    assert!(
        wrong.stderr.contains("`audit-mfa` works on no objects"),
        "{}",
        wrong.stderr
    );
    let gone = lamplighter(
        &aws,
        CONFIG,
        &["reconcile", "resize-images", "--bucket", "nowhere"],
    );
    assert_eq!(gone.code, Some(1), "{}", gone.stderr);
    assert!(gone.stderr.contains("nowhere"), "{}", gone.stderr);
}

/// The key of what lies in quarantine, and its text.
fn quarantined(aws: &LocalAws) -> Option<(String, String)> {
    aws.with(|world| {
        let objects = world.objects(STATE).into_iter();
        let mut found = objects.filter(|(key, _)| key.contains("/quarantine/"));
        found.next().map(|(key, object)| {
            let text = String::from_utf8_lossy(&object.body).into_owned();
            (key.to_owned(), text)
        })
    })
}

/// `lamplighter replay` of a file with this text.
fn replay(aws: &LocalAws, config: &str, text: &str, more: &[&str]) -> Ran {
    let program = Lamplighter::new(["replay", "--format", "json"])
        .args(more.iter().copied())
        .on(aws)
        .config(config);
    let path: PathBuf = program.folder().join("letters.json");
    std::fs::write(&path, text).expect("the file is written");
    program.arg(path).run()
}

#[test]
fn what_lies_in_quarantine_is_tried_again_and_released_by_a_success() {
    let aws = account();
    let broken = upload(&aws, "in/a.jpg", b"no image", "0A");
    let first = run(&aws, WITH_STATE, &broken, &[]).code(4).json();
    assert_eq!(outcome(&first).0, "quarantined");
    let (_, text) = quarantined(&aws).expect("it is kept");

    // Nothing has changed: it cannot succeed again, and stays.
    let again = replay(&aws, WITH_STATE, &text, &[]).code(4).json();
    assert_eq!(
        (outcome(&again).0, &again["trigger"]),
        ("quarantined", &json!("replay"))
    );
    assert!(quarantined(&aws).is_some());

    // The same key with the right bytes. The old record now finds an image.
    aws.with(|world| world.store_object(BUCKET, "in/a.jpg", &fixture("plain.jpg")));
    let before = changes(&aws);
    let look = replay(&aws, WITH_STATE, &text, &["--dry-run"])
        .code(0)
        .json();
    assert_eq!(outcome(&look).0, "planned");
    assert_eq!(changes(&aws), before, "a dry run has changed something");
    let mended = replay(&aws, WITH_STATE, &text, &[]).code(0).json();
    assert_eq!(outcome(&mended).0, "done", "{mended:#}");
    assert_eq!(copies(&aws).len(), 3);
    assert!(quarantined(&aws).is_none(), "it is released");
}

#[test]
fn dead_letters_find_their_function_by_name_by_source_or_by_flag() {
    let aws = account();
    let event = upload(&aws, "in/a.jpg", &fixture("plain.jpg"), "0A");
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:lamplighter-resize-images:live");
    let on_failure = json!({
        "version": "1.0", "timestamp": "2026-11-22T12:00:00Z",
        "requestContext": {"requestId": "r", "functionArn": arn, "condition": "RetriesExhausted",
                           "approximateInvokeCount": 3},
        "requestPayload": event, "responseContext": {"statusCode": 200}, "responsePayload": {}
    });
    let done = replay(&aws, WITH_STATE, &on_failure.to_string(), &[])
        .code(0)
        .json();
    assert_eq!(outcome(&done).0, "done", "{done:#}");
    assert_eq!(done["trigger"], "replay");

    // The same again, as SQS's command line prints it, and by its source: it is known to be done.
    let messages = json!({"Messages": [{"MessageId": "m-1", "ReceiptHandle": "h", "Body": event.to_string()}]});
    let known = replay(&aws, WITH_STATE, &messages.to_string(), &[])
        .code(0)
        .json();
    assert_eq!(outcome(&known).0, "ignored");
    assert!(outcome(&known).1.contains("done already"), "{known:#}");

    // Nothing tells whose this is.
    let unsourced = CONFIG.replace("sources = [\"s3://acme-photos/in/\"]\n", "");
    let lost = replay(&aws, &unsourced, &event.to_string(), &[]).code(2);
    assert!(lost.stderr.contains("--function NAME"), "{}", lost.stderr);
    let told = replay(
        &aws,
        &unsourced,
        &event.to_string(),
        &["--function", "resize-images"],
    );
    assert_eq!(told.code, Some(0), "{}", told.stderr);
}

#[test]
fn several_letters_in_a_file_are_several_runs_and_the_worst_of_them_counts() {
    let aws = account();
    let good = upload(&aws, "in/a.jpg", &fixture("plain.jpg"), "0A");
    let bad = upload(&aws, "in/b.jpg", b"no image", "0B");
    let text = format!("{bad}\n{good}\n");
    let ran = replay(&aws, WITH_STATE, &text, &[]).code(4);
    assert!(
        ran.stderr.contains("2 of 2: resize-images"),
        "{}",
        ran.stderr
    );
    let runs: Vec<Value> = serde_json::Deserializer::from_str(&ran.stdout)
        .into_iter()
        .map(|run| run.expect("JSON"))
        .collect();
    let outcomes: Vec<&str> = runs.iter().map(|run| outcome(run).0).collect();
    assert_eq!(outcomes, ["quarantined", "done"]);
    let nothing = replay(&aws, WITH_STATE, "not JSON", &[]).code(1);
    assert!(
        nothing.stderr.contains("letters.json"),
        "{}",
        nothing.stderr
    );
}
