//! Over SQS: S3 tells a queue, the daemon takes it from there, and nothing that cannot be done holds up the rest.

use std::time::Duration;

use lamplighter_local_aws::{Notification, StoredObject, World};

use super::stage::*;
use crate::harness::{Lamplighter, serve};
use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:images";

const CONFIG: &str = r#"
[aws]
regions = ["eu-west-1"]
[state]
url = "s3://acme-state/lamp"
[resize-images]
sources = ["s3://acme-photos/in/"]
queues = ["https://sqs.eu-west-1.amazonaws.com/111122223333/images"]
widths = [64, 100, 1000]
remove_copies = true
schedule = "cron(0 7 1 1 ? 2199)"
"#;

fn told() -> World {
    let events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"];
    // Without a prefix, as a bucket may well be set up: the copies are announced too.
    world()
        .queue(ACCOUNT, REGION, "images")
        .notification(BUCKET, Notification::to(QUEUE, &events))
}

#[test]
fn what_s3_announces_gets_its_copies_and_they_follow_it() {
    let aws = serve(told());
    let folder = tempfile::tempdir().expect("a folder");
    let put = |key: &str, name: &str| {
        aws.with(|world| world.put_object(BUCKET, key, StoredObject::new(fixture(name))));
    };
    put(KEY, "plain.jpg");
    put("in/ü/100% & more=?.png", "alpha.png");
    put("in/broken.jpg", "bomb.jpg");
    let program = Lamplighter::new(["daemon"]).on(&aws);
    let program = program.env("LAMPLIGHTER_DAEMON__STATE_DIR", folder.path());
    let mut daemon = Process::start(program.config(CONFIG));
    let messages = || aws.with(|world| world.messages(QUEUE).len());

    daemon.until("the copies", PATIENCE, |_| copies(&aws).len() == 6);
    // The copies were announced as well, and are no images.
    daemon.until("an empty queue", PATIENCE, |_| messages() == 0);
    assert!(all_current(&aws));
    assert_eq!(copies(&aws).len(), 6);
    assert!(copies(&aws).contains_key("resized/64/in/ü/100% & more=?.png"));
    let quarantined = aws.with(|world| {
        let keys = world.keys(STATE).into_iter();
        keys.filter(|key| key.contains("/quarantine/resize-images/"))
            .count()
    });
    assert_eq!(quarantined, 1);

    put(KEY, "odd.jpg");
    daemon.until("newer copies", PATIENCE, |_| all_current(&aws));
    // Removed a moment earlier, the run that stored them would see it, and its message come again: hidden for as long as
    // the simulated clock stands still.
    daemon.until("an empty queue", PATIENCE, |_| messages() == 0);
    aws.with(|world| world.remove_object(BUCKET, KEY));
    daemon.until("their removal", PATIENCE, |_| copies(&aws).len() == 3);
    daemon.until("an empty queue", PATIENCE, |_| messages() == 0);
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
}
