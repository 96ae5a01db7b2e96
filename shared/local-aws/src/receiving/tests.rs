use serde_json::Value;

use super::*;
use crate::testing::{ACCOUNT, REGION, world};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const MAIL: &[u8] =
    b"From: \"Doe, Jane\" <jane@example.net>\r\nTo: In <in@example.com>,\r\n  b@example.com\r\n\
                      Subject: Hello\r\n\r\n\xe9\r\n";

fn rule() -> ReceiptRule {
    ReceiptRule::new("in", REGION)
        .recipient("example.com")
        .action(ReceiptAction::S3 {
            bucket: "mail".to_owned(),
            prefix: "raw/".to_owned(),
            topic: Some(TOPIC.to_owned()),
        })
        .action(ReceiptAction::Lambda {
            function: "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
            decides: true,
        })
}

fn stage(rule: ReceiptRule) -> World {
    world()
        .bucket(ACCOUNT, REGION, "mail")
        .topic(TOPIC)
        .receipt_rule(rule)
}

fn envelope() -> MailEnvelope {
    let verdicts = Verdicts {
        spam: "FAIL".to_owned(),
        dmarc: "FAIL".to_owned(),
        dmarc_policy: Some("quarantine".to_owned()),
        ..Verdicts::default()
    };
    MailEnvelope::new("jane@example.net", &["bcc@example.com", "x@example.org"]).verdicts(verdicts)
}

#[test]
fn a_mail_is_stored_with_ses_headers_on_top_and_every_byte_of_its_own() {
    let mut world = stage(rule());
    assert_eq!(world.keys("mail"), ["raw/AMAZON_SES_SETUP_NOTIFICATION"]);
    let received = world.receive_mail("in", MAIL, &envelope());
    let (bucket, key) = &received.objects[0];
    assert_eq!(*key, format!("raw/{}", received.message_id));
    let stored = &world.object(bucket, key).unwrap().body;
    assert!(stored.ends_with(MAIL));
    let top = String::from_utf8_lossy(&stored[..stored.len() - MAIL.len()]);
    for line in [
        "X-SES-Spam-Verdict: FAIL\r\n",
        "X-SES-Virus-Verdict: PASS\r\n",
        "Received-SPF: pass ",
        " dmarc=fail header.from=example.net;\r\n",
        "X-SES-RECEIPT: ",
    ] {
        assert!(top.contains(line), "{line}: {top}");
    }
}

#[test]
fn the_event_and_the_notification_tell_the_envelope_apart_from_the_headers() {
    let mut world = stage(rule());
    let received = world.receive_mail("in", MAIL, &envelope());
    let ses = &received.lambda_events[0]["Records"][0]["ses"];
    assert_eq!(
        ses["receipt"]["recipients"],
        serde_json::json!(["bcc@example.com"])
    );
    assert_eq!(
        ses["mail"]["destination"],
        serde_json::json!(["In <in@example.com>", "b@example.com"])
    );
    assert_eq!(ses["receipt"]["dmarcPolicy"], "quarantine");
    assert_eq!(
        ses["receipt"]["action"]["invocationType"],
        "RequestResponse"
    );
    assert_eq!(ses["receipt"]["action"].get("bucketName"), None);
    assert_eq!(
        ses["mail"]["commonHeaders"]["from"],
        serde_json::json!(["\"Doe, Jane\" <jane@example.net>"])
    );
    let published = &world.published()[0];
    let told: Value = serde_json::from_str(&published.message).unwrap();
    assert_eq!(told, received.notifications[0]);
    assert_eq!(told["notificationType"], "Received");
    assert_eq!(
        told["receipt"]["action"]["objectKey"],
        received.objects[0].1.as_str()
    );
    assert_eq!(told.get("content"), None);
}

#[test]
fn the_sns_action_publishes_the_mail_or_bounces_what_is_too_large() {
    let rule = ReceiptRule::new("in", REGION).action(ReceiptAction::Sns {
        topic: TOPIC.to_owned(),
        is_base64: true,
    });
    let mut world = stage(rule);
    let received = world.receive_mail("in", MAIL, &envelope());
    let content = received.notifications[0]["content"].as_str().unwrap();
    use base64::Engine;
    let content = base64::prelude::BASE64_STANDARD.decode(content).unwrap();
    assert!(content.ends_with(MAIL));
    let large = [MAIL, &vec![b'x'; 150 * 1024]].concat();
    let received = world.receive_mail("in", &large, &envelope());
    assert!(received.bounced.is_some() && received.notifications.is_empty());
}

#[test]
fn a_rule_does_nothing_for_others() {
    let mut world = stage(rule());
    let others = MailEnvelope::new("", &["a@example.org", "b@sub.example.com"]);
    let received = world.receive_mail("in", MAIL, &others);
    assert!(received.recipients.is_empty() && received.objects.is_empty());
    let subdomains = ReceiptRule::new("in", REGION).recipient(".example.com");
    assert!(subdomains.is_for("b@SUB.example.com"));
    assert!(!subdomains.is_for("b@example.com"));
}

#[test]
fn headers_above_ten_kilobytes_are_cut() {
    let mut world = stage(rule());
    let long = format!("X-Long: {}\r\n", "x".repeat(11_000));
    let mail = [long.as_bytes(), MAIL].concat();
    let received = world.receive_mail("in", &mail, &envelope());
    let mail = &received.lambda_events[0]["Records"][0]["ses"]["mail"];
    assert_eq!(mail["headersTruncated"], true);
}
