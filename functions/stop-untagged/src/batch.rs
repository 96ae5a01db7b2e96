//! Many instances in one call, without letting one bad instance spoil the others.
//!
//! EC2 refuses a whole `StopInstances` for one bad id, and its message names the id. That id is taken out with EC2's
//! reason and the rest is sent again: at most one call for each batch and each bad id. A throttled, failed or denied
//! call says nothing about any instance, so it never splits a batch: the SDK has retried it already, and splitting
//! would only multiply the calls.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;

use lamplighter_aws::ec2::Refusal;
use lamplighter_core::{Outcome, chain};

/// How many instances go into one call. AWS documents no limit for `StopInstances`; large batches time out.
const BATCH: usize = 100;

/// Calls `call` for all of `ids`, in batches, and answers what became of each.
pub(crate) async fn run<C, F>(ids: &[String], call: C) -> HashMap<String, Outcome>
where
    C: Fn(Vec<String>) -> F,
    F: Future<Output = Result<(), Refusal>>,
{
    let mut outcomes = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        run_batch(batch, &call, &mut outcomes).await;
    }
    outcomes
}

async fn run_batch<C, F>(batch: &[String], call: &C, outcomes: &mut HashMap<String, Outcome>)
where
    C: Fn(Vec<String>) -> F,
    F: Future<Output = Result<(), Refusal>>,
{
    // Batches still to be sent; more than one only where EC2 named no instance and the batch had to be halved.
    let mut waiting = vec![batch.to_vec()];
    while let Some(mut ids) = waiting.pop() {
        while !ids.is_empty() {
            let refusal = match call(ids.clone()).await {
                Ok(()) => {
                    outcomes.extend(ids.drain(..).map(|id| (id, Outcome::Done)));
                    break;
                }
                Err(refusal) => refusal,
            };
            let Some(blame) = Blame::of(&refusal.code) else {
                let reason = chain(&refusal.error);
                outcomes.extend(
                    ids.drain(..)
                        .map(|id| (id, Outcome::Failed(reason.clone()))),
                );
                break;
            };
            let named = ids_in(&refusal.message);
            let (bad, good): (Vec<String>, Vec<String>) =
                ids.drain(..).partition(|id| named.contains(id.as_str()));
            if !bad.is_empty() {
                outcomes.extend(
                    bad.into_iter()
                        .map(|id| (id, blame.outcome(&refusal.message))),
                );
                ids = good;
            } else if good.len() == 1 {
                outcomes.extend(
                    good.into_iter()
                        .map(|id| (id, blame.outcome(&refusal.message))),
                );
            } else {
                let (first, second) = good.split_at(good.len() / 2);
                waiting.push(second.to_vec());
                ids = first.to_vec();
            }
        }
    }
}

/// What a code says about the instance it is about.
#[derive(Clone, Copy)]
enum Blame {
    Gone,
    Protected,
    WrongState,
    Impossible,
}

impl Blame {
    /// Only codes that are about single instances.
    fn of(code: &str) -> Option<Self> {
        match code {
            "InvalidInstanceID.NotFound" | "InvalidInstanceID.Malformed" | "InvalidInstanceID" => {
                Some(Self::Gone)
            }
            "OperationNotPermitted" => Some(Self::Protected),
            "IncorrectInstanceState" | "IncorrectState" => Some(Self::WrongState),
            "UnsupportedOperation" | "UnsupportedHibernationConfiguration" => {
                Some(Self::Impossible)
            }
            _ => None,
        }
    }

    fn outcome(self, message: &str) -> Outcome {
        let message = message.trim().trim_end_matches('.');
        match self {
            Self::Gone => Outcome::Vanished,
            Self::Protected => Outcome::Vetoed(format!("protected: {message}")),
            Self::WrongState => Outcome::Vetoed(format!("its state changed: {message}")),
            Self::Impossible => Outcome::Vetoed(format!("EC2 cannot do it: {message}")),
        }
    }
}

/// The instance ids in a message: `i-` and hexadecimal digits.
fn ids_in(message: &str) -> BTreeSet<&str> {
    message
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.strip_prefix("i-").is_some_and(|rest| !rest.is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::executor::block_on;
    use lamplighter_core::Error;

    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("i-{n:017x}")).collect()
    }

    fn refuse(code: &str, message: &str) -> Refusal {
        Refusal {
            code: code.to_owned(),
            message: message.to_owned(),
            error: Error::permanent(format!("{code}: {message}")),
        }
    }

    /// Sends `count` instances to an EC2 that refuses the `bad` ones by `say`, and answers the outcomes and the calls.
    fn send(
        count: usize,
        bad: &[usize],
        say: impl Fn(&str) -> Refusal,
    ) -> (HashMap<String, Outcome>, usize) {
        let all = ids(count);
        let bad: BTreeSet<String> = bad.iter().map(|n| all[*n].clone()).collect();
        let calls = RefCell::new(0);
        let outcomes = block_on(run(&all, |batch| {
            *calls.borrow_mut() += 1;
            let answer = match batch.iter().find(|id| bad.contains(*id)) {
                Some(id) => Err(say(id)),
                None => Ok(()),
            };
            async move { answer }
        }));
        (outcomes, calls.into_inner())
    }

    #[test]
    fn one_bad_instance_costs_one_more_call_and_spoils_nothing() {
        let (outcomes, calls) = send(1000, &[7, 8, 512], |id| {
            refuse(
                "OperationNotPermitted",
                &format!(
                    "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
                ),
            )
        });
        assert_eq!(calls, 10 + 3);
        assert_eq!(
            outcomes
                .values()
                .filter(|outcome| **outcome == Outcome::Done)
                .count(),
            997
        );
        let vetoed = &outcomes[&ids(1000)[512]];
        assert!(
            matches!(vetoed, Outcome::Vetoed(why) if why.contains("disableApiStop")),
            "{vetoed:?}"
        );
    }

    #[test]
    fn several_ids_in_one_message_are_taken_out_together() {
        let all = ids(3);
        let message = format!("The instance IDs '{}, {}' do not exist", all[0], all[2]);
        let (outcomes, calls) = send(3, &[0, 2], |_| {
            refuse("InvalidInstanceID.NotFound", &message)
        });
        assert_eq!(calls, 2);
        assert_eq!(outcomes[&all[0]], Outcome::Vanished);
        assert_eq!(outcomes[&all[1]], Outcome::Done);
    }

    #[test]
    fn a_throttled_batch_is_never_split() {
        let (outcomes, calls) = send(250, &[0, 100, 200], |_| {
            refuse("RequestLimitExceeded", "Request limit exceeded.")
        });
        assert_eq!(calls, 3);
        assert!(
            outcomes
                .values()
                .all(|outcome| matches!(outcome, Outcome::Failed(_)))
        );
    }

    #[test]
    fn a_refusal_that_names_nobody_is_narrowed_down() {
        let (outcomes, _) = send(8, &[5], |_| {
            refuse(
                "IncorrectInstanceState",
                "An instance is not in a valid state.",
            )
        });
        assert_eq!(
            outcomes
                .values()
                .filter(|outcome| **outcome == Outcome::Done)
                .count(),
            7
        );
        assert!(matches!(outcomes[&ids(8)[5]], Outcome::Vetoed(_)));
    }

    #[test]
    fn nothing_to_do_makes_no_call() {
        assert_eq!(send(0, &[], |_| refuse("", "")).1, 0);
    }
}
