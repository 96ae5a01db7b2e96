//! One field of a cron expression: the values it may hold, and the set of values a text names.

use super::ScheduleError;

/// What a field may hold.
#[derive(Debug)]
pub(super) struct Field {
    /// As the AWS documentation calls it.
    pub(super) name: &'static str,
    pub(super) low: u32,
    pub(super) high: u32,
    /// Names that may stand for numbers; the first is `low`.
    names: &'static [&'static str],
    /// The largest step after `/`. A larger one could never be taken, so it is a mistake.
    longest_step: u32,
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// The days of the week in EventBridge's order: Sunday is 1.
pub(super) const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The ranges EventBridge documents.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>
pub(super) const MINUTES: Field = Field {
    name: "minutes",
    low: 0,
    high: 59,
    names: &[],
    longest_step: 59,
};
pub(super) const HOURS: Field = Field {
    name: "hours",
    low: 0,
    high: 23,
    names: &[],
    longest_step: 23,
};
pub(super) const DAY_OF_MONTH: Field = Field {
    name: "day-of-month",
    low: 1,
    high: 31,
    names: &[],
    longest_step: 31,
};
pub(super) const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: MONTHS,
    longest_step: 12,
};
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    low: 1,
    high: 7,
    names: WEEKDAYS,
    longest_step: 7,
};
pub(super) const YEAR: Field = Field {
    name: "year",
    low: 1970,
    high: 2199,
    names: &[],
    longest_step: 229,
};

/// crontab counts the days of the week from Sunday as 0, and takes 7 for Sunday too.
pub(super) const CRONTAB_DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    low: 0,
    high: 7,
    names: WEEKDAYS,
    longest_step: 7,
};

impl Field {
    /// "1 to 12 or JAN to DEC", for messages.
    pub(super) fn allowed(&self) -> String {
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => {
                format!("{} to {} or {first} to {last}", self.low, self.high)
            }
            _ => format!("{} to {}", self.low, self.high),
        }
    }

    /// Reads a number or a name.
    pub(super) fn value(&self, text: &str) -> Result<u32, ScheduleError> {
        let named = (self.low..)
            .zip(self.names)
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((value, _)) = named {
            return Ok(value);
        }
        let Some(number) = whole_number(text) else {
            return Err(self.not_understood(text));
        };
        match u32::try_from(number) {
            Ok(value) if (self.low..=self.high).contains(&value) => Ok(value),
            _ => Err(ScheduleError::new(format!(
                "{} `{text}` is out of range (allowed: {})",
                self.name,
                self.allowed()
            ))),
        }
    }

    /// Reads a list of values, ranges and steps: `1,5-10,0/15`.
    pub(super) fn list(&self, text: &str) -> Result<ValueSet, ScheduleError> {
        let mut set = ValueSet::empty(self);
        for entry in text.split(',') {
            let (first, last, step) = self.entry(entry)?;
            let mut value = first;
            while value <= last {
                set.insert(value);
                value += step;
            }
        }
        Ok(set)
    }

    /// Reads one entry of a list as its first value, its last value and its step.
    fn entry(&self, entry: &str) -> Result<(u32, u32, u32), ScheduleError> {
        let (base, step) = match entry.split_once('/') {
            Some((base, step)) => (base, Some(self.step(entry, step)?)),
            None => (entry, None),
        };
        if entry.is_empty() {
            return Err(ScheduleError::new(format!(
                "{} has an empty entry in its list (allowed: {})",
                self.name,
                self.allowed()
            )));
        }
        if base.is_empty() {
            return Err(self
                .not_understood(entry)
                .with_hint(format!("say where the steps begin: `{}{entry}`", self.low)));
        }
        if base == "*" {
            return Ok((self.low, self.high, step.unwrap_or(1)));
        }
        let Some((first_text, last_text)) = base.split_once('-') else {
            let value = self.value(base)?;
            return Ok((
                value,
                if step.is_some() { self.high } else { value },
                step.unwrap_or(1),
            ));
        };
        if first_text.is_empty() || last_text.is_empty() {
            return Err(self.not_understood(entry));
        }
        let (first, last) = (self.value(first_text)?, self.value(last_text)?);
        if first > last {
            return Err(self.backwards(base, first_text, last_text));
        }
        Ok((first, last, step.unwrap_or(1)))
    }

    fn step(&self, entry: &str, step: &str) -> Result<u32, ScheduleError> {
        let longest = self.longest_step;
        match whole_number(step).map(u32::try_from) {
            Some(Ok(step)) if (1..=longest).contains(&step) => Ok(step),
            Some(_) => Err(ScheduleError::new(format!(
                "{} step `{step}` in `{entry}` is out of range (allowed: 1 to {longest})",
                self.name
            ))),
            None => Err(ScheduleError::new(format!(
                "{} step `{step}` in `{entry}` is not a whole number (allowed: 1 to {longest})",
                self.name
            ))),
        }
    }

    fn not_understood(&self, text: &str) -> ScheduleError {
        ScheduleError::new(format!(
            "{} `{text}` is not understood (allowed: {}, combined with `,` `-` `*` `/`)",
            self.name,
            self.allowed()
        ))
    }

    /// EventBridge does not document ranges that run past the end, so none is guessed at.
    fn backwards(&self, range: &str, first: &str, last: &str) -> ScheduleError {
        let has_names = whole_number(first).is_none();
        let name_of = |value: u32| match self.names.get((value - self.low) as usize) {
            Some(name) if has_names => (*name).to_owned(),
            _ => value.to_string(),
        };
        let span = |from: &str, to: &str| match from.eq_ignore_ascii_case(to) {
            true => from.to_owned(),
            false => format!("{from}-{to}"),
        };
        let (head, tail) = (
            span(first, &name_of(self.high)),
            span(&name_of(self.low), last),
        );
        ScheduleError::new(format!(
            "{} range `{range}` runs backwards (allowed: {}, the earlier first)",
            self.name,
            self.allowed()
        ))
        .with_hint(format!("write it in two: `{head},{tail}`"))
    }
}

