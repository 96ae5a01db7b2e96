//! What the bill says of S3, held against what real Lambdas ask it for.

use chrono::Utc;
use lamplighter_local_aws::{LocalAws, World};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, serve};
use crate::resize_images::stage::fixture;
use crate::runtime_api::Lambda;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const STATE: &str = "[state]\nurl = \"s3://acme-state/lamp\"\n";

/// How often the bucket of the state was read and written since the calls were last cleared.
fn asked(aws: &LocalAws) -> (u64, u64) {
    let calls = aws.calls().into_iter();
    let of_state = |resources: &[String]| resources.iter().any(|one| one.contains("acme-state"));
    let calls = calls.filter(|call| call.service == "s3" && of_state(&call.resources));
    let names: Vec<(String, bool)> = calls.map(|call| (call.name(), call.changes)).collect();
    let writes = names.iter().filter(|(_, changes)| *changes).count() as u64;
    (names.len() as u64 - writes, writes)
}

/// What the bill of this configuration says: runs of the schedule, other runs, reads, writes.
fn billed(config: &str) -> [u64; 4] {
    let bill = Lamplighter::new(["cost", "--format", "json"])
        .config(config)
        .run()
        .code(0)
        .json();
    let amount = |what: &str| -> Vec<u64> {
        let lines = bill["lines"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["what"] == what);
        let text = line.expect("the line")["amount"]
            .as_str()
            .expect("a text")
            .replace(',', "");
        text.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let (scheduled, s3) = (amount("scheduler")[0], amount("s3"));
    [scheduled, amount("requests")[0] - scheduled, s3[0], s3[1]]
}

fn world() -> World {
    ["acme-state", "acme-photos", "acme-photos-resized"]
        .iter()
        .fold(World::new(ACCOUNT, Utc::now()), |world, bucket| {
            world.bucket(ACCOUNT, REGION, bucket)
        })
}

#[test]
fn a_round_of_the_schedule_asks_s3_as_often_as_the_bill_says() {
    let config = format!("{STATE}[stop-untagged]\nschedule = \"rate(1 hour)\"\n");
    let aws = serve(world());
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let round = |hour: u32| {
        let slot = format!("2026-11-22T{hour:02}:00:00Z");
        let event = json!({ "metadata": {
            "id": slot, "source": "scheduler", "trigger": "schedule", "slot": slot
        }, "data": {} });
        assert_eq!(lambda.invoke(&event).response()["status"], "ok");
    };
    // The first one finds nothing that was remembered, and asks where the bucket is.
    round(6);
    aws.clear_calls();
    round(7);
    let (reads, writes) = asked(&aws);
    let [rounds, others, all_reads, all_writes] = billed(&config);
    assert_eq!(
        (others, all_reads, all_writes),
        (0, rounds * reads, rounds * writes),
        "{reads} reads, {writes} writes: {:#?}",
        aws.calls()
    );
}

#[test]
fn an_event_that_goes_well_asks_s3_as_often_as_the_bill_says() {
    let config = format!(
        "{STATE}[resize-images]\nsources = [\"s3://acme-photos/in/\"]\nwidths = [64]\noutput_bucket = \"acme-photos-resized\"\n"
    );
    let aws = serve(world());
    let lambda = Lambda::start("resize-images", &aws, &config, &[]);
    let event = |name: &str| -> Value {
        let key = format!("in/{name}.jpg");
        aws.with(|world| world.store_object("acme-photos", &key, &fixture("plain.jpg")));
        let record = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventName": "ObjectCreated:Put",
            "eventTime": aws.now().to_rfc3339(),
            "s3": { "bucket": { "name": "acme-photos" }, "object": { "key": key, "sequencer": "0055AED6DCD90281E5" } },
        }] });
        json!({ "Records": [{
            "messageId": name, "eventSource": "aws:sqs", "body": record.to_string(),
            "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:lamplighter-resize-images",
        }] })
    };
    let none = json!({ "batchItemFailures": [] });
    assert_eq!(lambda.invoke(&event("a")).response(), none);
    aws.clear_calls();
    assert_eq!(lambda.invoke(&event("b")).response(), none);
    let (reads, writes) = asked(&aws);
    let [rounds, events, all_reads, all_writes] = billed(&config);
    // Of a round the other test tells.
    assert_eq!(
        (all_reads - 2 * rounds, all_writes - 4 * rounds),
        (events * reads, events * writes),
        "{reads} reads, {writes} writes: {:#?}",
        aws.calls()
    );
}
