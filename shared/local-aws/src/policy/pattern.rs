//! `*` and `?`, and ARNs with them.

/// Whether `text` has the form of `pattern`: `*` stands for any letters, also none, `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how much of the text it had taken.
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, seen) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// The same part by part: a wildcard does not reach over the first five colons of an ARN. A resource `*`, which is what
/// operations without resource-level permissions are about, is matched by `*` alone.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
pub(super) fn matches_arn(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (patterns.collect(), parts.collect());
    patterns.len() == 6
        && parts.len() == 6
        && patterns
            .iter()
            .zip(parts)
            .all(|(pattern, part)| matches(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_and_question_marks_for_one_letter() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a/b:c", true),
            ("a*c", "ac", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*ab*ab", "abxab", true),
            ("*ab*ab", "ab", false),
            ("ü?", "üß", true),
            ("a", "A", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_wildcard_stays_in_its_part_of_an_arn() {
        let instance = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1";
        for (pattern, arn, expected) in [
            ("*", instance, true),
            ("*", "*", true),
            ("arn:aws:ec2:*:*:instance/*", instance, true),
            ("arn:aws:ec2:*:instance/*", instance, false),
            ("arn:aws:ec2:eu-west-2:*:instance/*", instance, false),
            ("arn:aws:ec2:*:*:instance/*", "*", false),
            ("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/in/a:b/c", true),
            ("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/out/a", false),
        ] {
            assert_eq!(matches_arn(pattern, arn), expected, "{pattern} {arn}");
        }
    }
}
