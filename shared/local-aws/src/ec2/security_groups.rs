//! `DescribeSecurityGroups`, `DescribeSecurityGroupRules`, `GetManagedPrefixListEntries`, `DescribeNetworkInterfaces`,
//! and what changes inbound rules: `AuthorizeSecurityGroupIngress` and `RevokeSecurityGroupIngress`.
//!
//! Revoking knows rule ids only, and authorising knows permissions only: nobody here calls the other forms.

use crate::service::Ask;
use crate::wire::{AwsError, Params, Response, Xml};
use crate::world::World;

use super::filter::Filters;
use super::network::{NetworkInterface, RuleSource, SecurityGroup, SecurityGroupRule};
use super::tags::write_tags;
use super::{Page, cut, end_dry_run, is_well_formed, page, page_after, refuse, result};

/// The most entries of a prefix list on one page.
const MOST_ENTRIES: usize = 100;

pub(super) fn describe_security_groups(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let filters = Filters::read(ask, &["group-id", "group-name", "owner-id", "vpc-id"])?;
    let page = page(world, ask)?;
    end_dry_run(ask)?;
    let groups = network_rows(world, ask, |network| {
        network
            .groups
            .values()
            .map(|group| (group.id.clone(), group))
            .collect()
    });
    let (shown, token) = cut(world, &page, groups, |group| {
        filters.pass(|filter| match filter {
            "group-id" => vec![&group.id],
            "group-name" => vec![&group.name],
            "owner-id" => vec![&group.owner],
            _ => vec![&group.vpc_id],
        })
    });
    Ok(result("DescribeSecurityGroups", ask, |xml| {
        xml.items("securityGroupInfo", shown, |xml, group| {
            xml.leaf("ownerId", &group.owner)
                .leaf("groupId", &group.id)
                .leaf("groupName", &group.name)
                .leaf("groupDescription", &group.description)
                .leaf("vpcId", &group.vpc_id);
            write_tags(xml, &group.tags);
        });
        xml.maybe("nextToken", token);
    }))
}

