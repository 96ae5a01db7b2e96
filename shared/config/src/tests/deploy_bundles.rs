//! `[deploy-bundles]`, and the keys of every event function.

use expect_test::expect;

use super::{check, good, messages};
use crate::{FileExistsBehavior, RollbackEvent};

const STATE: &str = "[state]\nurl = \"s3://acme/state\"\n";

#[test]
fn sources_and_queues_are_taken_apart() {
    let config = good(
        "[deploy-bundles]\nmode = \"plan\"\nsources = [\"s3://releases/in/\", \"s3://other\"]\n\
         queues = [\"https://sqs.eu-west-1.amazonaws.com/123456789012/in\", \"http://127.0.0.1:4566/123456789012/b.fifo\"]\n",
        &[],
        &[],
    );
    let intake = config
        .intake("deploy-bundles")
        .expect("it is an event function");
    let sources: Vec<String> = intake.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["s3://releases/in/", "s3://other/"]);
    assert!(intake.holds("releases", "in/a") && intake.holds("other", "a"));
    assert!(!intake.holds("releases", "inn") && !intake.holds("release", "in/a"));
    let queues = intake.queues.iter();
    let queues: Vec<_> = queues
        .map(|queue| (queue.region.as_deref(), queue.name.as_str()))
        .collect();
    assert_eq!(queues, [(Some("eu-west-1"), "in"), (None, "b.fifo")]);
    assert!(
        config.intake("stop-untagged").is_none(),
        "it takes no events"
    );
}

