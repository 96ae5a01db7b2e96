//! `[audit-security-groups]`: ports that are open to the internet.

use std::net::IpAddr;

use crate::common::{Common, displays_its_name};
use crate::forms::shown;
use crate::reader::{Choice, Fault, Reader};
use crate::schema::{Key, Kind, listed, nearest};
use crate::sections::Section;

/// Ports that are open to the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSecurityGroups {
    /// The keys that every function has.
    pub common: Common,
    /// TCP ports that may be open to everybody.
    pub allowed_public_ports: Vec<u16>,
    /// UDP ports that may be open to everybody.
    pub allowed_public_udp_ports: Vec<u16>,
    /// Ports that are worse to open than others.
    pub sensitive_ports: Vec<SensitivePort>,
    /// The share of the public internet from which on a port counts as open, in percent; zero: any address.
    pub public_share: u32,
    /// Ranges that do not count.
    pub allowed_ranges: Vec<AllowedRange>,
    /// What is done about an open port.
    pub remediate: Revocation,
    /// A plan with more actions is refused.
    pub max_actions: u32,
    /// The largest share of the inbound rules that one run may take away.
    pub max_percent: u32,
    /// Fewer inbound rules than this in view are taken for a fault of the look-up.
    pub min_population: u32,
}

/// What is done about an open port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Nothing.
    None,
    /// The rule that opens it is taken away.
    Revoke,
}

/// Ports with a name that are worse to open than others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitivePort {
    /// What people call the service.
    pub name: String,
    /// TCP ports, each range by its first and last.
    pub tcp: Vec<(u16, u16)>,
    /// UDP ports.
    pub udp: Vec<(u16, u16)>,
}

/// A range of addresses that does not count as the public internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedRange {
    /// The CIDR, as it was written.
    pub cidr: String,
    /// Why.
    pub reason: String,
}

impl Choice for Revocation {
    const ALL: &'static [(&'static str, Self)] = &[("none", Self::None), ("revoke", Self::Revoke)];
}

displays_its_name!(Revocation);

/// A well-known service: its name, its TCP ports and its UDP ports.
type Service = (&'static str, &'static [(u16, u16)], &'static [(u16, u16)]);

/// Services that give whoever reaches them the machine or the data.
/// <https://www.iana.org/assignments/service-names-port-numbers/>, and the projects' own defaults.
const SERVICES: &[Service] = &[
    ("ssh", &[(22, 22)], &[]),
    ("rdp", &[(3389, 3389)], &[(3389, 3389)]),
    ("mysql", &[(3306, 3306)], &[]),
    ("postgresql", &[(5432, 5432)], &[]),
    ("mssql", &[(1433, 1433)], &[(1434, 1434)]),
    ("oracle", &[(1521, 1521), (2483, 2484)], &[]),
    ("mongodb", &[(27017, 27019)], &[]),
    ("redis", &[(6379, 6379)], &[]),
    ("memcached", &[(11211, 11211)], &[(11211, 11211)]),
    ("elasticsearch", &[(9200, 9200), (9300, 9300)], &[]),
    ("cassandra", &[(7000, 7001), (9042, 9042)], &[]),
    ("kafka", &[(9092, 9094)], &[]),
    ("zookeeper", &[(2181, 2181)], &[]),
    ("etcd", &[(2379, 2380)], &[]),
    ("docker", &[(2375, 2377)], &[]),
    ("kubelet", &[(10250, 10250), (10255, 10255)], &[]),
    ("winrm", &[(5985, 5986)], &[]),
    ("vnc", &[(5900, 5909)], &[]),
    ("smb", &[(139, 139), (445, 445)], &[(137, 138)]),
    ("rpc", &[(111, 111), (135, 135)], &[(111, 111), (135, 135)]),
    ("nfs", &[(2049, 2049)], &[(2049, 2049)]),
    ("ldap", &[(389, 389), (636, 636)], &[(389, 389)]),
    ("telnet", &[(23, 23)], &[]),
    ("ftp", &[(20, 21)], &[]),
    ("rsync", &[(873, 873)], &[]),
    ("tftp", &[], &[(69, 69)]),
    ("snmp", &[], &[(161, 162)]),
];

const RANGE_KEYS: &[Key] = &[
    Key::required("cidr", Kind::Text),
    Key::required("reason", Kind::Text),
];

impl Section for AuditSecurityGroups {
    const NAME: &'static str = "audit-security-groups";
    const OPTIONAL: &'static [Key] = &[
        Key::optional("mail", Kind::Text),
        Key::optional("to", Kind::Texts),
        // Its default is empty, which would make it a list of strings.
        Key::optional("allowed_public_udp_ports", Kind::Integers),
        Key::optional("allowed_ranges", Kind::Entries(RANGE_KEYS)),
    ];

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(section),
            allowed_public_ports: section.ports("allowed_public_ports"),
            allowed_public_udp_ports: section.ports("allowed_public_udp_ports"),
            sensitive_ports: section.parsed_list("sensitive_ports", parse_sensitive),
            public_share: section.whole("public_share", 0..=100),
            allowed_ranges: section.entries("allowed_ranges", read_range),
            remediate: section.choice("remediate").unwrap_or(Revocation::None),
            max_actions: section.whole("max_actions", 0..=100_000),
            max_percent: section.whole("max_percent", 0..=100),
            min_population: section.whole("min_population", 0..=1_000_000),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }
}

