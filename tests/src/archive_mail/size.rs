//! The largest mail that SES takes: 40 MB, within 128 MB of resident memory.

use super::stage::*;
use crate::harness::{Lamplighter, are_optimised};
use crate::scale::watched;

/// What a Lambda of the smallest size has. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_RESIDENT_MB: u64 = 128;

/// A mail of nearly 40 MB: one attachment in base64, and one that is not encoded at all.
fn largest() -> Vec<u8> {
    let mut mail = b"From: ann@partner.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nHi\r\n\
        --b1\r\nContent-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=film.mp4\r\n\r\n"
        .to_vec();
    let line = "QUJD".repeat(19) + "\r\n";
    while mail.len() < 41_000_000 {
        mail.extend_from_slice(line.as_bytes());
    }
    mail.extend_from_slice(b"--b1--\r\n");
    mail
}

#[test]
fn a_mail_of_40_mb_is_archived_and_taken_apart_within_128_mb() {
    let aws = account();
    let mail = largest();
    let received = receive(&aws, "told", &mail, &envelope());
    assert_eq!(received.bounced, None);
    let program = Lamplighter::new(["run", "archive-mail", "--format", "json"])
        .on(&aws)
        .config(&CONFIG.replace("attempt_timeout_secs = 5", "attempt_timeout_secs = 120"));
    let path = program.folder().join("event.json");
    std::fs::write(&path, received.lambda_events[0].to_string()).expect("the event is written");
    let started = std::time::Instant::now();
    let (peak, output) = watched(program.arg("--event").arg(path));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let archive = archive(&aws);
    assert_eq!(
        archive[&key(&archive, &format!("{}.eml", received.message_id))].len(),
        mail.len() + stored(&aws, &received).len() - mail.len()
    );
    let film = &archive[&key(&archive, "/film.mp4")];
    assert!(film.len() > 29_000_000, "{}", film.len());
    assert!(archive[&key(&archive, ".linked.eml")].len() < 10_000);
    let counted = if are_optimised() {
        peak.resident_mb()
    } else {
        peak.resident_mb() - peak.code_mb()
    };
    println!(
        "a mail of {} MB: {} MB resident at most, {} MB of it code, {:.1} s",
        mail.len() / 1_000_000,
        peak.resident_mb(),
        peak.code_mb(),
        started.elapsed().as_secs_f64()
    );
    assert!(
        counted <= MAX_RESIDENT_MB,
        "{counted} MB resident, at most {MAX_RESIDENT_MB} are allowed"
    );
}
