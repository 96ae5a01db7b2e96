//! A run in parts: a Lambda has fifteen minutes at most, and what is left when they are nearly over goes on in another
//! invocation.

use serde::{Deserialize, Serialize};

use crate::exception::ExceptionStatus;
use crate::run::{Run, RunOutcome};

/// Which part of a run it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The id of the first part's run, which all of them carry.
    pub chain: String,
    /// 1 for the first.
    pub number: u32,
    /// How many places are left to the parts after it.
    pub left: usize,
    /// What was looked at so far, by name. Whoever starts the next part hands it on; a record does not keep it.
    #[serde(skip)]
    pub done: Vec<String>,
}

impl Run {
    /// Whether another part of it is to follow.
    pub fn is_unfinished(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.left > 0)
    }

    /// The whole run, from its parts: `self` is the last one, `before` are the others, in their order.
    #[must_use]
    pub fn after(mut self, before: Vec<Self>) -> Self {
        for part in before.into_iter().rev() {
            self.started_at = self.started_at.min(part.started_at);
            self.outcome = worse(self.outcome, part.outcome_without_its_end());
            self.would_refuse = part.would_refuse.or(self.would_refuse);
            let (all, one) = (&mut self.summary, &part.summary);
            all.inspected += one.inspected;
            all.pass += one.pass;
            all.fail += one.fail;
            all.not_applicable += one.not_applicable;
            all.unknown += one.unknown;
            all.planned += one.planned;
            all.done += one.done;
            all.failed += one.failed;
            all.skipped += one.skipped;
            prepend(&mut self.coverage, part.coverage);
            prepend(&mut self.findings, part.findings);
            prepend(&mut self.actions, part.actions);
            prepend(&mut self.skipped, part.skipped);
            let errors = part.errors.into_iter();
            prepend(
                &mut self.errors,
                errors.filter(|error| error.scope != UNFINISHED).collect(),
            );
            for note in part.notes {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            for measure in part.measures {
                let is_same = |other: &&crate::run::Measure| {
                    (&other.account, &other.name) == (&measure.account, &measure.name)
                };
                if !self.measures.iter().any(|other| is_same(&other)) {
                    self.measures.push(measure);
                }
            }
            for (all, one) in self.exceptions.iter_mut().zip(part.exceptions) {
                all.matched += one.matched;
                if all.matched > 0 && all.status == ExceptionStatus::Unused {
                    all.status = ExceptionStatus::Active;
                }
            }
        }
        // What could not be read in several parts is said once.
        let mut seen = std::collections::BTreeSet::new();
        self.coverage.retain(|row| seen.insert(row.scope.clone()));
        self.findings
            .sort_by(|one, other| one.rank().cmp(&other.rank()));
        self
    }

    /// How it ended, but for the places it had no time for.
    fn outcome_without_its_end(&self) -> RunOutcome {
        let is_only_unfinished = self.outcome == RunOutcome::Partial
            && self.summary.failed == 0
            && self.errors.iter().all(|error| error.scope == UNFINISHED);
        if is_only_unfinished {
            RunOutcome::Ok
        } else {
            self.outcome
        }
    }

    /// Says that there was no time for everything.
    pub fn leave_to_next_part(&mut self, part: Part) {
        let message = format!(
            "there was no time for {} of {} places; part {} goes on with them",
            part.left,
            part.left + part.done.len(),
            part.number + 1
        );
        self.went_wrong(UNFINISHED, message);
        self.part = Some(part);
    }
}

/// The scope of the error that says what is left to the next part.
const UNFINISHED: &str = "time";

fn prepend<T>(all: &mut Vec<T>, mut before: Vec<T>) {
    before.append(all);
    *all = before;
}

fn worse(one: RunOutcome, other: RunOutcome) -> RunOutcome {
    let rank = |outcome: RunOutcome| match outcome {
        RunOutcome::Ok => 0,
        RunOutcome::Partial => 1,
        RunOutcome::Refused => 2,
        RunOutcome::Failed => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}
