//! `lamplighter mail search`: mail is found by its sidecars, and no mail is read.

use lamplighter_local_aws::{Fault, FaultKind, LocalAws, MailEnvelope};

use super::stage::*;
use crate::harness::{Lamplighter, Ran};

/// Three mails on three days, one of them in quarantine and hostile.
fn filled() -> LocalAws {
    let aws = account();
    let hostile = String::from_utf8_lossy(&mail())
        .replace(
            "=?utf-8?Q?Rechnung_f=C3=BCr_November?=",
            "=?utf-8?Q?=1B[31mInvoice=0A=3DSUM?=",
        )
        .replace("ann@partner.example", "eve@evil.example");
    let eves = MailEnvelope::new(
        "eve@evil.example",
        &["desk@example.com", "hidden@example.com"],
    );
    let spam = eves.verdicts(lamplighter_local_aws::Verdicts {
        spam: "FAIL".to_owned(),
        ..Default::default()
    });
    let bobs = MailEnvelope::new(
        "bob@example.org",
        &["desk@example.com", "hidden@example.com"],
    );
    for (raw, envelope) in [
        (mail(), envelope()),
        (hostile.into_bytes(), spam),
        (
            b"From: bob@example.org\r\nSubject: Lunch\r\n\r\nHi\r\n".to_vec(),
            bobs,
        ),
    ] {
        let received = receive(&aws, "told", &raw, &envelope);
        run(&aws, CONFIG, &received.lambda_events[0], &[]).code(0);
        aws.advance(chrono::Duration::days(1));
    }
    aws.clear_calls();
    aws
}

fn search(aws: &LocalAws, args: &[&str]) -> Ran {
    let tomorrow = (aws.now() + chrono::Duration::days(1))
        .format("%Y-%m-%d")
        .to_string();
    Lamplighter::new(["mail", "search"])
        .args(args.iter().copied())
        .args(["--before", &tomorrow])
        .on(aws)
        .config(CONFIG)
        .run()
}

fn subjects(ran: &Ran) -> Vec<String> {
    let rows = ran.json();
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| row["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn mail_is_found_by_sender_recipient_subject_and_attachment_in_any_case() {
    let aws = filled();
    let found = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        subjects(&search(&aws, &args).code(0))
    };
    assert_eq!(found(&["--from", "MÜLLER"]).len(), 2);
    assert_eq!(found(&["--from", "ann@partner"]), ["Rechnung für November"]);
    assert_eq!(
        found(&["--to", "hidden@example.com"]).len(),
        3,
        "the envelope names whom the headers do not"
    );
    assert_eq!(found(&["--subject", "lunch"]), ["Lunch"]);
    assert_eq!(found(&["--attachment", "rechnung €"]).len(), 2);
    assert_eq!(
        found(&["--attachment", "rechnung", "--from", "bob"]).len(),
        0
    );
    let newest_first = found(&[]);
    assert_eq!(newest_first[0], "Lunch");
    assert_eq!(newest_first[2], "Rechnung für November");
    assert_eq!(found(&["--limit", "1"]), ["Lunch"]);
    let reads: Vec<String> = aws
        .calls()
        .iter()
        .filter(|call| call.service == "s3" && call.action == "GetObject")
        .flat_map(|call| call.resources.clone())
        .collect();
    assert!(!reads.is_empty());
    assert!(reads.iter().all(|key| key.ends_with(".json")), "{reads:?}");
    assert!(changes(&aws).is_empty());
}

#[test]
fn days_narrow_what_is_listed() {
    let aws = filled();
    let first = (aws.now() - chrono::Duration::days(3))
        .format("%Y-%m-%d")
        .to_string();
    let second = (aws.now() - chrono::Duration::days(2))
        .format("%Y-%m-%d")
        .to_string();
    let ran = Lamplighter::new([
        "mail", "search", "--format", "json", "--after", &first, "--before", &second,
    ])
    .on(&aws)
    .config(CONFIG)
    .run()
    .code(0);
    assert_eq!(subjects(&ran), ["Rechnung für November"]);
    assert!(
        ran.stderr
            .contains("1 of 1 mails match, received on 1 days"),
        "{}",
        ran.stderr
    );
    let lists = aws
        .calls()
        .iter()
        .filter(|call| call.action.starts_with("ListObjects"))
        .count();
    assert_eq!(lists, 2, "one day, kept and in quarantine");
}

#[test]
fn what_strangers_wrote_is_harmless_on_a_terminal() {
    let aws = filled();
    let ran = search(&aws, &["--from", "eve"]).code(0);
    assert!(ran.stdout.contains("RECEIVED"), "{}", ran.stdout);
    assert!(ran.stdout.contains("mail/quarantine/"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    let csv = search(&aws, &["--format", "csv", "--from", "eve"]).code(0);
    assert_eq!(csv.stdout.lines().count(), 2, "{}", csv.stdout);
}

#[test]
fn what_cannot_be_read_is_told_and_what_cannot_be_asked_is_refused() {
    let aws = filled();
    let sidecar_key = archive(&aws)
        .into_keys()
        .find(|key| key.ends_with(".json"))
        .expect("a sidecar");
    aws.with(|world| world.store_object(ARCHIVE, &sidecar_key, b"{}"));
    let ran = search(&aws, &["--format", "jsonl"]).code(4);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(ran.stderr.contains(&sidecar_key), "{}", ran.stderr);
    aws.inject(Fault::new("s3:ListObjectsV2", FaultKind::Denied));
    let denied = search(&aws, &[]).code(1);
    assert!(
        denied
            .stderr
            .contains("not allowed to call `s3:ListBucket`"),
        "{}",
        denied.stderr
    );
    aws.clear_faults();
    search(&aws, &["--format", "sarif"]).code(2);
    search(&aws, &["--after", "2999-01-01"]).code(2);
    let unset = Lamplighter::new(["mail", "search"]).on(&aws).run().code(2);
    assert!(
        unset.stderr.contains("set `archive_bucket`"),
        "{}",
        unset.stderr
    );
}
