//! What goes to whom, and in which words.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use expect_test::expect;
use lamplighter_core::{
    Account, ActionOutcome, ActionRow, Delivery, DeliveryOutcome, Delta, ErrorRow, Finding, Mode,
    Resource, Run, RunOutcome, SCHEMA, Severity, Summary, Trigger, Verdict,
};

use super::news::News;
use super::{owners, short};

fn run(findings: Vec<Finding>) -> Run {
    let started_at: DateTime<Utc> = "2026-11-22T06:00:00Z".parse().expect("a time");
    Run {
        schema: SCHEMA.into(),
        run_id: "01KAN2W6Q8ZJ5V1X9C4T7M3B0D".to_owned(),
        function: "stop-untagged".into(),
        mode: Mode::Plan,
        trigger: Trigger::Schedule,
        slot: None,
        started_at,
        finished_at: started_at,
        account: Account {
            id: "111122223333".to_owned(),
            alias: None,
        },
        outcome: RunOutcome::Ok,
        would_refuse: None,
        summary: Summary {
            inspected: 9,
            fail: findings.len(),
            ..Summary::default()
        },
        coverage: vec![],
        findings,
        actions: vec![],
        skipped: vec![],
        errors: vec![],
        notes: vec![],
        measures: vec![],
        deliveries: vec![],
        metadata: serde_json::Map::new(),
        records: vec![],
        exceptions: vec![],
        delta: None,
        part: None,
        tally: Default::default(),
        digested_on: None,
    }
}

fn finding(id: &str, owner: Option<&str>) -> Finding {
    let resource = Resource {
        arn: format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}"),
        account: "111122223333".to_owned(),
        region: Some("eu-west-1".to_owned()),
    };
    let message = format!("Instance `{id}` lacks tags.");
    Finding::new("r", Severity::Medium, Verdict::Fail, &resource, message).evidence("owner", owner)
}

fn action(id: &str, outcome: ActionOutcome) -> ActionRow {
    let about = finding(id, None);
    ActionRow {
        resource: about.resource,
        account: about.account,
        region: about.region,
        action: "stop-instance".into(),
        outcome,
        reason: None,
        undo: None,
    }
}

fn names(findings: &[Finding]) -> Vec<String> {
    let names = findings
        .iter()
        .map(|finding| finding.about().name().to_owned());
    names.collect()
}

/// Two of Ann's, one of Bob's, one of nobody's, one whose owner pretends to be somebody.
fn shared() -> Run {
    let mut run = run(vec![
        finding("i-ann-1", Some("ann@example.com")),
        finding("i-bob", Some("bob@example.com")),
        finding("i-ann-2", Some("ann@EXAMPLE.com")),
        finding("i-nobody", None),
        finding("i-fake", Some("Boss <boss@example.com>")),
    ]);
    run.actions = vec![
        action("i-bob", ActionOutcome::Done),
        action("i-nobody", ActionOutcome::Done),
    ];
    run
}

