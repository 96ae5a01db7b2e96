//! Templates of S3 keys: `apps/{application}/{group}/{bundle}`.
//!
//! A placeholder, like `*`, stands for one or more letters without a slash, so that a template says how deep a key lies.

use std::fmt;

use crate::forms::shown;
use crate::reader::Fault;

/// What the keys of a route look like. `Display` gives the template. The default one is like no key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTemplate {
    text: String,
    /// The same as a regular expression, which was tried when it was read.
    pattern: String,
}

/// What a key says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyNames {
    /// `{application}`.
    pub application: Option<String>,
    /// `{group}`.
    pub group: Option<String>,
}

const NAMES: [&str; 3] = ["application", "group", "bundle"];

impl KeyTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |what: &str| {
            Fault::new(format!("{} {what}", shown(text))).hint(
                "write it like \"apps/{application}/{group}/{bundle}\"; `*` stands for any letters up to the next slash",
            )
        };
        if text.is_empty() || text.contains(char::is_control) {
            return Err(wrong("is no template of a key"));
        }
        if text.starts_with('/') {
            return Err(wrong("begins with a slash, which keys do not"));
        }
        let mut pattern = String::new();
        let mut seen: Vec<&str> = Vec::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                '*' => pattern.push_str("[^/]+"),
                '}' => return Err(wrong("has a `}` without its `{`")),
                '{' => {
                    let Some((name, after)) = rest.split_once('}') else {
                        return Err(wrong("has a `{` without its `}`"));
                    };
                    let Some(known) = NAMES.into_iter().find(|known| *known == name) else {
                        let fault = format!("{} holds the unknown `{{{name}}}`", shown(text));
                        return Err(Fault::new(fault)
                            .hint("known placeholders: `{application}`, `{group}`, `{bundle}`"));
                    };
                    if seen.contains(&known) {
                        return Err(wrong(&format!("holds `{{{known}}}` twice")));
                    }
                    // Side by side, nobody could tell where one ends.
                    if pattern.ends_with("[^/]+)") {
                        return Err(wrong("has two placeholders with nothing between them"));
                    }
                    seen.push(known);
                    pattern.push_str(&format!("(?P<{known}>[^/]+)"));
                    rest = after;
                }
                letter if letter.is_ascii_alphanumeric() || !letter.is_ascii() => {
                    pattern.push(letter);
                }
                letter => {
                    pattern.push('\\');
                    pattern.push(letter);
                }
            }
        }
        let pattern = format!("^(?:{pattern})$");
        match regex_lite::Regex::new(&pattern) {
            Ok(_) => Ok(Self {
                text: text.to_owned(),
                pattern,
            }),
            Err(_) => Err(wrong("is no template of a key")),
        }
    }

    /// Whether it names the application, or the group.
    pub fn has(&self, name: &str) -> bool {
        self.text.contains(&format!("{{{name}}}"))
    }

    /// What a key says, if it looks like this.
    pub fn read(&self, key: &str) -> Option<KeyNames> {
        let pattern = regex_lite::Regex::new(&self.pattern).ok()?;
        let found = pattern.captures(key).filter(|_| !self.text.is_empty())?;
        let name = |name| found.name(name).map(|found| found.as_str().to_owned());
        Some(KeyNames {
            application: name("application"),
            group: name("group"),
        })
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(template: &str, key: &str) -> String {
        let template = KeyTemplate::parse(template).expect("a template");
        match template.read(key) {
            None => "no match".to_owned(),
            Some(names) => format!(
                "{}/{}",
                names.application.as_deref().unwrap_or("-"),
                names.group.as_deref().unwrap_or("-")
            ),
        }
    }

    #[test]
    fn a_template_takes_its_names_from_the_key_and_stays_within_a_segment() {
        for (template, key, expected) in [
            (
                "apps/{application}/{group}/{bundle}",
                "apps/shop/live/a.zip",
                "shop/live",
            ),
            (
                "apps/{application}/{group}/{bundle}",
                "apps/shop/live/tmp/a.zip",
                "no match",
            ),
            (
                "apps/{application}/{group}/{bundle}",
                "apps//live/a.zip",
                "no match",
            ),
            (
                "apps/{application}/{group}/{bundle}",
                "old/apps/shop/live/a.zip",
                "no match",
            ),
            ("{application}-*.zip", "shop-1.2.zip", "shop/-"),
            ("a+b (c).d/{bundle}", "a+b (c).d/x", "-/-"),
            ("a+b (c).d/{bundle}", "aab (c)xd/x", "no match"),
            ("ü/{application}/*", "ü/größe/b.tgz", "größe/-"),
        ] {
            assert_eq!(names(template, key), expected, "{template} {key}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        for (template, expected) in [
            ("", "the empty string is no template of a key"),
            (
                "/a/{bundle}",
                "`/a/{bundle}` begins with a slash, which keys do not",
            ),
            ("a/{bundle", "`a/{bundle` has a `{` without its `}`"),
            ("a/bundle}", "`a/bundle}` has a `}` without its `{`"),
            (
                "a/{app}/{bundle}",
                "`a/{app}/{bundle}` holds the unknown `{app}`",
            ),
            ("{group}/{group}", "`{group}/{group}` holds `{group}` twice"),
            (
                "{application}{group}",
                "`{application}{group}` has two placeholders with nothing between them",
            ),
        ] {
            let fault = KeyTemplate::parse(template).expect_err("no template");
            assert_eq!(fault.message, expected);
        }
    }
}
