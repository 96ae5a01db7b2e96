//! `action = "terminate"`: what it ends, what it spares, and that its warning says so.

use expect_test::expect;
use lamplighter_local_aws::Instance;

use super::stage::{MARK, Stage, outcome};

const DUE: &str = "2026-11-15T10:00:00Z";

#[test]
fn terminating_takes_what_stopping_cannot_and_spares_what_would_come_back() {
    let due = |id: &str| Instance::new(id).tag(MARK, DUE);
    let stage = Stage::with([
        due("i-a-plain"),
        due("i-b-store").instance_store(),
        due("i-c-one-time").spot_one_time(),
        due("i-d-persistent").spot_persistent(),
        due("i-e-protected").termination_protected(),
        due("i-f-stop-protected").stop_protected(),
        due("i-g-managed").managed_by("eks.amazonaws.com"),
        due("i-h-group").auto_scaling_group("web"),
    ])
    .config("action = \"terminate\"\nmax_percent = 100");
    expect![[r#"
        apply ok
        terminate-instance i-a-plain: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        terminate-instance i-b-store: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        terminate-instance i-c-one-time: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        terminate-instance i-e-protected: vetoed: protected: The instance 'i-e-protected' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again
        terminate-instance i-f-stop-protected: vetoed: protected: The instance 'i-f-stop-protected' may not be terminated. Modify its 'disableApiStop' instance attribute and try again
        skip i-d-persistent: its persistent spot request would start another one
        skip i-g-managed: managed by `eks.amazonaws.com`
        skip i-h-group: member of Auto Scaling group `web`
    "#]].assert_eq(&stage.told());
    let states: Vec<String> = [
        "i-a-plain",
        "i-b-store",
        "i-c-one-time",
        "i-d-persistent",
        "i-e-protected",
        "i-f-stop-protected",
        "i-g-managed",
        "i-h-group",
    ]
    .iter()
    .map(|id| format!("{id} {}", stage.state(id)))
    .collect();
    expect![[r#"
        i-a-plain shutting-down
        i-b-store shutting-down
        i-c-one-time shutting-down
        i-d-persistent running
        i-e-protected running
        i-f-stop-protected running
        i-g-managed running
        i-h-group running"#]]
    .assert_eq(&states.join("\n"));
}

#[test]
fn stopping_spares_what_cannot_be_stopped() {
    let due = |id: &str| Instance::new(id).tag(MARK, DUE);
    let stage = Stage::with([
        due("i-a-store").instance_store(),
        due("i-b-one-time").spot_one_time(),
        due("i-c-persistent").spot_persistent(),
        due("i-d-termination-protected").termination_protected(),
    ]);
    expect![[r#"
        apply ok
        stop-instance i-c-persistent: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        stop-instance i-d-termination-protected: done: lacks `cost_center`; warned, and the time was up at 2026-11-15 10:00 UTC
        skip i-a-store: its root device is an instance store, which EC2 cannot stop
        skip i-b-one-time: one-time spot instance, which EC2 can only terminate
    "#]].assert_eq(&stage.told());
}

#[test]
fn one_protected_instance_spares_only_itself_in_every_zone() {
    let due = |id: &str, zone: &str| Instance::new(id).tag(MARK, DUE).availability_zone(zone);
    let stage = Stage::with([
        due("i-1", "eu-west-1a"),
        due("i-2", "eu-west-1a").termination_protected(),
        due("i-3", "eu-west-1b"),
        due("i-4", "eu-west-1a"),
        due("i-5", "eu-west-1c").termination_protected(),
    ])
    .config("action = \"terminate\"\nmax_percent = 100");
    let run = stage.round().code(0).json();
    let outcomes: Vec<Option<&str>> = ["i-1", "i-2", "i-3", "i-4", "i-5"]
        .iter()
        .map(|id| outcome(&run, id))
        .collect();
    assert_eq!(
        outcomes,
        [
            Some("done"),
            Some("vetoed"),
            Some("done"),
            Some("done"),
            Some("vetoed")
        ]
    );
    for (id, state) in [
        ("i-1", "shutting-down"),
        ("i-2", "running"),
        ("i-3", "shutting-down"),
        ("i-4", "shutting-down"),
        ("i-5", "running"),
    ] {
        assert_eq!(stage.state(id), state, "{id}");
    }
    assert!(
        stage.count("ec2:TerminateInstances") <= 3,
        "one batch, two bad ids"
    );
}

#[test]
fn the_warning_of_a_termination_says_terminated_and_no_undo_is_promised() {
    let stage = Stage::with([Instance::new("i-1")]).config("action = \"terminate\"");
    stage.round().code(0);
    let text = stage.aws.mails()[0].text().replace("=\r\n", "");
    assert!(
        text.contains("terminated") && !text.contains("stopped"),
        "{text}"
    );
    stage.hours_pass(24);
    let run = stage.round().code(0).json();
    assert_eq!(
        (&run["actions"][0]["action"], &run["actions"][0]["undo"]),
        (&"terminate-instance".into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (stage.state("i-1"), stage.count("ec2:StopInstances")),
        ("shutting-down", 0)
    );
}
