//! The webhook and the topic, beside the mail.

use lamplighter_local_aws::{Fault, FaultKind};

use super::stage::{Chat, TOPIC, config, deliveries, folder, stage, untagged};
use crate::harness::Lamplighter;
use crate::stop_untagged::stage::Stage;

/// All three destinations, and a state.
fn everywhere(folder: &tempfile::TempDir, url: &str) -> String {
    config(
        folder,
        &format!("digest_day = \"\"\nwebhook = \"{url}\"\ntopic = \"{TOPIC}\""),
    )
}

fn stage_with(chat: &Chat, folder: &tempfile::TempDir) -> Stage {
    let hostile = untagged("i-1").tag("Name", "<!channel> & co");
    stage([hostile], &everywhere(folder, &chat.url))
}

#[test]
fn a_plan_is_told_to_every_destination_and_again_only_when_something_changed() {
    let (chat, folder) = (Chat::answering(&["200 OK"]), folder());
    let stage = stage_with(&chat, &folder);
    let ran = stage.round().code(0);
    let all = ["mail delivered", "webhook delivered", "topic delivered"];
    assert_eq!(deliveries(&ran.json()), all);
    let heard = chat.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].line, "POST /services/hidden-token HTTP/1.1");
    let text = &chat.texts()[0];
    assert!(
        text.starts_with("*[lamplighter] stop-untagged: 1 finding")
            && text.contains("&lt;!channel&gt; &amp; co")
            && !text.contains("<!channel>"),
        "{text}"
    );
    let published = stage.aws.published();
    assert_eq!(published[0].topic, TOPIC);
    let subject = published[0].subject.as_deref().unwrap_or_default();
    assert!(
        subject.starts_with("[lamplighter] stop-untagged: 1 finding"),
        "{subject}"
    );
    assert!(
        published[0].message.contains("i-1"),
        "{}",
        published[0].message
    );

    let run = stage.round().code(0).json();
    let none = ["mail suppressed", "webhook suppressed", "topic suppressed"];
    assert_eq!(deliveries(&run), none);
    assert_eq!((chat.heard().len(), stage.aws.published().len()), (1, 1));
}

#[test]
fn a_dry_run_tells_nobody() {
    let (chat, folder) = (Chat::answering(&["200 OK"]), folder());
    let stage = stage_with(&chat, &folder);
    let ran = stage.lamplighter(["run", "stop-untagged", "--dry-run", "--format", "json"]);
    assert_eq!(
        ran.code(0).json()["deliveries"].as_array().map(Vec::len),
        Some(0)
    );
    assert!(chat.heard().is_empty() && stage.changing().is_empty());
}

#[test]
fn a_destination_that_fails_is_reported_and_does_not_hide_the_others() {
    let (chat, folder) = (Chat::answering(&["403 Forbidden"]), folder());
    let stage = stage_with(&chat, &folder);
    stage
        .aws
        .inject(Fault::new("sns:Publish", FaultKind::Denied));
    let ran = stage.round().code(4);
    let run = ran.json();
    assert_eq!(
        deliveries(&run),
        ["mail delivered", "webhook failed", "topic failed"]
    );
    assert_eq!(run["outcome"], "partial");
    let errors: Vec<String> = run["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|row| {
            format!(
                "{}: {}",
                row["scope"].as_str().unwrap_or_default(),
                row["message"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            "report: the report was not delivered by webhook: the webhook answered 403",
            "report: the report was not delivered by topic: not allowed to call `sns:Publish`",
        ]
    );
    assert_eq!(chat.heard().len(), 1, "what is refused is not tried again");

    // What was lost is tried again in the next run, and only that.
    stage.aws.clear_faults();
    let run = stage.round().code(4).json();
    assert_eq!(
        deliveries(&run),
        ["mail suppressed", "webhook failed", "topic delivered"]
    );
}

#[test]
fn a_webhook_that_stumbles_is_tried_three_times() {
    let (chat, folder) = (
        Chat::answering(&["503 Busy", "429 Slow", "200 OK"]),
        folder(),
    );
    let run = stage_with(&chat, &folder).round().code(0).json();
    assert_eq!(deliveries(&run)[1], "webhook delivered");
    assert_eq!(chat.heard().len(), 3);

    let chat = Chat::answering(&["500 Broken"]);
    let folder = self::folder();
    let run = stage_with(&chat, &folder).round().code(4).json();
    assert_eq!(
        run["deliveries"][1]["reason"],
        "the webhook answered 500 until the last attempt"
    );
    assert_eq!(chat.heard().len(), 3);
}

#[test]
fn redirects_are_not_followed_and_the_url_is_never_shown() {
    let (chat, folder) = (Chat::answering(&["302 Found"]), folder());
    let stage = stage_with(&chat, &folder);
    let ran = stage
        .program(["run", "stop-untagged", "--format", "json", "-v", "-v"])
        .env("LAMPLIGHTER_LOG", "trace")
        .run()
        .code(4);
    assert_eq!(
        ran.json()["deliveries"][1]["reason"],
        "the webhook answered 302, and redirects are not followed"
    );
    assert_eq!(chat.heard().len(), 1);
    let printed = Lamplighter::new(["check", "--print"])
        .config(&everywhere(&folder, &chat.url))
        .run()
        .code(0);
    for said in [&ran.stdout, &ran.stderr, &printed.stdout, &printed.stderr] {
        assert!(!said.contains("hidden-token"), "{said}");
    }
}

#[test]
fn nobody_at_the_other_end_is_reported_without_the_url() {
    // Nothing listens on port 9 of this machine.
    let folder = folder();
    let stage = stage(
        [untagged("i-1")],
        &everywhere(&folder, "http://127.0.0.1:9/hidden-token"),
    );
    let ran = stage.round().code(4);
    assert_eq!(
        ran.json()["deliveries"][1]["reason"],
        "no connection to the webhook until the last attempt"
    );
    assert!(!ran.stdout.contains("hidden-token") && !ran.stderr.contains("hidden-token"));
}

#[test]
fn a_topic_that_is_not_there_is_named_with_a_way_out() {
    let folder = folder();
    let other = TOPIC.replace(":ops", ":other");
    let stage = stage(
        [untagged("i-1")],
        &config(&folder, &format!("topic = \"{other}\"")),
    );
    let run = stage.round().code(4).json();
    assert_eq!(deliveries(&run), ["mail delivered", "topic failed"]);
    let reason = run["deliveries"][1]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("Topic does not exist"), "{reason}");
}

#[test]
fn a_function_that_may_not_mail_still_tells_the_chat() {
    let chat = Chat::answering(&["200 OK"]);
    let folder = folder();
    let stage = stage_with(&chat, &folder).config("mail = \"never\"");
    let run = stage.round().code(0).json();
    assert_eq!(
        deliveries(&run),
        ["mail suppressed", "webhook delivered", "topic delivered"]
    );
}

#[test]
fn the_policy_allows_publishing_to_this_topic_and_no_other() {
    let folder = folder();
    let policy = Lamplighter::new(["policy", "stop-untagged"])
        .config(&everywhere(&folder, "https://example.com/x"))
        .run()
        .code(0)
        .json();
    let statements = policy["Statement"].as_array().expect("statements");
    let topic = statements
        .iter()
        .find(|statement| statement["Sid"] == "DeliverTopic")
        .expect("a statement for the topic");
    assert_eq!(topic["Action"], serde_json::json!(["sns:Publish"]));
    assert_eq!(topic["Resource"], serde_json::json!([TOPIC]));
}
