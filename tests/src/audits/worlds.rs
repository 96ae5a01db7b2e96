//! Small accounts with something of every kind in them: the fewer calls a run makes, the more ways each can fail in.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use lamplighter_local_aws::{
    AcmCertificate, IamKey, IamUser, Instance, NetworkInterface, PrefixList, RootUser,
    SecurityGroup, SecurityGroupRule, World,
};

use crate::harness::root;

/// The account.
pub const ACCOUNT: &str = "123456789012";
/// Its home region.
pub const REGION: &str = "eu-west-1";
/// The topic that reports may be published to.
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ops";
/// The bucket of the state.
pub const BUCKET: &str = "acme-state";

/// The tag that remembers when a user loses the console.
pub const USER_MARK: &str = "lamplighter:deny-after";
/// The beginning of the tag that remembers when a key is switched off.
pub const KEY_MARK: &str = "lamplighter:deactivate-after:";
/// The inline policy that denies everything but enrolling.
pub const DENIAL: &str = "lamplighter-deny-until-mfa";
const ALL: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

/// An account with a verified sender and nothing else.
pub fn empty(now: DateTime<Utc>) -> World {
    World::new(ACCOUNT, now).verified_identity("ops@example.com")
}

fn past(now: DateTime<Utc>) -> String {
    (now - Duration::hours(1)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Users to accuse, of whom one is an administrator by an inline policy, and a root user without MFA.
pub fn careless(now: DateTime<Utc>) -> World {
    let root = RootUser {
        has_mfa: false,
        ..RootUser::default()
    };
    empty(now)
        .root_user(ACCOUNT, root)
        .user(ACCOUNT, IamUser::new("ann").password())
        .user(ACCOUNT, IamUser::new("bob").password().virtual_mfa())
        .user(ACCOUNT, IamUser::new("cid"))
        .user(ACCOUNT, IamUser::new("fay").password().inline("all", ALL))
}

/// A user to warn, one who is due, one to let in again, one to unmark, and two to leave alone.
pub fn console_users(now: DateTime<Utc>) -> World {
    let mark = past(now);
    let user = |name: &str| IamUser::new(name).password();
    empty(now)
        .user(ACCOUNT, user("ann").tag("owner", "ann@example.com"))
        .user(ACCOUNT, user("bob").virtual_mfa())
        .user(ACCOUNT, IamUser::new("cid"))
        .user(ACCOUNT, user("dan").tag(USER_MARK, &mark))
        .user(ACCOUNT, user("eve").virtual_mfa().inline(DENIAL, ALL))
        .user(ACCOUNT, user("fay").virtual_mfa().tag(USER_MARK, &mark))
}

/// A user whose password is due to go, and one who is careful.
pub fn password_due(now: DateTime<Utc>) -> World {
    empty(now)
        .user(ACCOUNT, IamUser::new("bob").password().virtual_mfa())
        .user(
            ACCOUNT,
            IamUser::new("dan").password().tag(USER_MARK, &past(now)),
        )
}

/// A key to warn about, one that is due, one to unmark, and one to leave alone.
pub fn robots(now: DateTime<Utc>) -> World {
    let days = |days| now - Duration::days(days);
    let mark = past(now);
    let user = |name: &str, key: &str, age| {
        IamUser::new(name).key(IamKey::new(key, days(age)).used_at(days(1)))
    };
    let marked = |key: &str| format!("{KEY_MARK}{key}");
    empty(now)
        .user(
            ACCOUNT,
            user("ann", "AKIAOLD", 100).tag("owner", "ann@example.com"),
        )
        .user(
            ACCOUNT,
            IamUser::new("dan")
                .key(IamKey::new("AKIADUE", days(120)))
                .tag(&marked("AKIADUE"), &mark),
        )
        .user(
            ACCOUNT,
            user("fay", "AKIAMENDED", 20).tag(&marked("AKIAMENDED"), &mark),
        )
        .user(ACCOUNT, user("gus", "AKIAFRESH", 2))
}

/// A group that is open by a rule, one by a prefix list, and one that is as it should be.
pub fn groups(now: DateTime<Utc>) -> World {
    let tcp = |id: &str, port: i32, source: &str| {
        SecurityGroupRule::ingress(id, "tcp", port, port, source)
    };
    let place = |world: World, group| world.security_group(ACCOUNT, REGION, group);
    let bastion = SecurityGroup::new("sg-0000000a", "bastion")
        .rule(tcp("sgr-000000a0", 22, "0.0.0.0/0"))
        .rule(tcp("sgr-000000a1", 22, "10.0.0.0/8"));
    let partner =
        SecurityGroup::new("sg-0000000b", "partner").rule(tcp("sgr-000000b0", 5432, "pl-1"));
    let web = SecurityGroup::new("sg-0000000c", "web").rule(tcp("sgr-000000c0", 443, "0.0.0.0/0"));
    [bastion, partner, web]
        .into_iter()
        .fold(empty(now), place)
        .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", ["0.0.0.0/1"]))
        .network_interface(
            ACCOUNT,
            REGION,
            NetworkInterface::new("eni-1", ["sg-0000000a"]).public("198.51.100.7"),
        )
}

/// A certificate of ACM whose renewal is to be looked at, and one of IAM with its chain.
pub fn certificates(now: DateTime<Utc>) -> World {
    with_certificates(empty(now))
}

fn with_certificates(world: World) -> World {
    world
        .certificate(ACCOUNT, REGION, AcmCertificate::issued(&pem("server.pem")))
        .server_certificate(
            ACCOUNT,
            "web",
            &pem("rsa-3072.pem"),
            Some(&pem("intermediate.pem")),
        )
}

/// A certificate that `functions/report-certificates/fixtures/make.sh` made.
pub fn pem(name: &str) -> String {
    let folder = root().join("functions/report-certificates/fixtures");
    std::fs::read_to_string(folder.join(name)).expect("a fixture")
}

/// One account in which every function has something to do: warnings, and actions that are due.
pub fn everything(now: DateTime<Utc>) -> World {
    let mark = past(now);
    let days = |days| now - Duration::days(days);
    let instance = |id: &str| Instance::new(id).attached_at(days(40));
    with_certificates(groups(now))
        .bucket(ACCOUNT, REGION, BUCKET)
        .topic(TOPIC)
        .instance(ACCOUNT, REGION, instance("i-new"))
        .instance(
            ACCOUNT,
            REGION,
            instance("i-due").tag("lamplighter:stop-after", &mark),
        )
        .user(
            ACCOUNT,
            IamUser::new("ann")
                .password()
                .key(IamKey::new("AKIAOLD", days(100)).used_at(days(1))),
        )
        .user(
            ACCOUNT,
            IamUser::new("dan")
                .password()
                .tag(USER_MARK, &mark)
                .key(IamKey::new("AKIADUE", days(120)))
                .tag(&format!("{KEY_MARK}AKIADUE"), &mark),
        )
}
