//! One delivery: up to ten messages become one event and one run, and each message is deleted or comes again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_aws::sqs::{Message, Queue};
use lamplighter_core::{Mode, RecordOutcome, RecordRow, Trigger, chain};
use lamplighter_events::Envelope;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{error, warn};
use ulid::Ulid;

use super::{Counts, QueueEvent, Shared};
use crate::daemon::dispatcher::End;
use crate::daemon::keeper::ending::lost;
use crate::daemon::places::Place;
use crate::daemon::runner::{self, Order, Ran};
use crate::daemon::store::{Outcome, RunRow};
use crate::intake::reply::message_of;
use crate::round::TIME_TO_END;

/// How long a message is hidden from others at a time. A daemon that is gone loses its messages after this; one that
/// works holds on to them.
pub(super) const VISIBILITY: Duration = Duration::from_secs(60);

/// How long a message that is to come again is hidden after its first receive; it doubles with each one.
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);

/// The longest time a message that is to come again is hidden.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(900);

/// A message that somebody else works on comes this much later than he must have lost it.
const AFTER_LEASE: Duration = Duration::from_secs(2);

/// SQS hides a message for twelve hours at most, counted from its receive; a little of it has passed.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const LONGEST_HIDING: Duration = Duration::from_secs(11 * 3_600);

/// How often a deletion is tried.
const DELETIONS: u32 = 3;

/// Runs the function with the messages, and settles each of them.
pub(super) async fn deliver(shared: &Shared, queue: &Queue, messages: Vec<Message>) {
    let mut in_work = InWork {
        shared,
        messages: messages.len(),
        begun: None,
    };
    let Some(place) = place(shared, queue, &messages).await else {
        return give_back(shared, queue, &messages).await;
    };
    let mut row = begun(shared);
    in_work.begun = Some(row.clone());
    let ran = match envelope(queue, &messages) {
        Ok(event) => run(shared, queue, &messages, row.clone(), (event, place)).await,
        Err(reason) => failed(Outcome::Failed, reason),
    };
    let counts = settle(shared, queue, &messages, &ran).await;
    if ran.end.outcome == Outcome::Failed || ran.end.outcome == Outcome::Panicked {
        shared.failures.fetch_add(1, Ordering::Relaxed);
    } else {
        shared.failures.store(0, Ordering::Relaxed);
    }
    row.finished_at = Some(shared.now());
    row.outcome = Some(ran.end.outcome);
    row.detail = ran.end.detail;
    row.summary = ran.end.summary;
    in_work.ended(row, counts);
}

/// Messages in work, until this is dropped. A delivery that panics is told like any other.
struct InWork<'a> {
    shared: &'a Shared,
    messages: usize,
    /// The delivery, from its begin until its end is told.
    begun: Option<RunRow>,
}

impl InWork<'_> {
    fn ended(&mut self, row: RunRow, counts: Counts) {
        self.begun = None;
        let run = Box::new(row);
        let others = self.shared.in_work.load(Ordering::Relaxed) - self.messages;
        self.shared
            .tell_beside(QueueEvent::Delivered { run, counts }, others);
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        if let Some(mut row) = self.begun.take() {
            self.shared.failures.fetch_add(1, Ordering::Relaxed);
            let end = lost();
            row.finished_at = Some(row.started_at);
            row.outcome = Some(end.outcome);
            row.detail = end.detail;
            // Nobody holds on to them any more: they come again.
            let counts = Counts {
                deliveries: 1,
                failed: 1,
                retried: self.messages as u64,
                ..Counts::default()
            };
            self.ended(row, counts);
        }
        // First the word, then the count: while something is in work, the keeper listens.
        let in_work = &self.shared.in_work;
        in_work.fetch_sub(self.messages, Ordering::Relaxed);
    }
}

/// Waits for a place among all runs of the daemon, and holds on to the messages meanwhile. `None`: the daemon stops, and
/// begins nothing any more.
async fn place(shared: &Shared, queue: &Queue, messages: &[Message]) -> Option<Place> {
    let mut taking = std::pin::pin!(shared.all_places.take(shared.entry.name));
    loop {
        tokio::select! {
            biased;
            place = &mut taking => return Some(place),
            () = shared.stop.cancelled() => return None,
            () = tokio::time::sleep(VISIBILITY / 2) => hold(shared, queue, messages).await,
        }
    }
}

