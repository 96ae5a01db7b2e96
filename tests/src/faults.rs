//! The fault matrix: every call of a rich run fails in every way, once and for good, before and after its effect.
//!
//! After each failure nothing is lost and nothing is done twice, the report is true, the exit code and the words tell
//! which call it was and what to do; and a second run without the fault ends where the first one should have.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Call, Fault, FaultKind, Instance, LocalAws, When, World};
use serde_json::Value;

use crate::fault_matrix::{faults, must, operations, struck, told, try_all};
use crate::harness::{Lamplighter, Ran, serve};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
const MARK: &str = "lamplighter:stop-after";
const BUCKET: &str = "acme-state";
const ROLE: &str = "arn:aws:iam::123456789012:role/lamplighter-target";

/// As many attempts as it takes to see one healed, and as short as it takes to see a stall.
const ATTEMPTS: usize = 2;
const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1"]
max_attempts = 2
attempt_timeout_secs = 1
[[aws.accounts]]
id = "123456789012"
role = "arn:aws:iam::123456789012:role/lamplighter-target"
[state]
url = "s3://acme-state/lamp"
[report]
# A mail to an owner is a warning here, and nothing else.
to_owners = false
from = "ops@example.com"
to = ["security@example.com"]
mail = "always"
[stop-untagged]
mode = "apply"
max_percent = 100
"#;

/// The instances that are warned, each by its owner.
const WARNED: [(&str, &str); 2] = [("i-new1", "ann@example.com"), ("i-new2", "bob@example.com")];

/// One account with something to do of every kind, and something to leave alone of every kind.
fn world(now: DateTime<Utc>) -> World {
    let due = mark(now - Duration::hours(1));
    let wait = mark(now + Duration::hours(1));
    let instances = [
        Instance::new("i-due1").tag(MARK, &due),
        Instance::new("i-due2").tag(MARK, &due).spot_persistent(),
        Instance::new("i-good").tag("cost_center", "4711"),
        Instance::new("i-mended")
            .tag(MARK, &due)
            .tag("cost_center", "4711"),
        Instance::new("i-new1").tag("owner", WARNED[0].1),
        Instance::new("i-new2").tag("owner", WARNED[1].1),
        Instance::new("i-protected")
            .tag(MARK, &due)
            .stop_protected(),
        Instance::new("i-wait").tag(MARK, &wait),
    ];
    let world = World::new(ACCOUNT, now)
        .verified_identity("ops@example.com")
        .bucket(ACCOUNT, REGION, BUCKET)
        .assumable_role(ROLE, None);
    instances.into_iter().fold(world, |world, instance| {
        world.instance(ACCOUNT, REGION, instance)
    })
}

