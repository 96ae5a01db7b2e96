//! What the schema does not know, values of the wrong kind, and broken syntax.

use expect_test::expect;

use super::{check, messages};

#[test]
fn an_unknown_key_names_the_one_that_was_meant() {
    check(
        "\n[stop-untagged]\ngrace_hour = 24\n",
        expect![[r#"
        error: lamplighter.toml:3: unknown key `grace_hour` in [stop-untagged]
          |
        3 | grace_hour = 24
          | ^^^^^^^^^^ unknown key
        hint: did you mean `grace_hours`?
    "#]],
    );
}

#[test]
fn an_unknown_key_like_no_other_lists_the_known_ones() {
    check(
        "[state]\nbackend = \"s3\"\n",
        expect![[r#"
        error: lamplighter.toml:2: unknown key `backend` in [state]
          |
        2 | backend = "s3"
          | ^^^^^^^ unknown key
        hint: known keys: `url`
    "#]],
    );
}

#[test]
fn a_long_list_of_known_keys_is_broken_into_lines() {
    check(
        "[stop-untagged]\nxyz = 1\n",
        expect![[r#"
            error: lamplighter.toml:2: unknown key `xyz` in [stop-untagged]
              |
            2 | xyz = 1
              | ^^^ unknown key
            hint: known keys: `mode`, `schedule`, `zone`, `role`, `memory_mb`, `timeout_secs`, `missed`,
                  `missed_grace_minutes`, `overlap`, `spread_minutes`, `retries`, `required_tags`, `allowed_values`,
                  `case_sensitive`, `action`, `grace_hours`, `min_age_hours`, `max_actions`, `max_percent`,
                  `max_untagged_jump_percent`, `min_population`, `exempt_tags`, `owner_tags`, `owner_domains`,
                  `work_hours`, `work_hours_zone`, `work_days`, `probe_permissions`, `mail`, `to`, `after_gap`
        "#]],
    );
}

#[test]
fn a_key_in_the_wrong_section_is_shown_the_right_one() {
    check(
        "required_tags = []\n[daemon]\nregions = []\n",
        expect![[r#"
            error: lamplighter.toml:1: unknown key `required_tags` outside the sections
              |
            1 | required_tags = []
              | ^^^^^^^^^^^^^ unknown key
            hint: `required_tags` is a key of [stop-untagged]

            error: lamplighter.toml:3: unknown key `regions` in [daemon]
              |
            3 | regions = ***
              | ^^^^^^^ unknown key
            hint: `regions` is a key of [aws]
        "#]],
    );
}

#[test]
fn an_unknown_section_names_the_one_that_was_meant_and_its_keys_are_not_judged() {
    check(
        "[stop_untaged]\ngrace_hours = \"x\"\n[foo]\nbar = 1\n",
        expect![[r#"
            error: lamplighter.toml:1: unknown section [stop_untaged]
              |
            1 | [stop_untaged]
              |  ^^^^^^^^^^^^ unknown section
            hint: did you mean [stop-untagged]?

            error: lamplighter.toml:3: unknown section [foo]
              |
            3 | [foo]
              |  ^^^ unknown section
            hint: known sections: [aws], [state], [report], [stop-untagged], [audit-mfa], [audit-access-keys],
                  [audit-security-groups], [report-certificates], [deploy-bundles], [archive-mail], [resize-images],
                  [daemon], [[exceptions]]
        "#]],
    );
}

#[test]
fn a_section_must_be_a_table() {
    check(
        "state = \"s3://bucket\"\n[[report]]\n",
        expect![[r#"
            error: lamplighter.toml:1: `state` is a section, found a string
              |
            1 | state = ***
              | ^^^^^ expected a section
            hint: write `[state]`, and its keys below

            error: lamplighter.toml:2: `report` is a section, found a list
              |
            2 | [[report]]
              |   ^^^^^^ expected a section
            hint: write `[report]`, and its keys below
        "#]],
    );
}

#[test]
fn a_key_of_the_wrong_kind_in_the_file() {
    check(
        r#"
[report]
from = 5
to = "a@example.com"
[stop-untagged]
grace_hours = "24"
max_actions = 2.5
case_sensitive = "true"
required_tags = ["a", 1, true]
allowed_values = { a = 1 }
exempt_tags = { a = "b" }
timeout_secs = 99999999999999999999
schedule = 2026-01-01
"#,
        expect![[r#"
            error: lamplighter.toml:3: `from` in [report] must be a string, found an integer
              |
            3 | from = 5
              |        ^ expected a string
            hint: put the value in quotes

            error: lamplighter.toml:4: `to` in [report] must be a list of strings, found a string
              |
            4 | to = "a@example.com"
              |      ^^^^^^^^^^^^^^^ expected a list of strings
            hint: put it in brackets: `to = ["…"]`

            error: lamplighter.toml:6: `grace_hours` in [stop-untagged] must be an integer, found a string
              |
            6 | grace_hours = "24"
              |               ^^^^ expected an integer
            hint: write the number without quotes

            error: lamplighter.toml:7: `max_actions` in [stop-untagged] must be an integer, found a number with a fraction
              |
            7 | max_actions = 2.5
              |               ^^^ expected an integer

            error: lamplighter.toml:8: `case_sensitive` in [stop-untagged] must be `true` or `false`, found a string
              |
            8 | case_sensitive = "true"
              |                  ^^^^^^ expected `true` or `false`
            hint: write `true` without quotes

            error: lamplighter.toml:9: an entry of `required_tags` in [stop-untagged] must be a string, found an integer
              |
            9 | required_tags = ["a", 1, true]
              |                       ^ expected a string
            hint: put the value in quotes

            error: lamplighter.toml:9: an entry of `required_tags` in [stop-untagged] must be a string, found a boolean
              |
            9 | required_tags = ["a", 1, true]
              |                          ^^^^ expected a string
            hint: put the value in quotes

            error: lamplighter.toml:10: `a` of `allowed_values` in [stop-untagged] must be a string, found an integer
               |
            10 | allowed_values = { a = 1 }
               |                        ^ expected a string
            hint: put the value in quotes

            error: lamplighter.toml:11: `exempt_tags` in [stop-untagged] must be a list of strings, found a table
               |
            11 | exempt_tags = { a = "b" }
               |               ^^^^^^^^^^^ expected a list of strings

            error: lamplighter.toml:12: `timeout_secs` in [stop-untagged] must be an integer, found an integer beyond 64 bits
               |
            12 | timeout_secs = 99999999999999999999
               |                ^^^^^^^^^^^^^^^^^^^^ expected an integer

            error: lamplighter.toml:13: `schedule` in [stop-untagged] must be a string, found a date or time
               |
            13 | schedule = 2026-01-01
               |            ^^^^^^^^^^ expected a string
            hint: put the value in quotes
        "#]],
    );
}

#[test]
fn a_variable_of_the_wrong_kind_or_of_no_known_name() {
    let environment = [
        ("LAMPLIGHTER_STOP_UNTAGGED__MAX_PERCENT", "thirty"),
        ("LAMPLIGHTER_STOP_UNTAGGED__CASE_SENSITIVE", "True"),
        ("LAMPLIGHTER_STOP_UNTAGGED__MIN_POPULATION", ""),
        ("LAMPLIGHTER_STOP_UNTAGGED__ALLOWED_VALUES", "{ a = \"x\""),
        ("LAMPLIGHTER_STOP_UNTAGGED__REQUIRED_TAGS", "[\"a\", 1]"),
        ("LAMPLIGHTER_AWS__ACCOUNTS", "123456789012"),
        ("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOUR", "1"),
        ("LAMPLIGHTER_STOP_UNTAGED__GRACE_HOURS", "1"),
        ("LAMPLIGHTER_DEMO__X", "1"),
        ("LAMPLIGHTER_STATE__BACKEND", "1"),
    ];
    expect![[r#"
        error: environment LAMPLIGHTER_AWS__ACCOUNTS: `accounts` in [aws] must be a list of tables, found an integer
         |
         | LAMPLIGHTER_AWS__ACCOUNTS=***
         |                           ^^^ expected a list of tables

        error: environment LAMPLIGHTER_DEMO__X: unknown section [demo]
         |
         | LAMPLIGHTER_DEMO__X=***
         | ^^^^^^^^^^^^^^^^^^^ unknown section
        hint: did you mean `LAMPLIGHTER_DAEMON__<KEY>`?

        error: environment LAMPLIGHTER_STATE__BACKEND: unknown key `backend` in [state]
         |
         | LAMPLIGHTER_STATE__BACKEND=***
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^ unknown key
        hint: known keys: `url`

        error: environment LAMPLIGHTER_STOP_UNTAGED__GRACE_HOURS: unknown section [stop-untaged]
         |
         | LAMPLIGHTER_STOP_UNTAGED__GRACE_HOURS=***
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unknown section
        hint: did you mean `LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS`?

        error: environment LAMPLIGHTER_STOP_UNTAGGED__ALLOWED_VALUES: `allowed_values` in [stop-untagged] must be a table of strings: unclosed inline table, expected `}`
         |
         | LAMPLIGHTER_STOP_UNTAGGED__ALLOWED_VALUES={ a = "x"
         |                                                    ^

        error: environment LAMPLIGHTER_STOP_UNTAGGED__CASE_SENSITIVE: `case_sensitive` in [stop-untagged] must be `true` or `false`, found a string
         |
         | LAMPLIGHTER_STOP_UNTAGGED__CASE_SENSITIVE=True
         |                                           ^^^^ expected `true` or `false`

        error: environment LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOUR: unknown key `grace_hour` in [stop-untagged]
         |
         | LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOUR=***
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unknown key
        hint: did you mean `LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS`?

        error: environment LAMPLIGHTER_STOP_UNTAGGED__MAX_PERCENT: `max_percent` in [stop-untagged] must be an integer, found a string
         |
         | LAMPLIGHTER_STOP_UNTAGGED__MAX_PERCENT=thirty
         |                                        ^^^^^^ expected an integer

        error: environment LAMPLIGHTER_STOP_UNTAGGED__MIN_POPULATION: `min_population` in [stop-untagged] must be an integer, found an empty string
         |
         | LAMPLIGHTER_STOP_UNTAGGED__MIN_POPULATION=
         |                                           ^ expected an integer

        error: environment LAMPLIGHTER_STOP_UNTAGGED__REQUIRED_TAGS: an entry of `required_tags` in [stop-untagged] must be a string, found an integer
         |
         | LAMPLIGHTER_STOP_UNTAGGED__REQUIRED_TAGS=["a", 1]
         |                                                ^ expected a string
        hint: put the value in quotes
    "#]].assert_eq(&messages("", &environment, &[]));
}

#[test]
fn variables_of_others_are_left_alone() {
    let environment = [
        ("LAMPLIGHTER_LOG", "debug"),
        ("LAMPLIGHTER_CONFIG", "lamplighter.toml"),
        ("AWS_REGION", "eu-west-1"),
        ("MY_LAMPLIGHTER_AWS__REGION", "x"),
    ];
    assert_eq!(messages("", &environment, &[]), "accepted\n");
}

#[test]
fn a_flag_for_a_key_that_is_not_there_is_refused_as_any_other() {
    let mut flag = crate::Flag::apply("stop-untaged");
    flag.flag = "--\nbroken".to_owned();
    let mut regions = crate::Flag::regions(&[]);
    regions.value = toml::Value::Boolean(true);
    expect![[r#"
        error: flag --?broken: unknown section [stop-untaged]
        hint: did you mean [stop-untagged]?

        error: flag --region: `regions` in [aws] must be a list of strings, found a boolean
    "#]]
    .assert_eq(&messages("", &[], &[flag, regions]));
}

#[test]
fn broken_syntax_is_shown_at_its_place_and_the_rest_of_the_file_is_not_guessed_at() {
    check(
        "[aws]\nregions = [\"eu-west-1\"\n\n[stop-untagged]\nmode = apply\nmode = \"plan\"\nxyz = 1\n",
        expect![[r#"
            error: lamplighter.toml:4: missing comma between array elements, expected `,`
              |
            4 | [stop-untagged]
              | ^

            error: lamplighter.toml:5: string values must be quoted, expected literal string
              |
            5 | mode = apply
              |        ^^^^^
        "#]],
    );
}

#[test]
fn a_key_that_is_there_twice() {
    check(
        "[aws]\nregions = []\nregions = [\"all\"]\n",
        expect![[r#"
        error: lamplighter.toml:3: duplicate key
          |
        3 | regions = ["all"]
          | ^^^^^^^
    "#]],
    );
}

#[test]
fn windows_line_ends_and_letters_of_several_bytes_do_not_move_the_carets() {
    check(
        "# Grüße\r\n[report]\r\nfrom = \"Jürgen <j@>\" # é\r\n\tmail = \"ünever\"\r\n",
        expect![[r#"
            error: lamplighter.toml:3: `from` in [report]: `Jürgen <j@>` is no mail address
              |
            3 | from = "Jürgen <j@>" # é
              |        ^^^^^^^^^^^^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"

            error: lamplighter.toml:4: `mail` in [report]: `ünever` is none of "changes", "always", "never"
              |
            4 |     mail = "ünever"
              |            ^^^^^^^^
            hint: did you mean "never"?
        "#]],
    );
}

#[test]
fn mistakes_of_all_layers_come_together_in_the_order_of_layers_and_lines() {
    let file = "[daemon]\nhttp = \"9464\"\n[aws]\nregion = \"eu-west-1\"\n[daemno]\n";
    let environment = [
        ("LAMPLIGHTER_STATE__URL", "/tmp/state"),
        ("LAMPLIGHTER_AWS__REGIONS", "eu-west-1,eu"),
    ];
    let errors = super::load_with(file, &environment, &[crate::Flag::apply("stop-untagged")])
        .expect_err("mistakes");
    let places: Vec<String> = errors
        .iter()
        .map(|error| {
            let line = error.line.map(|line| format!(":{line}"));
            format!(
                "{}{}: {}",
                error.file,
                line.unwrap_or_default(),
                error.message
            )
        })
        .collect();
    expect![[r#"
        lamplighter.toml:2: `http` in [daemon]: `9464` is no IP address with a port
        lamplighter.toml:4: unknown key `region` in [aws]
        lamplighter.toml:5: unknown section [daemno]
        environment LAMPLIGHTER_AWS__REGIONS: `regions` in [aws]: `eu` is no region
        environment LAMPLIGHTER_STATE__URL: `url` in [state]: `/tmp/state` is no place for state
        flag --apply: `grace_hours` > 0 in apply mode needs somewhere to send the warning ([stop-untagged] has `grace_hours` = 24)
    "#]].assert_eq(&(places.join("\n") + "\n"));
    assert_eq!(errors.len(), 6);
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let errors = super::load("[foo]\n").expect_err("a mistake");
    assert!(!errors.render(false).contains('\u{1b}'));
    assert!(errors.render(true).contains('\u{1b}'));
}

#[test]
fn a_log_tells_each_mistake_in_a_line_of_its_own() {
    let errors = super::load("[foo]\n[aws]\nregion = [\"eu-west-1\"]\n").expect_err("mistakes");
    expect![[r#"
        lamplighter.toml:1: unknown section [foo] (hint: known sections: [aws], [state], [report], [stop-untagged], [audit-mfa], [audit-access-keys], [audit-security-groups], [report-certificates], [deploy-bundles], [archive-mail], [resize-images], [daemon], [[exceptions]])
        lamplighter.toml:3: unknown key `region` in [aws] (hint: did you mean `regions`?)"#]].assert_eq(&errors.to_string());
}
