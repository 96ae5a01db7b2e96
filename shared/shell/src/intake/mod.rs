//! What stands around the run of an event: which of its records are new, who works on each, and what is kept of those
//! that cannot succeed.
//!
//! ```text
//! records ──> judge by the ledger ──> observe, plan ──> claim ──> apply ──> settle, quarantine ──> answer
//! ```
//!
//! Functions see none of it: they get the records that are theirs to work on, and decide about each. Without `[state]`
//! there is no ledger: then what a function writes must be conditional itself, and a record that cannot succeed is left
//! to the queue's redrive or the on-failure destination.

mod claim;
mod judge;
pub mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::state::{
    Entry, EntryState, Found, Order, Quarantined, StateReader, StateWriter,
};
use lamplighter_core::{
    Error, Finding, Mode, RecordOutcome, RecordRow, Resource, Result, Run, Severity, Trigger,
    Verdict, chain,
};
use lamplighter_events::{Delivery, Form, Happening, QUARANTINE_SCHEMA, Record};
use tracing::warn;

pub(crate) use claim::{Desk, Once, Waves};

use crate::clock::Clock;
use judge::{Judgement, judge, same_delivery};

/// The rule by which a round reports what is in quarantine.
const RULE: &str = "record-in-quarantine";

/// How many quarantined records a round reports. More of them say nothing that these do not.
const MOST_REPORTED: usize = 500;

/// The records of one event, as far as they are this run's.
pub(crate) struct Intake {
    function: &'static str,
    records: Vec<Record>,
    /// What was decided before the function saw anything.
    decided: BTreeMap<usize, RecordRow>,
    /// The ledger's entries as they were seen, by the place of the record.
    seen: BTreeMap<usize, Found<Entry>>,
}

impl Intake {
    /// Reads the ledger, and sets aside what is done, older, or somebody else's.
    pub(crate) async fn open(
        function: &'static str,
        delivery: Delivery,
        state: Option<&StateReader>,
        session: &Session,
        is_replay: bool,
        now: DateTime<Utc>,
    ) -> Self {
        // Whoever waits for a decision gets the same one again: the function finds out what is left to do.
        let is_listed = matches!(delivery.form, Form::Objects | Form::MailDecision);
        let mut intake = Self {
            function,
            decided: BTreeMap::new(),
            seen: BTreeMap::new(),
            records: delivery.records,
        };
        for (place, record) in intake.records.iter().enumerate() {
            let row = match &record.happening {
                Happening::Nothing(reason) => (RecordOutcome::Ignored, reason.clone()),
                Happening::Unreadable(reason) => (RecordOutcome::Quarantined, reason.clone()),
                _ => continue,
            };
            intake.decided.insert(place, decided(record, row));
        }
        for (place, row) in same_delivery(&intake.records) {
            let record = &intake.records[place];
            intake
                .decided
                .entry(place)
                .or_insert_with(|| decided(record, row));
        }
        if let Some(state) = state {
            intake
                .judge(state, session, is_replay, is_listed, now)
                .await;
        }
        intake
    }

    async fn judge(
        &mut self,
        state: &StateReader,
        session: &Session,
        is_replay: bool,
        is_listed: bool,
        now: DateTime<Utc>,
    ) {
        let open: Vec<usize> = (0..self.records.len())
            .filter(|place| !self.decided.contains_key(place))
            .filter(|place| order_of(&self.records[*place]).is_some())
            .collect();
        let function = self.function;
        let reads = open.iter().map(|place| {
            let subject = self.records[*place].subject();
            async move { state.entry(function, &subject).await }
        });
        let entries = session.concurrently(reads.collect()).await;
        for (place, entry) in open.into_iter().zip(entries) {
            let record = &self.records[place];
            let order = order_of(record).unwrap_or_default();
            let row = match entry {
                Ok(None) => continue,
                Ok(Some(entry)) => {
                    let judgement = judge(&order, &entry.document, now, is_replay, is_listed);
                    self.seen.insert(place, entry);
                    match judgement {
                        Judgement::Fresh => continue,
                        Judgement::Ignore(reason) => (RecordOutcome::Ignored, reason),
                        Judgement::Wait(reason, until) => {
                            let row = decided(record, (RecordOutcome::Retry, reason));
                            let not_before = Some(until);
                            self.decided.insert(place, RecordRow { not_before, ..row });
                            continue;
                        }
                    }
                }
                Err(error) => (RecordOutcome::Retry, chain(&error)),
            };
            self.decided.insert(place, decided(record, row));
        }
    }

    /// The records that are this run's to work on.
    pub(crate) fn fresh(&self) -> Vec<Record> {
        let records = self.records.iter().enumerate();
        records
            .filter(|(place, _)| !self.decided.contains_key(place))
            .map(|(_, record)| record.clone())
            .collect()
    }

    /// The desk at which records are claimed before anything is done for them.
    pub(crate) fn desk(
        &self,
        writer: Option<StateWriter>,
        run_id: &str,
        clock: Clock,
        lease: TimeDelta,
    ) -> Arc<Desk> {
        let mut desk = Desk::new(writer, self.function, run_id, clock, lease);
        for (place, record) in self.records.iter().enumerate() {
            if let Some(order) = order_of(record) {
                let seen = self.seen.get(&place).map(|found| found.tag.clone());
                desk.expect(&record.id, record.subject(), order, seen);
            }
        }
        Arc::new(desk)
    }

