//! `[audit-security-groups]`: ports, ranges and what is refused.

use expect_test::{Expect, expect};

use super::{good, messages};
use crate::Revocation;

const SECTION: &str = "[audit-security-groups]\n";

fn check(lines: &str, expected: Expect) {
    expected.assert_eq(&messages(&format!("{SECTION}{lines}\n"), &[], &[]));
}

#[test]
fn the_defaults_audit_and_change_nothing() {
    let section = good("", &[], &[]).audit_security_groups;
    assert_eq!(section.allowed_public_ports, [80, 443]);
    assert_eq!(section.allowed_public_udp_ports, [0u16; 0]);
    assert_eq!(section.remediate, Revocation::None);
    assert_eq!(section.public_share, 10);
    assert!(section.allowed_ranges.is_empty());
    let names: Vec<&str> = section
        .sensitive_ports
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    assert_eq!(names[..4], ["ssh", "rdp", "mysql", "postgresql"]);
}

#[test]
fn ports_have_names_or_are_given_one() {
    let file = format!(
        "{SECTION}sensitive_ports = [\"ssh\", \"metrics=9100\", \"a.b=tcp:1-9\", \"syslog=udp:514\"]\n"
    );
    let section = good(&file, &[], &[]).audit_security_groups;
    let ports: Vec<String> = section
        .sensitive_ports
        .iter()
        .map(|port| format!("{} {:?} {:?}", port.name, port.tcp, port.udp))
        .collect();
    assert_eq!(
        ports,
        [
            "ssh [(22, 22)] []",
            "metrics [(9100, 9100)] []",
            "a.b [(1, 9)] []",
            "syslog [] [(514, 514)]"
        ]
    );
}