#[test]
fn a_source_or_queue_that_is_none_or_named_twice_is_refused() {
    check(
        "[deploy-bundles]\nmode = \"plan\"\n\
         sources = [\"releases/in\", \"s3://Releases\", \"s3://r-1/*.zip\", \"s3://r-1/in/\", \"s3://r-1/in/a\"]\n\
         queues = [\"arn:aws:sqs:eu-west-1:123456789012:q\", \"https://sqs.eu-west-1.amazonaws.com/q\", \
         \"https://sqs.eu-west-1.amazonaws.com/123456789012/q\", \"https://sqs.eu-west-1.amazonaws.com/123456789012/q\"]\n",
        expect![[r#"
            error: lamplighter.toml:3: `sources` in [deploy-bundles]: `s3://r-1/in/a` and `s3://r-1/in/` hold the same objects
              |
            3 | sources = ["releases/in", "s3://Releases", "s3://r-1/*.zip", "s3://r-1/in/", "s3://r-1/in/a"]
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: keep the wider one

            error: lamplighter.toml:3: `sources` in [deploy-bundles]: `releases/in` is no place in S3
              |
            3 | sources = ["releases/in", "s3://Releases", "s3://r-1/*.zip", "s3://r-1/in/", "s3://r-1/in/a"]
              |            ^^^^^^^^^^^^^
            hint: write "s3://bucket/prefix/", or "s3://bucket" for all of it

            error: lamplighter.toml:3: `sources` in [deploy-bundles]: `Releases` is no name of a bucket
              |
            3 | sources = ["releases/in", "s3://Releases", "s3://r-1/*.zip", "s3://r-1/in/", "s3://r-1/in/a"]
              |                           ^^^^^^^^^^^^^^^
            hint: write "s3://bucket/prefix/", or "s3://bucket" for all of it

            error: lamplighter.toml:3: `sources` in [deploy-bundles]: `s3://r-1/*.zip` holds a wildcard, which S3 takes to the letter
              |
            3 | sources = ["releases/in", "s3://Releases", "s3://r-1/*.zip", "s3://r-1/in/", "s3://r-1/in/a"]
              |                                            ^^^^^^^^^^^^^^^^
            hint: write only what the keys begin with

            error: lamplighter.toml:4: `queues` in [deploy-bundles]: `https://sqs.eu-west-1.amazonaws.com/123456789012/q` is listed twice
              |
            4 | ... = ["arn:aws:sqs:eu-west-1:123456789012:q", "https://sqs.eu-west-1.amazonaws.com/q", "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"]
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: lamplighter.toml:4: `queues` in [deploy-bundles]: `arn:aws:sqs:eu-west-1:123456789012:q` is an ARN
              |
            4 | queues = ["arn:aws:sqs:eu-west-1:123456789012:q", "https://sqs.eu-west-1.amazonaws.com/q", "https://sqs.eu-west-1.amazonaws.com/12345...
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: write the queue's URL: `aws sqs get-queue-url --queue-name …` tells it

            error: lamplighter.toml:4: `queues` in [deploy-bundles]: `https://sqs.eu-west-1.amazonaws.com/q` is no URL of a queue
              |
            4 | queues = ["arn:aws:sqs:eu-west-1:123456789012:q", "https://sqs.eu-west-1.amazonaws.com/q", "https://sqs.eu-west-1.amazonaws.com/12345...
              |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: write it like "https://sqs.eu-west-1.amazonaws.com/123456789012/name"
        "#]],
    );
}

#[test]
fn apply_mode_needs_a_place_for_what_waits_and_defaults_alone_do_not() {
    check(
        "[deploy-bundles]\nsources = [\"s3://releases/in/\"]\n",
        expect![[r#"
            error: lamplighter.toml:2: [deploy-bundles] in apply mode needs `url` in [state]: a bundle for a busy deployment group has to wait somewhere
              |
            2 | sources = ["s3://releases/in/"]
              |           ^^^^^^^^^^^^^^^^^^^^^
            hint: set `url` in [state] to "s3://bucket/prefix", or `mode = "plan"`
        "#]],
    );
    for file in [
        "[deploy-bundles]\nmode = \"plan\"\nsources = [\"s3://releases/in/\"]\n".to_owned(),
        "[deploy-bundles]\n".to_owned(),
        format!("{STATE}[deploy-bundles]\nsources = [\"s3://releases/in/\"]\n"),
    ] {
        assert_eq!(messages(&file, &[], &[]), "accepted\n", "{file}");
    }
    // A place that is misspelt is one mistake, not two.
    let file = "[state]\nurl = \"acme\"\n[deploy-bundles]\nsources = [\"s3://releases/in/\"]\n";
    let told = messages(file, &[], &[]);
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
}

#[test]
fn a_route_takes_its_options_from_the_section_where_it_has_none() {
    let config = good(
        &format!(
            "{STATE}[deploy-bundles]\nauto_rollback = [\"failure\", \"alarm\"]\nfile_exists_behavior = \"retain\"\n\
             groups = {{ \"releases/a/\" = \"one/x\", \"releases/a/b/\" = \"two/y/z\" }}\n\
             [[deploy-bundles.routes]]\nbucket = \"releases\"\nkey = \"apps/{{application}}/{{bundle}}\"\ngroup = \"live\"\n\
             file_exists_behavior = \"overwrite\"\nignore_application_stop_failures = true\n"
        ),
        &[],
        &[],
    );
    let section = &config.deploy_bundles;
    let options = section.routes[0].options.or(&section.options);
    assert_eq!(
        options.file_exists_behavior,
        Some(FileExistsBehavior::Overwrite)
    );
    assert_eq!(
        options.auto_rollback,
        Some(vec![RollbackEvent::Failure, RollbackEvent::Alarm])
    );
    assert_eq!(options.ignore_application_stop_failures, Some(true));
    assert_eq!(options.update_outdated_instances_only, None);
    // The longest first; a group's name may hold a slash.
    let groups = section.groups.iter();
    let groups: Vec<_> = groups
        .map(|(place, group)| format!("{place} {} {}", group.application, group.group))
        .collect();
    assert_eq!(groups, ["releases/a/b/ two y/z", "releases/a/ one x"]);
}

#[test]
fn a_route_that_cannot_be_is_refused_with_the_reason() {
    let long = "x".repeat(101);
    check(
        &format!(
            "{STATE}[deploy-bundles]\ngroups = {{ \"releases/\" = \"shop\" }}\nfile_exists_behavior = \"replace\"\n\
             [[deploy-bundles.routes]]\nbucket = \"Releases\"\nkey = \"apps/{{app}}/{{bundle}}\"\n\
             [[deploy-bundles.routes]]\nbucket = \"releases\"\nkey = \"{{application}}/{{bundle}}\"\napplication = \"shop\"\n\
             group = \"{long}\"\nregion = \"eu-west-1a\"\nauto_rollback = [\"never\"]\n\
             [[deploy-bundles.routes]]\nbucket = \"releases\"\nignore_application_stop_failures = \"yes\"\n"
        ),
        expect![[r#"
            error: lamplighter.toml:4: `groups` in [deploy-bundles]: `shop` names no deployment group
              |
            4 | groups = { "releases/" = "shop" }
              |                          ^^^^^^
            hint: write it like "application/group"

            error: lamplighter.toml:5: `file_exists_behavior` in [deploy-bundles]: `replace` is none of "disallow", "overwrite", "retain"
              |
            5 | file_exists_behavior = "replace"
              |                        ^^^^^^^^^

            error: lamplighter.toml:7: `bucket` in [[deploy-bundles.routes]]: `Releases` is no name of a bucket
              |
            7 | bucket = "Releases"
              |          ^^^^^^^^^^

            error: lamplighter.toml:8: `key` in [[deploy-bundles.routes]]: `apps/{app}/{bundle}` holds the unknown `{app}`
              |
            8 | key = "apps/{app}/{bundle}"
              |       ^^^^^^^^^^^^^^^^^^^^^
            hint: known placeholders: `{application}`, `{group}`, `{bundle}`

            error: lamplighter.toml:12: `application` in [[deploy-bundles.routes]]: the template of `key` names the application already
               |
            12 | application = "shop"
               |               ^^^^^^
            hint: leave one out: `application`, or `{application}` in `key`

            error: lamplighter.toml:13: `group` in [[deploy-bundles.routes]]: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is longer than 100 characters
               |
            13 | group = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
               |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: lamplighter.toml:14: `region` in [[deploy-bundles.routes]]: `eu-west-1a` is no region
               |
            14 | region = "eu-west-1a"
               |          ^^^^^^^^^^^^
            hint: that is an availability zone; its region is "eu-west-1"

            error: lamplighter.toml:15: `auto_rollback` in [[deploy-bundles.routes]]: `never` is none of "failure", "alarm", "stop"
               |
            15 | auto_rollback = ["never"]
               |                  ^^^^^^^

            error: lamplighter.toml:16: `key` is missing in [[deploy-bundles.routes]]
               |
            16 | [[deploy-bundles.routes]]
               | ^^^^^^^^^^^^^^^^^^^^^^^^^ this entry has no `key`

            error: lamplighter.toml:18: `ignore_application_stop_failures` in [[deploy-bundles.routes]] must be `true` or `false`, found a string
               |
            18 | ignore_application_stop_failures = "yes"
               |                                    ^^^^^ expected `true` or `false`
        "#]],
    );
}
