use chrono::Duration;
use serde_json::{Value, json};

use super::*;
use crate::testing::{ACCOUNT, REGION, Stage, world};

fn stage() -> Stage {
    let world = world();
    let world = world.deployment_group(ACCOUNT, REGION, "shop", "live", ComputePlatform::Server);
    Stage::new(world.deployment_group(ACCOUNT, REGION, "job", "live", ComputePlatform::Lambda))
}

fn call(stage: &mut Stage, action: &str, body: &Value) -> (u16, Value) {
    let target = format!("{TARGET}{action}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("content-type", "application/x-amz-json-1.1"),
    ];
    let response = stage.call(
        "codedeploy",
        "POST",
        "/",
        &headers,
        body.to_string().as_bytes(),
    );
    let body = serde_json::from_slice(&response.body).unwrap();
    (response.status, body)
}

fn revision(key: &str, bundle_type: &str) -> Value {
    json!({ "revisionType": "S3", "s3Location": { "bucket": "releases", "key": key, "bundleType": bundle_type, "version": "v1", "eTag": "e1" } })
}

fn create(stage: &mut Stage, application: &str, key: &str, bundle_type: &str) -> (u16, Value) {
    let body = json!({ "applicationName": application, "deploymentGroupName": "live", "revision": revision(key, bundle_type) });
    call(stage, "CreateDeployment", &body)
}

fn group(stage: &mut Stage) -> Value {
    let body = json!({ "applicationName": "shop", "deploymentGroupName": "live" });
    call(stage, "GetDeploymentGroup", &body).1["deploymentGroupInfo"].clone()
}

#[test]
fn a_group_takes_one_deployment_at_a_time_and_names_it_in_the_text() {
    let mut stage = stage();
    assert_eq!(group(&mut stage)["lastAttemptedDeployment"], Value::Null);
    let (status, made) = create(&mut stage, "shop", "a.zip", "zip");
    assert_eq!(status, 200, "{made}");
    let id = made["deploymentId"].as_str().unwrap().to_owned();
    let (status, error) = create(&mut stage, "shop", "b.zip", "zip");
    assert_eq!(status, 400);
    assert_eq!(error["__type"], "DeploymentLimitExceededException");
    let message = format!("The Deployment Group 'live' already has an active Deployment '{id}'");
    assert_eq!(error["message"], message);

    let event = stage.state.world.finish_deployment(&id);
    assert_eq!(event["detail"]["state"], "SUCCESS");
    assert_eq!(event["detail"]["deploymentGroup"], "live");
    let after = group(&mut stage);
    assert_eq!(after["lastSuccessfulDeployment"]["deploymentId"], id);
    assert_eq!(after["targetRevision"], revision("a.zip", "zip"));
    assert_eq!(create(&mut stage, "shop", "b.zip", "zip").0, 200);
}

#[test]
fn what_does_not_exist_or_does_not_fit_is_refused_by_its_own_code() {
    let mut stage = stage();
    let code = |(_, error): (u16, Value)| error["__type"].as_str().unwrap_or("none").to_owned();
    let unknown = create(&mut stage, "nobody", "a.zip", "zip");
    assert_eq!(code(unknown), "ApplicationDoesNotExistException");
    let body = json!({ "applicationName": "shop", "deploymentGroupName": "test" });
    let unknown = call(&mut stage, "GetDeploymentGroup", &body);
    assert_eq!(code(unknown), "DeploymentGroupDoesNotExistException");
    let archive = create(&mut stage, "job", "a.zip", "zip");
    assert_eq!(code(archive), "InvalidRevisionException");
    assert_eq!(code(create(&mut stage, "job", "a.json", "JSON")), "none");
    let long = json!({ "applicationName": "shop", "deploymentGroupName": "live", "revision": revision("a", "zip"), "description": "x".repeat(257) });
    let long = call(&mut stage, "CreateDeployment", &long);
    assert_eq!(code(long), "DescriptionTooLongException");
    let body = json!({ "deploymentId": "d-NONE" });
    let unknown = call(&mut stage, "GetDeployment", &body);
    assert_eq!(code(unknown), "DeploymentDoesNotExistException");
    let many: Vec<String> = (0..26).map(|number| format!("d-{number}")).collect();
    let many = json!({ "deploymentIds": many });
    let many = call(&mut stage, "BatchGetDeployments", &many);
    assert_eq!(code(many), "BatchLimitExceededException");
}

#[test]
fn deployments_are_listed_by_the_time_they_were_made_and_in_pages() {
    let mut stage = stage();
    let start = stage.state.world.now();
    let mut ids = Vec::new();
    for hour in 0..3 {
        let world = &mut stage.state.world;
        world.set_now(start + Duration::hours(hour));
        let id = world.start_deployment("shop", "live", None, "user");
        world.finish_deployment(&id);
        ids.push(id);
    }
    stage.state.world.set_page_size(Some(1));
    let from = (start + Duration::hours(1)).timestamp();
    let mut body = json!({ "applicationName": "shop", "deploymentGroupName": "live", "createTimeRange": { "start": from } });
    let (_, first) = call(&mut stage, "ListDeployments", &body);
    assert_eq!(first["deployments"], json!([ids[2]]));
    body["nextToken"] = first["nextToken"].clone();
    let (_, second) = call(&mut stage, "ListDeployments", &body);
    assert_eq!(second["deployments"], json!([ids[1]]));
    assert_eq!(second["nextToken"], Value::Null);
}

#[test]
fn a_failed_deployment_says_where_and_in_which_step() {
    let mut stage = stage();
    let id = stage
        .state
        .world
        .start_deployment("shop", "live", None, "user");
    let bad = DeploymentTarget::failed("i-1", "AfterInstall", "scripts/x.sh", "oh no");
    let targets = vec![DeploymentTarget::succeeded("i-0"), bad];
    let event = stage.state.world.fail_deployment(&id, targets);
    assert_eq!(event["detail"]["state"], "FAILURE");
    let failed = json!({ "deploymentId": id, "targetFilters": { "TargetStatus": ["Failed"] } });
    let (_, listed) = call(&mut stage, "ListDeploymentTargets", &failed);
    assert_eq!(listed["targetIds"], json!(["i-1"]));
    let body = json!({ "deploymentId": id, "targetIds": ["i-1"] });
    let (_, got) = call(&mut stage, "BatchGetDeploymentTargets", &body);
    let step = &got["deploymentTargets"][0]["instanceTarget"]["lifecycleEvents"][1];
    assert_eq!(step["lifecycleEventName"], "AfterInstall");
    assert_eq!(step["diagnostics"]["logTail"], "oh no");
    let (_, got) = call(&mut stage, "GetDeployment", &json!({ "deploymentId": id }));
    assert_eq!(
        got["deploymentInfo"]["errorInformation"]["code"],
        "HEALTH_CONSTRAINTS"
    );
}

#[test]
fn a_deployment_is_stopped_once() {
    let mut stage = stage();
    let id = stage
        .state
        .world
        .start_deployment("shop", "live", None, "user");
    let body = json!({ "deploymentId": id });
    assert_eq!(call(&mut stage, "StopDeployment", &body).0, 200);
    let (status, error) = call(&mut stage, "StopDeployment", &body);
    assert_eq!(
        (status, &error["__type"]),
        (400, &json!("DeploymentAlreadyCompletedException"))
    );
    let stopped = stage.state.world.deployments("shop", "live");
    assert_eq!(stopped[0].status, "Stopped");
}
