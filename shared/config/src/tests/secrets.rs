//! Secrets are in no message, no print and no debug output, whatever is wrong around them.

use expect_test::expect;

use super::{check, good, load, messages};

/// A file whose secrets all contain `hunter`, in every form of TOML strings.
const FILE: &str = r#"
[daemon]
token = "hunter \" two" # é
http = ""
[[aws.accounts]]
id = "123456789012"
role = "arn:aws:iam::123456789012:role/a"
external_id = 'hunter three'
[[aws.accounts]]
id = "210987654321"
"external_id" = """
hunter
four"""
role = "arn:aws:iam::210987654321:role/a"
"#;

#[test]
fn no_piece_of_a_file_shows_a_secret_however_it_is_broken() {
    // Cut anywhere, and with a bad letter anywhere: nothing may panic, nothing may show.
    for at in (0..=FILE.len()).filter(|at| FILE.is_char_boundary(*at)) {
        let (head, tail) = FILE.split_at(at);
        for file in [
            head.to_owned(),
            format!("{head}\n{tail}"),
            format!("{head}]{tail}"),
            format!("{head}\u{0}{tail}"),
            tail.to_owned(),
        ] {
            let told = match load(&file) {
                Ok(config) => config.print() + &format!("{config:?}"),
                Err(errors) => format!("{errors} {errors:?} {}", errors.render(true)),
            };
            assert!(!told.contains("hunter"), "{file}\n---\n{told}");
        }
    }
}

