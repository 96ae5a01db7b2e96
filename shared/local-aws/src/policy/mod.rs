//! Identity policies: whose calls are judged by one, and the judgement.
//!
//! A principal without a policy may do everything, so that a test which is not about permissions needs none. One with a
//! policy may do what the policy allows and does not deny, and nothing else. Only identity policies: no resource
//! policies, permission boundaries, session policies or organisations, and no policy variables.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod conditions;
mod document;
mod needs;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::auth::Caller;
use crate::world::World;
use document::Document;

pub(crate) use needs::{missing_object, of_call};

/// The policies of principals.
#[derive(Debug, Default)]
pub(crate) struct PolicyState {
    /// By the ARN of the user or role.
    documents: BTreeMap<String, Document>,
    /// The users whose access keys are known, by the key: account and name.
    keys: BTreeMap<String, (String, String)>,
}

/// A permission that a call needed, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As in IAM: `s3:ListBucket`, also where the operation has another name.
    pub action: String,
    /// The ARN of what it is about; `*` where IAM knows no other for the action.
    pub resource: String,
    /// The names of all statements that allow it; none where it is denied, or where the caller has no policy.
    pub allowed_by: Vec<String>,
    /// Whether the caller's policy refuses it.
    pub is_denied: bool,
}

impl Permission {
    /// Whether it is about what a policy's resource, perhaps with wildcards, stands for.
    pub fn is_about(&self, pattern: &str) -> bool {
        pattern::matches_arn(pattern, &self.resource)
    }
}

/// A permission that a call needs.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
}

/// What conditions ask for: keys in small letters, with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds values to a key. Without any value the key is not there.
    fn add<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        for value in values {
            let values = self.0.entry(key.to_ascii_lowercase()).or_default();
            values.push(value.to_owned());
        }
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

impl World {
    /// Adds a role that anybody may assume, and whose sessions may do what this policy allows and nothing else.
    ///
    /// Panics if the policy is not understood: that is a slip of the pen.
    pub fn enforced_role(self, account: &str, name: &str, policy: &str) -> World {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        self.assumable_role(&arn, None)
            .identity_policy(&arn, policy)
    }

    /// The owner of this access key is this user, who may do what this policy allows and nothing else.
    ///
    /// Panics if the policy is not understood: that is a slip of the pen.
    pub fn enforced_user(
        mut self,
        access_key: &str,
        account: &str,
        name: &str,
        policy: &str,
    ) -> World {
        let owner = (account.to_owned(), name.to_owned());
        self.policies.keys.insert(access_key.to_owned(), owner);
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        self.account(account).identity_policy(&arn, policy)
    }

    /// From now on a user or role may do what this policy allows and nothing else.
    ///
    /// Panics if the policy is not understood: that is a slip of the pen.
    pub fn identity_policy(mut self, arn: &str, policy: &str) -> World {
        self.set_identity_policy(arn, policy);
        self
    }

    /// The same in the middle of a test.
    pub fn set_identity_policy(&mut self, arn: &str, policy: &str) {
        let document = Document::read(policy)
            .unwrap_or_else(|message| panic!("the policy of `{arn}` is not understood: {message}"));
        self.policies.documents.insert(arn.to_owned(), document);
    }

    /// The user with this access key, if it is one whose policy counts: account and name.
    pub(crate) fn owner_of_key(&self, access_key: &str) -> Option<&(String, String)> {
        self.policies.keys.get(access_key)
    }
}

/// Judges what a call needs.
pub(crate) fn judge(world: &World, caller: &Caller, needs: Vec<Need>) -> Vec<Permission> {
    let document = world.policies.documents.get(&caller.identity);
    let judged = needs.into_iter().map(|mut need| {
        let everywhere = [
            ("aws:PrincipalAccount", caller.account.as_str()),
            ("aws:PrincipalArn", &caller.identity),
            ("aws:RequestedRegion", &caller.region),
            // Clients reach AWS itself by TLS only.
            ("aws:SecureTransport", "true"),
        ];
        for (key, value) in everywhere {
            need.context.add(key, [value]);
        }
        let allowed_by = document.map(|document| document.allow(&need));
        Permission {
            is_denied: allowed_by.as_ref().is_some_and(Vec::is_empty),
            allowed_by: allowed_by.unwrap_or_default(),
            action: need.action,
            resource: need.resource,
        }
    });
    judged.collect()
}

impl Document {
    /// The statements that allow a need; none if one denies it.
    fn allow(&self, need: &Need) -> Vec<String> {
        let (denying, allowing): (Vec<_>, Vec<_>) = self
            .statements
            .iter()
            .filter(|statement| statement.applies(need, &need.context))
            .partition(|statement| statement.is_deny);
        match denying.is_empty() {
            true => allowing.iter().map(|one| one.sid.clone()).collect(),
            false => vec![],
        }
    }
}
