//! What is new since the last run, the weekly report, and mail to owners.

use lamplighter_local_aws::{Fault, FaultKind, World};
use serde_json::Value;

use super::stage::{config, deliveries, folder, header, stage, unfolded, untagged};
use crate::stop_untagged::stage::{ACCOUNT, Stage, world};

/// How many of each kind: new, changed, resolved, unseen.
fn counts(run: &Value) -> [usize; 4] {
    ["new", "changed", "resolved", "unseen"]
        .map(|key| run["delta"][key].as_array().map_or(usize::MAX, Vec::len))
}

fn two_regions(config: &str) -> Stage {
    let world: World = world()
        .instance(ACCOUNT, "eu-west-1", untagged("i-home"))
        .instance(ACCOUNT, "us-east-1", untagged("i-1"))
        .instance(ACCOUNT, "us-east-1", untagged("i-2"));
    let regions = "[aws]\nregions = [\"eu-west-1\", \"us-east-1\"]\n";
    Stage::of(world).whole_config(&format!("{regions}{config}"))
}

#[test]
fn a_region_that_cannot_be_read_in_between_resolves_nothing_and_brings_no_news_when_it_is_back() {
    let folder = folder();
    let stage = two_regions(&config(&folder, ""));
    let run = stage.round().code(0).json();
    assert_eq!(counts(&run), [3, 0, 0, 0]);
    assert!(run["delta"]["since"].is_null());

    let blind = Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region("us-east-1");
    stage.aws.inject(blind);
    let run = stage.round().code(4).json();
    assert_eq!(counts(&run), [0, 0, 0, 2]);

    stage.aws.clear_faults();
    stage.aws.with(|world| {
        let instance = world.instance_mut(ACCOUNT, "us-east-1", "i-2");
        let instance = instance.expect("there is such an instance");
        instance
            .tags
            .insert("cost_center".to_owned(), "4711".to_owned());
    });
    let run = stage.round().code(0).json();
    assert_eq!(counts(&run), [0, 0, 1, 0]);
    assert_eq!(
        run["delta"]["resolved"][0]["resource"],
        "arn:aws:ec2:us-east-1:123456789012:instance/i-2"
    );
}

#[test]
fn without_a_state_there_is_no_delta_and_with_one_a_dry_run_knows_it_too() {
    let stage = Stage::with([untagged("i-1")]);
    assert!(stage.round().code(0).json().get("delta").is_none());
    let folder = folder();
    let stage = self::stage([untagged("i-1")], &config(&folder, ""));
    stage.round().code(0);
    let before = stage.changing().len();
    let dry = stage.lamplighter(["run", "stop-untagged", "--dry-run", "--format", "json"]);
    assert_eq!(counts(&dry.code(0).json()), [0, 0, 0, 0]);
    assert_eq!(stage.changing().len(), before);
}

#[test]
fn a_mail_is_sent_when_something_changed_and_marks_it() {
    let folder = folder();
    let stage = stage([untagged("i-1")], &config(&folder, ""));
    stage.round().code(0);
    assert_eq!(stage.aws.mails().len(), 1);
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run), ["mail suppressed"]);
    stage.aws.with(|world| {
        world.add_instance(ACCOUNT, "eu-west-1", untagged("i-2"));
    });
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run), ["mail delivered"]);
    let text = unfolded(&stage.aws.mails()[1]);
    assert!(
        text.contains("instance/i-2  missing-required-tags  NEW"),
        "{text}"
    );
    assert!(
        !text.contains("instance/i-1  missing-required-tags  NEW"),
        "{text}"
    );
    assert!(text.contains("1 new"), "{text}");
    assert!(
        text.contains("Content-Type: text/csv") && text.contains("stop-untagged-2026-11-16.csv"),
        "{text}"
    );
}

#[test]
fn the_weekly_report_comes_on_or_after_its_day_even_when_nothing_changed() {
    let folder = folder();
    // The stage opens on Monday, the 16th of November.
    let stage = stage([], &config(&folder, "digest_day = \"wed\""));
    let run = stage.round().code(0).json();
    assert_eq!(
        deliveries(&run),
        ["mail delivered"],
        "the first one shows that mails arrive"
    );
    for (hours, expected) in [
        (24, 1),
        (24, 2),
        (24, 2),
        (6 * 24, 3),
        (6 * 24, 3),
        (3 * 24, 4),
    ] {
        stage.hours_pass(hours);
        stage.round().code(0);
        assert_eq!(stage.aws.mails().len(), expected, "at {}", stage.aws.now());
    }
    let mail = &stage.aws.mails()[1];
    assert!(
        header(mail, "Subject").contains("(weekly_report)"),
        "{}",
        header(mail, "Subject")
    );
    let text = unfolded(mail);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("heartbeat: `stop-untagged` runs")
            && text.contains("if none comes on or after Wednesday 2026-11-25"),
        "{text}"
    );
}