#[test]
fn a_secret_whose_key_is_misspelt_is_hidden_too() {
    check(
        "[daemon]\ntokn = \"hunter\"\nsecret_for_run = \"hunter\"\n[[aws.accounts]]\nid = \"1\"\nexternalid = \"hunter\"\n",
        expect![[r#"
            error: lamplighter.toml:2: unknown key `tokn` in [daemon]
              |
            2 | tokn = ***
              | ^^^^ unknown key
            hint: did you mean `token`?

            error: lamplighter.toml:3: unknown key `secret_for_run` in [daemon]
              |
            3 | secret_for_run = ***
              | ^^^^^^^^^^^^^^ unknown key
            hint: known keys: `state_dir`, `max_runs`, `max_deliveries`, `drain_secs`, `http`, `ping_url`, `token`,
                  `limits`

            error: lamplighter.toml:4: `role` is missing in [[aws.accounts]]
              |
            4 | [[aws.accounts]]
              | ^^^^^^^^^^^^^^^^ this entry has no `role`

            error: lamplighter.toml:5: `id` in [[aws.accounts]]: `1` is no account id, it must be twelve digits
              |
            5 | id = "1"
              |      ^^^

            error: lamplighter.toml:6: unknown key `externalid` in [[aws.accounts]]
              |
            6 | externalid = ***
              | ^^^^^^^^^^ unknown key
            hint: did you mean `external_id`?
        "#]],
    );
    let environment = [
        ("LAMPLIGHTER_DAEMON__TOKN", "hunter"),
        ("LAMPLIGHTER_DEAMON__TOKEN", "hunter"),
        (
            "LAMPLIGHTER_AWS__ACCOUNTS",
            "[{ external_id = \"hunter\" }]",
        ),
    ];
    expect![[r#"
        error: environment LAMPLIGHTER_AWS__ACCOUNTS: `id` is missing in [[aws.accounts]]
         |
         | LAMPLIGHTER_AWS__ACCOUNTS=***
         |                           ^^^ this entry has no `id`

        error: environment LAMPLIGHTER_AWS__ACCOUNTS: `role` is missing in [[aws.accounts]]
         |
         | LAMPLIGHTER_AWS__ACCOUNTS=***
         |                           ^^^ this entry has no `role`

        error: environment LAMPLIGHTER_DAEMON__TOKN: unknown key `tokn` in [daemon]
         |
         | LAMPLIGHTER_DAEMON__TOKN=***
         | ^^^^^^^^^^^^^^^^^^^^^^^^ unknown key
        hint: did you mean `LAMPLIGHTER_DAEMON__TOKEN`?

        error: environment LAMPLIGHTER_DEAMON__TOKEN: unknown section [deamon]
         |
         | LAMPLIGHTER_DEAMON__TOKEN=***
         | ^^^^^^^^^^^^^^^^^^^^^^^^^ unknown section
        hint: did you mean `LAMPLIGHTER_DAEMON__TOKEN`?
    "#]]
    .assert_eq(&messages("", &environment, &[]));
}

#[test]
fn a_secret_of_the_wrong_kind_is_hidden() {
    check(
        "[daemon]\ntoken = 123456\n",
        expect![[r#"
        error: lamplighter.toml:2: `token` in [daemon] must be a string, found an integer
          |
        2 | token = ***
          |         ^^^ expected a string
        hint: put the value in quotes
    "#]],
    );
    check(
        "daemon = { token = [\"hunter\"], http = 1 }\n",
        expect![[r#"
            error: lamplighter.toml:1: `token` in [daemon] must be a string, found a list
              |
            1 | daemon = { token = ***
              |                    ^^^ expected a string

            error: lamplighter.toml:1: `http` in [daemon] must be a string, found an integer
              |
            1 | daemon = { token = ***
              |                    ^^^ expected a string
            hint: put the value in quotes
        "#]],
    );
}

#[test]
fn the_stars_of_a_print_are_not_taken_for_a_secret() {
    check(
        "[daemon]\ntoken = \"***\"\n",
        expect![[r#"
        error: lamplighter.toml:2: `token` in [daemon]: `***` only stands for a secret that is not printed
          |
        2 | token = ***
          |         ^^^
        hint: put the secret itself here
    "#]],
    );
}

#[test]
fn a_secret_with_a_line_break_is_refused_without_showing_it() {
    let environment = [("LAMPLIGHTER_DAEMON__TOKEN", "hunter\ntwo")];
    expect![[r#"
        error: environment LAMPLIGHTER_DAEMON__TOKEN: `token` in [daemon]: a secret must not contain line breaks or other control characters
    "#]].assert_eq(&messages("", &environment, &[]));
}

#[test]
fn the_caller_s_own_errors_hide_secrets_as_well() {
    let config = good("[daemon]\ntoken = \"hunter\"\n", &[], &[]);
    expect![[r#"
        error: lamplighter.toml:2: `token` in [daemon]: is weak
          |
        2 | token = ***
          |         ^^^
    "#]]
    .assert_eq(
        &(config
            .error_at("daemon", "token", "is weak", None)
            .render(false)
            + "\n"),
    );
}

#[test]
fn a_file_with_a_secret_is_not_handed_on_and_the_secret_is_not_shown() {
    let account =
        "[[aws.accounts]]\nid = \"123456789012\"\nrole = \"arn:aws:iam::123456789012:role/x\"\n";
    for (file, key) in [
        (
            "[daemon]\ntoken = \"s3cret-0\"\n".to_owned(),
            "`token` in [daemon]",
        ),
        (
            "[report]\nwebhook = \"https://example.com/s3cret-0\"\n".to_owned(),
            "`webhook` in [report]",
        ),
        (
            format!("{account}external_id = \"s3cret-0\"\n"),
            "`external_id` in [aws]",
        ),
        (
            "[daemon]\n  # token = \"s3cret-0\"\n".to_owned(),
            "in this comment",
        ),
    ] {
        let refused = good(&file, &[], &[]).refuse_secrets_in_file("be in a package");
        let text = refused.expect_err("a secret").render(false);
        assert!(
            text.contains(key) && text.contains("lamplighter.toml:"),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_file_without_a_secret_is_handed_on_whatever_the_environment_holds() {
    let file = "[daemon]\ntoken = \"\"\n# webhook = \"\"\n# external_id = \"…\"\n";
    let config = good(file, &[("LAMPLIGHTER_DAEMON__TOKEN", "s3cret-0")], &[]);
    assert!(config.refuse_secrets_in_file("be in a package").is_ok());
    assert!(
        good("", &[], &[])
            .refuse_secrets_in_file("be in a package")
            .is_ok()
    );
    // The reference of all keys shows forms, and no secret.
    assert!(
        good(crate::DEFAULT, &[], &[])
            .refuse_secrets_in_file("be in a package")
            .is_ok()
    );
    for key in [
        ("report", "webhook"),
        ("daemon", "token"),
        ("aws", "accounts"),
    ] {
        assert!(config.secret_keys().contains(&key), "{key:?}");
    }
}
