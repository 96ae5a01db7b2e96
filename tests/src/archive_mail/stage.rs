//! An account that receives mail: a bucket for what comes in, one for the archive, and receipt rules.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{
    LocalAws, MailEnvelope, ReceiptAction, ReceiptRule, ReceivedMail, World,
};
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, serve};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
pub const INBOX: &str = "acme-mail-in";
pub const ARCHIVE: &str = "acme-mail-archive";
pub const STATE: &str = "acme-mail-state";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:mail";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-archive-mail";

/// Attachments of a thousand bytes are large here, and no call is tried for long.
pub const CONFIG: &str = r#"
[aws]
max_attempts = 2
attempt_timeout_secs = 5
[archive-mail]
sources = ["s3://acme-mail-in/inbox/"]
archive_bucket = "acme-mail-archive"
attachment_threshold_bytes = 1000
"#;

/// The same with a state, so that what cannot succeed is kept there.
pub fn with_state() -> String {
    format!("[state]\nurl = \"s3://{STATE}/lamp\"\n{CONFIG}")
}

/// A mail of 8-bit text, an attachment that is large enough, and one that is not. Its base64 is unpadded, as real ones
/// are now and then.
pub fn mail() -> Vec<u8> {
    let mut mail = b"From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@partner.example>\r\n\
        To: Desk <desk@example.com>\r\nSubject: =?utf-8?Q?Rechnung_f=C3=BCr_November?=\r\n\
        Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <1@partner.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n\
        --b1\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n\
        --b1\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"../x.pdf\"; filename*=UTF-8''Rechnung%20%E2%82%AC.pdf\r\n\r\n"
        .to_vec();
    let line = "QUFB".repeat(19) + "\r\n";
    mail.extend_from_slice(line.repeat(40).as_bytes());
    mail.extend_from_slice(
        b"QUFBQQ\r\n--b1\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=small.csv\r\n\r\n\
          a,b\r\n--b1--\r\n",
    );
    mail
}

/// What the attachment of [`mail`] holds.
pub fn attachment() -> Vec<u8> {
    vec![b'A'; 40 * 57 + 4]
}

/// The envelope of an honest mail with two recipients, one of whom its headers do not name.
pub fn envelope() -> MailEnvelope {
    MailEnvelope::new(
        "prvs=144d0cba7=ann@partner.example",
        &["Desk@Example.com", "hidden@example.com"],
    )
}

/// The account, with a rule of each kind.
pub fn account() -> LocalAws {
    serve(world(now()))
}

/// The time, to the second.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age")
}

pub fn world(now: DateTime<Utc>) -> World {
    let stores = || ReceiptAction::S3 {
        bucket: INBOX.to_owned(),
        prefix: "inbox/".to_owned(),
        topic: Some(TOPIC.to_owned()),
    };
    let asks = |decides| ReceiptAction::Lambda {
        function: FUNCTION.to_owned(),
        decides,
    };
    let publishes = |is_base64| ReceiptAction::Sns {
        topic: TOPIC.to_owned(),
        is_base64,
    };
    let rule = |name| ReceiptRule::new(name, REGION);
    World::new(ACCOUNT, now)
        .bucket(ACCOUNT, REGION, INBOX)
        .bucket(ACCOUNT, REGION, ARCHIVE)
        .bucket(ACCOUNT, REGION, STATE)
        .topic(TOPIC)
        .receipt_rule(rule("stored").action(stores()))
        .receipt_rule(rule("asked").action(stores()).action(asks(true)))
        .receipt_rule(rule("told").action(stores()).action(asks(false)))
        .receipt_rule(rule("published").action(publishes(true)))
        .receipt_rule(rule("published-as-text").action(publishes(false)))
}

/// A mail comes in through a rule.
pub fn receive(aws: &LocalAws, rule: &str, raw: &[u8], envelope: &MailEnvelope) -> ReceivedMail {
    aws.with(|world| world.receive_mail(rule, raw, envelope))
}

/// What SES stored or published of the mail, its own headers on top.
pub fn stored(aws: &LocalAws, received: &ReceivedMail) -> Vec<u8> {
    let (bucket, key) = &received.objects[0];
    aws.with(|world| world.object(bucket, key).expect("it is there").body.clone())
}

/// `lamplighter run archive-mail --event …` with more arguments, to its end.
pub fn run(aws: &LocalAws, config: &str, event: &Value, args: &[&str]) -> Ran {
    let now = aws.now().to_rfc3339();
    let program = Lamplighter::new(["run", "archive-mail", "--format", "json", "--now", &now])
        .args(args.iter().copied())
        .on(aws)
        .config(config);
    let path = program.folder().join("event.json");
    std::fs::write(&path, event.to_string()).expect("the event is written");
    program.arg("--event").arg(path).run()
}

/// Every object of the archive: its key and its bytes.
pub fn archive(aws: &LocalAws) -> BTreeMap<String, Vec<u8>> {
    aws.with(|world| {
        let objects = world.objects(ARCHIVE).into_iter();
        objects
            .map(|(key, object)| (key.to_owned(), object.body.clone()))
            .collect()
    })
}

/// The one key of the archive with this end.
#[track_caller]
pub fn key(archive: &BTreeMap<String, Vec<u8>>, end: &str) -> String {
    let found: Vec<&String> = archive.keys().filter(|key| key.ends_with(end)).collect();
    assert_eq!(found.len(), 1, "`{end}` in {:?}", archive.keys());
    found[0].clone()
}

/// The one sidecar of the archive.
#[track_caller]
pub fn sidecar(archive: &BTreeMap<String, Vec<u8>>) -> Value {
    serde_json::from_slice(&archive[&key(archive, ".json")]).expect("a sidecar is JSON")
}

/// The calls that changed something, by name.
pub fn changes(aws: &LocalAws) -> Vec<String> {
    let calls = aws.calls();
    let changes = calls.iter().filter(|call| call.changes);
    changes.map(|call| call.name()).collect()
}
