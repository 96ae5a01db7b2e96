//! An upload becomes a deployment: of exactly this version, once.

use lamplighter_local_aws::{ComputePlatform, Versioning};
use serde_json::{Value, json};

use super::stage::{ACCOUNT, BUCKET, REGION, actions, bundle, record, stage, world, zip};

#[test]
fn a_bundle_is_deployed_as_it_was_uploaded_and_a_later_upload_changes_nothing_of_it() {
    let stage = stage();
    let key = "apps/shop/live/a+b ü.zip";
    let event = stage.upload(key, &bundle("1"));
    let first = stage.aws.with(|world| world.object(BUCKET, key).cloned());
    let first = first.expect("it is there");
    stage.later(1);
    stage.upload(key, &bundle("2"));
    let run = stage.event(&[&event]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(record(&run).0, "done");
    let deployments = stage.deployments("shop", "live");
    assert_eq!(deployments.len(), 1);
    let revision = deployments[0].revision.as_ref().expect("a bundle");
    assert_eq!(revision.key, key);
    assert_eq!(revision.bundle_type, "zip");
    assert_eq!(revision.version, first.version_id);
    assert_eq!(revision.etag.as_deref(), Some(first.etag.trim_matches('"')));
    let description = deployments[0].description.as_deref().unwrap_or_default();
    assert!(
        description.ends_with("s3://releases/apps/shop/live/a+b ü.zip"),
        "{description}"
    );
    // Only what differs from the group is asked for.
    let request = deployments[0].request.as_object().expect("a request");
    let asked: Vec<&str> = request.keys().map(String::as_str).collect();
    assert_eq!(
        asked,
        [
            "applicationName",
            "deploymentGroupName",
            "description",
            "revision"
        ]
    );
    let row = &run["actions"][0];
    assert_eq!(
        row["resource"],
        "arn:aws:codedeploy:eu-west-1:123456789012:deploymentgroup:shop/live"
    );
    assert!(
        row["undo"]
            .as_str()
            .expect("a way back")
            .starts_with("aws deploy stop-deployment --region eu-west-1"),
        "{row}"
    );
    assert!(stage.waiting().is_none());
}

#[test]
fn an_unversioned_bucket_s_bundle_is_pinned_by_its_etag_alone() {
    let mut world = world();
    world.set_versioning(BUCKET, Versioning::Off);
    world.add_bucket(ACCOUNT, REGION, BUCKET);
    let stage = super::stage::on(world);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    let revision = stage.deployments("shop", "live")[0].revision.clone();
    let revision = revision.expect("a bundle");
    assert_eq!(
        revision.version, None,
        "an empty version is not the same as none"
    );
    assert!(
        revision
            .etag
            .is_some_and(|etag| !etag.is_empty() && !etag.contains('"'))
    );
    // Overwritten before its event comes: what is there now has an event of its own.
    stage.finish();
    stage.later(1);
    let early = stage.upload("apps/shop/live/a.zip", &bundle("2"));
    stage.later(1);
    let late = stage.upload("apps/shop/live/a.zip", &bundle("3"));
    let run = stage.event(&[&late]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    stage.finish();
    let run = stage.event(&[&early]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    assert_eq!(stage.deployed().len(), 2);
}

#[test]
fn every_event_that_is_delivered_twice_is_deployed_once() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let twice = stage.event(&[&event, &event]).code(0).json();
    assert_eq!(actions(&twice), ["deploy done"], "{twice}");
    let again = stage.event(&[&event]).code(0).json();
    assert_eq!(record(&again).0, "ignored", "{again}");
    stage.finish();
    stage.event(&[&event]).code(0);
    // Even if the ledger is lost, CodeDeploy knows.
    for key in stage.state_keys("ledger/") {
        stage
            .aws
            .with(|world| world.remove_object(super::stage::STATE, &key));
    }
    let run = stage.event(&[&event]).code(0).json();
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "ignored");
    assert!(why.contains("has deployed it to shop/live"), "{why}");
    assert_eq!(stage.count("codedeploy:CreateDeployment"), 1);
}

#[test]
fn records_of_one_event_are_several_pieces_of_work() {
    let stage = stage();
    let bundle = bundle("1");
    let live = stage.upload("apps/shop/live/a.zip", &bundle);
    let test = stage.upload("apps/shop/test/a.zip", &bundle);
    let wrong = stage.upload("apps/shop/live/readme.txt", b"hello");
    let marker = stage.upload("apps/shop/live/", b"");
    let run = stage.event(&[&live, &wrong, &test, &marker]).json();
    let rows = run["records"].as_array().expect("records").iter();
    let outcomes: Vec<&str> = rows.filter_map(|row| row["outcome"].as_str()).collect();
    assert_eq!(
        outcomes,
        ["done", "quarantined", "done", "ignored"],
        "{run}"
    );
    assert_eq!(stage.deployments("shop", "live").len(), 1);
    assert_eq!(stage.deployments("shop", "test").len(), 1);
}

#[test]
fn events_of_event_bridge_sqs_and_sns_deploy_as_well() {
    let stage = stage();
    let direct = stage.upload("apps/shop/live/a b.zip", &bundle("1"));
    let object = &direct["s3"]["object"];
    // EventBridge does not tell whether its keys are encoded.
    let bridge = json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "account": ACCOUNT,
        "time": "2026-11-22T06:00:00Z", "region": REGION, "resources": [],
        "detail": { "version": "0", "bucket": { "name": BUCKET }, "reason": "PutObject", "object": {
            "key": object["key"], "size": object["size"], "etag": object["eTag"],
            "version-id": object["versionId"], "sequencer": object["sequencer"] } }
    });
    let run = stage.event_with(&bridge, &[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(stage.deployed(), ["apps/shop/live/a b.zip"]);

    let test = stage.upload("apps/shop/test/a.zip", &bundle("1"));
    let body = json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": json!({ "Records": [test] }).to_string() });
    let message = json!({ "Records": [{ "messageId": "m-1", "receiptHandle": "r", "body": body.to_string(),
        "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": REGION,
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:bundles" }] });
    let run = stage.event_with(&message, &[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(stage.deployments("shop", "test").len(), 1);
}

#[test]
fn metadata_and_the_map_say_where_a_bundle_goes_that_no_route_sends_anywhere() {
    let stage = stage();
    let config = stage.config.replace(
        "[deploy-bundles]",
        "[deploy-bundles]\ngroups = { \"releases/old/\" = \"shop/test\" }",
    );
    let stage = super::stage::Stage { config, ..stage };
    let names = [
        ("x-amz-meta-application-name", "shop"),
        ("x-amz-meta-deploymentgroup-name", "live"),
    ];
    let event = stage.upload_with("somewhere/a.zip", &bundle("1"), &names);
    let run = stage.event(&[&event]).code(0).json();
    assert_eq!(stage.deployed(), ["somewhere/a.zip"]);
    assert!(
        run["notes"]
            .to_string()
            .contains("S3 adds the prefix by itself"),
        "{run}"
    );
    let event = stage.upload("old/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    assert_eq!(stage.deployments("shop", "test").len(), 1);
}

#[test]
fn options_of_the_route_are_asked_for() {
    let stage = stage().with(
        "deployment_config = \"CodeDeployDefault.AllAtOnce\"\nfile_exists_behavior = \"overwrite\"\n\
         auto_rollback = [\"failure\", \"alarm\"]\nignore_application_stop_failures = true\nupdate_outdated_instances_only = false\n",
    );
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    let request = stage.deployments("shop", "live")[0].request.clone();
    let expected = json!({
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
        "fileExistsBehavior": "OVERWRITE",
        "autoRollbackConfiguration": { "enabled": true, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"] },
        "ignoreApplicationStopFailures": true,
        "updateOutdatedInstancesOnly": false,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&request[key], value, "{key}: {request}");
    }
}

#[test]
fn tar_and_lambda_s_own_appspec_are_deployed_as_what_they_are() {
    let stage = stage();
    let appspec = b"version: 0.0\nResources:\n  - f:\n      Type: AWS::Lambda::Function\n";
    let event = stage.upload("apps/job/live/appspec.yaml", appspec);
    stage.event(&[&event]).code(0);
    let kind = |application: &str| -> Value {
        let deployments = stage.deployments(application, "live");
        json!(
            deployments[0]
                .revision
                .as_ref()
                .map(|one| one.bundle_type.clone())
        )
    };
    assert_eq!(kind("job"), "YAML");
    let tar = super::refusals::tar(&[("appspec.yml", b"version: 0.0\nos: linux\n")]);
    let event = stage.upload("apps/shop/live/a.tar", &tar);
    stage.event(&[&event]).code(0);
    assert_eq!(kind("shop"), "tar");
}

#[test]
fn a_region_of_its_own_is_worked_in_where_the_route_says_so() {
    let mut world = world().deployment_group(
        ACCOUNT,
        "eu-central-1",
        "far",
        "live",
        ComputePlatform::Server,
    );
    world.add_bucket(ACCOUNT, "eu-central-1", "far-releases");
    let stage = super::stage::on(world).with(
        "[[deploy-bundles.routes]]\nbucket = \"far-releases\"\nkey = \"{bundle}\"\napplication = \"far\"\ngroup = \"live\"\nregion = \"eu-central-1\"\n",
    );
    stage
        .aws
        .with(|world| world.store_object("far-releases", "a.zip", &zip(&["appspec.yml"])));
    let event = json!({ "Records": [{ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "far-releases" }, "object": { "key": "a.zip", "sequencer": "05" } } }] });
    let run = stage.event_with(&event, &[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(stage.deployments("far", "live").len(), 1);
    assert_eq!(run["actions"][0]["region"], "eu-central-1");
}
