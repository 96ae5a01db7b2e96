//! Many instances: one bad one spoils nothing, throttling multiplies nothing, and pages change nothing.

use std::collections::BTreeMap;

use lamplighter_local_aws::{Fault, FaultKind, Instance, InstanceState, World};

use super::stage::{ACCOUNT, MARK, REGION, Stage, outcome, rows, story, world};

const DUE: &str = "2026-11-15T10:00:00Z";
/// The limits out of the way: this is about the calls.
const UNLIMITED: &str = "max_actions = 100000\nmax_percent = 100\nmax_untagged_jump_percent = 100";

fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

/// What is wrong with the instance of this number in a fleet of which most can be stopped.
fn ailment(number: usize) -> &'static str {
    match number % 50 {
        7 => "stop-protected",
        13 => "one-time spot",
        19 => "group",
        23 => "managed",
        29 => "instance store",
        31 => "persistent spot",
        37 => "will be gone",
        41 => "will be stopping",
        43 => "will be protected",
        _ => "none",
    }
}

fn fleet(size: usize) -> World {
    (0..size).fold(world(), |world, number| {
        let due = Instance::new(&id(number)).tag(MARK, DUE);
        let instance = match ailment(number) {
            "stop-protected" => due.stop_protected(),
            "one-time spot" => due.spot_one_time(),
            "group" => due.auto_scaling_group("web"),
            "managed" => due.managed_by("eks.amazonaws.com"),
            "instance store" => due.instance_store(),
            "persistent spot" => due.spot_persistent(),
            _ => due,
        };
        world.instance(ACCOUNT, REGION, instance)
    })
}

/// The instances become what their ailment says, between plan and apply.
fn fall_ill(world: &mut World, size: usize) {
    for number in 0..size {
        let id = id(number);
        match ailment(number) {
            "will be gone" => {
                world.remove_instance(ACCOUNT, REGION, &id);
            }
            "will be stopping" => {
                world.set_instance_state(ACCOUNT, REGION, &id, InstanceState::Stopping);
            }
            "will be protected" => {
                world
                    .instance_mut(ACCOUNT, REGION, &id)
                    .expect("it is there")
                    .is_stop_protected = true;
            }
            _ => {}
        }
    }
}

#[test]
fn of_a_thousand_every_stoppable_one_stops_and_each_other_one_has_a_reason() {
    const SIZE: usize = 1000;
    // The SDK compares nothing with the machine's clock here: a plan file is made and applied at the account's time.
    let stage = Stage::of(fleet(SIZE)).config(UNLIMITED);
    let plan = tempfile::tempdir().expect("a folder");
    let file = plan.path().join("plan.json");
    let file = file.to_str().expect("a path of letters");
    stage
        .lamplighter(["plan", "stop-untagged", "--out", file])
        .code(0);
    stage.aws.with(|world| fall_ill(world, SIZE));
    let run = stage
        .lamplighter(["apply", file, "--format", "json"])
        .code(0)
        .json();

    let mut told = BTreeMap::new();
    for row in rows(&run, "actions").iter().chain(rows(&run, "skipped")) {
        let id = row["resource"]
            .as_str()
            .and_then(|arn| arn.rsplit('/').next())
            .expect("an id")
            .to_owned();
        let word = row["outcome"].as_str().unwrap_or("skipped").to_owned();
        assert!(
            row["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{row}"
        );
        assert!(told.insert(id.clone(), word).is_none(), "{id} is told once");
    }
    let mut bad = 0;
    for number in 0..SIZE {
        let (expected, state) = match ailment(number) {
            "none" | "persistent spot" => ("done", "stopping"),
            "one-time spot" | "group" | "managed" | "instance store" => ("skipped", "running"),
            "stop-protected" | "will be protected" => {
                bad += 1;
                ("vetoed", "running")
            }
            "will be stopping" => ("vetoed", "stopping"),
            _ => ("vanished", "gone"),
        };
        let id = id(number);
        assert_eq!(
            (told.get(&id).map(String::as_str), stage.state(&id)),
            (Some(expected), state),
            "{id}"
        );
    }
    let batches = SIZE.div_ceil(100);
    let calls = stage.count("ec2:StopInstances");
    assert!(
        calls <= batches + bad,
        "{calls} calls for {batches} batches and {bad} bad ids"
    );
    assert_eq!(stage.aws.mails().len(), 0, "nobody is warned again");
}

#[test]
fn a_thousand_new_offenders_are_one_mail_for_each_recipient() {
    let world = (0..120).fold(world(), |world, number| {
        let owner = format!("owner{}@example.com", number % 3);
        world.instance(
            ACCOUNT,
            REGION,
            Instance::new(&id(number)).tag("owner", &owner),
        )
    });
    let stage = Stage::of(world);
    let run = stage.round().code(0).json();
    assert_eq!(
        (&run["summary"]["done"], stage.aws.mails().len()),
        (&120.into(), 3)
    );
}

#[test]
fn a_throttle_storm_is_not_amplified_and_never_splits_a_batch() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::ServerError,
        FaultKind::Denied,
    ] {
        let stage = Stage::of(fleet(150)).whole_config(&format!(
            "[aws]\nmax_attempts = 2\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"never\"\n\
             [stop-untagged]\nmode = \"apply\"\n{UNLIMITED}\n"
        ));
        stage.aws.inject(Fault::new("ec2:StopInstances", kind));
        let run = stage.round().code(4).json();
        let stops: Vec<usize> = stage
            .aws
            .calls()
            .iter()
            .filter(|call| call.name() == "ec2:StopInstances")
            .map(|call| call.resources.len())
            .collect();
        let batches = rows(&run, "actions").len().div_ceil(100);
        assert!(
            stops.len() <= batches * 2,
            "{kind:?}: {} calls for {batches} batches",
            stops.len()
        );
        assert!(
            stops.iter().filter(|size| **size < 100).count() <= 2,
            "{kind:?}: no batch was split: {stops:?}"
        );
        assert!(
            rows(&run, "actions")
                .iter()
                .all(|row| row["outcome"] == "failed"),
            "{kind:?}"
        );
        assert!(
            (0..150).all(|number| stage.state(&id(number)) == "running"),
            "{kind:?}"
        );
    }
}

