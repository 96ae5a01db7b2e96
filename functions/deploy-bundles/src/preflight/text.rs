//! An appspec that is a bundle by itself, for Lambda and ECS.
//!
//! JSON is parsed. Of YAML only what cannot be otherwise is asked: a line that begins with `version` and one that begins
//! with `Resources`. A whole parser would not say more about what CodeDeploy takes.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html>

use serde_json::Value;

use super::{BundleType, Fault, Verdict};

const NEEDED: [&str; 2] = ["version", "Resources"];

pub(super) fn judge(bundle: BundleType, bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Fault::of_type("is no text in UTF-8");
    };
    let text = text.trim_start_matches('\u{feff}');
    let missing: Vec<&str> = match bundle {
        BundleType::Json => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(appspec)) => {
                let has = |name: &str| appspec.keys().any(|key| key.eq_ignore_ascii_case(name));
                NEEDED.into_iter().filter(|name| !has(name)).collect()
            }
            Ok(_) => return Fault::of_appspec("is JSON, but no object"),
            Err(error) => return Fault::of_type(format!("is no JSON: {error}")),
        },
        _ => {
            let has = |name: &str| text.lines().any(|line| begins(line, name));
            // YAML holds JSON as well.
            let is_flow = text.trim_start().starts_with('{');
            let missing = NEEDED.into_iter().filter(|name| !has(name) && !is_flow);
            missing.collect()
        }
    };
    match missing.as_slice() {
        [] => Verdict::Good("the appspec itself".to_owned()),
        missing => {
            let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            Fault::of_appspec(format!("is no appspec: it lacks {}", missing.join(" and ")))
        }
    }
}

/// Whether a line is a key at the top: `version: 0.0`.
fn begins(line: &str, name: &str) -> bool {
    let line = line.trim_start_matches(['"', '\'']);
    let Some((key, rest)) = line.split_at_checked(name.len()) else {
        return false;
    };
    let rest = rest.trim_start_matches(['"', '\'']);
    key.eq_ignore_ascii_case(name) && rest.trim_start().starts_with(':')
}
