//! What to judge by, made from the `[audit-security-groups]` section.

use lamplighter_config as config;

use crate::address::Addresses;
use crate::ranges::Ranges;
use crate::traffic::Protocol;

/// Ports with a name that are worse to open than others.
#[derive(Debug, Clone)]
pub struct Sensitive {
    /// What people call the service.
    pub name: String,
    tcp: Ranges,
    udp: Ranges,
}

/// A range that does not count as the internet, with the reason.
#[derive(Debug, Clone)]
pub struct AllowedRange {
    /// As it was written.
    pub cidr: String,
    /// Why.
    pub reason: String,
}

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// TCP ports that may be open to everybody.
    allowed_tcp: Ranges,
    /// UDP ports that may be open to everybody.
    allowed_udp: Ranges,
    /// Ports that are worse to open than others.
    pub sensitive: Vec<Sensitive>,
    /// From which share of the public internet on a port counts as open, in percent.
    pub public_share: f64,
    /// Ranges that do not count.
    pub allowed_ranges: Vec<AllowedRange>,
    /// The public addresses that count.
    pub counted: Addresses,
    /// Whether rules that open a port are revoked.
    pub revokes: bool,
}

impl Sensitive {
    /// Its ports of a protocol.
    pub fn ports(&self, protocol: Protocol) -> &Ranges {
        const NONE: &Ranges = &Ranges::NONE;
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
            _ => NONE,
        }
    }
}

impl Rules {
    /// The ports of a protocol that may be open to everybody.
    pub fn allowed(&self, protocol: Protocol) -> &Ranges {
        const NONE: &Ranges = &Ranges::NONE;
        match protocol {
            Protocol::Tcp => &self.allowed_tcp,
            Protocol::Udp => &self.allowed_udp,
            _ => NONE,
        }
    }
}

impl From<&config::AuditSecurityGroups> for Rules {
    fn from(section: &config::AuditSecurityGroups) -> Self {
        let single = |ports: &[u16]| {
            Ranges::of(
                ports
                    .iter()
                    .map(|port| (u128::from(*port), u128::from(*port))),
            )
        };
        let ranges = |ports: &[(u16, u16)]| {
            Ranges::of(
                ports
                    .iter()
                    .map(|(first, last)| (u128::from(*first), u128::from(*last))),
            )
        };
        let allowed = Addresses::of(
            section
                .allowed_ranges
                .iter()
                .map(|range| range.cidr.as_str()),
        );
        Self {
            allowed_tcp: single(&section.allowed_public_ports),
            allowed_udp: single(&section.allowed_public_udp_ports),
            sensitive: section
                .sensitive_ports
                .iter()
                .map(|port| Sensitive {
                    name: port.name.clone(),
                    tcp: ranges(&port.tcp),
                    udp: ranges(&port.udp),
                })
                .collect(),
            public_share: f64::from(section.public_share),
            allowed_ranges: section
                .allowed_ranges
                .iter()
                .map(|range| AllowedRange {
                    cidr: range.cidr.clone(),
                    reason: range.reason.clone(),
                })
                .collect(),
            counted: Addresses::public().without(&allowed),
            revokes: section.remediate == config::Revocation::Revoke,
        }
    }
}
