//! What is kept of a user: the facts that decide.

use chrono::{DateTime, Utc};
use lamplighter_aws::iam::RootSummary;
use lamplighter_aws::iam::credential_report::Row;
use lamplighter_core::Resource;

/// Whether a user can sign in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Console {
    /// Without a password there is no console.
    NoPassword,
    /// With a password and MFA.
    WithMfa,
    /// With a password and no MFA, as it is now.
    WithoutMfa,
    /// It could not be told; why.
    Unknown(String),
}

/// Whether a user is an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// Nobody asked: it does not matter.
    NotAsked,
    /// No policy says so.
    No,
    /// By this policy.
    By(String),
    /// It could not be told; why.
    Unknown(String),
}

/// What Lamplighter has written to a user before, and who the owner is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The tag with the deadline.
    pub mark: Option<String>,
    /// Whether the user has the inline policy that denies everything but enrolling.
    pub is_denied: bool,
    /// The values of the tags that may name the owner, in the order of the rules.
    pub owners: Vec<String>,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// When the user was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When the password was last used.
    pub password_last_used: Option<DateTime<Utc>>,
    /// Whether the user can sign in, and how.
    pub console: Console,
    /// Whether the user is an administrator.
    pub admin: Admin,
    /// Whether every MFA device is an app; `None`: not asked.
    pub only_virtual_mfa: Option<Result<bool, String>>,
    /// What was written to the user; `None`: not read.
    pub marks: Option<Marks>,
}

/// The root user: what the report says, and what was asked because the report accuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The report's row; `None` where it has none.
    pub row: Option<Row>,
    /// The live answer, or why there is none; `None`: not asked.
    pub now: Option<Result<RootSummary, String>>,
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
    pub root: Root,
}

impl AccountView {
    /// A user's resource. IAM is global: there is no region.
    pub fn resource(&self, user: &User) -> Resource {
        Resource {
            arn: user.arn.clone(),
            account: self.id.clone(),
            region: None,
        }
    }

    /// The root user's resource.
    pub fn root_resource(&self) -> Resource {
        Resource {
            arn: format!("arn:{}:iam::{}:root", self.partition, self.id),
            account: self.id.clone(),
            region: None,
        }
    }
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The accounts that could be read.
    pub accounts: Vec<AccountView>,
    /// The ARNs of whoever Lamplighter runs as, which are left alone.
    pub own: Vec<String>,
}
