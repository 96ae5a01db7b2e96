//! A rule action that waits for an answer: the disposition, once the raw mail is safe.

use lamplighter_local_aws::{Fault, FaultKind, Verdicts};
use serde_json::json;

use super::stage::*;
use crate::runtime_api::Lambda;

#[test]
fn ses_is_told_to_go_on_or_to_stop_and_the_mail_is_archived_by_then() {
    let aws = account();
    let config = format!("{CONFIG}on_spam = \"stop-rule\"\non_virus = \"stop-rule-set\"\n");
    let lambda = Lambda::start("archive-mail", &aws, &config, &[]);
    for (spam, virus, disposition) in [
        ("PASS", "PASS", "CONTINUE"),
        ("GRAY", "PASS", "CONTINUE"),
        ("FAIL", "PASS", "STOP_RULE"),
        ("FAIL", "FAIL", "STOP_RULE_SET"),
    ] {
        let verdicts = Verdicts {
            spam: spam.to_owned(),
            virus: virus.to_owned(),
            ..Verdicts::default()
        };
        let received = receive(&aws, "asked", &mail(), &envelope().verdicts(verdicts));
        let answer = lambda.invoke(&received.lambda_events[0]).response();
        assert_eq!(answer, json!({ "disposition": disposition }));
        let archive = archive(&aws);
        let raw = archive
            .iter()
            .find(|(key, _)| key.ends_with(&format!("{}.eml", received.message_id)));
        assert_eq!(raw.expect("it is archived").1, &stored(&aws, &received));
        // Asked again, it answers the same.
        let again = lambda.invoke(&received.lambda_events[0]).response();
        assert_eq!(again, json!({ "disposition": disposition }));
    }
    lambda.end();
}

#[test]
fn a_mail_that_could_not_be_archived_is_answered_with_an_error_and_no_disposition() {
    let aws = account();
    let lambda = Lambda::start("archive-mail", &aws, CONFIG, &[]);
    let received = receive(&aws, "asked", &mail(), &envelope());
    aws.inject(Fault::new("s3:PutObject", FaultKind::Denied));
    let (kind, message) = lambda.invoke(&received.lambda_events[0]).error();
    assert!(kind.starts_with("Lamplighter."), "{kind}");
    assert!(message.contains("s3:PutObject"), "{message}");
    aws.clear_faults();
    let answer = lambda.invoke(&received.lambda_events[0]).response();
    assert_eq!(answer, json!({ "disposition": "CONTINUE" }));
    lambda.end();
}
