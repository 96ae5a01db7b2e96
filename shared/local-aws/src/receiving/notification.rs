//! What SES tells topics and functions about a mail.
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::{Incoming, headers};
use crate::s3::event_time;

/// Names and values of headers together; what is above is left out.
const MOST_HEADER_BYTES: usize = 10 * 1024;

/// What the S3 action publishes.
pub(super) fn of_object(mail: &Incoming<'_>, bucket: &str, prefix: &str, topic: &str) -> Value {
    let action = json!({
        "type": "S3",
        "topicArn": topic,
        "bucketName": bucket,
        "objectKeyPrefix": prefix,
        "objectKey": format!("{prefix}{}", mail.message_id),
    });
    notification(mail, action)
}

/// What the SNS action publishes: the mail with it.
pub(super) fn of_content(mail: &Incoming<'_>, topic: &str, is_base64: bool) -> Value {
    let (encoding, content) = if is_base64 {
        ("BASE64", BASE64_STANDARD.encode(mail.raw))
    } else {
        ("UTF8", String::from_utf8_lossy(mail.raw).into_owned())
    };
    let action = json!({ "type": "SNS", "topicArn": topic, "encoding": encoding });
    let mut told = notification(mail, action);
    told["content"] = json!(content);
    told
}

/// The event of the Lambda action, which says neither what the mail is nor where it was stored.
pub(super) fn of_function(mail: &Incoming<'_>, function: &str, decides: bool) -> Value {
    let kind = if decides { "RequestResponse" } else { "Event" };
    let action = json!({ "type": "Lambda", "invocationType": kind, "functionArn": function });
    json!({ "Records": [{
        "eventSource": "aws:ses",
        "eventVersion": "1.0",
        "ses": { "mail": describe(mail), "receipt": receipt(mail, action) },
    }] })
}

fn notification(mail: &Incoming<'_>, action: Value) -> Value {
    json!({
        "notificationType": "Received",
        "mail": describe(mail),
        "receipt": receipt(mail, action),
    })
}

fn receipt(mail: &Incoming<'_>, action: Value) -> Value {
    let verdicts = &mail.envelope.verdicts;
    let mut receipt = json!({
        "timestamp": event_time(mail.received_at),
        "processingTimeMillis": 574,
        "recipients": mail.recipients,
        "spamVerdict": { "status": verdicts.spam },
        "virusVerdict": { "status": verdicts.virus },
        "spfVerdict": { "status": verdicts.spf },
        "dkimVerdict": { "status": verdicts.dkim },
        "dmarcVerdict": { "status": verdicts.dmarc },
        "action": action,
    });
    if let Some(policy) = &verdicts.dmarc_policy
        && verdicts.dmarc == "FAIL"
    {
        receipt["dmarcPolicy"] = json!(policy);
    }
    receipt
}

fn describe(mail: &Incoming<'_>) -> Value {
    let all = headers::read(mail.raw);
    let value = |wanted: &str| {
        let mut all = all.iter();
        let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(value.clone())
    };
    let list = |wanted: &str| Some(headers::addresses(&value(wanted)?));
    let mut common = Map::new();
    for (name, header) in [
        ("from", "From"),
        ("to", "To"),
        ("cc", "Cc"),
        ("bcc", "Bcc"),
        ("sender", "Sender"),
        ("replyTo", "Reply-To"),
    ] {
        if let Some(addresses) = list(header) {
            common.insert(name.to_owned(), json!(addresses));
        }
    }
    for (name, header) in [
        ("returnPath", "Return-Path"),
        ("messageId", "Message-ID"),
        ("date", "Date"),
        ("subject", "Subject"),
    ] {
        if let Some(text) = value(header) {
            let text = match name {
                "returnPath" => text.trim_matches(['<', '>']).to_owned(),
                _ => text,
            };
            common.insert(name.to_owned(), json!(text));
        }
    }
    let (mut shown, mut size) = (Vec::new(), 0);
    for (name, value) in &all {
        size += name.len() + value.len();
        if size <= MOST_HEADER_BYTES {
            shown.push(json!({ "name": name, "value": value }));
        }
    }
    // Whom the headers name; a blind copy's recipient is only in the receipt.
    let mut destination = list("To").unwrap_or_default();
    destination.extend(list("Cc").unwrap_or_default());
    json!({
        "timestamp": event_time(mail.received_at),
        "source": mail.envelope.mail_from,
        "messageId": mail.message_id,
        "destination": destination,
        "headersTruncated": size > MOST_HEADER_BYTES,
        "headers": shown,
        "commonHeaders": common,
    })
}
