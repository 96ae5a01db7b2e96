//! A copy of a mail to send on: its body and MIME headers byte for byte, its `From` our own.
//!
//! SES sends only what is from a verified identity, so who wrote the mail moves into the display name and `Reply-To`.
//! Headers that a mail has once, that were signed, or that tell SES what to do, are left out. What could come back is
//! not sent on at all.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::dissect::Headers;
use crate::policy::shown;
use crate::rules::Forward;

/// The header by which a copy is known again.
pub const STAMP: &str = "X-Lamplighter-Forwarded";

/// The metadata of the record of a copy: how far sending it has come.
pub const STATE: &str = "lamplighter-state";
/// Somebody is at it.
pub const CLAIMED: &str = "claimed";
/// It was handed to SES.
pub const SENT: &str = "sent";
/// SES did not take it.
pub const FAILED: &str = "failed";

/// The longest line without its end. RFC 5322, section 2.1.1.
const MOST_IN_LINE: usize = 998;

/// Headers of which a copy has its own, or none.
const LEFT_OUT: &[&str] = &[
    // A mail has one of each, and SES or we write it. RFC 5322, section 3.6.
    "From",
    "Sender",
    "Message-ID",
    "Return-Path",
    // A mail server that sees itself here takes the copy for a loop.
    "Delivered-To",
    "X-Original-To",
    // They are about what was signed, and would no longer hold.
    "DKIM-Signature",
    "DomainKey-Signature",
    "X-Google-DKIM-Signature",
    "ARC-Seal",
    "ARC-Message-Signature",
    "ARC-Authentication-Results",
    // The next receiver writes its own.
    "Authentication-Results",
    "Received-SPF",
    // Nobody's business.
    "Bcc",
    "Resent-Bcc",
    // They would be answered to the writer, by whoever gets the copy.
    "Disposition-Notification-To",
    "Return-Receipt-To",
];

/// Headers that a mail has once; SES refuses a second one. RFC 5322, section 3.6, and RFC 2045.
const ONCE: &[&str] = &[
    "Date",
    "Reply-To",
    "To",
    "Cc",
    "In-Reply-To",
    "References",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Disposition",
    "Content-Description",
];

/// Whether the metadata of the record of a copy says that it was sent.
pub fn was_sent(metadata: &BTreeMap<String, String>) -> bool {
    metadata.get(STATE).is_some_and(|state| state == SENT)
}

/// Why a mail must not be sent on: it is a copy already, or was sent by a machine, whose answer to the copy would come
/// back. RFC 3834, section 2, and RFC 2076 for `Precedence`.
pub fn reason_not_to(headers: &Headers, mail_from: Option<&str>) -> Option<String> {
    if headers.has(STAMP) {
        return Some("it is a copy that was sent on already".to_owned());
    }
    if matches!(mail_from.map(str::trim), Some("" | "<>")) {
        return Some("it is a bounce: its envelope has no sender".to_owned());
    }
    let word = |text: &Option<String>| {
        let first = text.as_deref().unwrap_or_default().split(';').next();
        first.unwrap_or_default().trim().to_ascii_lowercase()
    };
    match word(&headers.auto_submitted).as_str() {
        "" | "no" => {}
        kind => {
            return Some(format!(
                "a machine sent it (`Auto-Submitted: {}`)",
                shown(kind)
            ));
        }
    }
    match word(&headers.precedence).as_str() {
        kind @ ("bulk" | "list" | "junk") => {
            Some(format!("it went to many (`Precedence: {kind}`)"))
        }
        _ => None,
    }
}

