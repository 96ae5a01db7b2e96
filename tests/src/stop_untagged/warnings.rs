//! Who is warned, and what the warning says.

use lamplighter_local_aws::{Instance, SentMail};

use super::stage::{Stage, mark, outcome};

/// The recipients of every mail, one text for each, in order.
fn recipients(stage: &Stage) -> Vec<String> {
    let mut all: Vec<String> = stage
        .aws
        .mails()
        .iter()
        .map(|mail: &SentMail| mail.to.join(" "))
        .collect();
    all.sort();
    all
}

#[test]
fn the_owner_is_warned_and_where_none_is_known_the_security_contact() {
    let stage = Stage::with([
        Instance::new("i-1").tag("owner", "ann@example.com"),
        Instance::new("i-2").tag("Owner", "bob@example.com"),
        Instance::new("i-3").tag("owner", "the web team"),
        Instance::new("i-4"),
        // A name in front could pretend to be somebody.
        Instance::new("i-5").tag("owner", "Security <eve@example.com>"),
        // One bad tag does not hide a good one.
        Instance::new("i-6")
            .tag("owner", "nobody")
            .tag("Owner", "bob@example.com"),
    ]);
    stage.round().code(0);
    assert_eq!(
        recipients(&stage),
        ["ann@example.com", "bob@example.com", "security@example.com"]
    );
    let mails = stage.aws.mails();
    let text_to = |to: &str| {
        mails
            .iter()
            .find(|mail| mail.to == [to])
            .map(SentMail::text)
            .unwrap_or_default()
    };
    assert!(text_to("ann@example.com").contains("i-1"));
    let bob = text_to("bob@example.com");
    assert!(
        bob.contains("i-2") && bob.contains("i-6"),
        "one mail for one owner: {bob}"
    );
    let security = text_to("security@example.com");
    assert!(
        ["i-3", "i-4", "i-5"].iter().all(|id| security.contains(id)),
        "{security}"
    );
    for id in ["i-1", "i-2", "i-3", "i-4", "i-5", "i-6"] {
        assert_eq!(stage.mails_about(id), 1);
    }
}

#[test]
fn a_tag_cannot_send_mail_to_a_stranger() {
    let stage = Stage::with([
        Instance::new("i-1").tag("owner", "ann@example.com"),
        Instance::new("i-2").tag("owner", "eve@evil.example"),
        Instance::new("i-3").tag("owner", "eve@sub.example.com"),
        Instance::new("i-4").tag("owner", "ann@EXAMPLE.com"),
    ])
    .config(r#"owner_domains = ["example.com"]"#);
    stage.round().code(0);
    let to = recipients(&stage);
    assert!(!to.iter().any(|to| to.contains("eve")), "{to:?}");
    assert!(to.contains(&"security@example.com".to_owned()), "{to:?}");
}

#[test]
fn tags_can_be_owners_of_another_name_or_of_none() {
    let instance = || {
        [Instance::new("i-1")
            .tag("owner", "ann@example.com")
            .tag("contact", "bob@example.com")]
    };
    let stage = Stage::with(instance()).config(r#"owner_tags = ["contact"]"#);
    stage.round().code(0);
    assert_eq!(recipients(&stage), ["bob@example.com"]);
    let stage = Stage::with(instance()).config("owner_tags = []");
    stage.round().code(0);
    assert_eq!(recipients(&stage), ["security@example.com"]);
}

#[test]
fn a_function_s_own_recipients_win_over_those_of_the_report() {
    let stage = Stage::with([Instance::new("i-1")])
        .config(r#"to = ["platform@example.com", "night@example.com"]"#);
    stage.round().code(0);
    assert_eq!(
        recipients(&stage),
        ["platform@example.com night@example.com"]
    );
}

#[test]
fn a_warning_says_what_is_missing_until_when_and_how_to_mend_it() {
    let stage = Stage::with([Instance::new("i-0abc").tag("Name", "web")])
        .config(r#"required_tags = ["cost_center", "owner"]"#);
    stage.round().code(0);
    let mails = stage.aws.mails();
    let text = mails[0].text();
    // Quoted-printable only folds long lines here.
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    for part in [
        "From: \"Lamplighter\" <ops@example.com>",
        "i-0abc (web)",
        "Account 123456789012, region eu-west-1",
        "Missing: `cost_center`, `owner`",
        "May stay until 2026-11-17 10:00:00 UTC",
        "aws ec2 create-tags --region eu-west-1 --resources i-0abc --tags Key=cost_center,Value=... Key=owner,Value=...",
        "lamplighter:stop-after",
    ] {
        assert!(text.contains(part), "{part}\n---\n{text}");
    }
    assert_eq!(
        stage.mark_of("i-0abc"),
        Some(mark(stage.aws.now() + chrono::Duration::hours(24)))
    );
}

#[test]
fn names_that_try_to_write_headers_or_markup_stay_text() {
    let evil = "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>";
    let stage = Stage::with([Instance::new("i-1").tag("Name", evil)]);
    let run = stage.round().code(0).json();
    assert_eq!(outcome(&run, "i-1"), Some("done"));
    let mail = &stage.aws.mails()[0];
    assert_eq!(
        (mail.to.as_slice(), mail.bcc.len()),
        (["security@example.com".to_owned()].as_slice(), 0)
    );
    let text = mail.text();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    assert!(
        !head.contains("Bcc") && !head.contains("evil.example"),
        "{head}"
    );
    let html = text.split("text/html").nth(1).unwrap_or_default();
    assert!(!html.is_empty() && !html.contains("<script"), "{html}");
}
