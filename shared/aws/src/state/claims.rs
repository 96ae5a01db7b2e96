//! Claims: of all daemons and Lambdas that share a state, one runs a slot.
//!
//! ```text
//! slots/<function>/<slot>.json
//! ```
//!
//! A claim whose run failed, or whose holder was never heard of again, may be taken over; one that is done never.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::StateWriter;

/// How often a claim is tried while others write at the same moment.
const ATTEMPTS: u32 = 6;

/// Who runs a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The function.
    pub function: String,
    /// The scheduled time.
    pub slot: DateTime<Utc>,
    /// Which part of the run for that time, from 1.
    #[serde(default = "first")]
    pub part: u32,
    /// The run that stands for it.
    pub run_id: String,
    /// Where it runs, for a person.
    pub holder: String,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// From when on a holder that was not heard of again has lost it.
    pub expires_at: DateTime<Utc>,
    /// The id of the request that asked for the run, where a host has one and asks again under the same id.
    #[serde(default)]
    pub request_id: Option<String>,
    /// How far it is.
    pub state: ClaimState,
}

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimState {
    /// Its run goes on, or its holder crashed.
    Running,
    /// Its run came to its end.
    Done,
    /// Its run could not be brought to its end, and another one may try.
    Failed,
}

fn first() -> u32 {
    1
}

impl Claim {
    fn key(&self) -> String {
        let slot = self.slot.format("%Y-%m-%dT%H%M%SZ");
        match self.part {
            0 | 1 => format!("slots/{}/{slot}.json", self.function),
            part => format!("slots/{}/{slot}-part-{part}.json", self.function),
        }
    }

    /// Whether `self` may be put in the place of a claim that is there.
    pub fn may_replace(&self, there: &Self) -> bool {
        match there.state {
            ClaimState::Done => false,
            ClaimState::Failed => true,
            // The same run: an answer of S3 was lost, and the SDK asked again. The same request: Lambda asks again after
            // a run that crashed.
            ClaimState::Running => {
                there.run_id == self.run_id
                    || there.expires_at <= self.claimed_at
                    || (there.request_id.is_some() && there.request_id == self.request_id)
            }
        }
    }

    /// Why nothing is left to do.
    fn taken(&self) -> Error {
        let state = match self.state {
            ClaimState::Running => "is running",
            ClaimState::Done => "has run",
            ClaimState::Failed => "was tried",
        };
        Error::new(
            ErrorKind::Taken,
            format!(
                "the slot {} {state} elsewhere: claimed by {} at {}, run {}",
                self.slot.format("%Y-%m-%dT%H:%M:%SZ"),
                self.holder,
                self.claimed_at.format("%Y-%m-%dT%H:%M:%SZ"),
                self.run_id
            ),
        )
    }
}

impl StateWriter {
    /// Claims a slot for a run, or fails with [`ErrorKind::Taken`].
    pub async fn claim(&self, claim: &Claim) -> Result<()> {
        let key = claim.key();
        let mut replaces = None;
        for attempt in 0..ATTEMPTS {
            let put = self.put_if(&key, claim, replaces.as_deref()).await;
            if put.map_err(cannot_claim)?.is_some() {
                return Ok(());
            }
            // Somebody was there before, or writes at this moment.
            tokio::time::sleep(Duration::from_millis(50) * attempt).await;
            let there = self.reader().document::<Claim>(&key).await;
            replaces = match there.map_err(cannot_claim)? {
                Some(there) if !claim.may_replace(&there.document) => {
                    return Err(there.document.taken());
                }
                Some(there) => Some(there.tag),
                None => None,
            };
        }
        Err(Error::transient(format!(
            "cannot claim `{key}` in the state: others write it all the time"
        )))
    }

    /// Writes how the run of a claim ended, unless the claim has been taken over meanwhile.
    pub async fn settle(&self, claim: &Claim) -> Result<()> {
        let key = claim.key();
        if let Some(there) = self.reader().document::<Claim>(&key).await?
            && there.document.run_id == claim.run_id
        {
            self.put_if(&key, claim, Some(&there.tag)).await?;
        }
        Ok(())
    }
}

fn cannot_claim(error: Error) -> Error {
    error.context("cannot claim the slot")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn claim(run_id: &str, at: DateTime<Utc>) -> Claim {
        Claim {
            function: "f".to_owned(),
            slot: DateTime::UNIX_EPOCH,
            part: 1,
            run_id: run_id.to_owned(),
            holder: "here".to_owned(),
            claimed_at: at,
            expires_at: at + TimeDelta::seconds(90),
            request_id: None,
            state: ClaimState::Running,
        }
    }

    fn ended(mut claim: Claim, state: ClaimState) -> Claim {
        claim.state = state;
        claim
    }

    #[test]
    fn a_claim_is_taken_over_when_it_failed_or_its_holder_is_lost_and_never_when_it_is_done() {
        let start = DateTime::UNIX_EPOCH;
        let later = |seconds| claim("b", start + TimeDelta::seconds(seconds));
        let first = claim("a", start);
        for (seconds, there, expected) in [
            (0, first.clone(), false),
            (89, first.clone(), false),
            (90, first.clone(), true),
            (0, ended(first.clone(), ClaimState::Failed), true),
            (9_999_999, ended(first.clone(), ClaimState::Done), false),
        ] {
            assert_eq!(
                later(seconds).may_replace(&there),
                expected,
                "{seconds} {there:?}"
            );
        }
        assert!(first.may_replace(&first), "the answer was lost");
        let of_request = |claim: &Claim, id: &str| Claim {
            request_id: Some(id.to_owned()),
            ..claim.clone()
        };
        let there = of_request(&first, "one");
        assert!(
            of_request(&later(0), "one").may_replace(&there),
            "it crashed"
        );
        assert!(!of_request(&later(0), "two").may_replace(&there));
        assert!(!later(0).may_replace(&there));
    }
}
