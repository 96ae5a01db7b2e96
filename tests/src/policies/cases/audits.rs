//! The audits: users with and without what they should have, marks of every age, remedies and what takes them back.

use chrono::{SecondsFormat, TimeDelta};
use lamplighter_local_aws::{
    IamGroup, IamKey, IamUser, NetworkInterface, PrefixList, RootUser, SecurityGroup,
    SecurityGroupRule, World,
};

use super::{Case, Play, prove};
use crate::policies::stage::{ACCOUNT, OTHER, REGION, now, world};

const ALL: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
const FEW: &str =
    r#"{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}"#;
const DENIAL: &str = "lamplighter-deny-until-mfa";
const OF_MFA: &str = "lamplighter:deny-after";

fn days_ago(days: i64) -> String {
    let time = now() - TimeDelta::days(days);
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Users without MFA whose powers come in every way: to be warned about, due, and mended since.
fn people() -> World {
    let root = RootUser {
        has_mfa: false,
        ..RootUser::default()
    };
    let owned = |name: &str| IamUser::new(name).tag("email", &format!("{name}@example.com"));
    let mut denied = owned("mended").password().virtual_mfa().inline(DENIAL, FEW);
    denied = denied.tag(OF_MFA, &days_ago(1));
    world()
        .root_user(ACCOUNT, root)
        .user(ACCOUNT, owned("ann").path("/staff/").password())
        .user(ACCOUNT, owned("due").password().tag(OF_MFA, &days_ago(1)))
        .user(ACCOUNT, denied)
        .user(ACCOUNT, owned("fay").password().inline("few", FEW))
        .user(ACCOUNT, owned("eve").password().in_group("admins"))
        .user(
            ACCOUNT,
            owned("gus")
                .password()
                .attached("arn:aws:iam::111122223333:policy/mighty"),
        )
        .group(ACCOUNT, IamGroup::new("admins").inline("few", FEW))
        .managed_policy(ACCOUNT, "mighty", ALL)
        .user(OTHER, IamUser::new("bob").password())
}

fn rounds(world: fn() -> World) -> Vec<Play> {
    vec![
        Play {
            world,
            steps: |stage| stage.run(0),
        },
        Play {
            world,
            steps: |stage| stage.slot(),
        },
    ]
}

fn case(
    function: &'static str,
    mode: &'static str,
    lines: &'static str,
    world: fn() -> World,
) -> Case {
    Case {
        function,
        name: "a round",
        mode,
        lines,
        plays: rounds(world),
    }
}

const DENY: &str = r#"
remediate = "deny-until-mfa"
warned_days = 7
virtual_mfa_for_admin = true
owner_tags = ["email"]
owner_domains = ["example.com"]
max_percent = 100
"#;

#[test]
fn audit_mfa_needs_without_a_remedy_exactly_what_is_printed() {
    prove(&case("audit-mfa", "plan", "", people));
    prove(&case("audit-mfa", "apply", "", people));
}

#[test]
fn audit_mfa_that_denies_needs_exactly_what_is_printed() {
    prove(&case("audit-mfa", "plan", DENY, people));
    prove(&case("audit-mfa", "apply", DENY, people));
}

#[test]
fn audit_mfa_that_deletes_passwords_needs_exactly_what_is_printed() {
    const DELETE: &str = r#"
remediate = "delete-login-profile"
warned_days = 7
owner_tags = ["email"]
owner_domains = ["example.com"]
max_percent = 100
"#;
    prove(&case("audit-mfa", "apply", DELETE, people));
}

/// Keys that are old: one to be warned about, one that is due, one that was used again, and the root user's.
fn robots() -> World {
    let old = |name: &str, key: &str| {
        let created = now() - TimeDelta::days(91);
        IamUser::new(name)
            .tag("email", &format!("{name}@example.com"))
            .key(IamKey::new(key, created).used_at(now() - TimeDelta::hours(1)))
    };
    let mark = |key: &str| format!("lamplighter:deactivate-after:{key}");
    let fresh = IamKey::new("AKIAFRESH", now() - TimeDelta::days(2)).used_at(now());
    let root = RootUser {
        keys: vec![now() - TimeDelta::days(500)],
        ..RootUser::default()
    };
    world()
        .root_user(ACCOUNT, root)
        .user(ACCOUNT, old("ann", "AKIAOLD").path("/staff/"))
        .user(
            ACCOUNT,
            old("due", "AKIADUE").tag(&mark("AKIADUE"), &days_ago(1)),
        )
        .user(
            ACCOUNT,
            IamUser::new("mended")
                .key(fresh)
                .tag(&mark("AKIAFRESH"), &days_ago(1)),
        )
        .user(
            ACCOUNT,
            IamUser::new("never").key(IamKey::new("AKIANEVER", now() - TimeDelta::days(95))),
        )
        .user(OTHER, old("bob", "AKIAOTHER"))
}

#[test]
fn audit_access_keys_needs_without_a_remedy_exactly_what_is_printed() {
    prove(&case("audit-access-keys", "plan", "", robots));
    prove(&case("audit-access-keys", "apply", "", robots));
}

#[test]
fn audit_access_keys_that_deactivates_needs_exactly_what_is_printed() {
    const DEACTIVATE: &str = r#"
remediate = "deactivate"
warned_days = 14
owner_tags = ["email"]
owner_domains = ["example.com"]
max_percent = 100
"#;
    prove(&case("audit-access-keys", "plan", DEACTIVATE, robots));
    prove(&case("audit-access-keys", "apply", DEACTIVATE, robots));
}

/// A group that is open itself, by a list of the account's own, and by one of AWS's; and what carries it.
fn groups() -> World {
    let open = SecurityGroup::new("sg-0000000a", "bastion")
        .rule(SecurityGroupRule::ingress(
            "sgr-0000000a1",
            "tcp",
            22,
            22,
            "0.0.0.0/0",
        ))
        .rule(SecurityGroupRule::ingress(
            "sgr-0000000a2",
            "tcp",
            22,
            22,
            "pl-0000000a",
        ))
        .rule(SecurityGroupRule::ingress(
            "sgr-0000000a3",
            "tcp",
            22,
            22,
            "pl-0000000b",
        ));
    world()
        .security_group(ACCOUNT, REGION, open)
        .prefix_list(
            ACCOUNT,
            REGION,
            PrefixList::new("pl-0000000a", ["10.0.0.0/8"]),
        )
        .prefix_list(
            ACCOUNT,
            REGION,
            PrefixList::new("pl-0000000b", ["10.0.0.0/8"]).of_aws(),
        )
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-0000000a", ["sg-0000000a"]).public("198.51.100.1"),
        )
}

#[test]
fn audit_security_groups_needs_exactly_what_is_printed() {
    const REVOKE: &str = "remediate = \"revoke\"\nmax_percent = 100";
    for mode in ["plan", "apply"] {
        prove(&case("audit-security-groups", mode, "", groups));
        prove(&case("audit-security-groups", mode, REVOKE, groups));
    }
}
