//! A run that goes on in another invocation: what the parts hand on to each other, in the envelope's metadata.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_aws::{HasTime, Unfinished};
use lamplighter_core::{Error, Part, Result, Run, Tally};
use lamplighter_events::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Clock;

/// The metadata's key.
const KEY: &str = "continuation";

/// A run ends after this many parts, done or not: something goes round in a circle.
const MOST_PARTS: u32 = 20;

/// An asynchronous invocation takes 256 KB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST_BYTES: usize = 250_000;

/// The longest [`margin`].
const MARGIN: Duration = Duration::from_secs(12);

/// What one part hands on to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Continuation {
    /// The id of the first part's run; empty in the first part.
    #[serde(default)]
    chain: String,
    /// Which part it is; 0 and 1 are the first.
    #[serde(default)]
    part: u32,
    /// What was looked at.
    #[serde(default)]
    done: Vec<String>,
    /// What was planned and read, for the limits.
    #[serde(default)]
    tally: Tally,
}

impl Continuation {
    /// What the part before handed on; of a run that begins, nothing.
    pub(crate) fn of(envelope: &Envelope) -> Result<Self> {
        let Some(value) = envelope.metadata.get(KEY).filter(|value| !value.is_null()) else {
            return Ok(Self::default());
        };
        let continuation: Self = serde_json::from_value(value.clone()).map_err(|error| {
            Error::permanent("the event's `metadata.continuation` is not what a part hands on")
                .caused_by(error)
        })?;
        let is_id =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id(&continuation.chain) || !(2..=MOST_PARTS).contains(&continuation.part) {
            return Err(Error::permanent(
                "the event's `metadata.continuation` names no run, or no part from 2 to 20",
            ));
        }
        Ok(continuation)
    }

    pub(crate) fn done(&self) -> Vec<String> {
        self.done.clone()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    pub(crate) fn is_first(&self) -> bool {
        self.part <= 1
    }

    pub(crate) fn number(&self) -> u32 {
        self.part.max(1)
    }

    /// This part, which leaves something to the next.
    pub(crate) fn part(&self, run_id: &str, unfinished: Unfinished) -> Part {
        Part {
            left: unfinished.left.len(),
            done: unfinished.done,
            ..self.last_part(run_id)
        }
    }

    /// This part, if nothing is left.
    pub(crate) fn last_part(&self, run_id: &str) -> Part {
        Part {
            chain: if self.is_first() { run_id } else { &self.chain }.to_owned(),
            number: self.number(),
            left: 0,
            done: vec![],
        }
    }
}

/// The event of the part after `part`: that of this part, with how far it came.
pub(crate) fn next(envelope: &Envelope, part: &Part, run: &Run) -> Result<Value> {
    let stop = |why: String| {
        Err(Error::permanent(why).hint(
            "give the function more time or memory, or split the accounts among several stacks",
        ))
    };
    if part.number >= MOST_PARTS {
        return stop(format!("it has had {MOST_PARTS} parts"));
    }
    let mut metadata = envelope.metadata.clone();
    let continuation = Continuation {
        chain: part.chain.clone(),
        part: part.number + 1,
        done: part.done.clone(),
        tally: run.tally.clone(),
    };
    metadata.insert(KEY.to_owned(), json!(continuation));
    let event = json!({ "metadata": metadata, "data": envelope.data });
    if event.to_string().len() > MOST_BYTES {
        return stop("what is done is more than an event can name".to_owned());
    }
    Ok(event)
}

/// How long before its deadline a run is told to end, if so much is left then: it stops taking work, and what it has done
/// is told.
pub(crate) fn margin(left: Duration) -> Duration {
    MARGIN.min(left / 4)
}

/// Whether there is time to begin with another place: in the first two thirds of what is left until the run is told to
/// end. The rest is for what is under way, for acting and for reporting.
pub(crate) fn time_until(deadline: DateTime<Utc>, clock: &Clock) -> HasTime {
    let clock = Arc::clone(clock);
    let now = clock();
    let left = (deadline - now).to_std().unwrap_or_default();
    let end = now + (left - margin(left)) * 2 / 3;
    Arc::new(move || clock() < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(continuation: Value) -> Envelope {
        let event =
            json!({"metadata": {"slot": "2026-11-22T06:00:00Z", "continuation": continuation}});
        Envelope::read(event).expect("an event")
    }

    #[test]
    fn what_a_part_hands_on_is_checked() {
        for wrong in [
            json!("x"),
            json!({}),
            json!({"chain": "01J", "part": 1}),
            json!({"chain": "01J", "part": 21}),
            json!({"chain": "../x", "part": 2}),
        ] {
            Continuation::of(&envelope(wrong.clone())).expect_err(&wrong.to_string());
        }
        let right = json!({"chain": "01J", "part": 2, "done": ["a"]});
        let continuation = Continuation::of(&envelope(right)).expect("right");
        assert_eq!(
            (continuation.number(), continuation.done()),
            (2, vec!["a".to_owned()])
        );
    }

    #[test]
    fn there_is_time_for_another_place_in_the_first_two_thirds_of_the_time_until_the_run_is_told_to_end()
     {
        let now = DateTime::UNIX_EPOCH;
        let at = |seconds: i64, deadline: i64| {
            let passed = std::sync::atomic::AtomicI64::new(0);
            let clock: Clock = Arc::new(move || {
                // The first look is at the beginning.
                let seconds = passed.swap(seconds, std::sync::atomic::Ordering::Relaxed);
                now + chrono::TimeDelta::seconds(seconds)
            });
            time_until(now + chrono::TimeDelta::seconds(deadline), &clock)()
        };
        // Of 90 seconds 12 are the margin, of 16 a quarter is.
        for (last, deadline) in [(51, 90), (7, 16)] {
            assert!(at(last, deadline));
            assert!(!at(last + 1, deadline));
        }
    }
}
