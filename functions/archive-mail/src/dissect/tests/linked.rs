//! Linked copies: everything but what was linked stays as it was, for us, for Python's `email` and for `mail-parser`.

use std::collections::BTreeSet;

use chrono::TimeZone;

use super::corpora::{Found, is_same, mails, ours_of, theirs};
use super::*;
use crate::dissect::charset::decode_charset;

const URL: &str =
    "https://mail.example.com/a/0123456789abcdef0123456789abcdef/report%20%26%20co.pdf?X=1&Y=<2>\"";

fn links(dissected: &Dissected, url: &str, is_forever: bool) -> Vec<Link> {
    let parts = dissected.parts.iter().enumerate();
    let chosen = parts.filter(|(_, part)| part.is_attachment());
    let expires = (!is_forever).then(|| {
        Utc.with_ymd_and_hms(2026, 11, 29, 10, 0, 0)
            .single()
            .expect("a time")
    });
    let link = |(part, _): (usize, &Part)| Link {
        part,
        url: url.to_owned(),
        expires,
        console_url: is_forever
            .then(|| "https://console.aws.amazon.com/s3/object/b?prefix=k".to_owned()),
    };
    chosen.map(link).collect()
}

/// Checks all that must hold of a copy; answers the copy, if there is one.
fn check(name: &str, raw: &[u8], url: &str, is_forever: bool) -> Option<Vec<u8>> {
    let before = dissect(raw, &Limits::default());
    let links = links(&before, url, is_forever);
    let copy = match linked(raw, &before, &links) {
        Ok(copy) => copy,
        Err(NotLinked::NoLinks) => {
            assert!(links.is_empty(), "{name}");
            return None;
        }
        Err(NotLinked::Protected(_)) => {
            assert!(before.protection.is_some(), "{name}");
            return None;
        }
        Err(error) => panic!("{name}: {error}"),
    };
    let after = dissect(&copy, &Limits::default());
    let replaced = |number: usize| {
        links.iter().any(|link| link.part == number)
            && matches!(before.parts[number].source, Source::Node(_))
    };
    let of_the_mail = |part: &&Part| matches!(part.source, Source::Node(_));
    let mut rest = after.parts.iter().filter(of_the_mail).peekable();
    let mut notices = Vec::new();
    for (number, part) in before
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| of_the_mail(part))
    {
        let mut now = rest
            .next()
            .unwrap_or_else(|| panic!("{name}: part {} is gone", part.path));
        let is_as_expected = if replaced(number) {
            now.content_type == "message/external-body"
        } else {
            now.content_type == part.content_type
        };
        if !is_as_expected && now.content_type == "text/plain" && notices.is_empty() {
            // The text that was added.
            notices.push(now);
            now = rest
                .next()
                .unwrap_or_else(|| panic!("{name}: part {} is gone", part.path));
        }
        if replaced(number) {
            assert_eq!(now.content_type, "message/external-body", "{name}");
        } else {
            assert_eq!(
                (&now.content_type, &now.original_name),
                (&part.content_type, &part.original_name),
                "{name}"
            );
            if now.sha256 == part.sha256 {
                assert_eq!(
                    copy[now.range.clone()],
                    raw[part.range.clone()],
                    "{name}: {}",
                    part.path
                );
            } else {
                assert_eq!(part.role, Role::Body, "{name}");
                notices.push(now);
            }
        }
    }
    notices.extend(rest);
    assert!(!notices.is_empty(), "{name} has no notice");
    for notice in notices {
        let number = after
            .parts
            .iter()
            .position(|part| part.path == notice.path)
            .expect("the part is there");
        let bytes = after.contents(&copy, number).expect("the part is there");
        let text = decode_charset(notice.charset.as_deref().unwrap_or("utf-8"), &bytes)
            .expect("a charset");
        let lifetime = if is_forever {
            "This link does not expire."
        } else {
            "This link works until 2026-11-29 10:00:00 UTC at the latest."
        };
        assert_eq!(
            text.matches(lifetime).count(),
            links.len(),
            "{name}: {text}"
        );
        assert_eq!(
            text.matches("https://mail.example.com/a/").count(),
            links.len(),
            "{name}: {text}"
        );
    }
    // What is not about contents stays.
    for field in &before.headers.fields {
        if !field.name.to_ascii_lowercase().starts_with("content-") {
            let bytes = &raw[field.whole.clone()];
            assert!(
                copy.windows(bytes.len()).any(|window| window == bytes),
                "{name}: {}",
                field.name
            );
        }
    }
    let is_long = |line: &&[u8]| line.len() > 998;
    for line in copy.split(|&byte| byte == b'\n').filter(is_long) {
        assert!(
            raw.windows(line.len()).any(|window| window == line),
            "{name} has a new line that is too long"
        );
    }
    Some(copy)
}

