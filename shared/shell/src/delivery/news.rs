//! Whether a run is worth a report.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use lamplighter_core::{ActionOutcome, DeliveryOutcome, Run, RunOutcome};

/// What a run has to tell beside the last one.
pub(super) struct News<'a> {
    is_news: bool,
    has_last: bool,
    last: Option<&'a Run>,
}

impl<'a> News<'a> {
    /// Compares `run` with the last recorded one. Without a state, which shows as a run without a delta, there is news
    /// whenever there is anything to say.
    pub(super) fn of(run: &Run, last: Option<&'a Run>) -> Self {
        let last = last.filter(|_| run.delta.is_some());
        Self {
            is_news: last.map_or_else(|| says_anything(run), |last| has_changed(run, last)),
            has_last: last.is_some(),
            last,
        }
    }

    /// The same, about a part of the last run: what became of its deliveries is told by `whole`.
    pub(super) fn of_part(run: &Run, last: Option<&Run>, whole: Option<&'a Run>) -> Self {
        let news = News::of(run, last);
        Self {
            is_news: news.is_news,
            has_last: news.has_last,
            last: whole.filter(|_| run.delta.is_some()),
        }
    }

    /// Whether a destination should hear of the run; otherwise why not.
    pub(super) fn reason_for(&self, destination: &str) -> Result<(), &'static str> {
        match (self.is_news || self.was_lost(destination), self.has_last) {
            (true, _) => Ok(()),
            (false, true) => Err("nothing changed since the last run"),
            (false, false) => Err("nothing to report"),
        }
    }

    /// Whether the last report never arrived there.
    pub(super) fn was_lost(&self, destination: &str) -> bool {
        let mut deliveries = self.last.into_iter().flat_map(|last| &last.deliveries);
        deliveries.any(|delivery| {
            delivery.destination == destination && delivery.outcome == DeliveryOutcome::Failed
        })
    }
}

/// Whether a run says anything at all.
fn says_anything(run: &Run) -> bool {
    run.has_findings() || !run.errors.is_empty() || !run.actions.is_empty()
}

/// Whether a run says anything that the last one did not.
fn has_changed(run: &Run, last: &Run) -> bool {
    // Whether the last report arrived is told of each destination.
    let errors = |run: &Run| -> BTreeSet<(String, String)> {
        let rows = run.errors.iter().filter(|row| row.scope != "report");
        rows.map(|row| (row.scope.clone(), row.message.clone()))
            .collect()
    };
    let planned = |run: &Run| -> BTreeSet<(String, String)> {
        let rows = run
            .actions
            .iter()
            .filter(|row| row.outcome == ActionOutcome::Planned);
        rows.map(|row| (row.resource.clone(), row.action.to_string()))
            .collect()
    };
    // A run that is partial only because its report was lost did not differ in what it found.
    let outcome = |run: &Run| match run.outcome {
        RunOutcome::Partial if errors(run).is_empty() && run.summary.failed == 0 => RunOutcome::Ok,
        outcome => outcome,
    };
    let exceptions = |run: &Run| -> Vec<(String, String, &'static str)> {
        let rows = run.exceptions.iter();
        rows.map(|row| (row.rule.clone(), row.resource.clone(), row.status.as_str()))
            .collect()
    };
    run.delta.as_ref().is_some_and(|delta| delta.is_news())
        || was_tried(run)
        || outcome(run) != outcome(last)
        || run.would_refuse.is_some() != last.would_refuse.is_some()
        || errors(run) != errors(last)
        || planned(run) != planned(last)
        || exceptions(run) != exceptions(last)
}

/// What was tried is news; what is only planned, again and again until somebody applies it, is not.
pub(super) fn was_tried(run: &Run) -> bool {
    run.actions
        .iter()
        .any(|row| row.outcome != ActionOutcome::Planned)
}

/// Whether the full report is due: this is the first run on or after `day` since the last one was sent.
pub(super) fn is_digest_due(day: Weekday, today: NaiveDate, last: Option<NaiveDate>) -> bool {
    // Without one so far it is due at once, which shows that the mails arrive.
    last.is_none_or(|last| last < latest(day, today))
}

/// The day from which on the next full report is due, if one is sent today.
pub(super) fn next_digest(day: Weekday, today: NaiveDate) -> Option<NaiveDate> {
    latest(day, today).checked_add_days(Days::new(7))
}

/// The latest such weekday, today included.
fn latest(day: Weekday, today: NaiveDate) -> NaiveDate {
    let back = (7 + today.weekday().num_days_from_monday() - day.num_days_from_monday()) % 7;
    today
        .checked_sub_days(Days::new(u64::from(back)))
        .unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(today: &str, last: Option<&str>, expected: bool) {
        let date = |text: &str| -> NaiveDate { text.parse().expect("a date") };
        assert_eq!(
            is_digest_due(Weekday::Mon, date(today), last.map(date)),
            expected,
            "{today} after {last:?}"
        );
    }

    #[test]
    fn a_digest_is_due_in_the_first_run_on_or_after_its_day() {
        // 2026-11-16 and 2026-11-23 are Mondays.
        check("2026-11-16", Some("2026-11-16"), false);
        check("2026-11-22", Some("2026-11-16"), false);
        check("2026-11-23", Some("2026-11-16"), true);
        check("2026-11-25", Some("2026-11-16"), true);
        check("2026-11-29", Some("2026-11-25"), false);
        check("2026-11-30", Some("2026-11-25"), true);
        check("2026-11-19", None, true);
    }

    #[test]
    fn the_next_digest_is_due_on_its_day_and_not_a_week_after_a_late_one() {
        let late: NaiveDate = "2026-11-25".parse().expect("a date");
        let next = next_digest(Weekday::Mon, late).expect("a date");
        assert_eq!(next.to_string(), "2026-11-30");
    }
}