/// A known name, or `name=22`, `name=tcp:5000-5010`, `name=udp:514`.
fn parse_sensitive(text: &str) -> Result<SensitivePort, Fault> {
    let Some((name, ports)) = text.split_once('=') else {
        let known = || SERVICES.iter().map(|(name, _, _)| *name);
        return match SERVICES.iter().find(|(name, _, _)| *name == text) {
            Some((name, tcp, udp)) => Ok(SensitivePort {
                name: (*name).to_owned(),
                tcp: tcp.to_vec(),
                udp: udp.to_vec(),
            }),
            None => {
                let fault = Fault::new(format!("{} is no known service", shown(text)));
                Err(match nearest(text, known()) {
                    Some(name) => fault.hint(format!("did you mean \"{name}\"?")),
                    None => fault.hint(format!(
                        "known ones: {}; write others like \"metrics=9100\" or \"syslog=udp:514\"",
                        listed(known())
                    )),
                })
            }
        };
    };
    let wrong = || {
        Fault::new(format!("{} names no port", shown(text)))
            .hint("write it like \"metrics=9100\", \"cluster=tcp:5000-5010\" or \"syslog=udp:514\"")
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(wrong());
    }
    let (protocol, ports) = ports.split_once(':').unwrap_or(("tcp", ports));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let range = match (parse_port(first), parse_port(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        _ => return Err(wrong()),
    };
    let (tcp, udp) = match protocol {
        "tcp" => (vec![range], vec![]),
        "udp" => (vec![], vec![range]),
        _ => return Err(wrong()),
    };
    Ok(SensitivePort {
        name: name.to_owned(),
        tcp,
        udp,
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn read_range(entry: &mut Reader<'_>) -> AllowedRange {
    AllowedRange {
        cidr: entry.parsed("cidr", parse_cidr).unwrap_or_default(),
        reason: entry.parsed("reason", parse_reason).unwrap_or_default(),
    }
}

/// A network as `203.0.113.0/24`. Not the whole internet: an exception for everybody is no audit.
fn parse_cidr(text: &str) -> Result<String, Fault> {
    const WIDEST_V4: u32 = 8;
    const WIDEST_V6: u32 = 16;
    let no_cidr = || {
        Fault::new(format!("{} is no CIDR", shown(text)))
            .hint("write it like \"198.18.0.0/15\" or \"2001:db8::/32\"")
    };
    let (address, length) = text.split_once('/').ok_or_else(no_cidr)?;
    let address: IpAddr = address.parse().map_err(|_| no_cidr())?;
    let length = parse_port(length).map(u32::from).ok_or_else(no_cidr)?;
    let (bits, widest, number) = match address {
        IpAddr::V4(address) => (32, WIDEST_V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, WIDEST_V6, u128::from(address)),
    };
    if length > bits {
        return Err(no_cidr());
    }
    if length < widest {
        let fault = format!(
            "{} is too wide to be one known source, it must be /{widest} or narrower",
            shown(text)
        );
        return Err(Fault::new(fault));
    }
    let host = if length == bits {
        0
    } else {
        number & (u128::MAX >> (128 - (bits - length)))
    };
    if host != 0 {
        let network = match address {
            IpAddr::V4(_) => {
                let number = u32::try_from(number - host).unwrap_or_default();
                std::net::Ipv4Addr::from(number).to_string()
            }
            IpAddr::V6(_) => std::net::Ipv6Addr::from(number - host).to_string(),
        };
        let fault = Fault::new(format!(
            "{} does not begin where its network does",
            shown(text)
        ));
        return Err(fault.hint(format!("did you mean \"{network}/{length}\"?")));
    }
    Ok(text.to_owned())
}

fn parse_reason(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        let fault = Fault::new("an exception needs a reason");
        return Err(fault.hint("say whose range it is, and why it may come in"));
    }
    if text.contains(char::is_control) {
        return Err(Fault::new(format!(
            "{} contains a line break or another control character",
            shown(text)
        )));
    }
    Ok(text.to_owned())
}
