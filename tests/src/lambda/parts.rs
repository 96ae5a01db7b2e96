//! A run that has no time for everything goes on in another invocation.

use std::time::Duration;

use lamplighter_local_aws::{Fault, FaultKind, LocalAws, World};
use serde_json::{Value, json};

use super::{ACCOUNT, account, old};
use crate::harness::serve;
use crate::runtime_api::Lambda;

pub const REGIONS: [&str; 6] = [
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-east-2",
];

/// Half of it is for beginning with regions, each of which takes two seconds or three: never all of them. A quarter is
/// for the last one.
pub const TIME: Duration = Duration::from_secs(18);

/// One region after another, each of which takes a while: its first answer never comes.
pub fn config(state: &str) -> String {
    config_with(state, "max_actions = 20")
}

fn config_with(state: &str, limit: &str) -> String {
    format!(
        "[aws]\nregions = {REGIONS:?}\nconcurrency = 1\nattempt_timeout_secs = 2\n{state}\n\
         [report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\nto_owners = false\n\
         [stop-untagged]\nmode = \"apply\"\ngrace_hours = 0\nmax_percent = 100\n{limit}\n"
    )
}

fn slow_account() -> LocalAws {
    let now = chrono::Utc::now();
    let world = World::new(ACCOUNT, now).verified_identity("ops@example.com");
    let world = REGIONS
        .iter()
        .enumerate()
        .fold(world, |world, (number, region)| {
            world.instance(ACCOUNT, region, old(&format!("i-{number:017x}"), now))
        });
    let aws = serve(world);
    for region in REGIONS {
        let stalls = Fault::new("ec2:DescribeInstances", FaultKind::Stall);
        aws.inject(stalls.in_region(region).first(1));
    }
    aws
}

fn tick() -> Value {
    json!({"metadata": {"source": "scheduler", "trigger": "schedule", "slot": "2026-11-22T06:00:00Z"}, "data": {}})
}

fn scopes(run: &Value) -> Vec<&str> {
    let coverage = run["coverage"].as_array().expect("a list");
    let mut scopes: Vec<&str> = coverage
        .iter()
        .filter(|row| row["status"] == "read")
        .map(|row| row["scope"].as_str().expect("a scope"))
        .collect();
    scopes.sort_unstable();
    scopes
}

/// Invokes until nothing is left, as Lambda would, and answers every part's answer.
fn all_parts(lambda: &Lambda, aws: &LocalAws) -> Vec<Value> {
    lambda.allow(TIME);
    let mut answers = vec![lambda.invoke(&tick()).response()];
    while let Some(next) = aws.with(|world| world.invocations().get(answers.len() - 1).cloned()) {
        assert!(
            next.function
                .starts_with("arn:aws:lambda:eu-west-1:111122223333:function:lamplighter"),
            "{}",
            next.function
        );
        answers.push(lambda.invoke(&next.event).response());
        assert!(
            answers.len() <= REGIONS.len(),
            "each part looks at one region at least"
        );
    }
    answers
}

#[test]
fn what_there_is_no_time_for_is_done_by_the_next_part_and_the_last_one_reports_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = slow_account();
    let state = format!("[state]\nurl = \"file://{}\"", folder.path().display());
    let lambda = Lambda::start("stop-untagged", &aws, &config(&state), &[]);
    let answers = all_parts(&lambda, &aws);
    assert!(answers.len() > 1, "there was time for everything");
    let (last, before) = answers.split_last().expect("there are parts");
    for (number, answer) in before.iter().enumerate() {
        let run = &answer["data"];
        assert_eq!(
            (&answer["status"], &answer["code"]),
            (&json!("partial"), &json!(4))
        );
        assert_eq!(run["part"]["number"], number + 1);
        assert!(run["part"]["left"].as_u64().expect("a number") > 0);
        assert_eq!(run["errors"][0]["scope"], "time", "{run:#}");
    }
    let whole = &last["data"];
    assert_eq!(last["status"], "ok", "{last:#}");
    assert_eq!(whole["part"]["left"], 0);
    assert_eq!(
        scopes(whole),
        REGIONS.map(|region| format!("{ACCOUNT}/{region}"))
    );
    assert_eq!(whole["summary"]["done"], REGIONS.len());
    assert_eq!(aws.mails().len(), 1, "one report for all parts");
    let latest = folder.path().join("runs/stop-untagged/latest.json");
    let latest = std::fs::read(latest).expect("the run is recorded");
    let latest: Value = serde_json::from_slice(&latest).expect("JSON");
    assert_eq!(scopes(&latest).len(), REGIONS.len());
    // Delivered twice: every part's slot is taken.
    let again = lambda.invoke(&tick()).response();
    assert_eq!(again["status"], "ok");
    assert_eq!(aws.mails().len(), 1);
    lambda.end();
}

