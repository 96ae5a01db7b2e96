//! Reads single users, for the few that the report accuses.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{StatusType, SummaryKeyType, Tag};
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};
use tokio::sync::Mutex;

use super::{builder, decoded, time};
use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::AccountSession;

/// The most entries on one page of any IAM listing.
const PAGE_SIZE: i32 = 1000;

/// What IAM answers for everything that is not there.
const GONE: Option<&str> = Some("NoSuchEntity");

/// Reads IAM in one account.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) client: Client,
    /// The policies of groups, and the texts of managed policies, by name and ARN: many users share few of them.
    groups: Cache<Vec<Grant>>,
    policies: Cache<String>,
}

type Cache<T> = Arc<Mutex<HashMap<String, Arc<T>>>>;

/// A user as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The ARN.
    pub arn: String,
    /// When the user was created: a new user of the same name is another one.
    pub created_at: Option<DateTime<Utc>>,
    /// The tags.
    pub tags: Vec<(String, String)>,
}

impl User {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|(known, _)| known == key);
        tag.map(|(_, value)| value.as_str())
    }
}

/// What `GetAccountSummary` says of the root user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSummary {
    /// Whether it has a password; `None` where AWS does not tell.
    pub has_password: Option<bool>,
    /// Whether it has MFA.
    pub has_mfa: Option<bool>,
    /// Whether it has access keys.
    pub has_keys: Option<bool>,
}

/// An MFA device of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfaDevice {
    /// An ARN for virtual devices (`…:mfa/…`) and passkeys (`…:u2f/…`); a plain serial number for hardware tokens.
    pub serial_number: String,
}

impl MfaDevice {
    /// Whether it is an app that shows codes, and no thing in somebody's hand.
    pub fn is_virtual(&self) -> bool {
        self.serial_number
            .splitn(6, ':')
            .nth(5)
            .is_some_and(|resource| resource.starts_with("mfa/"))
    }
}

/// An access key of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// Whether it can be used.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
}

/// One policy that applies to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The policy's name.
    pub policy: String,
    /// The group it comes from; `None`: it is the user's own.
    pub group: Option<String>,
    /// The ARN of a managed policy; `None` for an inline one.
    pub arn: Option<String>,
    /// Its text; `None` for the policies that AWS keeps, which are known by name.
    pub document: Option<String>,
}

/// The policies that apply to a user.
pub type Grants = Vec<Grant>;

impl Reader {
    /// A client that can only read.
    pub fn new(account: &AccountSession) -> Self {
        Self {
            client: Client::from_conf(builder(account).interceptor(ReadOnly).build()),
            groups: Cache::default(),
            policies: Cache::default(),
        }
    }

    /// What is known of the root user, live.
    pub async fn root_summary(&self) -> Result<RootSummary> {
        let answer = self.client.get_account_summary().send().await;
        let answer = answer.map_err(|error| explain("iam:GetAccountSummary", error))?;
        let map = answer.summary_map.unwrap_or_default();
        let is = |key: SummaryKeyType| map.get(&key).map(|count| *count > 0);
        Ok(RootSummary {
            has_password: is(SummaryKeyType::AccountPasswordPresent),
            has_mfa: is(SummaryKeyType::AccountMfaEnabled),
            has_keys: is(SummaryKeyType::AccountAccessKeysPresent),
        })
    }

    /// A user with its tags, or `None` where there is none of this name.
    pub async fn user(&self, name: &str) -> Result<Option<User>> {
        match self.client.get_user().user_name(name).send().await {
            Ok(answer) => {
                let user = answer
                    .user
                    .ok_or_else(|| Error::permanent("`iam:GetUser` answered without a user"))?;
                Ok(Some(User {
                    arn: user.arn,
                    created_at: time(&user.create_date),
                    tags: tags(user.tags),
                }))
            }
            Err(error) if code_of(&error) == GONE => Ok(None),
            Err(error) => Err(explain("iam:GetUser", error)),
        }
    }

