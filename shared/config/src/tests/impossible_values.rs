//! Values of the right kind that cannot be.

use expect_test::expect;

use super::{check, good};

#[test]
fn numbers_out_of_their_range() {
    check(
        r#"[stop-untagged]
memory_mb = 127
timeout_secs = 901
missed_grace_minutes = 0
spread_minutes = 1441
retries = -1
grace_hours = 8761
min_age_hours = -9223372036854775808
max_percent = 101
max_untagged_jump_percent = 4294967296
"#,
        expect![[r#"
            error: lamplighter.toml:2: `memory_mb` in [stop-untagged]: 127 is out of range, it must be 128 to 10240
              |
            2 | memory_mb = 127
              |             ^^^

            error: lamplighter.toml:3: `timeout_secs` in [stop-untagged]: 901 is out of range, it must be 1 to 900
              |
            3 | timeout_secs = 901
              |                ^^^

            error: lamplighter.toml:4: `missed_grace_minutes` in [stop-untagged]: 0 is out of range, it must be 1 to 1440
              |
            4 | missed_grace_minutes = 0
              |                        ^

            error: lamplighter.toml:5: `spread_minutes` in [stop-untagged]: 1441 is out of range, it must be 0 to 1440
              |
            5 | spread_minutes = 1441
              |                  ^^^^

            error: lamplighter.toml:6: `retries` in [stop-untagged]: -1 is out of range, it must be 0 to 185
              |
            6 | retries = -1
              |           ^^

            error: lamplighter.toml:7: `grace_hours` in [stop-untagged]: 8761 is out of range, it must be 0 to 8760
              |
            7 | grace_hours = 8761
              |               ^^^^

            error: lamplighter.toml:8: `min_age_hours` in [stop-untagged]: -9223372036854775808 is out of range, it must be 0 to 8760
              |
            8 | min_age_hours = -9223372036854775808
              |                 ^^^^^^^^^^^^^^^^^^^^

            error: lamplighter.toml:9: `max_percent` in [stop-untagged]: 101 is out of range, it must be 0 to 100
              |
            9 | max_percent = 101
              |               ^^^

            error: lamplighter.toml:10: `max_untagged_jump_percent` in [stop-untagged]: 4294967296 is out of range, it must be 0 to 100
               |
            10 | max_untagged_jump_percent = 4294967296
               |                             ^^^^^^^^^^
        "#]],
    );
}

#[test]
fn numbers_at_the_ends_of_their_range_are_taken() {
    for numbers in [
        "memory_mb = 128\ntimeout_secs = 1\ngrace_hours = 0\nmax_percent = 0\nmax_actions = 0\nretries = 0\n",
        "memory_mb = 10240\ntimeout_secs = 900\ngrace_hours = 8760\nmax_percent = 100\nretries = 185\n",
    ] {
        good(&format!("[stop-untagged]\n{numbers}"), &[], &[]);
    }
}

#[test]
fn names_that_are_none_of_the_known() {
    check(
        r#"[report]
mail = "sometimes"
[stop-untagged]
mode = "dry-run"
missed = "ones"
overlap = "queue_one"
action = "Stop"
mail = ""
work_days = ["mon", "Tuesday", "su"]
"#,
        expect![[r#"
            error: lamplighter.toml:2: `mail` in [report]: `sometimes` is none of "changes", "always", "never"
              |
            2 | mail = "sometimes"
              |        ^^^^^^^^^^^

            error: lamplighter.toml:4: `mode` in [stop-untagged]: `dry-run` is none of "plan", "apply"
              |
            4 | mode = "dry-run"
              |        ^^^^^^^^^

            error: lamplighter.toml:5: `missed` in [stop-untagged]: `ones` is none of "once", "skip", "all"
              |
            5 | missed = "ones"
              |          ^^^^^^

            error: lamplighter.toml:6: `overlap` in [stop-untagged]: `queue_one` is none of "skip", "queue-one", "replace", "allow"
              |
            6 | overlap = "queue_one"
              |           ^^^^^^^^^^^
            hint: did you mean "queue-one"?

            error: lamplighter.toml:7: `action` in [stop-untagged]: `Stop` is none of "stop", "terminate"
              |
            7 | action = "Stop"
              |          ^^^^^^
            hint: did you mean "stop"?

            error: lamplighter.toml:8: `mail` in [stop-untagged]: the empty string is none of "changes", "always", "never"
              |
            8 | mail = ""
              |        ^^

            error: lamplighter.toml:9: `work_days` in [stop-untagged]: `Tuesday` is none of "mon", "tue", "wed", "thu", "fri", "sat", "sun"
              |
            9 | work_days = ["mon", "Tuesday", "su"]
              |                     ^^^^^^^^^
            hint: did you mean "tue"?

            error: lamplighter.toml:9: `work_days` in [stop-untagged]: `su` is none of "mon", "tue", "wed", "thu", "fri", "sat", "sun"
              |
            9 | work_days = ["mon", "Tuesday", "su"]
              |                                ^^^^
            hint: did you mean "sun"?
        "#]],
    );
}

#[test]
fn places_and_roles() {
    check(
        r#"[aws]
regions = ["all", "eu-west-1a", "EU-WEST-1", "Frankfurt"]
[state]
url = "s3://My_Bucket/x"
[stop-untagged]
role = "lamplighter"
[daemon]
http = "localhost:9464"
state_dir = ""
"#,
        expect![[r#"
            error: lamplighter.toml:2: `regions` in [aws]: `eu-west-1a` is no region
              |
            2 | regions = ["all", "eu-west-1a", "EU-WEST-1", "Frankfurt"]
              |                   ^^^^^^^^^^^^
            hint: that is an availability zone; its region is "eu-west-1"

            error: lamplighter.toml:2: `regions` in [aws]: `EU-WEST-1` is no region
              |
            2 | regions = ["all", "eu-west-1a", "EU-WEST-1", "Frankfurt"]
              |                                 ^^^^^^^^^^^
            hint: write it like "eu-west-1"

            error: lamplighter.toml:2: `regions` in [aws]: `Frankfurt` is no region
              |
            2 | regions = ["all", "eu-west-1a", "EU-WEST-1", "Frankfurt"]
              |                                              ^^^^^^^^^^^
            hint: write it like "eu-west-1"

            error: lamplighter.toml:4: `url` in [state]: `My_Bucket` is no name of a bucket
              |
            4 | url = "s3://My_Bucket/x"
              |       ^^^^^^^^^^^^^^^^^^
            hint: write "s3://bucket/prefix" or "file:///folder"

            error: lamplighter.toml:6: `role` in [stop-untagged]: `lamplighter` is no ARN of an IAM role
              |
            6 | role = "lamplighter"
              |        ^^^^^^^^^^^^^
            hint: write it like "arn:aws:iam::123456789012:role/lamplighter"

            error: lamplighter.toml:8: `http` in [daemon]: `localhost:9464` is no IP address with a port
              |
            8 | http = "localhost:9464"
              |        ^^^^^^^^^^^^^^^^
            hint: write it like "127.0.0.1:9464" or "[::1]:9464"

            error: lamplighter.toml:9: `state_dir` in [daemon]: the empty string is no folder
              |
            9 | state_dir = ""
              |             ^^
        "#]],
    );
    check(
        "[aws]\nregions = [\"all\", \"eu-west-1\"]\n",
        expect![[r#"
        error: lamplighter.toml:2: `regions` in [aws]: "all" stands alone, without names beside it
          |
        2 | regions = ["all", "eu-west-1"]
          |           ^^^^^^^^^^^^^^^^^^^^
        hint: write ["all"], or only the names
    "#]],
    );
    for url in [
        "state",
        "file://state",
        "s3://",
        "http://example.com",
        "s3://bucket/a\\nb",
    ] {
        let file = format!("[state]\nurl = \"{url}\"\n");
        assert!(super::load(&file).is_err(), "{url}");
    }
}

#[test]
fn regions_of_every_partition_are_taken() {
    let file = "[aws]\nregions = [\"eu-west-1\", \"us-gov-west-1\", \"cn-north-1\", \"us-iso-east-1\", \"eusc-de-east-1\"]\n";
    assert_eq!(good(file, &[], &[]).aws.regions.len(), 5);
}

#[test]
fn zones_and_hours() {
    check(
        r#"[stop-untagged]
zone = "Europe/Berln"
work_hours_zone = "CEST!"
work_hours = "17:00-09:00"
schedule = " "
"#,
        expect![[r#"
            error: lamplighter.toml:2: `zone` in [stop-untagged]: `Europe/Berln` is no time zone of the IANA list
              |
            2 | zone = "Europe/Berln"
              |        ^^^^^^^^^^^^^^
            hint: did you mean "Europe/Berlin"?

            error: lamplighter.toml:3: `work_hours_zone` in [stop-untagged]: `CEST!` is no time zone of the IANA list
              |
            3 | work_hours_zone = "CEST!"
              |                   ^^^^^^^
            hint: did you mean "EST"?

            error: lamplighter.toml:4: `work_hours` in [stop-untagged]: `17:00-09:00` ends before it begins
              |
            4 | work_hours = "17:00-09:00"
              |              ^^^^^^^^^^^^^
            hint: work hours are of one day, at most "00:00-24:00"

            error: lamplighter.toml:5: `schedule` in [stop-untagged]: a schedule must not be empty
              |
            5 | schedule = " "
              |            ^^^
            hint: write it like "rate(1 hour)"
        "#]],
    );
    for hours in [
        "9-17",
        "09:00",
        "09:60-10:00",
        "09:00-24:01",
        "+9:00-17:00",
        "09:00-09:00",
    ] {
        let file = format!("[stop-untagged]\nwork_hours = \"{hours}\"\n");
        assert!(super::load(&file).is_err(), "{hours}");
    }
}

#[test]
fn work_hours_without_a_day_would_never_come() {
    check(
        "[stop-untagged]\nwork_hours = \"09:00-17:00\"\nwork_days = []\n",
        expect![[r#"
            error: lamplighter.toml:3: `work_days` in [stop-untagged]: without a day, `work_hours` never come and nothing is stopped
              |
            3 | work_days = []
              |             ^^
            hint: name the days, or empty `work_hours`
        "#]],
    );
    good("[stop-untagged]\nwork_days = []\n", &[], &[]);
}

#[test]
fn work_hours_hold_from_their_first_minute_to_before_their_last() {
    let config = good("[stop-untagged]\nwork_hours = \"09:00-17:00\"\n", &[], &[]);
    let hours = config.stop_untagged.work_hours.expect("hours");
    let at = |hour, minute| {
        chrono::NaiveTime::from_hms_opt(hour, minute, 59).is_some_and(|time| hours.contains(time))
    };
    assert_eq!(
        [at(8, 59), at(9, 0), at(16, 59), at(17, 0)],
        [false, true, true, false]
    );
    let config = good("[stop-untagged]\nwork_hours = \"00:00-24:00\"\n", &[], &[]);
    let hours = config.stop_untagged.work_hours.expect("hours");
    assert_eq!((hours.from_minute, hours.until_minute), (0, 1440));
}

#[test]
fn tags_and_patterns() {
    check(
        r#"[stop-untagged]
required_tags = ["AWS:createdBy", "", "owner"]
allowed_values = { owner = "[a-z", stage = "a)(b", "" = "x" }
exempt_tags = ["a\nb"]
owner_domains = ["@example.com", "ops@example.com", "exa mple"]
"#,
        expect![[r#"
            error: lamplighter.toml:2: `required_tags` in [stop-untagged]: `AWS:createdBy` cannot be required: only AWS sets `aws:` tags
              |
            2 | required_tags = ["AWS:createdBy", "", "owner"]
              |                  ^^^^^^^^^^^^^^^

            error: lamplighter.toml:2: `required_tags` in [stop-untagged]: a tag key must not be empty
              |
            2 | required_tags = ["AWS:createdBy", "", "owner"]
              |                                   ^^

            error: lamplighter.toml:3: `allowed_values` in [stop-untagged]: `[a-z` is no regular expression: found unclosed character class
              |
            3 | allowed_values = { owner = "[a-z", stage = "a)(b", "" = "x" }
              |                            ^^^^^^

            error: lamplighter.toml:3: `allowed_values` in [stop-untagged]: `a)(b` is no regular expression: found closing ')' without matching '('
              |
            3 | allowed_values = { owner = "[a-z", stage = "a)(b", "" = "x" }
              |                                            ^^^^^^

            error: lamplighter.toml:3: `allowed_values` in [stop-untagged]: a tag key must not be empty
              |
            3 | allowed_values = { owner = "[a-z", stage = "a)(b", "" = "x" }
              |                                                         ^^^

            error: lamplighter.toml:4: `exempt_tags` in [stop-untagged]: `a�b` contains a line break or another control character
              |
            4 | exempt_tags = ["a\nb"]
              |                ^^^^^^

            error: lamplighter.toml:5: `owner_domains` in [stop-untagged]: `@example.com` is no domain
              |
            5 | owner_domains = ["@example.com", "ops@example.com", "exa mple"]
              |                  ^^^^^^^^^^^^^^
            hint: write "example.com", without what stands before it

            error: lamplighter.toml:5: `owner_domains` in [stop-untagged]: `ops@example.com` is no domain
              |
            5 | owner_domains = ["@example.com", "ops@example.com", "exa mple"]
              |                                  ^^^^^^^^^^^^^^^^^
            hint: write "example.com", without what stands before it

            error: lamplighter.toml:5: `owner_domains` in [stop-untagged]: `exa mple` is no domain
              |
            5 | owner_domains = ["@example.com", "ops@example.com", "exa mple"]
              |                                                     ^^^^^^^^^^
        "#]],
    );
    check(
        "[stop-untagged]\nrequired_tags = []\n",
        expect![[r#"
        error: lamplighter.toml:2: `required_tags` in [stop-untagged]: without a required tag there is nothing to look for
          |
        2 | required_tags = []
          |                 ^^
        hint: name at least one tag
    "#]],
    );
}

#[test]
fn addresses() {
    check(
        r#"[report]
from = "Lamplighter"
to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
[stop-untagged]
to = ["platform"]
"#,
        expect![[r#"
            error: lamplighter.toml:2: `from` in [report]: `Lamplighter` is no mail address
              |
            2 | from = "Lamplighter"
              |        ^^^^^^^^^^^^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"

            error: lamplighter.toml:3: `to` in [report]: `a@example.com, b@example.com` is no mail address
              |
            3 | to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: one address per entry: ["a@example.com", "b@example.com"]

            error: lamplighter.toml:3: `to` in [report]: `a@example.com��Bcc: x@example.com` contains a line break or another control character
              |
            3 | to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
              |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: lamplighter.toml:3: `to` in [report]: the empty string is no mail address
              |
            3 | to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
              |                                                                              ^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"

            error: lamplighter.toml:3: `to` in [report]: `<a@b` is no mail address
              |
            3 | to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
              |                                                                                  ^^^^^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"

            error: lamplighter.toml:3: `to` in [report]: `jürgen@example.com` is no mail address
              |
            3 | to = ["a@example.com, b@example.com", "a@example.com\r\nBcc: x@example.com", "", "<a@b", "jürgen@example.com"]
              |                                                                                          ^^^^^^^^^^^^^^^^^^^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"

            error: lamplighter.toml:5: `to` in [stop-untagged]: `platform` is no mail address
              |
            5 | to = ["platform"]
              |       ^^^^^^^^^^
            hint: write "ops@example.com" or "Ops <ops@example.com>"
        "#]],
    );
    for address in [
        "a@b",
        "a.b+c@example.com",
        "Ann <a@b>",
        "Jürgen Müller <j@example.com>",
        "<a@b>",
    ] {
        good(&format!("[report]\nto = [\"{address}\"]\n"), &[], &[]);
    }
}
