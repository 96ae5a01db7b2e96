//! How many calls a large account costs, printed.

use std::collections::BTreeMap;

use lamplighter_local_aws::{NetworkInterface, PrefixList};

use super::stage::{ACCOUNT, REGION, Stage, group, world};

#[test]
fn two_thousand_groups_cost_fewer_than_twenty_calls() {
    const GROUPS: usize = 2000;
    let mut world = world();
    for number in 0..GROUPS {
        let id = format!("sg-{number:08x}");
        let source = if number % 10 == 0 {
            "0.0.0.0/0"
        } else {
            "10.0.0.0/8"
        };
        let rules = [
            ("tcp", 22, 22, source),
            ("tcp", 443, 443, "0.0.0.0/0"),
            ("tcp", 5432, 5432, "pl-1"),
            ("-1", -1, -1, "sg-00000000"),
        ];
        world.add_security_group(ACCOUNT, REGION, group(&id, &rules));
        let interface = NetworkInterface::new(&format!("eni-{number:08x}"), [id.as_str()]);
        world = world.network_interface(ACCOUNT, REGION, interface);
    }
    let cidrs: Vec<String> = (0..250)
        .map(|number| format!("52.{number}.0.0/16"))
        .collect();
    let list = PrefixList::new("pl-1", cidrs.iter().map(String::as_str));
    let stage = Stage::of(world.prefix_list(ACCOUNT, REGION, list));
    let run = stage.round().code(0).json();
    assert_eq!(
        (&run["summary"]["inspected"], &run["summary"]["fail"]),
        (&GROUPS.into(), &(GROUPS / 10).into())
    );
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in stage.aws.calls() {
        *calls.entry(call.name()).or_default() += 1;
    }
    println!(
        "{GROUPS} security groups with 8,000 rules: {} calls, {calls:?}",
        calls.values().sum::<usize>()
    );
    let expected = [
        ("ec2:DescribeNetworkInterfaces", 2),
        ("ec2:DescribeSecurityGroupRules", 8),
        ("ec2:DescribeSecurityGroups", 2),
        ("ec2:GetManagedPrefixListEntries", 3),
        ("sts:GetCallerIdentity", 1),
    ];
    let expected: BTreeMap<String, usize> = expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    assert_eq!(calls, expected);
}
