//! Tells an administrator by the policies.
//!
//! An administrator is whoever is given `AdministratorAccess`, or a policy that allows every action on everything.
//! Deliberately not weighed: denials, boundaries and conditions that take something back, and roads by which somebody
//! could make himself an administrator (`iam:PutUserPolicy` and its like). It is a question of what comes first.

use lamplighter_aws::iam::Grant;
use serde_json::Value;

/// The policy that makes somebody an administrator.
pub fn admin_by(grants: &[Grant]) -> Option<String> {
    grants.iter().find(|grant| gives_all(grant)).map(|grant| {
        let kind = if grant.arn.is_some() {
            "policy"
        } else {
            "inline policy"
        };
        match &grant.group {
            Some(group) => format!("{kind} `{}` of group `{group}`", grant.policy),
            None => format!("{kind} `{}`", grant.policy),
        }
    })
}

fn gives_all(grant: &Grant) -> bool {
    let is_by_name = grant.arn.as_deref().is_some_and(|arn| {
        // Only the one that AWS keeps: anybody may give that name to a policy of his own.
        arn.split(':').nth(4) == Some("aws") && arn.ends_with(":policy/AdministratorAccess")
    });
    is_by_name || grant.document.as_deref().is_some_and(allows_all)
}

/// Whether a policy's text allows every action on everything.
fn allows_all(document: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    items(&document["Statement"]).any(|statement| {
        statement["Effect"] == "Allow"
            && texts(&statement["Action"]).any(|action| matches!(action, "*" | "*:*"))
            && texts(&statement["Resource"]).any(|resource| resource == "*")
    })
}

/// Policies write a list of one as the one.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.iter(),
        _ => std::slice::from_ref(value).iter(),
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(document: &str) -> Grant {
        Grant {
            policy: "p".to_owned(),
            group: None,
            arn: None,
            document: Some(document.to_owned()),
        }
    }

    fn attached(arn: &str) -> Grant {
        Grant {
            policy: "AdministratorAccess".to_owned(),
            group: Some("g".to_owned()),
            arn: Some(arn.to_owned()),
            document: None,
        }
    }

    #[test]
    fn an_administrator_is_known_by_the_policy_of_aws_or_by_what_a_policy_says() {
        for (grant, expected) in [
            (
                attached("arn:aws:iam::aws:policy/AdministratorAccess"),
                Some("policy `AdministratorAccess` of group `g`"),
            ),
            (
                attached("arn:aws:iam::111122223333:policy/AdministratorAccess"),
                None,
            ),
            (attached("arn:aws:iam::aws:policy/ReadOnlyAccess"), None),
            (
                inline(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#),
                Some("inline policy `p`"),
            ),
            (
                inline(
                    r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                           {"Effect": "Allow", "Action": ["ec2:*", "*:*"], "Resource": ["a", "*"]}]}"#,
                ),
                Some("inline policy `p`"),
            ),
            (
                inline(r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}"#),
                None,
            ),
            (
                inline(
                    r#"{"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}"#,
                ),
                None,
            ),
            (
                inline(
                    r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b"}]}"#,
                ),
                None,
            ),
            (inline("no JSON"), None),
        ] {
            assert_eq!(
                admin_by(std::slice::from_ref(&grant)).as_deref(),
                expected,
                "{grant:?}"
            );
        }
    }
}
