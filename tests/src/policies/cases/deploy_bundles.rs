//! `deploy-bundles`: uploads that are deployed, that wait for a busy group, that fail, that are damaged or gone; what
//! lies there already.

use lamplighter_local_aws::{ComputePlatform, DeploymentTarget, World};
use serde_json::{Value, json};

use super::{Case, Play, prove};
use crate::deploy_bundles::stage::bundle;
use crate::policies::stage::{ACCOUNT, REGION, Stage, world};

const BUCKET: &str = "acme-releases";

const LINES: &str = r#"
sources = ["s3://acme-releases/apps/"]
[[deploy-bundles.routes]]
bucket = "acme-releases"
key = "apps/{application}/{group}/{bundle}"
"#;

fn releases() -> World {
    world()
        .bucket(ACCOUNT, REGION, BUCKET)
        .versioned(BUCKET)
        .deployment_group(ACCOUNT, REGION, "shop", "live", ComputePlatform::Server)
}

/// Uploads a bundle a second later; what S3 tells of it.
fn upload(stage: &Stage<'_>, name: &str, body: &[u8]) -> Value {
    stage.aws.advance(chrono::TimeDelta::seconds(1));
    let key = format!("apps/shop/live/{name}");
    let (etag, version) = stage.aws.with(|world| {
        world.store_object(BUCKET, &key, body);
        let object = world.object(BUCKET, &key).expect("it is there");
        (object.etag.clone(), object.version_id.clone())
    });
    let now = stage.aws.now();
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventName": "ObjectCreated:Put",
        "eventTime": now.to_rfc3339(),
        "s3": {"bucket": {"name": BUCKET}, "object": {
            "key": key, "size": body.len(), "eTag": etag.trim_matches('"'), "versionId": version,
            "sequencer": format!("{:016X}", now.timestamp())
        }}
    }]})
}

fn last(stage: &Stage<'_>) -> String {
    let all = stage.aws.with(|world| world.deployments("shop", "live"));
    all.last().map(|one| one.id.clone()).unwrap_or_default()
}

/// The end of the last deployment, if there is one.
fn end(stage: &Stage<'_>, is_good: bool) -> Option<Value> {
    let id = last(stage);
    if id.is_empty() {
        return None;
    }
    let failed =
        || DeploymentTarget::failed("i-1", "AfterInstall", "start.sh", "port 80 is taken\n");
    Some(stage.aws.with(|world| match is_good {
        true => world.finish_deployment(&id),
        false => world.fail_deployment(&id, vec![failed()]),
    }))
}

fn one_after_another(stage: &Stage<'_>) {
    let first = upload(stage, "a.zip", &bundle("1"));
    stage.event(0, &first);
    // The group is busy: the second one waits, and is deployed when the first one has ended.
    let second = upload(stage, "b.zip", &bundle("2"));
    stage.event(0, &second);
    stage.run(0);
    if let Some(end) = end(stage, true) {
        stage.event(0, &end);
    }
    if let Some(end) = end(stage, false) {
        stage.event(0, &end);
    }
    let third = upload(stage, "c.zip", &bundle("3"));
    stage.event(0, &third);
}

fn damaged_and_mended(stage: &Stage<'_>) {
    let damaged = upload(stage, "a.zip", b"no bundle");
    stage.event(4, &damaged);
    stage.run(0);
    let mended = upload(stage, "a.zip", &bundle("1"));
    stage.event(0, &mended);
    stage.replay(0);
}

/// Others have deployed more than once since it was uploaded.
fn late(stage: &Stage<'_>) {
    let event = upload(stage, "a.zip", &bundle("1"));
    for _ in 0..2 {
        stage.aws.advance(chrono::TimeDelta::seconds(1));
        stage.aws.with(|world| {
            let id = world.start_deployment("shop", "live", None, "user");
            world.finish_deployment(&id);
        });
    }
    stage.event(0, &event);
}

fn gone(stage: &Stage<'_>) {
    let mut event = upload(stage, "a.zip", &bundle("1"));
    let object = &mut event["Records"][0]["s3"]["object"];
    object["key"] = json!("apps/shop/live/gone.zip");
    object
        .as_object_mut()
        .expect("an object")
        .remove("versionId");
    stage.event(0, &event);
}

fn lies_there(stage: &Stage<'_>) {
    upload(stage, "a.zip", &bundle("1"));
    let args = [
        "backfill",
        "deploy-bundles",
        "--bucket",
        BUCKET,
        "--prefix",
        "apps/",
    ];
    stage.program(0, &args, None);
}

fn case(mode: &'static str, plays: &[fn(&Stage<'_>)]) -> Case {
    let plays = plays.iter().map(|steps| Play {
        world: releases,
        steps: *steps,
    });
    Case {
        function: "deploy-bundles",
        name: "uploads",
        mode,
        lines: LINES,
        plays: plays.collect(),
    }
}

fn slot(stage: &Stage<'_>) {
    stage.slot();
}

#[test]
fn deploy_bundles_needs_in_apply_mode_exactly_what_is_printed() {
    let plays = [
        one_after_another,
        damaged_and_mended,
        late,
        gone,
        lies_there,
        slot,
    ];
    prove(&case("apply", &plays));
}

fn looks(stage: &Stage<'_>) {
    // Somebody else deploys.
    stage
        .aws
        .with(|world| world.start_deployment("shop", "live", None, "user"));
    let event = upload(stage, "a.zip", &bundle("1"));
    stage.event(0, &event);
    if let Some(end) = end(stage, false) {
        stage.event(0, &end);
    }
    let event = upload(stage, "b.zip", &bundle("2"));
    stage.event(0, &event);
    stage.quarantined();
    stage.run(0);
}

#[test]
fn deploy_bundles_needs_in_plan_mode_exactly_what_is_printed() {
    prove(&case("plan", &[looks, late, gone, slot]));
}
