//! What SES says: the event of its Lambda action, and its notifications through SNS.

use crate::look::{owned, short, text, time};
use crate::s3::SES_SETUP;
use crate::{Happening, MailEvent, Verdict, Verdicts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A record of the Lambda action. It names no object: bucket and prefix are the receipt rule's.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html>
pub(crate) fn lambda_action(record: &Value) -> Happening {
    match record.get("ses") {
        Some(ses @ Value::Object(_)) => received(ses),
        _ => Happening::Unreadable("SES record without `ses`".to_owned()),
    }
}

/// Whether SES waits for a disposition to this record.
pub(crate) fn is_decision(record: &Value) -> bool {
    text(record, "/ses/receipt/action/invocationType") == Some("RequestResponse")
}

/// A notification through SNS.
/// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html>
pub(crate) fn notification(event: &Value) -> Happening {
    match text(event, "/notificationType") {
        Some("Received") | None => received(event),
        // Sent once to each topic that is chosen for notifications.
        Some("AmazonSnsSubscriptionSucceeded") => {
            Happening::Nothing("SES tries out its topic".to_owned())
        }
        Some(other) => Happening::Unreadable(format!(
            "SES notification `{}`: only `Received` is about a mail that came in",
            short(other)
        )),
    }
}

/// `mail` and `receipt`, which both forms share.
fn received(event: &Value) -> Happening {
    let Some(message_id) = owned(event, "/mail/messageId") else {
        return Happening::Unreadable("SES event without `mail.messageId`".to_owned());
    };
    if message_id == SES_SETUP {
        return Happening::Nothing("set-up notification of SES".to_owned());
    }
    let content = match content(event) {
        Ok(content) => content,
        Err(reason) => {
            return Happening::Unreadable(format!(
                "the content of the mail `{}` {reason}",
                short(&message_id)
            ));
        }
    };
    let verdict =
        |name: &str| owned(event, &format!("/receipt/{name}Verdict/status")).map(Verdict::from);
    Happening::Mail(Box::new(MailEvent {
        received_at: time(event, "/receipt/timestamp").or_else(|| time(event, "/mail/timestamp")),
        mail_from: owned(event, "/mail/source"),
        recipients: texts(event.pointer("/receipt/recipients")),
        verdicts: Verdicts {
            spam: verdict("spam"),
            virus: verdict("virus"),
            spf: verdict("spf"),
            dkim: verdict("dkim"),
            dmarc: verdict("dmarc"),
            dmarc_policy: owned(event, "/receipt/dmarcPolicy"),
        },
        headers: headers(event),
        headers_truncated: event.pointer("/mail/headersTruncated") == Some(&Value::Bool(true)),
        object: object(event, &message_id),
        content,
        is_decision: text(event, "/receipt/action/invocationType") == Some("RequestResponse"),
        message_id,
    }))
}

/// Where the S3 action put the raw mail.
fn object(event: &Value, message_id: &str) -> Option<(String, String)> {
    let action = event.pointer("/receipt/action")?;
    if text(action, "/type") != Some("S3") {
        return None;
    }
    let key = owned(action, "/objectKey").unwrap_or_else(|| {
        let prefix = text(action, "/objectKeyPrefix").unwrap_or_default();
        format!("{prefix}{message_id}")
    });
    Some((owned(action, "/bucketName")?, key))
}

/// The raw mail that the SNS action sends along.
fn content(event: &Value) -> Result<Option<Vec<u8>>, String> {
    let Some(content) = event.get("content").filter(|content| !content.is_null()) else {
        return Ok(None);
    };
    let Some(content) = content.as_str() else {
        return Err("is not a string".to_owned());
    };
    let encoding = text(event, "/receipt/action/encoding").unwrap_or("UTF-8");
    if encoding.eq_ignore_ascii_case("UTF-8") {
        return Ok(Some(content.as_bytes().to_vec()));
    }
    if !encoding.eq_ignore_ascii_case("BASE64") {
        return Err(format!("has the unknown encoding `{}`", short(encoding)));
    }
    let digits: String = content
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(digits)
        .map(Some)
        .map_err(|error| format!("is not base64: {error}"))
}

fn headers(event: &Value) -> Vec<(String, String)> {
    let Some(headers) = event.pointer("/mail/headers").and_then(Value::as_array) else {
        return Vec::new();
    };
    headers
        .iter()
        .filter_map(|header| {
            let value = header.get("value")?.as_str()?;
            Some((owned(header, "/name")?, value.to_owned()))
        })
        .collect()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let Some(texts) = value.and_then(Value::as_array) else {
        return Vec::new();
    };
    texts
        .iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}
