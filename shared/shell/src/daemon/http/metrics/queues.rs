//! The metrics of queues: how full they are, and what became of their messages.

use std::collections::BTreeMap;

use lamplighter_config::Queue;

use super::{Live, Text, whole};
use crate::daemon::consumers::{Counts, QueueRow};

/// What tells the queues apart. Not the account: that is an id.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    function: String,
    queue: String,
    region: String,
}

impl Labels {
    fn of(row: &QueueRow) -> Self {
        let region = Queue::parse(&row.queue).and_then(|queue| queue.region);
        Self {
            function: row.function.clone(),
            queue: queue_name(&row.queue).to_owned(),
            region: region.unwrap_or_default(),
        }
    }

    fn with<'a>(&'a self, outcome: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let mut labels = vec![
            ("function", self.function.as_str()),
            ("queue", self.queue.as_str()),
            ("region", self.region.as_str()),
        ];
        labels.extend(outcome.map(|outcome| ("outcome", outcome)));
        labels
    }
}

/// One row for each set of labels: Prometheus refuses a scrape in which a series comes twice. Queues of one name in one
/// region belong to several accounts, and are told together.
fn series<'a>(rows: impl Iterator<Item = &'a QueueRow>) -> BTreeMap<Labels, QueueRow> {
    let mut series: BTreeMap<Labels, QueueRow> = BTreeMap::new();
    for row in rows {
        series
            .entry(Labels::of(row))
            .and_modify(|known| add(known, row))
            .or_insert_with(|| row.clone());
    }
    series
}

fn add(known: &mut QueueRow, row: &QueueRow) {
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    known.depth = sum(known.depth, row.depth);
    known.in_flight = sum(known.in_flight, row.in_flight);
    known.oldest_secs = known.oldest_secs.max(row.oldest_secs);
    known.in_work += row.in_work;
    known.counts.add(row.counts);
    known.trouble = known.trouble.take().or_else(|| row.trouble.clone());
}

/// The metrics of queues.
pub(super) fn render(text: &mut Text, live: &Live) {
    let rows = series(live.queues());
    type Value = fn(&QueueRow) -> Option<u64>;
    let gauges: [(&str, &str, Value); 5] = [
        (
            "lamplighter_queue_messages_visible",
            "Messages that wait in the queue, as SQS estimates them.",
            |row| row.depth,
        ),
        (
            "lamplighter_queue_messages_in_flight",
            "Messages that somebody has received and not yet deleted, as SQS estimates them.",
            |row| row.in_flight,
        ),
        (
            "lamplighter_queue_oldest_message_age_seconds",
            "How long the oldest message had waited that was received last; 0 when nothing waits.",
            |row| row.oldest_secs,
        ),
        (
            "lamplighter_queue_messages_in_work",
            "Messages that this daemon works on.",
            |row| Some(row.in_work),
        ),
        (
            "lamplighter_queue_receivable",
            "1 unless messages cannot be received from the queue.",
            |row| Some(u64::from(row.trouble.is_none())),
        ),
    ];
    for (name, help, value) in gauges {
        text.family(name, "gauge", help);
        for (labels, row) in &rows {
            if let Some(value) = value(row) {
                text.sample(name, &labels.with(None), whole(value));
            }
        }
    }
    type Outcomes = fn(&Counts) -> Vec<(&'static str, u64)>;
    let counters: [(&str, &str, Outcomes); 2] = [
        (
            "lamplighter_queue_messages_total",
            "Messages that were handled, by what became of them.",
            |counts| {
                vec![
                    ("done", counts.done),
                    ("ignored", counts.ignored),
                    ("quarantined", counts.quarantined),
                    ("retried", counts.retried),
                ]
            },
        ),
        (
            "lamplighter_queue_deliveries_total",
            "Deliveries, each a run of up to ten messages, by whether the run failed as a whole.",
            |counts| {
                let well = counts.deliveries.saturating_sub(counts.failed);
                vec![("ok", well), ("failed", counts.failed)]
            },
        ),
    ];
    for (name, help, outcomes) in counters {
        text.family(name, "counter", help);
        for (labels, row) in &rows {
            for (outcome, count) in outcomes(&row.counts) {
                text.sample(name, &labels.with(Some(outcome)), whole(count));
            }
        }
    }
}

/// The last part of a queue's URL: the others hold an account and a region.
pub(in super::super) fn queue_name(url: &str) -> &str {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}
