//! Mails that are made to cost: each limit holds, is told, and keeps the time and the memory small.

use std::process::Command;
use std::time::{Duration, Instant};

use super::*;

/// Far more than any of these takes, on a machine that is busy, in a program that is not optimised.
const PATIENCE: Duration = Duration::from_secs(20);

fn timed(raw: &[u8], limits: &Limits) -> Dissected {
    let start = Instant::now();
    let dissected = dissect(raw, limits);
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    dissected
}

fn names(defects: &[Defect]) -> Vec<&str> {
    defects.iter().map(|defect| defect.name).collect()
}

const HEADER: &str = "From: a@example.org\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n";

#[test]
fn of_two_hundred_thousand_parts_the_first_thousand_are_listed() {
    let part = "--b\r\nContent-Type: text/plain; name=a.txt\r\n\r\nx\r\n";
    let raw = format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
        part.repeat(200_000)
    );
    let dissected = timed(raw.as_bytes(), &Limits::default());
    assert!(dissected.is_truncated);
    assert_eq!(names(&dissected.defects), ["too-many-parts"]);
    assert_eq!(dissected.parts.len(), 999);
    let unlimited = Limits {
        max_parts: usize::MAX,
        ..Limits::default()
    };
    let few = &raw.as_bytes()[..HEADER.len() + 100_000];
    assert!(!timed(few, &unlimited).is_truncated);
}

#[test]
fn of_twenty_thousand_nested_multiparts_the_outer_ones_are_opened() {
    let mut raw = HEADER.to_owned();
    for depth in 0..20_000 {
        raw += &format!("Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n");
    }
    raw += "\r\ntext";
    let dissected = timed(raw.as_bytes(), &Limits::default());
    assert!(dissected.is_truncated);
    assert_eq!(dissected.parts.len(), 1);
    assert_eq!(names(&dissected.parts[0].defects), ["too-deep"]);
    assert!(dissected.parts[0].size > 900_000);
}

#[test]
fn a_mail_that_is_too_large_has_its_header_read_and_no_parts() {
    let raw = format!("{HEADER}Subject: large\r\n\r\n{}", "x".repeat(2_000));
    let limits = Limits {
        max_bytes: 1_000,
        ..Limits::default()
    };
    let dissected = timed(raw.as_bytes(), &limits);
    assert_eq!(dissected.headers.subject.as_deref(), Some("large"));
    assert!(dissected.is_truncated && dissected.parts.is_empty());
    assert_eq!(names(&dissected.defects), ["too-large"]);
}

#[test]
fn of_a_header_that_is_too_long_the_beginning_is_read() {
    let raw = format!(
        "{HEADER}{}Subject: late\r\n\r\ntext",
        "X-Filler: x\r\n".repeat(100_000)
    );
    let dissected = timed(raw.as_bytes(), &Limits::default());
    assert!(dissected.is_truncated);
    assert_eq!(names(&dissected.defects), ["long-header"]);
    assert_eq!(dissected.headers.subject, None);
    assert_eq!(dissected.parts[0].size, 4);
    // One field as long as a mail may be.
    let folded = format!(
        "{HEADER}Subject: {}end\r\n\r\ntext",
        "=?utf-8?q?a?=\r\n ".repeat(300_000)
    );
    let dissected = timed(folded.as_bytes(), &Limits::default());
    assert!(dissected.is_truncated);
    assert_eq!(names(&dissected.defects), ["long-header"]);
    assert!(
        dissected
            .headers
            .subject
            .is_some_and(|subject| subject.len() > 10_000)
    );
}

#[test]
fn headers_that_are_made_to_be_read_again_and_again_are_not() {
    let limits = Limits::default();
    for filler in [
        "=?",
        "=?a?q?",
        "=?utf-8?b?QQ==?= ",
        "(",
        "\"",
        "<",
        "a:",
        ",",
        "@",
        "\\\"",
        "é",
        "\u{1b}$",
    ] {
        let long = filler.repeat(limits.max_header_bytes / filler.len());
        for field in ["Subject", "From", "References", "Date"] {
            timed(format!("{field}: {long}\r\n\r\n").as_bytes(), &limits);
        }
    }
    for filler in [
        "name=a ",
        ";",
        "name*0=a;",
        "=",
        "a\"",
        "(",
        "name=\"",
        " ",
        "%41",
    ] {
        let long = filler.repeat(limits.max_header_bytes / filler.len());
        for field in [
            "Content-Type: text/plain;",
            "Content-Disposition: attachment; filename=",
            "Content-Type: ",
        ] {
            timed(format!("{field}{long}\r\n\r\n").as_bytes(), &limits);
        }
    }
}

