//! What was decided about a group: a sentence, a severity, and the evidence.

use std::collections::BTreeMap;

use lamplighter_core::{Finding, Severity, Verdict};
use serde_json::{Map, Value, json};

use crate::address::{Addresses, Share};
use crate::exposure::Opening;
use crate::group::{Group, Rule, Source};
use crate::plan::{PROTOCOL_RULE, RULE, Sight, UNREADABLE_RULE};
use crate::ranges::Ranges;
use crate::traffic::{LAST, Protocol, icmp_words, port_words, range_word};

/// How many ranges of ports a sentence names; the evidence has all of them.
const NAMED_RANGES: usize = 6;

/// How many services a sentence names.
const NAMED_SERVICES: usize = 5;

/// Ports are open that may not be.
pub(crate) fn open_ports(sight: &Sight<'_>) -> Finding {
    let share = most(&sight.violations);
    let services = sensitive(sight);
    let what = if sight.opens_all_traffic() {
        "all traffic".to_owned()
    } else {
        ports(&sight.violations)
    };
    let message = format!(
        "Security group {} opens {what}{} to {}; {}.",
        name(sight.group),
        named_services(&services),
        internet(share),
        reach(sight.group, share)
    );
    let all_ports: Vec<String> = by_protocol(&sight.violations)
        .iter()
        .flat_map(|(protocol, points)| {
            let word = if *protocol == Protocol::Tcp {
                "tcp"
            } else {
                "udp"
            };
            points
                .iter()
                .map(move |range| format!("{word}/{}", range_word(range)))
        })
        .collect();
    let finding = Finding::new(
        RULE,
        severity(sight.group, share, !services.is_empty()),
        Verdict::Fail,
        &sight.group.resource(),
        message,
    )
    .evidence("ports", all_ports)
    .evidence("sensitive", services);
    let by: Vec<usize> = sight.offending_rules().into_iter().collect();
    with_common(finding, sight, share, &by)
}

/// Protocols without ports are open.
pub(crate) fn open_protocols(sight: &Sight<'_>, open: &[&Opening]) -> Finding {
    let share = open
        .iter()
        .fold(Share::default(), |share, opening| share.max(opening.share));
    let protocols: Vec<String> = open
        .iter()
        .map(|opening| opening.protocol.to_string())
        .collect();
    let message = format!(
        "Security group {} opens {} to {}; {}.",
        name(sight.group),
        protocols.join(", "),
        internet(share),
        reach(sight.group, share)
    );
    let severity = severity(sight.group, share, false);
    let by: Vec<usize> = open.iter().flat_map(|opening| opening.by.clone()).collect();
    let finding = Finding::new(
        PROTOCOL_RULE,
        severity,
        Verdict::Fail,
        &sight.group.resource(),
        message,
    )
    .evidence("protocols", protocols);
    with_common(finding, sight, share, &by)
}

/// It cannot be told what a prefix list opens.
pub(crate) fn unreadable(sight: &Sight<'_>) -> Finding {
    let lists: BTreeMap<&str, &str> = sight
        .unreadable
        .iter()
        .map(|(_, list, why)| (*list, *why))
        .collect();
    let names: Vec<String> = lists.keys().map(|list| format!("`{list}`")).collect();
    let why: Vec<&str> = lists.values().copied().take(1).collect();
    let message = format!(
        "Security group {} lets in the members of {} {}, which could not be read: {}.",
        name(sight.group),
        if names.len() == 1 {
            "prefix list"
        } else {
            "prefix lists"
        },
        names.join(", "),
        why.concat()
    );
    let by: Vec<usize> = sight
        .unreadable
        .iter()
        .map(|(index, _, _)| *index)
        .collect();
    let finding = Finding::new(
        UNREADABLE_RULE,
        Severity::Medium,
        Verdict::Unknown,
        &sight.group.resource(),
        message,
    )
    .evidence("prefix_lists", json!(lists));
    with_common(finding, sight, Share::default(), &by)
}

/// A rule has a source that this version does not understand.
pub(crate) fn strange(sight: &Sight<'_>) -> Finding {
    let ids: Vec<String> = sight
        .strange
        .iter()
        .map(|index| format!("`{}`", sight.group.rules[*index].id))
        .collect();
    let message = format!(
        "Security group {} has rules whose source is not understood: {}.",
        name(sight.group),
        ids.join(", ")
    );
    let finding = Finding::new(
        RULE,
        Severity::Medium,
        Verdict::Unknown,
        &sight.group.resource(),
        message,
    );
    with_common(finding, sight, Share::default(), &sight.strange)
}