/// How many parts `mail-parser` finds, and how many it takes for what stands for an attachment.
fn as_mail_parser_sees_it(copy: &[u8]) -> (usize, usize) {
    use mail_parser::{MimeHeaders, PartType};
    let message = mail_parser::MessageParser::default()
        .parse(copy)
        .expect("a mail");
    let leaves = || {
        message
            .parts
            .iter()
            .filter(|part| !matches!(part.body, PartType::Multipart(_)))
    };
    let kinds = leaves().filter_map(|part| part.content_type());
    let external =
        kinds.filter(|kind| kind.ctype() == "message" && kind.subtype() == Some("external-body"));
    (leaves().count(), external.count())
}

#[test]
fn everything_but_the_linked_parts_stays_for_every_reader() {
    let mut mails = mails();
    let fixtures = mails.len();
    assert!(fixtures >= 37);
    if let Some(corpora) = corpora() {
        mails.extend(super::corpora::corpus(&corpora));
    }
    let folder = std::env::temp_dir().join(format!("lamplighter-linked-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the copies");
    let long = format!("{URL}&token={}", "x".repeat(1_500));
    let (mut paths, mut expected, mut otherwise) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in &mails {
        let name = path.file_name().expect("a file").to_string_lossy();
        let raw = std::fs::read(path).expect("the mail can be read");
        for (kind, url, is_forever) in [("short", URL, false), ("long", &long, true)] {
            let Some(copy) = check(&name, &raw, url, is_forever) else {
                continue;
            };
            let ours = ours_of(&copy);
            let seen = as_mail_parser_sees_it(&copy);
            if seen != (ours.len(), external(&ours)) {
                otherwise.insert(name.clone().into_owned());
            }
            let copied = folder.join(format!("{kind}-{name}"));
            std::fs::write(&copied, &copy).expect("the copy can be written");
            paths.push(copied);
            expected.push(ours);
        }
    }
    assert!(paths.len() >= 50, "only {} copies", paths.len());
    let theirs = theirs(&paths);
    std::fs::remove_dir_all(&folder).expect("the copies can be removed");
    let (mut different, mut report) = (BTreeSet::new(), String::new());
    for ((path, ours), theirs) in paths.iter().zip(&expected).zip(&theirs) {
        if external(theirs) != external(ours) || !is_same(theirs, ours) {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            report += &format!("{name}\nPython: {theirs:#?}\nwe: {ours:#?}\n");
            different.insert(
                name.trim_start_matches("short-")
                    .trim_start_matches("long-")
                    .to_owned(),
            );
        }
    }
    assert_eq!(
        otherwise,
        OTHER_STRUCTURES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    );
    let has_corpora = corpora().is_some();
    let known = DIFFERENCES
        .iter()
        .filter(|(name, _)| has_corpora || name.ends_with(".eml"));
    assert_eq!(
        different,
        known.map(|(name, _)| (*name).to_owned()).collect(),
        "{report}"
    );
}

fn external(parts: &[Found]) -> usize {
    parts
        .iter()
        .filter(|part| part.media == "message/external-body")
        .count()
}

/// The mails that `mail-parser` sees otherwise, and so their copies too.
const OTHER_STRUCTURES: [(&str, &str); 2] = [
    (
        "014-malformed-content-type.eml",
        "mail-parser needs the boundary to be named",
    ),
    (
        "036-unknown-encoding.eml",
        "mail-parser takes a boundary without an empty line before it for a header",
    ),
];

/// The mails that Python reads otherwise, and so their copies too.
const DIFFERENCES: [(&str, &str); 3] = [
    (
        "014-malformed-content-type.eml",
        "Python needs the semicolon before the boundary",
    ),
    (
        "020-header-without-colon.eml",
        "a header line without a colon ends the header for Python",
    ),
    (
        "feedback-report.txt",
        "a byte order mark before the header ends the header for Python",
    ),
];

#[test]
fn a_mail_with_text_and_html_says_where_its_attachment_is() {
    let raw = "From: ann@example.org\nSubject: Report\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n\
        --m\nContent-Type: multipart/alternative; boundary=a\n\n\
        --a\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe=\n\n\
        --a\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<html><body><p>Grüße</p></body></html>\n\
        --a--\n\
        --m\nContent-Type: application/pdf; name=\"=?utf-8?Q?=C3=9C_=3Cb=3E.pdf?=\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--m--\n";
    let copy = check("text and HTML", raw.as_bytes(), URL, false).expect("a copy");
    expect_test::expect_file!["copies/text-and-html.eml"]
        .assert_eq(&String::from_utf8(copy).expect("UTF-8"));
}

#[test]
fn a_mail_that_is_one_attachment_becomes_a_multipart() {
    let raw = "From: ann@example.org\nContent-Type: application/pdf; name=a.pdf\nSubject: A file\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n";
    let copy = check("one attachment", raw.as_bytes(), URL, true).expect("a copy");
    expect_test::expect_file!["copies/one-attachment.eml"]
        .assert_eq(&String::from_utf8(copy).expect("UTF-8"));
}

#[test]
fn a_name_cannot_write_html() {
    let raw = "Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/html\n\n<p>Hello\n--m\n\
        Content-Type: application/pdf\nContent-Disposition: attachment; filename=\"a'&quot;onload=alert(1)&lt;script.pdf\"\n\npdf\n--m--\n";
    let copy = check("HTML", raw.as_bytes(), URL, false).expect("a copy");
    let text = String::from_utf8(copy).expect("ASCII");
    assert!(
        text.contains("a&#39;&amp;quot;onload=alert(1)&amp;lt;script.pdf"),
        "{text}"
    );
}

#[test]
fn a_notice_in_a_charset_without_the_name_is_ascii() {
    for (charset, encoding, wanted) in [
        ("us-ascii", "7bit", "* ?????.pdf"),
        ("iso-8859-1", "8bit", "* ?????.pdf"),
        ("koi8-r", "8bit", "* отчёт.pdf"),
        ("koi8-r", "7bit", "* ?????.pdf"),
        ("utf-8", "base64", "* отчёт.pdf"),
        ("utf-16le", "base64", "* отчёт.pdf"),
        ("utf-7", "7bit", "* ?????.pdf"),
        ("x-unknown", "quoted-printable", "* ?????.pdf"),
    ] {
        let raw = format!(
            "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain; charset={charset}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n\r\n--m\r\nContent-Type: application/pdf\r\n\
             Content-Disposition: attachment; filename*=utf-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf\r\n\r\npdf\r\n--m--\r\n"
        );
        let before = dissect(raw.as_bytes(), &Limits::default());
        let copy = linked(raw.as_bytes(), &before, &links(&before, URL, false)).expect("a copy");
        let after = dissect(&copy, &Limits::default());
        let bytes = after.contents(&copy, 0).expect("the text");
        let text = decode_charset(charset, &bytes)
            .unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
        assert!(text.contains(wanted), "{charset} {encoding}: {text}");
    }
}

#[test]
fn signed_and_encrypted_mails_are_left_whole() {
    for name in [
        "024-signed",
        "025-encrypted",
        "026-inline-pgp",
        "027-pgp-mime",
    ] {
        let path = mails()
            .into_iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == name));
        let raw =
            std::fs::read(path.expect("the fixture is there")).expect("the fixture can be read");
        let dissected = dissect(&raw, &Limits::default());
        let links = links(&dissected, URL, false);
        assert!(!links.is_empty(), "{name}");
        assert!(
            matches!(
                linked(&raw, &dissected, &links),
                Err(NotLinked::Protected(_))
            ),
            "{name}"
        );
    }
}

