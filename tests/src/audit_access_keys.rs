//! `audit-access-keys`, run by the real program against a simulated account.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Fault, FaultKind, IamKey, IamUser, LocalAws, RootUser, World};

use crate::audit_mfa::{ACCOUNT, actions, changing, findings, iam_calls, monday, run, world};
use crate::harness::{Ran, serve};

/// The tag that remembers the deadline of the key of these tests.
const MARK: &str = "lamplighter:deactivate-after:AKIA1";

const APPLY: &str = "mode = \"apply\"\nremediate = \"deactivate\"";

fn ago(days: i64) -> DateTime<Utc> {
    monday() - Duration::days(days)
}

fn round(aws: &LocalAws, section: &str) -> Ran {
    run(aws, "audit-access-keys", section, &[])
}

/// A user with one old key that was used today.
fn old(name: &str, key: &str) -> IamUser {
    IamUser::new(name).key(IamKey::new(key, ago(91)).used_at(ago(0)))
}

fn robots() -> World {
    world()
        .user(ACCOUNT, old("ann", "AKIAOLD").path("/staff/"))
        .user(
            ACCOUNT,
            IamUser::new("bob,o=x").key(IamKey::new("AKIANEVER", ago(30))),
        )
        .user(
            ACCOUNT,
            IamUser::new("cid").key(
                IamKey::new("AKIAUNUSED", ago(95))
                    .used_at(ago(92))
                    .inactive(),
            ),
        )
        .user(
            ACCOUNT,
            IamUser::new("dan")
                .key(IamKey::new("AKIATWO1", ago(60)).used_at(ago(1)))
                .key(IamKey::new("AKIATWO2", ago(20)).used_at(ago(1))),
        )
        .user(
            ACCOUNT,
            IamUser::new("eve").key(IamKey::new("AKIAFRESH", ago(2))),
        )
        .root_user(
            ACCOUNT,
            RootUser {
                keys: vec![ago(500)],
                ..RootUser::default()
            },
        )
}

const OF_ROBOTS: [&str; 4] = [
    "fail key-never-used user/bob,o=x/access-key/AKIANEVER",
    "fail key-older-than user/staff/ann/access-key/AKIAOLD",
    "fail root-access-key-active root",
    "fail two-active-keys user/dan",
];

