//! Decides what becomes of each record. Purely.

use chrono::{DateTime, Utc};
use lamplighter_config::Treatment;
use lamplighter_core::{Disposition, Finding, Plan, Resource, Severity, Verdict};

use crate::action::{Action, Archive, Copy, resource};
use crate::mail::{Day, Inventory, Letter, Seen, Sighting};
use crate::policy::shown;
use crate::rules::Rules;

/// A record that nobody can read.
pub const UNREADABLE: &str = "mail-unreadable";
/// A mail that SES encrypted on the client's side.
pub const ENCRYPTED: &str = "mail-encrypted-by-ses";
/// An object that is too large, or too small, to be a mail.
pub const NO_MAIL: &str = "mail-size";
/// A mail that is archived, and not to be trusted.
pub const QUARANTINED: &str = "mail-in-quarantine";
/// A mail whose archiving did not end.
pub const UNFINISHED: &str = "mail-unfinished";
/// All of them.
pub const RULES: &[&str] = &[UNREADABLE, ENCRYPTED, NO_MAIL, QUARANTINED, UNFINISHED];

/// Decides.
pub fn plan(inventory: &Inventory, rules: &Rules, _now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan::default();
    for sighting in &inventory.sightings {
        let (record, subject) = (&sighting.record, &sighting.subject);
        match &sighting.seen {
            Seen::Nothing(why) => plan.ignore(record, subject, why),
            Seen::Unread(why) => plan.retry(record, subject, why),
            Seen::Refused { rule, why } => {
                let about = subject_of(inventory, subject);
                let finding = Finding::new(*rule, Severity::High, Verdict::Fail, &about, why);
                plan.reject(record, subject, finding);
            }
            Seen::Mail(letter) => decide(&mut plan, inventory, sighting, letter, rules),
        }
    }
    if let Some(day) = &inventory.day {
        tell(&mut plan, inventory, day, rules);
    }
    plan
}

/// The subject of a record as a resource: an object by its ARN, else as it is called.
fn subject_of(inventory: &Inventory, subject: &str) -> Resource {
    let place = subject
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'));
    match place {
        Some((bucket, key)) => resource(&inventory.partition, &inventory.account, bucket, key),
        None => Resource {
            arn: subject.to_owned(),
            account: inventory.account.clone(),
            region: None,
        },
    }
}

fn decide(
    plan: &mut Plan<Action>,
    inventory: &Inventory,
    sighting: &Sighting,
    letter: &Letter,
    rules: &Rules,
) {
    let (record, subject) = (&sighting.record, &sighting.subject);
    let Some(bucket) = &rules.archive_bucket else {
        plan.retry(
            record,
            subject,
            "there is no archive: `archive_bucket` in [archive-mail] is not set",
        );
        return;
    };
    if !is_wanted(&letter.recipients, rules) {
        plan.ignore(record, subject, "none of its recipients is in `recipients`");
        answer(plan, sighting, Treatment::Keep);
        return;
    }
    let judgement = letter.judge(rules);
    let (treatment, place) = (judgement.treatment, letter.place(rules));
    let is_kept = treatment == Treatment::Keep;
    let raw_key = place.raw();
    let about = resource(&inventory.partition, &inventory.account, bucket, &raw_key);
    if !letter.archived.is_complete {
        let archive = Archive {
            record: record.clone(),
            account: inventory.account.clone(),
            partition: inventory.partition.clone(),
            input: letter.input.clone(),
            bucket: bucket.clone(),
            prefix: rules.archive_prefix.clone(),
            raw_key: raw_key.clone(),
            sidecar_key: place.sidecar(),
            linked_key: place.linked(),
            id: letter.id.clone(),
            received_at: letter.received_at,
            mail_from: letter.sender.mail_from.clone(),
            recipients: letter.recipients.clone(),
            verdicts: letter.verdicts.clone(),
            treatment: treatment.to_string(),
            reasons: judgement.reasons.clone(),
            // What is not to be trusted stays in its mail.
            threshold_bytes: is_kept.then_some(rules.threshold_bytes),
            links: rules.links.clone(),
        };
        plan.act_for(record, subject, Action::Archive(Box::new(archive)));
        if !is_kept {
            plan.find(suspicion(&about, &judgement.reasons));
        }
    }
    if let Some(forward) = rules.forward.as_ref().filter(|_| is_kept) {
        match &letter.no_forward {
            Some(why) => plan.skip(&about, format!("not sent on: {why}")),
            None if letter.archived.was_forwarded => {}
            None => {
                let copy = Copy {
                    record: record.clone(),
                    account: inventory.account.clone(),
                    partition: inventory.partition.clone(),
                    bucket: bucket.clone(),
                    raw_key,
                    forwarded_key: place.forwarded(),
                    id: letter.id.clone(),
                    forward: forward.clone(),
                    links: rules.links.clone(),
                };
                plan.act_for(record, subject, Action::Forward(Box::new(copy)));
            }
        }
    }
    if !plan.records.iter().any(|decided| decided.id == *record) {
        plan.ignore(record, subject, "it is archived already");
    }
    answer(plan, sighting, treatment);
}