/// Digits only: `u32::from_str` would take `+5` too. A number too large for `u64` is still out of range.
fn whole_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The values a field names, one bit each. 230 years are the longest field, so four words hold any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueSet {
    low: u32,
    high: u32,
    bits: [u64; 4],
}

impl ValueSet {
    pub(super) fn empty(field: &Field) -> ValueSet {
        ValueSet {
            low: field.low,
            high: field.high,
            bits: [0; 4],
        }
    }

    /// Adds a value, which the field has already judged to be in range.
    pub(super) fn insert(&mut self, value: u32) {
        let bit = value - self.low;
        self.bits[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    pub(super) fn contains(&self, value: u32) -> bool {
        self.at_or_after(value) == Some(value)
    }

    /// The smallest member that is not below `value`.
    pub(super) fn at_or_after(&self, value: u32) -> Option<u32> {
        let bit = value.saturating_sub(self.low);
        let mut word = (bit / 64) as usize;
        let mut rest = self.bits.get(word)? & (u64::MAX << (bit % 64));
        while rest == 0 {
            word += 1;
            rest = *self.bits.get(word)?;
        }
        Some(self.low + word as u32 * 64 + rest.trailing_zeros())
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.at_or_after(self.low)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.first(), |value| self.at_or_after(value + 1))
    }

    pub(super) fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether every value of the field is a member, as with `*`.
    pub(super) fn is_full(&self) -> bool {
        self.len() == (self.high - self.low + 1) as usize
    }

    /// The members as runs of neighbours, each with its first and last value.
    pub(super) fn runs(&self) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for value in self.values() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == value => *last = value,
                _ => runs.push((value, value)),
            }
        }
        runs
    }
}
