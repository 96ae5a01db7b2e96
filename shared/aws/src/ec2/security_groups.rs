//! Security groups: the groups, their rules by id, the prefix lists that rules name, and the interfaces that carry them.

use aws_sdk_ec2::types::{NetworkInterface, SecurityGroup, SecurityGroupRule};
use lamplighter_core::{Error, Result};

use super::{FILTER_VALUES, PAGE_SIZE, Reader, Refusal, Writer, filter};
use crate::error::explain;

/// The most entries on one page.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListEntries.html>
const ENTRIES_PAGE_SIZE: i32 = 100;

impl Reader {
    /// Every security group, one at a time as the pages arrive. One `ec2:DescribeSecurityGroups` for each 1,000 groups.
    pub async fn security_groups(&self, mut each: impl FnMut(SecurityGroup) + Send) -> Result<()> {
        let mut pages = self
            .client
            .describe_security_groups()
            .max_results(PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            page.map_err(|error| explain("ec2:DescribeSecurityGroups", error))?
                .security_groups
                .unwrap_or_default()
                .into_iter()
                .for_each(&mut each);
        }
        Ok(())
    }

    /// Every rule of every security group, inbound and outbound, one at a time as the pages arrive. One
    /// `ec2:DescribeSecurityGroupRules` for each 1,000 rules.
    pub async fn security_group_rules(
        &self,
        mut each: impl FnMut(SecurityGroupRule) + Send,
    ) -> Result<()> {
        let mut pages = self
            .client
            .describe_security_group_rules()
            .max_results(PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            page.map_err(|error| explain("ec2:DescribeSecurityGroupRules", error))?
                .security_group_rules
                .unwrap_or_default()
                .into_iter()
                .for_each(&mut each);
        }
        Ok(())
    }

    /// The rules with these ids that EC2 still knows. Asked for by filter, not by id: one id that is gone would fail
    /// the whole call.
    pub async fn security_group_rules_by_id(
        &self,
        ids: &[String],
    ) -> Result<Vec<SecurityGroupRule>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(FILTER_VALUES) {
            let mut pages = self
                .client
                .describe_security_group_rules()
                .filters(filter("security-group-rule-id", ids))
                .max_results(PAGE_SIZE)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(|error| explain("ec2:DescribeSecurityGroupRules", error))?;
                found.extend(page.security_group_rules.unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// The CIDRs of one managed prefix list, AWS's own or a customer's. One `ec2:GetManagedPrefixListEntries` for each
    /// 100 entries.
    pub async fn prefix_list_cidrs(&self, id: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut pages = self
            .client
            .get_managed_prefix_list_entries()
            .prefix_list_id(id)
            .max_results(ENTRIES_PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("ec2:GetManagedPrefixListEntries", error))?;
            found.extend(
                page.entries
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|entry| entry.cidr),
            );
        }
        Ok(found)
    }

    /// Every network interface, one at a time as the pages arrive. One `ec2:DescribeNetworkInterfaces` for each 1,000
    /// interfaces.
    pub async fn network_interfaces(
        &self,
        mut each: impl FnMut(NetworkInterface) + Send,
    ) -> Result<()> {
        let mut pages = self
            .client
            .describe_network_interfaces()
            .max_results(PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            page.map_err(|error| explain("ec2:DescribeNetworkInterfaces", error))?
                .network_interfaces
                .unwrap_or_default()
                .into_iter()
                .for_each(&mut each);
        }
        Ok(())
    }
}

impl Writer {
    /// Takes one inbound rule away from a group, and nothing else.
    pub async fn revoke_ingress(&self, group: &str, rule: &str) -> Result<(), Refusal> {
        const CALL: &str = "ec2:RevokeSecurityGroupIngress";
        let answer = self
            .client
            .revoke_security_group_ingress()
            .group_id(group)
            .security_group_rule_ids(rule)
            .send()
            .await
            .map_err(|error| Refusal::of(CALL, error))?;
        // EC2 says `false` for a rule that was not there, beside the errors it has for that.
        if answer.r#return == Some(false) {
            return Err(Refusal {
                code: String::new(),
                message: String::new(),
                error: Error::permanent(format!("`{CALL}` answered that nothing was revoked")),
            });
        }
        Ok(())
    }
}
