//! The daemon on the example of everything: the same file that the template is made of, with the credentials of
//! `policies/daemon.json`, and each function under a role with its own document of `policies/`.
//!
//! What the machine and the day say is set beside the file, in the environment: the folder, when everything is due, and
//! no addresses outside of this machine.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{
    ComputePlatform, Fault, FaultKind, LocalAws, Notification, Permission, World,
};
use serde_json::Value;

use super::{PATIENCE, due_soon};
use crate::archive_mail::stage::mail;
use crate::deploy_bundles::stage::bundle;
use crate::harness::{Lamplighter, root, serve};
use crate::process::Process;
use crate::resize_images::stage::fixture;

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";
const REGION: &str = "eu-west-1";
/// The user whom the daemon works as.
const KEY: &str = "AKIADAEMON0000000001";
const USER: &str = "arn:aws:iam::111122223333:user/daemon";
/// Everything that the example configures.
const FUNCTIONS: [&str; 8] = [
    "archive-mail",
    "audit-access-keys",
    "audit-mfa",
    "audit-security-groups",
    "deploy-bundles",
    "report-certificates",
    "resize-images",
    "stop-untagged",
];
/// A queue for each function that takes events, what fills it, and an object that sets it off.
const QUEUES: [(&str, &str, &str); 3] = [
    ("bundles", "acme-releases", "apps/shop/live/a.zip"),
    ("images", "acme-photos", "in/a.jpg"),
    ("mail", "acme-mail-in", "inbox/a"),
];

fn document(name: &str) -> String {
    let path = root().join(format!("policies/{name}.json"));
    std::fs::read_to_string(path).expect("it is there")
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// What the example names: two accounts with their roles, buckets, queues, a topic, a sender.
fn world(policy: &str) -> World {
    let target = |account: &str| format!("arn:aws:iam::{account}:role/lamplighter-target");
    let mut world = World::new(ACCOUNT, Utc::now())
        .regions(&[REGION, "eu-central-1", "us-east-1"])
        .assumable_role(&target(ACCOUNT), None)
        .assumable_role(&target(OTHER), Some("acme-lamplighter"))
        .topic("arn:aws:sns:eu-west-1:111122223333:lamplighter")
        .verified_identity("example.com")
        .deployment_group(ACCOUNT, REGION, "shop", "live", ComputePlatform::Server)
        .enforced_user(KEY, ACCOUNT, "daemon", policy);
    for bucket in [
        "acme-lamplighter",
        "acme-mail-archive",
        "acme-photos-resized",
    ] {
        world = world.bucket(ACCOUNT, REGION, bucket);
    }
    for (queue, bucket, key) in QUEUES {
        let prefix = key.split_once('/').expect("a prefix").0;
        let tells = Notification::to(&queue_arn(queue), &["s3:ObjectCreated:*"]);
        world = world
            .queue(ACCOUNT, REGION, queue)
            .bucket(ACCOUNT, REGION, bucket)
            .notification(bucket, tells.prefix(&format!("{prefix}/")));
    }
    for function in FUNCTIONS {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/lamplighter-{function}");
        world = world
            .assumable_role(&role, None)
            .identity_policy(&role, &document(function));
    }
    world.versioned("acme-releases")
}

/// One object in each of the sources; S3 tells the queues.
fn upload(aws: &LocalAws) {
    aws.with(|world| {
        for (queue, bucket, key) in QUEUES {
            let body = match queue {
                "bundles" => bundle("1"),
                "images" => fixture("plain.jpg"),
                _ => mail(),
            };
            world.store_object(bucket, key, &body);
        }
    });
}

struct Stage {
    aws: LocalAws,
    state: tempfile::TempDir,
}

impl Stage {
    fn new(policy: &str) -> Self {
        Self {
            aws: serve(world(policy)),
            state: tempfile::tempdir().expect("a folder"),
        }
    }

    /// `lamplighter COMMAND` with the example itself.
    fn program(&self, command: &str, schedule: &str) -> Lamplighter {
        let everything = root().join("config/examples/everything.toml");
        let mut program = Lamplighter::new([command])
            .on(&self.aws)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("LAMPLIGHTER_DAEMON__STATE_DIR", self.state.path())
            .env("LAMPLIGHTER_REPORT_CERTIFICATES__ENDPOINTS", "[]")
            .arg("--config")
            .arg(everything);
        for function in FUNCTIONS {
            let section = function.to_uppercase().replace('-', "_");
            program = program
                .env(&format!("LAMPLIGHTER_{section}__SCHEDULE"), schedule)
                .env(&format!("LAMPLIGHTER_{section}__ZONE"), "UTC");
        }
        program
    }

    fn start(&self) -> (Process, DateTime<Utc>) {
        due_soon(|schedule| self.program("daemon", schedule))
    }

    /// What the daemon's own credentials were needed for.
    fn used(&self) -> Vec<Permission> {
        let calls = self.aws.calls().into_iter();
        let own = calls.filter(|call| call.principal == USER);
        own.flat_map(|call| call.permissions).collect()
    }

    fn keys(&self, bucket: &str) -> Vec<String> {
        self.aws.with(|world| {
            let keys = world.keys(bucket).into_iter();
            keys.map(str::to_owned).collect()
        })
    }

    fn waiting(&self) -> usize {
        let queues = QUEUES.iter();
        self.aws.with(|world| {
            queues
                .map(|(queue, ..)| world.messages(&queue_arn(queue)).len())
                .sum()
        })
    }
}

/// What the log says of calls that were refused.
fn lines_of_trouble(log: &str) -> Vec<&str> {
    let refusals = ["not allowed to call", "not authorized to perform"];
    log.lines()
        .filter(|line| refusals.iter().any(|words| line.contains(words)))
        .collect()
}

/// The actions and resources of the document, without conditions.
fn allowed(document: &Value) -> Vec<(String, Vec<String>, Vec<String>)> {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().expect("a list").iter();
        list.map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    };
    let statements = document["Statement"].as_array().expect("statements").iter();
    statements
        .map(|one| {
            let sid = one["Sid"].as_str().expect("a Sid").to_owned();
            (sid, texts(&one["Action"]), texts(&one["Resource"]))
        })
        .collect()
}