#[test]
fn without_a_state_each_part_reports_for_itself() {
    let aws = slow_account();
    let lambda = Lambda::start("stop-untagged", &aws, &config(""), &[]);
    let answers = all_parts(&lambda, &aws);
    let mut seen: Vec<&str> = answers
        .iter()
        .flat_map(|answer| scopes(&answer["data"]))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, REGIONS.map(|region| format!("{ACCOUNT}/{region}")));
    assert_eq!(aws.mails().len(), answers.len());
    lambda.end();
}

/// The rest is left to the next round, but nothing of what was seen and done is left untold.
#[test]
fn a_run_that_cannot_go_on_ends_as_partial_and_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = slow_account();
    aws.inject(Fault::new("lambda:InvokeFunction", FaultKind::Denied));
    let state = format!("[state]\nurl = \"file://{}\"", folder.path().display());
    let lambda = Lambda::start("stop-untagged", &aws, &config(&state), &[]);
    lambda.allow(TIME);
    let answer = lambda.invoke(&tick()).response();
    let run = &answer["data"];
    assert_eq!(
        (&answer["status"], &run["outcome"]),
        (&json!("partial"), &json!("partial"))
    );
    let done = run["summary"]["done"].as_u64().expect("a number");
    let left = run["part"]["left"].as_u64().expect("a number");
    assert!(done > 0 && left > 0, "{run:#}");
    assert_eq!(aws.mails().len(), 1, "what was done is reported");
    let why = run["errors"][0]["message"].as_str().expect("a text");
    assert!(
        why.contains(&format!(
            "no time for {left} of {} places; the run ends here",
            REGIONS.len()
        )) && why.contains("lambda:InvokeFunction"),
        "{why}"
    );
    let latest = folder.path().join("runs/stop-untagged/latest.json");
    assert!(latest.exists(), "the run is recorded");
    lambda.end();
}

#[test]
fn the_limits_count_what_all_parts_would_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = slow_account();
    let state = format!("[state]\nurl = \"file://{}\"", folder.path().display());
    // One part alone does not come so far.
    let config = config_with(&state, "max_actions = 5");
    let lambda = Lambda::start("stop-untagged", &aws, &config, &[]);
    let answers = all_parts(&lambda, &aws);
    assert!(answers.len() > 1, "there was time for everything");
    let whole = &answers.last().expect("a part")["data"];
    assert_eq!(whole["outcome"], "refused", "{whole:#}");
    let done = whole["summary"]["done"].as_u64().expect("a number");
    assert!(done <= 5, "{done} were stopped");
    let why = whole["would_refuse"].as_str().expect("a reason");
    assert!(
        why.contains("stops 6 of 6 running instances") && why.contains("`max_actions`"),
        "{why}"
    );
    lambda.end();
}

#[test]
fn a_continuation_that_nobody_handed_on_is_refused() {
    let aws = account();
    let lambda = Lambda::start("stop-untagged", &aws, super::CONFIG, &[]);
    let event = json!({"metadata": {"continuation": {"chain": "../../x", "part": 2, "done": []}}});
    let answer = lambda.invoke(&event).response();
    assert_eq!(answer["status"], "failed");
    assert!(
        answer["message"]
            .as_str()
            .expect("a line")
            .contains("metadata.continuation")
    );
    lambda.end();
}
