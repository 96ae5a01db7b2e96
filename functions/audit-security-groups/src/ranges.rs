//! Sets of numbers as sorted, disjoint ranges: ports, IPv4 addresses and IPv6 addresses alike, all of which fit into
//! 128 bits. No set here has more than a few thousand ranges, whatever it holds.

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ranges(
    /// Each range by its first and last number, in order, with at least one number between two of them that is in none.
    Vec<(u128, u128)>,
);

impl Ranges {
    /// No number at all.
    pub const NONE: Self = Self(Vec::new());

    /// The numbers in any of these ranges, in any order. A range that ends before it begins holds nothing.
    pub fn of(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut sorted: Vec<(u128, u128)> = ranges
            .into_iter()
            .filter(|(first, last)| first <= last)
            .collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                // `before + 1` cannot overflow: then `first` would not be above it.
                Some((_, before)) if first <= *before || first == *before + 1 => {
                    *before = last.max(*before);
                }
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// The numbers from `first` to `last`.
    pub fn one(first: u128, last: u128) -> Self {
        Self::of([(first, last)])
    }

    /// The numbers in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.iter().chain(other.iter()))
    }

    /// The numbers in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        let mut both = Vec::new();
        while let (Some(&(first, last)), Some(&(other_first, other_last))) =
            (mine.peek(), theirs.peek())
        {
            if first.max(other_first) <= last.min(other_last) {
                both.push((first.max(other_first), last.min(other_last)));
            }
            // Whichever ends first meets nothing more.
            if last <= other_last {
                mine.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }

    /// The numbers in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut holes = other.iter().peekable();
        for (mut first, last) in self.iter() {
            let mut is_used_up = false;
            while let Some(&(hole_first, hole_last)) = holes.peek() {
                if hole_last < first {
                    holes.next();
                    continue;
                }
                if hole_first > last {
                    break;
                }
                if hole_first > first {
                    left.push((first, hole_first - 1));
                }
                if hole_last >= last {
                    // The hole may reach into the next range: it stays.
                    is_used_up = true;
                    break;
                }
                first = hole_last + 1;
                holes.next();
            }
            if !is_used_up {
                left.push((first, last));
            }
        }
        Self(left)
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: u128) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        after > 0 && self.0[after - 1].1 >= number
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in it. Only all of the 2^128 do not fit, and count as one less.
    pub fn count(&self) -> u128 {
        self.iter().fold(0u128, |count, (first, last)| {
            count.saturating_add((last - first).saturating_add(1))
        })
    }

    /// Its ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u128)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The end of the world that the oracle can hold.
    const END: u128 = 48;

    fn set(ranges: &[(u128, u128)]) -> BTreeSet<u128> {
        ranges
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect()
    }

    fn members(ranges: &Ranges) -> BTreeSet<u128> {
        set(&ranges.0)
    }

    fn is_normal(ranges: &Ranges) -> bool {
        ranges.0.iter().all(|(first, last)| first <= last)
            && ranges.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0)
    }

    fn some() -> impl Strategy<Value = Vec<(u128, u128)>> {
        prop::collection::vec((0..=END, 0..=END), 0..9)
    }

    proptest! {
        #[test]
        fn the_algebra_is_that_of_sets(a in some(), b in some()) {
            let (x, y) = (Ranges::of(a.clone()), Ranges::of(b.clone()));
            let (a, b) = (set(&a), set(&b));
            for (found, expected) in [
                (x.union(&y), a.union(&b).copied().collect::<BTreeSet<_>>()),
                (x.intersection(&y), a.intersection(&b).copied().collect()),
                (x.difference(&y), a.difference(&b).copied().collect()),
            ] {
                prop_assert!(is_normal(&found), "{found:?}");
                prop_assert_eq!(found.count(), expected.len() as u128);
                for number in 0..=END + 1 {
                    prop_assert_eq!(found.contains(number), expected.contains(&number));
                }
                prop_assert_eq!(members(&found), expected);
            }
        }

        #[test]
        fn shifted_to_the_end_of_all_numbers_it_is_the_same(a in some(), b in some()) {
            let shift = |ranges: &[(u128, u128)]| {
                let shifted = ranges.iter().map(|(first, last)| (u128::MAX - END + first, u128::MAX - END + last));
                Ranges::of(shifted)
            };
            let (x, y) = (Ranges::of(a.clone()), Ranges::of(b.clone()));
            let (far_x, far_y) = (shift(&a), shift(&b));
            prop_assert_eq!(far_x.union(&far_y), shift(&x.union(&y).0));
            prop_assert_eq!(far_x.intersection(&far_y), shift(&x.intersection(&y).0));
            prop_assert_eq!(far_x.difference(&far_y), shift(&x.difference(&y).0));
        }
    }

    #[test]
    fn the_largest_sets_do_not_overflow() {
        let all = Ranges::one(0, u128::MAX);
        assert_eq!(all.count(), u128::MAX);
        assert_eq!(all.union(&Ranges::one(u128::MAX, u128::MAX)), all);
        assert_eq!(
            all.difference(&Ranges::one(1, u128::MAX)),
            Ranges::one(0, 0)
        );
        assert!(all.difference(&all).is_empty());
    }
}
