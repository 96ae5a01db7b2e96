//! Decides, for each security group: whether it opens more than it may, and which of its rules are taken away.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use lamplighter_core::{Plan, Population};

use crate::action::{Action, Target};
use crate::address::Addresses;
use crate::exposure::{Grant, Opening, openings};
use crate::finding;
use crate::group::{Group, Inventory, ListKey, Source};
use crate::ranges::Ranges;
use crate::rules::Rules;
use crate::traffic::{Protocol, Traffic};

/// The rule about ports: TCP and UDP.
pub const RULE: &str = "port-open-to-internet";

/// The rule about protocols without ports, such as GRE. ICMP is not judged: being pinged is no harm, and without
/// "packet too big" connections break.
pub const PROTOCOL_RULE: &str = "protocol-open-to-internet";

/// The rule about what cannot be judged: a prefix list whose entries could not be read.
pub const UNREADABLE_RULE: &str = "security-group-unreadable-prefix-list";

/// Decides about every group.
pub fn plan(inventory: &Inventory, rules: &Rules, _now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan {
        notes: inventory.notes.clone(),
        ..Plan::default()
    };
    let lists: BTreeMap<&ListKey, Addresses> = inventory
        .prefix_lists
        .iter()
        .filter_map(|(key, cidrs)| {
            let cidrs = cidrs.as_ref().ok()?;
            Some((
                key,
                Addresses::of(cidrs.iter().map(String::as_str)).within(&rules.counted),
            ))
        })
        .collect();
    let mut offending: BTreeMap<&str, usize> = BTreeMap::new();
    for group in &inventory.groups {
        let sight = Sight::of(group, inventory, &lists, rules);
        *offending.entry(&group.place.account).or_default() += sight.offending_rules().len();
        find(&mut plan, &sight);
        if rules.revokes {
            remediate(&mut plan, &sight, inventory);
        }
    }
    for account in &inventory.accounts {
        let own = inventory
            .groups
            .iter()
            .filter(|group| &group.place.account == account);
        plan.populations.push(Population {
            account: account.clone(),
            of: "inbound rules",
            read: own.map(|group| group.rules.len()).sum(),
            offending: offending.get(account.as_str()).copied().unwrap_or_default(),
        });
    }
    plan
}

/// A group as it is judged.
pub(crate) struct Sight<'a> {
    pub(crate) group: &'a Group,
    pub(crate) rules: &'a Rules,
    /// What each rule lets in from addresses that count, in the order of the group's rules.
    pub(crate) grants: Vec<Grant>,
    /// The ports that are open and may not be.
    pub(crate) violations: Vec<Opening>,
    /// What else is open: ICMP, and protocols without ports.
    pub(crate) others: Vec<Opening>,
    /// Rules whose prefix list could not be read: the index, the list, and why.
    pub(crate) unreadable: Vec<(usize, &'a str, &'a str)>,
    /// Rules whose source this version does not understand.
    pub(crate) strange: Vec<usize>,
}

impl<'a> Sight<'a> {
    fn of(
        group: &'a Group,
        inventory: &'a Inventory,
        lists: &BTreeMap<&ListKey, Addresses>,
        rules: &'a Rules,
    ) -> Self {
        let mut unreadable = Vec::new();
        let mut strange = Vec::new();
        let mut grants = Vec::with_capacity(group.rules.len());
        for (index, rule) in group.rules.iter().enumerate() {
            let from = match &rule.source {
                Source::Cidr(cidr) => match Addresses::parse(cidr) {
                    Some(addresses) => addresses.within(&rules.counted),
                    None => {
                        strange.push(index);
                        Addresses::default()
                    }
                },
                Source::PrefixList(list) => {
                    let key = Inventory::key(&group.place, list);
                    match lists.get(&key) {
                        Some(addresses) => addresses.clone(),
                        None => {
                            let why = match inventory.prefix_lists.get(&key) {
                                Some(Err(why)) => why.as_str(),
                                _ => "it was not read",
                            };
                            unreadable.push((index, list.as_str(), why));
                            Addresses::default()
                        }
                    }
                }
                Source::Group(_) => Addresses::default(),
                Source::Unknown => {
                    strange.push(index);
                    Addresses::default()
                }
            };
            let traffic = Traffic::of(&rule.protocol, rule.from_port, rule.to_port);
            grants.push(Grant { traffic, from });
        }
        let (with_ports, others) = openings(&grants, rules.public_share)
            .into_iter()
            .partition(|opening| opening.protocol.has_ports());
        Self {
            group,
            rules,
            violations: not_allowed(with_ports, rules),
            others,
            grants,
            unreadable,
            strange,
        }
    }

