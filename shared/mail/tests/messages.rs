//! Composed messages, read back with a parser that knows nothing of this crate.

use chrono::{DateTime, Utc};
use expect_test::expect;
use lamplighter_mail::{
    Address, Attachment, MAX_RECIPIENTS, MailError, Message, Notice, NoticeRow,
};
use mail_parser::{MessageParser, MimeHeaders, PartType};

fn address(text: &str) -> Address {
    Address::parse(text).expect(text)
}

fn date() -> DateTime<Utc> {
    "2026-11-22T06:00:02Z".parse().expect("a time")
}

fn message() -> Message {
    Message {
        from: address("Lamplighter <reports@acme.example>"),
        to: vec![
            address("ops@example.com"),
            address("\"Müller, Ann\" <ann@example.com>"),
        ],
        subject: "[lamplighter] stop-untagged: 3 findings".to_owned(),
        text: "Three findings.\n".to_owned(),
        html: "<p>Three findings.</p>\n".to_owned(),
        attachments: vec![],
        list_id: Some("stop-untagged.lamplighter.acme.example".to_owned()),
        message_id: Some("01KAN2W6Q8ZJ5V1X9C4T7M3B0D".to_owned()),
        date: date(),
    }
}

fn with_attachment() -> Message {
    Message {
        attachments: vec![Attachment {
            name: "stop-untagged Übersicht.csv".to_owned(),
            content_type: "text/csv".to_owned(),
            bytes: b"type,function\r\nrun,stop-untagged\r\nodd\nends\r\0".to_vec(),
        }],
        ..message()
    }
}

fn bytes(message: &Message) -> Vec<u8> {
    message.to_bytes().expect("a message")
}

fn subject_of(bytes: &[u8]) -> String {
    let message = MessageParser::new().parse(bytes).expect("a message");
    message.subject().expect("a subject").to_owned()
}

/// What holds for every message, whatever is in it.
fn check_lines(bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).expect("only ASCII");
    assert!(text.is_ascii());
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{} characters: {line}", line.len());
        assert!(
            !line.contains(['\r', '\n', '\0']),
            "a bare line end or NUL: {line:?}"
        );
    }
}

