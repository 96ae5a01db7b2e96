//! Mistakes in `[[aws.accounts]]`.

use expect_test::expect;

use super::check;

#[test]
fn entries_of_accounts_are_told_apart_by_their_lines() {
    check(
        r#"[aws]

[[aws.accounts]]
id = "123456789012"
role = "arn:aws:iam::123456789012:role/lamplighter"

[[aws.accounts]]
id = "123"
role = "lamplighter"
external = "x"

[[aws.accounts]]
role = "arn:aws:iam::210987654321:role/lamplighter"
regions = ["eu"]

[[aws.accounts]]
id = "123456789012"
role = "arn:aws:iam::210987654321:role/lamplighter"
regions = "eu-west-1"
"#,
        expect![[r#"
            error: lamplighter.toml:8: `id` in [[aws.accounts]]: `123` is no account id, it must be twelve digits
              |
            8 | id = "123"
              |      ^^^^^

            error: lamplighter.toml:9: `role` in [[aws.accounts]]: `lamplighter` is no ARN of an IAM role
              |
            9 | role = "lamplighter"
              |        ^^^^^^^^^^^^^
            hint: write it like "arn:aws:iam::123456789012:role/lamplighter"

            error: lamplighter.toml:10: unknown key `external` in [[aws.accounts]]
               |
            10 | external = ***
               | ^^^^^^^^ unknown key
            hint: did you mean `external_id`?

            error: lamplighter.toml:12: `id` is missing in [[aws.accounts]]
               |
            12 | [[aws.accounts]]
               | ^^^^^^^^^^^^^^^^ this entry has no `id`

            error: lamplighter.toml:14: `regions` in [[aws.accounts]]: `eu` is no region
               |
            14 | regions = ["eu"]
               |            ^^^^
            hint: write it like "eu-west-1"

            error: lamplighter.toml:17: `id` in [[aws.accounts]]: account `123456789012` has an entry already
               |
            17 | id = "123456789012"
               |      ^^^^^^^^^^^^^^

            error: lamplighter.toml:18: `role` in [[aws.accounts]]: a role of account `210987654321`, but the entry's `id` is `123456789012`
               |
            18 | role = "arn:aws:iam::210987654321:role/lamplighter"
               |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: lamplighter.toml:19: `regions` in [[aws.accounts]] must be a list of strings, found a string
               |
            19 | regions = "eu-west-1"
               |           ^^^^^^^^^^^ expected a list of strings
            hint: put it in brackets: `regions = ["…"]`
        "#]],
    );
}

#[test]
fn a_single_table_for_the_accounts_is_shown_the_double_brackets() {
    check(
        "[aws.accounts]\nid = \"123456789012\"\n",
        expect![[r#"
        error: lamplighter.toml:1: `accounts` in [aws] must be a list of tables, found a table
          |
        1 | [aws.accounts]
          | ^^^^^^^^^^^^^^ expected a list of tables
        hint: write `[[aws.accounts]]`, with double brackets
    "#]],
    );
    check(
        "[aws]\naccounts = [\"123456789012\"]\n",
        expect![[r#"
        error: lamplighter.toml:2: an entry of `accounts` in [aws] must be a table, found a string
          |
        2 | accounts = ["123456789012"]
          |             ^^^^^^^^^^^^^^ expected a table
    "#]],
    );
}