/// Puts messages into the queue again with which nothing was done.
async fn give_back(shared: &Shared, queue: &Queue, messages: &[Message]) {
    let all: Vec<_> = messages
        .iter()
        .map(|message| (message, Duration::ZERO))
        .collect();
    hide(shared, queue, &all).await;
    let count = messages.len();
    let others = shared.in_work.load(Ordering::Relaxed) - count;
    let given_back = QueueEvent::GivenBack {
        messages: count as u64,
    };
    shared.tell_beside(given_back, others);
}

fn begun(shared: &Shared) -> RunRow {
    RunRow {
        run_id: Ulid::generate().to_string(),
        function: shared.entry.name.to_owned(),
        trigger: Trigger::Event,
        slot: None,
        missed: 0,
        mode: Mode::Apply,
        started_at: shared.now(),
        finished_at: None,
        outcome: None,
        detail: None,
        summary: None,
    }
}

/// The event that Lambda would make of the messages.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
fn envelope(queue: &Queue, messages: &[Message]) -> Result<Envelope, String> {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": message.attributes,
                "messageAttributes": message.message_attributes,
                "md5OfBody": message.md5_of_body,
                "eventSource": "aws:sqs",
                "eventSourceARN": queue.arn(),
                "awsRegion": queue.region(),
            })
        })
        .collect();
    let event = Envelope::read(json!({ "Records": records }));
    event.map_err(|error| chain(&error))
}

/// Runs, and holds on to the messages meanwhile.
async fn run(
    shared: &Shared,
    queue: &Queue,
    messages: &[Message],
    start: RunRow,
    (event, place): (Envelope, Place),
) -> Ran {
    let settings = std::sync::Arc::clone(&shared.settings.borrow());
    let limit = settings
        .config
        .section(shared.entry.name)
        .map_or(0, |section| u64::from(section.timeout_secs));
    // A run that blocks its thread may go on for longer than anybody holds on to its messages.
    let last_hold = Instant::now() + Duration::from_secs(limit) + 2 * TIME_TO_END;
    let order = Order {
        entry: shared.entry,
        settings,
        start,
        event: Some(event),
        tail: None,
        cancel: shared.cancel.child_token(),
    };
    let mut task = shared.runs.spawn(async move {
        // A run that cannot be ended keeps its place.
        let _place = place;
        runner::run(order).await
    });
    loop {
        tokio::select! {
            joined = &mut task => return joined.unwrap_or_else(|error| {
                let outcome = match error.is_panic() {
                    true => Outcome::Panicked,
                    false => Outcome::Interrupted,
                };
                failed(outcome, format!("the run was lost: {error}"))
            }),
            () = tokio::time::sleep(VISIBILITY / 2) => {}
        }
        if Instant::now() > last_hold {
            error!(
                function = shared.entry.name,
                queue = shared.queue.url,
                "the run cannot be ended: its messages come again while it goes on"
            );
            let lost = "it cannot be ended, and its messages were given up".to_owned();
            return failed(Outcome::Timeout, lost);
        }
        hold(shared, queue, messages).await;
    }
}

/// Hides messages in work for another while.
async fn hold(shared: &Shared, queue: &Queue, messages: &[Message]) {
    let held: Vec<(&Message, Duration)> = messages
        .iter()
        .map(|message| (message, VISIBILITY))
        .collect();
    match queue.set_visibility(&held).await {
        Ok(lost) if lost.is_empty() => {}
        Ok(lost) => warn!(
            function = shared.entry.name,
            queue = shared.queue.url,
            messages = lost.len(),
            "messages in work may come again: the hold on them was lost"
        ),
        // There is half of the time left for another attempt or two by the SDK; then they come again.
        Err(error) => warn!(
            function = shared.entry.name,
            queue = shared.queue.url,
            "messages in work may come again: {}",
            chain(&error)
        ),
    }
}

fn failed(outcome: Outcome, detail: String) -> Ran {
    let end = End {
        outcome,
        detail: Some(detail),
        summary: None,
    };
    Ran { end, run: None }
}