/// Whether one of the recipients is in `recipients`. A mail whose recipients nobody knows is: losing it would be worse.
fn is_wanted(recipients: &[String], rules: &Rules) -> bool {
    rules.recipients.is_empty()
        || recipients.is_empty()
        || recipients.iter().any(|address| rules.is_listed(address))
}

/// What SES is told, where it waits: quarantine alone stops nothing.
fn answer(plan: &mut Plan<Action>, sighting: &Sighting, treatment: Treatment) {
    if sighting.is_decision {
        let disposition = match treatment {
            Treatment::Keep | Treatment::Quarantine => Disposition::Continue,
            Treatment::StopRule => Disposition::StopRule,
            Treatment::StopRuleSet => Disposition::StopRuleSet,
        };
        plan.answer(&sighting.record, disposition);
    }
}

/// A mail that was archived under `quarantine/`.
fn suspicion(about: &Resource, reasons: &[String]) -> Finding {
    let message = match reasons.is_empty() {
        true => "A mail is in quarantine.".to_owned(),
        false => format!("A mail is in quarantine: {}.", reasons.join("; ")),
    };
    Finding::new(QUARANTINED, Severity::Medium, Verdict::Fail, about, message)
}

/// What a round says of the day before.
fn tell(plan: &mut Plan<Action>, inventory: &Inventory, day: &Day, rules: &Rules) {
    let bucket = rules.archive_bucket.as_deref().unwrap_or_default();
    let about = |key: &str| resource(&inventory.partition, &inventory.account, bucket, key);
    for suspect in &day.quarantined {
        let finding = suspicion(&about(&suspect.key), &suspect.reasons)
            .evidence("from", shown(&suspect.from))
            .evidence("subject", shown(&suspect.subject));
        plan.find(finding);
    }
    for key in &day.unfinished {
        plan.find(Finding::new(
            UNFINISHED,
            Severity::Medium,
            Verdict::Fail,
            &about(key),
            "A mail was archived without its sidecar: its archiving did not end. Its event, or `lamplighter backfill archive-mail`, ends it.",
        ));
    }
    let quarantined = day.quarantined.len() + day.more_quarantined;
    plan.notes.push(format!(
        "on {}: {} archived, {} bytes; {quarantined} in quarantine{}",
        day.day,
        match day.mails {
            1 => "1 mail".to_owned(),
            mails => format!("{mails} mails"),
        },
        day.bytes,
        match (day.more_quarantined, day.is_cut) {
            (0, false) => String::new(),
            (more, false) => format!(", {more} of them not listed here"),
            (_, true) => "; there was more than was looked at".to_owned(),
        }
    ));
}
