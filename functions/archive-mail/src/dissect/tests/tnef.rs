//! `winmail.dat` files of other projects, with the files that MimeKit takes out of them.

use super::*;
use crate::dissect::tnef::{Limits, Tnef, read};

const LIMITS: Limits = Limits {
    max_items: 100,
    max_depth: 4,
};

/// The interface's id that MimeKit leaves before an object.
const INTERFACE: usize = 16;

#[test]
fn finds_the_files_that_mimekit_finds() {
    let Some(corpora) = corpora() else { return };
    let folder = corpora.join("mimekit/tnef");
    let (mut streams, mut files) = (0, 0);
    for entry in std::fs::read_dir(&folder).expect("the corpus can be read") {
        let path = entry.expect("the corpus can be read").path();
        if path.extension().is_none_or(|extension| extension != "tnef") {
            continue;
        }
        streams += 1;
        let stream = std::fs::read(&path).expect("the corpus can be read");
        let found = read(&stream, &LIMITS);
        assert!(found.is_tnef, "{}", path.display());
        for wanted in std::fs::read_dir(path.with_extension(""))
            .into_iter()
            .flatten()
        {
            let wanted = wanted.expect("the corpus can be read").path();
            let name = wanted.file_name().expect("a file").to_string_lossy();
            let bytes = std::fs::read(&wanted).expect("the corpus can be read");
            assert!(
                holds(&found, &stream, &name, &bytes),
                "{} lacks {name}",
                path.display()
            );
            files += 1;
        }
    }
    assert_eq!((streams, files), (19, 49));
}

/// Whether the file is among the found ones.
fn holds(found: &Tnef, stream: &[u8], name: &str, wanted: &[u8]) -> bool {
    if wanted.starts_with(b"This attachment is a MAPI 1.0 embedded message") {
        // What Outlook has in its place for programs that know no embedded mails.
        return true;
    }
    let embedded = read(wanted, &LIMITS);
    if embedded.is_tnef {
        // We list what is in an embedded mail, MimeKit wrote it as it is.
        return embedded
            .items
            .iter()
            .all(|item| holds(found, stream, "", &item.contents(wanted).bytes));
    }
    found.items.iter().any(|item| {
        let contents = item.contents(stream).bytes;
        let ours = item.name.as_ref().map(|name| name.decode(None));
        let has_name = name.starts_with("Untitled")
            || name.is_empty()
            || item.fixed_name == Some(name)
            || ours.as_deref() == Some(name);
        // The texts of the corpus lost the CR of their line ends in its repository.
        let is_same = without_cr(&contents) == without_cr(wanted);
        let is_object = wanted
            .get(INTERFACE..)
            .is_some_and(|wanted| *contents == *wanted);
        has_name && (is_same || is_object)
    })
}

fn without_cr(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|&byte| byte != b'\r')
        .collect()
}

#[test]
fn a_stream_that_breaks_off_anywhere_yields_what_came_before() {
    let stream = two_files();
    let whole = read(&stream, &LIMITS).items.len();
    assert_eq!(whole, 3);
    let mut clean = 0;
    for length in 0..stream.len() {
        let stream = &stream[..length];
        let read = read(stream, &LIMITS);
        for item in &read.items {
            assert!(item.contents(stream).bytes.len() as u64 <= item.size(stream));
        }
        assert!(read.items.len() <= whole);
        clean += usize::from(read.defects.is_empty());
    }
    // Only between two of the nine attributes nobody can see that something is missing.
    assert_eq!(clean, 9);
}

#[test]
fn the_files_of_a_container_follow_it_and_nothing_else_is_lost() {
    let stream = two_files();
    let mut body = Vec::new();
    for line in stream.chunks(57) {
        crate::dissect::base64::encode(line, &mut body);
        body.extend_from_slice(b"\r\n");
    }
    let body = String::from_utf8(body).expect("base64 is ASCII");
    let mail = format!(
        "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\ntext\r\n\
         --b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\
         --b\r\nContent-Type: application/pdf; name=one.txt\r\n\r\npdf\r\n--b--\r\n"
    );
    let dissected = dissect(mail.as_bytes(), &crate::dissect::Limits::default());
    let listed: Vec<String> = dissected
        .parts
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let contents = dissected
                .contents(mail.as_bytes(), number)
                .expect("the part is there");
            assert_eq!(contents.len() as u64, part.size);
            format!("{} {} {} {:?}", part.path, part.name, part.size, part.role)
        })
        .collect();
    expect_test::expect![[r#"
        [
            "1 part-1.txt 4 Body",
            "2 winmail.dat 257 TnefContainer",
            "2.1 one.txt 5 FromTnef { container: \"2\" }",
            "2.2 отчёт.txt 6 FromTnef { container: \"2\" }",
            "2.3 message.rtf 43 FromTnef { container: \"2\" }",
            "3 one-2.txt 3 Attachment",
        ]
    "#]]
    .assert_debug_eq(&listed);
}

fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![level];
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes.extend_from_slice(data);
    let sum = data
        .iter()
        .fold(0_u16, |sum, &byte| sum.wrapping_add(byte.into()));
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn property(kind: u16, id: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), id.to_le_bytes()].concat();
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn list(properties: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = (properties.len() as u32).to_le_bytes().to_vec();
    bytes.extend(properties.concat());
    bytes
}

/// A stream with nothing but a text.
pub(super) fn stream_with_rtf(rtf: &[u8]) -> Vec<u8> {
    [
        0x223e_9f78_u32.to_le_bytes().to_vec(),
        vec![1, 0],
        attribute(1, 0x0006_9003, &list(&[property(0x0102, 0x1009, rtf)])),
    ]
    .concat()
}

/// A stream with two files and a text, all by the letter of [MS-OXTNEF].
pub(super) fn two_files() -> Vec<u8> {
    // The example of [MS-OXRTFCP], section 3.1.1: "{\rtf1\ansi\ansicpg1252\pard hello world}\r\n".
    let rtf = [
        0x2d, 0, 0, 0, 0x2b, 0, 0, 0, b'L', b'Z', b'F', b'u', 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00,
        0x0a, 0x00, b'r', b'c', b'p', b'g', b'1', b'2', b'5', 0x42, b'2', 0x0a, 0xf3, b' ', b'h',
        b'e', b'l', 0x09, 0x00, b' ', b'b', b'w', 0x05, 0xb0, b'l', b'd', b'}', 0x0a, 0x80, 0x0f,
        0xa0,
    ];
    let long_name: Vec<u8> = "отчёт.txt\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    [
        0x223e_9f78_u32.to_le_bytes().to_vec(),
        vec![1, 0],
        attribute(1, 0x0006_9007, &[0xe4, 4, 0, 0, 0, 0, 0, 0]),
        attribute(1, 0x0006_9003, &list(&[property(0x0102, 0x1009, &rtf)])),
        attribute(2, 0x0006_9002, &[1, 0, 0, 0]),
        attribute(2, 0x0001_8010, b"one.txt\0"),
        attribute(2, 0x0006_800f, b"first"),
        attribute(2, 0x0006_9002, &[1, 0, 0, 0]),
        attribute(2, 0x0001_8010, b"OTCHET~1.TXT\0"),
        attribute(2, 0x0006_800f, b"second"),
        attribute(
            2,
            0x0006_9005,
            &list(&[property(0x001f, 0x3707, &long_name)]),
        ),
    ]
    .concat()
}
