//! The fault matrix: every call of an event's run fails in every way, once and for good, before and after its effect.
//!
//! After each failure the record is done with all of its archive, or it is delivered again; it is never acknowledged
//! with less. And the next attempt without the fault ends in the archive that the first one should have made.

use std::collections::BTreeMap;

use lamplighter_local_aws::{Call, Fault, LocalAws, When};
use serde_json::Value;

use super::stage::*;
use crate::fault_matrix::{faults, must, operations, struck, told, try_all};
use crate::harness::serve;

const FAULTY: &str = r#"
[aws]
max_attempts = 2
attempt_timeout_secs = 1
[state]
url = "s3://acme-mail-state/lamp"
[archive-mail]
sources = ["s3://acme-mail-in/inbox/"]
archive_bucket = "acme-mail-archive"
attachment_threshold_bytes = 1000
forward_to = ["team@example.com"]
forward_from = "archive@example.com"
"#;

fn stage() -> (LocalAws, Value) {
    let now = now();
    let world = world(now).verified_identity("archive@example.com");
    let aws = serve(world);
    let event = receive(&aws, "told", &mail(), &envelope()).lambda_events[0].clone();
    aws.clear_calls();
    (aws, event)
}

/// What is in the archive: how many objects of each kind, and the bytes of those that do not name a time.
fn summary(aws: &LocalAws) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (key, bytes) in archive(aws) {
        let end = key.rsplit('.').next().unwrap_or_default().to_owned();
        let kind = match key.ends_with(".linked.eml") {
            true => "linked".to_owned(),
            false => end,
        };
        let is_timeless = kind == "eml" || kind == "pdf" || kind == "linked";
        *kinds.entry(kind).or_default() += if is_timeless { bytes.len() } else { 1 };
    }
    kinds
}

struct Reference {
    calls: Vec<Call>,
    summary: BTreeMap<String, usize>,
}

fn reference() -> Reference {
    let (aws, event) = stage();
    let run = run(&aws, FAULTY, &event, &[]).code(0).json();
    assert_eq!(run["records"][0]["outcome"], "done", "{run}");
    assert_eq!(aws.mails().len(), 1);
    Reference {
        calls: aws.calls(),
        summary: summary(&aws),
    }
}

fn try_fault(reference: &Reference, fault: &Fault) -> Result<(), String> {
    let (aws, event) = stage();
    let raw = event["Records"][0]["ses"]["mail"]["messageId"].clone();
    aws.inject(fault.clone());
    let ran = run(&aws, FAULTY, &event, &[]);
    aws.clear_faults();
    let check = || -> Result<(), String> {
        let struck = struck(&aws);
        must(struck > 0, || "the fault never struck".to_owned())?;
        let outcome = ran.report().map(|run| run["records"][0]["outcome"].clone());
        match outcome.as_ref().and_then(Value::as_str) {
            Some("done") => {
                must(summary(&aws) == reference.summary, || {
                    format!("acknowledged with less: {:?}", archive(&aws).keys())
                })?;
                must(!aws.mails().is_empty(), || {
                    "done, and nothing was sent".to_owned()
                })
            }
            // It could not even begin: no record, an error, and so no acknowledgement.
            None => must(matches!(ran.code, Some(1)), || {
                "an exit code for something else".to_owned()
            }),
            Some("retry") => must(matches!(ran.code, Some(1 | 4)), || {
                "delivered again, and the exit code says that all is well".to_owned()
            }),
            Some(other) => Err(format!("the record is `{other}`")),
        }
    };
    check().map_err(|what| told(&what, &ran))?;

    // After every lease: the ledger's, and that of a copy.
    aws.advance(chrono::Duration::minutes(30));
    let again = run(&aws, FAULTY, &event, &[]);
    must(again.code == Some(0), || {
        told("the second run does not recover", &again)
    })?;
    must(summary(&aws) == reference.summary, || {
        let what = format!("another archive: {:?}", archive(&aws).keys());
        told(&what, &again)
    })?;
    let sent = aws.mails().len();
    // SES cannot be asked whether it took a mail, so each lost answer may be one more copy: the SDK's second attempt, and
    // the second run.
    let is_lost_for_good =
        fault.after_effect && fault.when == When::Always && fault.call == "ses:SendEmail";
    let most = if is_lost_for_good { 3 } else { 2 };
    must((1..=most).contains(&sent), || {
        told(&format!("{sent} copies were sent of {raw}"), &again)
    })
}

#[test]
fn every_call_fails_in_every_way_and_no_mail_is_acknowledged_as_done_that_is_not() {
    let reference = reference();
    let operations = operations(&reference.calls);
    let faults = faults(&reference.calls);
    try_all(&faults, |fault| try_fault(&reference, fault));
    // A scenario that lost some of its calls would prove less than it says.
    for needed in [
        "s3:GetObject",
        "s3:HeadObject",
        "s3:PutObject",
        "ses:SendEmail",
        "sts:GetCallerIdentity",
    ] {
        assert!(operations.contains(needed), "{operations:?}");
    }
    assert!(faults.len() >= 150, "{} combinations", faults.len());
}
