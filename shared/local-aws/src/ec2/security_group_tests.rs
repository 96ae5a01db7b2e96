//! Security groups, request by request.

use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, world};

use super::{NetworkInterface, PrefixList, SecurityGroup, SecurityGroupRule};

const WEB: &str = "sg-0000000a";

fn stage() -> Stage {
    let web = SecurityGroup::new(WEB, "web")
        .rule(SecurityGroupRule::ingress("sgr-1", "tcp", 443, 443, "0.0.0.0/0").described("<all>"))
        .rule(SecurityGroupRule::ingress("sgr-2", "tcp", 22, 22, "2000::/3").tag("owner", "kim"))
        .rule(SecurityGroupRule::ingress(
            "sgr-3",
            "-1",
            -1,
            -1,
            "sg-0000000b",
        ))
        .rule(SecurityGroupRule::ingress("sgr-4", "udp", 53, 53, "pl-1"))
        .rule(SecurityGroupRule::egress(
            "sgr-5",
            "-1",
            -1,
            -1,
            "0.0.0.0/0",
        ));
    let elb = SecurityGroup::new("sg-0000000b", "elb").owned_by("amazon-elb");
    Stage::new(
        world()
            .security_group(ACCOUNT, REGION, web)
            .security_group(ACCOUNT, REGION, elb)
            .prefix_list(
                ACCOUNT,
                REGION,
                PrefixList::new("pl-1", ["10.0.0.0/8", "52.0.0.0/8"]),
            )
            .prefix_list(
                ACCOUNT,
                REGION,
                PrefixList::new("pl-2", []).no_longer_shared(),
            )
            .network_interface(
                ACCOUNT,
                REGION,
                NetworkInterface::new("eni-1", [WEB])
                    .public("52.1.2.3")
                    .ipv6("2a05::1"),
            )
            .network_interface(
                ACCOUNT,
                REGION,
                NetworkInterface::new("eni-2", []).available(),
            ),
    )
}

fn ids(stage: &mut Stage, action: &str, params: &str, leaf: &str) -> String {
    leaves(&body(&stage.query("ec2", action, params)), leaf).join(" ")
}

#[test]
fn a_rule_is_written_with_the_one_source_it_has() {
    let mut stage = stage();
    let text = body(&stage.query("ec2", "DescribeSecurityGroupRules", ""));
    for (leaf, expected) in [
        ("securityGroupRuleId", "sgr-1 sgr-2 sgr-3 sgr-4 sgr-5"),
        ("isEgress", "false false false false true"),
        ("ipProtocol", "tcp tcp -1 udp -1"),
        ("fromPort", "443 22 -1 53 -1"),
        ("cidrIpv4", "0.0.0.0/0 0.0.0.0/0"),
        ("cidrIpv6", "2000::/3"),
        ("prefixListId", "pl-1"),
        ("description", "<all>"),
        ("value", "kim"),
    ] {
        assert_eq!(leaves(&text, leaf).join(" "), expected, "{leaf}");
    }
    assert_eq!(
        ids(&mut stage, "DescribeSecurityGroups", "", "ownerId"),
        format!("{ACCOUNT} amazon-elb")
    );
}