/// No port is open that may not be.
pub(crate) fn closed(sight: &Sight<'_>) -> Finding {
    let message = format!(
        "Security group {} opens no port to the internet that may not be open.",
        name(sight.group)
    );
    let finding = Finding::new(
        RULE,
        Severity::Info,
        Verdict::Pass,
        &sight.group.resource(),
        message,
    );
    with_common(finding, sight, Share::default(), &[])
}

/// `` `web` (sg-0a1b) ``.
pub(crate) fn name(group: &Group) -> String {
    if group.name.is_empty() {
        format!("`{}`", group.id)
    } else {
        format!("`{}` ({})", group.name, group.id)
    }
}

/// `TCP 22, 3389 and UDP 53`.
pub(crate) fn ports(openings: &[Opening]) -> String {
    by_protocol(openings)
        .iter()
        .map(|(protocol, points)| {
            if *points == Ranges::one(0, LAST) {
                format!("all {protocol} ports")
            } else {
                format!("{protocol} {}", port_words(points, NAMED_RANGES))
            }
        })
        .collect::<Vec<_>>()
        .join(" and ")
}

/// `all public IPv4 and 12.5% of the public IPv6 addresses`.
pub(crate) fn internet(share: Share) -> String {
    let part = |percent: f64, family: &str| match percent {
        0.0 => None,
        100.0 => Some(format!("all public {family}")),
        _ => Some(format!("{} of the public {family}", percent_words(percent))),
    };
    let parts: Vec<String> = [part(share.v4, "IPv4"), part(share.v6, "IPv6")]
        .into_iter()
        .flatten()
        .collect();
    format!("{} addresses", parts.join(" and "))
}

/// Cut off, not rounded: 99.99 % is not 100 %.
fn percent_words(percent: f64) -> String {
    match percent {
        some if some < 0.1 => "less than 0.1%".to_owned(),
        some => format!("{}%", (some * 10.0).floor() / 10.0),
    }
}

fn most(openings: &[Opening]) -> Share {
    openings
        .iter()
        .fold(Share::default(), |share, opening| share.max(opening.share))
}

fn by_protocol(openings: &[Opening]) -> BTreeMap<Protocol, Ranges> {
    let mut found: BTreeMap<Protocol, Ranges> = BTreeMap::new();
    for opening in openings {
        let points = found.entry(opening.protocol).or_default();
        *points = points.union(&opening.points);
    }
    found
}

/// The services among the open ports, in the order of the configuration.
fn sensitive(sight: &Sight<'_>) -> Vec<String> {
    let open = by_protocol(&sight.violations);
    let is_open = |service: &&crate::rules::Sensitive| {
        open.iter()
            .any(|(protocol, points)| !points.intersection(service.ports(*protocol)).is_empty())
    };
    sight
        .rules
        .sensitive
        .iter()
        .filter(is_open)
        .map(|service| service.name.clone())
        .collect()
}

/// ` (ssh, rdp)`; nothing where no service is known.
fn named_services(services: &[String]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let mut words: Vec<String> = services.iter().take(NAMED_SERVICES).cloned().collect();
    if services.len() > NAMED_SERVICES {
        words.push(format!("{} more services", services.len() - NAMED_SERVICES));
    }
    format!(" ({})", words.join(", "))
}

/// Whether an interface that carries the group is reached over a family in which it is open; `None` where the
/// interfaces could not be read.
fn is_reachable(group: &Group, share: Share) -> Option<bool> {
    let usage = group.usage.as_ref()?;
    Some(share.v4 > 0.0 && usage.public_v4 > 0 || share.v6 > 0.0 && usage.public_v6 > 0)
}

fn reach(group: &Group, share: Share) -> &'static str {
    match (&group.usage, is_reachable(group, share)) {
        (Some(usage), _) if usage.interfaces == 0 => "nothing carries it",
        (_, Some(true)) => "reachable from the internet",
        (_, Some(false)) => "nothing that carries it is reachable that way",
        (_, None) => "whether it is reachable could not be read",
    }
}

