//! `[archive-mail]`.

use expect_test::expect;

use super::{check, good, messages};
use crate::{Correspondent, LinkStyle, Treatment};

#[test]
fn people_are_told_as_an_address_a_domain_or_a_domain_with_those_below_it() {
    let config = good(
        "[archive-mail]\nallow_senders = [\"Ann@example.com\", \"@example.com\", \"bücher.example\"]\n\
         on_spam = \"stop-rule-set\"\nlinks = \"url\"\nlink_url = \"https://files.example.com/mail\"\n\
         archive_prefix = \"a/b\"\n",
        &[],
        &[],
    );
    let section = &config.archive_mail;
    assert_eq!(
        section.allow_senders,
        [
            Correspondent::Address {
                local: "Ann".to_owned(),
                domain: "example.com".to_owned()
            },
            Correspondent::Domain("example.com".to_owned()),
            Correspondent::DomainAndBelow("bücher.example".to_owned()),
        ]
    );
    assert_eq!(section.on_spam, Treatment::StopRuleSet);
    assert_eq!(section.on_unscanned, Treatment::Keep);
    assert_eq!(section.links, LinkStyle::Url);
    // A prefix and a URL end in a slash, whether or not it was written.
    assert_eq!(section.archive_prefix, "a/b/");
    assert_eq!(
        section.link_url.as_deref(),
        Some("https://files.example.com/mail/")
    );
    assert!(
        Treatment::Keep < Treatment::Quarantine && Treatment::StopRule < Treatment::StopRuleSet
    );
}

#[test]
fn apply_mode_with_a_source_needs_an_archive() {
    let sources = "[archive-mail]\nsources = [\"s3://mail-in/inbox/\"]\n";
    check(sources, expect![[""]]);
    assert_eq!(
        messages(&format!("{sources}mode = \"plan\"\n"), &[], &[]),
        "accepted\n"
    );
    assert_eq!(
        messages(
            &format!("{sources}archive_bucket = \"archive\"\n"),
            &[],
            &[]
        ),
        "accepted\n"
    );
}

#[test]
fn a_source_that_holds_the_archive_is_refused() {
    check(
        "[archive-mail]\nsources = [\"s3://mail-in\"]\narchive_bucket = \"mail-in\"\n",
        expect![[""]],
    );
    assert_eq!(
        messages(
            "[archive-mail]\nsources = [\"s3://mail-in/inbox/\"]\narchive_bucket = \"mail-in\"\n",
            &[],
            &[]
        ),
        "accepted\n"
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    check(
        "[archive-mail]\nrecipients = [\"*@example.com\", \"a@b@\", \"\", \"a..b\"]\narchive_prefix = \"/x\"\n\
         archive_bucket = \"X\"\nlinks = \"url\"\nlink_days = 8\nforward_to = [\"a@example.com\"]\non_gray = \"delete\"\n",
        expect![[""]],
    );
    check(
        "[archive-mail]\nlink_url = \"http://files.example.com/?a\"\narchive_prefix = \"a//b\"\n",
        expect![[""]],
    );
}
