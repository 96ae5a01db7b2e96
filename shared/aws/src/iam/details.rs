//! `GetAccountAuthorizationDetails`: every user's tags and policies, in a page for each thousand.
//!
//! It is read only where a function must know them of all users: marks and denials of users who have mended meanwhile
//! are on nobody's list of accused. For a few accused users, asking for each one costs less and needs less permission.

use std::collections::HashMap;

use aws_sdk_iam::types::{AttachedPolicy, EntityType, PolicyDetail};
use lamplighter_core::Result;

use super::reader::{Grant, Reader, tags};
use super::{Grants, decoded};
use crate::error::explain;

/// The most entries on one page.
const PAGE_SIZE: i32 = 1000;

/// Every user's tags and policies.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// By name.
    pub users: HashMap<String, UserDetail>,
    groups: HashMap<String, Grants>,
    /// The texts of the account's managed policies, by ARN.
    policies: HashMap<String, String>,
}

/// One user's tags and policies.
#[derive(Debug, Clone, Default)]
pub struct UserDetail {
    /// The tags.
    pub tags: Vec<(String, String)>,
    own: Grants,
    groups: Vec<String>,
}

impl UserDetail {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|(known, _)| known == key);
        tag.map(|(_, value)| value.as_str())
    }

    /// Whether it has an inline policy of this name.
    pub fn has_inline_policy(&self, name: &str) -> bool {
        let own = self.own.iter();
        own.into_iter()
            .any(|grant| grant.arn.is_none() && grant.policy == name)
    }
}

impl Details {
    /// The policies that apply to a user, as [`Reader::grants`] reads them.
    pub fn grants(&self, user: &str) -> Grants {
        let Some(detail) = self.users.get(user) else {
            return vec![];
        };
        let groups = detail
            .groups
            .iter()
            .filter_map(|name| self.groups.get(name));
        let all = detail.own.iter().chain(groups.flatten());
        all.map(|grant| Grant {
            document: match &grant.arn {
                Some(arn) => self.policies.get(arn).cloned(),
                None => grant.document.clone(),
            },
            ..grant.clone()
        })
        .collect()
    }
}

impl Reader {
    /// Every user's tags and policies.
    pub async fn details(&self) -> Result<Details> {
        let mut details = Details::default();
        let mut pages = self
            .client
            .get_account_authorization_details()
            .filter(EntityType::User)
            .filter(EntityType::Group)
            .filter(EntityType::LocalManagedPolicy)
            .max_items(PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| explain("iam:GetAccountAuthorizationDetails", error))?;
            for user in page.user_detail_list.unwrap_or_default() {
                let detail = UserDetail {
                    tags: tags(user.tags),
                    own: own(user.user_policy_list, user.attached_managed_policies, None),
                    groups: user.group_list.unwrap_or_default(),
                };
                details
                    .users
                    .insert(user.user_name.unwrap_or_default(), detail);
            }
            for group in page.group_detail_list.unwrap_or_default() {
                let name = group.group_name.unwrap_or_default();
                let grants = own(
                    group.group_policy_list,
                    group.attached_managed_policies,
                    Some(&name),
                );
                details.groups.insert(name, grants);
            }
            for policy in page.policies.unwrap_or_default() {
                let versions = policy.policy_version_list.unwrap_or_default();
                let text = versions
                    .into_iter()
                    .find(|version| version.is_default_version)
                    .and_then(|version| version.document);
                details.policies.insert(
                    policy.arn.unwrap_or_default(),
                    decoded(&text.unwrap_or_default()),
                );
            }
        }
        Ok(details)
    }
}

fn own(
    inline: Option<Vec<PolicyDetail>>,
    attached: Option<Vec<AttachedPolicy>>,
    group: Option<&str>,
) -> Grants {
    let inline = inline.unwrap_or_default().into_iter().map(|policy| Grant {
        policy: policy.policy_name.unwrap_or_default(),
        group: group.map(str::to_owned),
        arn: None,
        document: policy.policy_document.as_deref().map(decoded),
    });
    let attached = attached.unwrap_or_default().into_iter();
    let attached = attached.map(|policy| Grant {
        policy: policy.policy_name.unwrap_or_default(),
        group: group.map(str::to_owned),
        arn: policy.policy_arn,
        document: None,
    });
    inline.chain(attached).collect()
}