#[test]
fn every_key_is_judged_by_itself_in_pages_of_one() {
    for world in [
        robots(),
        robots().page_size(Some(1)),
        robots()
            .credential_report_takes(3)
            .credential_report_is_wide(),
    ] {
        let aws = serve(world);
        let run = round(&aws, "").code(0).json();
        assert_eq!(findings(&run), OF_ROBOTS);
        let prints: std::collections::BTreeSet<&str> = run["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|row| row["fingerprint"].as_str())
            .collect();
        assert_eq!(prints.len(), OF_ROBOTS.len());
        assert!(run["notes"].to_string().contains("0 min old"));
    }
}

#[test]
fn a_key_that_was_replaced_or_used_since_the_report_is_not_accused() {
    let mut world = robots();
    world.make_credential_report(ACCOUNT);
    let aws = serve(world);
    aws.with(|world| {
        world.user_mut(ACCOUNT, "ann").expect("ann").keys[0].is_active = false;
        world.user_mut(ACCOUNT, "bob,o=x").expect("bob").keys[0].last_used = Some(monday());
        world.root_user_mut(ACCOUNT).keys.clear();
        world.remove_user(ACCOUNT, "dan");
    });
    assert!(findings(&round(&aws, "").code(0).json()).is_empty());
}

#[test]
fn a_call_that_is_denied_is_unknown_and_never_green() {
    for call in [
        "GenerateCredentialReport",
        "GetCredentialReport",
        "GetAccountSummary",
        "ListAccessKeys",
        "GetAccessKeyLastUsed",
    ] {
        let aws = serve(robots());
        aws.inject(Fault::new(&format!("iam:{call}"), FaultKind::Denied));
        let run = round(&aws, "").code(4).json();
        let is_unreadable = run["coverage"][0]["status"] == "unreadable";
        let unknown = run["summary"]["unknown"].as_u64().unwrap_or_default();
        assert!(is_unreadable || unknown > 0, "{call}: {run}");
        assert!(
            run["errors"]
                .to_string()
                .contains(&format!("not allowed to call `iam:{call}`")),
            "{call}: {run}"
        );
    }
    let aws = serve(robots());
    aws.inject(Fault::new(
        "iam:GetAccountAuthorizationDetails",
        FaultKind::Denied,
    ));
    let run = round(&aws, APPLY).code(4).json();
    assert!(
        actions(&run).is_empty() && changing(&aws).is_empty(),
        "without the marks nobody is warned twice: {run}"
    );
}

#[test]
fn five_thousand_users_cost_a_handful_of_calls() {
    let mut world = world();
    for number in 0..5000 {
        let name = format!("user-{number:04}");
        let key = format!("AKIA{number:016}");
        let user = match number % 500 {
            0 => old(&name, &key),
            _ => IamUser::new(&name).key(IamKey::new(&key, ago(30)).used_at(ago(1))),
        };
        world.add_user(ACCOUNT, user);
    }
    let aws = serve(world);
    let run = round(&aws, "").code(0).json();
    assert_eq!(run["summary"]["fail"], 10);
    println!(
        "audit-access-keys: 5000 users, 10 accused: {} calls in all",
        iam_calls(&aws)
    );
    assert_eq!(
        iam_calls(&aws),
        2 + 10,
        "two for the report, one for each accused user"
    );
}

#[test]
fn a_key_is_warned_about_then_switched_off_and_never_deleted() {
    let ann = old("ann", "AKIA1").tag("owner", "ann@example.com");
    let aws = serve(world().user(ACCOUNT, ann));
    let tag =
        |aws: &LocalAws| aws.with(|world| world.find_user(ACCOUNT, "ann")?.tags.get(MARK).cloned());
    assert_eq!(
        actions(&round(&aws, APPLY).code(0).json()),
        ["warn-and-mark AKIA1 done"]
    );
    assert_eq!(
        changing(&aws),
        ["ses:SendEmail", "iam:TagUser"],
        "the mail comes first"
    );
    assert_eq!(aws.mails()[0].to, ["ann@example.com"]);
    assert_eq!(tag(&aws).as_deref(), Some("2026-11-23T10:00:00Z"));
    aws.advance(Duration::days(6));
    assert!(actions(&round(&aws, APPLY).code(0).json()).is_empty());
    aws.advance(Duration::days(1));
    let run = round(&aws, APPLY).code(0).json();
    assert_eq!(actions(&run), ["deactivate-key AKIA1 done"]);
    let undo = run["actions"][0]["undo"].as_str();
    assert_eq!(
        undo,
        Some("aws iam update-access-key --user-name ann --access-key-id AKIA1 --status Active")
    );
    let keys = aws.with(|world| world.find_user(ACCOUNT, "ann").expect("ann").keys.clone());
    assert_eq!((keys.len(), keys[0].is_active, tag(&aws)), (1, false, None));
    aws.advance(Duration::hours(5));
    assert!(actions(&round(&aws, APPLY).code(0).json()).is_empty());
}

#[test]
fn a_key_that_is_used_again_loses_its_mark_and_one_used_after_the_plan_is_left_alone() {
    let unused = || {
        IamUser::new("ann")
            .key(IamKey::new("AKIA1", ago(89)))
            .tag(MARK, "2026-11-15T10:00:00Z")
    };
    let aws = serve(world().user(ACCOUNT, unused()));
    aws.with(|world| {
        world.user_mut(ACCOUNT, "ann").expect("ann").keys[0].last_used = Some(monday())
    });
    assert_eq!(
        actions(&round(&aws, APPLY).code(0).json()),
        ["unmark AKIA1 done"]
    );

    // The machine's clock: plan files know no other time.
    let now = Utc::now();
    let due = (now - Duration::days(1)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let user = IamUser::new("ann")
        .key(IamKey::new("AKIA1", now - Duration::days(40)))
        .tag(MARK, &due);
    let aws = serve(World::new(ACCOUNT, now).user(ACCOUNT, user));
    let config = "[report]\nfrom = \"ops@example.com\"\nto = [\"o@example.com\"]\nmail = \"never\"\n\
                  [audit-access-keys]\nremediate = \"deactivate\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a path of letters");
    let program = |args: &[&str]| {
        crate::harness::Lamplighter::new(args.iter().copied())
            .on(&aws)
            .config(config)
            .run()
    };
    program(&["plan", "audit-access-keys", "--out", file]).code(0);
    aws.with(|world| world.user_mut(ACCOUNT, "ann").expect("ann").keys[0].last_used = Some(now));
    let run = program(&["apply", file, "--format", "json"]).code(0).json();
    assert_eq!(actions(&run), ["deactivate-key AKIA1 vetoed"]);
    assert!(
        run["actions"][0]["reason"]
            .to_string()
            .contains("it was used since it was planned")
    );
    assert!(changing(&aws).is_empty());
}

#[test]
fn its_own_key_its_own_user_and_the_root_user_are_left_alone() {
    let past = "2026-11-15T10:00:00Z";
    let own = old("robot", "AKIALOCALAWS00000001")
        .tag("lamplighter:deactivate-after:AKIALOCALAWS00000001", past);
    let user = old("lamplighter", "AKIA1").tag(MARK, past);
    let root = RootUser {
        keys: vec![ago(500)],
        ..RootUser::default()
    };
    let aws = serve(
        world()
            .user(ACCOUNT, own)
            .user(ACCOUNT, user)
            .root_user(ACCOUNT, root),
    );
    let run = round(&aws, APPLY).code(0).json();
    assert!(
        actions(&run).is_empty() && changing(&aws).is_empty(),
        "{run}"
    );
    assert_eq!(run["summary"]["skipped"], 2);
}

#[test]
fn a_dry_run_changes_nothing_and_limits_hold() {
    let mut crowd = world();
    for number in 0..10 {
        let key = format!("AKIA{number}");
        let user = old(&format!("u{number}"), &key);
        let mark = format!("lamplighter:deactivate-after:{key}");
        crowd.add_user(
            ACCOUNT,
            if number < 4 {
                user.tag(&mark, "2026-11-15T10:00:00Z")
            } else {
                user
            },
        );
    }
    let aws = serve(crowd);
    let dry = run(&aws, "audit-access-keys", APPLY, &["--dry-run"])
        .code(0)
        .json();
    assert_eq!(dry["summary"]["planned"], 10);
    let refused = round(&aws, APPLY).code(1).json();
    let why = "the plan switches off 4 of 10 active access keys in account 123456789012 (40%), the limit is 30%";
    assert!(
        refused["would_refuse"].to_string().contains(why),
        "{}",
        refused["would_refuse"]
    );
    assert!(changing(&aws).is_empty());
}
