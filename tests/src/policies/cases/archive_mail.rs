//! `archive-mail`: mail by every way in, mail that is sent on, that is suspect, that is gone; the digest.

use lamplighter_local_aws::{ReceiptAction, ReceiptRule, Verdicts, World};
use serde_json::{Value, json};

use super::{Case, Play, prove};
use crate::archive_mail::stage::{envelope, mail};
use crate::policies::stage::{ACCOUNT, REGION, Stage, world};

const INBOX: &str = "acme-mail-in";
const RULE: &str = "stored";

const LINES: &str = r#"
sources = ["s3://acme-mail-in/inbox/"]
archive_bucket = "acme-mail-archive"
attachment_threshold_bytes = 1000
links = "presigned"
link_days = 1
forward_to = ["team@example.com"]
forward_from = "Mail archive <archive@example.com>"
"#;

fn mailbox() -> World {
    let stores = ReceiptAction::S3 {
        bucket: INBOX.to_owned(),
        prefix: "inbox/".to_owned(),
        topic: None,
    };
    let tells = ReceiptAction::Lambda {
        function: "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-archive-mail"
            .to_owned(),
        decides: false,
    };
    world()
        .bucket(ACCOUNT, REGION, INBOX)
        .bucket(ACCOUNT, REGION, "acme-mail-archive")
        .receipt_rule(ReceiptRule::new(RULE, REGION).action(stores).action(tells))
}

/// A mail that SES took, with these verdicts; SES's own event, and its place.
fn receive(stage: &Stage<'_>, verdicts: Verdicts) -> (Value, String) {
    let received = stage
        .aws
        .with(|world| world.receive_mail(RULE, &mail(), &envelope().verdicts(verdicts)));
    (
        received.lambda_events[0].clone(),
        received.objects[0].1.clone(),
    )
}

/// What S3 tells of an object.
fn stored(stage: &Stage<'_>, key: &str) -> Value {
    let mut about = json!({"key": key, "sequencer": "0055AED6DCD90281E5"});
    stage.aws.with(|world| {
        if let Some(object) = world.object(INBOX, key) {
            about["eTag"] = json!(object.etag.trim_matches('"'));
            about["size"] = json!(object.body.len());
            if let Some(version) = &object.version_id {
                about["versionId"] = json!(version);
            }
        }
    });
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventName": "ObjectCreated:Put",
        "eventTime": stage.aws.now().to_rfc3339(),
        "s3": {"bucket": {"name": INBOX}, "object": about}
    }]})
}

fn comes(stage: &Stage<'_>) {
    let (event, _) = receive(stage, Verdicts::default());
    stage.event(0, &event);
    stage.lambda(&event);
    let missing = stored(stage, "inbox/missing");
    stage.event(0, &missing);
}

/// In a bucket that keeps versions S3 names one.
fn comes_in_a_version(stage: &Stage<'_>) {
    stage
        .aws
        .with(|world| world.set_versioning(INBOX, lamplighter_local_aws::Versioning::Enabled));
    let (_, key) = receive(stage, Verdicts::default());
    let event = stored(stage, &key);
    stage.event(0, &event);
}

/// A day later the digest tells of what was suspect.
fn is_told_of(stage: &Stage<'_>) {
    let suspect = Verdicts {
        virus: "FAIL".to_owned(),
        ..Verdicts::default()
    };
    let (event, _) = receive(stage, suspect);
    stage.event(0, &event);
    stage.aws.advance(chrono::TimeDelta::days(1));
    stage.run(0);
    stage.slot();
}

/// An object that is no mail is kept aside, until something better lies there.
fn is_damaged_and_mended(stage: &Stage<'_>) {
    let key = "inbox/odd";
    stage.aws.with(|world| world.store_object(INBOX, key, b""));
    let event = stored(stage, key);
    stage.event(4, &event);
    stage
        .aws
        .with(|world| world.store_object(INBOX, key, &mail()));
    stage.replay(0);
}

fn lies_there(stage: &Stage<'_>) {
    receive(stage, Verdicts::default());
    let args = [
        "backfill",
        "archive-mail",
        "--bucket",
        INBOX,
        "--prefix",
        "inbox/",
    ];
    stage.program(0, &args, None);
}

fn case(mode: &'static str, plays: &[fn(&Stage<'_>)]) -> Case {
    let plays = plays.iter().map(|steps| Play {
        world: mailbox,
        steps: *steps,
    });
    Case {
        function: "archive-mail",
        name: "mails",
        mode,
        lines: LINES,
        plays: plays.collect(),
    }
}

#[test]
fn archive_mail_needs_in_apply_mode_exactly_what_is_printed() {
    let plays = [
        comes,
        comes_in_a_version,
        is_told_of,
        is_damaged_and_mended,
        lies_there,
    ];
    prove(&case("apply", &plays));
}

fn is_looked_at(stage: &Stage<'_>) {
    let (event, _) = receive(stage, Verdicts::default());
    stage.event(0, &event);
    let missing = stored(stage, "inbox/missing");
    stage.event(0, &missing);
    stage.quarantined();
    // What was suspect yesterday, when the function was in apply mode.
    let yesterday = stage.aws.now() - chrono::TimeDelta::days(1);
    let key = format!(
        "mail/quarantine/{}/example.com/desk/1.json",
        yesterday.format("%Y/%m/%d")
    );
    stage.aws.with(|world| {
        world.store_object("acme-mail-archive", &key, b"{}");
        world.store_object(
            "acme-mail-archive",
            &key.replace(".json", ".eml"),
            b"Subject: x\r\n\r\n",
        );
    });
    stage.run(0);
    stage.slot();
}

#[test]
fn archive_mail_needs_in_plan_mode_exactly_what_is_printed() {
    prove(&case(
        "plan",
        &[is_looked_at, comes_in_a_version_to_look_at],
    ));
}

fn comes_in_a_version_to_look_at(stage: &Stage<'_>) {
    comes_in_a_version(stage);
}
