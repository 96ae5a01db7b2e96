//! A run in parts: a Lambda has fifteen minutes at most, and what is left when they are nearly over goes on in another
//! invocation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::exception::ExceptionStatus;
use crate::limits::Population;
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

/// What all parts of a run so far planned and read, for the limits: they hold for the whole run, not for each part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By account.
    #[serde(default)]
    accounts: BTreeMap<String, Counted>,
    /// Why a part was refused. Then the parts after it are refused too.
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    acting: usize,
    read: usize,
    offending: usize,
}

impl Tally {
    /// Adds what the parts before planned and read to what this one does, account by account.
    pub(crate) fn add_to(
        &self,
        acting: &mut BTreeMap<String, usize>,
        populations: &mut Vec<Population>,
    ) {
        for (account, counted) in &self.accounts {
            if let Some(acting) = acting.get_mut(account) {
                *acting += counted.acting;
            }
            let known = populations
                .iter_mut()
                .find(|population| population.account == *account);
            if let Some(population) = known {
                population.read += counted.read;
                population.offending += counted.offending;
            } else {
                populations.push(Population {
                    account: account.clone(),
                    of: "resources",
                    read: counted.read,
                    offending: counted.offending,
                });
            }
        }
    }

    /// With this part, whose numbers are those that [`Tally::add_to`] has made.
    pub(crate) fn with(
        &self,
        acting: &BTreeMap<String, usize>,
        populations: &[Population],
        refused: Option<String>,
    ) -> Self {
        let mut all = self.clone();
        for population in populations {
            let counted = all.accounts.entry(population.account.clone()).or_default();
            (counted.read, counted.offending) = (population.read, population.offending);
        }
        for (account, &acting) in acting {
            all.accounts.entry(account.clone()).or_default().acting = acting;
        }
        all.refused = refused;
        all
    }

    /// Why this part is refused because another was.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refused.clone()
    }
}

impl Run {
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

    /// Says that there was no time for everything, and what becomes of the rest: nothing wrong, and the next part goes
    /// on with it.
    pub fn leave_to_next_part(&mut self, part: Part) {
        let then = format!("part {} goes on with them", part.number + 1);
        self.had_no_time(&part, &then);
        self.part = Some(part);
    }

    /// Says that the run ends here although something is left, because no part can follow this one.
    pub fn end_unfinished(&mut self, why: &str) {
        self.errors.retain(|error| error.scope != UNFINISHED);
        if let Some(part) = self.part.clone() {
            self.had_no_time(&part, &format!("the run ends here: {why}"));
        }
    }

    fn had_no_time(&mut self, part: &Part, then: &str) {
        let (left, all) = (part.left, part.left + part.done.len());
        let message = format!("there was no time for {left} of {all} places; {then}");
        self.went_wrong(UNFINISHED, message);
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
