//! What cannot be read is never green.

use expect_test::expect;
use lamplighter_local_aws::{Fault, FaultKind, NetworkInterface, PrefixList, World};

use super::stage::{ACCOUNT, REGION, Stage, deeds, group, rows, verdicts, world};

const CALLS: [&str; 4] = [
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:GetManagedPrefixListEntries",
];

fn small() -> World {
    world()
        .security_group(
            ACCOUNT,
            REGION,
            group("sg-0000000a", &[("tcp", 22, 22, "0.0.0.0/0")]),
        )
        .security_group(
            ACCOUNT,
            REGION,
            group("sg-0000000b", &[("tcp", 22, 22, "pl-1")]),
        )
        .security_group(
            ACCOUNT,
            REGION,
            group("sg-0000000c", &[("tcp", 443, 443, "0.0.0.0/0")]),
        )
        .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["52.0.0.0/16"]))
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-1", ["sg-0000000a"]),
        )
}

#[test]
fn a_denied_call_is_unreadable_or_unknown_and_exits_with_4() {
    let mut told = String::new();
    for call in CALLS {
        let stage = Stage::of(small());
        stage.aws.inject(Fault::new(call, FaultKind::Denied));
        let run = stage.whole_round().code(4).json();
        assert_eq!(run["outcome"], "partial", "{call}");
        told.push_str(&format!("--- {call}\n{}{}", verdicts(&run), deeds(&run)));
        for row in rows(&run, "coverage") {
            told.push_str(&format!("{} {}\n", row["scope"], row["status"]));
        }
    }
    expect![[r#"
        --- ec2:DescribeNetworkInterfaces
        sg-0000000a fail critical port-open-to-internet: Security group `group-0000000a` (sg-0000000a) opens TCP 22 (ssh) to all public IPv4 addresses; whether it is reachable could not be read.
        sg-0000000b pass info port-open-to-internet: Security group `group-0000000b` (sg-0000000b) opens no port to the internet that may not be open.
        sg-0000000c pass info port-open-to-internet: Security group `group-0000000c` (sg-0000000c) opens no port to the internet that may not be open.
        error 123456789012/eu-west-1: cannot tell what the security groups in `eu-west-1` are attached to: not allowed to call `ec2:DescribeNetworkInterfaces`
        "123456789012/eu-west-1" "read"
        --- ec2:DescribeSecurityGroupRules
        error 123456789012/eu-west-1: cannot list the security groups in `eu-west-1`: not allowed to call `ec2:DescribeSecurityGroupRules`
        "123456789012/eu-west-1" "unreadable"
        --- ec2:DescribeSecurityGroups
        error 123456789012/eu-west-1: cannot list the security groups in `eu-west-1`: not allowed to call `ec2:DescribeSecurityGroups`
        "123456789012/eu-west-1" "unreadable"
        --- ec2:GetManagedPrefixListEntries
        sg-0000000a fail high port-open-to-internet: Security group `group-0000000a` (sg-0000000a) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
        sg-0000000b unknown medium security-group-unreadable-prefix-list: Security group `group-0000000b` (sg-0000000b) lets in the members of prefix list `pl-1`, which could not be read: not allowed to call `ec2:GetManagedPrefixListEntries`.
        sg-0000000c pass info port-open-to-internet: Security group `group-0000000c` (sg-0000000c) opens no port to the internet that may not be open.
        error 123456789012/eu-west-1: cannot read the prefix lists `pl-1` in `eu-west-1`: not allowed to call `ec2:GetManagedPrefixListEntries`
        "123456789012/eu-west-1" "read"
    "#]].assert_eq(&told);
}

#[test]
fn a_fault_that_passes_changes_nothing_and_one_that_stays_is_told() {
    let whole = verdicts(&Stage::of(small()).whole_round().code(0).json());
    for call in CALLS {
        for kind in [
            FaultKind::Throttle,
            FaultKind::ServerError,
            FaultKind::Reset,
            FaultKind::Truncate,
        ] {
            let stage = Stage::of(small());
            stage.aws.inject(Fault::new(call, kind).first(1));
            let run = stage.whole_round().code(0).json();
            assert_eq!(verdicts(&run), whole, "{call} {kind:?}");
        }
        let stage = Stage::of(small()).config("[aws]\nmax_attempts = 2");
        stage.aws.inject(Fault::new(call, FaultKind::ServerError));
        let run = stage.whole_round().code(4).json();
        assert_eq!(run["outcome"], "partial", "{call}");
    }
}

#[test]
fn the_second_page_may_fail_too_and_half_a_region_is_no_region() {
    for call in [
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
    ] {
        let stage = Stage::of(small().page_size(Some(1)));
        stage.aws.inject(Fault::new(call, FaultKind::Denied).nth(2));
        let run = stage.whole_round().code(4).json();
        assert_eq!(rows(&run, "findings").len(), 0, "{call}");
        assert_eq!(run["coverage"][0]["status"], "unreadable", "{call}");
    }
}

#[test]
fn a_list_that_is_no_longer_shared_is_unknown() {
    let stage = Stage::of(small().prefix_list(
        ACCOUNT,
        REGION,
        PrefixList::new("pl-1", []).no_longer_shared(),
    ));
    let run = stage.round().code(4).json();
    expect![[r#"
        sg-0000000a fail high port-open-to-internet: Security group `group-0000000a` (sg-0000000a) opens TCP 22 (ssh) to all public IPv4 addresses; nothing that carries it is reachable that way.
        sg-0000000b unknown medium security-group-unreadable-prefix-list: Security group `group-0000000b` (sg-0000000b) lets in the members of prefix list `pl-1`, which could not be read: `ec2:GetManagedPrefixListEntries` failed: InvalidPrefixListID.NotFound: The prefix list ID 'pl-1' does not exist.
        error 123456789012/eu-west-1: cannot read the prefix lists `pl-1` in `eu-west-1`: `ec2:GetManagedPrefixListEntries` failed: InvalidPrefixListID.NotFound: The prefix list ID 'pl-1' does not exist
    "#]].assert_eq(&format!("{}{}", verdicts(&run), deeds(&run)));
}

#[test]
fn a_list_is_read_once_for_all_the_groups_that_name_it() {
    let groups = (0..30).map(|number| {
        group(
            &format!("sg-{number:08x}"),
            &[("tcp", 22, 22, "pl-1"), ("tcp", 23, 23, "pl-1")],
        )
    });
    let world = groups.fold(world(), |world, group| {
        world.security_group(ACCOUNT, REGION, group)
    });
    let stage = Stage::of(
        world
            .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["52.0.0.0/16"]))
            .prefix_list(
                ACCOUNT,
                REGION,
                PrefixList::new("pl-nobody-names", ["0.0.0.0/0"]),
            ),
    );
    stage.round().code(0);
    assert_eq!(stage.count("ec2:GetManagedPrefixListEntries"), 1);
}