#[test]
fn a_winmail_dat_gives_way_to_its_files_only_if_all_are_linked() {
    let mut raw =
        b"From: a@example.org\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
            .to_vec();
    raw.extend_from_slice(&super::tnef::two_files());
    let before = dissect(&raw, &Limits::default());
    let mut links = links(&before, URL, true);
    // The container itself is not linked.
    links.remove(0);
    assert_eq!(links.len(), 3);
    let kinds = |copy: &[u8]| -> Vec<String> {
        let parts = dissect(copy, &Limits::default()).parts;
        parts
            .into_iter()
            .map(|part| format!("{} {}", part.path, part.content_type))
            .collect()
    };
    let copy = linked(&raw, &before, &links).expect("a copy");
    let external = "message/external-body";
    assert_eq!(
        kinds(&copy),
        [
            "1 text/plain",
            &format!("2 {external}"),
            &format!("3 {external}"),
            &format!("4 {external}")
        ]
    );
    let text = String::from_utf8(copy).expect("ASCII");
    assert!(
        text.contains("filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.txt"),
        "{text}"
    );
    links.pop();
    let copy = linked(&raw, &before, &links).expect("a copy");
    let kept = [
        "1 text/plain",
        "2 application/ms-tnef",
        "2.1 application/octet-stream",
        "2.2 application/octet-stream",
        "2.3 application/rtf",
    ];
    assert_eq!(kinds(&copy), kept);
    assert!(
        copy.windows(8)
            .any(|window| window == b"\x78\x9f\x3e\x22\x01\x00\x01\x07")
    );
}

#[test]
fn a_text_without_any_line_gets_its_notice_and_keeps_its_boundary() {
    let file = "Content-Type: application/pdf; name=a.pdf\r\n\r\npdf\r\n--m--\r\n";
    for text in [
        "--m\r\n\r\n--m\r\n",
        "--m\r\nContent-Type: text/plain\r\n--m\r\n",
        "--m\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n--m\r\n",
        "--m\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--m\r\n",
        "--m\r\nContent-Type: text/plain\r\nno header\r\n--m\r\n",
    ] {
        let raw = format!("Content-Type: multipart/mixed; boundary=m\r\n\r\n{text}{file}");
        for url in [URL.to_owned(), format!("{URL}{}", "x".repeat(2_000))] {
            let copy = check(text, raw.as_bytes(), &url, true).expect("a copy");
            let parts = dissect(&copy, &Limits::default()).parts;
            assert_eq!(parts.len(), 2, "{}", String::from_utf8_lossy(&copy));
        }
    }
}
