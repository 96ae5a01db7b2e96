//! What the archive got on the day before: counted from its keys, so that it is true whatever became of the events.

use std::collections::BTreeSet;

use chrono::Days;
use lamplighter_aws::Session;
use lamplighter_aws::s3::Reader;
use lamplighter_core::Result;

use crate::layout::{QUARANTINE, day_folder};
use crate::mail::{Day, Suspect};
use crate::rules::Rules;
use crate::sidecar::{self, Sidecar};

/// The most pages of 1,000 keys that are looked at.
const MOST_PAGES: usize = 100;

/// The most mails in quarantine, or without a sidecar, that are told one by one.
const MOST_TOLD: usize = 100;

/// Looks at the day before; `None` without an archive.
pub async fn read(session: &Session, rules: &Rules) -> Result<Option<Day>> {
    let Some(bucket) = &rules.archive_bucket else {
        return Ok(None);
    };
    let reader = Reader::new(session, None);
    let today = session.opened_at().date_naive();
    let day = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let folder = day_folder(day);
    let kept = list(
        &reader,
        bucket,
        &format!("{}{folder}", rules.archive_prefix),
    )
    .await?;
    let suspect_folder = format!("{}{QUARANTINE}{folder}", rules.archive_prefix);
    let suspects = list(&reader, bucket, &suspect_folder).await?;
    let told: Vec<&String> = suspects.mails.iter().take(MOST_TOLD).collect();
    let reads = told
        .iter()
        .map(|key| suspect(&reader, bucket, key))
        .collect();
    let mut quarantined = Vec::with_capacity(told.len());
    for suspect in session.concurrently(reads).await {
        quarantined.push(suspect?);
    }
    let mut unfinished = kept.unfinished;
    unfinished.extend(suspects.unfinished);
    unfinished.truncate(MOST_TOLD);
    Ok(Some(Day {
        day,
        mails: kept.mails.len() + suspects.mails.len(),
        bytes: kept.bytes + suspects.bytes,
        unfinished,
        more_quarantined: suspects.mails.len() - quarantined.len(),
        quarantined,
        is_cut: kept.is_cut || suspects.is_cut,
    }))
}

/// What a folder of the archive holds.
#[derive(Default)]
struct Folder {
    /// The keys of the raw mails.
    mails: Vec<String>,
    bytes: u64,
    unfinished: Vec<String>,
    is_cut: bool,
}

async fn list(reader: &Reader, bucket: &str, prefix: &str) -> Result<Folder> {
    let mut folder = Folder::default();
    let mut sidecars = BTreeSet::new();
    let mut after: Option<String> = None;
    for page_number in 0.. {
        if page_number == MOST_PAGES {
            folder.is_cut = true;
            break;
        }
        let page = reader.list(bucket, prefix, after.as_deref(), None).await?;
        for object in page.objects {
            if let Some(stem) = object.key.strip_suffix(".json") {
                sidecars.insert(stem.to_owned());
            } else if object.key.ends_with(".eml") && !object.key.ends_with(".linked.eml") {
                folder.bytes += object.size;
                folder.mails.push(object.key);
            }
        }
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    let has_sidecar = |key: &&String| {
        key.strip_suffix(".eml")
            .is_some_and(|stem| sidecars.contains(stem))
    };
    // A listing that was cut may have ended between a mail and its sidecar: `.eml` comes before `.json`.
    let looked_at = folder.mails.len() - usize::from(folder.is_cut && !folder.mails.is_empty());
    folder.unfinished = folder.mails[..looked_at]
        .iter()
        .filter(|key| !has_sidecar(key))
        .cloned()
        .collect();
    Ok(folder)
}

/// What is told of a mail in quarantine. Without its sidecar at least its place.
async fn suspect(reader: &Reader, bucket: &str, key: &str) -> Result<Suspect> {
    let sidecar_key = format!("{}.json", key.strip_suffix(".eml").unwrap_or(key));
    let object = reader
        .get(bucket, &sidecar_key, None, None, sidecar::MOST_BYTES)
        .await?;
    let sidecar = object.and_then(|object| Sidecar::parse(&object.bytes).ok());
    let mut suspect = Suspect {
        key: key.to_owned(),
        from: String::new(),
        subject: String::new(),
        reasons: vec![],
    };
    if let Some(sidecar) = sidecar {
        suspect.from = sidecar.headers.senders();
        suspect.subject = sidecar.headers.subject.unwrap_or_default();
        suspect.reasons = sidecar.reasons;
    }
    Ok(suspect)
}
