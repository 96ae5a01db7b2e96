//! Copies that are sent on: as they came, once, and never in a circle.

use lamplighter_local_aws::{Fault, FaultKind, LocalAws, MailContent, MailEnvelope};
use serde_json::Value;

use super::stage::*;

fn config() -> String {
    format!(
        "{CONFIG}forward_to = [\"team@example.com\", \"ops@example.com\"]\nforward_from = \"Archive <archive@example.com>\"\n"
    )
}

fn forwarding() -> LocalAws {
    let now = now();
    crate::harness::serve(world(now).verified_identity("archive@example.com"))
}

fn event(aws: &LocalAws, raw: &[u8], envelope: &MailEnvelope) -> Value {
    receive(aws, "told", raw, envelope).lambda_events[0].clone()
}

fn sent(aws: &LocalAws) -> Vec<String> {
    let mails = aws.mails().into_iter();
    mails
        .map(|mail| match mail.content {
            MailContent::Raw(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            other => panic!("a raw mail was expected: {other:?}"),
        })
        .collect()
}

#[test]
fn a_kept_mail_is_sent_on_once_with_its_body_as_it_was() {
    let aws = forwarding();
    let event = event(&aws, &mail(), &envelope());
    let ran = run(&aws, &config(), &event, &[]).code(0).json();
    assert_eq!(ran["actions"][1]["action"], "forward-mail");
    assert_eq!(ran["actions"][1]["outcome"], "done", "{ran}");
    let mails = aws.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["team@example.com", "ops@example.com"]);
    let MailContent::Raw(bytes) = &mails[0].content else {
        panic!("a raw mail was expected");
    };
    let body = |mail: &[u8]| -> Vec<u8> {
        let at = mail.windows(4).position(|window| window == b"\r\n\r\n");
        mail[at.expect("a body")..].to_vec()
    };
    assert_eq!(body(bytes), body(&mail()), "8-bit bytes, base64 and all");
    let head = String::from_utf8_lossy(&bytes[..bytes.len() - body(bytes).len()]).into_owned();
    assert!(head.contains("Reply-To: ann@partner.example\r\n"), "{head}");
    assert!(head.contains("<archive@example.com>\r\n"), "{head}");
    assert!(
        head.contains("Content-Type: multipart/mixed; boundary=\"b1\""),
        "{head}"
    );
    assert!(!head.contains("X-SES-"), "{head}");
    assert!(!head.contains("Message-ID: <1@partner.example>"), "{head}");
    assert_eq!(head.matches("From:").count(), 1, "{head}");

    // The event again: nothing more is sent.
    let again = run(&aws, &config(), &event, &[]).code(0).json();
    assert_eq!(again["records"][0]["reason"], "it is archived already");
    assert_eq!(sent(&aws).len(), 1);

    // A copy that comes back is archived, and goes no further.
    let back = self::event(&aws, bytes, &envelope());
    let ran = run(&aws, &config(), &back, &[]).code(0).json();
    assert_eq!(
        ran["skipped"][0]["reason"],
        "not sent on: it is a copy that was sent on already"
    );
    assert_eq!(sent(&aws).len(), 1);
}

#[test]
fn bounces_machines_and_suspects_are_not_sent_on() {
    let aws = forwarding();
    let bounce = MailEnvelope::new("", &["desk@example.com"]);
    let automatic = [b"Auto-Submitted: auto-replied\r\n".as_slice(), &mail()].concat();
    let listed = [b"Precedence: bulk\r\n".as_slice(), &mail()].concat();
    let spam = envelope().verdicts(lamplighter_local_aws::Verdicts {
        spam: "FAIL".to_owned(),
        ..Default::default()
    });
    for (raw, envelope) in [
        (mail(), bounce),
        (automatic, envelope()),
        (listed, envelope()),
        (mail(), spam),
    ] {
        let event = event(&aws, &raw, &envelope);
        let ran = run(&aws, &config(), &event, &[]).code(0).json();
        assert_eq!(ran["records"][0]["outcome"], "done", "{ran}");
    }
    assert!(sent(&aws).is_empty());
}

#[test]
fn a_mail_that_is_too_large_is_told_of_with_a_link() {
    let aws = forwarding();
    let mut large = mail();
    large.extend_from_slice(&vec![b'x'; 1100]);
    large.extend_from_slice(b"\r\n");
    let event = event(&aws, &large, &envelope());
    run(&aws, &config(), &event, &[]).code(0);
    let mails = sent(&aws);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].contains("X-Lamplighter-Forwarded:"),
        "{}",
        mails[0]
    );
    let plain = mails[0].replace("=\r\n", "");
    assert!(
        plain.contains("it has a line of more than 998 bytes"),
        "{plain}"
    );
    assert!(plain.contains("s3.console.aws.amazon.com"), "{plain}");
}

#[test]
fn what_ses_refuses_is_archived_and_sent_by_the_next_attempt() {
    let aws = forwarding();
    let event = event(&aws, &mail(), &envelope());
    aws.inject(Fault::new("ses:SendEmail", FaultKind::Throttle));
    let ran = run(&aws, &config(), &event, &[]).code(4).json();
    assert_eq!(ran["actions"][0]["outcome"], "done");
    assert_eq!(ran["records"][0]["outcome"], "retry", "{ran}");
    assert!(sent(&aws).is_empty());
    aws.clear_faults();
    let ran = run(&aws, &config(), &event, &[]).code(0).json();
    assert_eq!(ran["records"][0]["outcome"], "done", "{ran}");
    assert_eq!(sent(&aws).len(), 1);
}

#[test]
fn a_copy_whose_sending_was_not_written_down_is_sent_again_only_after_its_lease() {
    let aws = forwarding();
    let event = event(&aws, &mail(), &envelope());
    // Raw mail, attachment, linked copy, sidecar, claim; and then that it was sent, twice.
    aws.inject(Fault::new("s3:PutObject", FaultKind::ServerError).nth(6));
    aws.inject(Fault::new("s3:PutObject", FaultKind::ServerError).nth(7));
    let ran = run(&aws, &config(), &event, &[]).code(4).json();
    let reason = ran["records"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("it was sent on, but that could not be written down"),
        "{reason}"
    );
    aws.clear_faults();
    let ran = run(&aws, &config(), &event, &[]).code(4).json();
    assert_eq!(ran["records"][0]["reason"], "another run is sending it on");
    assert_eq!(sent(&aws).len(), 1);
    aws.advance(chrono::Duration::minutes(17));
    run(&aws, &config(), &event, &[]).code(0);
    assert_eq!(
        sent(&aws).len(),
        2,
        "at least once, and no more often than that"
    );
}
