//! Addresses: what a CIDR covers, what of it is the public internet, and how large a share of that it is.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::ranges::Ranges;

/// IPv4 addresses that are not the public internet.
const NOT_PUBLIC_V4: [&str; 15] = [
    // <https://www.iana.org/assignments/iana-ipv4-special-registry/>, what is not globally reachable. The two single
    // addresses of 192.0.0.0/24 that are make no difference to any share.
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    // <https://www.iana.org/assignments/multicast-addresses/>: never a source.
    "224.0.0.0/4",
];

/// The IPv6 addresses that are given out for the public internet.
/// <https://www.iana.org/assignments/ipv6-address-space/>
const GLOBAL_UNICAST_V6: &str = "2000::/3";

/// What in there is not the public internet.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
const NOT_PUBLIC_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

static PUBLIC: LazyLock<Addresses> = LazyLock::new(|| {
    let all = Addresses::of(["0.0.0.0/0", GLOBAL_UNICAST_V6]);
    all.without(&Addresses::of(
        NOT_PUBLIC_V4.into_iter().chain(NOT_PUBLIC_V6),
    ))
});

/// A set of addresses of both families.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    v4: Ranges,
    v6: Ranges,
}

/// How large a share of the public internet a set is, in percent, by family.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share {
    /// Of the public IPv4 addresses.
    pub v4: f64,
    /// Of the public IPv6 addresses.
    pub v6: f64,
}

impl Addresses {
    /// The addresses of these CIDRs. One that is none adds nothing: see [`Addresses::parse`].
    pub fn of<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for cidr in cidrs {
            match range(cidr) {
                Some((true, range)) => v4.push(range),
                Some((false, range)) => v6.push(range),
                None => {}
            }
        }
        Self {
            v4: Ranges::of(v4),
            v6: Ranges::of(v6),
        }
    }

    /// The addresses of one CIDR; `None` where the text is none.
    pub fn parse(cidr: &str) -> Option<Self> {
        range(cidr).map(|_| Self::of([cidr]))
    }

    /// Every public address.
    pub fn public() -> &'static Self {
        &PUBLIC
    }

    /// The addresses in either.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.union(&other.v4),
            v6: self.v6.union(&other.v6),
        }
    }

    /// The addresses in both.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.intersection(&other.v4),
            v6: self.v6.intersection(&other.v6),
        }
    }

    /// The addresses in this one and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.difference(&other.v4),
            v6: self.v6.difference(&other.v6),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// How large a share of the public internet it is.
    pub fn share(&self) -> Share {
        let part = self.within(Self::public());
        let percent = |part: &Ranges, whole: &Ranges| {
            // Exactly 100 for the whole, and nothing else rounds up to it as far as f64 can tell.
            part.count() as f64 / whole.count() as f64 * 100.0
        };
        Share {
            v4: percent(&part.v4, &PUBLIC.v4),
            v6: percent(&part.v6, &PUBLIC.v6),
        }
    }
}

impl Share {
    /// Whether either family's share is at least this; nothing at all is never enough.
    pub fn reaches(self, percent: f64) -> bool {
        self.v4_reaches(percent) || self.v6_reaches(percent)
    }

    /// The same for IPv4.
    pub fn v4_reaches(self, percent: f64) -> bool {
        self.v4 > 0.0 && self.v4 >= percent
    }

    /// The same for IPv6.
    pub fn v6_reaches(self, percent: f64) -> bool {
        self.v6 > 0.0 && self.v6 >= percent
    }

    /// The larger of two, by family.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            v4: self.v4.max(other.v4),
            v6: self.v6.max(other.v6),
        }
    }
}