#[test]
fn every_owner_hears_of_what_is_theirs_and_of_nothing_else() {
    let mut run = shared();
    run.errors.push(ErrorRow {
        scope: "111122223333/eu-west-2".to_owned(),
        message: "denied".to_owned(),
    });
    run.outcome = RunOutcome::Partial;
    run.delta = Some(Delta {
        new: vec![run.findings[1].fingerprint.clone()],
        changed: vec![run.findings[0].fingerprint.clone()],
        resolved: vec![finding("i-gone", Some("cid@example.com"))],
        ..Delta::default()
    });
    let told: Vec<String> = owners::of_each(&run)
        .iter()
        .map(|owned| {
            let delta = owned.run.delta.as_ref().expect("a delta");
            format!(
                "{} {:?}, {} actions, {} errors, {} fail of {}, new {} changed {} resolved {:?}",
                owned.address.email(),
                names(&owned.run.findings),
                owned.run.actions.len(),
                owned.run.errors.len(),
                owned.run.summary.fail,
                owned.run.summary.inspected,
                delta.new.len(),
                delta.changed.len(),
                names(&delta.resolved)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"ann@example.com ["i-ann-1", "i-ann-2"], 0 actions, 0 errors, 2 fail of 2, new 0 changed 1 resolved []"#,
            r#"bob@example.com ["i-bob"], 1 actions, 0 errors, 1 fail of 1, new 1 changed 0 resolved []"#,
            r#"cid@example.com [], 0 actions, 0 errors, 0 fail of 0, new 0 changed 0 resolved ["i-gone"]"#,
        ]
    );
}

#[test]
fn the_security_contact_gets_the_rest_with_every_action_and_a_word_about_what_is_missing() {
    let rest = owners::rest(&shared(), &BTreeSet::new());
    assert_eq!(names(&rest.findings), ["i-nobody", "i-fake"]);
    assert_eq!((rest.actions.len(), rest.summary.fail), (2, 2));
    assert_eq!(
        rest.notes,
        ["3 findings are not listed here: reports about them go to their 2 owners"]
    );
    let one = run(vec![finding("i-ann-1", Some("ann@example.com"))]);
    assert_eq!(
        owners::rest(&one, &BTreeSet::new()).notes,
        ["1 finding is not listed here: reports about it go to its owner"]
    );
}

#[test]
fn findings_of_an_owner_who_cannot_be_reached_stay_with_the_security_contact() {
    let unreached = BTreeSet::from(["ann@example.com".to_owned()]);
    let rest = owners::rest(&shared(), &unreached);
    assert_eq!(
        names(&rest.findings),
        ["i-ann-1", "i-ann-2", "i-nobody", "i-fake"]
    );
    assert_eq!(
        rest.notes,
        ["1 finding is not listed here: reports about it go to its owner"]
    );
}

#[test]
fn a_mail_keeps_certificates_that_are_fine_and_no_other_pass() {
    let pass = |id| Finding {
        verdict: Verdict::Pass,
        ..finding(id, None)
    };
    let valid = pass("valid")
        .evidence("bucket", "valid")
        .evidence("not_after", "2027-11-22T06:00:00Z");
    let run = run(vec![finding("i-1", None), pass("i-2"), valid]);
    let rest = owners::rest(&run, &BTreeSet::new());
    assert_eq!(names(&rest.findings), ["i-1", "valid"]);
    assert!(rest.notes.is_empty(), "{:?}", rest.notes);
    let listed: Vec<Finding> = owners::listed(&run).cloned().collect();
    assert_eq!(names(&listed), ["i-1", "valid"]);
}

#[test]
fn a_chat_message_escapes_what_others_wrote_and_names_what_is_new_first() {
    let mut run = run((0..14)
        .map(|number| finding(&format!("i-{number}"), None))
        .collect());
    run.findings[13].message = "<!channel> & <https://evil.example|click>\u{202e}".to_owned();
    run.findings[1].message = "x".repeat(1_000);
    run.delta = Some(Delta {
        since: Some(run.started_at),
        new: vec![run.findings[13].fingerprint.clone()],
        changed: vec![run.findings[12].fingerprint.clone()],
        ..Delta::default()
    });
    run.errors = vec![ErrorRow {
        scope: "a<b".to_owned(),
        message: "denied".to_owned(),
    }];
    let text = short::text(&run);
    let shown = text.replace(&"x".repeat(300), "(300)");
    expect![[r#"
        *[lamplighter] stop-untagged: 14 findings in account 111122223333*
        9 inspected, 14 fail
        1 new, 1 changed, 0 resolved, since 2026-11-22 06:00 UTC
        • error: a&lt;b: denied
        • NEW medium: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;\u{202e} (111122223333, eu-west-1)
        • CHANGED medium: Instance `i-12` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-0` lacks tags. (111122223333, eu-west-1)
        • medium: (300)… (111122223333, eu-west-1)
        • medium: Instance `i-2` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-3` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-4` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-5` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-6` lacks tags. (111122223333, eu-west-1)
        • medium: Instance `i-7` lacks tags. (111122223333, eu-west-1)
        and 4 more findings"#]].assert_eq(&shown);
}

#[test]
fn a_destination_hears_again_of_what_it_missed_and_the_others_do_not() {
    let mut last = run(vec![]);
    let mut now = run(vec![]);
    now.delta = Some(Delta::default());
    assert_eq!(
        News::of(&now, Some(&last)).reason_for("webhook"),
        Err("nothing changed since the last run")
    );
    last.outcome = RunOutcome::Partial;
    last.delivered(Delivery {
        destination: "webhook".to_owned(),
        outcome: DeliveryOutcome::Failed,
        reason: None,
    });
    let news = News::of(&now, Some(&last));
    assert_eq!(news.reason_for("webhook"), Ok(()));
    assert_eq!(
        news.reason_for("mail"),
        Err("nothing changed since the last run")
    );
}

#[test]
fn without_a_state_there_is_news_whenever_there_is_anything_to_say() {
    let last = run(vec![]);
    let quiet = run(vec![]);
    assert_eq!(
        News::of(&quiet, Some(&last)).reason_for("mail"),
        Err("nothing to report")
    );
    let busy = run(vec![finding("i-1", None)]);
    assert_eq!(News::of(&busy, Some(&busy)).reason_for("mail"), Ok(()));
}
