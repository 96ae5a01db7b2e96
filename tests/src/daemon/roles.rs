//! Least privilege on a VM: the daemon assumes the role of each function for each of its runs, and does nothing else by
//! itself than that and consuming its queues.

use std::collections::BTreeSet;

use chrono::{SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::{Call, InstanceState, LocalAws, Notification, World};

use super::{PATIENCE, lines};
use crate::harness::{Lamplighter, programs, serve};
use crate::lambda::{ACCOUNT, old, state_of_the_untagged};
use crate::process::Process;

const REGION: &str = "eu-west-1";
const KEY: &str = "AKIADAEMONOFTHETESTS";
const FUNCTIONS: [&str; 3] = ["archive-mail", "audit-mfa", "stop-untagged"];

fn config(schedule: &str) -> String {
    let role = |function: &str| format!("arn:aws:iam::{ACCOUNT}:role/lamplighter-{function}");
    let [mail, mfa, stop] = FUNCTIONS.map(role);
    format!(
        r#"
[aws]
regions = ["{REGION}"]
[state]
url = "s3://lamplighter-state/prod"
[stop-untagged]
mode = "apply"
role = "{stop}"
required_tags = ["cost_center"]
grace_hours = 0
max_percent = 100
schedule = "{schedule}"
[audit-mfa]
role = "{mfa}"
schedule = "{schedule}"
[archive-mail]
role = "{mail}"
sources = ["s3://acme-mail-in/inbox/"]
queues = ["https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/mail"]
archive_bucket = "acme-archive"
on_unauthenticated = "keep"
schedule = "cron(0 7 1 1 ? 2199)"
"#
    )
}

/// The account, where the daemon and its functions may do what is printed for them and nothing else.
fn account(config: &str) -> LocalAws {
    let policy = |name: &str| {
        let printed = Lamplighter::new(["policy", name]).config(config);
        printed.run().code(0).stdout
    };
    let now = Utc::now();
    let queue = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:mail");
    let notification = Notification::to(&queue, &["s3:ObjectCreated:*"]).prefix("inbox/");
    let mut world = World::new(ACCOUNT, now)
        .instance(ACCOUNT, REGION, old("i-0aaa0000000000002", now))
        .queue(ACCOUNT, REGION, "mail")
        .bucket(ACCOUNT, REGION, "lamplighter-state")
        .bucket(ACCOUNT, REGION, "acme-mail-in")
        .bucket(ACCOUNT, REGION, "acme-archive")
        .notification("acme-mail-in", notification)
        .enforced_user(KEY, ACCOUNT, "daemon", &policy("daemon"));
    for function in FUNCTIONS {
        let role = format!("lamplighter-{function}");
        world = world.enforced_role(ACCOUNT, &role, &policy(function));
    }
    let mail =
        b"From: ann@example.com\r\nTo: archive@example.com\r\nSubject: a mail\r\n\r\nHello\r\n";
    world.store_object("acme-mail-in", "inbox/1", mail);
    serve(world)
}

#[test]
fn each_run_assumes_its_function_s_role_with_its_own_id_and_works_by_nothing_else() {
    programs();
    let due = (Utc::now() + TimeDelta::seconds(8)).trunc_subsecs(0);
    let config = config(&format!("at({})", due.format("%Y-%m-%dT%H:%M:%S")));
    let aws = account(&config);
    let program = Lamplighter::new(["daemon"]).on(&aws);
    let program = program.env("AWS_ACCESS_KEY_ID", KEY).config(&config);
    let mut daemon = Process::start(program);
    daemon.until("the end of a run of each", PATIENCE, |log| {
        let ends = lines(&whole_lines(log)).into_iter();
        let ends = ends.filter(|line| line["message"] == "the run ends");
        let ended: BTreeSet<_> = ends.map(|line| line["function"].to_string()).collect();
        ended.len() == FUNCTIONS.len()
    });
    daemon.signal("TERM");
    let log = lines(&daemon.ended(PATIENCE).code(0).stderr);

    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);
    let archived = aws.with(|world| world.keys("acme-archive").len());
    assert!(archived > 0, "the mail is in the archive");
    let calls = aws.calls();
    let own = format!("arn:aws:iam::{ACCOUNT}:user/daemon");
    let mut others: Vec<&Call> = calls.iter().filter(|call| call.principal != own).collect();
    for function in FUNCTIONS {
        let mut runs = log
            .iter()
            .filter(|line| line["message"] == "the run begins" && line["function"] == function);
        let run_id = runs.next().expect("it ran")["run_id"].as_str();
        let run_id = run_id.expect("a run has an id");
        assert!(runs.next().is_none(), "{function} ran once");
        let role = format!("arn:aws:iam::{ACCOUNT}:role/lamplighter-{function}");
        let is_assumed = |call: &&Call| {
            (call.name().as_str(), call.status) == ("sts:AssumeRole", 200)
                && call.resources == [role.clone()]
        };
        let assumed: Vec<&Call> = calls.iter().filter(is_assumed).collect();
        assert_eq!(assumed.len(), 1, "{function}: {calls:#?}");
        assert_eq!(assumed[0].principal, own);
        let session = format!(
            "arn:aws:sts::{ACCOUNT}:assumed-role/lamplighter-{function}/lamplighter-{run_id}"
        );
        let services: BTreeSet<&str> = others
            .extract_if(.., |call| call.principal == session)
            .map(|call| call.service.as_str())
            .collect();
        let expected = match function {
            "archive-mail" => vec!["s3", "sts"],
            "audit-mfa" => vec!["iam", "s3", "sts"],
            _ => vec!["ec2", "s3", "sts"],
        };
        assert_eq!(services.into_iter().collect::<Vec<_>>(), expected);
    }
    assert!(others.is_empty(), "by nobody known: {others:#?}");
    for call in &calls {
        assert!(call.denied().is_none(), "{call:#?}");
        let is_own = call.principal == own;
        let is_for_own = call.service == "sqs" || call.action == "AssumeRole";
        assert_eq!(is_own, is_for_own, "{call:#?}");
    }
}

/// The last line may still be under way.
fn whole_lines(log: &str) -> String {
    let end = log.rfind('\n').map_or(0, |end| end + 1);
    log[..end].to_owned()
}
