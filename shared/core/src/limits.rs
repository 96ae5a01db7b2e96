//! The limits that keep a mistake from becoming an outage. They are checked before the first change, per account,
//! over what would be acted on after all skips.

use std::collections::BTreeMap;

use crate::run::Measure;

/// A share may only be exceeded by more than this many actions: one of two instances is 50 %.
const PERCENT_APPLIES_ABOVE: usize = 3;

/// The name of the measure that [`Limits::max_jump_percent`] compares.
pub(crate) const OFFENDING_PERCENT: &str = "offending_percent";

/// How much one run may change in one account. `0` means none, not "no limit".
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The most actions in one account.
    pub max_actions: usize,
    /// The largest share of the population, in percent; it binds for more than 3 actions.
    pub max_percent: f64,
    /// The fewest resources that must have been read: fewer means that something is wrong with the reading.
    pub min_population: usize,
    /// The most percentage points by which the offending share may have grown since the last recorded run.
    pub max_jump_percent: Option<f64>,
}

/// What was seen in one account: the base that the limits are measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// The 12-digit account id.
    pub account: String,
    /// What is counted, for the message: `running instances`.
    pub of: &'static str,
    /// How many were read.
    pub read: usize,
    /// How many of them offend, acted on or not.
    pub offending: usize,
}

impl Population {
    /// The offending share in percent.
    pub fn offending_percent(&self) -> f64 {
        percent(self.offending, self.read)
    }

    /// The share as the next run will compare it.
    pub(crate) fn measure(&self) -> Option<Measure> {
        (self.read > 0).then(|| Measure {
            account: self.account.clone(),
            name: OFFENDING_PERCENT.to_owned(),
            value: self.offending_percent(),
        })
    }
}

/// The share of `part` in `whole`, in percent; 0 of 0 is 0.
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

/// Why a plan with these actions may not be applied, or `None`. `acting` counts the limited actions per account;
/// an account without one is never refused. `previous` holds the measures of the last recorded run.
pub fn refusal(
    limits: &Limits,
    verb: &str,
    acting: &BTreeMap<String, usize>,
    populations: &[Population],
    previous: &[Measure],
) -> Option<String> {
    let mut reasons = Vec::new();
    for (account, &count) in acting.iter().filter(|(_, count)| **count > 0) {
        let population = populations
            .iter()
            .find(|population| &population.account == account);
        let (read, of) = population.map_or((0, "resources"), |population| {
            (population.read, population.of)
        });
        let share = percent(count, read);
        if count > limits.max_actions {
            reasons.push(format!(
                "the plan {verb} {count} of {read} {of} in account {account}, the limit is {} (`max_actions`)",
                limits.max_actions
            ));
        } else if count > PERCENT_APPLIES_ABOVE && share > limits.max_percent {
            reasons.push(format!(
                "the plan {verb} {count} of {read} {of} in account {account} ({share:.0}%), the limit is {}% (`max_percent`)",
                limits.max_percent
            ));
        }
        if read < limits.min_population {
            reasons.push(format!(
                "only {read} {of} were read in account {account}, at least {} are expected (`min_population`)",
                limits.min_population
            ));
        }
        let before = previous
            .iter()
            .find(|measure| &measure.account == account && measure.name == OFFENDING_PERCENT);
        if let (Some(limit), Some(before), Some(population)) =
            (limits.max_jump_percent, before, population)
        {
            let jump = population.offending_percent() - before.value;
            if jump > limit {
                reasons.push(format!(
                    "the offending share of {of} in account {account} jumped from {:.0}% to {:.0}% since the last recorded run, the limit is {limit} points (`max_untagged_jump_percent`)",
                    before.value,
                    population.offending_percent()
                ));
            }
        }
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            max_actions: 20,
            max_percent: 30.0,
            min_population: 1,
            max_jump_percent: Some(20.0),
        }
    }

    fn check(
        limits: &Limits,
        acting: usize,
        read: usize,
        offending: usize,
        before: Option<f64>,
    ) -> Option<String> {
        let account = "111122223333".to_owned();
        let population = Population {
            account: account.clone(),
            of: "running instances",
            read,
            offending,
        };
        let previous: Vec<Measure> = before
            .map(|value| Measure {
                account: account.clone(),
                name: OFFENDING_PERCENT.to_owned(),
                value,
            })
            .into_iter()
            .collect();
        refusal(
            limits,
            "stops",
            &BTreeMap::from([(account, acting)]),
            &[population],
            &previous,
        )
    }

    #[test]
    fn exactly_the_limit_is_allowed_and_one_more_is_not() {
        assert_eq!(check(&limits(), 20, 100, 20, None), None);
        let refused = check(&limits(), 21, 100, 21, None).expect("21 is over 20");
        assert!(
            refused.contains("21 of 100 running instances") && refused.contains("the limit is 20"),
            "{refused}"
        );
    }

    #[test]
    fn the_share_binds_for_more_than_three_actions() {
        assert_eq!(check(&limits(), 3, 3, 3, None), None);
        let refused = check(&limits(), 4, 10, 4, None).expect("40 % is over 30 %");
        assert!(refused.contains("(40%), the limit is 30%"), "{refused}");
        assert_eq!(
            check(&limits(), 6, 20, 6, None),
            None,
            "exactly 30 % is allowed"
        );
    }

    #[test]
    fn zero_means_zero() {
        let none = Limits {
            max_actions: 0,
            ..limits()
        };
        assert!(check(&none, 1, 100, 1, None).is_some());
        let no_share = Limits {
            max_percent: 0.0,
            ..limits()
        };
        assert!(check(&no_share, 4, 100, 4, None).is_some());
    }

    #[test]
    fn nothing_to_act_on_is_never_refused() {
        let none = Limits {
            max_actions: 0,
            max_percent: 0.0,
            min_population: 50,
            max_jump_percent: Some(0.0),
        };
        assert_eq!(check(&none, 0, 0, 0, Some(0.0)), None);
    }

    #[test]
    fn too_few_resources_read_is_a_reading_gone_wrong() {
        let limits = Limits {
            min_population: 10,
            ..limits()
        };
        assert!(
            check(&limits, 1, 9, 1, None)
                .expect("9 of 10")
                .contains("at least 10 are expected")
        );
        assert_eq!(check(&limits, 1, 10, 1, None), None);
    }

    #[test]
    fn a_share_that_jumped_is_refused_and_one_that_fell_is_not() {
        assert!(
            check(&limits(), 3, 10, 5, Some(29.0))
                .expect("21 points")
                .contains("from 29% to 50%")
        );
        assert_eq!(
            check(&limits(), 3, 10, 5, Some(30.0)),
            None,
            "exactly 20 points is allowed"
        );
        assert_eq!(check(&limits(), 3, 10, 5, Some(90.0)), None);
        assert_eq!(
            check(&limits(), 3, 10, 5, None),
            None,
            "without a recorded run there is nothing to compare"
        );
    }
}
