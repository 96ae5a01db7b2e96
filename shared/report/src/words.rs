//! Names, places, times and numbers as people read them.

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{DeliveryOutcome, Run, Trigger};

use crate::escape::visible;

/// Whether a scope's second half is a region such as `eu-west-1` or `us-gov-east-1`, and not a service.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts
            .last()
            .is_some_and(|last| last.chars().all(|character| character.is_ascii_digit()))
}

/// `acme-prod (123456789012)`, or the id alone.
pub(crate) fn account_name(run: &Run) -> String {
    match &run.account.alias {
        Some(alias) => format!("{alias} ({})", run.account.id),
        None => format!("account {}", run.account.id),
    }
}

/// Where a row's resource is: the account, by name where it is the caller's own, and the region.
pub(crate) fn place(run: &Run, account: &str, region: Option<&str>) -> String {
    let account = match &run.account.alias {
        Some(alias) if run.account.id == account => format!("{alias} ({account})"),
        _ => account.to_owned(),
    };
    match region {
        Some(region) => format!("{account} {region}"),
        None => account,
    }
}

/// The part of an ARN that names the resource within its account and region: `instance/i-0abc`, `user/ann`.
pub(crate) fn resource_part(arn: &str) -> &str {
    match arn.strip_prefix("arn:") {
        // partition:service:region:account:resource
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or(arn),
        None => arn,
    }
}

/// The partition and the service in an ARN: `aws` and `ec2`. A resource may also be an endpoint or a file, which has
/// neither.
pub(crate) fn partition_and_service(resource: &str) -> Option<(&str, &str)> {
    let (partition, rest) = resource.strip_prefix("arn:")?.split_once(':')?;
    let (service, _) = rest.split_once(':')?;
    Some((partition, service))
}

/// A rule's name as a sentence begins: `Missing required tags`. What a rule means stands in its findings' messages.
pub(crate) fn rule_title(rule: &str) -> String {
    capitalised(&visible(rule).replace('-', " "))
}

/// The resource as people say it, where the reason beside it tells what kind it is: `i-0abc`, `ann`.
pub(crate) fn short_name(arn: &str) -> &str {
    let part = resource_part(arn);
    match part.split_once('/') {
        Some((_, name)) if arn.starts_with("arn:") && !name.is_empty() => name,
        _ => part,
    }
}

/// The caller's account by its alias and every other by its id, with the region: where a line is short.
pub(crate) fn short_place(run: &Run, account: &str, region: Option<&str>) -> String {
    let account = match run.account.alias.as_deref() {
        Some(alias) if run.account.id == account => alias,
        _ => account,
    };
    match region {
        Some(region) => format!("{account} {region}"),
        None => account.to_owned(),
    }
}

/// How the run was set off, with the scheduled time it stands for.
pub(crate) fn trigger(run: &Run) -> String {
    let how = match run.trigger {
        Trigger::Manual => "started by hand",
        Trigger::Schedule => "started by schedule",
        Trigger::Event => "started by an event",
        Trigger::Replay => "replayed",
    };
    match run.slot {
        Some(slot) => format!("{how} for {}", time(slot)),
        None => how.to_owned(),
    }
}

/// When the run began and how long it took: `2026-11-22 06:00:00 UTC, took 2 s`.
///
/// Where the clock stands still, or was cut to seconds, nothing is known of how long it took, and nothing is said.
pub(crate) fn when(run: &Run) -> String {
    let start = time(run.started_at);
    let milliseconds = (run.finished_at - run.started_at).num_milliseconds();
    match (milliseconds / 60_000, milliseconds / 1000 % 60) {
        _ if milliseconds <= 0 => start,
        (0, 0) => format!("{start}, took {milliseconds} ms"),
        (0, seconds) => format!("{start}, took {seconds} s"),
        (minutes, seconds) => format!("{start}, took {minutes} min {seconds} s"),
    }
}

/// A duration in its largest unit of which there are at least two, rounded down: `11 hours` is never `0 days`.
pub(crate) fn span(duration: TimeDelta) -> String {
    let units = [
        (duration.num_days(), "day"),
        (duration.num_hours(), "hour"),
        (duration.num_minutes(), "minute"),
    ];
    let (count, unit) = units
        .into_iter()
        .find(|(count, _)| *count >= 2)
        .unwrap_or((duration.num_seconds(), "second"));
    counted(usize::try_from(count).unwrap_or_default(), unit)
}

/// A time as people read it: `2026-11-22 06:00:00 UTC`.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What became of the report at one destination.
pub(crate) fn delivery_word(outcome: DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Delivered => "delivered",
        DeliveryOutcome::Failed => "failed",
        DeliveryOutcome::Suppressed => "not sent",
    }
}

/// `1 finding`, `3 findings`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        number(count),
        if count == 1 { "" } else { "s" }
    )
}

/// Digits in groups of three: `5,000`.
pub(crate) fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The sentence or word with its first letter large.
pub(crate) fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let written = [0, 12, 999, 1000, 12_345, 1_234_567].map(number);
        assert_eq!(written, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn the_resource_part_tells_an_arn_within_its_region() {
        for (arn, part) in [
            (
                "arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc",
                "instance/i-0abc",
            ),
            ("arn:aws:iam::123456789012:user/team/ann", "user/team/ann"),
            ("arn:aws:sns:eu-west-1:123456789012:topic:id", "topic:id"),
            ("arn:aws:s3:::bucket/key", "bucket/key"),
            ("arn:odd", "arn:odd"),
            ("example.com:443", "example.com:443"),
        ] {
            assert_eq!(resource_part(arn), part);
        }
    }

    #[test]
    fn partition_and_service_are_told_from_an_arn_only() {
        for (resource, parts) in [
            ("arn:aws:iam::123456789012:user/ann", Some(("aws", "iam"))),
            ("arn:aws-cn:s3:::bucket", Some(("aws-cn", "s3"))),
            ("example.com:443", None),
            ("arn:odd", None),
            ("/etc/ssl/site.pem", None),
        ] {
            assert_eq!(partition_and_service(resource), parts, "{resource}");
        }
    }

    #[test]
    fn regions_are_told_from_services() {
        for region in ["eu-west-1", "us-gov-east-1", "ap-southeast-7"] {
            assert!(is_region(region), "{region}");
        }
        for service in ["iam", "acm", "certificate-files", ""] {
            assert!(!is_region(service), "{service}");
        }
    }

    #[test]
    fn spans_are_in_the_largest_unit_of_which_there_are_two() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (11 * 3_600, "11 hours"),
            (47 * 3_600, "47 hours"),
            (48 * 3_600, "2 days"),
            (1_234 * 86_400, "1,234 days"),
        ] {
            assert_eq!(span(TimeDelta::seconds(seconds)), words);
        }
    }
}
