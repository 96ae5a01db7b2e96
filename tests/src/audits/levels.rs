//! The three levels of every function, by hand, in Lambda and by the daemon: what each may touch, by the call log.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::Utc;
use lamplighter_local_aws::LocalAws;
use serde_json::json;

use super::worlds::{BUCKET, REGION, TOPIC, everything};
use crate::daemon::due_soon;
use crate::harness::{Lamplighter, serve};
use crate::runtime_api::Lambda;

/// Every scheduled function, with what makes it act and how often it does so in this account.
const FUNCTIONS: [(&str, &str, usize); 5] = [
    ("stop-untagged", "", 2),
    ("audit-mfa", "remediate = \"deny-until-mfa\"", 2),
    ("audit-access-keys", "remediate = \"deactivate\"", 2),
    ("audit-security-groups", "remediate = \"revoke\"", 2),
    ("report-certificates", "", 0),
];

/// Everything that could be sent is to be sent, and everything that could be done is to be done.
fn config(mode: &str, more: &str) -> String {
    let mut config = format!(
        "[aws]\nregions = [\"{REGION}\"]\n[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\n\
         mail = \"always\"\ntopic = \"{TOPIC}\"\n"
    );
    for (function, section, _) in FUNCTIONS {
        let limits = if function == "report-certificates" {
            ""
        } else {
            "max_percent = 100"
        };
        config.push_str(&format!(
            "[{function}]\nmode = \"{mode}\"\n{section}\n{limits}\n{more}\n"
        ));
    }
    config
}

fn with_state(mode: &str) -> String {
    format!(
        "{}[state]\nurl = \"s3://{BUCKET}/lamp\"\n",
        config(mode, "")
    )
}

/// The calls that would change something, each once.
fn changing(aws: &LocalAws) -> BTreeSet<String> {
    let calls = aws.calls().into_iter().filter(|call| call.changes);
    calls.map(|call| call.name()).collect()
}

#[track_caller]
fn is_untouched(aws: &LocalAws, function: &str) {
    assert!(!aws.calls().is_empty(), "{function} looked");
    assert_eq!(changing(aws), BTreeSet::new(), "{function}");
    assert!(aws.mails().is_empty() && aws.published().is_empty());
    assert_eq!(aws.with(|world| world.keys(BUCKET).len()), 0);
}

#[test]
fn a_dry_run_by_hand_changes_stores_and_sends_nothing() {
    for (function, _, actions) in FUNCTIONS {
        let aws = serve(everything(Utc::now()));
        let run = Lamplighter::new(["run", function, "--dry-run", "--format", "json"])
            .on(&aws)
            .config(&with_state("apply"))
            .run()
            .code(0)
            .json();
        assert_eq!(run["mode"], "dry-run");
        assert_eq!(run["summary"]["planned"], actions, "{function}: {run}");
        is_untouched(&aws, function);

        // The same without the flag does all that, or this test would see nothing.
        let run = Lamplighter::new(["run", function, "--format", "json"])
            .on(&aws)
            .config(&with_state("apply"))
            .run()
            .code(0)
            .json();
        assert_eq!(run["summary"]["done"], actions, "{function}: {run}");
        assert!(!aws.mails().is_empty() && !aws.published().is_empty());
        assert!(aws.with(|world| world.keys(BUCKET).len()) > 0);
    }
}

#[test]
fn a_dry_run_in_lambda_changes_stores_and_sends_nothing() {
    for (function, _, actions) in FUNCTIONS {
        let aws = serve(everything(Utc::now()));
        let lambda = Lambda::start(function, &aws, &with_state("apply"), &[]);
        let event = json!({
            "metadata": {"source": "scheduler", "trigger": "schedule", "slot": "2026-11-22T06:00:00Z", "dry_run": true},
            "data": {}
        });
        let answer = lambda.invoke(&event).response();
        lambda.end();
        assert_eq!(answer["code"], 0, "{function}: {answer}");
        assert_eq!(answer["data"]["mode"], "dry-run");
        assert_eq!(answer["data"]["summary"]["planned"], actions, "{function}");
        is_untouched(&aws, function);
    }
}

#[test]
fn a_plan_by_hand_delivers_its_report_and_changes_nothing_else() {
    for (function, _, actions) in FUNCTIONS {
        let aws = serve(everything(Utc::now()));
        let run = Lamplighter::new(["run", function, "--format", "json"])
            .on(&aws)
            .config(&config("plan", ""))
            .run()
            .code(0)
            .json();
        assert_eq!(run["mode"], "plan");
        assert_eq!(run["summary"]["planned"], actions, "{function}: {run}");
        let delivered = ["ses:SendEmail", "sns:Publish"].map(str::to_owned);
        assert_eq!(changing(&aws), BTreeSet::from(delivered), "{function}");
        assert_eq!((aws.mails().len(), aws.published().len()), (1, 1));
        assert_eq!(aws.mails()[0].to, ["security@example.com"], "no owner");
    }
}

/// The daemon has no dry run: the most careful it can be is a plan.
#[test]
fn a_plan_by_the_daemon_delivers_every_report_and_keeps_its_state_and_changes_nothing_else() {
    let aws = serve(everything(Utc::now()));
    let (mut daemon, _) = due_soon(|schedule| {
        let config = config("plan", &format!("schedule = \"{schedule}\""));
        Lamplighter::new(["daemon"])
            .on(&aws)
            .config(&format!("{config}[state]\nurl = \"s3://{BUCKET}/lamp\"\n"))
    });
    daemon.until("five runs", Duration::from_secs(90), |log| {
        log.matches("the run ends").count() == FUNCTIONS.len()
    });
    daemon.signal("TERM");
    daemon.ended(Duration::from_secs(60)).code(0);
    // Claims of slots are given back, or kept, in the state; nothing else is deleted or stored.
    let allowed = [
        "s3:DeleteObject",
        "s3:PutObject",
        "ses:SendEmail",
        "sns:Publish",
    ];
    for call in aws.calls().iter().filter(|call| call.changes) {
        assert!(allowed.contains(&call.name().as_str()), "{call:?}");
        let is_state = call.service != "s3"
            || call
                .resources
                .iter()
                .all(|name| name.starts_with("acme-state/lamp/"));
        assert!(is_state, "{call:?}");
    }
    let count = FUNCTIONS.len();
    assert_eq!((aws.mails().len(), aws.published().len()), (count, count));
    for (function, _, actions) in FUNCTIONS {
        let key = format!("lamp/runs/{function}/latest.json");
        let body = aws.with(|world| world.object(BUCKET, &key).map(|kept| kept.body.clone()));
        let run: serde_json::Value =
            serde_json::from_slice(&body.expect("the run was recorded")).expect("JSON");
        assert_eq!(
            (&run["mode"], &run["trigger"]),
            (&json!("plan"), &json!("schedule"))
        );
        assert_eq!(run["summary"]["planned"], actions, "{function}: {run}");
        assert_eq!(run["summary"]["done"], 0);
    }
}
