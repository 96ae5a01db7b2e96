//! Marks: the tag that remembers, on the resource itself, that its owner was warned and until when it may stay.
//!
//! A mark is the only memory a warning needs, and anybody who may tag can write one. So a mark that is not exactly as
//! Lamplighter writes it protects the resource, and is reported: a slip or a prank must not cost anybody anything.

use chrono::{DateTime, Duration, SecondsFormat, Utc};

/// A deadline as it stands in a mark: RFC 3339, in UTC, whole seconds.
pub fn text(deadline: DateTime<Utc>) -> String {
    deadline.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The deadline in a mark, only if it is exactly as [`text`] writes it.
pub fn parse(mark: &str) -> Option<DateTime<Utc>> {
    let deadline = DateTime::parse_from_rfc3339(mark).ok()?.with_timezone(&Utc);
    (text(deadline) == mark).then_some(deadline)
}

/// What a mark may say.
#[derive(Debug, Clone, Copy)]
pub struct MarkRule<'a> {
    /// The tag's key.
    pub tag: &'a str,
    /// What carries it, for the sentence: `the instance`.
    pub bearer: &'a str,
    /// Since when its bearer exists.
    pub exists_since: DateTime<Utc>,
    /// The time between a warning and its deadline.
    pub grace: Duration,
    /// The same in words: `the grace period of 24 h`.
    pub grace_in_words: &'a str,
}

impl MarkRule<'_> {
    /// The deadline in a mark, `None` where there is no mark; or why the mark protects its bearer.
    ///
    /// A mark is written while its bearer exists, exactly one grace period ahead. One with an earlier deadline was
    /// copied from another resource, an image or a template ("launch more like this" copies tags), and would act on a
    /// resource whose owner was never warned; one with a later deadline was written by hand.
    pub fn deadline(
        &self,
        mark: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, String> {
        let Some(mark) = mark else {
            return Ok(None);
        };
        let protected = |why: &str| {
            Err(format!(
                "protected: its mark `{}` holds `{mark}`, {why}",
                self.tag
            ))
        };
        match parse(mark) {
            None => protected("which is not a deadline as Lamplighter writes it"),
            Some(deadline) if deadline < self.exists_since + self.grace => protected(&format!(
                "too early for a warning since {} exists, so it was copied or written by hand",
                self.bearer
            )),
            Some(deadline) if deadline > now + self.grace && deadline > now => {
                protected(&format!("later than {} allows", self.grace_in_words))
            }
            Some(deadline) => Ok(Some(deadline)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text)
            .expect("a time")
            .with_timezone(&Utc)
    }

    fn deadline(mark: Option<&str>) -> Result<Option<DateTime<Utc>>, String> {
        let rule = MarkRule {
            tag: "t",
            bearer: "the user",
            exists_since: time("2026-11-01T00:00:00Z"),
            grace: Duration::days(7),
            grace_in_words: "the warning of 7 days",
        };
        rule.deadline(mark, time("2026-11-22T12:00:00Z"))
    }

    #[test]
    fn a_mark_says_its_deadline_from_one_grace_after_the_bearer_s_first_second_to_one_grace_ahead()
    {
        assert_eq!(deadline(None), Ok(None));
        for mark in [
            "2026-11-08T00:00:00Z",
            "2026-11-22T12:00:00Z",
            "2026-11-29T12:00:00Z",
        ] {
            assert_eq!(deadline(Some(mark)), Ok(Some(time(mark))));
        }
    }

    #[test]
    fn any_other_mark_protects() {
        for (mark, why) in [
            ("", "not a deadline as Lamplighter writes it"),
            ("never", "not a deadline"),
            ("2026-11-22", "not a deadline"),
            ("2026-11-22T13:00:00+01:00", "not a deadline"),
            ("2026-11-22T12:00:00.5Z", "not a deadline"),
            (
                "2026-11-07T23:59:59Z",
                "too early for a warning since the user exists",
            ),
            (
                "2026-11-29T12:00:01Z",
                "later than the warning of 7 days allows",
            ),
        ] {
            let said = deadline(Some(mark)).expect_err("it protects");
            assert!(
                said.starts_with(&format!("protected: its mark `t` holds `{mark}`, "))
                    && said.contains(why),
                "{said}"
            );
        }
    }
}