#[test]
fn listings_are_cut_into_pages_and_filtered() {
    let mut stage = stage();
    stage.state.world.set_page_size(Some(1));
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let params = format!("MaxResults=1000&NextToken={token}");
        let page = body(&stage.query("ec2", "DescribeSecurityGroupRules", &params));
        seen.extend(leaves(&page, "securityGroupRuleId"));
        match leaves(&page, "nextToken").first() {
            Some(next) => token.clone_from(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    stage.state.world.set_page_size(None);
    let by_id =
        "Filter.1.Name=security-group-rule-id&Filter.1.Value.1=sgr-2&Filter.1.Value.2=sgr-9";
    assert_eq!(
        ids(
            &mut stage,
            "DescribeSecurityGroupRules",
            by_id,
            "securityGroupRuleId"
        ),
        "sgr-2"
    );
    let web = format!("Filter.1.Name=group-id&Filter.1.Value.1={WEB}");
    assert_eq!(
        ids(
            &mut stage,
            "DescribeNetworkInterfaces",
            &web,
            "networkInterfaceId"
        ),
        "eni-1"
    );
    assert_eq!(
        ids(&mut stage, "DescribeNetworkInterfaces", "", "status"),
        "in-use available"
    );
}

#[test]
fn a_prefix_list_has_small_pages_and_an_owner_who_may_hide_it() {
    let mut stage = stage();
    let entries =
        |stage: &mut Stage, params: &str| ids(stage, "GetManagedPrefixListEntries", params, "cidr");
    assert_eq!(
        entries(&mut stage, "PrefixListId=pl-1&MaxResults=100"),
        "10.0.0.0/8 52.0.0.0/8"
    );
    assert_eq!(
        entries(&mut stage, "PrefixListId=pl-1&MaxResults=1"),
        "10.0.0.0/8"
    );
    assert!(
        stage
            .ec2(
                "GetManagedPrefixListEntries",
                "PrefixListId=pl-1&MaxResults=101"
            )
            .starts_with("400 InvalidParameterValue")
    );
    for id in ["pl-2", "pl-9"] {
        assert_eq!(
            stage.ec2("GetManagedPrefixListEntries", &format!("PrefixListId={id}")),
            format!("400 InvalidPrefixListID.NotFound: The prefix list ID '{id}' does not exist")
        );
    }
}

#[test]
fn revoking_takes_all_named_rules_or_none_and_only_inbound_ones() {
    let mut stage = stage();
    let rules = |stage: &Stage| {
        let group = stage
            .state
            .world
            .find_security_group(ACCOUNT, REGION, WEB)
            .expect("it is there");
        group.rules.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let revoke = |ids: &str| format!("GroupId={WEB}&{ids}");
    for gone in ["sgr-5", "sgr-9"] {
        assert_eq!(
            stage.ec2(
                "RevokeSecurityGroupIngress",
                &revoke(&format!(
                    "SecurityGroupRuleId.1=sgr-1&SecurityGroupRuleId.2={gone}"
                ))
            ),
            format!(
                "400 InvalidSecurityGroupRuleId.NotFound: The security group rule ID '{gone}' does not exist"
            )
        );
    }
    assert_eq!(
        stage.ec2(
            "RevokeSecurityGroupIngress",
            &revoke("SecurityGroupRuleId.1=sgr-1&DryRun=true")
        ),
        "412 DryRunOperation: Request would have succeeded, but DryRun flag is set."
    );
    assert_eq!(rules(&stage), "sgr-1 sgr-2 sgr-3 sgr-4 sgr-5");
    assert_eq!(
        stage.ec2(
            "RevokeSecurityGroupIngress",
            &revoke("SecurityGroupRuleId.1=sgr-1")
        ),
        "200"
    );
    assert_eq!(rules(&stage), "sgr-2 sgr-3 sgr-4 sgr-5");
    assert!(
        stage
            .ec2(
                "RevokeSecurityGroupIngress",
                "GroupId=sg-0123456789abcdef0&SecurityGroupRuleId.1=sgr-2"
            )
            .starts_with("400 InvalidGroup.NotFound")
    );
}

#[test]
fn authorising_adds_a_rule_for_each_source_and_refuses_what_is_there() {
    let mut stage = stage();
    let permission = format!(
        "GroupId={WEB}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22\
         &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0&IpPermissions.1.IpRanges.1.Description=a+b\
         &TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"
    );
    assert_eq!(
        stage.ec2("AuthorizeSecurityGroupIngress", &permission),
        "200"
    );
    let group = stage
        .state
        .world
        .find_security_group(ACCOUNT, REGION, WEB)
        .expect("it is there");
    let added: Vec<&SecurityGroupRule> = group
        .rules
        .values()
        .filter(|rule| rule.id.len() > 6)
        .collect();
    assert_eq!(added.len(), 1);
    assert_eq!(
        (added[0].from_port, added[0].description.as_deref()),
        (22, Some("a b"))
    );
    assert_eq!(added[0].tags.get("k").map(String::as_str), Some("v"));
    assert!(
        stage
            .ec2("AuthorizeSecurityGroupIngress", &permission)
            .starts_with("400 InvalidPermission.Duplicate")
    );
    for ports in [
        "&IpPermissions.1.FromPort=22",
        "&IpPermissions.1.FromPort=23&IpPermissions.1.ToPort=22",
    ] {
        let without = format!(
            "GroupId={WEB}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0{ports}"
        );
        assert!(
            stage
                .ec2("AuthorizeSecurityGroupIngress", &without)
                .starts_with("400 InvalidParameterValue"),
            "{ports}"
        );
    }
}