/// The copy of a mail, or why its bytes cannot be sent as they are.
pub fn copy(raw: &[u8], headers: &Headers, id: &str, forward: &Forward) -> Result<Vec<u8>, String> {
    let size = raw.len() as u64;
    if size > forward.max_bytes {
        return Err(format!("it has {size} bytes"));
    }
    let too_long = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() > MOST_IN_LINE;
    if raw.split(|byte| *byte == b'\n').any(too_long) {
        return Err(format!("it has a line of more than {MOST_IN_LINE} bytes"));
    }
    let mut copy = Vec::with_capacity(raw.len() + 1024);
    let ending: &[u8] = match raw.iter().position(|byte| *byte == b'\n') {
        Some(at) if at > 0 && raw[at - 1] == b'\r' => b"\r\n",
        Some(_) => b"\n",
        None => b"\r\n",
    };
    let mut add = |line: &str| {
        copy.extend_from_slice(line.as_bytes());
        copy.extend_from_slice(ending);
    };
    for line in from_header(headers, &forward.from) {
        add(&line);
    }
    if !headers.has("Reply-To") {
        let senders: Vec<&str> = headers
            .from
            .iter()
            .map(|from| from.address.as_str())
            .filter(|address| is_plain_address(address))
            .take(10)
            .collect();
        if !senders.is_empty() {
            add(&format!("Reply-To: {}", senders.join(",\r\n ")).replace("\r\n", as_text(ending)));
        }
    }
    add(&format!(
        "{STAMP}: {}",
        id.chars()
            .filter(char::is_ascii_graphic)
            .take(200)
            .collect::<String>()
    ));
    let mut body = 0;
    let mut seen: Vec<String> = Vec::new();
    for field in &headers.fields {
        body = field.whole.end;
        let name = field.name.as_str();
        if ONCE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let lower = name.to_ascii_lowercase();
            if seen.contains(&lower) {
                continue;
            }
            seen.push(lower);
        }
        let is_ses = name
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("x-ses-"));
        let is_left_out = LEFT_OUT
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name));
        if !is_ses && !is_left_out {
            copy.extend_from_slice(&raw[field.whole.clone()]);
        }
    }
    // What follows the headers begins with the empty line.
    copy.extend_from_slice(&raw[body..]);
    Ok(copy)
}

/// `From: =?utf-8?B?…?= <archive@example.com>`, folded: the writer's name and address, and ours behind them.
fn from_header(headers: &Headers, own: &str) -> Vec<String> {
    let address = own
        .rsplit_once('<')
        .map_or(own, |(_, rest)| rest.trim_end_matches('>'))
        .trim();
    let writer = headers.from.first().map_or_else(
        || "unknown".to_owned(),
        |from| match &from.name {
            Some(name) if !name.is_empty() => format!("{name} ({})", from.address),
            _ => from.address.clone(),
        },
    );
    let writer: String = shown(&writer);
    let mut lines = Vec::new();
    // An encoded word has at most 75 letters, and a line with one at most 76. RFC 2047, section 2.
    let mut piece = String::new();
    let mut flush = |piece: &mut String| {
        if !piece.is_empty() {
            let start = if lines.is_empty() { "From: " } else { " " };
            lines.push(format!("{start}=?utf-8?B?{}?=", STANDARD.encode(&*piece)));
            piece.clear();
        }
    };
    for letter in writer.chars() {
        if piece.len() + letter.len_utf8() > 36 {
            flush(&mut piece);
        }
        piece.push(letter);
    }
    flush(&mut piece);
    if lines.is_empty() {
        return vec![format!("From: <{address}>")];
    }
    lines.push(format!(" <{address}>"));
    lines
}

/// Whether an address can stand in a header as it is.
fn is_plain_address(address: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.@".contains(&byte);
    address.len() <= 254
        && address.matches('@').count() == 1
        && !address.starts_with('@')
        && !address.ends_with('@')
        && address.bytes().all(is_plain)
}

