//! What is open and what is not: every way to write it, through the real program, with pages of one.

use expect_test::expect;
use lamplighter_local_aws::{
    NetworkInterface, PrefixList, SecurityGroup, SecurityGroupRule, World,
};

use super::stage::{ACCOUNT, REGION, Stage, group, verdicts, world};

/// Every trap in one account.
fn traps() -> World {
    let all = "0.0.0.0/0";
    let groups = [
        group("sg-0000000a", &[("-1", -1, -1, all)]),
        group("sg-0000000b", &[("tcp", 1, 65535, all)]),
        group(
            "sg-0000000c",
            &[("tcp", 22, 22, "0.0.0.0/1"), ("tcp", 22, 22, "128.0.0.0/1")],
        ),
        group("sg-0000000d", &[("tcp", 22, 22, "2000::/3")]),
        group("sg-0000000e", &[("tcp", 3389, 3389, "pl-all")]),
        group("sg-0000000f", &[("icmp", 8, -1, all)]),
        group("sg-00000010", &[("47", -1, -1, all)]),
        SecurityGroup::new("sg-00000011", "egress-only")
            .rule(SecurityGroupRule::egress("sgr-x", "-1", -1, -1, all)),
        group(
            "sg-00000012",
            &[
                ("tcp", 80, 80, all),
                ("tcp", 443, 443, all),
                ("tcp", 443, 443, "::/0"),
            ],
        ),
        group(
            "sg-00000013",
            &[
                ("tcp", 22, 22, "10.0.0.0/8"),
                ("-1", -1, -1, "sg-00000013"),
                ("tcp", 22, 22, "pl-cdn"),
            ],
        ),
        // One permission of the console, as EC2 keeps it: a rule for each source.
        group(
            "sg-00000014",
            &[
                ("tcp", 5432, 5432, "10.0.0.0/8"),
                ("tcp", 5432, 5432, "fd00::/8"),
                ("tcp", 5432, 5432, "pl-cdn"),
                ("tcp", 5432, 5432, "sg-00000013"),
                ("tcp", 5432, 5432, "::/0"),
            ],
        ),
        SecurityGroup::new("sg-00000015", "default"),
    ];
    groups
        .into_iter()
        .fold(world(), |world, group| {
            world.security_group(ACCOUNT, REGION, group)
        })
        .prefix_list(
            ACCOUNT,
            REGION,
            PrefixList::new("pl-all", ["10.0.0.0/8", "0.0.0.0/0"]),
        )
        .prefix_list(
            ACCOUNT,
            REGION,
            PrefixList::new("pl-cdn", ["13.32.0.0/15", "52.46.0.0/18", "2600:9000::/28"]),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-1", ["sg-0000000a", "sg-0000000d"]).public("52.1.2.3"),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-2", ["sg-0000000d"]).ipv6("2a05:d018::1"),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-3", ["sg-0000000c"]),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-4", ["sg-00000014"])
                .ipv6("2a05:d018::2")
                .denies_internet(),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-5", ["sg-0000000e"])
                .public("52.1.2.4")
                .available(),
        )
}

