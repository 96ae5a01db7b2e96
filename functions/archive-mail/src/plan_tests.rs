//! What is decided about a record, one case and one expected text each.

use chrono::{DateTime, NaiveDate, Utc};
use expect_test::{Expect, expect};
use lamplighter_config::Treatment;
use lamplighter_core::{Action as _, Decision};
use lamplighter_events::{Verdict, Verdicts};

use crate::action::Action;
use crate::address::Known;
use crate::dissect::Limits;
use crate::mail::{Archived, Day, Input, Inventory, Letter, Seen, Sighting, Suspect};
use crate::plan::{ENCRYPTED, plan};
use crate::policy::{Policy, Sender};
use crate::rules::{Forward, Links, Rules};

fn now() -> DateTime<Utc> {
    "2026-11-22T06:00:00Z".parse().expect("a time")
}

fn rules() -> Rules {
    Rules {
        archive_bucket: Some("archive".to_owned()),
        archive_prefix: "mail/".to_owned(),
        sources: vec![],
        recipients: vec![],
        policy: Policy {
            allow_senders: vec![],
            on_spam: Treatment::Quarantine,
            on_virus: Treatment::StopRuleSet,
            on_gray: Treatment::Quarantine,
            on_unscanned: Treatment::Keep,
            on_unauthenticated: Treatment::StopRule,
            on_unknown_sender: Treatment::Quarantine,
        },
        threshold_bytes: 65536,
        links: Links {
            style: "console".to_owned(),
            url: None,
            days: 7,
        },
        max_bytes: 45 * 1024 * 1024,
        limits: Limits::default(),
        forward: None,
    }
}

fn forwarding() -> Rules {
    Rules {
        forward: Some(Forward {
            from: "archive@example.com".to_owned(),
            to: vec!["team@example.com".to_owned(), "ops@example.com".to_owned()],
            max_bytes: 1,
        }),
        ..rules()
    }
}

/// A mail that passes everything.
fn letter() -> Letter {
    Letter {
        input: Input::Object {
            bucket: "mail-in".to_owned(),
            key: "inbox/id1".to_owned(),
            version_id: Some("v1".to_owned()),
            etag: "e1".to_owned(),
            size: 1000,
            region: None,
        },
        id: "id1".to_owned(),
        received_at: now(),
        recipients: vec![
            "Info@Example.com".to_owned(),
            "sales@shop.example".to_owned(),
        ],
        verdicts: Verdicts {
            spam: Some(Verdict::Pass),
            virus: Some(Verdict::Pass),
            dmarc: Some(Verdict::Pass),
            ..Verdicts::default()
        },
        sender: Sender {
            from: vec!["ann@partner.example".to_owned()],
            mail_from: Some("ann@partner.example".to_owned()),
            authenticated: vec![],
        },
        no_forward: None,
        archived: Archived::default(),
    }
}

fn spam() -> Letter {
    let mut letter = letter();
    letter.verdicts.spam = Some(Verdict::Fail);
    letter
}

fn infected() -> Letter {
    let mut letter = letter();
    letter.verdicts.virus = Some(Verdict::Fail);
    letter
}

fn mail(letter: Letter) -> Seen {
    Seen::Mail(Box::new(letter))
}

/// The only caller of `plan` with records: each is SES's and waits for an answer.
fn check(rules: &Rules, seen: impl IntoIterator<Item = Seen>, expected: Expect) {
    let sightings = seen.into_iter().enumerate().map(|(place, seen)| Sighting {
        record: place.to_string(),
        subject: format!("mail/{place}"),
        is_decision: true,
        seen,
    });
    show(rules, &inventory(sightings.collect(), None), expected);
}

fn inventory(sightings: Vec<Sighting>, day: Option<Day>) -> Inventory {
    Inventory {
        account: "111122223333".to_owned(),
        partition: "aws".to_owned(),
        sightings,
        day,
    }
}