#[test]
fn a_storm_that_passes_is_ridden_out() {
    let stage = Stage::of(fleet(50)).config(UNLIMITED);
    stage
        .aws
        .inject(Fault::new("ec2:*", FaultKind::Throttle).first(2));
    stage
        .aws
        .inject(Fault::new("ec2:StopInstances", FaultKind::Throttle).first(2));
    let run = stage.round().code(0).json();
    assert_eq!(outcome(&run, &id(0)), Some("done"));
}

#[test]
fn a_root_on_ebs_is_told_by_its_type_not_by_its_name() {
    let due = |id: &str, root: &str| Instance::new(id).tag(MARK, DUE).root_device(root);
    let stage = Stage::with([
        due("i-1", "/dev/sda"),
        due("i-2", "/dev/sda2"),
        due("i-3", "/dev/nvme0n1"),
        due("i-4", "/dev/sda1").instance_store(),
        due("i-5", "/dev/xvda").instance_store(),
    ]);
    stage.round().code(0);
    let states: Vec<&str> = ["i-1", "i-2", "i-3", "i-4", "i-5"]
        .iter()
        .map(|id| stage.state(id))
        .collect();
    assert_eq!(
        states,
        ["stopping", "stopping", "stopping", "running", "running"]
    );
}

#[test]
fn pages_of_one_give_the_same_result() {
    let mixed = || {
        let fresh = (100..104).fold(fleet(60), |world, number| {
            world.instance(
                ACCOUNT,
                REGION,
                Instance::new(&id(number))
                    .tag("Name", "new")
                    .tag("owner", "ann@example.com"),
            )
        });
        fresh.instance(
            ACCOUNT,
            REGION,
            Instance::new(&id(200))
                .tag("cost_center", "1")
                .tag(MARK, DUE),
        )
    };
    let told = |world: World| {
        let stage = Stage::of(world).config(UNLIMITED);
        let told = stage.told();
        let after: Vec<String> = stage.aws.with(|world| {
            world
                .instances(ACCOUNT, REGION)
                .iter()
                .map(|seen| format!("{} {} {:?}", seen.id, seen.state.name(), seen.tags))
                .collect()
        });
        (told, after, stage.count("ec2:DescribeInstances"))
    };
    let (story_at_once, world_at_once, calls_at_once) = told(mixed());
    for world in [
        mixed().page_size(Some(1)),
        mixed().page_size(Some(1)).sparse_pages(),
        mixed().page_size(Some(7)).sparse_pages(),
    ] {
        let (story_by_page, world_by_page, calls_by_page) = told(world);
        assert_eq!(
            (&story_by_page, &world_by_page),
            (&story_at_once, &world_at_once)
        );
        assert!(
            calls_by_page > calls_at_once,
            "the pages were small: {calls_by_page}"
        );
    }
}

#[test]
fn half_of_a_region_is_no_basis_for_anything() {
    let stage = Stage::of(fleet(10).page_size(Some(3))).whole_config("[aws]\nmax_attempts = 1\n[report]\nfrom = \"ops@example.com\"\nto = [\"a@example.com\"]\nmail = \"never\"\n[stop-untagged]\nmode = \"apply\"\n");
    stage
        .aws
        .inject(Fault::new("ec2:DescribeInstances", FaultKind::ServerError).nth(2));
    let run = stage.round().code(4).json();
    assert_eq!(run["coverage"][0]["status"], "unreadable");
    assert!(
        rows(&run, "actions").is_empty() && stage.changing().is_empty(),
        "{}",
        story(&run)
    );
}
