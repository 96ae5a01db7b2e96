//! YAML, as far as templates need it: maps, lists, texts, numbers, `true` and `false`, in block style.
//!
//! Everything that [`write`] writes is read back by [`read`] as it was, which is what `deploy diff` needs; and nothing else
//! is read, rather than misread: no anchors, no tags such as `!Ref`, no folded texts.

use serde_json::{Map, Value};

/// Which keys stand first in their map, and in which order. The others follow by their names.
const FIRST: [&str; 13] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Type",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "Parameters",
    "Conditions",
    "Resources",
    "Properties",
    "Outputs",
];

/// Words and shapes that some reader of YAML takes for something else than a text.
const AMBIGUOUS: [&str; 11] = [
    "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf",
];

/// The value as YAML, byte for byte the same for the same value.
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    write_block(&mut text, value, 0);
    text
}

fn write_block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_by_key(|(key, _)| (rank(key), key.as_str()));
            for (key, value) in members {
                indent(text, depth);
                text.push_str(&scalar_text(key));
                text.push(':');
                write_after(text, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                // What is in the item stands one step deeper; its first line begins with the dash instead.
                let mut inner = String::new();
                write_block(&mut inner, item, depth + 1);
                indent(text, depth);
                text.push_str("- ");
                text.push_str(inner.trim_start_matches(' '));
            }
        }
        scalar => {
            indent(text, depth);
            text.push_str(&scalar_of(scalar));
            text.push('\n');
        }
    }
}

/// What follows `key:`: a scalar in the same line, a block in the next ones.
fn write_after(text: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        write_block(text, value, depth);
    } else {
        text.push(' ');
        text.push_str(&scalar_of(value));
        text.push('\n');
    }
}

fn indent(text: &mut String, depth: usize) {
    text.push_str(&"  ".repeat(depth));
}

fn rank(key: &str) -> usize {
    FIRST
        .iter()
        .position(|first| *first == key)
        .unwrap_or(FIRST.len())
}

fn scalar_of(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text),
        // JSON's numbers, `true`, `false`, `null`, `{}` and `[]` are YAML's too.
        other => other.to_string(),
    }
}

/// A text, in quotes unless it can be nothing else.
fn scalar_text(text: &str) -> String {
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte))
        && !text.ends_with(':')
        && !AMBIGUOUS.contains(&text.to_ascii_lowercase().as_str());
    match is_plain {
        true => text.to_owned(),
        // JSON's quoted texts are YAML's double-quoted ones.
        false => Value::String(text.to_owned()).to_string(),
    }
}

/// A line with its number, its depth in blanks, and the rest.
struct Line<'a> {
    number: usize,
    depth: usize,
    rest: &'a str,
}

/// Reads what [`write`] writes. The message names the line.
pub fn read(text: &str) -> Result<Value, String> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let rest = line.trim_start_matches(' ');
        if rest.is_empty() || rest.starts_with('#') || (rest == "---" && lines.is_empty()) {
            continue;
        }
        lines.push(Line {
            number: at + 1,
            depth: line.len() - rest.len(),
            rest: rest.trim_end(),
        });
    }
    let mut at = 0;
    let depth = lines.first().map_or(0, |line| line.depth);
    let value = read_block(&mut lines, &mut at, depth)?;
    match lines.get(at) {
        Some(line) => Err(format!(
            "line {}: it is indented in a way that is not understood",
            line.number
        )),
        None => Ok(value),
    }
}

fn read_block(lines: &mut [Line<'_>], at: &mut usize, depth: usize) -> Result<Value, String> {
    let Some(first) = lines.get(*at) else {
        return Err("there is nothing in it".to_owned());
    };
    if first.rest == "-" || first.rest.starts_with("- ") {
        let mut items = Vec::new();
        while let Some(line) = lines.get_mut(*at).filter(|line| line.depth == depth) {
            let Some(rest) = line.rest.strip_prefix('-') else {
                break;
            };
            let inner = rest.trim_start_matches(' ');
            if inner.starts_with("- ") || key_of(inner).is_some() {
                // The block begins behind the dash, as if it stood in a line of its own.
                line.depth += line.rest.len() - inner.len();
                line.rest = inner;
                let depth = line.depth;
                items.push(read_block(lines, at, depth)?);
            } else {
                items.push(read_after(lines, at, depth, rest)?);
            }
        }
        return Ok(Value::Array(items));
    }
    if key_of(first.rest).is_none() {
        *at += 1;
        return scalar(first.rest, first.number);
    }
    let mut map = Map::new();
    while let Some(line) = lines.get(*at).filter(|line| line.depth == depth) {
        let Some((key, rest)) = key_of(line.rest) else {
            return Err(format!("line {}: a `key:` was expected", line.number));
        };
        let Value::String(key) = scalar(key, line.number)? else {
            return Err(format!("line {}: a key must be a text", line.number));
        };
        let number = line.number;
        let value = read_after(lines, at, depth, rest)?;
        if map.insert(key, value).is_some() {
            return Err(format!("line {number}: this key is there already"));
        }
    }
    Ok(Value::Object(map))
}

/// What follows `key:` or `-`.
fn read_after(
    lines: &mut [Line<'_>],
    at: &mut usize,
    depth: usize,
    rest: &str,
) -> Result<Value, String> {
    let number = lines.get(*at).map_or(0, |line| line.number);
    *at += 1;
    let rest = rest.trim_start();
    if !rest.is_empty() {
        return scalar(rest, number);
    }
    match lines.get(*at) {
        Some(next) if next.depth > depth => {
            let depth = next.depth;
            read_block(lines, at, depth)
        }
        _ => Ok(Value::Null),
    }
}

/// `key: value` → the key and what follows the colon.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let end = if line.starts_with('"') {
        quoted_length(line)?
    } else {
        let colon = line.match_indices(':').find(|(at, _)| {
            let after = &line[at + 1..];
            after.is_empty() || after.starts_with(' ')
        });
        colon?.0
    };
    Some((&line[..end], line[end..].strip_prefix(':')?))
}

