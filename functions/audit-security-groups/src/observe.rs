//! Reads the security groups of every account and region, their rules by id, the prefix lists that these name, and the
//! interfaces that carry the groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::{Scope, Session, ec2};
use lamplighter_core::{Coverage, ErrorRow, Function, Observed, Plan, Result, chain};

use crate::action::Action;
use crate::address::is_public;
use crate::group::{Group, Inventory, ListKey, Place, Rule, Source, Usage};
use crate::rules::Rules;

/// The function, with the session it reads through.
pub struct AuditSecurityGroups {
    session: Arc<Session>,
}

impl AuditSecurityGroups {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for AuditSecurityGroups {
    const NAME: &'static str = "audit-security-groups";
    type Event = ();
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, _event: &(), _rules: &Rules) -> Result<Observed<Inventory>> {
        let scopes = self.session.scopes().await;
        let work: Vec<_> = scopes
            .scopes
            .iter()
            .map(|scope| (scope.name(), read(scope, &self.session)))
            .collect();
        let readings = self.session.in_places(work).await;

        let mut observed = Observed {
            inventory: Inventory::default(),
            coverage: scopes.unreadable,
            errors: vec![],
        };
        observed.inventory.notes = scopes.notes;
        let accounts = self.session.accounts().iter();
        observed.inventory.accounts = accounts.map(|account| account.id.clone()).collect();
        for reading in readings {
            observed.inventory.groups.extend(reading.groups);
            observed.inventory.prefix_lists.extend(reading.prefix_lists);
            observed.coverage.push(reading.coverage);
            observed.errors.extend(reading.errors);
        }
        Ok(observed)
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

/// What was read in one region.
struct Reading {
    groups: Vec<Group>,
    prefix_lists: BTreeMap<ListKey, Result<Vec<String>, String>>,
    coverage: Coverage,
    errors: Vec<ErrorRow>,
}

async fn read(scope: &Scope, session: &Session) -> Reading {
    let reader = ec2::Reader::new(scope);
    let mut reading = Reading {
        groups: vec![],
        prefix_lists: BTreeMap::new(),
        coverage: Coverage::read(scope.name(), 0),
        errors: vec![],
    };
    let mut groups = match read_groups(&reader, scope, session).await {
        Ok(groups) => groups,
        Err(error) => {
            // Rules without their groups, or half of them, would make open groups look closed.
            let error = error.context(format!(
                "cannot list the security groups in `{}`",
                scope.region
            ));
            reading.coverage = Coverage::unreadable(scope.name(), chain(&error));
            return reading;
        }
    };
    reading.coverage.inspected = groups.len();
    let mut trouble = |message: String| {
        reading.errors.push(ErrorRow {
            scope: scope.name(),
            message,
        });
    };
    match read_usage(&reader).await {
        Ok(mut usage) => {
            for group in groups.values_mut() {
                group.usage = Some(usage.remove(&group.id).unwrap_or_default());
            }
        }
        Err(error) => {
            let error = error.context(format!(
                "cannot tell what the security groups in `{}` are attached to",
                scope.region
            ));
            trouble(chain(&error));
        }
    }
    let lists: BTreeSet<String> = groups
        .values()
        .flat_map(|group| &group.rules)
        .filter_map(|rule| match &rule.source {
            Source::PrefixList(list) => Some(list.clone()),
            _ => None,
        })
        .collect();
    // One line for all lists with the same trouble: without the permission it is the same for every one.
    let mut unreadable: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for list in lists {
        let cidrs = reader
            .prefix_list_cidrs(&list)
            .await
            .map_err(|error| chain(&error));
        if let Err(why) = &cidrs {
            unreadable
                .entry(why.clone())
                .or_default()
                .push(format!("`{list}`"));
        }
        let key = (scope.account.clone(), scope.region.clone(), list);
        reading.prefix_lists.insert(key, cidrs);
    }
    for (why, lists) in unreadable {
        trouble(format!(
            "cannot read the prefix lists {} in `{}`: {why}",
            lists.join(", "),
            scope.region
        ));
    }
    reading.groups = groups.into_values().collect();
    reading
}

/// Every group with its inbound rules, by id.
async fn read_groups(
    reader: &ec2::Reader,
    scope: &Scope,
    session: &Session,
) -> Result<BTreeMap<String, Group>> {
    let place = Arc::new(Place {
        account: scope.account.clone(),
        partition: scope.partition.clone(),
        region: scope.region.clone(),
    });
    let group = |id: String, owner: Option<String>| Group {
        id,
        name: String::new(),
        place: Arc::clone(&place),
        owner: owner.unwrap_or_else(|| place.account.clone()),
        vpc_id: None,
        rules: vec![],
        usage: None,
    };
    let mut groups = BTreeMap::new();
    reader
        .security_groups(|seen| {
            if let Some(id) = seen.group_id {
                session.progress().saw(1);
                let kept = Group {
                    name: seen.group_name.unwrap_or_default(),
                    vpc_id: seen.vpc_id,
                    ..group(id.clone(), seen.owner_id)
                };
                groups.insert(id, kept);
            }
        })
        .await?;
    reader
        .security_group_rules(|seen| {
            // A rule that does not say that it is outbound counts as inbound.
            if seen.is_egress == Some(true) {
                return;
            }
            if let Some((id, owner, rule)) = keep(seen) {
                // A group that was made between the two listings has no name yet.
                groups
                    .entry(id.clone())
                    .or_insert_with(|| group(id, owner))
                    .rules
                    .push(rule);
            }
        })
        .await?;
    Ok(groups)
}

/// Keeps what decides of a rule: the group's id and owner, and the rule. `None` where EC2 gave no id.
pub(crate) fn keep(rule: ec2::SecurityGroupRule) -> Option<(String, Option<String>, Rule)> {
    let source = if let Some(cidr) = rule.cidr_ipv4.or(rule.cidr_ipv6) {
        Source::Cidr(cidr)
    } else if let Some(list) = rule.prefix_list_id {
        Source::PrefixList(list)
    } else if let Some(group) = rule.referenced_group_info {
        Source::Group(group.group_id.unwrap_or_default())
    } else {
        Source::Unknown
    };
    let tags = rule.tags.unwrap_or_default().into_iter();
    let kept = Rule {
        id: rule.security_group_rule_id?,
        protocol: rule.ip_protocol.unwrap_or_default(),
        from_port: rule.from_port,
        to_port: rule.to_port,
        source,
        description: rule.description,
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    };
    Some((rule.group_id?, rule.group_owner_id, kept))
}

/// What carries each group, by the group's id. Interfaces that are attached to nothing do not count.
async fn read_usage(reader: &ec2::Reader) -> Result<HashMap<String, Usage>> {
    let mut usage: HashMap<String, Usage> = HashMap::new();
    reader
        .network_interfaces(|interface| {
            if interface
                .status
                .as_ref()
                .is_some_and(|status| status.as_str() == "available")
            {
                return;
            }
            // VPC Block Public Access keeps the internet out, whatever the addresses.
            let is_open = interface.deny_all_igw_traffic != Some(true);
            let id = interface.network_interface_id.clone().unwrap_or_default();
            let is_public_v4 = is_open && has_public_ipv4(&interface);
            let is_public_v6 = is_open && has_public_ipv6(&interface);
            for group in interface.groups.unwrap_or_default() {
                if let Some(group) = group.group_id {
                    usage
                        .entry(group)
                        .or_default()
                        .add(&id, is_public_v4, is_public_v6);
                }
            }
        })
        .await?;
    Ok(usage)
}

/// An Elastic IP or an automatic one, on the primary or a secondary address.
fn has_public_ipv4(interface: &ec2::NetworkInterface) -> bool {
    let secondary = interface.private_ip_addresses.iter().flatten();
    let associations = secondary.filter_map(|address| address.association.as_ref());
    interface
        .association
        .iter()
        .chain(associations)
        .any(|association| association.public_ip.is_some())
}

/// IPv6 addresses are public unless they are of a private range, Elastic IP or not.
fn has_public_ipv6(interface: &ec2::NetworkInterface) -> bool {
    let addresses = interface.ipv6_addresses.iter().flatten();
    addresses
        .filter_map(|address| address.ipv6_address.as_deref()?.parse::<IpAddr>().ok())
        .any(is_public)
}