#[test]
fn a_container_that_becomes_too_much_is_not_unpacked() {
    // Compressed RTF that repeats what it wrote: 17 bytes of two.
    let mut body = vec![0, b'a', b'a', b'a', b'a', b'a', b'a', b'a', b'a'];
    let mut write = 207 + 8;
    for _ in 0..60_000 {
        // All of the next eight are references.
        body.extend([0xff]);
        for _ in 0..8 {
            let reference = ((write + 4095) % 4096) << 4 | 15_u16;
            body.extend_from_slice(&reference.to_be_bytes());
            write = (write + 17) % 4096;
        }
    }
    let mut rtf = Vec::new();
    for number in [body.len() as u32 + 12, u32::MAX, 0x7546_5a4c, 0] {
        rtf.extend_from_slice(&number.to_le_bytes());
    }
    rtf.extend_from_slice(&body);
    let stream = super::tnef::stream_with_rtf(&rtf);
    let mut raw =
        format!("{HEADER}Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n").into_bytes();
    raw.extend_from_slice(&stream);
    let limits = Limits {
        max_decoded_ratio: 2,
        ..Limits::default()
    };
    let dissected = timed(&raw, &limits);
    assert!(dissected.is_truncated);
    assert_eq!(names(&dissected.parts[0].defects), ["too-much-inside"]);
    assert_eq!(dissected.parts.len(), 1);
    let generous = Limits {
        max_decoded_ratio: 20,
        ..Limits::default()
    };
    let dissected = timed(&raw, &generous);
    assert_eq!(dissected.parts.len(), 2);
    assert!(dissected.parts[1].size > 7 * raw.len() as u64);
}

/// Set in the process that measures itself.
const CHILD: &str = "LAMPLIGHTER_TEST_MEMORY_OF_A_MAIL";

/// The most memory that this process ever had, in bytes. `proc_pid_status(5)`.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("its peak memory");
    let kibibytes: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number");
    kibibytes * 1024
}

const MEBIBYTE: u64 = 1024 * 1024;

#[test]
fn a_mail_of_forty_megabytes_needs_little_more_than_itself() {
    if std::env::var_os(CHILD).is_none() {
        let program = std::env::current_exe().expect("this program");
        let module = module_path!().split_once("::").expect("a module").1;
        let name = format!("{module}::a_mail_of_forty_megabytes_needs_little_more_than_itself");
        let output = Command::new(program)
            .args([name.as_str(), "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output();
        let output = output.expect("this program runs again");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.contains("peak after the copy"), "{text}");
        print!("{text}");
        return;
    }
    let line = "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gVGhlIHF1aWNrIGJy\r\n";
    let mut raw = Vec::with_capacity(40 * MEBIBYTE as usize + 1_000);
    raw.extend_from_slice(HEADER.as_bytes());
    raw.extend_from_slice(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n",
    );
    raw.extend_from_slice(
        b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    );
    while raw.len() < 40 * MEBIBYTE as usize {
        raw.extend_from_slice(line.as_bytes());
    }
    raw.extend_from_slice(b"--b--\r\n");
    let loaded = peak_memory();
    let dissected = timed(&raw, &Limits::default());
    let looked = peak_memory();
    assert_eq!(dissected.parts.len(), 2);
    assert!(
        looked < loaded + 4 * MEBIBYTE,
        "the look took {} bytes more",
        looked - loaded
    );
    let contents = dissected.contents(&raw, 1).expect("the attachment");
    assert_eq!(contents.len() as u64, dissected.parts[1].size);
    drop(contents);
    let link = Link {
        part: 1,
        url: "https://example.com/a.zip".to_owned(),
        expires: None,
        console_url: None,
    };
    let copy = linked(&raw, &dissected, &[link]).expect("a copy");
    assert!(copy.len() < 2_000);
    let all = peak_memory();
    println!("loaded {loaded}, peak after the look {looked}, peak after the copy {all}");
    assert!(all < 96 * MEBIBYTE, "all of it took {all} bytes");
}
