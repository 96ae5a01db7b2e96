//! Values in the words of a report.

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use crate::certificate::Certificate;

/// Evidence names this many of a certificate's names.
const MOST_NAMES: usize = 100;

/// The DNS names and addresses of a certificate.
pub(crate) fn names(known: &Certificate) -> Vec<String> {
    let addresses = known.ip_addresses.iter().map(ToString::to_string);
    known
        .dns_names
        .iter()
        .cloned()
        .chain(addresses)
        .take(MOST_NAMES)
        .collect()
}

/// `` `a`, `b` and 3 more ``.
pub(crate) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(5)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(5) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A duration in its largest unit of which there are at least two, rounded down: `11 hours` is never `0 days`.
pub(crate) fn span(duration: Duration) -> String {
    let units = [
        (duration.num_days(), "day"),
        (duration.num_hours(), "hour"),
        (duration.num_minutes(), "minute"),
    ];
    match units.into_iter().find(|(count, _)| *count >= 2) {
        Some((count, unit)) => format!("{count} {unit}s"),
        None => match duration.num_seconds() {
            1 => "1 second".to_owned(),
            seconds => format!("{seconds} seconds"),
        },
    }
}
