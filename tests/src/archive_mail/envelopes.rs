//! One mail through every envelope: the same archive each time.

use serde_json::{Value, json};

use super::stage::*;

/// `mail/<day>/example.com/desk/<id>`.
fn stem(aws: &lamplighter_local_aws::LocalAws, id: &str) -> String {
    format!(
        "mail/{}/example.com/desk/{id}",
        aws.now().format("%Y/%m/%d")
    )
}

fn through_sns(message: &Value) -> Value {
    json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {
        "Type": "Notification", "TopicArn": TOPIC, "Message": message.to_string()}}]})
}

fn through_sqs(body: &Value) -> Value {
    json!({"Records": [{"messageId": "m-1", "receiptHandle": "h", "body": body.to_string(),
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:mail"}]})
}

/// The archive that a mail must end in.
#[track_caller]
fn is_archived_whole(aws: &lamplighter_local_aws::LocalAws, id: &str, raw: &[u8]) -> Value {
    let archive = archive(aws);
    let stem = stem(aws, id);
    assert_eq!(archive[&format!("{stem}.eml")], raw, "byte for byte");
    let sidecar: Value =
        serde_json::from_slice(&archive[&format!("{stem}.json")]).expect("a sidecar is JSON");
    let stored = &sidecar["parts"][1]["stored"];
    let attachment_key = stored["key"].as_str().expect("the attachment is stored");
    assert_eq!(archive[attachment_key], attachment());
    assert!(attachment_key.starts_with("mail/attachments/"));
    assert!(
        attachment_key.ends_with("/Rechnung €.pdf"),
        "{attachment_key}"
    );
    let linked = String::from_utf8_lossy(&archive[&format!("{stem}.linked.eml")]).into_owned();
    assert!(linked.contains("message/external-body"), "{linked}");
    assert!(linked.contains("filename=small.csv"), "{linked}");
    assert!(!linked.contains(&"QUFB".repeat(19)), "{linked}");
    assert_eq!(archive.len(), 4, "{:?}", archive.keys());
    sidecar
}

#[test]
fn the_sns_notification_of_the_s3_action_is_archived() {
    let aws = account();
    let received = receive(&aws, "stored", &mail(), &envelope());
    let raw = stored(&aws, &received);
    assert!(raw.ends_with(&mail()), "SES changes nothing of the mail");
    let message = received.notifications[0].clone();
    let run = run(&aws, CONFIG, &through_sns(&message), &[])
        .code(0)
        .json();
    assert_eq!(run["records"][0]["outcome"], "done", "{run}");
    let sidecar = is_archived_whole(&aws, &received.message_id, &raw);
    assert_eq!(sidecar["schema"], "lamplighter/mail/v1");
    assert_eq!(
        sidecar["envelope"],
        json!({"mail_from": "prvs=144d0cba7=ann@partner.example",
               "original_mail_from": "ann@partner.example",
               "recipients": ["Desk@Example.com", "hidden@example.com"]})
    );
    assert_eq!(sidecar["headers"]["subject"], "Rechnung für November");
    assert_eq!(sidecar["headers"]["from"][0]["name"], "Ann Müller");
    assert_eq!(sidecar["verdicts"]["spam"], "PASS");
    assert_eq!(sidecar["treatment"], "keep");
    assert_eq!(sidecar["parts"][1]["original_name"], "Rechnung €.pdf");
    assert_eq!(sidecar["parts"][1]["size"], attachment().len());
    assert_eq!(sidecar["parts"][2]["name"], "small.csv");
    assert_eq!(sidecar["parts"][2]["stored"], Value::Null);
    // Lasting: the console's page.
    assert_eq!(sidecar["parts"][1]["stored"]["expires_at"], Value::Null);
    let disposition = aws.with(|world| {
        let key = sidecar["parts"][1]["stored"]["key"]
            .as_str()
            .expect("a key");
        let object = world.object(ARCHIVE, key).expect("it is there");
        (
            object
                .header_value("content-disposition")
                .map(str::to_owned),
            object.header_value("content-type").map(str::to_owned),
        )
    });
    assert_eq!(
        disposition.0.as_deref(),
        Some("attachment; filename=\"Rechnung _.pdf\"; filename*=UTF-8''Rechnung%20%E2%82%AC.pdf")
    );
    assert_eq!(disposition.1.as_deref(), Some("application/pdf"));
}

#[test]
fn the_lambda_action_s_event_is_archived_from_the_source_that_is_configured() {
    let aws = account();
    let received = receive(&aws, "told", &mail(), &envelope());
    let raw = stored(&aws, &received);
    let run = run(&aws, CONFIG, &received.lambda_events[0], &[])
        .code(0)
        .json();
    assert_eq!(run["records"][0]["outcome"], "done", "{run}");
    is_archived_whole(&aws, &received.message_id, &raw);
}

#[test]
fn s3_s_own_notification_is_archived_under_the_same_keys() {
    let aws = account();
    let received = receive(&aws, "stored", &mail(), &envelope());
    let raw = stored(&aws, &received);
    let (bucket, object_key) = &received.objects[0];
    let etag = aws.with(|world| {
        let object = world.object(bucket, object_key).expect("it is there");
        object.etag.trim_matches('"').to_owned()
    });
    let record = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION,
        "eventTime": aws.now().to_rfc3339(), "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket},
               "object": {"key": object_key, "size": raw.len(), "eTag": etag, "sequencer": "0055AED6DCD90281E5"}}});
    let event = json!({ "Records": [record] });
    let run_one = run(&aws, CONFIG, &event, &[]).code(0).json();
    assert_eq!(run_one["records"][0]["outcome"], "done", "{run_one}");
    let sidecar = is_archived_whole(&aws, &received.message_id, &raw);
    // What SES wrote on top is all that is known here: one recipient, and the verdicts.
    assert_eq!(
        sidecar["envelope"]["recipients"],
        json!(["Desk@Example.com"])
    );
    assert_eq!(sidecar["verdicts"]["virus"], "PASS");

    // The same mail by every other way is the same mail.
    let before = archive(&aws);
    for event in [
        through_sqs(&event),
        through_sns(&event),
        through_sqs(
            &json!({"Type": "Notification", "MessageId": "n-1", "TopicArn": TOPIC, "Message": event.to_string(),
            "Timestamp": aws.now().to_rfc3339(), "SignatureVersion": "1"}),
        ),
        json!({"version": "0", "id": "e", "detail-type": "Object Created", "source": "aws.s3", "account": ACCOUNT,
               "time": aws.now().to_rfc3339(), "region": REGION, "resources": [],
               "detail": {"version": "0", "bucket": {"name": bucket}, "reason": "PutObject",
                          "object": {"key": object_key, "size": raw.len(), "etag": etag, "sequencer": "0055AED6DCD90281E5"}}}),
    ] {
        let run = run(&aws, CONFIG, &event, &[]).code(0).json();
        assert_eq!(run["records"][0]["outcome"], "ignored", "{run}");
        assert_eq!(run["records"][0]["reason"], "it is archived already");
    }
    assert_eq!(archive(&aws), before);
}

#[test]
fn a_mail_within_its_event_is_archived_as_it_came() {
    let aws = account();
    let received = receive(&aws, "published", &mail(), &envelope());
    let message = received.notifications[0].clone();
    let run = run(&aws, CONFIG, &through_sns(&message), &[])
        .code(0)
        .json();
    assert_eq!(run["records"][0]["outcome"], "done", "{run}");
    let archive = archive(&aws);
    let raw = &archive[&format!("{}.eml", stem(&aws, &received.message_id))];
    assert!(raw.ends_with(&mail()), "8-bit bytes and all");
    assert_eq!(sidecar(&archive)["source"]["bucket"], Value::Null);
}

#[test]
fn an_sqs_batch_of_several_mails_is_several_pieces_of_work() {
    let aws = account();
    let mut records = Vec::new();
    for number in 0..3 {
        let received = receive(&aws, "told", &mail(), &envelope());
        let mut event = received.lambda_events[0].clone();
        if number == 1 {
            // Its object never came.
            event["Records"][0]["ses"]["mail"]["messageId"] = json!("missing");
        }
        records.push(json!({"messageId": format!("m-{number}"), "body": event.to_string(), "eventSource": "aws:sqs"}));
    }
    let ran = run(&aws, CONFIG, &json!({ "Records": records }), &[]).code(4);
    let run = ran.json();
    let outcomes: Vec<&str> = run["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|row| row["outcome"].as_str().expect("an outcome"))
        .collect();
    assert_eq!(outcomes, ["done", "retry", "done"]);
    let reason = run["records"][1]["reason"].as_str().expect("a reason");
    assert_eq!(
        reason,
        "there is no object `s3://acme-mail-in/inbox/missing`: is the S3 action before the Lambda action?"
    );
    let mails = archive(&aws);
    assert_eq!(mails.keys().filter(|key| key.ends_with(".json")).count(), 2);
}

#[test]
fn what_is_no_mail_is_acknowledged_and_what_ses_encrypted_is_not() {
    let aws = account();
    aws.with(|world| {
        let object = lamplighter_local_aws::StoredObject::new(b"garbage".to_vec())
            .metadata("x-amz-key-v2", "AAAA")
            .metadata("x-amz-iv", "BBBB");
        world.put_object(INBOX, "inbox/encrypted", object);
        world.store_object(ARCHIVE, "mail/2026/01/01/a/b/c.eml", b"From: x@y\r\n\r\n");
    });
    let of = |bucket: &str, key: &str| {
        json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
    };
    for (event, reason) in [
        (
            of(ARCHIVE, "mail/2026/01/01/a/b/c.eml"),
            "it is the archive's own",
        ),
        (of(INBOX, "inbox/gone"), "the object is gone"),
    ] {
        let run = run(&aws, CONFIG, &event, &[]).code(0).json();
        assert_eq!(run["records"][0]["outcome"], "ignored", "{run}");
        assert_eq!(run["records"][0]["reason"], reason);
    }
    let setup = run(
        &aws,
        CONFIG,
        &of(INBOX, "inbox/AMAZON_SES_SETUP_NOTIFICATION"),
        &[],
    )
    .code(0);
    assert_eq!(setup.json()["records"][0]["outcome"], "ignored");
    assert!(changes(&aws).is_empty());
    let ran = run(&aws, &with_state(), &of(INBOX, "inbox/encrypted"), &[]).code(4);
    let run = ran.json();
    assert_eq!(run["records"][0]["outcome"], "quarantined", "{run}");
    assert_eq!(run["findings"][0]["rule"], "mail-encrypted-by-ses");
    let message = run["findings"][0]["message"].as_str().expect("a message");
    assert!(
        message.contains("switch message encryption off"),
        "{message}"
    );
    assert_eq!(archive(&aws).len(), 1, "only what was there");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_changes_nothing() {
    let aws = account();
    let received = receive(&aws, "told", &mail(), &envelope());
    aws.clear_calls();
    let run = run(&aws, CONFIG, &received.lambda_events[0], &["--dry-run"])
        .code(0)
        .json();
    assert_eq!(run["records"][0]["outcome"], "planned");
    assert_eq!(run["actions"][0]["action"], "archive-mail");
    assert_eq!(
        run["actions"][0]["resource"],
        format!(
            "arn:aws:s3:::{ARCHIVE}/{}.eml",
            stem(&aws, &received.message_id)
        )
    );
    assert!(changes(&aws).is_empty(), "{:?}", changes(&aws));
    assert!(archive(&aws).is_empty());
    assert!(aws.calls().iter().any(|call| call.service == "s3"));
}

#[test]
fn without_an_archive_no_mail_is_acknowledged() {
    let aws = account();
    let received = receive(&aws, "told", &mail(), &envelope());
    let config = CONFIG.replace("archive_bucket = \"acme-mail-archive\"", "mode = \"plan\"");
    let ran = run(&aws, &config, &received.lambda_events[0], &["--dry-run"]);
    let run = ran.json();
    assert_eq!(run["records"][0]["outcome"], "retry", "{run}");
    assert!(changes(&aws).is_empty());
}
