//! The headers of a mail: those that SES adds on top, and reading all of them for notifications.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};

use super::MailEnvelope;

/// From which server it came, which is always the same one.
const PEER: &str = "mailer.example.com";
const ADDRESS: &str = "203.0.113.1";

/// The mail as SES stores it: its own headers first, then what came, byte for byte.
pub(super) fn add(
    raw: &[u8],
    message_id: &str,
    region: &str,
    received_at: DateTime<Utc>,
    envelope: &MailEnvelope,
) -> Vec<u8> {
    let verdicts = &envelope.verdicts;
    let from = &envelope.mail_from;
    let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let date = received_at.format("%a, %d %b %Y %H:%M:%S +0000 (UTC)");
    let (spf, dkim, dmarc) = (
        word(&verdicts.spf),
        word(&verdicts.dkim),
        word(&verdicts.dmarc),
    );
    let details = format!("client-ip={ADDRESS}; envelope-from={from}; helo={PEER};");
    let first = envelope.recipients.first().map_or("", String::as_str);
    let receipt = BASE64_STANDARD.encode(format!("local-aws {message_id}"));
    let mut whole = format!(
        "Return-Path: <{from}>\r\n\
         Received: from {PEER} ({PEER} [{ADDRESS}])\r\n by inbound-smtp.{region}.amazonaws.com with SMTP id {message_id}\
         \r\n for {first};\r\n {date}\r\n\
         X-SES-Spam-Verdict: {}\r\n\
         X-SES-Virus-Verdict: {}\r\n\
         Received-SPF: {spf} (spfCheck: domain of {domain}) {details}\r\n\
         Authentication-Results: amazonses.com;\r\n spf={spf} (spfCheck: domain of {domain}) {details}\r\n \
         dkim={dkim} header.i=@{domain};\r\n dmarc={dmarc} header.from={domain};\r\n\
         X-SES-RECEIPT: {receipt}\r\n",
        verdicts.spam, verdicts.virus,
    )
    .into_bytes();
    whole.extend_from_slice(raw);
    whole
}

/// A verdict in the words of RFC 8601.
fn word(verdict: &str) -> &'static str {
    match verdict {
        "PASS" => "pass",
        "FAIL" => "fail",
        "PROCESSING_FAILED" => "temperror",
        _ => "none",
    }
}

/// The headers of a mail, unfolded, in their order; bytes that are not UTF-8 are lost.
pub(super) fn read(raw: &[u8]) -> Vec<(String, String)> {
    let mut read: Vec<(String, String)> = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = read.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            read.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    read
}

/// The addresses of a header, as they stand there.
pub(super) fn addresses(value: &str) -> Vec<String> {
    let mut is_quoted = false;
    let parts = value.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    parts
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
