//! What SES thinks of a mail, and who may write: nothing is deleted, and what is not to be trusted stays whole.

use lamplighter_local_aws::{MailEnvelope, Verdicts};
use serde_json::Value;

use super::stage::*;

fn with(change: impl FnOnce(&mut Verdicts)) -> MailEnvelope {
    let mut verdicts = Verdicts::default();
    change(&mut verdicts);
    envelope().verdicts(verdicts)
}

/// Archives a mail, and answers its raw key behind the prefix and its sidecar.
fn treated(envelope: &MailEnvelope, config: &str) -> (String, Value) {
    let aws = account();
    let received = receive(&aws, "told", &mail(), envelope);
    run(&aws, config, &received.lambda_events[0], &[]).code(0);
    let archive = archive(&aws);
    let raw = archive
        .keys()
        .find(|key| key.ends_with(&format!("{}.eml", received.message_id)))
        .expect("it is archived")
        .clone();
    assert_eq!(archive[&raw], stored(&aws, &received));
    let is_kept = !raw.contains("/quarantine/");
    assert_eq!(
        archive.len(),
        if is_kept { 4 } else { 2 },
        "{:?}",
        archive.keys()
    );
    (raw, sidecar(&archive))
}

#[test]
fn every_verdict_has_its_treatment() {
    let cases: [(MailEnvelope, &str); 8] = [
        (with(|_| {}), "keep"),
        (with(|all| all.spam = "FAIL".to_owned()), "quarantine"),
        (with(|all| all.virus = "FAIL".to_owned()), "quarantine"),
        (with(|all| all.spam = "GRAY".to_owned()), "quarantine"),
        (
            with(|all| all.virus = "PROCESSING_FAILED".to_owned()),
            "quarantine",
        ),
        (with(|all| all.spam = "DISABLED".to_owned()), "keep"),
        (
            with(|all| {
                all.dmarc = "FAIL".to_owned();
                all.dmarc_policy = Some("reject".to_owned());
            }),
            "quarantine",
        ),
        (
            with(|all| {
                all.dmarc = "FAIL".to_owned();
                all.dmarc_policy = Some("none".to_owned());
            }),
            "keep",
        ),
    ];
    for (envelope, expected) in cases {
        let (raw, sidecar) = treated(&envelope, CONFIG);
        assert_eq!(sidecar["treatment"], expected, "{envelope:?}");
        assert_eq!(
            raw.starts_with("mail/quarantine/"),
            expected != "keep",
            "{raw}"
        );
        let reasons = sidecar["reasons"].as_array().expect("reasons").len();
        assert_eq!(reasons == 0, envelope.verdicts == Verdicts::default());
    }
}

#[test]
fn only_proven_senders_are_known() {
    let config = format!("{CONFIG}allow_senders = [\"partner.example\"]\n");
    let (_, known) = treated(&with(|_| {}), &config);
    assert_eq!(known["treatment"], "keep", "{known}");
    let unproven = with(|all| {
        for verdict in [&mut all.dmarc, &mut all.spf, &mut all.dkim] {
            *verdict = "GRAY".to_owned();
        }
    });
    let (_, forged) = treated(&unproven, &config);
    assert_eq!(forged["treatment"], "quarantine");
    assert_eq!(
        forged["reasons"][0],
        "it says it is from `partner.example`, and neither DMARC nor SPF nor DKIM proves it"
    );
    let strangers = config.replace("partner.example", "example.org");
    let (_, stranger) = treated(&with(|_| {}), &strangers);
    assert_eq!(
        stranger["reasons"][0],
        "`ann@partner.example` is none of `allow_senders`"
    );
}

#[test]
fn only_the_listed_recipients_mail_is_archived() {
    let aws = account();
    let received = receive(&aws, "told", &mail(), &envelope());
    let others = format!("{CONFIG}recipients = [\"other.example\"]\n");
    let ran = run(&aws, &others, &received.lambda_events[0], &[])
        .code(0)
        .json();
    assert_eq!(ran["records"][0]["outcome"], "ignored");
    assert!(archive(&aws).is_empty());
    let hidden = format!("{CONFIG}recipients = [\"hidden@example.com\"]\n");
    run(&aws, &hidden, &received.lambda_events[0], &[]).code(0);
    let archive = archive(&aws);
    assert!(key(&archive, ".json").contains("/example.com/hidden/"));
}

#[test]
fn the_digest_tells_what_is_in_quarantine_and_what_was_not_finished() {
    let aws = account();
    for envelope in [with(|_| {}), with(|all| all.spam = "FAIL".to_owned())] {
        let received = receive(&aws, "told", &mail(), &envelope);
        run(&aws, CONFIG, &received.lambda_events[0], &[]).code(0);
    }
    let half = format!(
        "mail/{}/example.com/desk/half.eml",
        aws.now().format("%Y/%m/%d")
    );
    aws.with(|world| world.store_object(ARCHIVE, &half, b"From: x@y\r\n\r\n"));
    aws.advance(chrono::Duration::days(1));
    let now = aws.now().to_rfc3339();
    let run = crate::harness::Lamplighter::new([
        "run",
        "archive-mail",
        "--dry-run",
        "--format",
        "json",
        "--now",
        &now,
    ])
    .on(&aws)
    .config(CONFIG)
    .run()
    .code(0)
    .json();
    let rules: Vec<&str> = run["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| finding["rule"].as_str().expect("a rule"))
        .collect();
    assert_eq!(rules, ["mail-unfinished", "mail-in-quarantine"], "{run}");
    let evidence = &run["findings"][1]["evidence"];
    assert_eq!(evidence["subject"], "Rechnung für November");
    let notes = run["notes"].to_string();
    assert!(notes.contains("3 mails archived"), "{notes}");
    assert!(notes.contains("1 in quarantine"), "{notes}");
}
