//! `lamplighter deploy diff`: what differs between two templates.
//!
//! It names what was added, removed and changed, with the paths of the properties. It shows no value but numbers and
//! booleans, and none of an environment or of a parameter: a template may hold secrets that somebody wrote into it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::yaml;

/// What differs, each in the order of the names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub added: Vec<Part>,
    pub removed: Vec<Part>,
    pub changed: Vec<(Part, Vec<Change>)>,
}

/// A resource, a parameter, a condition, an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `Resources.StopUntaggedFunction`, `resource.aws_sqs_queue.dead_letters`.
    pub path: String,
    /// Its type, for resources.
    pub kind: Option<String>,
}

/// A property that differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// `Properties.MemorySize`, `Properties.Tags[0].Key`.
    pub path: String,
    /// The old and the new value, where showing them can give nothing away.
    pub values: Option<(String, String)>,
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Reads a template: YAML as `deploy template` writes it, or JSON, also as `aws cloudformation get-template` prints it.
pub fn read_template(text: &str) -> Result<Value, String> {
    let value = match text.trim_start().starts_with(['{', '"']) {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => yaml::read(text)?,
    };
    match value {
        Value::String(inner) => read_template(&inner),
        Value::Object(mut map) if map.contains_key("TemplateBody") => {
            match map.remove("TemplateBody") {
                Some(Value::String(inner)) => read_template(&inner),
                Some(body @ Value::Object(_)) => Ok(body),
                _ => Err("its `TemplateBody` is no template".to_owned()),
            }
        }
        Value::Object(map) if map.contains_key("Resources") || map.contains_key("resource") => {
            Ok(Value::Object(map))
        }
        _ => Err("it is no template: it has no `Resources` and no `resource`".to_owned()),
    }
}

/// What differs.
pub fn diff(old: &Value, new: &Value) -> Diff {
    let (old, new) = (parts(old), parts(new));
    let mut diff = Diff::default();
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in paths {
        match (old.get(path), new.get(path)) {
            (None, Some(new)) => diff.added.push(part(path, new)),
            (Some(old), None) => diff.removed.push(part(path, old)),
            (Some(old), Some(new)) if old != new => {
                let mut changes = Vec::new();
                compare(
                    old,
                    new,
                    String::new(),
                    !path.starts_with("Parameters."),
                    &mut changes,
                );
                diff.changed.push((part(path, new), changes));
            }
            _ => {}
        }
    }
    diff
}

/// The parts of a template, by their paths. Terraform has one level more: `resource.<type>.<name>`.
fn parts(template: &Value) -> BTreeMap<String, &Value> {
    let mut parts = BTreeMap::new();
    for (section, value) in template.as_object().into_iter().flatten() {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = format!("{section}.{name}");
                    match (section.as_str(), member) {
                        ("resource" | "data", Value::Object(named)) => {
                            parts.extend(
                                named
                                    .iter()
                                    .map(|(name, value)| (format!("{path}.{name}"), value)),
                            );
                        }
                        _ => {
                            parts.insert(path, member);
                        }
                    }
                }
            }
            other => {
                parts.insert(section.clone(), other);
            }
        }
    }
    parts
}

fn part(path: &str, value: &Value) -> Part {
    Part {
        path: path.to_owned(),
        kind: path
            .starts_with("Resources.")
            .then(|| value["Type"].as_str().map(str::to_owned))
            .flatten(),
    }
}

fn compare(old: &Value, new: &Value, path: String, may_show: bool, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let inner = |name: &str| match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let may_show = may_show && !key.eq_ignore_ascii_case("environment");
                let null = Value::Null;
                let (old, new) = (old.get(key).unwrap_or(&null), new.get(key).unwrap_or(&null));
                compare(old, new, inner(key), may_show, changes);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(old, new, format!("{path}[{at}]"), may_show, changes);
            }
        }
        _ => changes.push(Change {
            path,
            values: may_show
                .then(|| Some((harmless(old)?, harmless(new)?)))
                .flatten(),
        }),
    }
}

fn harmless(value: &Value) -> Option<String> {
    matches!(value, Value::Number(_) | Value::Bool(_)).then(|| value.to_string())
}

