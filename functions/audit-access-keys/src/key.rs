//! What is kept of users and their access keys: the facts that decide.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_core::Resource;

/// When a key was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUsed {
    /// The report says that it is in use.
    NotAsked,
    /// Never, or not since AWS keeps account.
    Never,
    /// At this time.
    At(DateTime<Utc>),
    /// It could not be told; why.
    Unknown(String),
}

/// One access key, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `AKIA…`.
    pub id: String,
    /// Whether it can be used.
    pub is_active: bool,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used: LastUsed,
}

/// The keys of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// The report accuses none of so many active keys. It names no ids.
    Fine(usize),
    /// Listed live.
    Listed(Vec<Key>),
    /// They could not be listed; why, and how many active ones the report knows.
    Unknown(String, usize),
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// The keys.
    pub keys: Keys,
    /// The marks by key id, and the values of the tags that may name the owner; `None`: not read.
    pub marks: Option<(BTreeMap<String, String>, Vec<String>)>,
}

/// The root user's keys. No call lists them: the report and the account's summary are all there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKeys {
    /// None that is active.
    None,
    /// There is one.
    Active,
    /// It could not be told; why.
    Unknown(String),
}

/// One account, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The 12-digit account id.
    pub id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// When the report was made.
    pub report_generated_at: DateTime<Utc>,
    /// The users.
    pub users: Vec<User>,
    /// The root user.
    pub root: RootKeys,
}

impl AccountView {
    /// A user's resource. IAM is global: there is no region.
    pub fn user(&self, user: &User) -> Resource {
        self.resource(user.arn.clone())
    }

    /// A key's resource. AWS has no ARNs for keys; this one begins with the user's, so that a pattern for all keys of
    /// a user is easily written, and it is another one for each key.
    pub fn key(&self, user: &User, key: &str) -> Resource {
        self.resource(key_arn(&user.arn, key))
    }

    /// The root user's resource.
    pub fn root(&self) -> Resource {
        self.resource(format!("arn:{}:iam::{}:root", self.partition, self.id))
    }

    fn resource(&self, arn: String) -> Resource {
        Resource {
            arn,
            account: self.id.clone(),
            region: None,
        }
    }
}

/// `arn:aws:iam::111122223333:user/ann/access-key/AKIA…`
pub fn key_arn(user_arn: &str, key: &str) -> String {
    format!("{user_arn}/access-key/{key}")
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The accounts that could be read.
    pub accounts: Vec<AccountView>,
    /// The ARNs of whoever Lamplighter runs as.
    pub own_arns: Vec<String>,
    /// The keys it signs with.
    pub own_keys: Vec<String>,
}
