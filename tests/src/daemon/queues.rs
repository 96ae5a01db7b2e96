//! The real daemon and its queues: what comes in is worked on, deleted only when it is done, and comes again otherwise.
//!
//! The simulated account's clock stands still unless a test moves it, so a message that is hidden stays hidden.

mod cut_off;
mod limits;
mod load;

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lamplighter_local_aws::{Fault, FaultKind, LocalAws, Notification, World};
use serde_json::{Value, json};

use super::PATIENCE;
use crate::harness::{Lamplighter, serve};
use crate::lambda::ACCOUNT;
use crate::process::Process;

const REGION: &str = "eu-west-1";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:mail";
const DEAD: &str = "arn:aws:sqs:eu-west-1:111122223333:mail-dead";

/// Tells a queue of every new mail, as S3 does.
const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1"]

[archive-mail]
sources = ["s3://acme-mail-in/inbox/"]
queues = ["https://sqs.eu-west-1.amazonaws.com/111122223333/mail"]
archive_bucket = "acme-archive"
on_unauthenticated = "keep"
schedule = "cron(0 7 1 1 ? 2199)"
"#;

fn world() -> World {
    let notification = Notification::to(QUEUE, &["s3:ObjectCreated:*"]).prefix("inbox/");
    World::new(ACCOUNT, Utc::now())
        .queue(ACCOUNT, REGION, "mail")
        .queue(ACCOUNT, REGION, "mail-dead")
        .dead_letters(QUEUE, DEAD, 3)
        .bucket(ACCOUNT, REGION, "acme-mail-in")
        .bucket(ACCOUNT, REGION, "acme-archive")
        .notification("acme-mail-in", notification)
}

/// A mail arrives; S3 tells the queue.
fn receive(aws: &LocalAws, number: usize) {
    let mail = format!(
        "From: ann@example.com\r\nTo: archive@example.com\r\nSubject: mail {number}\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@example.com>\r\n\r\nHello {number}\r\n"
    );
    aws.with(|world| {
        let key = format!("inbox/{number:05}");
        world.store_object("acme-mail-in", &key, mail.as_bytes());
    });
}

/// The account, and where the daemon keeps its ledger.
struct Stage {
    aws: LocalAws,
    state: tempfile::TempDir,
}

impl Stage {
    fn new(world: World) -> Self {
        Self {
            aws: serve(world),
            state: tempfile::tempdir().expect("a folder"),
        }
    }

    fn program(&self, command: &str, config: &str) -> Lamplighter {
        let program = Lamplighter::new([command]).on(&self.aws);
        program
            .env("LAMPLIGHTER_DAEMON__STATE_DIR", self.state.path())
            .config(config)
    }

    fn daemon(&self, config: &str) -> Process {
        let mut daemon = Process::start(self.program("daemon", config));
        daemon.until("the daemon to run", PATIENCE, |log| {
            log.contains("the daemon runs")
        });
        daemon
    }

