//! What the ledger says about a record. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_aws::state::{Entry, EntryState, Order};
use lamplighter_core::RecordOutcome;
use lamplighter_events::Record;

use super::order_of;

/// What the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is to be worked on.
    Fresh,
    /// There is nothing left to do.
    Ignore(String),
    /// Somebody works on it, and has lost it at this time unless it is done before.
    Wait(String, DateTime<Utc>),
}

/// Judges a record by the entry of its subject.
pub(super) fn judge(
    order: &Order,
    entry: &Entry,
    now: DateTime<Utc>,
    is_replay: bool,
    is_listed: bool,
) -> Judgement {
    let is_going_on = entry.state == EntryState::Running && now < entry.expires_at;
    if is_going_on {
        let reason = format!(
            "run {} is at it on {} until {} at the latest",
            entry.run_id,
            entry.holder,
            entry.expires_at.format("%H:%M:%S UTC")
        );
        return Judgement::Wait(reason, entry.expires_at);
    }
    // Whoever lists objects asks for what they are now, and the function finds out what is left to do.
    if is_listed {
        return Judgement::Fresh;
    }
    if order.is_older_than(&entry.order) {
        return Judgement::Ignore("a newer version of it has been seen".to_owned());
    }
    if !order.is_same(&entry.order) {
        return Judgement::Fresh;
    }
    match entry.state {
        EntryState::Done => Judgement::Ignore(format!("done already, by run {}", entry.run_id)),
        EntryState::Quarantined if !is_replay => Judgement::Ignore(format!(
            "in quarantine already: {}",
            entry.reason.as_deref().unwrap_or("no reason is known")
        )),
        // A crashed attempt is taken over, a failed one made again.
        EntryState::Running | EntryState::Failed | EntryState::Quarantined => Judgement::Fresh,
    }
}

/// Of several records of one subject in one delivery the newest is worked on. The older ones have nothing to say; those
/// of which nobody knows the order wait for their turn.
pub(super) fn same_delivery(records: &[Record]) -> Vec<(usize, (RecordOutcome, String))> {
    let mut newest: BTreeMap<String, (usize, Order)> = BTreeMap::new();
    let mut aside = Vec::new();
    for (place, record) in records.iter().enumerate() {
        let Some(order) = order_of(record) else {
            continue;
        };
        let subject = record.subject();
        let Some((other, known)) = newest.get(&subject).cloned() else {
            newest.insert(subject, (place, order));
            continue;
        };
        let older = || {
            (
                RecordOutcome::Ignored,
                "a newer version of it is in the same delivery".to_owned(),
            )
        };
        if order.is_same(&known) {
            let reason = "the same delivery holds it twice".to_owned();
            aside.push((place, (RecordOutcome::Ignored, reason)));
        } else if order.is_older_than(&known) {
            aside.push((place, older()));
        } else if known.is_older_than(&order) {
            aside.push((other, older()));
            newest.insert(subject, (place, order));
        } else {
            let reason = "another record of the same object comes first".to_owned();
            aside.push((place, (RecordOutcome::Retry, reason)));
        }
    }
    aside.sort_by_key(|(place, _)| *place);
    aside
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use lamplighter_events::Sequencer;

    use super::*;

    const LEASE: TimeDelta = TimeDelta::seconds(60);

    fn order(sequencer: &str) -> Order {
        Order {
            name: "ObjectCreated:Put".to_owned(),
            sequencer: Sequencer::parse(sequencer),
            ..Order::default()
        }
    }

    fn entry(state: EntryState, sequencer: &str) -> Entry {
        Entry {
            reason: Some("no image".to_owned()),
            state,
            ..super::super::begun(
                "f",
                "s3://b/k",
                &order(sequencer),
                "run-1",
                DateTime::UNIX_EPOCH,
                LEASE,
            )
        }
    }

    #[track_caller]
    fn check(state: EntryState, sequencer: &str, after_seconds: i64, expected: &str) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(after_seconds);
        let judgement = judge(&order("05"), &entry(state, sequencer), now, false, false);
        let text = match judgement {
            Judgement::Fresh => "fresh".to_owned(),
            Judgement::Ignore(reason) => format!("ignore: {reason}"),
            Judgement::Wait(_, until) => format!("wait until second {}", until.timestamp()),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_done_or_in_quarantine_is_acknowledged() {
        check(
            EntryState::Done,
            "05",
            0,
            "ignore: done already, by run run-1",
        );
        check(
            EntryState::Quarantined,
            "05",
            0,
            "ignore: in quarantine already: no image",
        );
    }

    #[test]
    fn somebody_else_s_work_is_waited_for_until_it_must_have_crashed() {
        check(EntryState::Running, "05", 0, "wait until second 60");
        check(EntryState::Running, "05", 59, "wait until second 60");
        check(EntryState::Running, "05", 60, "fresh");
        check(EntryState::Running, "04", 59, "wait until second 60");
        check(EntryState::Failed, "05", 0, "fresh");
    }

    #[test]
    fn an_older_version_never_comes_after_a_newer_one() {
        for state in [
            EntryState::Done,
            EntryState::Failed,
            EntryState::Quarantined,
        ] {
            check(
                state,
                "06",
                0,
                "ignore: a newer version of it has been seen",
            );
            check(state, "04", 0, "fresh");
        }
        check(
            EntryState::Running,
            "06",
            60,
            "ignore: a newer version of it has been seen",
        );
    }

    #[test]
    fn a_replay_lets_out_of_quarantine_and_repeats_nothing_that_is_done() {
        let now = DateTime::UNIX_EPOCH;
        let judged = |state| judge(&order("05"), &entry(state, "05"), now, true, false);
        assert_eq!(judged(EntryState::Quarantined), Judgement::Fresh);
        assert!(matches!(judged(EntryState::Done), Judgement::Ignore(_)));
    }

    #[test]
    fn a_listed_object_is_looked_at_whatever_the_ledger_says_but_not_while_somebody_is_at_it() {
        let now = DateTime::UNIX_EPOCH;
        let judged = |state| judge(&order("05"), &entry(state, "05"), now, false, true);
        assert_eq!(judged(EntryState::Done), Judgement::Fresh);
        assert!(matches!(judged(EntryState::Running), Judgement::Wait(..)));
    }
}
