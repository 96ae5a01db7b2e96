//! What functions share is shared by slots and deliveries alike.

use std::time::Duration;

use chrono::{SubsecRound, TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind};
use serde_json::Value;

use super::{CONFIG, PATIENCE, REGION, Stage, receive, stop, world};
use crate::daemon::{is_stalled, lines};
use crate::lambda::{ACCOUNT, old};
use crate::process::Process;

/// `archive-mail` by its queue and `stop-untagged` by its schedule, of which one may go on at once. A call that hangs
/// does so for a while.
fn config(schedule: &str) -> String {
    let config = CONFIG.replace("[aws]\n", "[aws]\nattempt_timeout_secs = 15\n");
    format!(
        "{config}[stop-untagged]\nrequired_tags = [\"cost_center\"]\nschedule = \"{schedule}\"\n\
         [[daemon.limits]]\ntag = \"one\"\nfunctions = [\"archive-mail\", \"stop-untagged\"]\nmax_runs = 1\n"
    )
}

const NEVER: &str = "cron(0 7 1 1 ? 2199)";

struct Running {
    stage: Stage,
    daemon: Process,
    file: std::path::PathBuf,
}

impl Running {
    fn start() -> Self {
        let instance = old("i-0aaa0000000000002", Utc::now());
        let stage = Stage::new(world().instance(ACCOUNT, REGION, instance));
        let program = stage.program("daemon", &config(NEVER));
        let file = program.folder().join("lamplighter.toml");
        let mut daemon = Process::start(program);
        daemon.until("the daemon to run", PATIENCE, |log| {
            log.contains("the daemon runs")
        });
        Self {
            stage,
            daemon,
            file,
        }
    }

    /// Gives the slot a time soon, and waits until that is over.
    fn let_the_slot_come(&mut self) {
        let due = (Utc::now() + TimeDelta::seconds(3)).trunc_subsecs(0);
        let schedule = format!("at({})", due.format("%Y-%m-%dT%H:%M:%S"));
        std::fs::write(&self.file, config(&schedule)).expect("written");
        self.daemon.signal("HUP");
        self.daemon.until("the new schedule", PATIENCE, |log| {
            log.contains("the configuration was read again")
        });
        assert!(Utc::now() < due, "this machine was too slow for its slot");
        self.daemon
            .until("the slot", PATIENCE, |_| Utc::now() > due);
    }

    fn first(&self, name: &str) -> Option<usize> {
        let calls = self.stage.aws.calls();
        calls.iter().position(|call| call.name() == name)
    }
}

#[test]
fn a_slot_waits_for_the_delivery_that_has_the_place_and_comes_before_the_next_one() {
    let mut running = Running::start();
    let aws = &running.stage.aws;
    aws.inject(Fault::new("s3:GetObject", FaultKind::Stall).nth(1));
    receive(aws, 1);
    let patience = PATIENCE;
    running.daemon.until("the stalled delivery", patience, |_| {
        is_stalled(&running.stage.aws)
    });
    running.let_the_slot_come();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(running.first("sqs:DeleteMessageBatch"), None, "it goes on");
    assert_eq!(running.first("ec2:DescribeInstances"), None);
    // Another one is on its way: it must not overtake the slot.
    receive(&running.stage.aws, 2);
    running.daemon.until("all of it", patience, |_| {
        running.stage.archived() == 2 && running.stage.messages() == 0
    });
    let calls = running.stage.aws.calls();
    let order: Vec<String> = calls
        .iter()
        .map(|call| call.name())
        .filter(|name| ["sqs:DeleteMessageBatch", "ec2:DescribeInstances"].contains(&&**name))
        .collect();
    let slot = order.iter().position(|name| name.starts_with("ec2:"));
    assert_eq!(slot, Some(1), "between the two deliveries: {order:?}");
    stop(running.daemon, 0);
}

#[test]
fn a_delivery_waits_for_the_slot_that_has_the_place() {
    let mut running = Running::start();
    running
        .stage
        .aws
        .inject(Fault::new("ec2:DescribeInstances", FaultKind::Stall).nth(1));
    running.let_the_slot_come();
    running.daemon.until("the stalled slot", PATIENCE, |_| {
        is_stalled(&running.stage.aws)
    });
    receive(&running.stage.aws, 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(running.first("s3:GetObject"), None, "it has no place");
    running.daemon.until("the mail", PATIENCE, |_| {
        running.stage.archived() == 1 && running.stage.messages() == 0
    });
    let log = stop(running.daemon, 0);
    let lines = lines(&log);
    let at = |is_it: &dyn Fn(&Value) -> bool| lines.iter().position(is_it).expect("in the log");
    let end = at(&|line| line["message"] == "the run ends" && line["function"] == "stop-untagged");
    let mail = at(&|line| line["message"] == "record" && line["outcome"] == "done");
    assert!(end < mail, "{log}");
}