    /// The rules that take part in opening what may not be open, by their index.
    pub(crate) fn offending_rules(&self) -> BTreeSet<usize> {
        let all = self.violations.iter().flat_map(|opening| &opening.by);
        all.copied().collect()
    }

    /// Whether rules for all traffic are enough to open everything.
    pub(crate) fn opens_all_traffic(&self) -> bool {
        let all = self
            .grants
            .iter()
            .filter(|grant| grant.traffic.protocol == Protocol::All)
            .fold(Addresses::default(), |all, grant| all.with(&grant.from));
        all.share().reaches(self.rules.public_share)
    }

    /// What `grants` open of ports that may not be open.
    fn opened_by(&self, grants: &[Grant]) -> Vec<Opening> {
        let mut found = openings(grants, self.rules.public_share);
        found.retain(|opening| opening.protocol.has_ports());
        not_allowed(found, self.rules)
    }
}

/// The part of the openings that may not be open.
fn not_allowed(openings: Vec<Opening>, rules: &Rules) -> Vec<Opening> {
    openings
        .into_iter()
        .map(|opening| Opening {
            points: opening.points.difference(rules.allowed(opening.protocol)),
            ..opening
        })
        .filter(|opening| !opening.points.is_empty())
        .collect()
}

fn find(plan: &mut Plan<Action>, sight: &Sight<'_>) {
    if !sight.violations.is_empty() {
        plan.find(finding::open_ports(sight));
    }
    let without_ports: Vec<&Opening> = sight
        .others
        .iter()
        .filter(|opening| matches!(opening.protocol, Protocol::Other(_)))
        .collect();
    if !without_ports.is_empty() && !sight.opens_all_traffic() {
        plan.find(finding::open_protocols(sight, &without_ports));
    }
    if !sight.unreadable.is_empty() {
        plan.find(finding::unreadable(sight));
    }
    // What could not be read might open a port: then a group without a known one is not said to be closed.
    if sight.violations.is_empty() {
        if !sight.strange.is_empty() {
            plan.find(finding::strange(sight));
        } else if sight.unreadable.is_empty() {
            plan.find(finding::closed(sight));
        }
    }
}

/// Takes away the rules that open a port all by themselves, and says so where that is not enough.
fn remediate(plan: &mut Plan<Action>, sight: &Sight<'_>, inventory: &Inventory) {
    let group = sight.group;
    if sight.violations.is_empty() {
        return;
    }
    if !group.is_own() {
        let why = format!("its open ports stay: it is owned by `{}`", group.owner);
        plan.skip(&group.resource(), why);
        return;
    }
    let mut left = Vec::with_capacity(sight.grants.len());
    for (index, grant) in sight.grants.iter().enumerate() {
        let alone = sight.opened_by(std::slice::from_ref(grant));
        if alone.is_empty() {
            left.push(grant.clone());
        } else {
            let target = target(sight, index, inventory);
            let because = because(sight, index, &alone);
            plan.act(Action::Revoke { target, because });
        }
    }
    let still = sight.opened_by(&left);
    if !still.is_empty() {
        let why = format!(
            "{} would stay open by several rules together, none of which opens it alone: which of them to take away is its owner's to decide",
            finding::ports(&still)
        );
        plan.skip(&group.resource(), why);
    }
}

fn target(sight: &Sight<'_>, index: usize, inventory: &Inventory) -> Target {
    let group = sight.group;
    let rule = &group.rules[index];
    let cidrs = match &rule.source {
        Source::PrefixList(list) => inventory
            .prefix_lists
            .get(&Inventory::key(&group.place, list))
            .and_then(|cidrs| cidrs.clone().ok()),
        _ => None,
    };
    Target {
        account: group.place.account.clone(),
        partition: group.place.partition.clone(),
        region: group.place.region.clone(),
        group: group.id.clone(),
        rule: rule.clone(),
        cidrs,
    }
}

/// Why a rule is taken away, and what else goes with it.
fn because(sight: &Sight<'_>, index: usize, opens: &[Opening]) -> String {
    let traffic = &sight.grants[index].traffic;
    let share = opens.iter().fold(
        Default::default(),
        |most: crate::address::Share, opening| most.max(opening.share),
    );
    let mut text = format!(
        "opens {} of {} to {}",
        finding::ports(opens),
        finding::name(sight.group),
        finding::internet(share)
    );
    let mut allowed = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let with_it: Ranges = traffic
            .of_protocol(protocol)
            .intersection(sight.rules.allowed(protocol));
        if !with_it.is_empty() {
            allowed.push(format!(
                "{protocol} {}",
                crate::traffic::port_words(&with_it, 6)
            ));
        }
    }
    if !allowed.is_empty() {
        text.push_str(&format!(
            "; {}, which may be open, is closed with it",
            allowed.join(" and ")
        ));
    }
    text
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
