//! A policy document, read once and strictly: what is not understood here would otherwise be allowed or denied by
//! accident.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use serde_json::{Map, Value};

use super::conditions::Condition;
use super::pattern::{matches, matches_arn};
use super::{Context, Need};

/// One identity policy.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(super) statements: Vec<Statement>,
}

/// One statement of it.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// Its name; its place where it has none.
    pub(super) sid: String,
    pub(super) is_deny: bool,
    actions: Patterns,
    resources: Patterns,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug)]
enum Patterns {
    Any(Vec<String>),
    AnyBut(Vec<String>),
}

impl Patterns {
    fn hold(&self, is_match: impl Fn(&str) -> bool) -> bool {
        match self {
            Patterns::Any(patterns) => patterns.iter().any(|pattern| is_match(pattern)),
            Patterns::AnyBut(patterns) => !patterns.iter().any(|pattern| is_match(pattern)),
        }
    }
}

impl Statement {
    /// Whether it speaks of this need, under this context.
    pub(super) fn applies(&self, need: &Need, context: &Context) -> bool {
        let action = need.action.to_ascii_lowercase();
        self.actions
            .hold(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self
                .resources
                .hold(|pattern| matches_arn(pattern, &need.resource))
            && self.conditions.iter().all(|one| one.holds(context))
    }
}

impl Document {
    /// Reads a policy, or says what of it is not understood.
    pub(crate) fn read(text: &str) -> Result<Document, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let document = object(&document, "the policy")?;
        known(document, &["Id", "Statement", "Version"], "the policy")?;
        // The older version knows no policy variables, and is otherwise the same.
        match document.get("Version").and_then(Value::as_str) {
            Some("2012-10-17" | "2008-10-17") => {}
            other => return Err(format!("the version is {other:?}")),
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err("there is no `Statement`".to_owned()),
        };
        let statements: Result<Vec<Statement>, String> = statements
            .into_iter()
            .enumerate()
            .map(|(place, statement)| read_statement(place + 1, statement))
            .collect();
        let statements = statements?;
        let mut sids: Vec<&str> = statements.iter().map(|one| one.sid.as_str()).collect();
        sids.sort_unstable();
        if let Some(pair) = sids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two statements are named `{}`", pair[0]));
        }
        Ok(Document { statements })
    }
}

fn read_statement(place: usize, value: &Value) -> Result<Statement, String> {
    let sid = match value.get("Sid").and_then(Value::as_str) {
        Some(sid) => sid.to_owned(),
        None => format!("statement {place}"),
    };
    let in_it = |message: String| format!("`{sid}`: {message}");
    let statement = object(value, &sid)?;
    let keys = [
        "Action",
        "Condition",
        "Effect",
        "NotAction",
        "NotResource",
        "Resource",
        "Sid",
    ];
    known(statement, &keys, &sid)?;
    if !sid.chars().all(|letter| letter.is_ascii_alphanumeric()) && statement.contains_key("Sid") {
        return Err(in_it(
            "a Sid has letters and digits without accents only".to_owned(),
        ));
    }
    let is_deny = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => false,
        Some("Deny") => true,
        other => return Err(in_it(format!("the effect is {other:?}"))),
    };
    let actions = patterns(statement, "Action", "NotAction").map_err(&in_it)?;
    let resources = patterns(statement, "Resource", "NotResource").map_err(&in_it)?;
    let (Patterns::Any(named) | Patterns::AnyBut(named)) = &actions;
    if let Some(action) = named
        .iter()
        .find(|action| *action != "*" && !action.contains(':'))
    {
        return Err(in_it(format!("`{action}` is no action")));
    }
    let (Patterns::Any(named) | Patterns::AnyBut(named)) = &resources;
    if let Some(resource) = named
        .iter()
        .find(|resource| *resource != "*" && resource.splitn(6, ':').count() < 6)
    {
        return Err(in_it(format!("`{resource}` is no ARN")));
    }
    let mut conditions = Vec::new();
    if let Some(block) = statement.get("Condition") {
        for (operator, keys) in object(block, "Condition").map_err(&in_it)? {
            for (key, values) in object(keys, operator).map_err(&in_it)? {
                let values = texts(values).map_err(&in_it)?;
                conditions.push(Condition::read(operator, key, values).map_err(&in_it)?);
            }
        }
    }
    Ok(Statement {
        is_deny,
        actions,
        resources,
        conditions,
        sid,
    })
}

fn patterns(statement: &Map<String, Value>, any: &str, but: &str) -> Result<Patterns, String> {
    match (statement.get(any), statement.get(but)) {
        (Some(list), None) => texts(list).map(Patterns::Any),
        (None, Some(list)) => texts(list).map(Patterns::AnyBut),
        _ => Err(format!("it takes either `{any}` or `{but}`")),
    }
}

/// A text, or a list of them. Numbers and booleans stand for their text, as IAM takes them.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| match value {
        // Policy variables are not simulated: as a text they would match nothing.
        Value::String(text) if text.contains("${") => {
            Err(format!("`{text}` has a policy variable"))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        other => Err(format!("`{other}` is no text")),
    };
    match value {
        Value::Array(list) if list.is_empty() => Err("a list is empty".to_owned()),
        Value::Array(list) => list.iter().map(text).collect(),
        one => text(one).map(|one| vec![one]),
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} is no object"))
}

fn known(object: &Map<String, Value>, keys: &[&str], what: &str) -> Result<(), String> {
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("{what} has the unknown key `{key}`")),
        None => Ok(()),
    }
}
