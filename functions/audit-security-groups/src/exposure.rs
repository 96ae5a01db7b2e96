//! What a group's rules open together: for each point of each protocol, the union of all sources that reach it.

use std::collections::{BTreeSet, HashMap};

use crate::address::{Addresses, Share};
use crate::ranges::Ranges;
use crate::traffic::{Protocol, Traffic};

/// One rule: what it lets in, and from which addresses of the public internet.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What it lets in.
    pub traffic: Traffic,
    /// From where. Only public addresses, and none that is allow-listed.
    pub from: Addresses,
}

/// Points of one protocol that the same rules open.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// The protocol; never [`Protocol::All`], which is every one of the others.
    pub protocol: Protocol,
    /// The ports, or ICMP types and codes.
    pub points: Ranges,
    /// To how large a share of the public internet.
    pub share: Share,
    /// By which grants, by their index.
    pub by: Vec<usize>,
}

/// Everything that is open to at least `percent` of the public internet, of the protocols that the grants name, and of
/// TCP and UDP. A family whose share is smaller counts as 0 in the result.
pub fn openings(grants: &[Grant], percent: f64) -> Vec<Opening> {
    let reaching: Vec<(usize, &Grant)> = grants
        .iter()
        .enumerate()
        .filter(|(_, grant)| !grant.from.is_empty())
        .collect();
    // Most groups open too little in all to open anything.
    let together = reaching
        .iter()
        .fold(Addresses::default(), |all, (_, grant)| {
            all.with(&grant.from)
        });
    if !together.share().reaches(percent) {
        return vec![];
    }
    let named = reaching
        .iter()
        .map(|(_, grant)| grant.traffic.protocol)
        .filter(|protocol| *protocol != Protocol::All);
    let protocols: BTreeSet<Protocol> = named.chain([Protocol::Tcp, Protocol::Udp]).collect();
    protocols
        .into_iter()
        .flat_map(|protocol| openings_of(protocol, &reaching, percent))
        .collect()
}

