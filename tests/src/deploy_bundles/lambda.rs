//! The real `bootstrap-deploy-bundles`, driven as Lambda drives it.

use lamplighter_local_aws::{Fault, FaultKind};
use serde_json::json;

use super::stage::{bundle, stage};
use crate::runtime_api::Lambda;

#[test]
fn s3_s_event_is_deployed_and_code_deploy_s_event_drains() {
    let stage = stage();
    let lambda = Lambda::start("deploy-bundles", &stage.aws, &stage.config, &[]);
    let first = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let answer = lambda.invoke(&json!({ "Records": [first] })).response();
    assert_eq!(answer["status"], "ok", "{answer}");
    stage.later(1);
    let second = stage.upload("apps/shop/live/b.zip", &bundle("2"));
    lambda.invoke(&json!({ "Records": [second] })).response();
    assert!(stage.waiting().is_some());
    let over = stage.finish();
    let answer = lambda.invoke(&over).response();
    assert_eq!(answer["data"]["actions"][0]["action"], "deploy", "{answer}");
    assert_eq!(
        stage.deployed(),
        ["apps/shop/live/a.zip", "apps/shop/live/b.zip"]
    );
    assert!(stage.waiting().is_none());
    lambda.end();
}

#[test]
fn a_batch_of_sqs_names_the_messages_that_may_succeed_later_and_only_those() {
    let stage = stage().with("");
    let config = format!("{}\n[aws]\nmax_attempts = 1\n", stage.config);
    let lambda = Lambda::start("deploy-bundles", &stage.aws, &config, &[]);
    let message = |id: &str, record: &serde_json::Value| {
        json!({ "messageId": id, "receiptHandle": id, "body": json!({ "Records": [record] }).to_string(),
            "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-west-1",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:bundles" })
    };
    let good = stage.upload("apps/shop/test/a.zip", &bundle("1"));
    let bad = stage.upload("apps/shop/live/a.txt", b"hello");
    let later = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    // Only the group `live` is looked at while CodeDeploy is asked to slow down: by its last call.
    stage
        .aws
        .inject(Fault::new("codedeploy:GetDeploymentGroup", FaultKind::Throttle).first(1));
    let answer = lambda
        .invoke(&json!({ "Records": [message("later", &later), message("bad", &bad)] }))
        .response();
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "later" }] })
    );
    stage.aws.clear_faults();
    let answer = lambda
        .invoke(&json!({ "Records": [message("later", &later), message("good", &good)] }))
        .response();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(stage.deployed().len(), 1);
    assert_eq!(stage.deployments("shop", "test").len(), 1);
    lambda.end();
}

#[test]
fn what_a_retry_may_mend_ends_as_an_error_so_that_lambda_tries_again() {
    let stage = stage();
    let config = format!("{}\n[aws]\nmax_attempts = 1\n", stage.config);
    let lambda = Lambda::start("deploy-bundles", &stage.aws, &config, &[]);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage
        .aws
        .inject(Fault::new("codedeploy:GetDeploymentGroup", FaultKind::ServerError).first(1));
    let (kind, message) = lambda.invoke(&json!({ "Records": [event] })).error();
    assert!(kind.starts_with("Lamplighter."), "{kind}");
    assert!(
        message.contains("codedeploy:GetDeploymentGroup"),
        "{message}"
    );
    let answer = lambda.invoke(&json!({ "Records": [event] })).response();
    assert_eq!(answer["status"], "ok", "{answer}");
    assert_eq!(stage.deployed().len(), 1);
    lambda.end();
}