/// What differs, for people.
pub fn text(diff: &Diff) -> String {
    if diff.is_empty() {
        return "no difference\n".to_owned();
    }
    let named = |part: &Part| match &part.kind {
        Some(kind) => format!("{} ({kind})", part.path),
        None => part.path.clone(),
    };
    let mut text = String::new();
    for part in &diff.added {
        text.push_str(&format!("+ {}\n", named(part)));
    }
    for part in &diff.removed {
        text.push_str(&format!("- {}\n", named(part)));
    }
    for (part, changes) in &diff.changed {
        text.push_str(&format!("~ {}\n", named(part)));
        for change in changes {
            match &change.values {
                Some((old, new)) => {
                    text.push_str(&format!("    {}: {old} -> {new}\n", change.path))
                }
                None => text.push_str(&format!("    {}\n", change.path)),
            }
        }
    }
    text.push_str(&format!(
        "\n{} added, {} removed, {} changed\n",
        diff.added.len(),
        diff.removed.len(),
        diff.changed.len()
    ));
    text
}

/// What differs, for machines.
pub fn json(diff: &Diff) -> String {
    let row = |part: &Part| json!({ "path": part.path, "type": part.kind });
    let rows = |parts: &[Part]| parts.iter().map(row).collect::<Vec<_>>();
    let changed: Vec<Value> = diff
        .changed
        .iter()
        .map(|(part, changes)| {
            let mut row = row(part);
            row["properties"] = changes.iter().map(|change| json!(change.path)).collect();
            row
        })
        .collect();
    let value = json!({
        "schema": "lamplighter/deploy-diff/v1",
        "added": rows(&diff.added),
        "removed": rows(&diff.removed),
        "changed": changed,
    });
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old() -> Value {
        json!({
            "Parameters": {"Webhook": {"NoEcho": true, "Default": "s3cret-old"}},
            "Resources": {
                "Gone": {"Type": "AWS::SQS::Queue"},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": {
                    "MemorySize": 128, "Role": "a", "Environment": {"Variables": {"TOKEN": 1234}}, "List": [1, {"x": 1}]
                }},
                "Same": {"Type": "AWS::SNS::Topic"},
            },
        })
    }

    fn new() -> Value {
        json!({
            "Parameters": {"Webhook": {"NoEcho": true, "Default": "s3cret-new"}},
            "Resources": {
                "Came": {"Type": "AWS::SQS::Queue"},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": {
                    "MemorySize": 256, "Role": "b", "Environment": {"Variables": {"TOKEN": 4321}}, "List": [1, {"x": 2}]
                }},
                "Same": {"Type": "AWS::SNS::Topic"},
            },
        })
    }

    #[test]
    fn added_removed_and_changed_parts_are_named_and_no_text_is_shown() {
        assert_eq!(
            text(&diff(&old(), &new())),
            "+ Resources.Came (AWS::SQS::Queue)\n\
             - Resources.Gone (AWS::SQS::Queue)\n\
             ~ Parameters.Webhook\n    Default\n\
             ~ Resources.Function (AWS::Lambda::Function)\n\
             \x20   Properties.Environment.Variables.TOKEN\n\
             \x20   Properties.List[1].x: 1 -> 2\n\
             \x20   Properties.MemorySize: 128 -> 256\n\
             \x20   Properties.Role\n\
             \n1 added, 1 removed, 2 changed\n"
        );
        let machine = json(&diff(&old(), &new()));
        assert!(
            !machine.contains("s3cret") && !machine.contains("4321"),
            "{machine}"
        );
    }

    #[test]
    fn a_template_equals_itself_in_every_form() {
        let template = old();
        let yaml = yaml::write(&template);
        let forms = [
            yaml.clone(),
            template.to_string(),
            json!({ "TemplateBody": yaml }).to_string(),
            json!({ "TemplateBody": template }).to_string(),
        ];
        for form in forms {
            let read = read_template(&form).expect("a template");
            assert!(diff(&template, &read).is_empty(), "{form}");
        }
        assert_eq!(text(&Diff::default()), "no difference\n");
    }

    #[test]
    fn terraform_s_resources_are_told_apart_by_type_and_name() {
        let old = json!({"resource": {"aws_sqs_queue": {"a": {"name": "a"}, "b": {"name": "b"}}}});
        let new = json!({"resource": {"aws_sqs_queue": {"a": {"name": "a"}, "b": {"name": "c"}}}});
        assert_eq!(
            text(&diff(&old, &new)),
            "~ resource.aws_sqs_queue.b\n    name\n\n0 added, 0 removed, 1 changed\n"
        );
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["", "{}", "[1]", "a: b\n", "{\"TemplateBody\": 1}"] {
            assert!(read_template(text).is_err(), "{text}");
        }
    }
}