    /// What `lamplighter status` says of the queue, once it is so. The daemon writes its counts every few seconds.
    fn queue_when(
        &self,
        daemon: &mut Process,
        config: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> (Value, Value) {
        let (mut seen, mut status) = (Value::Null, Value::Null);
        daemon.until("the ledger to say so", PATIENCE, |_| {
            let program = self.program("status", config).args(["--format", "json"]);
            status = program.run().json();
            seen = status["functions"][0]["queues"][0].clone();
            is_so(&seen)
        });
        (seen, status)
    }

    fn messages(&self) -> usize {
        self.aws.with(|world| world.messages(QUEUE).len())
    }

    fn calls(&self, name: &str) -> usize {
        let calls = self.aws.calls();
        calls.iter().filter(|call| call.name() == name).count()
    }

    /// How many mails are in the archive.
    fn archived(&self) -> usize {
        self.aws.with(|world| {
            let keys = world.keys("acme-archive").into_iter();
            keys.filter(|key| key.ends_with(".json")).count()
        })
    }
}

/// Stops the daemon, and answers what it said.
fn stop(daemon: Process, code: i32) -> String {
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(code).stderr
}

#[test]
fn what_s3_announces_is_worked_on_and_its_messages_are_deleted() {
    let stage = Stage::new(world());
    for number in 0..25 {
        receive(&stage.aws, number);
    }
    let mut daemon = stage.daemon(CONFIG);
    daemon.until("an empty queue", PATIENCE, |_| stage.messages() == 0);
    // What comes now does not wait for the end of the poll.
    receive(&stage.aws, 25);
    let patience = Duration::from_secs(10);
    daemon.until("the last message", patience, |_| stage.messages() == 0);
    assert_eq!(stage.archived(), 26);
    let is_counted = |queue: &Value| queue["row"]["counts"]["done"] == 26;
    let (queue, status) = stage.queue_when(&mut daemon, CONFIG, is_counted);
    let row = &queue["row"];
    assert_eq!(
        (&row["counts"]["retried"], &row["in_work"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(queue["is_consumed"], true);
    assert_eq!(status["troubles"], json!([]));
    let runs = &status["functions"][0]["runs"];
    assert_eq!(*runs, json!([]), "a delivery that went well has no row");
    stop(daemon, 0);
}

#[test]
fn in_plan_mode_nothing_is_fetched() {
    let stage = Stage::new(world());
    receive(&stage.aws, 1);
    let config = CONFIG.replace("[archive-mail]", "[archive-mail]\nmode = \"plan\"");
    let mut daemon = stage.daemon(&config);
    std::thread::sleep(Duration::from_secs(2));
    let (queue, _) = stage.queue_when(&mut daemon, &config, |queue| queue.is_object());
    assert_eq!(
        (&queue["is_consumed"], &queue["row"]),
        (&json!(false), &Value::Null)
    );
    stop(daemon, 0);
    assert_eq!(stage.calls("sqs:ReceiveMessage"), 0);
    let receives = stage
        .aws
        .with(|world| world.messages(QUEUE)[0].receive_count);
    assert_eq!(receives, 0);
}

#[test]
fn what_nobody_can_process_comes_again_later_each_time_until_it_is_set_aside() {
    let stage = Stage::new(world());
    stage
        .aws
        .inject(Fault::new("s3:GetObject", FaultKind::Denied));
    receive(&stage.aws, 1);
    let mut daemon = stage.daemon(CONFIG);
    let mut waits = vec![];
    for receives in 1..=3 {
        let hidden = |stage: &Stage| {
            stage.aws.with(|world| {
                let now = world.now();
                let message = world.messages(QUEUE).first()?;
                // While it is in work it is hidden for a minute; then for its back-off.
                let wait = message.visible_at - now;
                (message.receive_count == receives && wait != TimeDelta::seconds(60))
                    .then_some(wait)
            })
        };
        let mut wait = None;
        daemon.until("the message to be given back", PATIENCE, |_| {
            wait = hidden(&stage);
            wait.is_some()
        });
        waits.push(wait.expect("it is"));
        stage.aws.advance(TimeDelta::minutes(20));
    }
    assert!(waits.is_sorted() && waits[0] < waits[2], "{waits:?}");
    daemon.until("the dead-letter queue", PATIENCE, |_| {
        stage.aws.with(|world| world.messages(DEAD).len()) == 1
    });
    assert_eq!((stage.messages(), stage.archived()), (0, 0));
    let is_counted = |queue: &Value| queue["row"]["counts"]["retried"] == 3;
    stage.queue_when(&mut daemon, CONFIG, is_counted);
    stop(daemon, 0);
}

#[test]
fn a_queue_that_is_not_there_is_named_and_consumed_when_it_is_made() {
    let world = World::new(ACCOUNT, Utc::now())
        .bucket(ACCOUNT, REGION, "acme-mail-in")
        .bucket(ACCOUNT, REGION, "acme-archive");
    let stage = Stage::new(world);
    let mut daemon = stage.daemon(CONFIG);
    let is_told = |queue: &Value| queue["row"]["trouble"].is_string();
    let (_, status) = stage.queue_when(&mut daemon, CONFIG, is_told);
    let trouble = status["troubles"][0].as_str().expect("a sentence");
    assert!(
        trouble
            .starts_with("archive-mail: nothing can be received: there is no queue `https://sqs."),
        "{trouble}"
    );
    stage.aws.with(|world| {
        world.add_queue(ACCOUNT, REGION, "mail");
        let notification = Notification::to(QUEUE, &["s3:ObjectCreated:*"]);
        world.add_notification("acme-mail-in", notification);
    });
    receive(&stage.aws, 1);
    daemon.until("the mail", PATIENCE, |_| stage.archived() == 1);
    let is_well = |queue: &Value| queue["row"]["trouble"].is_null();
    let (_, status) = stage.queue_when(&mut daemon, CONFIG, is_well);
    assert_eq!(status["troubles"], json!([]));
    stop(daemon, 0);
}

#[test]
fn a_queue_that_may_not_be_read_is_a_trouble_and_the_rest_goes_on() {
    let stage = Stage::new(world());
    stage
        .aws
        .inject(Fault::new("sqs:ReceiveMessage", FaultKind::Denied));
    let mut daemon = stage.daemon(CONFIG);
    let is_told = |queue: &Value| queue["row"]["trouble"].is_string();
    let (queue, _) = stage.queue_when(&mut daemon, CONFIG, is_told);
    let trouble = queue["row"]["trouble"].as_str().expect("a sentence");
    assert!(
        trouble.contains("not allowed to call `sqs:ReceiveMessage`"),
        "{trouble}"
    );
    std::thread::sleep(Duration::from_secs(3));
    let attempts = stage.calls("sqs:ReceiveMessage");
    assert!(attempts < 8, "{attempts} attempts without a pause");
    stop(daemon, 0);
}

#[test]
fn nothing_more_is_received_than_can_be_worked_on_and_it_is_held_until_it_is_given_back() {
    let stage = Stage::new(world());
    stage
        .aws
        .inject(Fault::new("s3:GetObject", FaultKind::Stall));
    for number in 0..30 {
        receive(&stage.aws, number);
    }
    // S3's test event is among them.
    let waiting = stage.messages();
    let more = "[daemon]\nmax_deliveries = 1\ndrain_secs = 1\n";
    let mut daemon = stage.daemon(&format!("{CONFIG}{more}"));
    let received = |stage: &Stage| {
        stage.aws.with(|world| {
            let messages = world.messages(QUEUE).iter();
            messages.filter(|message| message.receive_count > 0).count()
        })
    };
    daemon.until("a delivery", PATIENCE, |_| stage.calls("s3:GetObject") > 0);
    // Half of the minute for which they are hidden at a time, and a little.
    daemon.until("the hold on them", Duration::from_secs(60), |_| {
        stage.calls("sqs:ChangeMessageVisibilityBatch") > 0
    });
    assert_eq!(
        received(&stage),
        10,
        "one delivery, of ten messages at most"
    );

    let log = stop(daemon, 5);
    assert!(log.contains(r#""messages":10"#), "{log}");
    let now = stage.aws.now();
    let hidden = stage.aws.with(|world| {
        let messages = world.messages(QUEUE).iter();
        messages.filter(|message| message.visible_at > now).count()
    });
    assert_eq!(
        (stage.messages(), hidden),
        (waiting, 0),
        "others may take them at once"
    );
    let history = stage.program("history", CONFIG).args(["--format", "json"]);
    let history = history.run().code(0).json();
    assert_eq!(
        history,
        json!([]),
        "being cut off is no failure of the function"
    );
}

#[test]
fn a_message_with_several_objects_is_kept_when_one_of_them_fails() {
    let stage = Stage::new(world());
    for number in 0..3 {
        receive(&stage.aws, number);
    }
    stage
        .aws
        .inject(Fault::new("s3:GetObject", FaultKind::ServerError).first(1));
    let mut daemon = stage.daemon(CONFIG);
    daemon.until("what can be done", PATIENCE, |_| stage.archived() >= 2);
    stage.aws.advance(TimeDelta::minutes(20));
    daemon.until("the rest", PATIENCE, |_| stage.messages() == 0);
    assert_eq!(stage.archived(), 3);
    stop(daemon, 0);
}