    /// Whether a user has a password.
    pub async fn has_password(&self, name: &str) -> Result<bool> {
        match self.client.get_login_profile().user_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if code_of(&error) == GONE => Ok(false),
            Err(error) => Err(explain("iam:GetLoginProfile", error)),
        }
    }

    /// A user's MFA devices; `None` where the user is gone.
    pub async fn mfa_devices(&self, name: &str) -> Result<Option<Vec<MfaDevice>>> {
        let mut found = Vec::new();
        let call = self.client.list_mfa_devices().user_name(name);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => found.extend(page.mfa_devices.into_iter().map(|device| MfaDevice {
                    serial_number: device.serial_number,
                })),
                Err(error) if code_of(&error) == GONE => return Ok(None),
                Err(error) => return Err(explain("iam:ListMFADevices", error)),
            }
        }
        Ok(Some(found))
    }

    /// A user's access keys; `None` where the user is gone.
    pub async fn access_keys(&self, name: &str) -> Result<Option<Vec<AccessKey>>> {
        let mut found = Vec::new();
        let call = self.client.list_access_keys().user_name(name);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    for key in page.access_key_metadata {
                        found.push(AccessKey {
                            id: key.access_key_id.unwrap_or_default(),
                            // A status that is not known counts as active: it is judged, not overlooked.
                            is_active: key.status != Some(StatusType::Inactive),
                            created_at: key.create_date.as_ref().and_then(time),
                        });
                    }
                }
                Err(error) if code_of(&error) == GONE => return Ok(None),
                Err(error) => return Err(explain("iam:ListAccessKeys", error)),
            }
        }
        Ok(Some(found))
    }

    /// When a key was last used; `None`: never, or not since AWS keeps account.
    pub async fn last_used(&self, key: &str) -> Result<Option<DateTime<Utc>>> {
        let call = self.client.get_access_key_last_used().access_key_id(key);
        let answer = call
            .send()
            .await
            .map_err(|error| explain("iam:GetAccessKeyLastUsed", error))?;
        let used = answer.access_key_last_used;
        Ok(used.and_then(|used| used.last_used_date.as_ref().and_then(time)))
    }

    /// Whether a user has an inline policy of this name.
    pub async fn has_user_policy(&self, user: &str, policy: &str) -> Result<bool> {
        let call = self.client.get_user_policy();
        match call.user_name(user).policy_name(policy).send().await {
            Ok(_) => Ok(true),
            Err(error) if code_of(&error) == GONE => Ok(false),
            Err(error) => Err(explain("iam:GetUserPolicy", error)),
        }
    }

    /// The policies that apply to a user: its own, attached and inline, and those of its groups. About four calls for
    /// a user; what groups and managed policies say is read once.
    pub async fn grants(&self, user: &str) -> Result<Grants> {
        let mut grants = Vec::new();
        let call = self.client.list_attached_user_policies().user_name(user);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListAttachedUserPolicies", error))?;
            for policy in page.attached_policies.unwrap_or_default() {
                grants.push(self.attached(policy, None).await?);
            }
        }
        let call = self.client.list_user_policies().user_name(user);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListUserPolicies", error))?;
            for name in page.policy_names {
                let call = self.client.get_user_policy().user_name(user);
                let answer = call.policy_name(&name).send().await;
                let answer = answer.map_err(|error| explain("iam:GetUserPolicy", error))?;
                grants.push(Grant {
                    policy: name,
                    group: None,
                    arn: None,
                    document: Some(decoded(&answer.policy_document)),
                });
            }
        }
        let call = self.client.list_groups_for_user().user_name(user);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListGroupsForUser", error))?;
            for group in page.groups {
                grants.extend(self.group_grants(&group.group_name).await?.iter().cloned());
            }
        }
        Ok(grants)
    }

    async fn group_grants(&self, group: &str) -> Result<Arc<Vec<Grant>>> {
        // The lock is held while a group is read, so that users of one group do not read it side by side.
        let mut known = self.groups.lock().await;
        if let Some(grants) = known.get(group) {
            return Ok(Arc::clone(grants));
        }
        let mut grants = Vec::new();
        let call = self.client.list_attached_group_policies().group_name(group);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListAttachedGroupPolicies", error))?;
            for policy in page.attached_policies.unwrap_or_default() {
                grants.push(self.attached(policy, Some(group)).await?);
            }
        }
        let call = self.client.list_group_policies().group_name(group);
        let mut pages = call.max_items(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListGroupPolicies", error))?;
            for name in page.policy_names {
                let call = self.client.get_group_policy().group_name(group);
                let answer = call.policy_name(&name).send().await;
                let answer = answer.map_err(|error| explain("iam:GetGroupPolicy", error))?;
                grants.push(Grant {
                    policy: name,
                    group: Some(group.to_owned()),
                    arn: None,
                    document: Some(decoded(&answer.policy_document)),
                });
            }
        }
        let grants = Arc::new(grants);
        known.insert(group.to_owned(), Arc::clone(&grants));
        Ok(grants)
    }

    async fn attached(
        &self,
        policy: aws_sdk_iam::types::AttachedPolicy,
        group: Option<&str>,
    ) -> Result<Grant> {
        let arn = policy.policy_arn.unwrap_or_default();
        let document = if is_kept_by_aws(&arn) {
            None
        } else {
            Some(self.managed(&arn).await?.as_ref().clone())
        };
        Ok(Grant {
            policy: policy.policy_name.unwrap_or_default(),
            group: group.map(str::to_owned),
            arn: Some(arn),
            document,
        })
    }

    /// The text of a managed policy's default version.
    async fn managed(&self, arn: &str) -> Result<Arc<String>> {
        let mut known = self.policies.lock().await;
        if let Some(text) = known.get(arn) {
            return Ok(Arc::clone(text));
        }
        let answer = self.client.get_policy().policy_arn(arn).send().await;
        let answer = answer.map_err(|error| explain("iam:GetPolicy", error))?;
        let version = answer
            .policy
            .and_then(|policy| policy.default_version_id)
            .unwrap_or_default();
        let call = self.client.get_policy_version().policy_arn(arn);
        let answer = call.version_id(version).send().await;
        let answer = answer.map_err(|error| explain("iam:GetPolicyVersion", error))?;
        let text = answer
            .policy_version
            .and_then(|version| version.document)
            .unwrap_or_default();
        let text = Arc::new(decoded(&text));
        known.insert(arn.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

/// `arn:aws:iam::aws:policy/…`: AWS keeps it, the same in every account.
pub(super) fn is_kept_by_aws(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

pub(super) fn tags(tags: Option<Vec<Tag>>) -> Vec<(String, String)> {
    tags.unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect()
}
