//! What a rule lets in: a protocol, and of it ports, or types and codes, or nothing to choose.

use std::fmt;

use crate::ranges::Ranges;

/// The highest port, and the highest ICMP type and code as one number.
pub const LAST: u128 = 65_535;

/// An IP protocol, as security groups tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `-1`: every protocol, with everything in it.
    All,
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// 1.
    Icmp,
    /// 58.
    Icmpv6,
    /// Another one by its number. It has no ports that EC2 could look at.
    /// <https://www.iana.org/assignments/protocol-numbers/>
    Other(u8),
}

impl Protocol {
    /// A protocol as EC2 names it. What is not understood counts as everything: an unknown word must not hide a port.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "tcp" | "6" => Self::Tcp,
            "udp" | "17" => Self::Udp,
            "icmp" | "1" => Self::Icmp,
            "icmpv6" | "58" => Self::Icmpv6,
            number => number.parse().map_or(Self::All, Self::Other),
        }
    }

    /// Whether it has ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all traffic"),
            Self::Tcp => formatter.write_str("TCP"),
            Self::Udp => formatter.write_str("UDP"),
            Self::Icmp => formatter.write_str("ICMP"),
            Self::Icmpv6 => formatter.write_str("ICMPv6"),
            Self::Other(47) => formatter.write_str("GRE"),
            Self::Other(50) => formatter.write_str("ESP"),
            Self::Other(51) => formatter.write_str("AH"),
            Self::Other(132) => formatter.write_str("SCTP"),
            Self::Other(number) => write!(formatter, "protocol {number}"),
        }
    }
}

/// What a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// Of this protocol.
    pub protocol: Protocol,
    /// These ports; of ICMP each type and code as `type * 256 + code`; of all others everything.
    pub points: Ranges,
}

impl Traffic {
    /// What EC2's three fields mean. Ports that are absent or `-1` are all of them.
    pub fn of(protocol: &str, from: Option<i32>, to: Option<i32>) -> Self {
        let protocol = Protocol::parse(protocol);
        let everything = (0, LAST);
        let number = |field: Option<i32>, most: u128| {
            let number = u128::try_from(field?).ok()?;
            (number <= most).then_some(number)
        };
        let range = match protocol {
            Protocol::Tcp | Protocol::Udp => match (number(from, LAST), number(to, LAST)) {
                (Some(from), Some(to)) => (from.min(to), from.max(to)),
                _ => everything,
            },
            // `from` is the type and `to` the code.
            // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
            Protocol::Icmp | Protocol::Icmpv6 => match (number(from, 255), number(to, 255)) {
                (Some(kind), Some(code)) => (kind * 256 + code, kind * 256 + code),
                (Some(kind), None) => (kind * 256, kind * 256 + 255),
                (None, _) => everything,
            },
            Protocol::All | Protocol::Other(_) => everything,
        };
        Self {
            protocol,
            points: Ranges::one(range.0, range.1),
        }
    }

    /// How much of `protocol` it lets in.
    pub fn of_protocol(&self, protocol: Protocol) -> Ranges {
        if self.protocol == protocol || self.protocol == Protocol::All {
            self.points.clone()
        } else {
            Ranges::default()
        }
    }
}

/// Ranges of ports in words: `22, 1024-65535`. After `most` of them it only says how many more there are.
pub fn port_words(ports: &Ranges, most: usize) -> String {
    if *ports == Ranges::one(0, LAST) {
        return "all ports".to_owned();
    }
    let mut words: Vec<String> = ports.iter().take(most).map(range_word).collect();
    let more = ports.iter().count().saturating_sub(most);
    if more > 0 {
        words.push(format!("{more} more ranges"));
    }
    words.join(", ")
}

/// `22` or `1024-65535`.
pub fn range_word((first, last): (u128, u128)) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

/// Ranges of ICMP types and codes in words: `type 8`, `type 3 code 4`.
pub fn icmp_words(points: &Ranges) -> String {
    if *points == Ranges::one(0, LAST) {
        return "all types".to_owned();
    }
    let kind = |(first, last): (u128, u128)| match (first % 256, last % 256) {
        (0, 255) => match (first / 256, last / 256) {
            (first, last) if first == last => format!("type {first}"),
            (first, last) => format!("types {first}-{last}"),
        },
        _ if first == last => format!("type {} code {}", first / 256, first % 256),
        (from, to) if first / 256 == last / 256 => {
            format!("type {} codes {from}-{to}", first / 256)
        }
        (from, to) => format!(
            "type {} code {from} to type {} code {to}",
            first / 256,
            last / 256
        ),
    };
    points.iter().map(kind).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(protocol: &str, from: i32, to: i32) -> String {
        let traffic = Traffic::of(protocol, Some(from), Some(to));
        let points = match traffic.protocol {
            Protocol::Icmp | Protocol::Icmpv6 => icmp_words(&traffic.points),
            _ => port_words(&traffic.points, 9),
        };
        format!("{} {points}", traffic.protocol)
    }

    #[test]
    fn the_fields_mean_what_ec2_means() {
        for ((protocol, from, to), expected) in [
            (("tcp", 22, 22), "TCP 22"),
            (("6", 22, 25), "TCP 22-25"),
            (("tcp", 0, 65535), "TCP all ports"),
            (("tcp", 1, 65535), "TCP 1-65535"),
            (("tcp", 0, 0), "TCP 0"),
            (("udp", -1, -1), "UDP all ports"),
            (("TCP", 22, 70000), "TCP all ports"),
            (("icmp", -1, -1), "ICMP all types"),
            (("icmp", 8, -1), "ICMP type 8"),
            (("icmp", 3, 4), "ICMP type 3 code 4"),
            (("58", 128, 0), "ICMPv6 type 128 code 0"),
            (("47", 22, 22), "GRE all ports"),
            (("112", -1, -1), "protocol 112 all ports"),
            (("-1", 22, 22), "all traffic all ports"),
            (("warp", 22, 22), "all traffic all ports"),
            (("300", 22, 22), "all traffic all ports"),
        ] {
            assert_eq!(words(protocol, from, to), expected);
        }
        assert_eq!(
            Traffic::of("-1", None, None),
            Traffic::of("-1", Some(-1), Some(-1))
        );
        assert_eq!(Traffic::of("tcp", None, None).points, Ranges::one(0, LAST));
    }

    #[test]
    fn only_all_traffic_reaches_into_other_protocols() {
        let port_22 = |traffic: &Traffic, protocol| traffic.of_protocol(protocol).contains(22);
        let ssh = Traffic::of("tcp", Some(22), Some(22));
        assert!(port_22(&ssh, Protocol::Tcp) && !port_22(&ssh, Protocol::Udp));
        let gre = Traffic::of("47", None, None);
        assert!(!port_22(&gre, Protocol::Tcp) && port_22(&gre, Protocol::Other(47)));
        let all = Traffic::of("-1", None, None);
        assert!(port_22(&all, Protocol::Tcp) && port_22(&all, Protocol::Other(47)));
    }

    #[test]
    fn many_ranges_are_cut_short() {
        let ports = Ranges::of([(1, 1), (3, 3), (5, 9)]);
        assert_eq!(port_words(&ports, 3), "1, 3, 5-9");
        assert_eq!(port_words(&ports, 1), "1, 2 more ranges");
        assert_eq!(
            icmp_words(&Ranges::of([(0, 255), (772, 775), (1024, 1791)])),
            "type 0, type 3 codes 4-7, types 4-6"
        );
    }
}