/// How long the quoted text is that the line begins with.
fn quoted_length(line: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, letter) in line.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn scalar(text: &str, number: usize) -> Result<Value, String> {
    let not_understood = || {
        format!(
            "line {number}: this YAML is not understood; only what `lamplighter deploy template` writes, and JSON, is"
        )
    };
    if text.starts_with('"') || matches!(text, "{}" | "[]" | "true" | "false" | "null") {
        return serde_json::from_str(text).map_err(|_| not_understood());
    }
    if text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-') {
        return serde_json::from_str(text).map_err(|_| not_understood());
    }
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && !text.contains(" #")
        && !text.contains(": ");
    match is_plain && !AMBIGUOUS.contains(&text.to_ascii_lowercase().as_str()) {
        true => Ok(Value::String(text.to_owned())),
        false => Err(not_understood()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_so_that_people_can_read_it() {
        let value = json!({
            "Resources": {"A": {"Properties": {"Size": 1, "Name": "x", "When": "yes"}, "Type": "AWS::SQS::Queue"}},
            "AWSTemplateFormatVersion": "2010-09-09",
            "Conditions": {"B": {"Fn::Equals": [{"Ref": "C"}, "true"]}},
            "Empty": [{}, []],
        });
        assert_eq!(
            write(&value),
            "AWSTemplateFormatVersion: \"2010-09-09\"\n\
             Conditions:\n  B:\n    Fn::Equals:\n      - Ref: C\n      - \"true\"\n\
             Resources:\n  A:\n    Type: AWS::SQS::Queue\n    Properties:\n      Name: x\n      Size: 1\n      When: \"yes\"\n\
             Empty:\n  - {}\n  - []\n"
        );
    }

    #[test]
    fn whatever_is_written_is_read_as_it_was() {
        let texts = [
            "",
            " ",
            "a",
            "a b",
            "a: b",
            "a:",
            "- a",
            "#",
            "a #b",
            "true",
            "Yes",
            "1",
            "1.5",
            "-1",
            "1e3",
            "~",
            "null",
            "\"",
            "\\",
            "'",
            "\n",
            "\t",
            "{",
            "[",
            "&a",
            "*a",
            "!Ref a",
            "%",
            "@",
            "`",
            "|",
            ">",
            "?",
            "é",
            "\u{2028}",
            "2026-01-01",
            "0x1",
            "1_000",
            "::",
            "AWS::A",
            ".",
            "---",
            "a\nb",
            "=",
            "<<",
        ];
        for text in texts {
            let value = json!({
                "text": text,
                text: [text, {"deep": {text: [[text], {"x": text}]}}, 1, -2, 1.5, true, null],
            });
            let written = write(&value);
            assert_eq!(read(&written).as_ref(), Ok(&value), "{text:?}\n{written}");
            assert_eq!(read(&write(&json!(text))), Ok(json!(text)));
        }
        assert_eq!(read(&write(&json!([]))), Ok(json!([])));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, line) in [
            ("a: !Ref b\n", "line 1"),
            ("a: 1\na: 2\n", "line 2"),
            ("a: 1\n   b: 2\n", "line 2"),
            ("a: >\n  b\n", "line 1"),
            ("a: {b: c}\n", "line 1"),
            ("a: b # c\n", "line 1"),
            ("a: yes\n", "line 1"),
            ("a: 'b'\n", "line 1"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(line), "{text:?}: {error}");
        }
        assert!(read("").is_err());
        assert_eq!(read("# why\n---\na: b\n"), Ok(json!({"a": "b"})));
    }
}