#[test]
fn a_weekly_report_that_was_not_sent_is_still_due() {
    let folder = folder();
    let stage = stage([], &config(&folder, ""));
    stage
        .aws
        .inject(Fault::new("ses:SendEmail", FaultKind::Denied).first(1));
    let run = stage.round().code(4).json();
    assert_eq!(deliveries(&run), ["mail failed"]);
    assert!(run["digested_on"].is_null());
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run), ["mail delivered"]);
    assert_eq!(run["digested_on"], "2026-11-16");
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run), ["mail suppressed"]);
}

#[test]
fn without_a_digest_day_nothing_is_sent_where_nothing_is_found() {
    let folder = folder();
    let stage = stage([], &config(&folder, "digest_day = \"\""));
    stage.round().code(0);
    stage.hours_pass(24 * 30);
    stage.round().code(0);
    assert!(stage.aws.mails().is_empty());
}

#[test]
fn owners_get_one_message_each_and_the_security_contact_the_rest() {
    let folder = folder();
    let stage = stage(
        [
            untagged("i-ann-1").tag("owner", "ann@example.com"),
            untagged("i-ann-2").tag("owner", "ann@example.com"),
            untagged("i-bob").tag("owner", "bob@example.com"),
            untagged("i-nobody"),
        ],
        &config(&folder, "to_owners = true\ndigest_day = \"\""),
    );
    let run = stage.round().code(0).json();
    assert_eq!(
        deliveries(&run),
        ["mail to owners delivered", "mail delivered"]
    );
    let mails = stage.aws.mails();
    let told: Vec<(String, Vec<&str>)> = mails
        .iter()
        .map(|mail| {
            let text = unfolded(mail);
            let named = ["i-ann-1", "i-ann-2", "i-bob", "i-nobody"];
            let named = named
                .into_iter()
                .filter(|id| text.contains(&format!("instance/{id}  missing-")));
            (mail.to.join(" "), named.collect())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ann@example.com".to_owned(), vec!["i-ann-1", "i-ann-2"]),
            ("bob@example.com".to_owned(), vec!["i-bob"]),
            ("security@example.com".to_owned(), vec!["i-nobody"]),
        ]
    );
    assert!(unfolded(&mails[2]).contains("3 findings are not listed here"));
    let mut ids: Vec<String> = mails
        .iter()
        .map(|mail| header(mail, "Message-ID"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    for mail in &mails {
        assert_eq!(header(mail, "List-Id"), "<stop-untagged.lamplighter>");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
    }

    // Only Bob has news.
    stage.edit("i-bob", |instance| {
        instance
            .tags
            .insert("cost_center".to_owned(), "1".to_owned());
    });
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run)[0], "mail to owners delivered");
    let later = &stage.aws.mails()[3..];
    let to: Vec<String> = later.iter().map(|mail| mail.to.join(" ")).collect();
    assert!(
        to.contains(&"bob@example.com".to_owned()) && !to.contains(&"ann@example.com".to_owned()),
        "{to:?}"
    );
    assert!(unfolded(&later[0]).contains("RESOLVED (1)"));
}

#[test]
fn what_an_owner_could_not_be_told_goes_to_the_security_contact() {
    let folder = folder();
    let stage = stage(
        [untagged("i-ann").tag("owner", "ann@example.com")],
        &config(&folder, "to_owners = true"),
    );
    stage
        .aws
        .inject(Fault::new("ses:SendEmail", FaultKind::Denied).first(1));
    let run = stage.round().code(4).json();
    assert_eq!(
        deliveries(&run),
        ["mail to owners failed", "mail delivered"]
    );
    let mails = stage.aws.mails();
    assert_eq!(mails[0].to, ["security@example.com"]);
    assert!(unfolded(&mails[0]).contains("instance/i-ann "));
    // It is tried again, though nothing changed.
    let run = stage.round().code(0).json();
    assert_eq!(deliveries(&run)[0], "mail to owners delivered");
    assert_eq!(stage.aws.mails()[1].to, ["ann@example.com"]);
}

#[test]
fn a_report_of_five_thousand_findings_fits_into_a_mail_that_can_be_read() {
    let instances = (0..5_000).map(|number| untagged(&format!("i-{number:05}")));
    let stage = stage(
        instances,
        "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\n",
    );
    stage.round().code(0);
    let mails = stage.aws.mails();
    assert_eq!(mails.len(), 1);
    let text = mails[0].text();
    assert!(text.len() < 10_000_000, "{}", text.len());
    let readable = text
        .split("Content-Type: text/csv")
        .next()
        .unwrap_or_default();
    assert!(readable.len() < 400_000, "{}", readable.len());
    assert!(unfolded(&mails[0]).contains("more in the attached CSV"));
}
