//! `audit-mfa`, run by the real program against a simulated account.

mod remedies;

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{
    Fault, FaultKind, IamGroup, IamKey, IamUser, LocalAws, RootUser, World,
};
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, serve};

/// The account.
pub const ACCOUNT: &str = "123456789012";

/// A policy that allows everything.
const ALL: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

/// The tag that remembers the deadline.
const MARK: &str = "lamplighter:deny-after";

/// The inline policy that denies everything but enrolling.
const DENIAL: &str = "lamplighter-deny-until-mfa";

/// A Monday.
pub fn monday() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-16T10:00:00Z")
        .expect("a time")
        .with_timezone(&Utc)
}

/// An account with a verified sender, and no user.
pub fn world() -> World {
    World::new(ACCOUNT, monday()).verified_identity("ops@example.com")
}

/// One run of `function` with these lines in its section, at the account's time.
pub fn run(aws: &LocalAws, function: &str, section: &str, args: &[&str]) -> Ran {
    let now = aws.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Lamplighter::new(["run", function, "--format", "json", "--now", &now])
        .on(aws)
        .args(args.iter().copied())
        .config(&format!(
            "[aws]\nmax_attempts = 1\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\n\
             mail = \"never\"\n[{function}]\n{section}\n"
        ))
        .run()
}

/// The findings, one line each: verdict, rule and resource.
pub fn findings(run: &Value) -> Vec<String> {
    let rows = run["findings"].as_array().expect("a list");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let resource = word(&row["resource"]);
            let name = resource.rsplit(':').next().unwrap_or_default();
            format!("{} {} {name}", word(&row["verdict"]), word(&row["rule"]))
        })
        .collect();
    lines.sort();
    lines
}

/// The actions, one line each: name, resource and outcome.
pub fn actions(run: &Value) -> Vec<String> {
    let rows = run["actions"].as_array().expect("a list");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.iter()
        .map(|row| {
            let resource = word(&row["resource"]);
            let name = resource.rsplit('/').next().unwrap_or_default();
            format!("{} {name} {}", word(&row["action"]), word(&row["outcome"]))
        })
        .collect()
}

/// How often IAM was called.
pub fn iam_calls(aws: &LocalAws) -> usize {
    aws.calls()
        .iter()
        .filter(|call| call.service == "iam")
        .count()
}

/// The calls that would change something.
pub fn changing(aws: &LocalAws) -> Vec<String> {
    let calls = aws.calls().into_iter().filter(|call| call.changes);
    calls.map(|call| call.name()).collect()
}

fn round(aws: &LocalAws, section: &str) -> Ran {
    run(aws, "audit-mfa", section, &[])
}

fn tag(aws: &LocalAws, user: &str) -> Option<String> {
    aws.with(|world| world.find_user(ACCOUNT, user)?.tags.get(MARK).cloned())
}

fn is_denied(aws: &LocalAws, user: &str) -> bool {
    aws.with(|world| {
        world
            .find_user(ACCOUNT, user)
            .is_some_and(|user| user.inline.contains_key(DENIAL))
    })
}

/// Somebody of every kind.
fn people() -> World {
    world()
        .user(ACCOUNT, IamUser::new("ann").path("/staff/").password())
        .user(ACCOUNT, IamUser::new("bob").password().virtual_mfa())
        .user(ACCOUNT, IamUser::new("cid"))
        .user(
            ACCOUNT,
            IamUser::new("eve,o=x").password().in_group("admins"),
        )
        .user(ACCOUNT, IamUser::new("fay").password().inline("all", ALL))
        .user(
            ACCOUNT,
            IamUser::new("gus")
                .password()
                .attached("arn:aws:iam::123456789012:policy/mighty"),
        )
        .group(
            ACCOUNT,
            IamGroup::new("admins").attached("arn:aws:iam::aws:policy/AdministratorAccess"),
        )
        .managed_policy(ACCOUNT, "mighty", ALL)
}

const OF_PEOPLE: [&str; 7] = [
    "fail admin-without-mfa user/eve,o=x",
    "fail admin-without-mfa user/fay",
    "fail admin-without-mfa user/gus",
    "fail console-user-without-mfa user/eve,o=x",
    "fail console-user-without-mfa user/fay",
    "fail console-user-without-mfa user/gus",
    "fail console-user-without-mfa user/staff/ann",
];

#[test]
fn the_report_is_waited_for_through_every_state_and_in_both_widths() {
    for (world, most) in [
        (people(), 2),
        (people().credential_report_takes(3), 5),
        (people().credential_report_refuses(1), 5),
        (people().credential_report_is_wide().page_size(Some(1)), 2),
    ] {
        let aws = serve(world);
        let run = round(&aws, "").code(0).json();
        assert_eq!(findings(&run), OF_PEOPLE);
        let calls = aws.calls();
        let report: Vec<_> = calls
            .iter()
            .filter(|call| call.action.ends_with("CredentialReport"))
            .collect();
        assert!(
            report.len() <= most,
            "{} calls for the report",
            report.len()
        );
        assert_eq!(run["coverage"][0]["scope"], "123456789012/iam");
        assert_eq!(run["findings"][0]["region"], Value::Null);
        let notes = run["notes"].to_string();
        assert!(
            notes.contains("the credential report is of 2026-11-16 10:00 UTC, 0 min old"),
            "{notes}"
        );
    }
}