pub(super) fn describe_security_group_rules(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let filters = Filters::read(ask, &["group-id", "security-group-rule-id"])?;
    let page = page(world, ask)?;
    end_dry_run(ask)?;
    let rules = network_rows(world, ask, |network| {
        let groups = network.groups.values();
        let rows = groups.flat_map(|group| group.rules.values().map(move |rule| (group, rule)));
        let mut rows: Vec<_> = rows.map(|row| (row.1.id.clone(), row)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    });
    let (shown, token) = cut(world, &page, rules, |(group, rule)| {
        filters.pass(|filter| match filter {
            "group-id" => vec![&group.id],
            _ => vec![&rule.id],
        })
    });
    Ok(result("DescribeSecurityGroupRules", ask, |xml| {
        xml.items("securityGroupRuleSet", shown, |xml, (group, rule)| {
            write_rule(xml, group, rule);
        });
        xml.maybe("nextToken", token);
    }))
}

pub(super) fn get_managed_prefix_list_entries(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let id = ask.request.form.get("PrefixListId").unwrap_or_default();
    let page = page_of_entries(world, ask)?;
    end_dry_run(ask)?;
    let list = world
        .network(&ask.caller.account, &ask.caller.region)
        .and_then(|network| network.prefix_lists.get(id))
        .filter(|list| list.is_shared);
    let Some(list) = list else {
        return Err(refuse(
            "InvalidPrefixListID.NotFound",
            format!("The prefix list ID '{id}' does not exist"),
        ));
    };
    let entries = list.cidrs.iter().enumerate();
    let entries = entries.map(|(number, cidr)| (format!("{number:06}"), cidr));
    let (shown, token) = cut(world, &page, entries, |_| true);
    Ok(result("GetManagedPrefixListEntries", ask, |xml| {
        xml.items("entrySet", shown, |xml, cidr| {
            xml.leaf("cidr", cidr);
        });
        xml.maybe("nextToken", token);
    }))
}

/// Its pages may be smaller than those of other listings: `MaxResults` is 1 to 100.
fn page_of_entries(world: &World, ask: &Ask<'_>) -> Result<Page, AwsError> {
    let asked = match ask.request.form.get("MaxResults").map(str::parse::<usize>) {
        None => None,
        Some(Ok(size @ 1..=MOST_ENTRIES)) => Some(size),
        Some(_) => {
            let message = "The value for parameter maxResults is invalid. Expecting a value between 1 and 100.";
            return Err(refuse("InvalidParameterValue", message));
        }
    };
    Ok(Page {
        size: world.page_of(asked, MOST_ENTRIES),
        after: page_after(ask)?,
    })
}

pub(super) fn describe_network_interfaces(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let filters = Filters::read(ask, &["group-id", "network-interface-id"])?;
    let page = page(world, ask)?;
    end_dry_run(ask)?;
    let interfaces = network_rows(world, ask, |network| {
        network
            .interfaces
            .values()
            .map(|interface| (interface.id.clone(), interface))
            .collect()
    });
    let (shown, token) = cut(world, &page, interfaces, |interface| {
        filters.pass(|filter| match filter {
            "group-id" => interface.groups.iter().map(String::as_str).collect(),
            _ => vec![&interface.id],
        })
    });
    let account = ask.caller.account.clone();
    Ok(result("DescribeNetworkInterfaces", ask, |xml| {
        xml.items("networkInterfaceSet", shown, |xml, interface| {
            write_interface(xml, &account, interface);
        });
        xml.maybe("nextToken", token);
    }))
}

/// Takes rules away, all or none. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>
pub(super) fn revoke_security_group_ingress(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let ids = ask.request.form.list("SecurityGroupRuleId");
    if ids.is_empty() {
        return Err(refuse(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    }
    let group = group_mut(world, ask)?;
    for id in &ids {
        if group.rules.get(*id).is_none_or(|rule| rule.is_egress) {
            return Err(refuse(
                "InvalidSecurityGroupRuleId.NotFound",
                format!("The security group rule ID '{id}' does not exist"),
            ));
        }
    }
    end_dry_run(ask)?;
    for id in &ids {
        group.rules.remove(*id);
    }
    let group_id = group.id.clone();
    Ok(result("RevokeSecurityGroupIngress", ask, |xml| {
        xml.leaf("return", true)
            .items("revokedSecurityGroupRuleSet", ids, |xml, id| {
                xml.leaf("securityGroupRuleId", id)
                    .leaf("groupId", &group_id);
            });
    }))
}

/// Adds rules, all or none.
pub(super) fn authorize_security_group_ingress(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let mut rules = Vec::new();
    for permission in ask.request.form.groups("IpPermissions") {
        for source in sources(&permission) {
            let number = world.next_number();
            rules.push(new_rule(format!("sgr-{number:017x}"), &permission, source)?);
        }
    }
    if rules.is_empty() {
        return Err(refuse(
            "MissingParameter",
            "The request must contain the parameter ipPermissions",
        ));
    }
    let tags = ask.request.form.groups("TagSpecification");
    for specification in &tags {
        for rule in &mut rules {
            rule.tags.extend(super::tags::read_tags(specification));
        }
    }
    let group = group_mut(world, ask)?;
    for rule in &rules {
        if group.rules.values().any(|known| known.is_same_as(rule)) {
            return Err(refuse(
                "InvalidPermission.Duplicate",
                "the specified rule already exists",
            ));
        }
    }
    end_dry_run(ask)?;
    for rule in &rules {
        group.rules.insert(rule.id.clone(), rule.clone());
    }
    let group = group.clone();
    Ok(result("AuthorizeSecurityGroupIngress", ask, |xml| {
        xml.leaf("return", true)
            .items("securityGroupRuleSet", &rules, |xml, rule| {
                write_rule(xml, &group, rule);
            });
    }))
}

/// A kind of source: the list of a permission, the parameter in it, and what that is.
type SourceKind = (&'static str, &'static str, fn(String) -> RuleSource);

const SOURCES: [SourceKind; 4] = [
    ("IpRanges", "CidrIp", RuleSource::Ipv4),
    ("Ipv6Ranges", "CidrIpv6", RuleSource::Ipv6),
    ("PrefixListIds", "PrefixListId", RuleSource::PrefixList),
    ("Groups", "GroupId", RuleSource::Group),
];

/// The sources of one permission, each with its description.
fn sources(permission: &Params) -> Vec<(RuleSource, Option<String>)> {
    let mut found = Vec::new();
    for (list, name, source) in SOURCES {
        for item in permission.groups(list) {
            if let Some(text) = item.get(name) {
                let description = item.get("Description").map(str::to_owned);
                found.push((source(text.to_owned()), description));
            }
        }
    }
    found
}

fn new_rule(
    id: String,
    permission: &Params,
    (source, description): (RuleSource, Option<String>),
) -> Result<SecurityGroupRule, AwsError> {
    let protocol = permission.get("IpProtocol").unwrap_or_default().to_owned();
    let port = |name: &str| match permission.get(name) {
        None => Ok(-1),
        Some(text) => text.parse::<i32>().map_err(|_| {
            refuse(
                "InvalidParameterValue",
                format!("Invalid value '{text}' for portRange"),
            )
        }),
    };
    let (from_port, to_port) = (port("FromPort")?, port("ToPort")?);
    let has_ports = (0..=65_535).contains(&from_port) && (from_port..=65_535).contains(&to_port);
    if matches!(protocol.as_str(), "tcp" | "udp") && !has_ports {
        return Err(refuse(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        ));
    }
    Ok(SecurityGroupRule {
        id,
        is_egress: false,
        protocol,
        from_port,
        to_port,
        source,
        description,
        tags: std::collections::BTreeMap::new(),
    })
}

fn group_mut<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut SecurityGroup, AwsError> {
    let id = ask.request.form.get("GroupId").unwrap_or_default();
    let network = world.network_mut(&ask.caller.account, &ask.caller.region);
    match network.groups.get_mut(id) {
        Some(group) => Ok(group),
        None if !is_well_formed("sg-", id) => Err(refuse(
            "InvalidGroupId.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"sg-...\")"),
        )),
        None => Err(refuse(
            "InvalidGroup.NotFound",
            format!("The security group '{id}' does not exist"),
        )),
    }
}

/// The rows of a listing of the caller's network; none where there is none.
fn network_rows<'a, T>(
    world: &'a World,
    ask: &Ask<'_>,
    rows: impl FnOnce(&'a super::network::Network) -> Vec<(String, T)>,
) -> Vec<(String, T)> {
    world
        .network(&ask.caller.account, &ask.caller.region)
        .map(rows)
        .unwrap_or_default()
}

fn write_rule(xml: &mut Xml, group: &SecurityGroup, rule: &SecurityGroupRule) {
    xml.leaf("securityGroupRuleId", &rule.id)
        .leaf("groupId", &group.id)
        .leaf("groupOwnerId", &group.owner)
        .leaf("isEgress", rule.is_egress)
        .leaf("ipProtocol", &rule.protocol)
        .leaf("fromPort", rule.from_port)
        .leaf("toPort", rule.to_port);
    match &rule.source {
        RuleSource::Ipv4(cidr) => xml.leaf("cidrIpv4", cidr),
        RuleSource::Ipv6(cidr) => xml.leaf("cidrIpv6", cidr),
        RuleSource::PrefixList(id) => xml.leaf("prefixListId", id),
        RuleSource::Group(id) => xml.node("referencedGroupInfo", |xml| {
            xml.leaf("groupId", id).leaf("userId", &group.owner);
        }),
    };
    xml.maybe("description", rule.description.as_deref());
    write_tags(xml, &rule.tags);
}

fn write_interface(xml: &mut Xml, account: &str, interface: &NetworkInterface) {
    xml.leaf("networkInterfaceId", &interface.id)
        .leaf("ownerId", account)
        .leaf(
            "status",
            if interface.is_in_use {
                "in-use"
            } else {
                "available"
            },
        );
    if let Some(address) = &interface.public_ipv4 {
        xml.node("association", |xml| {
            xml.leaf("publicIp", address).leaf("ipOwnerId", account);
        });
    }
    xml.leaf("denyAllIgwTraffic", interface.denies_internet)
        .items("groupSet", &interface.groups, |xml, id| {
            xml.leaf("groupId", id);
        })
        .items("ipv6AddressesSet", &interface.ipv6, |xml, address| {
            xml.leaf("ipv6Address", address);
        });
}
