//! Conditions: the operators that policies for this program use, and those near them.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use super::Context;
use super::pattern::{matches, matches_arn};

/// One key of a condition block.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    test: Test,
    set: Set,
    /// `…IfExists`: a key that is not there is no obstacle.
    if_exists: bool,
    /// In small letters: keys have no case.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Numeric(fn(f64, f64) -> bool),
    NotEquals,
    NotEqualsIgnoreCase,
    NotLike,
    NotArn,
    Null,
}

/// How a key with several values is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    One,
    AllValues,
    AnyValue,
}

impl Condition {
    pub(super) fn read(
        operator: &str,
        key: &str,
        values: Vec<String>,
    ) -> Result<Condition, String> {
        let (set, rest) = match operator.split_once(':') {
            None => (Set::One, operator),
            Some(("ForAllValues", rest)) => (Set::AllValues, rest),
            Some(("ForAnyValue", rest)) => (Set::AnyValue, rest),
            Some((other, _)) => return Err(format!("`{other}` is no set operator")),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let test = match name {
            "StringEquals" => Test::Equals,
            "StringEqualsIgnoreCase" => Test::EqualsIgnoreCase,
            "StringLike" => Test::Like,
            "StringNotEquals" => Test::NotEquals,
            "StringNotEqualsIgnoreCase" => Test::NotEqualsIgnoreCase,
            "StringNotLike" => Test::NotLike,
            // The two are the same.
            "ArnEquals" | "ArnLike" => Test::Arn,
            "ArnNotEquals" | "ArnNotLike" => Test::NotArn,
            "Bool" => Test::Bool,
            "NumericEquals" => Test::Numeric(|seen, wanted| seen == wanted),
            "NumericNotEquals" => Test::Numeric(|seen, wanted| seen != wanted),
            "NumericLessThan" => Test::Numeric(|seen, wanted| seen < wanted),
            "NumericLessThanEquals" => Test::Numeric(|seen, wanted| seen <= wanted),
            "NumericGreaterThan" => Test::Numeric(|seen, wanted| seen > wanted),
            "NumericGreaterThanEquals" => Test::Numeric(|seen, wanted| seen >= wanted),
            "Null" if set == Set::One && !if_exists => Test::Null,
            _ => {
                return Err(format!(
                    "the condition operator `{operator}` is not simulated"
                ));
            }
        };
        Ok(Condition {
            test,
            set,
            if_exists,
            key: key.to_ascii_lowercase(),
            values,
        })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let seen = context.get(&self.key);
        if matches!(self.test, Test::Null) {
            let is_null = if seen.is_none() { "true" } else { "false" };
            return self.values.iter().any(|value| value == is_null);
        }
        let Some(seen) = seen else {
            return match self.set {
                // True of nothing: that is why such a condition wants a `Null` beside it.
                Set::AllValues => true,
                Set::AnyValue => self.if_exists,
                Set::One => self.if_exists || self.test.is_negated(),
            };
        };
        match self.set {
            Set::AllValues => seen.iter().all(|one| self.takes(one)),
            Set::AnyValue => seen.iter().any(|one| self.takes(one)),
            Set::One if self.test.is_negated() => seen.iter().all(|one| self.takes(one)),
            Set::One => seen.iter().any(|one| self.takes(one)),
        }
    }

    /// Of several values one is enough; of those that must not be, none may be.
    fn takes(&self, seen: &str) -> bool {
        let mut values = self.values.iter();
        match self.test {
            Test::NotEquals => values.all(|value| value != seen),
            Test::NotEqualsIgnoreCase => values.all(|value| !value.eq_ignore_ascii_case(seen)),
            Test::NotLike => values.all(|value| !matches(value, seen)),
            Test::NotArn => values.all(|value| !matches_arn(value, seen)),
            Test::Equals => values.any(|value| value == seen),
            Test::EqualsIgnoreCase | Test::Bool => {
                values.any(|value| value.eq_ignore_ascii_case(seen))
            }
            Test::Like => values.any(|value| matches(value, seen)),
            Test::Arn => values.any(|value| matches_arn(value, seen)),
            Test::Numeric(compare) => values.any(|value| {
                let numbers = seen.parse().ok().zip(value.parse().ok());
                numbers.is_some_and(|(seen, wanted)| compare(seen, wanted))
            }),
            Test::Null => false,
        }
    }
}

impl Test {
    fn is_negated(self) -> bool {
        matches!(
            self,
            Test::NotEquals | Test::NotEqualsIgnoreCase | Test::NotLike | Test::NotArn
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a condition says of a key's values; none of them is a key that is not there.
    fn check(operator: &str, wanted: &[&str], seen: &[&str], expected: bool) {
        let wanted_texts = wanted.iter().map(|text| (*text).to_owned()).collect();
        let condition = Condition::read(operator, "aws:TagKeys", wanted_texts).unwrap();
        let mut context = Context::default();
        if !seen.is_empty() {
            context.add("aws:tagkeys", seen.iter().copied());
        }
        assert_eq!(
            condition.holds(&context),
            expected,
            "{operator} {wanted:?} {seen:?}"
        );
    }

    #[test]
    fn a_key_has_one_of_the_values_and_a_missing_key_has_none() {
        check("StringEquals", &["a", "b"], &["b"], true);
        check("StringEquals", &["a"], &["A"], false);
        check("StringEquals", &["a"], &[], false);
        check("StringEqualsIfExists", &["a"], &[], true);
        check("StringEqualsIfExists", &["a"], &["b"], false);
        check("StringEqualsIgnoreCase", &["a"], &["A"], true);
        check("StringLike", &["mail/*"], &["mail/2026"], true);
        check("StringLike", &["mail/*"], &["other"], false);
        check("StringLikeIfExists", &["mail/*"], &[], true);
        check("Bool", &["true"], &["True"], true);
        check("Bool", &["true"], &[], false);
        check("NumericLessThan", &["10"], &["9"], true);
        check("NumericLessThan", &["10"], &["10"], false);
        check("NumericLessThan", &["10"], &["nine"], false);
        let topic = "arn:aws:sns:eu-west-1:1:t";
        check("ArnLike", &["arn:aws:sns:*:1:*"], &[topic], true);
        check("ArnEquals", &["arn:aws:sqs:*:1:*"], &[topic], false);
    }

    #[test]
    fn what_must_not_be_is_none_of_the_values_or_missing() {
        check("StringNotEquals", &["a", "b"], &["c"], true);
        check("StringNotEquals", &["a", "b"], &["b"], false);
        check("StringNotEquals", &["a"], &[], true);
        check("StringNotLike", &["a*"], &["ab"], false);
        check(
            "ArnNotLike",
            &["arn:aws:sns:*:1:*"],
            &["arn:aws:sns:x:2:t"],
            true,
        );
    }

    #[test]
    fn null_asks_whether_a_key_is_missing() {
        check("Null", &["false"], &["a"], true);
        check("Null", &["false"], &[], false);
        check("Null", &["true"], &[], true);
    }

    #[test]
    fn several_values_are_taken_all_together_or_one_by_one() {
        check("ForAllValues:StringEquals", &["a"], &["a", "a"], true);
        check("ForAllValues:StringEquals", &["a"], &["a", "b"], false);
        check("ForAllValues:StringEquals", &["a"], &[], true);
        check("ForAnyValue:StringEquals", &["a"], &["a", "b"], true);
        check("ForAnyValue:StringEquals", &["a"], &["b"], false);
        check("ForAnyValue:StringEquals", &["a"], &[], false);
        check("ForAllValues:StringLike", &["m:*"], &["m:1", "m:2"], true);
    }

    #[test]
    fn an_operator_that_is_not_simulated_is_refused() {
        for operator in ["DateLessThan", "ForSome:StringEquals", "NullIfExists"] {
            let read = Condition::read(operator, "k", vec!["v".to_owned()]);
            assert!(read.is_err(), "{operator}");
        }
    }
}
