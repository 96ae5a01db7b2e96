//! Who is told what.

use serde_json::Value;

use super::*;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:work";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:uploads";

/// The events in a queue, without test events.
fn events(stage: &Stage) -> Vec<Value> {
    let messages = stage.state.world.messages(QUEUE).iter();
    let bodies = messages.map(|one| serde_json::from_str::<Value>(&one.body).unwrap());
    bodies.filter(|body| body.get("Event").is_none()).collect()
}

#[test]
fn whoever_listens_is_told_with_an_encoded_key() {
    let wanted = Notification::to(QUEUE, &["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
        .prefix("in/")
        .suffix(".jpg");
    let mut stage = Stage::new(
        world()
            .bucket(ACCOUNT, REGION, "state")
            .versioned("state")
            .queue(ACCOUNT, REGION, "work")
            .notification("state", wanted),
    );
    let test: Value = serde_json::from_str(&stage.state.world.messages(QUEUE)[0].body).unwrap();
    assert_eq!(
        (&test["Event"], &test["Bucket"]),
        (&"s3:TestEvent".into(), &"state".into())
    );
    put(&mut stage, "/state/in/a%2Bb%20%C3%BC.jpg", &[], b"123");
    put(&mut stage, "/state/in/no.png", &[], b"123");
    put(&mut stage, "/state/out/a.jpg", &[], b"123");
    let copy = [("x-amz-copy-source", "state/out/a.jpg")];
    put(&mut stage, "/state/in/copy.jpg", &copy, b"");
    stage.call("s3", "DELETE", "/state/in/copy.jpg", &[], b"");
    let events = events(&stage);
    let names: Vec<&Value> = events
        .iter()
        .map(|event| &event["Records"][0]["eventName"])
        .collect();
    let expected = [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectRemoved:DeleteMarkerCreated",
    ];
    assert_eq!(names, expected);
    let record = &events[0]["Records"][0];
    let object = &record["s3"]["object"];
    assert_eq!(object["key"], "in/a%2Bb+%C3%BC.jpg");
    assert_eq!(object["size"], 3);
    assert_eq!(object["eTag"], "202cb962ac59075b964b07152d234b70");
    let version = stage.state.world.object("state", "in/a+b ü.jpg").unwrap();
    assert_eq!(object["versionId"].as_str(), version.version_id.as_deref());
    assert_eq!(record["awsRegion"], REGION);
    assert_eq!(events[2]["Records"][0]["s3"]["object"].get("size"), None);
}

#[test]
fn topics_and_event_bridge_pass_events_on() {
    let mut stage = Stage::new(
        world()
            .bucket(ACCOUNT, REGION, "state")
            .queue(ACCOUNT, REGION, "work")
            .topic(TOPIC)
            .subscription(TOPIC, QUEUE, false)
            .event_rule("aws.s3", QUEUE)
            .notification("state", Notification::to(TOPIC, &["s3:ObjectCreated:Put"]))
            .notify_event_bridge("state"),
    );
    put(&mut stage, "/state/a%2Bb%20c", &[], b"1");
    stage.call("s3", "DELETE", "/state/a%2Bb%20c", &[], b"");
    let events = events(&stage);
    // The first is S3's test event, in the envelope of SNS.
    assert_eq!(events.len(), 4);
    assert_eq!(
        (&events[1]["Type"], &events[1]["TopicArn"]),
        (&"Notification".into(), &TOPIC.into())
    );
    let inner: Value = serde_json::from_str(events[1]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(inner["Records"][0]["s3"]["object"]["key"], "a%2Bb+c");
    assert_eq!(
        (&events[2]["source"], &events[2]["detail-type"]),
        (&"aws.s3".into(), &"Object Created".into())
    );
    assert_eq!(events[2]["detail"]["object"]["key"], "a+b c");
    assert_eq!(events[2]["detail"]["reason"], "PutObject");
    assert_eq!(events[3]["detail"]["deletion-type"], "Permanently Deleted");
}

#[test]
fn a_notification_is_configured_shown_and_checked() {
    let mut stage = Stage::new(
        world()
            .bucket(ACCOUNT, REGION, "state")
            .queue(ACCOUNT, REGION, "work"),
    );
    let one = |arn: &str, prefix: &str| {
        format!(
            "<QueueConfiguration><Id>x</Id><Queue>{arn}</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key>\
             <FilterRule><Name>Prefix</Name><Value>{prefix}</Value></FilterRule></S3Key></Filter>\
             </QueueConfiguration>"
        )
    };
    let all =
        |inside: String| format!("<NotificationConfiguration>{inside}</NotificationConfiguration>");
    let mut configure = |document: String| {
        short(&stage.call("s3", "PUT", "/state?notification", &[], document.as_bytes()))
    };
    assert!(
        configure(all(one("arn:aws:sqs:eu-west-1:123456789012:nope", "")))
            .starts_with("400 InvalidArgument: Unable")
    );
    let overlapping = all(one(QUEUE, "in/") + &one(QUEUE, "in/a"));
    assert!(configure(overlapping).starts_with("400 InvalidArgument: Configurations overlap"));
    assert!(stage.state.world.messages(QUEUE).is_empty());
    let document = all(one(QUEUE, "in/") + "<EventBridgeConfiguration/>");
    put(&mut stage, "/state?notification", &[], document.as_bytes());
    assert_eq!(stage.state.world.messages(QUEUE).len(), 1);
    let shown = body(&get(&mut stage, "/state?notification", &[]));
    assert_eq!(leaves(&shown, "Queue"), [QUEUE]);
    assert_eq!(leaves(&shown, "Value"), ["in/"]);
    assert!(shown.contains("<EventBridgeConfiguration>"));
}
