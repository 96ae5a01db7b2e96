//! `[[exceptions]]`: a list of tables outside the sections.

use expect_test::expect;

use super::{check, good, load};

const GOOD: &str = r#"[[exceptions]]
rule = "missing-required-tags"
resource = "arn:aws:ec2:*:*:instance/i-?"
reason = "vendor appliance"
owner = "ann"
ticket = "OPS-1"
expires = 2027-06-30

[aws]
regions = ["eu-west-1"]

[[exceptions]]
rule = "key-older-than"
resource = "tag:team=a=b"
reason = "robot"
owner = "bob"
ticket = "OPS-2"
expires = "2027-07-31"
"#;

#[test]
fn exceptions_are_read_in_their_order_with_dates_of_either_form() {
    let config = good(GOOD, &[], &[]);
    let read: Vec<String> = config
        .exceptions
        .iter()
        .map(|exception| format!("{exception:?}"))
        .collect();
    assert_eq!(
        read,
        [
            "Exception { rule: \"missing-required-tags\", resource: \"arn:aws:ec2:*:*:instance/i-?\", reason: \"vendor appliance\", owner: \"ann\", ticket: \"OPS-1\", expires: 2027-06-30 }",
            "Exception { rule: \"key-older-than\", resource: \"tag:team=a=b\", reason: \"robot\", owner: \"bob\", ticket: \"OPS-2\", expires: 2027-07-31 }",
        ]
    );
    assert_eq!(config.exceptions[0].tag_key(), None);
    assert_eq!(config.exceptions[1].tag_key(), Some("team"));
}

