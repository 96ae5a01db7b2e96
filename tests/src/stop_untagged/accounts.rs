//! Regions and accounts: what is off is left out, what cannot be read is said, and each is judged for itself.

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{Fault, FaultKind, Instance, World};
use serde_json::Value;

use super::stage::{ACCOUNT, MARK, REGION, Stage, rows, story, world};

const OTHER: &str = "210987654321";
const THIRD: &str = "345678901234";

/// `<scope> <status>` for everything that was looked at, in order.
fn coverage(run: &Value) -> Vec<String> {
    let mut lines: Vec<String> = rows(run, "coverage")
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["scope"].as_str().unwrap_or("-"),
                row["status"].as_str().unwrap_or("-")
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The configuration of a round without mail but for warnings, and these lines in `[aws]`.
fn config(aws: &str) -> String {
    format!(
        "[aws]\nmax_attempts = 1\n{aws}\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"never\"\n\
         [stop-untagged]\nmode = \"apply\"\n"
    )
}

#[test]
fn regions_that_are_off_are_left_out_and_a_typing_error_is_not() {
    let stage = Stage::of(world()).whole_config(&config(
        r#"regions = ["eu-west-1", "af-south-1", "eu-wets-1"]"#,
    ));
    let run = stage.round().code(4).json();
    assert_eq!(
        coverage(&run),
        [
            "123456789012/eu-west-1 read",
            "123456789012/eu-wets-1 unreadable"
        ]
    );
    let notes = run["notes"].to_string();
    assert!(notes.contains("not enabled: af-south-1"), "{notes}");
}

#[test]
fn all_regions_are_those_that_are_on() {
    let world = world()
        .regions(&["eu-west-1", "us-east-1"])
        .opt_in_region("af-south-1")
        .opted_in(ACCOUNT, "me-central-1")
        .instance(
            ACCOUNT,
            "us-east-1",
            Instance::new("i-1").tag(MARK, "2026-11-15T10:00:00Z"),
        )
        .instance(
            ACCOUNT,
            "me-central-1",
            Instance::new("i-2").tag(MARK, "2026-11-15T10:00:00Z"),
        );
    let stage = Stage::of(world).whole_config(&config("regions = [\"all\"]"));
    let run = stage.round().code(0).json();
    assert_eq!(
        coverage(&run),
        [
            "123456789012/eu-west-1 read",
            "123456789012/me-central-1 read",
            "123456789012/us-east-1 read"
        ]
    );
    let stops: Vec<String> = stage
        .changing()
        .iter()
        .map(|call| format!("{} {} {:?}", call.region, call.name(), call.resources))
        .collect();
    assert_eq!(stops.len(), 2, "one call in each region: {stops:?}");
}

#[test]
fn the_flag_chooses_the_region_and_one_that_cannot_be_read_hides_no_other() {
    let world = world()
        .instance(
            ACCOUNT,
            REGION,
            Instance::new("i-1").tag(MARK, "2026-11-15T10:00:00Z"),
        )
        .instance(
            ACCOUNT,
            "us-east-1",
            Instance::new("i-2").tag(MARK, "2026-11-15T10:00:00Z"),
        );
    let stage = Stage::of(world).whole_config(&config(""));
    stage
        .aws
        .inject(Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region(REGION));
    let ran = stage
        .lamplighter([
            "run",
            "stop-untagged",
            "--format",
            "json",
            "--region",
            REGION,
            "--region",
            "us-east-1",
        ])
        .code(4);
    let run = ran.json();
    assert_eq!(
        coverage(&run),
        [
            "123456789012/eu-west-1 unreadable",
            "123456789012/us-east-1 read"
        ]
    );
    assert!(
        story(&run).contains("not allowed to call `ec2:DescribeInstances`"),
        "{}",
        story(&run)
    );
    assert!(ran.stderr.contains("hint: attach"), "{}", ran.stderr);
    assert_eq!(stage.state("i-1"), "running");
    assert_eq!(
        stage.aws.with(|world| world
            .find_instance(ACCOUNT, "us-east-1", "i-2")
            .map(|seen| seen.state.name())),
        Some("stopping")
    );
}

/// Three accounts: one by a role, one by a role that asks for an external id, and the caller's own, which is not
/// configured. The SDK compares the end of a role's session with the machine's clock, so this world keeps to it.
fn three_accounts(now: DateTime<Utc>) -> World {
    let due = |id: &str| Instance::new(id).tag(MARK, "2020-01-01T00:00:00Z");
    let due = |id: &str| {
        let mut due = due(id);
        due.tags.insert(
            MARK.to_owned(),
            super::stage::mark(now - chrono::Duration::hours(1)),
        );
        due
    };
    World::new(ACCOUNT, now)
        .verified_identity("ops@example.com")
        .assumable_role("arn:aws:iam::210987654321:role/lamplighter-target", None)
        .assumable_role(
            "arn:aws:iam::345678901234:role/lamplighter-target",
            Some("right"),
        )
        .instance(ACCOUNT, REGION, due("i-own"))
        .instance(OTHER, REGION, due("i-other"))
        .instance(OTHER, REGION, Instance::new("i-new"))
        .instance(THIRD, REGION, due("i-third"))
}

fn accounts(external_id: &str) -> String {
    format!(
        r#"regions = ["{REGION}"]
[[aws.accounts]]
id = "{OTHER}"
role = "arn:aws:iam::{OTHER}:role/lamplighter-target"
[[aws.accounts]]
id = "{THIRD}"
role = "arn:aws:iam::{THIRD}:role/lamplighter-target"
external_id = "{external_id}"
"#
    )
}

fn machine_s_now() -> DateTime<Utc> {
    // A whole second, as marks are.
    DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age")
}

#[test]
fn several_accounts_are_reached_by_roles_under_the_run_s_name() {
    let stage =
        Stage::of(three_accounts(machine_s_now())).whole_config(&config(&accounts("right")));
    let run = stage.round().code(0).json();
    assert_eq!(
        coverage(&run),
        ["210987654321/eu-west-1 read", "345678901234/eu-west-1 read"]
    );
    assert_eq!(
        run["account"]["id"], ACCOUNT,
        "the top names the caller's account"
    );
    let run_id = run["run_id"].as_str().expect("an id");
    for call in stage
        .aws
        .calls()
        .iter()
        .filter(|call| call.service == "ec2")
    {
        let session = format!(
            "arn:aws:sts::{}:assumed-role/lamplighter-target/lamplighter-{run_id}",
            call.account
        );
        assert_eq!(
            call.principal, session,
            "CloudTrail shows which run made a call"
        );
    }
    let states = stage.aws.with(|world| {
        [(ACCOUNT, "i-own"), (OTHER, "i-other"), (THIRD, "i-third")].map(|(account, id)| {
            world
                .find_instance(account, REGION, id)
                .map(|seen| seen.state.name())
        })
    });
    assert_eq!(
        states,
        [Some("running"), Some("stopping"), Some("stopping")],
        "the caller's own is not configured"
    );
    let mail = &stage.aws.mails()[0];
    assert_eq!(
        (mail.account.as_str(), mail.to.as_slice()),
        (ACCOUNT, ["security@example.com".to_owned()].as_slice())
    );
    assert!(
        mail.text().contains(OTHER) && mail.text().contains("i-new"),
        "{}",
        mail.text()
    );
}

#[test]
fn a_wrong_external_id_makes_that_account_unreadable_and_no_other() {
    let stage =
        Stage::of(three_accounts(machine_s_now())).whole_config(&config(&accounts("wrong-secret")));
    let ran = stage.round().code(4);
    let run = ran.json();
    assert_eq!(
        coverage(&run),
        [
            "210987654321/eu-west-1 read",
            "345678901234/regions unreadable"
        ]
    );
    let told = story(&run);
    assert!(told.contains("stop-instance i-other: done"), "{told}");
    assert!(
        told.contains("AssumeRole") && told.contains("AccessDenied"),
        "the reason names the call: {told}"
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert!(
        !told.contains("wrong-secret") && !ran.stderr.contains("wrong-secret"),
        "an external id is never printed"
    );
}

#[test]
fn a_role_of_another_account_than_the_configured_one_is_not_believed() {
    let lie = config(&format!(
        "regions = [\"{REGION}\"]\n[[aws.accounts]]\nid = \"{THIRD}\"\nrole = \"arn:aws:iam::{OTHER}:role/lamplighter-target\"\n"
    ));
    let stage = Stage::of(three_accounts(machine_s_now())).whole_config(&lie);
    let ran = stage.round();
    assert!(
        matches!(ran.code, Some(2 | 4)),
        "{:?}\n{}",
        ran.code,
        ran.stderr
    );
    assert_eq!(
        stage.count("ec2:DescribeInstances"),
        0,
        "nothing is read under a wrong name"
    );
}

#[test]
fn limits_hold_for_each_account_by_itself() {
    let now = machine_s_now();
    let due = super::stage::mark(now - chrono::Duration::hours(1));
    let fleet = |world: World, account: &str, due_ones: usize| {
        (0..10).fold(world, |world, n| {
            let id = format!("i-{}{n}", &account[..3]);
            let instance = Instance::new(&id);
            let instance = if n < due_ones {
                instance.tag(MARK, &due)
            } else {
                instance.tag("cost_center", "1")
            };
            world.instance(account, REGION, instance)
        })
    };
    let world = World::new(ACCOUNT, now)
        .verified_identity("ops@example.com")
        .assumable_role("arn:aws:iam::210987654321:role/lamplighter-target", None)
        .assumable_role(
            "arn:aws:iam::345678901234:role/lamplighter-target",
            Some("right"),
        );
    // 3 of 10 and 3 of 10: neither account is over its limit, though both together act on 6.
    let both = fleet(fleet(world, OTHER, 3), THIRD, 3);
    let stage = Stage::of(both).whole_config(&(config(&accounts("right")) + "max_actions = 3\n"));
    assert_eq!(stage.round().code(0).json()["summary"]["done"], 6);

    // 4 of 10 in one of them: that refuses the run, and names the account.
    let world = World::new(ACCOUNT, now)
        .verified_identity("ops@example.com")
        .assumable_role("arn:aws:iam::210987654321:role/lamplighter-target", None)
        .assumable_role(
            "arn:aws:iam::345678901234:role/lamplighter-target",
            Some("right"),
        );
    let stage = Stage::of(fleet(fleet(world, OTHER, 4), THIRD, 0))
        .whole_config(&config(&accounts("right")));
    let ran = stage.round().code(1);
    assert!(
        ran.stderr.contains(OTHER) && !ran.stderr.contains(THIRD),
        "{}",
        ran.stderr
    );
    assert!(stage.changing().is_empty());
}

#[test]
fn a_role_for_the_function_is_assumed_before_anything_else() {
    let role = "role = \"arn:aws:iam::210987654321:role/lamplighter-target\"\n";
    let world =
        three_accounts(machine_s_now()).verified_identity_in(OTHER, REGION, "ops@example.com");
    let stage = Stage::of(world).whole_config(&(config("") + role));
    let run = stage.round().code(0).json();
    assert_eq!(run["account"]["id"], OTHER);
    assert_eq!(coverage(&run), ["210987654321/eu-west-1 read"]);
}