#[test]
fn a_message_has_both_bodies_and_the_headers_of_an_automatic_one() {
    let bytes = bytes(&message());
    check_lines(&bytes);
    expect![[r#"
        From: "Lamplighter" <reports@acme.example>
        To: <ops@example.com>, =?utf-8?B?TcO8bGxlciwgQW5u?= <ann@example.com>
        Subject: [lamplighter] stop-untagged: 3 findings
        Date: Sun, 22 Nov 2026 06:00:02 +0000
        Message-ID: <01KAN2W6Q8ZJ5V1X9C4T7M3B0D@acme.example>
        List-Id: <stop-untagged.lamplighter.acme.example>
        Auto-Submitted: auto-generated
        X-Auto-Response-Suppress: All
        MIME-Version: 1.0
        Content-Type: multipart/alternative; boundary="=_lamplighter_alternative"

        --=_lamplighter_alternative
        Content-Type: text/plain; charset="utf-8"
        Content-Transfer-Encoding: 7bit

        Three findings.

        --=_lamplighter_alternative
        Content-Type: text/html; charset="utf-8"
        Content-Transfer-Encoding: 7bit

        <p>Three findings.</p>

        --=_lamplighter_alternative--
    "#]]
    .assert_eq(
        &String::from_utf8(bytes)
            .expect("ASCII")
            .replace("\r\n", "\n"),
    );
}

#[test]
fn a_message_is_read_back_as_it_was_written() {
    let bytes = bytes(&message());
    let read = MessageParser::new().parse(&bytes).expect("a message");
    let to: Vec<_> = read.to().expect("recipients").iter().collect();
    assert_eq!(to[0].address(), Some("ops@example.com"));
    assert_eq!(to[1].name(), Some("Müller, Ann"));
    assert_eq!(to[1].address(), Some("ann@example.com"));
    assert_eq!(
        read.message_id(),
        Some("01KAN2W6Q8ZJ5V1X9C4T7M3B0D@acme.example")
    );
    assert_eq!(
        read.date().map(mail_parser::DateTime::to_timestamp),
        Some(date().timestamp())
    );
    assert_eq!(read.body_text(0).as_deref(), Some("Three findings.\r\n"));
    assert_eq!(
        read.body_html(0).as_deref(),
        Some("<p>Three findings.</p>\r\n")
    );
    assert!(read.header("Precedence").is_none());
}

#[test]
fn attachments_arrive_byte_for_byte() {
    let message = with_attachment();
    let bytes = bytes(&message);
    check_lines(&bytes);
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(read.attachment_count(), 1);
    let part = read.attachment(0).expect("an attachment");
    assert_eq!(part.attachment_name(), Some("stop-untagged Übersicht.csv"));
    assert_eq!(part.contents(), message.attachments[0].bytes);
    let types: Vec<_> = read
        .parts
        .iter()
        .filter(|part| matches!(part.body, PartType::Multipart(_)))
        .filter_map(|part| part.content_type()?.subtype())
        .collect();
    assert_eq!(types, ["mixed", "alternative"]);
}

#[test]
fn every_script_survives() {
    let message = Message {
        subject: "Größe 東京 🔥 עברית".to_owned(),
        text: "Größe\n東京\n🔥\n".to_owned(),
        html: "<p>Größe 東京 🔥</p>".to_owned(),
        ..message()
    };
    let bytes = bytes(&message);
    check_lines(&bytes);
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(read.subject(), Some(message.subject.as_str()));
    assert_eq!(
        read.body_text(0).as_deref(),
        Some("Größe\r\n東京\r\n🔥\r\n")
    );
    assert_eq!(read.body_html(0).as_deref(), Some(message.html.as_str()));
}

#[test]
fn a_subject_of_a_thousand_characters_is_folded() {
    for subject in ["a".repeat(1_000), "word ".repeat(200), "ü".repeat(1_000)] {
        let bytes = bytes(&Message {
            subject: subject.clone(),
            ..message()
        });
        check_lines(&bytes);
        assert_eq!(subject_of(&bytes).trim_end(), subject.trim_end());
    }
}

#[test]
fn lines_of_any_length_and_end_are_carried() {
    for text in [
        "x".repeat(5_000),
        "bare\rreturns\rand\nnewlines\r\nand nul\0".to_owned(),
        ".\n..\nFrom nobody\n".to_owned(),
    ] {
        check_lines(&bytes(&Message {
            html: text.clone(),
            text,
            ..message()
        }));
    }
}

#[test]
fn a_tag_cannot_end_a_part() {
    let forged = "--=_lamplighter_alternative--\n\n--=_lamplighter_mixed\nContent-Type: text/html\n\n<b>forged</b>\n";
    let message = Message {
        text: forged.to_owned(),
        ..with_attachment()
    };
    let bytes = bytes(&message);
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(read.text_body_count(), 1);
    assert_eq!(read.html_body_count(), 1);
    assert_eq!(read.attachment_count(), 1);
    assert_eq!(
        read.body_text(0).map(|text| text.replace("\r\n", "\n")),
        Some(forged.to_owned())
    );
}

#[test]
fn no_field_can_inject_a_header() {
    let evil = "x\r\nBcc: evil@example.com";
    let file = |name: &str, content_type: &str| Attachment {
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        bytes: vec![],
    };
    let control = |header, code| MailError::ControlCharacter { header, code };
    for (message, error) in [
        (
            Message {
                subject: evil.to_owned(),
                ..message()
            },
            control("subject", 13),
        ),
        (
            Message {
                subject: "a\nb".to_owned(),
                ..message()
            },
            control("subject", 10),
        ),
        (
            Message {
                subject: "a\0b".to_owned(),
                ..message()
            },
            control("subject", 0),
        ),
        (
            Message {
                list_id: Some(evil.to_owned()),
                ..message()
            },
            control("list_id", 13),
        ),
        (
            Message {
                message_id: Some(evil.to_owned()),
                ..message()
            },
            control("message_id", 13),
        ),
        (
            Message {
                attachments: vec![file(evil, "text/csv")],
                ..message()
            },
            control("attachment name", 13),
        ),
        (
            Message {
                attachments: vec![file("a.csv", evil)],
                ..message()
            },
            control("attachment type", 13),
        ),
    ] {
        assert_eq!(message.to_bytes(), Err(error));
    }
    assert!(Address::parse(&format!("{evil} <a@example.com>")).is_err());
}

#[test]
fn malformed_ids_and_attachments_are_refused() {
    let file = |name: &str, content_type: &str| Message {
        attachments: vec![Attachment {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: vec![],
        }],
        ..message()
    };
    for message in [
        Message {
            message_id: Some("a b".to_owned()),
            ..message()
        },
        Message {
            message_id: Some("a@b@c".to_owned()),
            ..message()
        },
        Message {
            message_id: Some("<a@b>".to_owned()),
            ..message()
        },
        Message {
            message_id: Some("a".repeat(1_000)),
            ..message()
        },
        Message {
            list_id: Some("a>, <b".to_owned()),
            ..message()
        },
        file("", "text/csv"),
        file("../../etc/passwd", "text/csv"),
        file("a.csv", "csv"),
        file("a.csv", "text/csv; charset=\"x\""),
        file("a.eml", "message/rfc822"),
    ] {
        assert!(
            matches!(message.to_bytes(), Err(MailError::Malformed { .. })),
            "{message:?}"
        );
    }
}

#[test]
fn the_id_never_tells_the_host() {
    let without = Message {
        message_id: None,
        ..message()
    };
    let id = |message: &Message| {
        let bytes = bytes(message);
        let read = MessageParser::new().parse(&bytes).expect("a message");
        read.message_id().expect("an id").to_owned()
    };
    assert!(id(&without).ends_with("@acme.example"), "{}", id(&without));
    assert_eq!(id(&without), id(&without.clone()));
    let given = Message {
        message_id: Some("run.1@mail.acme.example".to_owned()),
        ..message()
    };
    assert_eq!(id(&given), "run.1@mail.acme.example");
}

#[test]
fn the_same_message_is_the_same_bytes() {
    assert_eq!(bytes(&with_attachment()), bytes(&with_attachment()));
}

#[test]
fn more_than_fifty_recipients_are_refused_and_can_be_split() {
    let to: Vec<Address> = (0..120)
        .map(|number| address(&format!("owner-{number}@example.com")))
        .collect();
    let crowd = Message { to, ..message() };
    let error = crowd.to_bytes().expect_err("too many");
    assert_eq!(
        error.to_string(),
        "the message has 120 recipients, the limit is 50"
    );
    let parts = crowd.split();
    assert_eq!(
        parts.iter().map(|part| part.to.len()).collect::<Vec<_>>(),
        [50, 50, 20]
    );
    assert_eq!(
        parts[2].message_id.as_deref(),
        Some("01KAN2W6Q8ZJ5V1X9C4T7M3B0D.3")
    );
    for part in &parts {
        check_lines(&bytes(part));
    }
    assert_eq!(message().split(), [message()]);
}

#[test]
fn who_is_named_twice_gets_it_once() {
    let message = Message {
        to: vec![
            address("ops@example.com"),
            address("Ops <ops@EXAMPLE.com>"),
            address("ann@example.com"),
        ],
        ..message()
    };
    let bytes = bytes(&message);
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(read.to().map(|to| to.iter().count()), Some(2));
    let same = Message {
        to: vec![address("ops@example.com"); MAX_RECIPIENTS + 1],
        ..message
    };
    assert!(same.to_bytes().is_ok());
}

#[test]
fn a_message_to_nobody_is_refused() {
    let nobody = Message {
        to: vec![],
        ..message()
    };
    assert_eq!(nobody.to_bytes(), Err(MailError::NoRecipient));
}

#[test]
fn debug_output_tells_neither_bodies_nor_addresses() {
    let shown = format!("{:?} {:?}", with_attachment(), notice());
    for secret in [
        "@",
        "ops",
        "ann",
        "findings",
        "stop-untagged",
        "i-0a1b",
        "payments",
    ] {
        assert!(!shown.contains(secret), "`{secret}` in {shown}");
    }
}

fn notice() -> Notice {
    Notice {
        subject: "2 of your instances\nwill be stopped".to_owned(),
        intro: "These instances lack the tags that `acme-prod` requires. They will be stopped after 2026-11-23 06:00:00 UTC.".to_owned(),
        rows: vec![
            NoticeRow {
                title: "i-0a1b2c3d4e5f60001 (payments-api)".to_owned(),
                lines: vec!["eu-west-1, account 123456789012".to_owned(), "lacks `cost_center`".to_owned()],
            },
            NoticeRow {
                title: "i-0a1b2c3d4e5f60002 (<script>alert(1)</script>)".to_owned(),
                lines: vec!["owner says \u{1b}[31m\u{202e}hi\r\nBcc: x".to_owned()],
            },
        ],
        outro: vec!["Add the tags and nothing will happen.".to_owned()],
    }
}

#[test]
fn a_notice_shows_hostile_tags_and_obeys_none() {
    assert_eq!(notice().subject(), "2 of your instances\\nwill be stopped");
    expect![[r#"
        These instances lack the tags that `acme-prod` requires. They will be stopped after 2026-11-23 06:00:00 UTC.

        i-0a1b2c3d4e5f60001 (payments-api)
          eu-west-1, account 123456789012
          lacks `cost_center`

        i-0a1b2c3d4e5f60002 (<script>alert(1)</script>)
          owner says \u{1b}[31m\u{202e}hi\r\nBcc: x

        Add the tags and nothing will happen.
    "#]]
    .assert_eq(&notice().text());
    let page = notice().html();
    assert!(page.contains("<code>cost_center</code>"));
    assert!(page.contains("&lt;script&gt;"));
    for forbidden in [
        "<script", "\u{1b}", "\u{202e}", "http:", "https:", "src=", "url(",
    ] {
        assert!(!page.contains(forbidden), "`{forbidden}` in {page}");
    }
}

#[test]
fn a_notice_can_be_sent_as_it_is() {
    let notice = notice();
    let message = Message {
        subject: notice.subject(),
        text: notice.text(),
        html: notice.html(),
        ..message()
    };
    let bytes = bytes(&message);
    check_lines(&bytes);
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(
        read.body_html(0).map(|html| html.replace("\r\n", "\n")),
        Some(notice.html())
    );
}