#[test]
fn exceptions_are_printed_with_their_origins_and_load_again() {
    let config = good(GOOD, &[], &[]);
    let printed = config.print();
    let (_, from) = printed
        .split_once("\n[[exceptions]] # lamplighter.toml:1\n")
        .expect("the first exception");
    let own = from.split("\n[stop-untagged]").next().unwrap_or_default();
    expect![[r#"
        rule = "missing-required-tags" # lamplighter.toml:2
        resource = "arn:aws:ec2:*:*:instance/i-?" # lamplighter.toml:3
        reason = "vendor appliance" # lamplighter.toml:4
        owner = "ann" # lamplighter.toml:5
        ticket = "OPS-1" # lamplighter.toml:6
        expires = 2027-06-30 # lamplighter.toml:7

        [[exceptions]] # lamplighter.toml:12
        rule = "key-older-than" # lamplighter.toml:13
        resource = "tag:team=a=b" # lamplighter.toml:14
        reason = "robot" # lamplighter.toml:15
        owner = "bob" # lamplighter.toml:16
        ticket = "OPS-2" # lamplighter.toml:17
        expires = "2027-07-31" # lamplighter.toml:18
    "#]]
    .assert_eq(own);
    assert_eq!(good(&printed, &[], &[]).exceptions, config.exceptions);
}

#[test]
fn every_key_is_mandatory_and_unknown_ones_are_refused_at_their_entry() {
    check(
        r#"[[exceptions]]
rule = "missing-required-tags"

[[exceptions]]
rule = ""
resource = "i-0abc"
reason = "because"
owner = "ann"
tickets = "OPS-1"
ticket = "OPS-1"
expires = 2027-01-01
"#,
        expect![[r#"
            error: lamplighter.toml:1: `resource` is missing in [[exceptions]]
              |
            1 | [[exceptions]]
              | ^^^^^^^^^^^^^^ this entry has no `resource`

            error: lamplighter.toml:1: `reason` is missing in [[exceptions]]
              |
            1 | [[exceptions]]
              | ^^^^^^^^^^^^^^ this entry has no `reason`

            error: lamplighter.toml:1: `owner` is missing in [[exceptions]]
              |
            1 | [[exceptions]]
              | ^^^^^^^^^^^^^^ this entry has no `owner`

            error: lamplighter.toml:1: `ticket` is missing in [[exceptions]]
              |
            1 | [[exceptions]]
              | ^^^^^^^^^^^^^^ this entry has no `ticket`

            error: lamplighter.toml:1: `expires` is missing in [[exceptions]]
              |
            1 | [[exceptions]]
              | ^^^^^^^^^^^^^^ this entry has no `expires`

            error: lamplighter.toml:5: `rule` in [[exceptions]]: it must not be empty
              |
            5 | rule = ""
              |        ^^

            error: lamplighter.toml:6: `resource` in [[exceptions]]: `i-0abc` is no pattern of an ARN
              |
            6 | resource = "i-0abc"
              |            ^^^^^^^^
            hint: write an ARN, with `*` and `?` where it may differ, or "tag:Key=Value"

            error: lamplighter.toml:9: unknown key `tickets` in [[exceptions]]
              |
            9 | tickets = "OPS-1"
              | ^^^^^^^ unknown key
            hint: did you mean `ticket`?
        "#]],
    );
    check(
        r#"[[exceptions]]
rule = "a"
resource = "tag:team"
reason = "two\nlines"
owner = 7
ticket = "OPS-1"
expires = 2027-01-01T00:00:00Z

[[exceptions]]
rule = "a"
resource = "arn:*"
reason = "x"
owner = "x"
ticket = "x"
expires = "1-1-1"

[[exceptions]]
rule = "a"
resource = "arn:*"
reason = "x"
owner = "x"
ticket = "x"
expires = 20270101
"#,
        expect![[r#"
            error: lamplighter.toml:3: `resource` in [[exceptions]]: `tag:team` names no value
              |
            3 | resource = "tag:team"
              |            ^^^^^^^^^^
            hint: write an ARN, with `*` and `?` where it may differ, or "tag:Key=Value"

            error: lamplighter.toml:4: `reason` in [[exceptions]]: `two�lines` contains a line break or another control character
              |
            4 | reason = "two\nlines"
              |          ^^^^^^^^^^^^

            error: lamplighter.toml:5: `owner` in [[exceptions]] must be a string, found an integer
              |
            5 | owner = 7
              |         ^ expected a string
            hint: put the value in quotes

            error: lamplighter.toml:7: `expires` in [[exceptions]]: `2027-01-01T00:00:00Z` is no date
              |
            7 | expires = 2027-01-01T00:00:00Z
              |           ^^^^^^^^^^^^^^^^^^^^
            hint: write it like `expires = 2027-06-30`; it holds through the end of that day in UTC

            error: lamplighter.toml:15: `expires` in [[exceptions]]: `1-1-1` is no date
               |
            15 | expires = "1-1-1"
               |           ^^^^^^^
            hint: write it like `expires = 2027-06-30`; it holds through the end of that day in UTC

            error: lamplighter.toml:19: `resource` in [[exceptions]]: the same rule and resource have an exception already
               |
            19 | resource = "arn:*"
               |            ^^^^^^^
            hint: keep the one that still holds

            error: lamplighter.toml:23: `expires` in [[exceptions]] must be a date, found an integer
               |
            23 | expires = 20270101
               |           ^^^^^^^^ expected a date
            hint: write it like `expires = 2027-06-30`
        "#]],
    );
}

#[test]
fn what_is_nearly_a_list_of_exceptions_is_shown_how_to_write_it() {
    check(
        "[exceptions]\nrule = \"a\"\n",
        expect![[r#"
        error: lamplighter.toml:1: `exceptions` in the top level must be a list of tables, found a table
          |
        1 | [exceptions]
          | ^^^^^^^^^^^^ expected a list of tables
        hint: write `[[exceptions]]`, with double brackets
    "#]],
    );
    check(
        "[[exception]]\nrule = \"a\"\n",
        expect![[r#"
        error: lamplighter.toml:1: unknown key `exception` outside the sections
          |
        1 | [[exception]]
          |   ^^^^^^^^^ unknown key
        hint: did you mean `[[exceptions]]`?
    "#]],
    );
    check(
        "[aws]\nexceptions = []\n",
        expect![[r#"
        error: lamplighter.toml:2: unknown key `exceptions` in [aws]
          |
        2 | exceptions = ***
          | ^^^^^^^^^^ unknown key
        hint: `exceptions` stands outside the sections: write `[[exceptions]]`
    "#]],
    );
    check(
        "exceptions = [1]\n",
        expect![[r#"
        error: lamplighter.toml:1: an entry of `exceptions` in the top level must be a table, found an integer
          |
        1 | exceptions = [1]
          |               ^ expected a table
    "#]],
    );
}

#[test]
fn the_environment_has_no_exceptions() {
    let refused = super::messages("", &[("LAMPLIGHTER___EXCEPTIONS", "[]")], &[]);
    assert!(refused.contains("unknown section []"), "{refused}");
}

#[test]
fn the_caller_s_errors_stand_at_the_entry() {
    let config = good(GOOD, &[], &[]);
    let errors = config.error_in_exception(1, "rule", "there is no such rule", None);
    expect![[r#"
        error: lamplighter.toml:13: `rule` in [[exceptions]]: there is no such rule
           |
        13 | rule = "key-older-than"
           |        ^^^^^^^^^^^^^^^^
    "#]]
    .assert_eq(&(errors.render(false) + "\n"));
}

#[test]
fn an_empty_list_is_none() {
    assert!(load("").expect("the defaults").exceptions.is_empty());
    assert!(good("exceptions = []\n", &[], &[]).exceptions.is_empty());
}
