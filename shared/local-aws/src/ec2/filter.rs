//! Filters: several names must all match, of several values one must. `*` and `?` are wildcards, `\` takes that away.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>

use crate::service::Ask;
use crate::wire::AwsError;

use super::refuse;

/// The most values in one request.
const MOST_VALUES: usize = 200;

/// The filters of one request.
pub(super) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads them, and refuses any that is not in `known`; a name there may end in `:` to be a beginning.
    pub(super) fn read(ask: &Ask<'_>, known: &[&str]) -> Result<Filters, AwsError> {
        let mut filters = Vec::new();
        for group in ask.request.form.groups("Filter") {
            let name = group.get("Name").unwrap_or_default();
            let is_known = known.iter().any(|known| match known.ends_with(':') {
                true => name.len() > known.len() && name.starts_with(known),
                false => name == *known,
            });
            if !is_known {
                let message = format!("The filter '{name}' is invalid");
                return Err(refuse("InvalidParameterValue", message));
            }
            let values: Vec<String> = group.list("Value").into_iter().map(str::to_owned).collect();
            if values.is_empty() {
                return Err(refuse(
                    "InvalidParameterValue",
                    "The filter 'null' is invalid",
                ));
            }
            filters.push((name.to_owned(), values));
        }
        if filters
            .iter()
            .map(|(_, values)| values.len())
            .sum::<usize>()
            > MOST_VALUES
        {
            let message = format!(
                "The maximum number of filter values specified on a single call is {MOST_VALUES}"
            );
            return Err(refuse("FilterLimitExceeded", message));
        }
        Ok(Filters(filters))
    }

    /// Whether something passes; `field` tells what it has under a filter's name.
    pub(super) fn pass<'a>(&self, field: impl Fn(&str) -> Vec<&'a str>) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let values = field(name);
            patterns.iter().any(|pattern| {
                values
                    .iter()
                    .any(|value| matches(pattern.as_bytes(), value.as_bytes()))
            })
        })
    }
}

fn matches(pattern: &[u8], value: &[u8]) -> bool {
    // The places to return to when what follows the last `*` did not fit.
    let (mut p, mut v) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, v));
                p += 1;
                continue;
            }
            Some(b'?') if v < value.len() => Some(1),
            Some(b'\\')
                if pattern
                    .get(p + 1)
                    .is_some_and(|byte| value.get(v) == Some(byte)) =>
            {
                Some(2)
            }
            Some(b'?' | b'\\') => None,
            Some(byte) if value.get(v) == Some(byte) => Some(1),
            None if v == value.len() => return true,
            _ => None,
        };
        match (step, retry) {
            (Some(width), _) => {
                p += width;
                v += 1;
            }
            (None, Some((after_star, from))) if from < value.len() => {
                retry = Some((after_star, from + 1));
                (p, v) = (after_star, from + 1);
            }
            (None, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let cases = [
            ("dev", "dev", true),
            ("dev", "Dev", false),
            ("d*", "dev", true),
            ("*", "", true),
            ("*v", "dev", true),
            ("*e*", "dev", true),
            ("d?v", "dev", true),
            ("d?", "d", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(
                matches(pattern.as_bytes(), value.as_bytes()),
                expected,
                "{pattern} {value}"
            );
        }
    }
}