#[test]
fn an_expired_report_is_made_again_and_one_that_never_comes_is_no_verdict() {
    let mut expired = people();
    expired.make_credential_report(ACCOUNT);
    let aws = serve(expired.credential_report_refuses(1));
    aws.advance(Duration::hours(5));
    assert_eq!(findings(&round(&aws, "").code(0).json()), OF_PEOPLE);
    let expired = aws
        .calls()
        .iter()
        .filter(|call| call.error.as_deref() == Some("ReportExpired"))
        .count();
    assert_eq!(expired, 1);

    let aws = serve(people().credential_report_takes(10_000));
    let run = round(&aws, "report_timeout_secs = 1").code(4).json();
    assert_eq!(
        (
            run["coverage"][0]["status"].as_str(),
            run["summary"]["pass"].as_u64()
        ),
        (Some("unreadable"), Some(0))
    );
    assert!(
        run["errors"][0]["message"]
            .to_string()
            .contains("was not ready within 1 s"),
        "{run}"
    );
}

#[test]
fn whoever_mended_it_since_the_report_is_not_accused() {
    let mut world = people();
    world.make_credential_report(ACCOUNT);
    let aws = serve(world);
    aws.with(|world| {
        world
            .user_mut(ACCOUNT, "ann")
            .expect("ann")
            .mfa_devices
            .insert("GAHT12345678".to_owned());
        world.user_mut(ACCOUNT, "fay").expect("fay").has_password = false;
        world.remove_user(ACCOUNT, "gus");
    });
    aws.advance(Duration::minutes(30));
    let run = round(&aws, "").code(0).json();
    assert_eq!(
        findings(&run),
        [
            "fail admin-without-mfa user/eve,o=x",
            "fail console-user-without-mfa user/eve,o=x"
        ]
    );
    assert!(run["notes"].to_string().contains("30 min old"));
}

#[test]
fn the_root_user_is_judged_live_and_without_credentials_not_at_all() {
    let root = |edit: fn(&mut RootUser)| {
        let mut root = RootUser {
            has_mfa: false,
            ..RootUser::default()
        };
        edit(&mut root);
        let aws = serve(world().root_user(ACCOUNT, root));
        findings(&round(&aws, "").code(0).json())
    };
    assert_eq!(root(|_| {}), ["fail root-without-mfa root"]);
    assert!(root(|root| root.has_mfa = true).is_empty());
    assert!(
        root(|root| root.has_password = Some(false)).is_empty(),
        "central root management"
    );
    assert_eq!(
        root(|root| root.has_password = None),
        ["fail root-without-mfa root"],
        "`not_supported` may be a password"
    );
    assert_eq!(
        root(|root| root.keys = vec![monday()]),
        [
            "fail root-access-key-active root",
            "fail root-without-mfa root"
        ]
    );
}

