//! What security groups need of a network: groups with their rules by id, managed prefix lists, network interfaces.

use std::collections::BTreeMap;

use crate::world::World;

/// A security group. Its outbound rules are among its rules, as in `DescribeSecurityGroupRules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Its name, which never changes.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `vpc-…`.
    pub vpc_id: String,
    /// The owner; empty until it is added to a world: then the account it is in.
    pub owner: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its rules, in the order of their ids.
    pub rules: BTreeMap<String, SecurityGroupRule>,
}

/// One rule: a protocol, ports, and one source or destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRule {
    /// `sgr-…`.
    pub id: String,
    /// Whether it is an outbound rule.
    pub is_egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1` or a number.
    pub protocol: String,
    /// The first port, or the ICMP type.
    pub from_port: i32,
    /// The last port, or the ICMP code.
    pub to_port: i32,
    /// From where, or to where.
    pub source: RuleSource,
    /// What somebody wrote beside it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// From where a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSource {
    /// An IPv4 network.
    Ipv4(String),
    /// An IPv6 network.
    Ipv6(String),
    /// The members of a managed prefix list.
    PrefixList(String),
    /// The members of a security group.
    Group(String),
}

/// A managed prefix list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// `pl-…`.
    pub id: String,
    /// Its networks, in their order.
    pub cidrs: Vec<String>,
    /// Whether this account may read its entries: a list that is no longer shared still stands in rules.
    pub is_shared: bool,
    /// Whether it is one of AWS's own, which have `aws` in the place of the account in their ARNs.
    pub is_of_aws: bool,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// `eni-…`.
    pub id: String,
    /// The security groups it carries.
    pub groups: Vec<String>,
    /// Whether it is attached to something: `in-use`, otherwise `available`.
    pub is_in_use: bool,
    /// Its public IPv4 address.
    pub public_ipv4: Option<String>,
    /// Its IPv6 addresses.
    pub ipv6: Vec<String>,
    /// Whether VPC Block Public Access keeps the internet out.
    pub denies_internet: bool,
}

/// The network of one account in one region.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(super) groups: BTreeMap<String, SecurityGroup>,
    pub(super) prefix_lists: BTreeMap<String, PrefixList>,
    pub(super) interfaces: BTreeMap<String, NetworkInterface>,
}

impl SecurityGroup {
    /// An empty group.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            description: format!("{name} group"),
            vpc_id: "vpc-0a1b2c3d".to_owned(),
            owner: String::new(),
            tags: BTreeMap::new(),
            rules: BTreeMap::new(),
        }
    }

    /// With this rule.
    #[must_use]
    pub fn rule(mut self, rule: SecurityGroupRule) -> Self {
        self.rules.insert(rule.id.clone(), rule);
        self
    }

    /// Owned by another account, or by an AWS service such as `amazon-elb`.
    #[must_use]
    pub fn owned_by(mut self, owner: &str) -> Self {
        self.owner = owner.to_owned();
        self
    }
}

impl SecurityGroupRule {
    /// An inbound rule for these ports of a protocol. A source that begins with `pl-` is a prefix list, with `sg-` a
    /// group, and anything else a network.
    pub fn ingress(id: &str, protocol: &str, from: i32, to: i32, source: &str) -> Self {
        let text = source.to_owned();
        Self {
            id: id.to_owned(),
            is_egress: false,
            protocol: protocol.to_owned(),
            from_port: from,
            to_port: to,
            source: match source {
                list if list.starts_with("pl-") => RuleSource::PrefixList(text),
                group if group.starts_with("sg-") => RuleSource::Group(text),
                v6 if v6.contains(':') => RuleSource::Ipv6(text),
                _ => RuleSource::Ipv4(text),
            },
            description: None,
            tags: BTreeMap::new(),
        }
    }

    /// The same, outbound.
    pub fn egress(id: &str, protocol: &str, from: i32, to: i32, destination: &str) -> Self {
        Self {
            is_egress: true,
            ..Self::ingress(id, protocol, from, to, destination)
        }
    }

    /// With a description.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    /// With a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Whether another rule lets in the same: EC2 refuses such a one.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let what = |rule: &Self| {
            (
                rule.is_egress,
                rule.protocol.clone(),
                rule.from_port,
                rule.to_port,
                rule.source.clone(),
            )
        };
        what(self) == what(other)
    }
}

impl PrefixList {
    /// A list with these networks.
    pub fn new<'a>(id: &str, cidrs: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            id: id.to_owned(),
            cidrs: cidrs.into_iter().map(str::to_owned).collect(),
            is_shared: true,
            is_of_aws: false,
        }
    }

    /// One of AWS's own, such as that of CloudFront.
    #[must_use]
    pub fn of_aws(mut self) -> Self {
        self.is_of_aws = true;
        self
    }

    /// Its owner has ended the sharing.
    #[must_use]
    pub fn no_longer_shared(mut self) -> Self {
        self.is_shared = false;
        self
    }
}

impl NetworkInterface {
    /// An interface in use, with only private addresses.
    pub fn new<'a>(id: &str, groups: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            id: id.to_owned(),
            groups: groups.into_iter().map(str::to_owned).collect(),
            is_in_use: true,
            public_ipv4: None,
            ipv6: vec![],
            denies_internet: false,
        }
    }

    /// With a public IPv4 address.
    #[must_use]
    pub fn public(mut self, address: &str) -> Self {
        self.public_ipv4 = Some(address.to_owned());
        self
    }

    /// With an IPv6 address.
    #[must_use]
    pub fn ipv6(mut self, address: &str) -> Self {
        self.ipv6.push(address.to_owned());
        self
    }

    /// Attached to nothing.
    #[must_use]
    pub fn available(mut self) -> Self {
        self.is_in_use = false;
        self
    }

    /// Behind VPC Block Public Access.
    #[must_use]
    pub fn denies_internet(mut self) -> Self {
        self.denies_internet = true;
        self
    }
}

impl World {
    /// Adds a security group. Panics if the world has no such account or region.
    #[must_use]
    pub fn security_group(mut self, account: &str, region: &str, group: SecurityGroup) -> World {
        self.add_security_group(account, region, group);
        self
    }

    /// The same in the middle of a test.
    pub fn add_security_group(&mut self, account: &str, region: &str, mut group: SecurityGroup) {
        if group.owner.is_empty() {
            account.clone_into(&mut group.owner);
        }
        let network = self.network_mut(account, region);
        network.groups.insert(group.id.clone(), group);
    }

    /// One security group.
    pub fn find_security_group(
        &self,
        account: &str,
        region: &str,
        id: &str,
    ) -> Option<&SecurityGroup> {
        self.network(account, region)?.groups.get(id)
    }

    /// One security group, to edit it.
    pub fn security_group_mut(
        &mut self,
        account: &str,
        region: &str,
        id: &str,
    ) -> Option<&mut SecurityGroup> {
        self.network_mut(account, region).groups.get_mut(id)
    }

    /// Adds a managed prefix list.
    #[must_use]
    pub fn prefix_list(mut self, account: &str, region: &str, list: PrefixList) -> World {
        self.set_prefix_list(account, region, list);
        self
    }

    /// Adds or replaces one in the middle of a test.
    pub fn set_prefix_list(&mut self, account: &str, region: &str, list: PrefixList) {
        let network = self.network_mut(account, region);
        network.prefix_lists.insert(list.id.clone(), list);
    }

    /// Adds a network interface.
    #[must_use]
    pub fn network_interface(
        mut self,
        account: &str,
        region: &str,
        interface: NetworkInterface,
    ) -> World {
        let network = self.network_mut(account, region);
        network.interfaces.insert(interface.id.clone(), interface);
        self
    }

    /// The account in a prefix list's ARN.
    pub(crate) fn owner_of_prefix_list<'a>(
        &self,
        account: &'a str,
        region: &str,
        id: &str,
    ) -> &'a str {
        let network = self.network(account, region);
        let list = network.and_then(|network| network.prefix_lists.get(id));
        match list.is_some_and(|list| list.is_of_aws) {
            true => "aws",
            false => account,
        }
    }

    pub(super) fn network(&self, account: &str, region: &str) -> Option<&Network> {
        let place = (account.to_owned(), region.to_owned());
        self.ec2.networks.get(&place)
    }

    pub(super) fn network_mut(&mut self, account: &str, region: &str) -> &mut Network {
        self.assert_place(account, region);
        let place = (account.to_owned(), region.to_owned());
        self.ec2.networks.entry(place).or_default()
    }
}