fn openings_of(protocol: Protocol, grants: &[(usize, &Grant)], percent: f64) -> Vec<Opening> {
    let reach: Vec<(usize, Ranges, &Addresses)> = grants
        .iter()
        .map(|(index, grant)| (*index, grant.traffic.of_protocol(protocol), &grant.from))
        .filter(|(_, points, _)| !points.is_empty())
        .collect();
    // Between two neighbouring edges every point is reached by the same grants.
    let edges: BTreeSet<u128> = reach
        .iter()
        .flat_map(|(_, points, _)| points.iter())
        .flat_map(|(first, last)| [first, last + 1])
        .collect();
    let edges: Vec<u128> = edges.into_iter().collect();
    let mut segments: HashMap<Vec<usize>, Vec<(u128, u128)>> = HashMap::new();
    for pair in edges.windows(2) {
        let by: Vec<usize> = (0..reach.len())
            .filter(|index| reach[*index].1.contains(pair[0]))
            .collect();
        if !by.is_empty() {
            segments.entry(by).or_default().push((pair[0], pair[1] - 1));
        }
    }
    let mut openings: Vec<Opening> = segments
        .into_iter()
        .filter_map(|(by, points)| {
            let from = by
                .iter()
                .fold(Addresses::default(), |all, index| all.with(reach[*index].2));
            let share = from.share();
            share.reaches(percent).then(|| Opening {
                protocol,
                points: Ranges::of(points),
                share: Share {
                    v4: if share.v4_reaches(percent) {
                        share.v4
                    } else {
                        0.0
                    },
                    v6: if share.v6_reaches(percent) {
                        share.v6
                    } else {
                        0.0
                    },
                },
                by: by.into_iter().map(|index| reach[index].0).collect(),
            })
        })
        .collect();
    openings.sort_by_key(|opening| opening.points.iter().next());
    openings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grant(protocol: &str, from: i32, to: i32, cidrs: &[&str]) -> Grant {
        Grant {
            traffic: Traffic::of(protocol, Some(from), Some(to)),
            from: Addresses::of(cidrs.iter().copied()).within(Addresses::public()),
        }
    }

    fn words(grants: &[Grant], percent: f64) -> Vec<String> {
        openings(grants, percent)
            .iter()
            .map(|opening| {
                let points: Vec<String> = opening
                    .points
                    .iter()
                    .map(crate::traffic::range_word)
                    .collect();
                format!(
                    "{} {} {:.0}%/{:.0}% by {:?}",
                    opening.protocol,
                    points.join(","),
                    opening.share.v4,
                    opening.share.v6,
                    opening.by
                )
            })
            .collect()
    }

    #[test]
    fn rules_count_together_and_only_where_they_overlap() {
        let halves = [
            grant("tcp", 20, 30, &["0.0.0.0/1"]),
            grant("-1", -1, -1, &["128.0.0.0/1"]),
            grant("tcp", 22, 22, &["::/0"]),
            grant("udp", 1, 9, &["10.0.0.0/8"]),
        ];
        assert_eq!(
            words(&halves, 90.0),
            [
                "TCP 20-21,23-30 100%/0% by [0, 1]",
                "TCP 22 100%/100% by [0, 1, 2]"
            ]
        );
        assert_eq!(
            words(&halves, 100.1).len(),
            0,
            "more than everything is never reached"
        );
    }

    #[test]
    fn a_small_share_is_no_opening_and_zero_asks_for_any() {
        let provider = [grant("tcp", 22, 22, &["52.0.0.0/8"])];
        assert_eq!(words(&provider, 10.0).len(), 0);
        assert_eq!(words(&provider, 0.0), ["TCP 22 0%/0% by [0]"]);
        let private = [grant("tcp", 22, 22, &["10.0.0.0/8", "fd00::/8"])];
        assert_eq!(words(&private, 0.0).len(), 0);
    }

    #[test]
    fn a_protocol_without_ports_opens_none() {
        assert_eq!(
            words(
                &[
                    grant("icmp", 8, -1, &["0.0.0.0/0"]),
                    grant("47", -1, -1, &["::/0"])
                ],
                10.0
            ),
            [
                "ICMP 2048-2303 100%/0% by [0]",
                "GRE 0-65535 0%/100% by [1]"
            ]
        );
    }

    const CIDRS: [&str; 8] = [
        "0.0.0.0/1",
        "128.0.0.0/1",
        "0.0.0.0/2",
        "192.0.0.0/2",
        "52.0.0.0/8",
        "10.0.0.0/8",
        "2000::/4",
        "3000::/4",
    ];

    proptest! {
        /// The oracle asks port by port.
        #[test]
        fn every_port_is_judged_as_if_it_stood_alone(
            rules in prop::collection::vec((0..3usize, 0..12i32, 0..12i32, 0..CIDRS.len()), 0..7),
            percent in prop::sample::select(vec![0.0, 10.0, 50.0, 90.0, 100.0]),
        ) {
            let grants: Vec<Grant> = rules
                .iter()
                .map(|(protocol, a, b, cidr)| grant(["tcp", "udp", "-1"][*protocol], *a.min(b), *a.max(b), &[CIDRS[*cidr]]))
                .collect();
            let found = openings(&grants, percent);
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                for port in (0..14).chain([65_535]) {
                    let from = grants
                        .iter()
                        .filter(|grant| grant.traffic.of_protocol(protocol).contains(port))
                        .fold(Addresses::default(), |all, grant| all.with(&grant.from));
                    let hits: Vec<&Opening> = found
                        .iter()
                        .filter(|opening| opening.protocol == protocol && opening.points.contains(port))
                        .collect();
                    prop_assert_eq!(hits.len(), usize::from(from.share().reaches(percent)));
                    for hit in hits {
                        prop_assert!(!hit.share.v4_reaches(percent) || hit.share.v4 == from.share().v4);
                        prop_assert_eq!(hit.share.v6_reaches(percent), from.share().v6_reaches(percent));
                    }
                }
            }
        }
    }
}