    /// Puts what was decided beforehand into the run, keeps what cannot succeed, and closes the claims.
    pub(crate) async fn conclude(&self, run: &mut Run, desk: &Desk) {
        let mut own: BTreeMap<String, RecordRow> = run
            .records
            .drain(..)
            .map(|row| (row.id.clone(), row))
            .collect();
        for (place, record) in self.records.iter().enumerate() {
            let before = self.decided.get(&place);
            let mut row = before
                .cloned()
                .or_else(|| own.remove(&record.id))
                .unwrap_or_else(|| {
                    // A defect of the function must not lose the record.
                    let reason = "nothing was decided about it".to_owned();
                    decided(record, (RecordOutcome::Retry, reason))
                });
            if row.outcome == RecordOutcome::Quarantined && run.mode == Mode::Apply {
                self.keep(run, desk, record, &mut row).await;
            }
            let is_told = before.is_none() && row.outcome == RecordOutcome::Quarantined;
            if matches!(
                row.outcome,
                RecordOutcome::Retry | RecordOutcome::Quarantined
            ) && !is_told
            {
                run.went_wrong(&row.subject, row.reason.clone().unwrap_or_default());
            }
            if run.mode == Mode::Apply {
                desk.close(&row, run.trigger == Trigger::Replay).await;
            }
            run.records.push(row);
        }
    }

    /// Puts a record into quarantine. Where that cannot be, it is delivered again: nothing is lost.
    async fn keep(&self, run: &Run, desk: &Desk, record: &Record, row: &mut RecordRow) {
        let reason = row.reason.clone().unwrap_or_default();
        let Some(writer) = desk.writer() else {
            row.outcome = RecordOutcome::Retry;
            row.reason = Some(format!(
                "{reason} (there is no [state] to keep it in: it is left to the queue's redrive or the on-failure \
                 destination)"
            ));
            return;
        };
        let kept = writer
            .quarantine(&Quarantined {
                schema: QUARANTINE_SCHEMA.to_owned(),
                function: self.function.to_owned(),
                subject: row.subject.clone(),
                reason: reason.clone(),
                run_id: run.run_id.clone(),
                at: run.finished_at,
                payload: record.payload.clone(),
            })
            .await;
        if let Err(error) = kept {
            row.outcome = RecordOutcome::Retry;
            row.reason = Some(format!(
                "{reason}; it cannot be put into quarantine: {}",
                chain(&error)
            ));
        }
    }
}

/// Adds what is in quarantine to the run of a round.
pub(crate) async fn report_quarantine(run: &mut Run, state: &StateReader, session: &Session) {
    match state.quarantined(&run.function, MOST_REPORTED).await {
        Ok(all) => {
            if all.len() == MOST_REPORTED {
                run.notes.push(format!(
                    "only the first {MOST_REPORTED} records in quarantine are listed"
                ));
            }
            for (key, record) in all {
                run.add_finding(finding(&key, &record, session));
            }
        }
        Err(error) => run.went_wrong("quarantine", chain(&error)),
    }
}

fn finding(key: &str, record: &Quarantined, session: &Session) -> Finding {
    let caller = session.caller();
    let arn = match record.subject.strip_prefix("s3://") {
        Some(object) => format!("arn:{}:s3:::{object}", caller.partition),
        None => record.subject.clone(),
    };
    let resource = Resource {
        arn,
        account: caller.account.clone(),
        region: None,
    };
    let message = format!(
        "`{}` could not be worked on, and is in quarantine since {}: {}",
        record.subject,
        record.at.format("%Y-%m-%d %H:%M UTC"),
        record.reason
    );
    Finding::new(RULE, Severity::Medium, Verdict::Fail, &resource, message)
        .evidence("quarantine_key", key)
        .evidence("run_id", record.run_id.clone())
        .evidence("at", record.at.to_rfc3339())
}

/// What the ledger knows a record by; `None` for those it keeps no entry of.
fn order_of(record: &Record) -> Option<Order> {
    match &record.happening {
        Happening::Created(object) | Happening::Removed(object) => Some(Order {
            name: object.name.clone(),
            sequencer: object.sequencer.clone(),
            version_id: object.version_id.clone(),
            etag: object.etag.clone(),
        }),
        Happening::Mail(_) => Some(Order::default()),
        Happening::Deployment(_) | Happening::Nothing(_) | Happening::Unreadable(_) => None,
    }
}

fn decided(record: &Record, (outcome, reason): (RecordOutcome, String)) -> RecordRow {
    RecordRow {
        id: record.id.clone(),
        subject: record.subject(),
        outcome,
        reason: Some(reason),
        disposition: None,
        not_before: None,
    }
}

/// Refuses the event of a function in plan mode: it would have to be acknowledged without anything being done.
pub(crate) fn refuse_in_plan_mode(function: &str) -> Result<()> {
    Err(Error::new(
        lamplighter_core::ErrorKind::ModePlan,
        format!("`{function}` is in plan mode, and acknowledges no event"),
    )
    .hint(format!(
        "set `mode = \"apply\"` in [{function}]; or look at what it would do: \
         `lamplighter run {function} --dry-run --event FILE`"
    )))
}

/// Says that a claim stays open.
fn stays_open(subject: &str, error: &Error) {
    warn!(
        subject,
        "the entry in the ledger stays open: {}",
        chain(error)
    );
}

/// The entry of a record that begins.
fn begun(
    function: &str,
    subject: &str,
    order: &Order,
    run_id: &str,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Entry {
    Entry {
        function: function.to_owned(),
        subject: subject.to_owned(),
        order: order.clone(),
        state: EntryState::Running,
        run_id: run_id.to_owned(),
        holder: crate::clock::machine(),
        began_at: now,
        expires_at: now + lease,
        reason: None,
    }
}
