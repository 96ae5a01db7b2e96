//! The plan file, `lamplighter/plan/v1`: a run, and for each action what applying needs, sealed with a digest.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::finding::hex;
use crate::function::Action;
use crate::run::Run;

/// The schema of a plan file.
pub const PLAN_SCHEMA: &str = "lamplighter/plan/v1";

/// How long a plan may be applied, in hours.
pub const VALID_HOURS: i64 = 24;

/// A plan file that was read back: its seal is whole. Whether it may still be applied is [`PlanFile::check`].
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// The run that planned it.
    pub run: Run,
    /// The accounts whose resources it changes, and the caller's.
    pub accounts: Vec<String>,
    /// When it stops being valid.
    pub expires_at: DateTime<Utc>,
    /// What `apply` needs, one value for each action.
    pub actions: Vec<Value>,
}

impl PlanFile {
    /// The file's text: the run as JSON plus, for each action, `apply` and `precondition`; `accounts`, `created_at`,
    /// `expires_at`, and `sha256`, lower-case hex over the RFC 8785 form of everything else.
    pub fn seal<A: Action>(run: &Run, actions: &[A]) -> Result<String> {
        let mut plan = to_object(&run.problems_only())?;
        let mut accounts: BTreeSet<String> = actions
            .iter()
            .map(|action| action.resource().account)
            .collect();
        accounts.insert(run.account.id.clone());
        let rows = actions
            .iter()
            .zip(&run.actions)
            .map(|(action, row)| {
                let mut row = to_object(row)?;
                row.insert(
                    "apply".to_owned(),
                    serde_json::to_value(action).map_err(unwritable)?,
                );
                row.insert("precondition".to_owned(), action.precondition());
                Ok(Value::Object(row))
            })
            .collect::<Result<Vec<_>>>()?;
        plan.insert("schema".to_owned(), json!(PLAN_SCHEMA));
        plan.insert("actions".to_owned(), Value::Array(rows));
        plan.insert("accounts".to_owned(), json!(accounts));
        plan.insert("created_at".to_owned(), json!(run.started_at));
        plan.insert(
            "expires_at".to_owned(),
            json!(run.started_at + Duration::hours(VALID_HOURS)),
        );
        let digest = digest(&plan)?;
        plan.insert("sha256".to_owned(), json!(digest));
        let mut text = serde_json::to_string_pretty(&plan).map_err(unwritable)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a plan file and checks its seal. `name` is the file's, for the messages.
    pub fn open(name: &str, text: &str) -> Result<Self> {
        let unreadable = |what: String| {
            Error::refused(format!("cannot read the plan `{name}`: {what}"))
                .hint("make one with `lamplighter plan FUNCTION --out PLAN.json`")
        };
        let mut plan: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| unreadable(format!("it is not a JSON object: {error}")))?;
        if plan.get("schema").and_then(Value::as_str) != Some(PLAN_SCHEMA) {
            return Err(unreadable(format!("its schema is not `{PLAN_SCHEMA}`")));
        }
        let sealed = plan.remove("sha256").unwrap_or_default();
        if sealed.as_str() != Some(&digest(&plan)?) {
            return Err(Error::refused(format!(
                "the plan `{name}` was edited after it was made: its sha256 does not match"
            ))
            .hint("make it again with `lamplighter plan`; nothing was changed"));
        }
        let field =
            |plan: &Map<String, Value>, key: &str| plan.get(key).cloned().unwrap_or_default();
        let accounts = serde_json::from_value(field(&plan, "accounts"))
            .map_err(|e| unreadable(e.to_string()))?;
        let expires_at = serde_json::from_value(field(&plan, "expires_at"))
            .map_err(|e| unreadable(e.to_string()))?;
        let actions = field(&plan, "actions")
            .as_array()
            .map(|rows| {
                rows.iter()
                    .map(|row| row.get("apply").cloned().unwrap_or_default())
                    .collect()
            })
            .unwrap_or_default();
        plan.insert("schema".to_owned(), json!(crate::run::SCHEMA));
        let run =
            serde_json::from_value(Value::Object(plan)).map_err(|e| unreadable(e.to_string()))?;
        Ok(Self {
            run,
            accounts,
            expires_at,
            actions,
        })
    }

    /// Whether it may be applied now, by this account.
    pub fn check(&self, name: &str, account: &str, now: DateTime<Utc>) -> Result<()> {
        if self.run.account.id != account {
            return Err(Error::refused(format!(
                "the plan `{name}` was made in account {}, these credentials are of account {account}; nothing was changed",
                self.run.account.id
            ))
            .hint("apply it with the credentials it was made with, or make a new plan here"));
        }
        if now >= self.expires_at {
            return Err(Error::refused(format!(
                "the plan `{name}` expired at {}; nothing was changed",
                self.expires_at.format("%Y-%m-%d %H:%M:%S UTC")
            ))
            .hint("make it again with `lamplighter plan`"));
        }
        Ok(())
    }

    /// The actions as the function's own.
    pub fn actions<A: Action>(&self, name: &str) -> Result<Vec<A>> {
        self.actions
            .iter()
            .map(|action| {
                serde_json::from_value(action.clone()).map_err(|error| {
                    Error::refused(format!(
                        "the plan `{name}` holds an action this version does not know: {error}"
                    ))
                    .hint("make it again with this version of `lamplighter plan`")
                })
            })
            .collect()
    }
}

fn to_object(value: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value).map_err(unwritable)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::permanent("cannot write the plan: not an object")),
    }
}

fn digest(plan: &Map<String, Value>) -> Result<String> {
    let canonical = serde_json_canonicalizer::to_vec(plan).map_err(unwritable)?;
    Ok(hex(&Sha256::digest(&canonical)))
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::permanent("cannot write the plan").caused_by(error)
}