#[test]
fn it_runs_every_function_and_every_queue_of_the_example_under_exactly_its_policy() {
    let policy = document("daemon");
    let stage = Stage::new(&policy);
    // A deployment that cannot be started yet: its message is given back for a while.
    let refused = Fault::new("codedeploy:CreateDeployment", FaultKind::Denied);
    stage.aws.inject(refused);
    upload(&stage.aws);
    let (mut daemon, due) = stage.start();
    daemon.until("what can be done", PATIENCE, |_| stage.waiting() == 1);
    let is_given_back = |one: &Permission| one.action == "sqs:ChangeMessageVisibility";
    daemon.until("the bundle to be given back", PATIENCE, |_| {
        stage.used().iter().any(is_given_back)
    });
    stage.aws.clear_faults();
    stage.aws.advance(chrono::TimeDelta::minutes(20));
    daemon.until("the deployment", PATIENCE, |_| stage.waiting() == 0);
    assert_eq!(
        stage
            .aws
            .with(|world| world.deployments("shop", "live").len()),
        1
    );
    let archived = stage.keys("acme-mail-archive");
    assert!(
        archived.iter().any(|key| key.ends_with(".eml")),
        "{archived:?}"
    );
    let resized = stage.keys("acme-photos-resized");
    assert_eq!(resized.len(), 3, "{resized:?}");

    // Every function had its tick, too.
    let schedule = format!("at({})", due.format("%Y-%m-%dT%H:%M:%S"));
    let mut ended = BTreeSet::new();
    daemon.until("every tick", Duration::from_secs(120), |_| {
        let history = stage.program("history", &schedule);
        let rows = history.args(["--format", "json"]).run().json();
        ended = rows
            .as_array()
            .expect("rows")
            .iter()
            .filter(|row| row["slot"].is_string() && row["outcome"] == "ok")
            .map(|row| row["function"].as_str().expect("a name").to_owned())
            .collect();
        ended.len() == FUNCTIONS.len()
    });
    daemon.signal("TERM");
    let log = daemon.ended(PATIENCE).code(0).stderr;
    let told = lines_of_trouble(&log);
    assert!(
        told.iter()
            .all(|line| line.contains("`codedeploy:CreateDeployment`")),
        "{told:#?}"
    );

    // Exactly its policy: nothing is denied, and every action and resource of it was needed.
    let used = stage.used();
    let denied: Vec<&Permission> = used.iter().filter(|one| one.is_denied).collect();
    assert!(denied.is_empty(), "{denied:?}");
    let policy: Value = serde_json::from_str(&policy).expect("JSON");
    for (sid, actions, resources) in allowed(&policy) {
        let by = |one: &&Permission| one.allowed_by.contains(&sid);
        for action in actions {
            let is_used = used.iter().filter(by).any(|one| one.action == action);
            assert!(is_used, "nothing needed {action} of {sid}");
        }
        for resource in resources {
            let is_used = used.iter().filter(by).any(|one| one.is_about(&resource));
            assert!(is_used, "nothing needed {resource} of {sid}");
        }
    }
}

#[test]
fn without_any_one_action_of_its_policy_it_says_which_one() {
    let policy: Value = serde_json::from_str(&document("daemon")).expect("JSON");
    for (sid, actions, _) in allowed(&policy) {
        for action in actions {
            let mut less = policy.clone();
            let statements = less["Statement"].as_array_mut().expect("statements");
            for statement in statements.iter_mut().filter(|one| one["Sid"] == *sid) {
                let list = statement["Action"].as_array_mut().expect("actions");
                list.retain(|one| *one != *action);
            }
            statements.retain(|one| one["Action"] != serde_json::json!([]));
            let stage = Stage::new(&less.to_string());
            let refused = Fault::new("codedeploy:CreateDeployment", FaultKind::Denied);
            stage.aws.inject(refused);
            upload(&stage.aws);
            // Nothing is due for years: the queues alone are enough to need every action.
            let mut daemon = Process::start(stage.program("daemon", "cron(0 7 1 1 ? 2199)"));
            daemon.until(&format!("a word on {action}"), PATIENCE, |log| {
                let told = lines_of_trouble(log);
                told.iter().any(|line| line.contains(&action))
            });
            daemon.signal("TERM");
            daemon.ended(PATIENCE);
        }
    }
}
