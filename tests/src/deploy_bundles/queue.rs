//! The real daemon: S3 tells a queue of uploads, CodeDeploy through EventBridge of deployments that are over.

use std::time::Duration;

use lamplighter_local_aws::Notification;

use super::stage::{ACCOUNT, BUCKET, REGION, Stage, bundle, on, world};
use crate::harness::Lamplighter;
use crate::process::Process;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:bundles";

const PATIENCE: Duration = Duration::from_secs(60);

fn daemon(stage: &Stage, folder: &std::path::Path) -> Process {
    let program = Lamplighter::new(["daemon"])
        .on(&stage.aws)
        .env("LAMPLIGHTER_DAEMON__STATE_DIR", folder)
        .config(&stage.config);
    let mut daemon = Process::start(program);
    daemon.until("the daemon to run", PATIENCE, |log| {
        log.contains("the daemon runs")
    });
    daemon
}

#[test]
fn uploads_and_ends_of_deployments_come_through_a_queue_and_nothing_is_left_in_it() {
    let notification = Notification::to(QUEUE, &["s3:ObjectCreated:*"]).prefix("apps/");
    let world = world()
        .queue(ACCOUNT, REGION, "bundles")
        .notification(BUCKET, notification)
        .event_rule("aws.codedeploy", QUEUE);
    let stage = on(world);
    let queues = "[deploy-bundles]\nschedule = \"cron(0 7 1 1 ? 2199)\"\n\
                  queues = [\"https://sqs.eu-west-1.amazonaws.com/123456789012/bundles\"]";
    let config = stage.config.replace("[deploy-bundles]", queues);
    let stage = Stage { config, ..stage };
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = daemon(&stage, folder.path());
    let is_empty = || stage.aws.with(|world| world.messages(QUEUE).is_empty());

    // S3 itself tells of it; the key is encoded in its own way.
    let first = "apps/shop/live/a+b ü.zip";
    stage.upload(first, &bundle("1"));
    daemon.until("the first deployment", PATIENCE, |_| {
        stage.deployed() == [first] && is_empty()
    });
    stage.later(1);
    let second = "apps/shop/live/c.zip";
    stage.upload(second, &bundle("2"));
    daemon.until("the second to wait", PATIENCE, |_| {
        stage.waiting().is_some() && is_empty()
    });
    // CodeDeploy tells EventBridge, and its rule the queue.
    stage.finish();
    daemon.until("the second to have its turn", PATIENCE, |_| {
        stage.deployed() == [first, second] && stage.waiting().is_none() && is_empty()
    });
    daemon.signal("TERM");
    let ended = daemon.ended(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
