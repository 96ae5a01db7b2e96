//! Decides what becomes of each record. Purely.

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, Plan, Resource, Severity, Verdict};

use crate::action::{Action, Image, resource};
use crate::place::{MOST_KEY_BYTES, recipe};
use crate::rules::Rules;
use crate::sighting::{Copy, Inventory, Seen, Sighting, Source};
use lamplighter_images::{Reason, Refusal, budget};

/// A record that nobody can read.
pub const UNREADABLE: &str = "image-event-unreadable";
/// An image whose copies would have keys that are too long.
pub const LONG_KEY: &str = "image-key-too-long";
/// Something else lies where a copy belongs.
pub const TAKEN: &str = "image-copy-place-taken";

/// All of them.
pub const RULES: &[&str] = &[
    "image-type-unsupported",
    "image-too-large",
    "image-damaged",
    UNREADABLE,
    LONG_KEY,
    TAKEN,
];

/// Decides.
pub fn plan(inventory: &Inventory, rules: &Rules, _now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan::default();
    for sighting in &inventory.sightings {
        let (record, subject) = (&sighting.record, &sighting.subject);
        match &sighting.seen {
            Seen::Nothing(why) => plan.ignore(record, subject, why),
            Seen::Unread(why) => plan.retry(record, subject, why),
            Seen::Refused(why) => {
                let about = Resource {
                    arn: subject.clone(),
                    account: inventory.account.clone(),
                    region: None,
                };
                plan.reject(record, subject, fail(UNREADABLE, &about, why.clone()));
            }
            Seen::There(source) => store(&mut plan, inventory, sighting, source, rules),
            Seen::Gone { copies, .. } if !rules.removes_copies => plan.ignore(
                record,
                subject,
                format!(
                    "the object is gone; {} (`remove_copies` is off)",
                    staying(copies.len())
                ),
            ),
            Seen::Gone {
                bucket,
                key,
                region,
                copies,
            } => {
                for copy in copies {
                    let Some(found) = &copy.found else { continue };
                    let action = Action::RemoveCopy {
                        record: record.clone(),
                        account: inventory.account.clone(),
                        partition: inventory.partition.clone(),
                        source_bucket: bucket.clone(),
                        source_key: key.clone(),
                        region: region.clone(),
                        bucket: copy.bucket.clone(),
                        key: copy.key.clone(),
                        etag: found.etag.clone(),
                    };
                    plan.act_for(record, subject, action);
                }
            }
        }
    }
    plan
}

fn store(
    plan: &mut Plan<Action>,
    inventory: &Inventory,
    sighting: &Sighting,
    source: &Source,
    rules: &Rules,
) {
    let (record, subject) = (&sighting.record, &sighting.subject);
    let about =
        |bucket: &str, key: &str| resource(&inventory.partition, &inventory.account, bucket, key);
    let image = about(&source.origin.bucket, &source.origin.key);
    let is_current = |copy: &&Copy| {
        let recipe = recipe(&rules.wish, copy.width);
        copy.found
            .as_ref()
            .is_some_and(|mark| mark.is_current(&source.origin, &recipe))
    };
    let missing: Vec<&Copy> = source
        .copies
        .iter()
        .filter(|copy| !is_current(copy))
        .collect();
    if missing.is_empty() {
        return plan.ignore(record, subject, "all its copies are there, and current");
    }
    let needs_bytes = match needs(source, rules) {
        Ok(needs) => needs,
        Err(refusal) => {
            let message = format!("`{subject}` {}.", refusal.message);
            return plan.reject(
                record,
                subject,
                fail(refusal.reason.rule(), &image, message),
            );
        }
    };
    if let Some(long) = missing.iter().find(|copy| copy.key.len() > MOST_KEY_BYTES) {
        let message = format!(
            "The key of a copy of `{subject}` would have {} bytes, S3 takes {MOST_KEY_BYTES}.",
            long.key.len()
        );
        return plan.reject(record, subject, fail(LONG_KEY, &image, message));
    }
    for copy in missing {
        let is_foreign =
            |mark: &&crate::place::Mark| !mark.is_of(&source.origin.bucket, &source.origin.key);
        let foreign = copy.found.as_ref().filter(is_foreign);
        if foreign.is_some() {
            let message = format!(
                "`s3://{}/{}` is no copy of `{subject}`: another object is there, and is left alone.",
                copy.bucket, copy.key
            );
            plan.find(fail(TAKEN, &about(&copy.bucket, &copy.key), message));
        }
        let action = Action::StoreCopy {
            image: Image {
                record: record.clone(),
                account: inventory.account.clone(),
                partition: inventory.partition.clone(),
                origin: source.origin.clone(),
                region: source.region.clone(),
                needs_bytes,
            },
            width: copy.width,
            bucket: copy.bucket.clone(),
            key: copy.key.clone(),
            recipe: recipe(&rules.wish, copy.width),
            // Where another object is, the write that expects nothing fails, and the record ends in quarantine; the
            // other copies are stored all the same.
            replaces: match foreign {
                Some(_) => None,
                None => copy.found.as_ref().map(|mark| mark.etag.clone()),
            },
        };
        plan.act_for(record, subject, action);
    }
}

/// The memory that resizing takes, or why it may not be tried. Where the first bytes do not tell, all there is.
fn needs(source: &Source, rules: &Rules) -> Result<u64, Refusal> {
    if source.size > rules.max_bytes {
        return Err(Refusal {
            reason: Reason::TooLarge,
            message: format!(
                "has {} bytes; the most is {} (`max_source_bytes`)",
                source.size, rules.max_bytes
            ),
        });
    }
    match &source.header {
        Some(Ok(header)) => {
            budget::check(header, source.size, &rules.wish.widths, &rules.wish.limits)
        }
        Some(Err(refusal)) => Err(refusal.clone()),
        None => Ok(rules.wish.limits.memory_bytes),
    }
}

fn fail(rule: &'static str, about: &Resource, message: String) -> Finding {
    Finding::new(rule, Severity::Medium, Verdict::Fail, about, message)
}

fn staying(copies: usize) -> String {
    match copies {
        1 => "its copy stays".to_owned(),
        copies => format!("its {copies} copies stay"),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