/// Whether it is IPv4, and the first and last address. Bits of the host are masked, as EC2 does.
fn range(cidr: &str) -> Option<(bool, (u128, u128))> {
    let (address, length) = cidr.split_once('/')?;
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: u32 = length.parse().ok()?;
    let (is_v4, bits, number) = match address.parse().ok()? {
        IpAddr::V4(address) => (true, 32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (false, 128, u128::from(address)),
    };
    let host_bits: u32 = u32::checked_sub(bits, length)?;
    let host = u128::MAX
        .checked_shr(128 - host_bits)
        .filter(|_| host_bits > 0)
        .unwrap_or(0);
    Some((is_v4, (number & !host, number | host)))
}

/// Whether an address is a public one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PUBLIC.v4.contains(u128::from(u32::from(address))),
        IpAddr::V6(address) => PUBLIC.v6.contains(u128::from(address)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn share(cidrs: &[&str]) -> Share {
        Addresses::of(cidrs.iter().copied()).share()
    }

    proptest! {
        /// The oracle compares bit by bit.
        #[test]
        fn a_cidr_holds_the_addresses_with_its_prefix(address: u32, length in 0u32..=32, other: u32, flip in 0u32..32) {
            let cidr = format!("{}/{length}", Ipv4Addr::from(address));
            let (is_v4, (first, last)) = range(&cidr).expect("a CIDR");
            prop_assert!(is_v4);
            for other in [other, address ^ (1 << flip)] {
                let agrees = (0..length).all(|bit| (address ^ other) >> (31 - bit) & 1 == 0);
                prop_assert_eq!((first..=last).contains(&u128::from(other)), agrees, "{} {}", cidr, other);
            }
        }

        #[test]
        fn so_does_one_of_ipv6(address: u128, length in 0u32..=128, flip in 0u32..128) {
            let cidr = format!("{}/{length}", Ipv6Addr::from(address));
            let (is_v4, (first, last)) = range(&cidr).expect("a CIDR");
            prop_assert!(!is_v4);
            let other = address ^ (1 << flip);
            let agrees = 127 - flip >= length;
            prop_assert_eq!((first..=last).contains(&other), agrees, "{} {}", cidr, other);
            prop_assert!((first..=last).contains(&address));
        }

        /// The two halves of any CIDR are the CIDR.
        #[test]
        fn halves_add_up(address: u32, length in 0u32..32) {
            let half = |bit: u32| format!("{}/{}", Ipv4Addr::from(address & !(1 << (31 - length)) | bit << (31 - length)), length + 1);
            let whole = Addresses::of([format!("{}/{length}", Ipv4Addr::from(address)).as_str()]);
            let (low, high) = (half(0), half(1));
            prop_assert_eq!(Addresses::of([low.as_str(), high.as_str()]), whole);
        }
    }

    #[test]
    fn what_is_no_cidr_is_refused() {
        for text in [
            "",
            "0.0.0.0",
            "0.0.0.0/",
            "0.0.0.0/33",
            "0.0.0.0/-1",
            "0.0.0.0/+1",
            "::/129",
            "1.2.3/8",
            "pl-1",
            "0.0.0.0/0 ",
            "01.0.0.0/8",
        ] {
            assert_eq!(Addresses::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_whole_is_whole_however_it_is_written() {
        for cidrs in [
            &["0.0.0.0/0"][..],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"],
        ] {
            assert_eq!(share(cidrs), Share { v4: 100.0, v6: 0.0 }, "{cidrs:?}");
        }
        for cidrs in [&["::/0"][..], &["2000::/3"], &["2000::/4", "3000::/4"]] {
            assert_eq!(share(cidrs), Share { v4: 0.0, v6: 100.0 }, "{cidrs:?}");
        }
    }

    #[test]
    fn private_and_reserved_ranges_are_no_share_at_all() {
        let reserved: Vec<&str> = NOT_PUBLIC_V4.into_iter().chain(NOT_PUBLIC_V6).collect();
        assert_eq!(share(&reserved), Share::default());
        assert_eq!(
            share(&[
                "fc00::/7",
                "fe80::/10",
                "ff00::/8",
                "::1/128",
                "::ffff:0:0/96"
            ]),
            Share::default()
        );
        assert!(!share(&reserved).reaches(0.0));
    }

    #[test]
    fn halves_are_large_and_providers_are_small() {
        let low = share(&["0.0.0.0/1"]).v4;
        let high = share(&["128.0.0.0/1"]).v4;
        assert!(low > 55.0 && low < 58.0, "{low}");
        assert!(high > 42.0 && high < 45.0, "{high}");
        assert!((low + high - 100.0).abs() < 1e-9);
        let one_eighth = share(&["52.0.0.0/8"]).v4;
        assert!(one_eighth > 0.4 && one_eighth < 0.5, "{one_eighth}");
        assert!(share(&["1.2.3.4/32"]).reaches(0.0));
    }

    #[test]
    fn public_addresses_are_told_from_private_ones() {
        for (address, expected) in [
            ("198.51.100.7", false),
            ("10.0.0.1", false),
            ("52.1.2.3", true),
            ("fd00::1", false),
            ("2a05:d018::1", true),
            ("2001:db8::1", false),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(is_public(parsed), expected, "{address}");
        }
    }
}