fn as_text(ending: &[u8]) -> &'static str {
    if ending == b"\r\n" { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::{Limits, dissect};

    const MAIL: &str = "Return-Path: <ann@partner.example>\r\nX-SES-Spam-Verdict: PASS\r\n\
        DKIM-Signature: v=1;\r\n b=abc\r\nDelivered-To: x@example.com\r\nMessage-ID: <1@partner.example>\r\n\
        X-SES-CONFIGURATION-SET: evil\r\nFrom: =?utf-8?Q?Ann_M=C3=BCller?= <ann@partner.example>\r\n\
        Sender: bot@partner.example\r\nDate: Sat, 21 Nov 2026 23:59:58 +0000\r\nSubject: Hi\r\n\
        References: <0@partner.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n";

    fn forward() -> Forward {
        Forward {
            from: "Archive <archive@example.com>".to_owned(),
            to: vec!["team@example.com".to_owned()],
            max_bytes: 1024 * 1024,
        }
    }

    fn copied(mail: &str) -> String {
        let headers = dissect(mail.as_bytes(), &Limits::default()).headers;
        let copy = copy(mail.as_bytes(), &headers, "id1", &forward()).expect("it can be sent");
        String::from_utf8(copy).expect("text")
    }

    #[test]
    fn a_copy_keeps_the_body_and_its_encoding_and_changes_who_sends_it() {
        let encoded = STANDARD.encode("Ann Müller (ann@partner.example)");
        assert_eq!(
            copied(MAIL),
            format!(
                "From: =?utf-8?B?{encoded}?=\r\n <archive@example.com>\r\nReply-To: ann@partner.example\r\n\
                 X-Lamplighter-Forwarded: id1\r\nDate: Sat, 21 Nov 2026 23:59:58 +0000\r\nSubject: Hi\r\n\
                 References: <0@partner.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n"
            )
        );
    }

    #[test]
    fn a_reply_to_of_the_mail_stays() {
        let mail = MAIL.replace(
            "Subject: Hi",
            "Reply-To: desk@partner.example\r\nSubject: Hi",
        );
        let copy = copied(&mail);
        assert_eq!(copy.matches("Reply-To:").count(), 1);
        assert!(copy.contains("Reply-To: desk@partner.example\r\n"));
    }

    #[test]
    fn a_header_that_stands_twice_stands_once_in_the_copy() {
        let copy = copied(&MAIL.replace(
            "Subject: Hi",
            "Subject: Hi\r\nsubject: Ho\r\nContent-Type: text/html",
        ));
        assert_eq!(copy.to_lowercase().matches("subject:").count(), 1);
        assert!(
            copy.contains("Subject: Hi\r\nMIME")
                || copy.contains("Subject: Hi\r\nContent-Type: text/html")
        );
        assert_eq!(copy.matches("Content-Type:").count(), 1);
    }

    #[test]
    fn lines_end_as_they_did() {
        let copy = copied(&MAIL.replace("\r\n", "\n"));
        assert!(!copy.contains('\r'), "{copy}");
        assert!(copy.ends_with("\n\nSGVsbG8=\n"));
    }

    #[test]
    fn no_name_breaks_out_of_its_header() {
        let name = "x\u{202e}".repeat(100);
        let encoded = STANDARD.encode(format!("{name}\r\nBcc: victim@example.com"));
        let mail =
            format!("From: =?utf-8?B?{encoded}?= <a@b.example>\r\nSubject: x\r\n\r\nbody\r\n");
        let copy = copied(&mail);
        assert!(!copy.contains("\r\nBcc"), "{copy}");
        let header = copy.split("\r\n\r\n").next().expect("a header");
        assert!(header.lines().all(|line| line.len() <= 76), "{header}");
    }

    #[test]
    fn what_could_come_back_is_not_sent_on() {
        let reason = |header: &str, mail_from: Option<&str>| {
            let mail = format!("{header}From: a@b.example\r\n\r\n");
            reason_not_to(
                &dissect(mail.as_bytes(), &Limits::default()).headers,
                mail_from,
            )
        };
        assert_eq!(reason("", Some("a@b.example")), None);
        assert_eq!(reason("Auto-Submitted: no\r\n", None), None);
        assert_eq!(reason("Precedence: first-class\r\n", None), None);
        for (header, mail_from) in [
            ("X-Lamplighter-Forwarded: x\r\n", Some("a@b.example")),
            ("Auto-Submitted: auto-replied; owner-email=\"x\"\r\n", None),
            ("Auto-Submitted: Auto-Generated\r\n", None),
            ("Precedence: BULK\r\n", None),
            ("Precedence: list\r\n", None),
            ("", Some("")),
            ("", Some("<>")),
        ] {
            assert!(
                reason(header, mail_from).is_some(),
                "{header} {mail_from:?}"
            );
        }
    }

    #[test]
    fn what_ses_would_not_take_is_not_sent() {
        let mail = format!("From: a@b.example\r\n\r\n{}\r\n", "x".repeat(999));
        let headers = dissect(mail.as_bytes(), &Limits::default()).headers;
        let long = copy(mail.as_bytes(), &headers, "i", &forward()).expect_err("a long line");
        assert_eq!(long, "it has a line of more than 998 bytes");
        let small = Forward {
            max_bytes: 10,
            ..forward()
        };
        assert!(copy(mail.as_bytes(), &headers, "i", &small).is_err());
    }
}