fn show(rules: &Rules, inventory: &Inventory, expected: Expect) {
    let plan = plan(inventory, rules, now());
    let mut text = String::new();
    for record in &plan.records {
        let decision = match &record.decision {
            Decision::Act => "act".to_owned(),
            Decision::Ignore(why) => format!("ignore: {why}"),
            Decision::Reject(why) => format!("reject: {why}"),
            Decision::Retry(why) => format!("retry: {why}"),
        };
        let disposition = record
            .disposition
            .map(|disposition| format!(" [{disposition:?}]"));
        text.push_str(&format!(
            "{} {decision}{}\n",
            record.id,
            disposition.unwrap_or_default()
        ));
    }
    for action in &plan.actions {
        text.push_str(&format!(
            "{} {}: {}\n",
            action.name(),
            action.resource().arn,
            action.reason()
        ));
        if let Action::Archive(archive) = action {
            let threshold = archive.threshold_bytes;
            text.push_str(&format!("  attachments from {threshold:?} bytes\n"));
        }
    }
    for finding in &plan.findings {
        text.push_str(&format!(
            "{} {}: {}\n",
            finding.rule, finding.resource, finding.message
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.arn, skip.reason));
    }
    for note in &plan.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    expected.assert_eq(&text);
}

#[test]
fn a_mail_is_archived_by_day_and_first_recipient() {
    check(
        &rules(),
        [mail(letter())],
        expect![[r#"
        0 act [Continue]
        archive-mail arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: a mail came in
          attachments from Some(65536) bytes
    "#]],
    );
}

#[test]
fn spam_is_archived_in_quarantine_whole_and_stops_nothing() {
    check(
        &rules(),
        [mail(spam())],
        expect![[r#"
        0 act [Continue]
        archive-mail arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: a mail came in (quarantine): the spam verdict is FAIL
          attachments from None bytes
        mail-in-quarantine arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: A mail is in quarantine: the spam verdict is FAIL.
    "#]],
    );
}

#[test]
fn a_virus_is_archived_in_quarantine_and_ends_the_rule_set() {
    check(
        &rules(),
        [mail(infected())],
        expect![[r#"
        0 act [StopRuleSet]
        archive-mail arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: a mail came in (stop-rule-set): the virus verdict is FAIL
          attachments from None bytes
        mail-in-quarantine arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: A mail is in quarantine: the virus verdict is FAIL.
    "#]],
    );
}

#[test]
fn a_mail_that_is_archived_is_acknowledged_with_the_same_answer() {
    let archived = |mut letter: Letter| {
        letter.archived.is_complete = true;
        mail(letter)
    };
    check(
        &rules(),
        [archived(letter()), archived(infected())],
        expect![[r#"
            0 ignore: it is archived already [Continue]
            1 ignore: it is archived already [StopRuleSet]
        "#]],
    );
}

#[test]
fn what_is_not_a_mail_of_ours_is_acknowledged_and_what_cannot_be_read_is_not() {
    check(
        &rules(),
        [
            Seen::Nothing("the object is gone".to_owned()),
            Seen::Unread("there is no object `s3://b/k`".to_owned()),
            Seen::Refused {
                rule: ENCRYPTED,
                why: "SES encrypted it".to_owned(),
            },
        ],
        expect![[r#"
            0 ignore: the object is gone
            1 retry: there is no object `s3://b/k`
            2 reject: SES encrypted it
            mail-encrypted-by-ses mail/2: SES encrypted it
        "#]],
    );
}

#[test]
fn without_an_archive_every_mail_waits() {
    let rules = Rules {
        archive_bucket: None,
        ..rules()
    };
    check(
        &rules,
        [mail(letter())],
        expect![[r#"
        0 retry: there is no archive: `archive_bucket` in [archive-mail] is not set
    "#]],
    );
}

#[test]
fn only_the_mail_of_the_listed_recipients_is_archived_and_theirs_is_the_folder() {
    let rules = Rules {
        recipients: vec![Known::Domain("shop.example".to_owned())],
        ..rules()
    };
    let other = Letter {
        recipients: vec!["info@example.com".to_owned()],
        ..letter()
    };
    let unknown = Letter {
        recipients: vec![],
        ..letter()
    };
    check(
        &rules,
        [mail(letter()), mail(other), mail(unknown)],
        expect![[r#"
            0 act [Continue]
            1 ignore: none of its recipients is in `recipients` [Continue]
            2 act [Continue]
            archive-mail arn:aws:s3:::archive/mail/2026/11/22/shop.example/sales/id1.eml: a mail came in
              attachments from Some(65536) bytes
            archive-mail arn:aws:s3:::archive/mail/2026/11/22/unknown/unknown/id1.eml: a mail came in
              attachments from Some(65536) bytes
        "#]],
    );
}

#[test]
fn a_kept_mail_is_sent_on_once_and_never_what_could_come_back() {
    let done = |is_complete, was_forwarded| {
        mail(Letter {
            archived: Archived {
                is_complete,
                was_forwarded,
            },
            ..letter()
        })
    };
    let bounce = Letter {
        no_forward: Some("it is a bounce: its envelope has no sender".to_owned()),
        ..letter()
    };
    check(
        &forwarding(),
        [
            mail(letter()),
            done(true, false),
            done(true, true),
            mail(bounce),
            mail(spam()),
        ],
        expect![[r#"
            0 act [Continue]
            1 act [Continue]
            2 ignore: it is archived already [Continue]
            3 act [Continue]
            4 act [Continue]
            archive-mail arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: a mail came in
              attachments from Some(65536) bytes
            forward-mail arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: kept, and sent on to 2 addresses
            forward-mail arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: kept, and sent on to 2 addresses
            archive-mail arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: a mail came in
              attachments from Some(65536) bytes
            archive-mail arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: a mail came in (quarantine): the spam verdict is FAIL
              attachments from None bytes
            mail-in-quarantine arn:aws:s3:::archive/mail/quarantine/2026/11/22/example.com/info/id1.eml: A mail is in quarantine: the spam verdict is FAIL.
            skip arn:aws:s3:::archive/mail/2026/11/22/example.com/info/id1.eml: not sent on: it is a bounce: its envelope has no sender
        "#]],
    );
}

#[test]
fn a_round_tells_what_came_the_day_before() {
    let day = Day {
        day: NaiveDate::from_ymd_opt(2026, 11, 21).expect("a day"),
        mails: 1234,
        bytes: 56_789,
        unfinished: vec!["mail/2026/11/21/example.com/info/id9.eml".to_owned()],
        quarantined: vec![Suspect {
            key: "mail/quarantine/2026/11/21/example.com/info/id1.eml".to_owned(),
            from: "Eve\u{202e} <eve@evil.example>".to_owned(),
            subject: "Win\r\nnow".to_owned(),
            reasons: vec!["the spam verdict is FAIL".to_owned()],
        }],
        more_quarantined: 2,
        is_cut: false,
    };
    show(
        &rules(),
        &inventory(vec![], Some(day.clone())),
        expect![[r#"
        mail-in-quarantine arn:aws:s3:::archive/mail/quarantine/2026/11/21/example.com/info/id1.eml: A mail is in quarantine: the spam verdict is FAIL.
        mail-unfinished arn:aws:s3:::archive/mail/2026/11/21/example.com/info/id9.eml: A mail was archived without its sidecar: its archiving did not end. Its event, or `lamplighter backfill archive-mail`, ends it.
        note: on 2026-11-21: 1234 mails archived, 56789 bytes; 3 in quarantine, 2 of them not listed here
    "#]],
    );
    let cut = Day {
        is_cut: true,
        mails: 1,
        unfinished: vec![],
        quarantined: vec![],
        more_quarantined: 0,
        ..day
    };
    show(
        &rules(),
        &inventory(vec![], Some(cut)),
        expect![[r#"
        note: on 2026-11-21: 1 mail archived, 56789 bytes; 0 in quarantine; there was more than was looked at
    "#]],
    );
}