/// Deletes what is settled, and says when the rest comes again.
async fn settle(shared: &Shared, queue: &Queue, messages: &[Message], ran: &Ran) -> Counts {
    let mut counts = Counts {
        deliveries: 1,
        failed: u64::from(ran.run.is_none()),
        ..Counts::default()
    };
    let rows = ran.run.as_ref().map_or(&[][..], |run| &run.records);
    let fates = fates(rows);
    let held = held(rows);
    let mut settled = Vec::new();
    let mut again = Vec::new();
    for message in messages {
        let counter = match fates.get(message.id.as_str()) {
            Some(Fate::Done) => &mut counts.done,
            Some(Fate::Ignored) => &mut counts.ignored,
            Some(Fate::Quarantined) => &mut counts.quarantined,
            // A message that the run says nothing about was not worked on.
            Some(Fate::Again) | None => {
                counts.retried += 1;
                let wait = match ran.end.outcome {
                    // Somebody else may take it at once.
                    Outcome::Interrupted => Duration::ZERO,
                    _ => wait_of(message, held.get(message.id.as_str()), shared.now()),
                };
                again.push((message, wait));
                continue;
            }
        };
        *counter += 1;
        settled.push(message);
    }
    delete(shared, queue, &settled).await;
    hide(shared, queue, &again).await;
    counts
}

/// Says when messages come again.
async fn hide(shared: &Shared, queue: &Queue, messages: &[(&Message, Duration)]) {
    if !messages.is_empty()
        && let Err(error) = queue.set_visibility(messages).await
    {
        warn!(
            function = shared.entry.name,
            queue = shared.queue.url,
            "messages come again sooner or later than they should: {}",
            chain(&error)
        );
    }
}

async fn delete(shared: &Shared, queue: &Queue, messages: &[&Message]) {
    let mut left = messages.to_vec();
    for attempt in 1..=DELETIONS {
        if left.is_empty() {
            return;
        }
        let reason = match queue.delete(&left).await {
            Ok(failed) => {
                left.retain(|message| failed.contains(&message.id));
                "SQS did not delete them".to_owned()
            }
            Err(error) => chain(&error),
        };
        if attempt == DELETIONS && !left.is_empty() {
            // They come again, and the ledger knows that they are done.
            warn!(
                function = shared.entry.name,
                queue = shared.queue.url,
                messages = left.len(),
                "messages that are done come again: {reason}"
            );
        }
    }
}

/// What becomes of a message, by its records: the last of these that fits one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Ignored,
    Done,
    Quarantined,
    Again,
}

/// What becomes of each message that the rows speak of.
fn fates(rows: &[RecordRow]) -> BTreeMap<&str, Fate> {
    let mut fates = BTreeMap::new();
    for row in rows {
        let message = message_of(&row.id);
        let fate = match row.outcome {
            RecordOutcome::Ignored => Fate::Ignored,
            RecordOutcome::Done => Fate::Done,
            RecordOutcome::Quarantined => Fate::Quarantined,
            // Planned is not done.
            RecordOutcome::Planned | RecordOutcome::Retry => Fate::Again,
        };
        let known = fates.entry(message).or_insert(fate);
        *known = fate.max(*known);
    }
    fates
}

/// Until when somebody else holds a record of each message, for those where that is so.
fn held(rows: &[RecordRow]) -> BTreeMap<&str, DateTime<Utc>> {
    let mut held = BTreeMap::new();
    for row in rows {
        if let Some(until) = row.not_before {
            let known = held.entry(message_of(&row.id)).or_insert(until);
            *known = until.max(*known);
        }
    }
    held
}

/// How long a message that comes again is hidden. What somebody else holds comes after that: each receive before would be
/// for nothing, and bring it nearer to the dead letters.
fn wait_of(message: &Message, held: Option<&DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
    let back_off = back_off(message);
    let lease = held.and_then(|until| (*until - now).to_std().ok());
    lease.map_or(back_off, |lease| {
        // A little later, so that it is over by every machine's clock.
        (lease + AFTER_LEASE).clamp(back_off, LONGEST_HIDING)
    })
}

/// How long a message is hidden before it comes again: longer each time, and messages that failed together do not come
/// back together.
fn back_off(message: &Message) -> Duration {
    let doublings = message.receive_count().saturating_sub(1).min(16);
    let whole = FIRST_BACK_OFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACK_OFF);
    let share = message.id.bytes().map(u32::from).sum::<u32>() % 100;
    whole - whole * share / 400
}

#[cfg(test)]
mod tests;
