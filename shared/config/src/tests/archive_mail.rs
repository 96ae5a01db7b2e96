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
    check(
        sources,
        expect![[r#"
            error: lamplighter.toml:2: `archive_bucket` in [archive-mail] is needed in apply mode
              |
            2 | sources = ["s3://mail-in/inbox/"]
              |           ^^^^^^^^^^^^^^^^^^^^^^^ from here mail comes in
            hint: set `archive_bucket` to the bucket of the archive, or `mode = "plan"`
        "#]],
    );
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
        expect![[r#"
            error: lamplighter.toml:2: `sources` in [archive-mail]: `s3://mail-in/` holds the archive `s3://mail-in/mail/`, and each archived mail would be archived again
              |
            2 | sources = ["s3://mail-in"]
              |           ^^^^^^^^^^^^^^^^
            hint: let the archive be in another bucket, or the source under another prefix
        "#]],
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
        expect![[r#"
            error: lamplighter.toml:2: `recipients` in [archive-mail]: `*@example.com` is no address and no domain
              |
            2 | recipients = ["*@example.com", "a@b@", "", "a..b"]
              |               ^^^^^^^^^^^^^^^
            hint: write "ann@example.com", "@example.com" for this domain only,
                  or "example.com" for those below it too

            error: lamplighter.toml:2: `recipients` in [archive-mail]: `a@b@` is no address and no domain
              |
            2 | recipients = ["*@example.com", "a@b@", "", "a..b"]
              |                                ^^^^^^
            hint: write "ann@example.com", "@example.com" for this domain only,
                  or "example.com" for those below it too

            error: lamplighter.toml:2: `recipients` in [archive-mail]: the empty string is no address and no domain
              |
            2 | recipients = ["*@example.com", "a@b@", "", "a..b"]
              |                                        ^^
            hint: write "ann@example.com", "@example.com" for this domain only,
                  or "example.com" for those below it too

            error: lamplighter.toml:2: `recipients` in [archive-mail]: `a..b` is no address and no domain
              |
            2 | recipients = ["*@example.com", "a@b@", "", "a..b"]
              |                                            ^^^^^^
            hint: write "ann@example.com", "@example.com" for this domain only,
                  or "example.com" for those below it too

            error: lamplighter.toml:3: `archive_prefix` in [archive-mail]: `/x` has an empty folder, or `..`, in it
              |
            3 | archive_prefix = "/x"
              |                  ^^^^
            hint: write it like "mail/"

            error: lamplighter.toml:4: `archive_bucket` in [archive-mail]: `X` is no name of a bucket
              |
            4 | archive_bucket = "X"
              |                  ^^^

            error: lamplighter.toml:5: `links` in [archive-mail]: links of the style "url" need `link_url`
              |
            5 | links = "url"
              |         ^^^^^
            hint: set `link_url` to what they begin with

            error: lamplighter.toml:6: `link_days` in [archive-mail]: 8 is out of range, it must be 1 to 7
              |
            6 | link_days = 8
              |             ^

            error: lamplighter.toml:7: `forward_to` in [archive-mail]: mail can only be sent on from an address of one's own
              |
            7 | forward_to = ["a@example.com"]
              |              ^^^^^^^^^^^^^^^^^
            hint: set `forward_from` to an address of an identity that SES has verified

            error: lamplighter.toml:8: `on_gray` in [archive-mail]: `delete` is none of "keep", "quarantine", "stop-rule", "stop-rule-set"
              |
            8 | on_gray = "delete"
              |           ^^^^^^^^
        "#]],
    );
    check(
        "[archive-mail]\nlink_url = \"http://files.example.com/?a\"\narchive_prefix = \"a//b\"\n",
        expect![[r#"
            error: lamplighter.toml:2: `link_url` in [archive-mail]: `http://files.example.com/?a` is no URL that links can begin with
              |
            2 | link_url = ***
              |            ^^^
            hint: write it like "https://files.example.com/"

            error: lamplighter.toml:3: `archive_prefix` in [archive-mail]: `a//b` has an empty folder, or `..`, in it
              |
            3 | archive_prefix = "a//b"
              |                  ^^^^^^
            hint: write it like "mail/"
        "#]],
    );
}
