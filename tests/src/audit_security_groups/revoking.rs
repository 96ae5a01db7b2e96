//! `remediate = "revoke"`: what is taken away, what is spared, and the way back.

use std::process::Command;

use expect_test::expect;
use lamplighter_local_aws::{
    Fault, FaultKind, PrefixList, RuleSource, SecurityGroup, SecurityGroupRule,
};
use serde_json::Value;

use super::stage::{ACCOUNT, REGION, Stage, deeds, group, rows, world};

const WEB: &str = "sg-0000000a";

fn ssh() -> SecurityGroup {
    group(
        WEB,
        &[
            ("tcp", 22, 22, "0.0.0.0/0"),
            ("tcp", 22, 22, "10.0.0.0/8"),
            ("tcp", 443, 443, "0.0.0.0/0"),
        ],
    )
}

#[test]
fn only_the_offending_rule_goes_by_its_id() {
    let stage = Stage::with([ssh()]).revoking("");
    let run = stage.round().code(0).json();
    expect![[r#"
        sgr-0000000a0 revoke-rule done: opens TCP 22 of `group-0000000a` (sg-0000000a) to all public IPv4 addresses
    "#]].assert_eq(&deeds(&run));
    assert_eq!(stage.rules_of(WEB), ["sgr-0000000a1", "sgr-0000000a2"]);
    let changing = stage.changing();
    assert_eq!(changing.len(), 1);
    assert_eq!(changing[0].resources, [WEB, "sgr-0000000a0"]);
    // The next run has nothing left to do.
    let run = stage.round().code(0).json();
    assert_eq!(
        (rows(&run, "actions").len(), &run["summary"]["fail"]),
        (0, &0.into())
    );
}

/// What a shell makes of a command: its words.
fn words(command: &str) -> Vec<String> {
    let script = format!("aws() {{ printf '%s\\0' \"$@\"; }}\n{command}");
    let output = Command::new("sh")
        .args(["-c", &script])
        .output()
        .expect("there is a shell");
    assert!(output.status.success(), "{command}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// The rule that an undo command authorises, read as the AWS CLI reads it.
fn restored(command: &str) -> SecurityGroupRule {
    let words = words(command);
    let after = |flag: &str| {
        let at = words
            .iter()
            .position(|word| word == flag)
            .expect("the flag");
        words[at + 1].as_str()
    };
    assert_eq!(words[..2], ["ec2", "authorize-security-group-ingress"]);
    assert_eq!((after("--region"), after("--group-id")), (REGION, WEB));
    let permissions: Value = serde_json::from_str(after("--ip-permissions")).expect("JSON");
    assert_eq!(permissions.as_array().map(Vec::len), Some(1));
    let permission = &permissions[0];
    let (source, description) = [
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
    ]
    .iter()
    .find_map(|(list, name)| {
        let range = permission[list].get(0)?;
        Some((
            range[name].as_str()?.to_owned(),
            range["Description"].as_str().map(str::to_owned),
        ))
    })
    .expect("a source");
    let port = |name: &str| {
        permission[name]
            .as_i64()
            .map_or(-1, |port| i32::try_from(port).expect("a port"))
    };
    let mut rule = SecurityGroupRule::ingress(
        "sgr-restored",
        permission["IpProtocol"].as_str().expect("a protocol"),
        port("FromPort"),
        port("ToPort"),
        &source,
    );
    rule.description = description;
    if words.iter().any(|word| word == "--tag-specifications") {
        let tags: Value = serde_json::from_str(after("--tag-specifications")).expect("JSON");
        assert_eq!(tags[0]["ResourceType"], "security-group-rule");
        for tag in tags[0]["Tags"].as_array().expect("tags") {
            rule = rule.tag(
                tag["Key"].as_str().expect("a key"),
                tag["Value"].as_str().expect("a value"),
            );
        }
    }
    rule
}

#[test]
fn the_undo_restores_the_rule_to_the_letter_whatever_its_description_says() {
    let rules = [
        SecurityGroupRule::ingress("sgr-0", "tcp", 22, 22, "0.0.0.0/0")
            .described("'; touch pwned; echo '$(id) `id` \\ \"x\" !! \n --region evil")
            .tag("it's", "a 'tag'"),
        SecurityGroupRule::ingress("sgr-1", "-1", -1, -1, "::/0")
            .described("för Ünicode \u{1f525}\u{202e}"),
        SecurityGroupRule::ingress("sgr-2", "udp", 1, 1000, "0.0.0.0/0"),
        SecurityGroupRule::ingress("sgr-3", "tcp", 5432, 5432, "pl-1").described("list"),
    ];
    let group = rules
        .iter()
        .cloned()
        .fold(SecurityGroup::new(WEB, "web"), SecurityGroup::rule);
    let world = world().security_group(ACCOUNT, REGION, group).prefix_list(
        ACCOUNT,
        REGION,
        PrefixList::new("pl-1", ["0.0.0.0/0"]),
    );
    let stage = Stage::of(world).revoking("max_percent = 100");
    let run = stage.round().code(0).json();
    assert_eq!(
        (stage.rules_of(WEB).len(), &run["summary"]["done"]),
        (0, &4.into()),
        "{}",
        deeds(&run)
    );
    for (row, rule) in rows(&run, "actions").iter().zip(&rules) {
        let undo = row["undo"].as_str().expect("an undo");
        assert_eq!(
            restored(undo),
            SecurityGroupRule {
                id: "sgr-restored".to_owned(),
                ..rule.clone()
            }
        );
    }
    // Restored, it is found again; under its new id, and with the finding that it had.
    let first = restored(rows(&run, "actions")[0]["undo"].as_str().expect("an undo"));
    stage.aws.with(|world| {
        let group = world
            .security_group_mut(ACCOUNT, REGION, WEB)
            .expect("it is there");
        group.rules.insert(first.id.clone(), first);
    });
    let again = stage.round().code(0).json();
    assert_eq!(
        again["findings"][0]["fingerprint"],
        run["findings"][0]["fingerprint"]
    );
    assert_eq!(again["summary"]["done"], 1);
}

#[test]
fn a_rule_that_was_changed_since_it_was_planned_is_left_alone_and_one_that_is_gone_vanished() {
    type Edit = fn(&mut SecurityGroupRule);
    let edits: [(&str, Edit); 5] = [
        ("its source was changed since it was planned", |rule| {
            rule.source = RuleSource::Ipv4("52.0.0.0/16".to_owned())
        }),
        ("its ports were changed since it was planned", |rule| {
            rule.to_port = 23
        }),
        ("its protocol was changed since it was planned", |rule| {
            rule.protocol = "udp".to_owned()
        }),
        ("its description was changed since it was planned", |rule| {
            rule.description = Some("agreed".to_owned())
        }),
        ("its tags were changed since it was planned", |rule| {
            rule.tags.insert("approved".to_owned(), "yes".to_owned());
        }),
    ];
    for (reason, edit) in edits {
        let stage = Stage::with([ssh()]).revoking("");
        let (run, _) = plan_then(&stage, |stage| stage.edit(WEB, "sgr-0000000a0", edit));
        assert_eq!(rows(&run, "actions")[0]["outcome"], "vetoed");
        assert_eq!(rows(&run, "actions")[0]["reason"], reason);
        assert!(stage.changing().is_empty() && stage.rules_of(WEB).len() == 3);
    }
    let stage = Stage::with([ssh()]).revoking("");
    let (run, _) = plan_then(&stage, |stage| {
        stage.aws.with(|world| {
            let group = world
                .security_group_mut(ACCOUNT, REGION, WEB)
                .expect("it is there");
            group.rules.remove("sgr-0000000a0");
        });
    });
    assert_eq!(rows(&run, "actions")[0]["outcome"], "vanished");
    assert!(stage.changing().is_empty());
}

/// Makes a plan file, lets something happen, and applies the file: the run of that, and the plan.
fn plan_then(stage: &Stage, happen: impl FnOnce(&Stage)) -> (Value, Value) {
    let planned = stage
        .program(["plan", "audit-security-groups", "--out", "plan.json"])
        .run()
        .code(0);
    let path = planned.folder.path().join("plan.json");
    let plan: Value = serde_json::from_slice(&std::fs::read(&path).expect("a plan")).expect("JSON");
    happen(stage);
    let path = path.to_str().expect("a path of letters");
    let run = stage
        .program(["apply", path, "--format", "json"])
        .run()
        .code(0)
        .json();
    (run, plan)
}

#[test]
fn a_plan_file_holds_the_rule_and_is_applied_to_nothing_else() {
    let stage = Stage::with([
        ssh(),
        group("sg-0000000b", &[("tcp", 23, 23, "10.0.0.0/8")]),
    ])
    .revoking("");
    let (run, plan) = plan_then(&stage, |stage| {
        stage.edit("sg-0000000b", "sgr-0000000b0", |rule| {
            rule.source = RuleSource::Ipv4("0.0.0.0/0".to_owned())
        });
    });
    assert_eq!(
        plan["actions"][0]["precondition"]["rule"]["source"]["cidr"],
        "0.0.0.0/0"
    );
    assert_eq!(run["summary"]["done"], 1);
    assert_eq!(stage.rules_of("sg-0000000b"), ["sgr-0000000b0"]);
}

#[test]
fn a_prefix_list_that_changed_spares_the_rule_and_is_never_touched() {
    let stage = || {
        let world = world()
            .security_group(ACCOUNT, REGION, group(WEB, &[("tcp", 22, 22, "pl-1")]))
            .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["0.0.0.0/0"]));
        Stage::of(world).revoking("")
    };
    let spared = stage();
    let (run, _) = plan_then(&spared, |stage| {
        stage.aws.with(|world| {
            world.set_prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["52.0.0.0/16"]))
        });
    });
    expect![[r#"
        sgr-0000000a0 revoke-rule vetoed: the entries of its prefix list `pl-1` were changed since it was planned
    "#]].assert_eq(&deeds(&run));
    let taken = stage();
    let run = taken.round().code(0).json();
    assert_eq!(
        (taken.rules_of(WEB).len(), &run["summary"]["done"]),
        (0, &1.into())
    );
    assert_eq!(
        taken.changing().len(),
        1,
        "the rule, and nothing of the list"
    );
}

#[test]
fn a_plan_over_the_limit_is_refused_whole() {
    let open = |number: usize| {
        group(
            &format!("sg-{number:08x}"),
            &[("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 22, 22, "10.0.0.0/8")],
        )
    };
    let stage = Stage::with((0..5).map(open)).revoking("max_actions = 4");
    let run = stage.round().code(1).json();
    assert_eq!(run["outcome"], "refused");
    expect!["the plan revokes 5 of 10 inbound rules in account 123456789012, the limit is 4 (`max_actions`)"].assert_eq(run["would_refuse"].as_str().expect("a reason"));
    assert!(stage.changing().is_empty());
    let stage = Stage::with((0..5).map(open)).revoking("max_percent = 49");
    expect!["the plan revokes 5 of 10 inbound rules in account 123456789012 (50%), the limit is 49% (`max_percent`)"].assert_eq(stage.round().code(1).json()["would_refuse"].as_str().expect("a reason"));
}

#[test]
fn an_answer_that_was_lost_does_not_lose_the_undo() {
    for kind in [FaultKind::Reset, FaultKind::Truncate] {
        let stage = Stage::with([ssh()]).revoking("");
        stage.aws.inject(
            Fault::new("ec2:RevokeSecurityGroupIngress", kind)
                .first(1)
                .after_effect(),
        );
        let run = stage.round().code(0).json();
        let row = &rows(&run, "actions")[0];
        assert_eq!(row["outcome"], "done", "{kind:?}");
        assert!(
            row["undo"]
                .as_str()
                .is_some_and(|undo| undo.contains("authorize-security-group-ingress"))
        );
        assert_eq!(stage.rules_of(WEB).len(), 2);
    }
}

#[test]
fn a_refusal_of_one_rule_does_not_hide_the_others_and_exits_with_4() {
    let stage =
        Stage::with([ssh(), group("sg-0000000b", &[("tcp", 23, 23, "0.0.0.0/0")])]).revoking("");
    stage
        .aws
        .inject(Fault::new("ec2:RevokeSecurityGroupIngress", FaultKind::Denied).nth(1));
    let run = stage.round().code(4).json();
    expect![[r#"
        sgr-0000000a0 revoke-rule failed: not allowed to call `ec2:RevokeSecurityGroupIngress`
        sgr-0000000b0 revoke-rule done: opens TCP 23 of `group-0000000b` (sg-0000000b) to all public IPv4 addresses
    "#]].assert_eq(&deeds(&run));
}

#[test]
fn a_rule_that_cannot_be_read_again_is_left_alone() {
    let stage = Stage::with([ssh()]).revoking("");
    stage
        .aws
        .inject(Fault::new("ec2:DescribeSecurityGroupRules", FaultKind::Denied).nth(2));
    let run = stage.round().code(4).json();
    expect![[r#"
        sgr-0000000a0 revoke-rule failed: left alone, the rule could not be read again: not allowed to call `ec2:DescribeSecurityGroupRules`
    "#]].assert_eq(&deeds(&run));
    assert!(stage.changing().is_empty());
}