#[test]
fn ports_that_are_none_are_refused() {
    check(
        "allowed_public_ports = [80, 65536, -1]\nsensitive_ports = [\"shs\", \"gopher\", \"a=\", \"a=9-1\", \"a=icmp:8\"]",
        expect![[r#"
            error: lamplighter.toml:2: `allowed_public_ports` in [audit-security-groups]: 65536 is no port, it must be 0 to 65535
              |
            2 | allowed_public_ports = [80, 65536, -1]
              |                             ^^^^^

            error: lamplighter.toml:2: `allowed_public_ports` in [audit-security-groups]: -1 is no port, it must be 0 to 65535
              |
            2 | allowed_public_ports = [80, 65536, -1]
              |                                    ^^

            error: lamplighter.toml:3: `sensitive_ports` in [audit-security-groups]: `shs` is no known service
              |
            3 | sensitive_ports = ["shs", "gopher", "a=", "a=9-1", "a=icmp:8"]
              |                    ^^^^^
            hint: did you mean "ssh"?

            error: lamplighter.toml:3: `sensitive_ports` in [audit-security-groups]: `gopher` is no known service
              |
            3 | sensitive_ports = ["shs", "gopher", "a=", "a=9-1", "a=icmp:8"]
              |                           ^^^^^^^^
            hint: known ones: `ssh`, `rdp`, `mysql`, `postgresql`, `mssql`, `oracle`, `mongodb`, `redis`,
                  `memcached`, `elasticsearch`, `cassandra`, `kafka`, `zookeeper`, `etcd`, `docker`, `kubelet`,
                  `winrm`, `vnc`, `smb`, `rpc`, `nfs`, `ldap`, `telnet`, `ftp`, `rsync`, `tftp`,
                  `snmp`; write others like "metrics=9100" or "syslog=udp:514"

            error: lamplighter.toml:3: `sensitive_ports` in [audit-security-groups]: `a=` names no port
              |
            3 | sensitive_ports = ["shs", "gopher", "a=", "a=9-1", "a=icmp:8"]
              |                                     ^^^^
            hint: write it like "metrics=9100", "cluster=tcp:5000-5010" or "syslog=udp:514"

            error: lamplighter.toml:3: `sensitive_ports` in [audit-security-groups]: `a=9-1` names no port
              |
            3 | sensitive_ports = ["shs", "gopher", "a=", "a=9-1", "a=icmp:8"]
              |                                           ^^^^^^^
            hint: write it like "metrics=9100", "cluster=tcp:5000-5010" or "syslog=udp:514"

            error: lamplighter.toml:3: `sensitive_ports` in [audit-security-groups]: `a=icmp:8` names no port
              |
            3 | sensitive_ports = ["shs", "gopher", "a=", "a=9-1", "a=icmp:8"]
              |                                                    ^^^^^^^^^^
            hint: write it like "metrics=9100", "cluster=tcp:5000-5010" or "syslog=udp:514"
        "#]],
    );
}

#[test]
fn a_range_needs_a_reason_and_must_be_a_network_of_one_source() {
    let range = |cidr: &str, reason: &str| {
        format!(
            "[[audit-security-groups.allowed_ranges]]\ncidr = \"{cidr}\"\nreason = \"{reason}\"\n"
        )
    };
    let file = [
        range("0.0.0.0/0", "all"),
        range("52.1.2.3/16", "office"),
        range("2a05:d018::/33", "office"),
        range("::/0", "all"),
        range("52.0.0.0", "office"),
        range("52.0.0.0/40", "office"),
        range("52.0.0.0/8", "  "),
    ]
    .concat();
    expect![[r#"
        error: lamplighter.toml:2: `cidr` in [[audit-security-groups.allowed_ranges]]: `0.0.0.0/0` is too wide to be one known source, it must be /8 or narrower
          |
        2 | cidr = "0.0.0.0/0"
          |        ^^^^^^^^^^^

        error: lamplighter.toml:5: `cidr` in [[audit-security-groups.allowed_ranges]]: `52.1.2.3/16` does not begin where its network does
          |
        5 | cidr = "52.1.2.3/16"
          |        ^^^^^^^^^^^^^
        hint: did you mean "52.1.0.0/16"?

        error: lamplighter.toml:11: `cidr` in [[audit-security-groups.allowed_ranges]]: `::/0` is too wide to be one known source, it must be /16 or narrower
           |
        11 | cidr = "::/0"
           |        ^^^^^^

        error: lamplighter.toml:14: `cidr` in [[audit-security-groups.allowed_ranges]]: `52.0.0.0` is no CIDR
           |
        14 | cidr = "52.0.0.0"
           |        ^^^^^^^^^^
        hint: write it like "198.18.0.0/15" or "2001:db8::/32"

        error: lamplighter.toml:17: `cidr` in [[audit-security-groups.allowed_ranges]]: `52.0.0.0/40` is no CIDR
           |
        17 | cidr = "52.0.0.0/40"
           |        ^^^^^^^^^^^^^
        hint: write it like "198.18.0.0/15" or "2001:db8::/32"

        error: lamplighter.toml:21: `reason` in [[audit-security-groups.allowed_ranges]]: an exception needs a reason
           |
        21 | reason = "  "
           |          ^^^^
        hint: say whose range it is, and why it may come in
    "#]].assert_eq(&messages(&file, &[], &[]));
    let without = "[[audit-security-groups.allowed_ranges]]\ncidr = \"52.0.0.0/8\"\n";
    expect![[r#"
        error: lamplighter.toml:1: `reason` is missing in [[audit-security-groups.allowed_ranges]]
          |
        1 | [[audit-security-groups.allowed_ranges]]
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this entry has no `reason`
    "#]]
    .assert_eq(&messages(without, &[], &[]));
    let sound = range("52.0.0.0/8", "the CDN") + &range("2a05:d018::/32", "the office");
    assert_eq!(
        good(&sound, &[], &[])
            .audit_security_groups
            .allowed_ranges
            .len(),
        2
    );
}

#[test]
fn a_share_is_a_percentage_and_a_remediation_has_a_name() {
    check(
        "public_share = 101\nremediate = \"delete\"",
        expect![[r#"
        error: lamplighter.toml:2: `public_share` in [audit-security-groups]: 101 is out of range, it must be 0 to 100
          |
        2 | public_share = 101
          |                ^^^

        error: lamplighter.toml:3: `remediate` in [audit-security-groups]: `delete` is none of "none", "revoke"
          |
        3 | remediate = "delete"
          |             ^^^^^^^^
    "#]],
    );
}
