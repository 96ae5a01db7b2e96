//! Every slot of a function is told of exactly once: it ran, it was left out, or it waits.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::planner::{Job, Skip};

/// How many slots there were, ran, and were left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Account {
    pub(super) slots: u64,
    pub(super) ran: u64,
    pub(super) left_out: u64,
    pub(super) waiting: u64,
}

/// What a daemon tells of a function.
pub(super) struct Told<'a> {
    pub(super) job: &'a Job,
    /// When it began, and up to where it has looked, by its own clock.
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    /// Which slots began, how often.
    pub(super) began: &'a BTreeMap<DateTime<Utc>, u32>,
    pub(super) left_out: &'a [Skip],
    pub(super) waiting: &'a dyn Fn(DateTime<Utc>) -> bool,
    /// What its clock went back over: there a slot may be left out, and run when it comes again.
    pub(super) again: &'a [(DateTime<Utc>, DateTime<Utc>)],
}

impl Told<'_> {
    /// Adds it up, or says what is wrong.
    pub(super) fn account(&self) -> Result<Account, String> {
        let job = self.job;
        let left_out = self.each_left_out()?;
        let mut account = Account::default();
        let (from, until) = (self.from - job.offset, self.until - job.offset);
        let mut began_at_slots = 0;
        for slot in job.schedule.between(from, until) {
            account.slots += 1;
            let began = self.began.get(&slot).copied().unwrap_or_default();
            let skipped = left_out.get(&slot).copied().unwrap_or_default();
            let waits = u32::from((self.waiting)(slot));
            began_at_slots += u64::from(began);
            let due = slot + job.offset;
            let comes_again = || {
                self.again
                    .iter()
                    .any(|(to, from)| *to < due && due <= *from)
            };
            let is_told = match began + skipped + waits {
                0 => false,
                1 => true,
                _ => began <= 1 && comes_again(),
            };
            if !is_told {
                return Err(format!(
                    "{}: {slot} began {began} times, was left out {skipped} times and waits {waits} times",
                    job.name
                ));
            }
            match (began, waits) {
                (1.., _) => account.ran += 1,
                (0, 1..) => account.waiting += 1,
                (0, 0) => account.left_out += 1,
            }
        }
        let all = self.began.range((
            std::ops::Bound::Excluded(from),
            std::ops::Bound::Included(until),
        ));
        if all.map(|(_, times)| u64::from(*times)).sum::<u64>() != began_at_slots {
            return Err(format!("{} ran what is no slot", job.name));
        }
        Ok(account)
    }

    /// How often each slot was left out. What is left out together is every slot from the first to the last.
    fn each_left_out(&self) -> Result<BTreeMap<DateTime<Utc>, u32>, String> {
        let mut each = BTreeMap::new();
        for skip in self.left_out {
            let before = skip.first - TimeDelta::milliseconds(1);
            let mut count = 0;
            for slot in self.job.schedule.between(before, skip.last) {
                *each.entry(slot).or_default() += 1;
                count += 1;
            }
            if count != skip.count {
                return Err(format!("there are {count} slots in {skip:?}"));
            }
        }
        Ok(each)
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::start_of_year;
    use super::*;
    use crate::daemon::planner::Why;
    use crate::daemon::planner_tests::job;

    fn slot(hour: i64) -> DateTime<Utc> {
        start_of_year() - TimeDelta::seconds(30) + TimeDelta::hours(hour)
    }

    fn skip(hours: std::ops::RangeInclusive<i64>, count: u64) -> Skip {
        Skip {
            function: "f".to_owned(),
            first: slot(*hours.start()),
            last: slot(*hours.end()),
            count,
            why: Why::Grace,
        }
    }

    /// Of the slots at 1:00 to 6:00.
    fn account(ran: &[i64], left_out: &[Skip], again: &[(i64, i64)]) -> Result<Account, String> {
        let job = job("f", "rate(1 hour)");
        let mut began = BTreeMap::new();
        for hour in ran {
            *began.entry(slot(*hour)).or_default() += 1;
        }
        let again: Vec<_> = again
            .iter()
            .map(|(to, from)| (slot(*to), slot(*from)))
            .collect();
        let told = Told {
            job: &job,
            from: start_of_year(),
            until: slot(6),
            began: &began,
            left_out,
            waiting: &|at| at == slot(6),
            again: &again,
        };
        told.account()
    }

    #[test]
    fn a_slot_that_is_lost_or_told_of_twice_does_not_add_up() {
        let expected = Account {
            slots: 6,
            ran: 2,
            left_out: 3,
            waiting: 1,
        };
        let exact = account(&[1, 5], &[skip(2..=4, 3)], &[]);
        assert_eq!(exact.expect("it adds up"), expected);
        for (ran, left_out, again) in [
            // Between two that were left out.
            (&[1, 5][..], vec![skip(2..=2, 1), skip(4..=4, 1)], vec![]),
            (&[1, 5], vec![skip(2..=4, 2)], vec![]),
            // One too many.
            (&[1, 5], vec![skip(2..=4, 4)], vec![]),
            (&[1, 4, 5], vec![skip(2..=4, 3)], vec![]),
            (&[1, 5], vec![skip(2..=4, 3), skip(3..=3, 1)], vec![]),
            (&[1, 5, 6], vec![skip(2..=4, 3)], vec![]),
            (&[1, 1, 5], vec![skip(2..=4, 3)], vec![]),
            // Run twice, although its clock went back.
            (&[1, 1, 5], vec![skip(2..=4, 3)], vec![(0, 6)]),
            (&[1, 4, 5], vec![skip(2..=4, 3)], vec![(1, 3)]),
        ] {
            let account = account(ran, &left_out, &again);
            account.expect_err(&format!("{ran:?} {left_out:?}"));
        }
        // Left out by a clock that ran ahead, and run when it had been set right.
        account(&[1, 4, 5], &[skip(2..=4, 3)], &[(2, 5)]).expect("it adds up");
    }
}
