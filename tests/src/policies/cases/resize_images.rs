//! `resize-images`: a photo that comes, changes, is damaged, mended and removed; what lies there already; the digest.

use lamplighter_local_aws::World;
use serde_json::{Value, json};

use super::{Case, Play, prove};
use crate::policies::stage::{ACCOUNT, REGION, Stage, world};
use crate::resize_images::stage::fixture;

const BUCKET: &str = "acme-photos";
const KEY: &str = "in/a.jpg";

const LINES: &str = r#"
sources = ["s3://acme-photos/in/"]
widths = [64]
output_bucket = "acme-photos-resized"
remove_copies = true
"#;

fn photos() -> World {
    world()
        .bucket(ACCOUNT, REGION, BUCKET)
        .bucket(ACCOUNT, REGION, "acme-photos-resized")
}

/// What S3 tells of the object as it is now.
fn event(stage: &Stage<'_>, name: &str, sequencer: &str) -> Value {
    let mut about = json!({"key": KEY, "sequencer": sequencer});
    stage.aws.with(|world| {
        if let Some(object) = world.object(BUCKET, KEY) {
            about["eTag"] = json!(object.etag.trim_matches('"'));
            about["size"] = json!(object.body.len());
        }
    });
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventName": name,
        "eventTime": stage.aws.now().to_rfc3339(),
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": BUCKET}, "object": about}
    }]})
}

fn upload(stage: &Stage<'_>, body: &[u8], sequencer: &str) -> Value {
    stage
        .aws
        .with(|world| world.store_object(BUCKET, KEY, body));
    event(stage, "ObjectCreated:Put", sequencer)
}

fn comes_and_goes(stage: &Stage<'_>) {
    let created = upload(stage, &fixture("plain.jpg"), "01");
    stage.event(0, &created);
    let damaged = upload(stage, b"no image", "02");
    stage.event(4, &damaged);
    stage.run(0);
    let mended = upload(stage, &fixture("large.jpg"), "03");
    stage.replay(0);
    stage.lambda(&mended);
    stage.aws.with(|world| world.remove_object(BUCKET, KEY));
    let removed = event(stage, "ObjectRemoved:Delete", "04");
    stage.event(0, &removed);
}

fn lies_there(stage: &Stage<'_>) {
    upload(stage, &fixture("plain.jpg"), "01");
    let place = ["--bucket", BUCKET, "--prefix", "in/"];
    let backfill = ["backfill", "resize-images"];
    stage.program(0, &[&backfill[..], &place].concat(), None);
}

fn slot(stage: &Stage<'_>) {
    stage.slot();
}

#[test]
fn resize_images_needs_in_apply_mode_exactly_what_is_printed() {
    let plays = [comes_and_goes as fn(&Stage<'_>), lies_there, slot];
    prove(&Case {
        function: "resize-images",
        name: "photos that come and go",
        mode: "apply",
        lines: LINES,
        plays: plays
            .map(|steps| Play {
                world: photos,
                steps,
            })
            .to_vec(),
    });
}

fn looks(stage: &Stage<'_>) {
    let created = upload(stage, &fixture("plain.jpg"), "01");
    stage.event(0, &created);
    stage.aws.with(|world| world.remove_object(BUCKET, KEY));
    let removed = event(stage, "ObjectRemoved:Delete", "02");
    stage.event(0, &removed);
    stage.quarantined();
    stage.run(0);
}

#[test]
fn resize_images_needs_in_plan_mode_exactly_what_is_printed() {
    let plays = [looks as fn(&Stage<'_>), slot];
    prove(&Case {
        function: "resize-images",
        name: "photos that are looked at",
        mode: "plan",
        lines: LINES,
        plays: plays
            .map(|steps| Play {
                world: photos,
                steps,
            })
            .to_vec(),
    });
}
