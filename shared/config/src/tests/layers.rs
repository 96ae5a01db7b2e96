//! Which layer wins, and where values say they came from.

use expect_test::expect;

use super::good;
use crate::{Flag, MailPolicy, Mode, StateUrl};

const FILE: &str =
    "[aws]\nregions = [\"eu-west-1\"]\n[stop-untagged]\ngrace_hours = 48\nmax_actions = 5\n";

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let environment = [
        ("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS", "0"),
        ("LAMPLIGHTER_AWS__REGIONS", "us-east-1"),
    ];
    let flags = [Flag::regions(&["eu-north-1".to_owned()])];
    let config = good(FILE, &environment, &flags);
    assert_eq!(config.aws.regions, ["eu-north-1"]);
    assert_eq!(config.stop_untagged.grace_hours, 0);
    assert_eq!(config.stop_untagged.max_actions, 5);
    assert_eq!(config.stop_untagged.max_percent, 30);
    let origins = [
        config.origin("aws", "regions"),
        config.origin("stop-untagged", "grace_hours"),
        config.origin("stop-untagged", "max_actions"),
        config.origin("stop-untagged", "max_percent"),
        config.origin("stop-untagged", "to"),
        config.origin("nowhere", "nothing"),
    ];
    assert_eq!(
        origins,
        [
            "flag --region",
            "environment LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS",
            "lamplighter.toml:5",
            "default",
            "not set",
            "not set",
        ]
    );
}

#[test]
fn variables_of_every_kind() {
    let config = good(
        "",
        &[
            ("LAMPLIGHTER_STATE__URL", "s3://acme-state/a/b/"),
            (
                "LAMPLIGHTER_REPORT__FROM",
                "Ops \"on call\" <ops@example.com>",
            ),
            (
                "LAMPLIGHTER_REPORT__TO",
                "Ann <a@example.com>, b@example.com ,",
            ),
            ("LAMPLIGHTER_STOP_UNTAGGED__MAX_ACTIONS", " 1_000 "),
            ("LAMPLIGHTER_STOP_UNTAGGED__CASE_SENSITIVE", "false"),
            (
                "LAMPLIGHTER_STOP_UNTAGGED__REQUIRED_TAGS",
                "[\"a, b\", 'c']",
            ),
            ("LAMPLIGHTER_STOP_UNTAGGED__OWNER_TAGS", ""),
            (
                "LAMPLIGHTER_STOP_UNTAGGED__ALLOWED_VALUES",
                "{ stage = \"dev|prod\" }",
            ),
            ("LAMPLIGHTER_STOP_UNTAGGED__MAIL", "never"),
            ("LAMPLIGHTER_STOP_UNTAGGED__TO", "c@example.com"),
            (
                "LAMPLIGHTER_AWS__ACCOUNTS",
                "[{ id = \"123456789012\", role = \"arn:aws:iam::123456789012:role/a\" }]",
            ),
            ("LAMPLIGHTER_DAEMON__TOKEN", "7 = \"x\""),
            ("LAMPLIGHTER_DAEMON__HTTP", "[::1]:9464"),
        ],
        &[],
    );
    let rules = &config.stop_untagged;
    assert_eq!(
        config.state.url,
        Some(StateUrl::S3 {
            bucket: "acme-state".to_owned(),
            prefix: "a/b".to_owned()
        })
    );
    assert_eq!(
        config.report.from.as_deref(),
        Some("Ops \"on call\" <ops@example.com>")
    );
    assert_eq!(config.report.to, ["Ann <a@example.com>", "b@example.com"]);
    assert_eq!(rules.max_actions, 1000);
    assert!(!rules.case_sensitive);
    assert_eq!(rules.required_tags, ["a, b", "c"]);
    assert!(rules.owner_tags.is_empty());
    assert_eq!(rules.allowed_values["stage"], "dev|prod");
    assert_eq!(rules.common.mail, Some(MailPolicy::Never));
    assert_eq!(
        rules.common.to.as_deref(),
        Some(&["c@example.com".to_owned()][..])
    );
    assert_eq!(config.aws.accounts[0].id, "123456789012");
    let token = config.daemon.token.as_ref().expect("a token");
    assert_eq!(token.expose(), "7 = \"x\"");
    assert_eq!(config.daemon.http.expect("an address").port(), 9464);
}