#[test]
fn every_way_to_open_a_port_is_seen_and_nothing_else_on_pages_of_any_size() {
    let stage = Stage::of(traps());
    let whole = verdicts(&stage.whole_round().code(0).json());
    expect![[r#"
        sg-0000000a fail critical port-open-to-internet: Security group `group-0000000a` (sg-0000000a) opens all traffic (ssh, rdp, mysql, postgresql, mssql, 22 more services) to all public IPv4 addresses; reachable from the internet.
        sg-0000000b fail low port-open-to-internet: Security group `group-0000000b` (sg-0000000b) opens TCP 1-79, 81-442, 444-65535 (ssh, rdp, mysql, postgresql, mssql, 20 more services) to all public IPv4 addresses; nothing carries it.
        sg-0000000c fail high port-open-to-internet: Security group `group-0000000c` (sg-0000000c) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
        sg-0000000d fail critical port-open-to-internet: Security group `group-0000000d` (sg-0000000d) opens TCP 22 (ssh) to all public IPv6 addresses; reachable from the internet.
        sg-0000000e fail low port-open-to-internet: Security group `group-0000000e` (sg-0000000e) opens TCP 3389 (rdp) to all public IPv4 addresses; nothing carries it.
        sg-0000000f pass info port-open-to-internet: Security group `group-0000000f` (sg-0000000f) opens no port to the internet that may not be open.
        sg-00000010 fail low protocol-open-to-internet: Security group `group-00000010` (sg-00000010) opens GRE to all public IPv4 addresses; nothing carries it.
        sg-00000010 pass info port-open-to-internet: Security group `group-00000010` (sg-00000010) opens no port to the internet that may not be open.
        sg-00000011 pass info port-open-to-internet: Security group `egress-only` (sg-00000011) opens no port to the internet that may not be open.
        sg-00000012 pass info port-open-to-internet: Security group `group-00000012` (sg-00000012) opens no port to the internet that may not be open.
        sg-00000013 pass info port-open-to-internet: Security group `group-00000013` (sg-00000013) opens no port to the internet that may not be open.
        sg-00000014 fail high port-open-to-internet: Security group `group-00000014` (sg-00000014) opens TCP 5432 (postgresql) to all public IPv6 addresses; nothing that carries it is reachable that way.
        sg-00000015 pass info port-open-to-internet: Security group `default` (sg-00000015) opens no port to the internet that may not be open.
    "#]].assert_eq(&whole);
    // Two lists, with two and with three entries.
    for (world, pages) in [
        (traps().page_size(Some(1)), 5),
        (traps().page_size(Some(3)).sparse_pages(), 2),
    ] {
        let stage = Stage::of(world);
        assert_eq!(verdicts(&stage.whole_round().code(0).json()), whole);
        assert_eq!(stage.count("ec2:GetManagedPrefixListEntries"), pages);
    }
}

#[test]
fn the_evidence_says_which_rules_and_what_the_internet_reaches() {
    let stage = Stage::of(traps());
    let run = stage.round().code(0).json();
    let of = |id: &str| {
        let rows = run["findings"].as_array().expect("findings");
        let row = rows.iter().find(|row| {
            row["resource"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(id))
        });
        row.expect("a finding")["evidence"].clone()
    };
    let open = of("sg-0000000d");
    assert_eq!(
        (&open["reachable"], &open["attached"], &open["interfaces"]),
        (&true.into(), &true.into(), &2.into())
    );
    assert_eq!(open["interface_ids"], serde_json::json!(["eni-1", "eni-2"]));
    assert_eq!(open["rules"][0]["id"], "sgr-0000000d0");
    assert_eq!(open["rules"][0]["cidr"], "2000::/3");
    assert_eq!(open["vpc_id"], "vpc-0a1b2c3d");
    assert_eq!(open["ports"], serde_json::json!(["tcp/22"]));
    // An IPv6 address behind VPC Block Public Access, an interface that is attached to nothing.
    assert_eq!(
        (
            &of("sg-00000014")["reachable"],
            &of("sg-00000014")["attached"]
        ),
        (&false.into(), &true.into())
    );
    assert_eq!(
        (
            &of("sg-0000000e")["reachable"],
            &of("sg-0000000e")["attached"]
        ),
        (&false.into(), &false.into())
    );
    assert_eq!(of("sg-0000000e")["rules"][0]["prefix_list"], "pl-all");
    assert_eq!(of("sg-0000000c")["rules"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_region_has_its_own_groups_and_lists() {
    let world = world()
        .security_group(
            ACCOUNT,
            REGION,
            group("sg-0000000a", &[("tcp", 22, 22, "pl-1")]),
        )
        .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["0.0.0.0/0"]))
        .security_group(
            ACCOUNT,
            "us-east-1",
            group("sg-0000000b", &[("tcp", 22, 22, "pl-1")]),
        )
        .prefix_list(
            ACCOUNT,
            "us-east-1",
            PrefixList::new("pl-1", ["52.0.0.0/16"]),
        );
    let stage = Stage::of(world).config("[aws]\nregions = [\"eu-west-1\", \"us-east-1\"]");
    let run = stage.whole_round().code(0).json();
    expect![[r#"
        sg-0000000a fail low port-open-to-internet: Security group `group-0000000a` (sg-0000000a) opens TCP 22 (ssh) to all public IPv4 addresses; nothing carries it.
        sg-0000000b pass info port-open-to-internet: Security group `group-0000000b` (sg-0000000b) opens no port to the internet that may not be open.
    "#]].assert_eq(&verdicts(&run));
}