/// What is not known to be out of reach counts as reachable.
fn severity(group: &Group, share: Share, is_sensitive: bool) -> Severity {
    let is_unattached = group
        .usage
        .as_ref()
        .is_some_and(|usage| usage.interfaces == 0);
    match (is_sensitive, is_reachable(group, share)) {
        _ if is_unattached => Severity::Low,
        (true, None | Some(true)) => Severity::Critical,
        (true, Some(false)) => Severity::High,
        (false, _) => Severity::Medium,
    }
}

/// What every finding of a group shows: what it is, the rules in question, and what carries it.
fn with_common(finding: Finding, sight: &Sight<'_>, share: Share, by: &[usize]) -> Finding {
    let group = sight.group;
    let percent = |share: f64| (share * 1000.0).floor() / 1000.0;
    let mut finding = finding
        .evidence("group_id", group.id.clone())
        .evidence("group_name", group.name.clone())
        .evidence("vpc_id", group.vpc_id.clone())
        .evidence(
            "attached",
            group.usage.as_ref().map(|usage| usage.interfaces > 0),
        )
        .evidence("reachable", is_reachable(group, share))
        .evidence("public_ipv4_percent", percent(share.v4))
        .evidence("public_ipv6_percent", percent(share.v6));
    if let Some(usage) = &group.usage {
        finding = finding
            .evidence("interfaces", usage.interfaces)
            .evidence("interface_ids", usage.named());
    }
    if !group.is_own() {
        finding = finding.evidence("owner", group.owner.clone()).evidence(
            "note",
            format!("owned by `{}`, which has to mend it", group.owner),
        );
    }
    if !by.is_empty() {
        let rules: Vec<Value> = by
            .iter()
            .map(|index| rule_evidence(sight, *index))
            .collect();
        finding = finding.evidence("rules", rules);
    }
    let icmp: Vec<String> = by_protocol(&sight.others)
        .iter()
        .filter(|(protocol, _)| matches!(protocol, Protocol::Icmp | Protocol::Icmpv6))
        .map(|(protocol, points)| format!("{protocol} {}", icmp_words(points)))
        .collect();
    if !icmp.is_empty() {
        finding = finding.evidence("also_open", icmp);
    }
    let excepted = allowed_ranges(sight);
    if !excepted.is_empty() {
        finding = finding.evidence("allowed_ranges", excepted);
    }
    finding
}

fn rule_evidence(sight: &Sight<'_>, index: usize) -> Value {
    let Rule {
        id,
        protocol,
        from_port,
        to_port,
        source,
        description,
        ..
    } = &sight.group.rules[index];
    let (kind, text) = match source {
        Source::Cidr(cidr) => ("cidr", Some(cidr)),
        Source::PrefixList(list) => ("prefix_list", Some(list)),
        Source::Group(group) => ("group", Some(group)),
        Source::Unknown => ("unknown_source", None),
    };
    let share = sight.grants[index].from.share();
    let mut row = Map::new();
    row.insert("id".to_owned(), json!(id));
    row.insert("protocol".to_owned(), json!(protocol));
    row.insert("from_port".to_owned(), json!(from_port));
    row.insert("to_port".to_owned(), json!(to_port));
    row.insert(kind.to_owned(), json!(text));
    row.insert("description".to_owned(), json!(description));
    row.insert(
        "public_ipv4_percent".to_owned(),
        json!((share.v4 * 1000.0).floor() / 1000.0),
    );
    row.insert(
        "public_ipv6_percent".to_owned(),
        json!((share.v6 * 1000.0).floor() / 1000.0),
    );
    Value::Object(row)
}

/// The allow-listed ranges that a rule names exactly or as a part, so that a reader sees what did not count.
fn allowed_ranges(sight: &Sight<'_>) -> Vec<Value> {
    let sources: Vec<Addresses> = sight
        .group
        .rules
        .iter()
        .filter_map(|rule| match &rule.source {
            Source::Cidr(cidr) => Addresses::parse(cidr),
            _ => None,
        })
        .collect();
    sight
        .rules
        .allowed_ranges
        .iter()
        .filter(|range| {
            let range = Addresses::of([range.cidr.as_str()]);
            sources
                .iter()
                .any(|source| !source.within(&range).is_empty())
        })
        .map(|range| json!({ "cidr": range.cidr, "reason": range.reason }))
        .collect()
}
