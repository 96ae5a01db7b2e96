//! The plans: one case, one sentence, one expected text.

use std::sync::Arc;

use expect_test::{Expect, expect};
use lamplighter_config::{Config, Sources};
use lamplighter_core::Action as _;

use super::*;
use crate::group::{Place, Rule, Usage};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// The shipped defaults, changed by these lines.
fn rules(lines: &str) -> Rules {
    let file = format!("[audit-security-groups]\n{lines}\n");
    let sources = Sources {
        file: Some(("lamplighter.toml", &file)),
        ..Sources::default()
    };
    let config = Config::load(&sources).expect("the configuration is sound");
    Rules::from(&config.audit_security_groups)
}

/// A group that one private interface carries, without rules.
fn group(id: &str) -> Group {
    let mut usage = Usage::default();
    usage.add("eni-1", false, false);
    Group {
        id: id.to_owned(),
        name: "web".to_owned(),
        place: Arc::new(Place {
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            region: REGION.to_owned(),
        }),
        owner: ACCOUNT.to_owned(),
        vpc_id: Some("vpc-1".to_owned()),
        rules: vec![],
        usage: Some(usage),
    }
}

impl Group {
    /// With a rule whose id counts on; the source is told from its text.
    fn lets(mut self, protocol: &str, from: i32, to: i32, source: &str) -> Self {
        self.rules.push(Rule {
            id: format!("sgr-{}", self.rules.len()),
            protocol: protocol.to_owned(),
            from_port: Some(from),
            to_port: Some(to),
            source: match source {
                list if list.starts_with("pl-") => Source::PrefixList(source.to_owned()),
                group if group.starts_with("sg-") => Source::Group(source.to_owned()),
                "" => Source::Unknown,
                _ => Source::Cidr(source.to_owned()),
            },
            description: None,
            tags: BTreeMap::new(),
        });
        self
    }

    fn tcp(self, port: i32, source: &str) -> Self {
        self.lets("tcp", port, port, source)
    }

    fn carried_by(mut self, interfaces: &[(bool, bool)]) -> Self {
        let mut usage = Usage::default();
        for (number, (v4, v6)) in interfaces.iter().enumerate() {
            usage.add(&format!("eni-{number}"), *v4, *v6);
        }
        self.usage = Some(usage);
        self
    }
}

fn inventory(groups: impl IntoIterator<Item = Group>) -> Inventory {
    let list = |id: &str| (ACCOUNT.to_owned(), REGION.to_owned(), id.to_owned());
    let cidrs = |cidrs: &[&str]| Ok(cidrs.iter().map(|cidr| (*cidr).to_owned()).collect());
    Inventory {
        groups: groups.into_iter().collect(),
        prefix_lists: BTreeMap::from([
            (list("pl-all"), cidrs(&["10.0.0.0/8", "0.0.0.0/0"])),
            (list("pl-halves"), cidrs(&["0.0.0.0/1", "128.0.0.0/1"])),
            (list("pl-cdn"), cidrs(&["13.32.0.0/15", "52.46.0.0/18"])),
            (list("pl-v6"), cidrs(&["2000::/3"])),
            (
                list("pl-denied"),
                Err("not allowed to call `ec2:GetManagedPrefixListEntries`".to_owned()),
            ),
        ]),
        accounts: vec![ACCOUNT.to_owned()],
        notes: vec![],
    }
}

