//! The places a run looks at, one after another while there is time: what is left when a Lambda's time is nearly up goes
//! on in another invocation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use lamplighter_core::Outcome;

use crate::session::Session;

/// Tells whether a run may begin with another place.
pub type HasTime = Arc<dyn Fn() -> bool + Send + Sync>;

/// Which places are this part's, and until when it may begin with another one.
#[derive(Default)]
pub(crate) struct Slice {
    /// What earlier parts have looked at.
    done: BTreeSet<String>,
    /// `None`: there is time for all.
    has_time: Option<HasTime>,
    reached: Mutex<Reached>,
}

#[derive(Debug, Default)]
struct Reached {
    looked_at: Vec<String>,
    left: Vec<String>,
}

/// How far a run came that had no time for everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What was looked at, by this part and the ones before.
    pub done: Vec<String>,
    /// What is left.
    pub left: Vec<String>,
}

impl Session {
    /// Leaves out what earlier parts of the run have looked at, and begins with further places only while there is time.
    pub fn go_on(&mut self, done: Vec<String>, has_time: Option<HasTime>) {
        self.slice = Slice {
            done: done.into_iter().collect(),
            has_time,
            reached: Mutex::default(),
        };
    }

    /// Does the work of several places at once, under the configured bound, and answers in their order. Each has a
    /// name that is the same in every part of a run. A place that there is no time for is left to the next part, and
    /// has no answer.
    pub async fn in_places<T>(&self, work: Vec<(String, impl Future<Output = T>)>) -> Vec<T> {
        let work = work
            .into_iter()
            .filter(|(name, _)| !self.slice.done.contains(name))
            .map(|(name, work)| async move {
                if self.slice.is_over() {
                    self.slice.reached().left.push(name);
                    return None;
                }
                let answer = work.await;
                self.slice.reached().looked_at.push(name);
                self.progress().scope_done();
                Some(answer)
            });
        let answers = self.concurrently(work.collect()).await;
        answers.into_iter().flatten().collect()
    }

    /// Does the actions of several places at once, under the configured bound. `apply_in` does those of one place, given
    /// by their indices, one after another, and answers an outcome for each. Answers in the order of the actions.
    pub async fn apply_in_places<'a, A, P: Ord, W>(
        &self,
        actions: &'a [A],
        place: impl Fn(&'a A) -> P,
        apply_in: impl Fn(P, Vec<usize>) -> W,
    ) -> Vec<Outcome>
    where
        W: Future<Output = Vec<(usize, Outcome)>>,
    {
        let mut by_place: BTreeMap<P, Vec<usize>> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            by_place.entry(place(action)).or_default().push(index);
        }
        self.progress().expect_actions(actions.len());
        let work = by_place.into_iter();
        let work = work.map(|(place, indices)| apply_in(place, indices));
        let done = self.concurrently(work.collect()).await;
        let mut outcomes = vec![Outcome::Failed("it was not reached".to_owned()); actions.len()];
        for (index, outcome) in done.into_iter().flatten() {
            outcomes[index] = outcome;
        }
        outcomes
    }

    /// How far the run came, if it did not have time for everything.
    pub fn unfinished(&self) -> Option<Unfinished> {
        let reached = self.slice.reached();
        if reached.left.is_empty() {
            return None;
        }
        let mut done: Vec<String> = self.slice.done.iter().cloned().collect();
        done.extend(reached.looked_at.iter().cloned());
        Some(Unfinished {
            done,
            left: reached.left.clone(),
        })
    }
}

impl Slice {
    /// Whether no further place may be begun. The first one always is: a part that does nothing would be followed by
    /// one that does no more.
    fn is_over(&self) -> bool {
        let is_late = self.has_time.as_ref().is_some_and(|has_time| !has_time());
        is_late && !self.reached().looked_at.is_empty()
    }

    fn reached(&self) -> std::sync::MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