#[test]
fn a_state_url_is_shown_as_it_was_written() {
    for url in ["s3://bucket", "s3://bucket/a/b", "file:///var/lib/state"] {
        let config = good(&format!("[state]\nurl = \"{url}\"\n"), &[], &[]);
        assert_eq!(config.state.url.expect("a place").to_string(), url);
    }
}

#[test]
fn a_list_of_accounts_replaces_the_one_below_as_a_whole() {
    let file =
        "[[aws.accounts]]\nid = \"123456789012\"\nrole = \"arn:aws:iam::123456789012:role/a\"\n";
    assert_eq!(good(file, &[], &[]).aws.accounts.len(), 1);
    let environment = [("LAMPLIGHTER_AWS__ACCOUNTS", "[]")];
    assert_eq!(good(file, &environment, &[]).aws.accounts.len(), 0);
}

#[test]
fn mail_and_recipients_are_those_of_the_report_until_the_function_has_its_own() {
    let report =
        "[report]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\nmail = \"always\"\n";
    let config = good(report, &[], &[]);
    let expected = ["b@example.com".to_owned()];
    assert_eq!(
        config.mail_of("stop-untagged"),
        (MailPolicy::Always, &expected[..])
    );
    assert_eq!(
        config.mail_of("no-such-function"),
        (MailPolicy::Always, &expected[..])
    );
    let own = format!("{report}[stop-untagged]\nto = [\"c@example.com\", \"d@example.com\"]\n");
    let config = good(&own, &[], &[]);
    let expected = ["c@example.com".to_owned(), "d@example.com".to_owned()];
    assert_eq!(
        config.mail_of("stop-untagged"),
        (MailPolicy::Always, &expected[..])
    );
    let own = format!("{report}[stop-untagged]\nmail = \"never\"\nto = []\n");
    let config = good(&own, &[], &[]);
    assert_eq!(
        config.mail_of("stop-untagged"),
        (MailPolicy::Never, &[][..])
    );
}

#[test]
fn a_function_is_configured_by_the_file_or_the_environment_but_not_by_a_flag() {
    let flags = [Flag::apply("stop-untagged")];
    let without_grace = ("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS", "0");
    assert!(good(FILE, &[], &[]).is_configured("stop-untagged"));
    assert!(good("[stop-untagged]\n", &[], &[]).is_configured("stop-untagged"));
    assert!(good("", &[without_grace], &[]).is_configured("stop-untagged"));
    assert!(!good("[aws]\n", &[], &[]).is_configured("stop-untagged"));
    assert!(!good("", &[], &[]).is_configured("no-such-function"));
    let with_destination = "[report]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n";
    let config = good(with_destination, &[], &flags);
    assert!(!config.is_configured("stop-untagged"));
    assert_eq!(
        config.section("stop-untagged").map(|common| common.mode),
        Some(Mode::Apply)
    );
    assert!(config.section("aws").is_none());
}

#[test]
fn the_caller_s_own_errors_are_shown_at_the_place_of_the_value() {
    let file = "[stop-untagged]\nschedule = \"rate(1 hours)\"\n";
    let config = good(
        file,
        &[("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS", "7")],
        &[],
    );
    let hint = Some("write `rate(1 hour)`");
    let mut errors = config.error_at("stop-untagged", "grace_hours", "seven is unlucky", None);
    errors.extend(config.error_at(
        "stop-untagged",
        "schedule",
        "`rate(1 hours)` has a plural",
        hint,
    ));
    errors.extend(config.error_at("stop-untagged", "max_actions", "the default is odd", None));
    errors.extend(config.error_at("nowhere", "nothing", "is not there", None));
    expect![[r#"
        error: default.toml:157: `max_actions` in [stop-untagged]: the default is odd
            |
        157 | max_actions = 20
            |               ^^

        error: lamplighter.toml:2: `schedule` in [stop-untagged]: `rate(1 hours)` has a plural
          |
        2 | schedule = "rate(1 hours)"
          |            ^^^^^^^^^^^^^^^
        hint: write `rate(1 hour)`

        error: environment LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS: `grace_hours` in [stop-untagged]: seven is unlucky
         |
         | LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS=7
         |                                        ^

        error: config: `nothing` in [nowhere]: is not there
    "#]].assert_eq(&(errors.render(false) + "\n"));
}
