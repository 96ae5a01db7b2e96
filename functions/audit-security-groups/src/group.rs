//! What is kept of a security group: its inbound rules, and whether an interface carries it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lamplighter_core::Resource;
use serde::{Deserialize, Serialize};

/// How many interfaces are named; the others are only counted.
const NAMED_INTERFACES: usize = 5;

/// Where a group is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
}

/// A security group with its inbound rules. Outbound rules open nothing and are not kept.
#[derive(Debug, Clone)]
pub struct Group {
    /// `sg-…`.
    pub id: String,
    /// Its name; empty where only its rules were seen.
    pub name: String,
    /// Where it is.
    pub place: Arc<Place>,
    /// Who owns it: an account, or an AWS service such as `amazon-elb`.
    pub owner: String,
    /// `vpc-…`.
    pub vpc_id: Option<String>,
    /// Its inbound rules.
    pub rules: Vec<Rule>,
    /// The interfaces that carry it; `None` where they could not be read.
    pub usage: Option<Usage>,
}

/// One inbound rule, as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `sgr-…`.
    pub id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1` or a number.
    pub protocol: String,
    /// The first port, or the ICMP type.
    pub from_port: Option<i32>,
    /// The last port, or the ICMP code.
    pub to_port: Option<i32>,
    /// From where it lets in.
    pub source: Source,
    /// What somebody wrote beside it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// From where a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A network of either family.
    Cidr(String),
    /// The members of a managed prefix list.
    PrefixList(String),
    /// The members of a security group: never the public internet.
    Group(String),
    /// A kind of source that this version does not know.
    Unknown,
}

/// The interfaces in use that carry a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many.
    pub interfaces: usize,
    /// How many of them the internet reaches over IPv4.
    pub public_v4: usize,
    /// How many of them the internet reaches over IPv6.
    pub public_v6: usize,
    /// The first few that the internet reaches.
    public: Vec<String>,
    /// The first few others.
    private: Vec<String>,
}

impl Usage {
    /// One more interface.
    pub fn add(&mut self, id: &str, is_public_v4: bool, is_public_v6: bool) {
        self.interfaces += 1;
        self.public_v4 += usize::from(is_public_v4);
        self.public_v6 += usize::from(is_public_v6);
        let named = if is_public_v4 || is_public_v6 {
            &mut self.public
        } else {
            &mut self.private
        };
        if named.len() < NAMED_INTERFACES {
            named.push(id.to_owned());
        }
    }

    /// The first few interfaces, those first that the internet reaches.
    pub fn named(&self) -> Vec<&str> {
        let all = self.public.iter().chain(&self.private);
        all.take(NAMED_INTERFACES).map(String::as_str).collect()
    }
}

impl Group {
    /// The group as a resource. An AWS service is no account, so its groups stand under the account they are seen in.
    pub fn resource(&self) -> Resource {
        let Place {
            account,
            partition,
            region,
        } = &*self.place;
        let owner = if self.is_of_an_account() {
            &self.owner
        } else {
            account
        };
        Resource {
            arn: format!(
                "arn:{partition}:ec2:{region}:{owner}:security-group/{}",
                self.id
            ),
            account: account.clone(),
            region: Some(region.clone()),
        }
    }

    /// Whether its owner is an account, and no AWS service.
    fn is_of_an_account(&self) -> bool {
        self.owner.len() == 12 && self.owner.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether this account owns it, and so may change it.
    pub fn is_own(&self) -> bool {
        self.owner == self.place.account
    }
}

/// A prefix list as a rule sees it: account, region, id.
pub type ListKey = (String, String, String);

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Every security group.
    pub groups: Vec<Group>,
    /// The CIDRs of every prefix list that an inbound rule names, or why they could not be read.
    pub prefix_lists: BTreeMap<ListKey, Result<Vec<String>, String>>,
    /// The accounts that were looked at.
    pub accounts: Vec<String>,
    /// Things a reader should know.
    pub notes: Vec<String>,
}

impl Inventory {
    /// The key of a prefix list that a rule of `place` names.
    pub fn key(place: &Place, list: &str) -> ListKey {
        (place.account.clone(), place.region.clone(), list.to_owned())
    }
}
