//! The destinations in `[report]`.

use chrono::Weekday;
use expect_test::expect;

use super::{check, good, messages};

#[test]
fn a_webhook_is_https_or_on_this_machine() {
    for url in [
        "https://hooks.slack.com/services/T0/B0/x",
        "https://example.com:8443/hook?token=x",
        "http://127.0.0.1:8080/",
        "http://localhost/x",
        "http://[::1]:9/x",
    ] {
        let config = good(&format!("[report]\nwebhook = \"{url}\"\n"), &[], &[]);
        let webhook = config.report.webhook.as_ref().expect("a webhook");
        assert_eq!(webhook.expose(), url);
        assert!(!config.print().contains(url) && !format!("{config:?}").contains(url));
    }
    assert_eq!(good("", &[], &[]).report.webhook, None);
}

#[test]
fn a_refused_webhook_is_not_shown() {
    for url in [
        "http://hooks.slack.com/services/hidden",
        "http://127.0.0.1.example.com/hidden",
        "ftp://example.com/hidden",
        "https:///hidden",
        "https://user:hidden@example.com/",
        "https://example.com/hidden hidden",
        "hidden",
    ] {
        let refused = messages(&format!("[report]\nwebhook = \"{url}\"\n"), &[], &[]);
        assert!(
            refused.contains("`webhook` in [report]"),
            "{url}: {refused}"
        );
        assert!(!refused.contains("hidden"), "{refused}");
        let refused = messages("", &[("LAMPLIGHTER_REPORT__WEBHOOK", url)], &[]);
        assert!(
            refused.contains("`webhook`") && !refused.contains("hidden"),
            "{refused}"
        );
    }
}

#[test]
fn a_topic_is_an_arn() {
    let topic = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:lamp_lighter-1.fifo";
    let config = good(&format!("[report]\ntopic = \"{topic}\"\n"), &[], &[]);
    assert_eq!(config.report.topic.as_deref(), Some(topic));
    check(
        "[report]\ntopic = \"lamplighter\"\n",
        expect![[r#"
        error: lamplighter.toml:2: `topic` in [report]: `lamplighter` is no ARN of an SNS topic
          |
        2 | topic = "lamplighter"
          |         ^^^^^^^^^^^^^
        hint: write it like "arn:aws:sns:eu-west-1:123456789012:lamplighter"
    "#]],
    );
}

#[test]
fn a_digest_has_a_weekday_or_none() {
    assert_eq!(good("", &[], &[]).report.digest_day, Some(Weekday::Mon));
    let none = good("[report]\ndigest_day = \"\"\n", &[], &[]);
    assert_eq!(none.report.digest_day, None);
    check(
        "[report]\ndigest_day = \"mo\"\n",
        expect![[r#"
        error: lamplighter.toml:2: `digest_day` in [report]: `mo` is none of "mon", "tue", "wed", "thu", "fri", "sat", "sun"
          |
        2 | digest_day = "mo"
          |              ^^^^
        hint: did you mean "mon"?
    "#]],
    );
}
