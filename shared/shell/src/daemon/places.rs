//! Places for runs: so many go on at once over all functions, and so many of those that share something, whatever set
//! them off.
//!
//! The planner starts slots; it is pure, and is told how many other runs go on. What it does not start, deliveries of
//! queues and dry runs by hand, takes its place here. While the planner decides nobody else takes one, so that two cannot
//! have the last. A slot that is due and has no place comes before every delivery: a queue that never runs dry must not
//! keep a schedule from its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::planner::Limit;

/// All places. Copies are the same places.
#[derive(Clone)]
pub(super) struct Places(Arc<watch::Sender<State>>);

/// Who has a place, and who is to have the next one.
#[derive(Debug, Default)]
struct State {
    max_runs: usize,
    limits: Vec<Limit>,
    /// Runs of slots, by function.
    slots: BTreeMap<String, usize>,
    /// Other runs, by function.
    beside: BTreeMap<String, usize>,
    /// Functions with a slot that is due and has no place.
    wanting: BTreeSet<String>,
    is_planning: bool,
}

/// A place that was taken. It is free again when this is dropped.
pub(super) struct Place {
    places: Places,
    function: String,
}

impl Places {
    pub(super) fn new(max_runs: usize) -> Self {
        let state = State {
            max_runs,
            ..State::default()
        };
        Self(Arc::new(watch::Sender::new(state)))
    }

    /// What functions share, from now on. What runs goes on.
    pub(super) fn set_limits(&self, limits: Vec<Limit>) {
        self.0.send_modify(|state| state.limits = limits);
    }

    /// The planner begins to decide: until it has decided nobody takes a place. Answers how many runs go on beside its
    /// own, by function.
    pub(super) fn begin_planning(&self) -> BTreeMap<String, usize> {
        let mut beside = BTreeMap::new();
        self.0.send_modify(|state| {
            state.is_planning = true;
            beside.clone_from(&state.beside);
        });
        beside
    }

    /// The planner has decided: these of its runs go on, and these functions want a place.
    pub(super) fn planned(&self, slots: BTreeMap<String, usize>, wanting: BTreeSet<String>) {
        self.0.send_modify(|state| {
            state.slots = slots;
            state.wanting = wanting;
            state.is_planning = false;
        });
    }

    /// Waits until there is room for another run of a function, and takes none of it.
    pub(super) async fn room(&self, function: &str) {
        let mut state = self.0.subscribe();
        // There is always a sender: this one's own.
        state.wait_for(|state| state.has_room(function)).await.ok();
    }

    /// Takes a place as soon as there is one.
    pub(super) async fn take(&self, function: &str) -> Place {
        loop {
            self.room(function).await;
            if let Some(place) = self.try_take(function) {
                return place;
            }
        }
    }

    /// Takes a place if there is one now.
    pub(super) fn try_take(&self, function: &str) -> Option<Place> {
        let is_taken = self.0.send_if_modified(|state| {
            let has_room = state.has_room(function);
            if has_room {
                *state.beside.entry(function.to_owned()).or_default() += 1;
            }
            has_room
        });
        is_taken.then(|| Place {
            places: self.clone(),
            function: function.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.send_modify(|state| {
            if let Some(count) = state.beside.get_mut(&self.function) {
                *count -= 1;
                if *count == 0 {
                    state.beside.remove(&self.function);
                }
            }
        });
    }
}

impl State {
    /// Whether another run of this function may go on, and still leaves a place to each that wants one.
    fn has_room(&self, function: &str) -> bool {
        let count = |name: &str| {
            let running = [&self.slots, &self.beside].map(|runs| runs.get(name).copied());
            running.into_iter().flatten().sum::<usize>() + usize::from(self.wanting.contains(name))
        };
        let all = self.slots.values().chain(self.beside.values());
        let all = all.sum::<usize>() + self.wanting.len();
        let mut shared = self.limits.iter();
        !self.is_planning
            && all < self.max_runs
            && shared.all(|limit| limit.has_room(function, count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn slots(functions: &[&str]) -> BTreeMap<String, usize> {
        let each = functions.iter().map(|name| (name.to_string(), 1));
        each.collect()
    }

    fn limited(max_runs: usize, functions: &[&str], limit: usize) -> Places {
        let places = Places::new(max_runs);
        places.set_limits(vec![Limit {
            functions: names(functions),
            max_runs: limit,
        }]);
        places
    }

    #[test]
    fn slots_and_others_together_take_no_more_places_than_there_are() {
        let places = Places::new(2);
        places.planned(slots(&["a"]), names(&[]));
        let held = places.try_take("b").expect("one is left");
        assert!(places.try_take("b").is_none());
        assert_eq!(places.begin_planning(), slots(&["b"]));
        drop(held);
        places.planned(slots(&["a"]), names(&[]));
        assert!(places.try_take("b").is_some());
    }

    #[test]
    fn a_limit_counts_slots_and_others_of_the_functions_that_share_something() {
        let places = limited(9, &["a", "b"], 1);
        places.planned(slots(&["a"]), names(&[]));
        assert!(places.try_take("b").is_none());
        assert!(places.try_take("c").is_some());
        places.planned(slots(&[]), names(&[]));
        let _held = places.try_take("b").expect("room");
        assert!(places.try_take("b").is_none());
    }

    #[test]
    fn while_the_planner_decides_nobody_takes_the_place_that_it_sees() {
        let places = Places::new(1);
        assert_eq!(places.begin_planning(), slots(&[]));
        assert!(places.try_take("b").is_none());
        places.planned(slots(&["a"]), names(&[]));
        assert!(places.try_take("b").is_none());
    }

    #[test]
    fn a_slot_that_is_due_comes_before_every_delivery() {
        let places = limited(4, &["a", "b"], 1);
        let held = places.try_take("b").expect("room");
        places.planned(slots(&[]), names(&["a"]));
        drop(held);
        assert!(places.try_take("b").is_none(), "it is kept for the slot");
        assert!(
            places.try_take("c").is_some(),
            "that shares nothing with it"
        );
        places.planned(slots(&[]), names(&[]));
        assert!(places.try_take("b").is_some());
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_a_place_is_free() {
        let places = Places::new(1);
        let held = places.take("a").await;
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { drop(places.take("b").await) }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        drop(held);
        let patience = Duration::from_secs(10);
        let ended = tokio::time::timeout(patience, waiting).await;
        ended.expect("in time").expect("no panic");
    }
}