#[test]
fn a_call_that_is_denied_is_unknown_and_never_green() {
    for call in [
        "GenerateCredentialReport",
        "GetCredentialReport",
        "GetAccountSummary",
        "GetLoginProfile",
        "ListMFADevices",
        "ListAttachedUserPolicies",
        "ListUserPolicies",
        "GetUserPolicy",
        "ListGroupsForUser",
        "ListAttachedGroupPolicies",
        "ListGroupPolicies",
        "GetPolicy",
        "GetPolicyVersion",
    ] {
        let root = RootUser {
            has_mfa: false,
            ..RootUser::default()
        };
        let aws = serve(people().root_user(ACCOUNT, root));
        aws.inject(Fault::new(&format!("iam:{call}"), FaultKind::Denied));
        let ran = round(&aws, "").code(4);
        let run = ran.json();
        let is_unreadable = run["coverage"][0]["status"] == "unreadable";
        let unknown = run["summary"]["unknown"].as_u64().unwrap_or_default();
        assert!(is_unreadable || unknown > 0, "{call}: {run}");
        assert!(
            run["errors"]
                .to_string()
                .contains(&format!("not allowed to call `iam:{call}`")),
            "{call}: {run}"
        );
        assert!(
            ran.stderr.contains("policies/audit-mfa.json"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn an_administrator_may_need_more_than_an_app() {
    let admin = |name: &str| {
        IamUser::new(name)
            .password()
            .attached("arn:aws:iam::aws:policy/AdministratorAccess")
    };
    let aws = serve(
        world()
            .user(ACCOUNT, admin("app").virtual_mfa())
            .user(
                ACCOUNT,
                admin("both")
                    .virtual_mfa()
                    .mfa("arn:aws:iam::123456789012:u2f/user/both/key"),
            )
            .user(ACCOUNT, IamUser::new("bob").password().virtual_mfa())
            .page_size(Some(1)),
    );
    let run = round(&aws, "virtual_mfa_for_admin = true").code(0).json();
    assert_eq!(findings(&run), ["fail virtual-mfa-for-admin user/app"]);
}

#[test]
fn five_thousand_users_cost_a_handful_of_calls() {
    let mut world = world().credential_report_takes(3);
    for number in 0..5000 {
        let user = IamUser::new(&format!("user-{number:04}")).password();
        world.add_user(
            ACCOUNT,
            if number % 500 == 0 {
                user
            } else {
                user.virtual_mfa()
            },
        );
    }
    let aws = serve(world);
    let run = round(&aws, "").code(0).json();
    assert_eq!(
        (
            run["summary"]["fail"].as_u64(),
            run["summary"]["inspected"].as_u64()
        ),
        (Some(10), Some(5001))
    );
    let calls = aws.calls();
    let report = calls
        .iter()
        .filter(|call| call.action.ends_with("CredentialReport"))
        .count();
    println!(
        "audit-mfa: 5000 users, 10 accused: {report} calls for the report, {} in all",
        iam_calls(&aws)
    );
    assert!(report <= 5);
    assert_eq!(
        iam_calls(&aws) - report,
        10 * 5,
        "five live calls for each accused user"
    );

    // With a remedy, every user's tags and policies are read too.
    let aws = serve(aws.with(|world| std::mem::replace(world, World::new(ACCOUNT, monday()))));
    round(&aws, "remediate = \"deny-until-mfa\"").code(0);
    println!(
        "audit-mfa: 5000 users with a remedy: {} calls in all",
        iam_calls(&aws)
    );
    assert!(iam_calls(&aws) <= 5 + 5 + 10 * 2);
}

#[test]
fn a_dry_run_changes_nothing_and_a_plan_only_plans() {
    let section = "remediate = \"deny-until-mfa\"";
    let aws = serve(
        world().user(
            ACCOUNT,
            IamUser::new("ann")
                .password()
                .tag(MARK, "2026-11-15T10:00:00Z"),
        ),
    );
    for (mode, args) in [
        ("apply", &["--dry-run"][..]),
        ("plan", &["--dry-run"]),
        ("plan", &[]),
    ] {
        let section = format!("mode = \"{mode}\"\n{section}");
        let run = run(&aws, "audit-mfa", &section, args).code(0).json();
        assert_eq!(actions(&run), ["deny-until-mfa ann planned"]);
    }
    assert!(changing(&aws).is_empty(), "{:?}", changing(&aws));
}

#[test]
fn keys_alone_are_no_console() {
    let aws = serve(world().user(
        ACCOUNT,
        IamUser::new("robot").key(IamKey::new("AKIA1", monday())),
    ));
    assert!(findings(&round(&aws, "").code(0).json()).is_empty());
}

#[test]
fn every_account_is_read_once_whatever_its_regions_and_one_that_is_closed_hides_no_other() {
    let other = "210987654321";
    let role = format!("arn:aws:iam::{other}:role/target");
    let wrong = "arn:aws:iam::210987654321:role/None";
    let world = world().assumable_role(&role, None);
    let world = world.assumable_role(&format!("arn:aws:iam::{ACCOUNT}:role/target"), None);
    let aws = serve(
        world
            .user(ACCOUNT, IamUser::new("ann").password())
            .user(other, IamUser::new("bob").password()),
    );
    let config = |role: &str| {
        format!(
            "[[aws.accounts]]\nid = \"{ACCOUNT}\"\nrole = \"arn:aws:iam::{ACCOUNT}:role/target\"\n\
             regions = [\"all\"]\n[[aws.accounts]]\nid = \"{other}\"\nrole = \"{role}\"\n"
        )
    };
    let program = |role: &str| {
        Lamplighter::new(["run", "audit-mfa", "--dry-run", "--format", "json"])
            .on(&aws)
            .config(&config(role))
            .run()
    };
    let run = program(&role).code(0).json();
    assert_eq!(
        findings(&run),
        [
            "fail console-user-without-mfa user/ann",
            "fail console-user-without-mfa user/bob"
        ]
    );
    let scopes: Vec<&str> = run["coverage"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["scope"].as_str())
        .collect();
    assert_eq!(scopes, ["123456789012/iam", "210987654321/iam"]);
    let closed = program(wrong).code(4).json();
    assert_eq!(
        findings(&closed),
        ["fail console-user-without-mfa user/ann"]
    );
    assert_eq!(closed["coverage"][1]["status"], "unreadable");
}
