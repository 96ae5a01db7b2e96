use super::*;
use crate::fault::{Fault, FaultKind};
use crate::testing::{ACCOUNT, REGION, Stage, body, world};

fn send(stage: &mut Stage, message: &serde_json::Value) -> String {
    let target = "/v2/email/outbound-emails";
    let answer = stage.call("ses", "POST", target, &[], message.to_string().as_bytes());
    let code = answer
        .headers
        .iter()
        .find(|(name, _)| name == "x-amzn-errortype");
    let text: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    match code {
        Some((_, code)) => format!(
            "{} {code}: {}",
            answer.status,
            text["message"].as_str().unwrap()
        ),
        None => answer.status.to_string(),
    }
}

fn simple(from: &str, to: &[&str]) -> serde_json::Value {
    json!({
        "FromEmailAddress": from,
        "Destination": { "ToAddresses": to },
        "Content": { "Simple": { "Subject": { "Data": "S" }, "Body": { "Text": { "Data": "T" } } } },
    })
}

fn raw(mime: &str) -> serde_json::Value {
    json!({ "Content": { "Raw": { "Data": BASE64_STANDARD.encode(mime) } } })
}

fn stage() -> Stage {
    let world = world()
        .verified_identity("ops@example.com")
        .verified_identity("example.org");
    Stage::new(world)
}

fn unverified(who: &str) -> String {
    format!(
        "400 MessageRejected: Email address is not verified. \
         The following identities failed the check in region EU-WEST-1: {who}"
    )
}

#[test]
fn only_verified_senders_may_send() {
    let mut stage = stage();
    let to = ["kim@x.com"];
    for from in [
        "ops@example.com",
        "\"Ops, EU\" <OPS@example.com>",
        "any@example.org",
        "a@b.example.org",
    ] {
        assert_eq!(send(&mut stage, &simple(from, &to)), "200", "{from}");
    }
    assert_eq!(
        send(&mut stage, &simple("a@example.com", &to)),
        unverified("a@example.com")
    );
    assert_eq!(
        send(&mut stage, &simple("X <a@notexample.org>", &to)),
        unverified("a@notexample.org")
    );
    assert_eq!(stage.state.world.mails().len(), 4);
}

#[test]
fn a_raw_mail_speaks_for_itself() {
    let mut stage = stage();
    let mime =
        "From: Ops <ops@example.com>\r\nTo: a@x.com, b@x.com\r\nCc: c@x.com\r\n\r\nhello\r\n";
    assert_eq!(send(&mut stage, &raw(mime)), "200");
    let mail = &stage.state.world.mails()[0];
    assert_eq!(mail.from, "Ops <ops@example.com>");
    assert_eq!(
        (mail.to.join(" "), mail.cc.join(" ")),
        ("a@x.com b@x.com".to_owned(), "c@x.com".to_owned())
    );
    assert_eq!(mail.content, MailContent::Raw(mime.as_bytes().to_vec()));

    let mut other = raw("From: mallory@x.com\r\nTo: a@x.com\r\n\r\n");
    other["FromEmailAddress"] = json!("ops@example.com");
    assert_eq!(send(&mut stage, &other), unverified("mallory@x.com"));
    assert_eq!(
        send(
            &mut stage,
            &raw("To: a@x.com\r\n\r\nFrom: ops@example.com\r\n")
        ),
        "400 BadRequestException: Missing required header 'From'."
    );
    assert_eq!(
        send(
            &mut stage,
            &raw("From: ops@example.com\r\nSubject: a\r\nsubject: b\r\nTo: a@x.com\r\n\r\n")
        ),
        "400 BadRequestException: Duplicate header 'Subject'."
    );
}

#[test]
fn recipients_are_counted() {
    let mut stage = stage();
    let many: Vec<String> = (0..51).map(|n| format!("a{n}@x.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        send(&mut stage, &simple("ops@example.com", &many[..50])),
        "200"
    );
    assert_eq!(
        send(&mut stage, &simple("ops@example.com", &many)),
        "400 BadRequestException: Recipient count exceeds 50."
    );
    assert!(
        send(&mut stage, &simple("ops@example.com", &[])).starts_with("400 BadRequestException")
    );
    assert!(
        send(&mut stage, &simple("ops@example.com", &["kim"]))
            .starts_with("400 BadRequestException")
    );
}

#[test]
fn in_the_sandbox_recipients_are_checked_too() {
    let world = world()
        .verified_identity("example.org")
        .ses_sandbox(ACCOUNT);
    let mut stage = Stage::new(world);
    assert_eq!(
        send(&mut stage, &simple("a@example.org", &["b@example.org"])),
        "200"
    );
    assert_eq!(
        send(&mut stage, &simple("a@example.org", &["b@x.com"])),
        unverified("b@x.com")
    );
}

#[test]
fn identities_belong_to_a_region() {
    let world = world().verified_identity_in(ACCOUNT, REGION, "example.org");
    let mut stage = Stage::new(world.pending_identity(ACCOUNT, "us-east-1", "example.org"));
    let get = |stage: &mut Stage| {
        body(&stage.call("ses", "GET", "/v2/email/identities/example.org", &[], b""))
    };
    assert!(get(&mut stage).contains("\"VerifiedForSendingStatus\":true"));
    stage.region = "us-east-1".to_owned();
    assert!(get(&mut stage).contains("\"VerifiedForSendingStatus\":false"));
    stage.region = "us-east-2".to_owned();
    assert!(get(&mut stage).contains("does not exist"));
    let new = json!({ "EmailIdentity": "example.org" }).to_string();
    let created = stage.call("ses", "POST", "/v2/email/identities", &[], new.as_bytes());
    assert_eq!(created.status, 200);
    assert_eq!(
        send(&mut stage, &simple("a@example.org", &["b@x.com"])),
        "200"
    );
}

#[test]
fn a_throttled_mail_is_not_sent() {
    let mut stage = stage();
    stage.inject(Fault::new("ses:SendEmail", FaultKind::Throttle).nth(1));
    let mail = simple("ops@example.com", &["a@x.com"]);
    assert_eq!(
        send(&mut stage, &mail),
        "429 TooManyRequestsException: Too Many Requests"
    );
    assert_eq!(send(&mut stage, &mail), "200");
    assert_eq!(stage.state.world.mails().len(), 1);
}
