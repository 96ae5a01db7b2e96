//! The protocol, request by request.

use serde_json::{Value, json};

use crate::testing::{ACCOUNT, REGION, Stage, world};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:work";
const DEAD: &str = "arn:aws:sqs:eu-west-1:123456789012:dead";
const URL: &str = "http://127.0.0.1:1/123456789012/work";

fn stage() -> Stage {
    Stage::new(
        world()
            .queue(ACCOUNT, REGION, "work")
            .queue(ACCOUNT, REGION, "dead"),
    )
}

/// A call about the queue `work`: the status and the answer.
fn call(stage: &mut Stage, action: &str, params: Value) -> (u16, Value) {
    let target = format!("AmazonSQS.{action}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("content-type", "application/x-amz-json-1.0"),
        ("host", "127.0.0.1:1"),
    ];
    let mut body = json!({ "QueueUrl": URL });
    for (name, value) in params.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = stage.call("sqs", "POST", "/", &headers, body.to_string().as_bytes());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn receive(stage: &mut Stage) -> Vec<Value> {
    let params = json!({ "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"] });
    let (status, answer) = call(stage, "ReceiveMessage", params);
    assert_eq!(status, 200);
    answer["Messages"].as_array().cloned().unwrap_or_default()
}

fn counts(stage: &mut Stage) -> [String; 3] {
    let (_, answer) = call(
        stage,
        "GetQueueAttributes",
        json!({ "AttributeNames": ["All"] }),
    );
    ["", "NotVisible", "Delayed"].map(|kind| {
        let name = format!("ApproximateNumberOfMessages{kind}");
        answer["Attributes"][name].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_message_is_hidden_while_it_is_worked_on_and_gone_when_it_is_deleted() {
    let mut stage = stage();
    let (_, sent) = call(&mut stage, "SendMessage", json!({ "MessageBody": "hello" }));
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(counts(&mut stage), ["1", "0", "0"]);
    let first = receive(&mut stage).remove(0);
    assert_eq!(
        (&first["Body"], &first["MessageId"]),
        (&"hello".into(), &sent["MessageId"])
    );
    assert_eq!(first["Attributes"]["ApproximateReceiveCount"], "1");
    let sent_at = stage.now().timestamp_millis().to_string();
    assert_eq!(first["Attributes"]["SentTimestamp"], sent_at.as_str());
    assert!(receive(&mut stage).is_empty());
    assert_eq!(counts(&mut stage), ["0", "1", "0"]);
    stage.wait(30);
    let second = receive(&mut stage).remove(0);
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");

    // The handle of the first receipt is stale: the answer is the same, but the message stays.
    let stale = json!({ "ReceiptHandle": first["ReceiptHandle"] });
    assert_eq!(call(&mut stage, "DeleteMessage", stale).0, 200);
    assert_eq!(counts(&mut stage), ["0", "1", "0"]);
    let latest = json!({ "ReceiptHandle": second["ReceiptHandle"] });
    assert_eq!(call(&mut stage, "DeleteMessage", latest.clone()).0, 200);
    assert_eq!(counts(&mut stage), ["0", "0", "0"]);
    assert_eq!(call(&mut stage, "DeleteMessage", latest).0, 200);
    let (status, error) = call(
        &mut stage,
        "DeleteMessage",
        json!({ "ReceiptHandle": "zz" }),
    );
    assert_eq!(
        (status, &error["__type"]),
        (400, &"com.amazonaws.sqs#ReceiptHandleIsInvalid".into())
    );
}

#[test]
fn visibility_can_be_changed_only_in_flight() {
    let mut stage = stage();
    stage.state.world.send_message(QUEUE, "x");
    let message = receive(&mut stage).remove(0);
    let hide = |seconds: i64| json!({ "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds });
    assert_eq!(call(&mut stage, "ChangeMessageVisibility", hide(60)).0, 200);
    stage.wait(59);
    assert!(receive(&mut stage).is_empty());
    // Twelve hours from the receipt on, not from now on.
    let (status, error) = call(&mut stage, "ChangeMessageVisibility", hide(43_200));
    assert!(
        status == 400
            && error["message"]
                .as_str()
                .unwrap()
                .contains("beyond the limit"),
        "{error}"
    );
    assert_eq!(call(&mut stage, "ChangeMessageVisibility", hide(0)).0, 200);
    let (status, error) = call(&mut stage, "ChangeMessageVisibility", hide(60));
    assert_eq!(
        (status, &error["__type"]),
        (400, &"com.amazonaws.sqs#MessageNotInflight".into())
    );
    assert_eq!(receive(&mut stage).len(), 1);
    assert_eq!(
        call(&mut stage, "ChangeMessageVisibility", hide(43_201)).0,
        400
    );
}

#[test]
fn what_was_received_too_often_goes_to_the_dead_letters() {
    let mut stage = stage();
    let policy = json!({ "deadLetterTargetArn": DEAD, "maxReceiveCount": "2" }).to_string();
    let attributes = json!({ "Attributes": { "RedrivePolicy": policy, "VisibilityTimeout": "0" } });
    assert_eq!(call(&mut stage, "SetQueueAttributes", attributes).0, 200);
    let id = stage.state.world.send_message(QUEUE, "poison");
    assert_eq!(receive(&mut stage).len(), 1);
    assert_eq!(receive(&mut stage).len(), 1);
    assert!(stage.state.world.messages(DEAD).is_empty());
    assert!(receive(&mut stage).is_empty());
    let dead = &stage.state.world.messages(DEAD)[0];
    assert_eq!(
        (&dead.message_id, dead.dead_letter_source.as_deref()),
        (&id, Some(QUEUE))
    );
    assert!(stage.state.world.messages(QUEUE).is_empty());
}

#[test]
fn delays_and_retention_follow_the_clock_of_the_world() {
    let mut stage = stage();
    let params = json!({ "MessageBody": "x", "DelaySeconds": 10 });
    call(&mut stage, "SendMessage", params);
    assert_eq!(counts(&mut stage), ["0", "0", "1"]);
    stage.wait(10);
    assert_eq!(counts(&mut stage), ["1", "0", "0"]);
    stage.wait(345_600 - 10);
    assert_eq!(counts(&mut stage), ["0", "0", "0"]);
}

#[test]
fn batches_have_an_outcome_for_each_entry() {
    let mut stage = stage();
    let entries = json!({ "Entries": [
        { "Id": "a", "MessageBody": "1" },
        { "Id": "b", "MessageBody": "" },
    ] });
    let (status, answer) = call(&mut stage, "SendMessageBatch", entries);
    assert_eq!(status, 200);
    assert_eq!(answer["Successful"][0]["Id"], "a");
    assert_eq!(
        (&answer["Failed"][0]["Id"], &answer["Failed"][0]["Code"]),
        (&"b".into(), &"MissingParameter".into())
    );
    let message = receive(&mut stage).remove(0);
    let entries = json!({ "Entries": [
        { "Id": "a", "ReceiptHandle": message["ReceiptHandle"] },
        { "Id": "b", "ReceiptHandle": "zz" },
    ] });
    let (_, answer) = call(&mut stage, "DeleteMessageBatch", entries);
    assert_eq!(answer["Successful"], json!([{ "Id": "a" }]));
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert!(stage.state.world.messages(QUEUE).is_empty());
    let twice = json!({ "Entries": [{ "Id": "a", "MessageBody": "1" }, { "Id": "a", "MessageBody": "2" }] });
    let (status, error) = call(&mut stage, "SendMessageBatch", twice);
    assert_eq!(
        (status, &error["__type"]),
        (400, &"com.amazonaws.sqs#BatchEntryIdsNotDistinct".into())
    );
    assert_eq!(
        call(&mut stage, "SendMessageBatch", json!({ "Entries": [] })).0,
        400
    );
}

#[test]
fn queues_are_made_found_emptied_and_removed() {
    let mut stage = stage();
    let (status, made) = call(&mut stage, "CreateQueue", json!({ "QueueName": "new" }));
    assert_eq!(
        (status, &made["QueueUrl"]),
        (200, &"http://127.0.0.1:1/123456789012/new".into())
    );
    assert_eq!(
        call(&mut stage, "CreateQueue", json!({ "QueueName": "new" })).1,
        made
    );
    let other = json!({ "QueueName": "new", "Attributes": { "DelaySeconds": "1" } });
    let (_, error) = call(&mut stage, "CreateQueue", other);
    assert_eq!(error["__type"], "com.amazonaws.sqs#QueueNameExists");
    let (_, list) = call(&mut stage, "ListQueues", json!({ "QueueNamePrefix": "ne" }));
    assert_eq!(list["QueueUrls"], json!([made["QueueUrl"]]));
    let (status, error) = call(&mut stage, "GetQueueUrl", json!({ "QueueName": "nope" }));
    assert_eq!(
        (status, &error["__type"]),
        (400, &"com.amazonaws.sqs#QueueDoesNotExist".into())
    );
    stage.state.world.send_message(QUEUE, "x");
    assert_eq!(call(&mut stage, "PurgeQueue", json!({})).0, 200);
    assert!(stage.state.world.messages(QUEUE).is_empty());
    assert_eq!(call(&mut stage, "PurgeQueue", json!({})).0, 403);
    assert_eq!(call(&mut stage, "DeleteQueue", json!({})).0, 200);
    assert_eq!(call(&mut stage, "PurgeQueue", json!({})).0, 400);
}

#[test]
fn what_is_not_simulated_is_refused() {
    let mut stage = stage();
    for (action, params) in [
        ("CreateQueue", json!({ "QueueName": "a.fifo" })),
        (
            "CreateQueue",
            json!({ "QueueName": "a", "Attributes": { "FifoQueue": "true" } }),
        ),
        (
            "CreateQueue",
            json!({ "QueueName": "a", "Attributes": { "KmsMasterKeyId": "k" } }),
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "x", "MessageGroupId": "g" }),
        ),
        (
            "GetQueueAttributes",
            json!({ "AttributeNames": ["ApproximateAgeOfOldestMessage"] }),
        ),
        ("TagQueue", json!({})),
    ] {
        let (status, error) = call(&mut stage, action, params);
        assert!(
            status >= 400 && error["__type"].is_string(),
            "{action}: {error}"
        );
    }
    let answer = stage.query("sqs", "ListQueues", "");
    assert_eq!(answer.status, 400);
}

#[test]
fn attributes_of_messages_come_back_when_they_are_asked_for() {
    let mut stage = stage();
    let attributes = json!({ "a": { "DataType": "String", "StringValue": "b" } });
    let params = json!({ "MessageBody": "x", "MessageAttributes": attributes });
    let (_, sent) = call(&mut stage, "SendMessage", params);
    // Computed by hand: MD5 of the lengths, name, type, sign and value.
    let expected = crate::s3::md5_hex(b"\0\0\0\x01a\0\0\0\x06String\x01\0\0\0\x01b");
    assert_eq!(sent["MD5OfMessageAttributes"], expected.as_str());
    let params = json!({ "MessageAttributeNames": ["All"] });
    let (_, received) = call(&mut stage, "ReceiveMessage", params);
    assert_eq!(received["Messages"][0]["MessageAttributes"], attributes);
    assert_eq!(received["Messages"][0].get("Attributes"), None);
}