/// The only caller of `plan`: actions, skips, findings and the population of these groups.
fn told(rules: &Rules, groups: impl IntoIterator<Item = Group>) -> String {
    let plan = plan(&inventory(groups), rules, DateTime::UNIX_EPOCH);
    let mut text = String::new();
    for action in &plan.actions {
        text.push_str(&format!(
            "{} {}: {}\n",
            action.name(),
            action.target().rule.id,
            action.reason()
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for finding in &plan.findings {
        let severity = finding.severity.as_str();
        text.push_str(&format!(
            "{} {severity} {}: {}\n",
            finding.verdict.as_str(),
            finding.rule,
            finding.message
        ));
    }
    for population in &plan.populations {
        text.push_str(&format!(
            "{} of {} {} offend\n",
            population.offending, population.read, population.of
        ));
    }
    text
}

fn check(groups: impl IntoIterator<Item = Group>, expected: Expect) {
    expected.assert_eq(&told(&rules(""), groups));
}

fn check_with(lines: &str, groups: impl IntoIterator<Item = Group>, expected: Expect) {
    expected.assert_eq(&told(&rules(lines), groups));
}

#[test]
fn an_empty_account_needs_nothing() {
    check(
        [],
        expect![[r#"
        0 of 0 inbound rules offend
    "#]],
    );
}

#[test]
fn web_ports_private_sources_and_other_groups_are_no_matter() {
    check(
        [
            group("sg-0"),
            group("sg-1").tcp(80, "0.0.0.0/0").tcp(443, "::/0"),
            group("sg-2")
                .tcp(22, "10.0.0.0/8")
                .tcp(22, "192.168.0.0/16")
                .tcp(22, "fd00::/8"),
            group("sg-3").lets("-1", -1, -1, "sg-3").tcp(22, "sg-other"),
            group("sg-4")
                .tcp(22, "52.0.0.0/8")
                .tcp(22, "2600:1f00::/24")
                .tcp(3389, "pl-cdn"),
        ],
        expect![[r#"
            pass info port-open-to-internet: Security group `web` (sg-0) opens no port to the internet that may not be open.
            pass info port-open-to-internet: Security group `web` (sg-1) opens no port to the internet that may not be open.
            pass info port-open-to-internet: Security group `web` (sg-2) opens no port to the internet that may not be open.
            pass info port-open-to-internet: Security group `web` (sg-3) opens no port to the internet that may not be open.
            pass info port-open-to-internet: Security group `web` (sg-4) opens no port to the internet that may not be open.
            0 of 10 inbound rules offend
        "#]],
    );
}

#[test]
fn every_way_to_write_the_whole_internet_is_seen() {
    check(
        [
            group("sg-all-traffic").lets("-1", -1, -1, "0.0.0.0/0"),
            group("sg-1-65535").lets("tcp", 1, 65535, "0.0.0.0/0"),
            group("sg-halves")
                .tcp(22, "0.0.0.0/1")
                .tcp(22, "128.0.0.0/1"),
            group("sg-half").tcp(22, "128.0.0.0/1"),
            group("sg-global-unicast").tcp(22, "2000::/3"),
            group("sg-list").tcp(22, "pl-all"),
            group("sg-list-of-halves").tcp(22, "pl-halves"),
            group("sg-list-v6").tcp(22, "pl-v6"),
            group("sg-number").lets("6", 3306, 3306, "0.0.0.0/0"),
        ],
        expect![[r#"
            fail high port-open-to-internet: Security group `web` (sg-all-traffic) opens all traffic (ssh, rdp, mysql, postgresql, mssql, 22 more services) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-1-65535) opens TCP 1-79, 81-442, 444-65535 (ssh, rdp, mysql, postgresql, mssql, 20 more services) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-halves) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-half) opens TCP 22 (ssh) to 43.4% of the public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-global-unicast) opens TCP 22 (ssh) to all public IPv6 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-list) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-list-of-halves) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-list-v6) opens TCP 22 (ssh) to all public IPv6 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-number) opens TCP 3306 (mysql) to all public IPv4 addresses; nothing that carries it is reachable that way.
            10 of 10 inbound rules offend
        "#]],
    );
}

#[test]
fn what_has_no_ports_opens_none() {
    check(
        [
            group("sg-ping").lets("icmp", 8, -1, "0.0.0.0/0"),
            group("sg-icmp")
                .lets("icmp", -1, -1, "0.0.0.0/0")
                .lets("icmpv6", -1, -1, "::/0"),
            group("sg-gre").lets("47", -1, -1, "0.0.0.0/0"),
            group("sg-esp")
                .lets("50", 22, 22, "::/0")
                .tcp(22, "0.0.0.0/0"),
            // With all traffic, one more protocol is no news.
            group("sg-all")
                .lets("-1", -1, -1, "0.0.0.0/0")
                .lets("47", -1, -1, "10.0.0.0/8"),
        ],
        expect![[r#"
            pass info port-open-to-internet: Security group `web` (sg-ping) opens no port to the internet that may not be open.
            pass info port-open-to-internet: Security group `web` (sg-icmp) opens no port to the internet that may not be open.
            fail medium protocol-open-to-internet: Security group `web` (sg-gre) opens GRE to all public IPv4 addresses; nothing that carries it is reachable that way.
            pass info port-open-to-internet: Security group `web` (sg-gre) opens no port to the internet that may not be open.
            fail high port-open-to-internet: Security group `web` (sg-esp) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail medium protocol-open-to-internet: Security group `web` (sg-esp) opens ESP to all public IPv6 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-all) opens all traffic (ssh, rdp, mysql, postgresql, mssql, 22 more services) to all public IPv4 addresses; nothing that carries it is reachable that way.
            2 of 8 inbound rules offend
        "#]],
    );
}

#[test]
fn udp_has_allowed_ports_of_its_own() {
    let groups = || {
        [group("sg-1")
            .lets("udp", 443, 443, "0.0.0.0/0")
            .lets("udp", 53, 53, "::/0")
            .tcp(443, "0.0.0.0/0")]
    };
    check(
        groups(),
        expect![[r#"
        fail medium port-open-to-internet: Security group `web` (sg-1) opens UDP 53, 443 to all public IPv4 and all public IPv6 addresses; nothing that carries it is reachable that way.
        2 of 3 inbound rules offend
    "#]],
    );
    check_with(
        "allowed_public_udp_ports = [443]",
        groups(),
        expect![[r#"
        fail medium port-open-to-internet: Security group `web` (sg-1) opens UDP 53 to all public IPv6 addresses; nothing that carries it is reachable that way.
        1 of 3 inbound rules offend
    "#]],
    );
    check_with(
        "allowed_public_ports = []\nallowed_public_udp_ports = [53, 443]",
        groups(),
        expect![[r#"
            fail medium port-open-to-internet: Security group `web` (sg-1) opens TCP 443 to all public IPv4 addresses; nothing that carries it is reachable that way.
            1 of 3 inbound rules offend
        "#]],
    );
}

#[test]
fn severity_follows_the_port_and_what_the_internet_reaches() {
    let cases = |port: i32| {
        let open = move |id: &str| group(id).tcp(port, "0.0.0.0/0");
        [
            open("sg-public").carried_by(&[(false, false), (true, false)]),
            // Open for IPv4, reachable over IPv6 only.
            open("sg-other-family").carried_by(&[(false, true)]),
            open("sg-private").carried_by(&[(false, false)]),
            open("sg-unattached").carried_by(&[]),
            Group {
                usage: None,
                ..open("sg-unknown")
            },
        ]
    };
    check(
        cases(22),
        expect![[r#"
        fail critical port-open-to-internet: Security group `web` (sg-public) opens TCP 22 (ssh) to all public IPv4 addresses; reachable from the internet.
        fail high port-open-to-internet: Security group `web` (sg-other-family) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
        fail high port-open-to-internet: Security group `web` (sg-private) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
        fail low port-open-to-internet: Security group `web` (sg-unattached) opens TCP 22 (ssh) to all public IPv4 addresses; nothing carries it.
        fail critical port-open-to-internet: Security group `web` (sg-unknown) opens TCP 22 (ssh) to all public IPv4 addresses; whether it is reachable could not be read.
        5 of 5 inbound rules offend
    "#]],
    );
    check(
        cases(8080),
        expect![[r#"
        fail medium port-open-to-internet: Security group `web` (sg-public) opens TCP 8080 to all public IPv4 addresses; reachable from the internet.
        fail medium port-open-to-internet: Security group `web` (sg-other-family) opens TCP 8080 to all public IPv4 addresses; nothing that carries it is reachable that way.
        fail medium port-open-to-internet: Security group `web` (sg-private) opens TCP 8080 to all public IPv4 addresses; nothing that carries it is reachable that way.
        fail low port-open-to-internet: Security group `web` (sg-unattached) opens TCP 8080 to all public IPv4 addresses; nothing carries it.
        fail medium port-open-to-internet: Security group `web` (sg-unknown) opens TCP 8080 to all public IPv4 addresses; whether it is reachable could not be read.
        5 of 5 inbound rules offend
    "#]],
    );
}

#[test]
fn a_list_that_cannot_be_read_is_unknown_and_never_a_pass() {
    check(
        [
            group("sg-1").tcp(22, "pl-denied"),
            group("sg-2").tcp(22, "pl-denied").tcp(3389, "0.0.0.0/0"),
            group("sg-3").tcp(443, "pl-nobody-read"),
            group("sg-4").tcp(22, ""),
            group("sg-5").tcp(22, "300.0.0.0/8"),
        ],
        expect![[r#"
            unknown medium security-group-unreadable-prefix-list: Security group `web` (sg-1) lets in the members of prefix list `pl-denied`, which could not be read: not allowed to call `ec2:GetManagedPrefixListEntries`.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 3389 (rdp) to all public IPv4 addresses; nothing that carries it is reachable that way.
            unknown medium security-group-unreadable-prefix-list: Security group `web` (sg-2) lets in the members of prefix list `pl-denied`, which could not be read: not allowed to call `ec2:GetManagedPrefixListEntries`.
            unknown medium security-group-unreadable-prefix-list: Security group `web` (sg-3) lets in the members of prefix list `pl-nobody-read`, which could not be read: it was not read.
            unknown medium port-open-to-internet: Security group `web` (sg-4) has rules whose source is not understood: `sgr-0`.
            unknown medium port-open-to-internet: Security group `web` (sg-5) has rules whose source is not understood: `sgr-0`.
            1 of 6 inbound rules offend
        "#]],
    );
}

#[test]
fn an_allow_listed_range_does_not_count() {
    let groups = || {
        [
            group("sg-1").tcp(22, "44.0.0.0/9").tcp(22, "44.128.0.0/10"),
            group("sg-2").tcp(22, "0.0.0.0/0"),
        ]
    };
    let range = "[[audit-security-groups.allowed_ranges]]\ncidr = \"44.0.0.0/9\"\nreason = \"amateur radio\"";
    check_with(
        &format!("public_share = 0\n{range}"),
        groups(),
        expect![[r#"
            fail high port-open-to-internet: Security group `web` (sg-1) opens TCP 22 (ssh) to 0.1% of the public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to 99.7% of the public IPv4 addresses; nothing that carries it is reachable that way.
            2 of 3 inbound rules offend
        "#]],
    );
    let plan = plan(
        &inventory(groups()),
        &rules(&format!("public_share = 0\n{range}")),
        DateTime::UNIX_EPOCH,
    );
    assert_eq!(
        plan.findings[0].evidence["allowed_ranges"][0]["reason"],
        "amateur radio"
    );
}

#[test]
fn the_share_decides_from_when_on_a_port_is_open() {
    let eighths = || {
        [
            group("sg-1").tcp(22, "32.0.0.0/5"),
            group("sg-2")
                .tcp(22, "32.0.0.0/5")
                .tcp(22, "40.0.0.0/5")
                .tcp(22, "48.0.0.0/5"),
        ]
    };
    check(
        eighths(),
        expect![[r#"
        pass info port-open-to-internet: Security group `web` (sg-1) opens no port to the internet that may not be open.
        fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to 10.8% of the public IPv4 addresses; nothing that carries it is reachable that way.
        3 of 4 inbound rules offend
    "#]],
    );
    check_with(
        "public_share = 3",
        eighths(),
        expect![[r#"
        fail high port-open-to-internet: Security group `web` (sg-1) opens TCP 22 (ssh) to 3.6% of the public IPv4 addresses; nothing that carries it is reachable that way.
        fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to 10.8% of the public IPv4 addresses; nothing that carries it is reachable that way.
        4 of 4 inbound rules offend
    "#]],
    );
    check_with(
        "public_share = 100",
        [
            group("sg-1").tcp(22, "0.0.0.0/1"),
            group("sg-2").tcp(22, "::/0"),
        ],
        expect![[r#"
            pass info port-open-to-internet: Security group `web` (sg-1) opens no port to the internet that may not be open.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to all public IPv6 addresses; nothing that carries it is reachable that way.
            1 of 2 inbound rules offend
        "#]],
    );
}

#[test]
fn the_evidence_names_every_rule_that_takes_part() {
    let open = group("sg-1")
        .tcp(443, "0.0.0.0/0")
        .tcp(22, "0.0.0.0/1")
        .lets("-1", -1, -1, "128.0.0.0/1")
        .lets("icmp", 8, -1, "0.0.0.0/0")
        .carried_by(&[(false, false), (true, false)]);
    let plan = plan(&inventory([open]), &rules(""), DateTime::UNIX_EPOCH);
    assert_eq!(plan.findings.len(), 1, "one finding for one group");
    expect![[r#"
        {
          "also_open": [
            "ICMP all types"
          ],
          "attached": true,
          "group_id": "sg-1",
          "group_name": "web",
          "interface_ids": [
            "eni-1",
            "eni-0"
          ],
          "interfaces": 2,
          "ports": [
            "tcp/0-79",
            "tcp/81-442",
            "tcp/444-65535",
            "udp/0-65535"
          ],
          "public_ipv4_percent": 100.0,
          "public_ipv6_percent": 0.0,
          "reachable": true,
          "rules": [
            {
              "cidr": "0.0.0.0/1",
              "description": null,
              "from_port": 22,
              "id": "sgr-1",
              "protocol": "tcp",
              "public_ipv4_percent": 56.531,
              "public_ipv6_percent": 0.0,
              "to_port": 22
            },
            {
              "cidr": "128.0.0.0/1",
              "description": null,
              "from_port": -1,
              "id": "sgr-2",
              "protocol": "-1",
              "public_ipv4_percent": 43.468,
              "public_ipv6_percent": 0.0,
              "to_port": -1
            }
          ],
          "sensitive": [
            "ssh",
            "rdp",
            "mysql",
            "postgresql",
            "mssql",
            "oracle",
            "mongodb",
            "redis",
            "memcached",
            "elasticsearch",
            "cassandra",
            "kafka",
            "zookeeper",
            "etcd",
            "docker",
            "kubelet",
            "winrm",
            "vnc",
            "smb",
            "rpc",
            "nfs",
            "ldap",
            "telnet",
            "ftp",
            "rsync",
            "tftp",
            "snmp"
          ],
          "vpc_id": "vpc-1"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan.findings[0].evidence).expect("JSON"));
}

#[test]
fn one_finding_has_the_same_fingerprint_whatever_is_open() {
    let fingerprint = |group: Group| {
        plan(&inventory([group]), &rules(""), DateTime::UNIX_EPOCH).findings[0]
            .fingerprint
            .clone()
    };
    let ssh = fingerprint(group("sg-1").tcp(22, "0.0.0.0/0"));
    assert_eq!(
        ssh,
        fingerprint(group("sg-1").tcp(22, "::/0").tcp(3389, "::/0"))
    );
    assert_ne!(ssh, fingerprint(group("sg-2").tcp(22, "0.0.0.0/0")));
}

#[test]
fn nothing_is_revoked_unless_it_is_asked_for() {
    let plan = plan(
        &inventory([group("sg-1").tcp(22, "0.0.0.0/0")]),
        &rules("mode = \"apply\""),
        DateTime::UNIX_EPOCH,
    );
    assert!(plan.actions.is_empty() && plan.skipped.is_empty());
}

#[test]
fn only_the_offending_rules_are_revoked() {
    check_with(
        "remediate = \"revoke\"",
        [
            group("sg-1")
                .tcp(22, "0.0.0.0/0")
                .tcp(22, "10.0.0.0/8")
                .tcp(443, "0.0.0.0/0")
                .tcp(22, "::/0"),
            // Each half is more than the limit by itself.
            group("sg-2").tcp(22, "0.0.0.0/1").tcp(22, "128.0.0.0/1"),
            group("sg-3").lets("tcp", 0, 1023, "0.0.0.0/0"),
            group("sg-4")
                .lets("-1", -1, -1, "0.0.0.0/0")
                .lets("47", -1, -1, "0.0.0.0/0"),
            group("sg-5").tcp(22, "pl-all"),
            group("sg-6").lets("icmp", 8, -1, "0.0.0.0/0"),
        ],
        expect![[r#"
            revoke-rule sgr-0: opens TCP 22 of `web` (sg-1) to all public IPv4 addresses
            revoke-rule sgr-3: opens TCP 22 of `web` (sg-1) to all public IPv6 addresses
            revoke-rule sgr-0: opens TCP 22 of `web` (sg-2) to 56.5% of the public IPv4 addresses
            revoke-rule sgr-1: opens TCP 22 of `web` (sg-2) to 43.4% of the public IPv4 addresses
            revoke-rule sgr-0: opens TCP 0-79, 81-442, 444-1023 of `web` (sg-3) to all public IPv4 addresses; TCP 80, 443, which may be open, is closed with it
            revoke-rule sgr-0: opens TCP 0-79, 81-442, 444-65535 and all UDP ports of `web` (sg-4) to all public IPv4 addresses; TCP 80, 443, which may be open, is closed with it
            revoke-rule sgr-0: opens TCP 22 of `web` (sg-5) to all public IPv4 addresses
            fail high port-open-to-internet: Security group `web` (sg-1) opens TCP 22 (ssh) to all public IPv4 and all public IPv6 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-3) opens TCP 0-79, 81-442, 444-1023 (ssh, smb, rpc, ldap, telnet, 2 more services) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-4) opens all traffic (ssh, rdp, mysql, postgresql, mssql, 22 more services) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-5) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            pass info port-open-to-internet: Security group `web` (sg-6) opens no port to the internet that may not be open.
            7 of 11 inbound rules offend
        "#]],
    );
}

#[test]
fn rules_that_only_open_a_port_together_are_left_to_their_owner() {
    check_with(
        "remediate = \"revoke\"",
        [
            group("sg-1")
                .tcp(22, "32.0.0.0/5")
                .tcp(22, "40.0.0.0/5")
                .tcp(22, "48.0.0.0/5"),
            // With the large rule gone, the small ones are still too much.
            group("sg-2")
                .tcp(22, "32.0.0.0/5")
                .tcp(22, "40.0.0.0/5")
                .tcp(22, "48.0.0.0/5")
                .tcp(22, "0.0.0.0/0"),
            // A small one beside a large one is no reason to leave anything.
            group("sg-3").tcp(22, "32.0.0.0/5").tcp(22, "0.0.0.0/0"),
        ],
        expect![[r#"
            revoke-rule sgr-3: opens TCP 22 of `web` (sg-2) to all public IPv4 addresses
            revoke-rule sgr-1: opens TCP 22 of `web` (sg-3) to all public IPv4 addresses
            skip sg-1: TCP 22 would stay open by several rules together, none of which opens it alone: which of them to take away is its owner's to decide
            skip sg-2: TCP 22 would stay open by several rules together, none of which opens it alone: which of them to take away is its owner's to decide
            fail high port-open-to-internet: Security group `web` (sg-1) opens TCP 22 (ssh) to 10.8% of the public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-3) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            9 of 9 inbound rules offend
        "#]],
    );
}

#[test]
fn a_group_of_somebody_else_is_reported_and_left_alone() {
    let of = |id: &str, owner: &str| Group {
        owner: owner.to_owned(),
        ..group(id).tcp(22, "0.0.0.0/0")
    };
    check_with(
        "remediate = \"revoke\"",
        [of("sg-1", "amazon-elb"), of("sg-2", "999988887777")],
        expect![[r#"
            skip sg-1: its open ports stay: it is owned by `amazon-elb`
            skip sg-2: its open ports stay: it is owned by `999988887777`
            fail high port-open-to-internet: Security group `web` (sg-1) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            fail high port-open-to-internet: Security group `web` (sg-2) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
            2 of 2 inbound rules offend
        "#]],
    );
    let plan = plan(
        &inventory([of("sg-1", "amazon-elb"), of("sg-2", "999988887777")]),
        &rules(""),
        DateTime::UNIX_EPOCH,
    );
    let resources: Vec<&str> = plan
        .findings
        .iter()
        .map(|finding| finding.resource.as_str())
        .collect();
    assert_eq!(
        resources,
        [
            "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1",
            "arn:aws:ec2:eu-west-1:999988887777:security-group/sg-2",
        ]
    );
}

#[test]
fn an_action_survives_a_plan_file() {
    let rules = rules("remediate = \"revoke\"");
    let plan = plan(
        &inventory([group("sg-1").tcp(22, "pl-all")]),
        &rules,
        DateTime::UNIX_EPOCH,
    );
    let text = serde_json::to_string(&plan.actions[0]).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Action>(&text).expect("an action"),
        plan.actions[0]
    );
    assert_eq!(
        plan.actions[0].precondition()["prefix_list_cidrs"][1],
        "0.0.0.0/0"
    );
    assert_eq!(plan.actions[0].limited_verb(), Some("revokes"));
}