fn mark(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn run(aws: &LocalAws) -> Ran {
    let now = mark(aws.now());
    Lamplighter::new(["run", "stop-untagged", "--format", "json", "--now", &now])
        .on(aws)
        .config(CONFIG)
        .run()
}

/// Every instance as it is now: `id state {tags}`.
fn fleet(aws: &LocalAws) -> BTreeMap<String, String> {
    aws.with(|world| {
        let seen = world.instances(ACCOUNT, REGION).into_iter();
        seen.map(|one| {
            (
                one.id.clone(),
                format!("{} {:?}", one.state.name(), one.tags),
            )
        })
        .collect()
    })
}

/// What a run without any fault does.
struct Reference {
    now: DateTime<Utc>,
    before: BTreeMap<String, String>,
    after: BTreeMap<String, String>,
    calls: Vec<Call>,
}

impl Reference {
    fn take() -> Self {
        // The SDK compares the end of a role's session with the machine's clock, so the account keeps to it.
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age");
        let aws = serve(world(now));
        let before = fleet(&aws);
        let run = run(&aws).code(0).json();
        assert_eq!(
            run["summary"]["done"], 5,
            "two warnings, one unmarking, two stops: {run}"
        );
        Self {
            now,
            before,
            after: fleet(&aws),
            calls: aws.calls(),
        }
    }
}

/// Lets `fault` strike a run, and runs again without it.
fn try_fault(reference: &Reference, fault: &Fault) -> Result<(), String> {
    let aws = serve(world(reference.now));
    aws.inject(fault.clone());
    let ran = run(&aws);
    aws.clear_faults();
    let result = after_the_fault(reference, fault, &aws, &ran);
    result.map_err(|what| told(&what, &ran))?;

    let again = run(&aws);
    after_the_second_run(reference, fault, &aws, &again)
        .map_err(|what| told(&format!("second run: {what}"), &again))
}

fn after_the_fault(
    reference: &Reference,
    fault: &Fault,
    aws: &LocalAws,
    ran: &Ran,
) -> Result<(), String> {
    let struck = struck(aws);
    must(struck > 0, || "the fault never struck".to_owned())?;
    must(struck <= ATTEMPTS * 3, || {
        format!("{struck} calls: a fault is not amplified")
    })?;
    is_harmless(reference, aws)?;
    let now_seen = fleet(aws);
    for row in ran
        .report()
        .iter()
        .flat_map(|run| run["actions"].as_array().into_iter().flatten())
    {
        is_true(row, reference, &now_seen)?;
    }

    let is_for_good = fault.when == When::Always;
    // Which regions are on is a convenience where they are named: the reads tell. The note says that it was denied.
    let is_convenience = fault.call == "ec2:DescribeRegions" && fault.kind == FaultKind::Denied;
    let text = format!("{}{}", ran.stdout, ran.stderr);
    match ran.code {
        Some(0) if is_convenience => must(text.contains(&fault.call), || {
            "the note names the call".to_owned()
        })?,
        Some(0) => {
            must(!is_for_good && fault.kind != FaultKind::Denied, || {
                "such a fault cannot heal".to_owned()
            })?;
            must(now_seen == reference.after, || {
                format!("it ended well with work undone: {now_seen:#?}")
            })?;
        }
        Some(1 | 4) => {
            must(text.contains(&format!("`{}`", fault.call)), || {
                format!("the message does not name `{}`", fault.call)
            })?;
            must(
                ran.stderr.lines().any(|line| line.starts_with("hint: ")),
                || "there is no way out".to_owned(),
            )?;
        }
        _ => return Err("an exit code for something else".to_owned()),
    }
    Ok(())
}

/// What must hold whatever happened.
fn is_harmless(reference: &Reference, aws: &LocalAws) -> Result<(), String> {
    let now_seen = fleet(aws);
    for (id, before) in &reference.before {
        let now = now_seen.get(id).map(String::as_str).unwrap_or("gone");
        must(now == before || now == reference.after[id], || {
            format!("{id} is {now}")
        })?;
    }
    let calls = aws.calls();
    for (id, owner) in WARNED {
        let is_marked = now_seen[id] == reference.after[id];
        let mails = aws.mails().iter().filter(|mail| mail.to == [owner]).count();
        must(!is_marked || mails > 0, || {
            format!("{id} was marked and its owner was not warned")
        })?;
        must(mails <= ATTEMPTS + 1, || {
            format!("{mails} warnings to the owner of {id}")
        })?;
    }
    for id in ["i-due1", "i-due2"] {
        let stops = calls.iter().filter(|call| {
            call.name() == "ec2:StopInstances" && call.fault.is_none() && call.status == 200
        });
        let stops = stops
            .filter(|call| call.resources.iter().any(|name| name == id))
            .count();
        must(stops <= 1, || format!("{id} was stopped {stops} times"))?;
    }
    let first = |name: &str| calls.iter().position(|call| call.name() == name);
    must(
        first("ec2:CreateTags").is_none() || first("ses:SendEmail") < first("ec2:CreateTags"),
        || "marked before the mail".to_owned(),
    )
}

/// A report that says `done` is right, and one that says `vetoed` too.
fn is_true(
    row: &Value,
    reference: &Reference,
    now_seen: &BTreeMap<String, String>,
) -> Result<(), String> {
    let id = row["resource"]
        .as_str()
        .and_then(|arn| arn.rsplit('/').next())
        .unwrap_or_default();
    let is_as_wanted = now_seen.get(id) == reference.after.get(id);
    match row["outcome"].as_str() {
        Some("done") => must(is_as_wanted, || format!("{id} is reported as done: {row}")),
        Some("vetoed") => must(id == "i-protected", || {
            format!("{id} is reported as vetoed: {row}")
        }),
        Some("failed") => must(
            row["reason"].as_str().is_some_and(|why| why.contains('`')),
            || format!("a failure without a call: {row}"),
        ),
        other => Err(format!("{id} has the outcome {other:?}")),
    }
}

fn after_the_second_run(
    reference: &Reference,
    fault: &Fault,
    aws: &LocalAws,
    again: &Ran,
) -> Result<(), String> {
    must(again.code == Some(0), || {
        "the second run does not end well".to_owned()
    })?;
    is_harmless(reference, aws)?;
    let end = fleet(aws);
    must(end == reference.after, || {
        format!("the second run did not end where the first should have: {end:#?}")
    })?;
    for (id, owner) in WARNED {
        let mails = aws.mails().iter().filter(|mail| mail.to == [owner]).count();
        // A mail more for each lost answer of SES, and one where the mark could not be written.
        let lost_answers = if fault.after_effect && fault.call == "ses:SendEmail" {
            ATTEMPTS
        } else {
            1
        };
        must((1..=1 + lost_answers).contains(&mails), || {
            format!("{mails} warnings to the owner of {id}")
        })?;
    }
    let reports = aws
        .mails()
        .iter()
        .filter(|mail| mail.to == ["security@example.com"])
        .count();
    must(reports > 0, || "no report was delivered".to_owned())?;
    let latest = aws.with(|world| {
        world
            .object(BUCKET, "lamp/runs/stop-untagged/latest.json")
            .map(|object| object.body.clone())
    });
    let latest: Value = serde_json::from_slice(&latest.unwrap_or_default())
        .map_err(|error| format!("the state: {error}"))?;
    must(latest["outcome"] == "ok", || {
        format!("the last recorded run: {latest}")
    })
}

#[test]
fn every_call_fails_in_every_way_and_nothing_is_lost_or_done_twice() {
    let reference = Reference::take();
    let operations = operations(&reference.calls);
    let faults = faults(&reference.calls);
    try_all(&faults, |fault| try_fault(&reference, fault));
    // A scenario that lost some of its calls would prove less than it says.
    assert_eq!(operations.len(), 12, "{operations:?}");
    assert!(faults.len() >= 200, "{} combinations", faults.len());
}
