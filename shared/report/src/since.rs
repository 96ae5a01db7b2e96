//! What readable formats say about time: what is new since the last run, what is resolved, and the exceptions that
//! somebody has to look after.

use std::collections::HashSet;

use lamplighter_core::{ExceptionRow, ExceptionStatus, Finding, Run};

use crate::words::{counted, number, time};

/// Which findings are news. Asked for each of them, so the fingerprints are looked up once.
pub(crate) struct News<'a> {
    new: HashSet<&'a str>,
    changed: HashSet<&'a str>,
}

impl<'a> News<'a> {
    /// Of a run. In the first one everything is new, so nothing is marked.
    pub(crate) fn of(run: &'a Run) -> Self {
        let delta = run.delta.as_ref().filter(|delta| delta.since.is_some());
        let set = |fingerprints: Option<&'a Vec<String>>| {
            fingerprints
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect()
        };
        Self {
            new: set(delta.map(|delta| &delta.new)),
            changed: set(delta.map(|delta| &delta.changed)),
        }
    }

    /// The mark of a finding.
    pub(crate) fn mark(&self, finding: &Finding) -> Option<&'static str> {
        match finding.fingerprint.as_str() {
            known if self.new.contains(known) => Some("NEW"),
            known if self.changed.contains(known) => Some("CHANGED"),
            _ => None,
        }
    }
}

/// How the run differs from the last one, in a sentence; only with a state.
pub(crate) fn sentence(run: &Run) -> Option<String> {
    let delta = run.delta.as_ref()?;
    let Some(since) = delta.since else {
        return Some("This is the first recorded run: the next one tells what is new.".to_owned());
    };
    let counts = [
        (delta.new.len(), "new"),
        (delta.changed.len(), "changed"),
        (delta.resolved.len(), "resolved"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", number(*count)))
        .collect();
    let told = match told.is_empty() {
        true => "nothing changed".to_owned(),
        false => told.join(", "),
    };
    let unseen = match delta.unseen.len() {
        0 => String::new(),
        count => format!(
            " {} of before could not be looked at.",
            counted(count, "finding")
        ),
    };
    Some(format!("Since {}: {told}.{unseen}", time(since)))
}

/// What was found before and is not there any more.
pub(crate) fn resolved(run: &Run) -> Vec<&Finding> {
    let delta = run.delta.as_ref();
    delta.map_or_else(Vec::new, |delta| delta.resolved.iter().collect())
}

/// Exceptions that somebody should look after, under their headings.
pub(crate) fn exceptions(run: &Run) -> Vec<(&'static str, Vec<&ExceptionRow>)> {
    let with = |status| -> Vec<&ExceptionRow> {
        run.exceptions
            .iter()
            .filter(|row| row.status == status)
            .collect()
    };
    [
        ("Expired exceptions", with(ExceptionStatus::Expired)),
        ("Unused exceptions", with(ExceptionStatus::Unused)),
    ]
    .into_iter()
    .filter(|(_, rows)| !rows.is_empty())
    .collect()
}

/// What became of an exception, without whose and what it is.
pub(crate) fn exception_sentence(row: &ExceptionRow) -> String {
    let what = match row.status {
        ExceptionStatus::Expired if row.matched > 0 => format!(
            "expired at the end of {}, and {} reported again",
            row.expires,
            match row.matched {
                1 => "1 finding is".to_owned(),
                count => format!("{} findings are", number(count)),
            }
        ),
        ExceptionStatus::Expired => {
            format!("expired at the end of {}, nothing needs it", row.expires)
        }
        ExceptionStatus::Unused => format!("valid through {}, nothing needs it", row.expires),
        ExceptionStatus::Active => format!("valid through {}", row.expires),
    };
    format!("{what}: {} ({}, {})", row.reason, row.owner, row.ticket)
}
