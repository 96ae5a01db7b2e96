//! An older bundle never goes over a newer one, in whatever order their events come.

use lamplighter_local_aws::DeployedRevision;

use super::stage::{BUCKET, actions, bundle, record, stage};

#[test]
fn versions_of_one_key_that_come_out_of_order_end_with_the_newest() {
    let stage = stage();
    let early = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    // Within the same second only the sequencer tells.
    let late = stage.upload("apps/shop/live/a.zip", &bundle("2"));
    stage.event(&[&late]).code(0);
    stage.finish();
    let run = stage.event(&[&early]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    // Even if the ledger is lost: the deployment's description remembers.
    for key in stage.state_keys("ledger/") {
        let key = key.clone();
        stage
            .aws
            .with(|world| world.remove_object(super::stage::STATE, &key));
    }
    let run = stage.event(&[&early]).code(0).json();
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "ignored");
    assert!(why.contains("has deployed a newer one"), "{why}");
    assert_eq!(stage.deployed().len(), 1);
}

#[test]
fn bundles_under_different_keys_are_ordered_by_the_time_they_were_written() {
    let stage = stage();
    let early = stage.upload("apps/shop/live/1.zip", &bundle("1"));
    stage.later(1);
    let late = stage.upload("apps/shop/live/2.zip", &bundle("2"));
    stage.event(&[&late]).code(0);
    stage.finish();
    let run = stage.event(&[&early]).code(0).json();
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "ignored", "{run}");
    assert!(why.contains("s3://releases/apps/shop/live/2.zip"), "{why}");
    assert_eq!(stage.deployed(), ["apps/shop/live/2.zip"]);
}

#[test]
fn an_older_bundle_stays_out_though_the_newer_one_failed_and_was_rolled_back() {
    let stage = stage();
    let first = stage.upload("apps/shop/live/1.zip", &bundle("1"));
    stage.event(&[&first]).code(0);
    stage.finish();
    stage.later(1);
    let second = stage.upload("apps/shop/live/2.zip", &bundle("2"));
    stage.later(1);
    let third = stage.upload("apps/shop/live/3.zip", &bundle("3"));
    stage.event(&[&third]).code(0);
    let id = stage.last();
    let good = stage.deployments("shop", "live")[0].revision.clone();
    stage.aws.with(|world| {
        world.fail_deployment(&id, vec![]);
        let back = world.start_deployment("shop", "live", good, "codeDeployRollback");
        world.finish_deployment(&back);
    });
    let run = stage.event(&[&second]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    // And the failed one itself is not tried again by a late copy of its event.
    for key in stage.state_keys("ledger/") {
        stage
            .aws
            .with(|world| world.remove_object(super::stage::STATE, &key));
    }
    let run = stage.event(&[&third]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    assert_eq!(stage.deployed().len(), 3);
}

#[test]
fn what_somebody_else_deployed_from_the_bucket_counts_by_its_object() {
    let stage = stage();
    let early = stage.upload("apps/shop/live/1.zip", &bundle("1"));
    stage.later(1);
    stage.upload("apps/shop/live/2.zip", &bundle("2"));
    let version = stage.aws.with(|world| {
        let object = world.object(BUCKET, "apps/shop/live/2.zip");
        object.and_then(|object| object.version_id.clone())
    });
    let revision = DeployedRevision {
        bucket: BUCKET.to_owned(),
        key: "apps/shop/live/2.zip".to_owned(),
        bundle_type: "zip".to_owned(),
        version,
        etag: None,
    };
    stage.aws.with(|world| {
        let id = world.start_deployment("shop", "live", Some(revision), "user");
        world.finish_deployment(&id);
    });
    let run = stage.event(&[&early]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    // What is not in S3, or in somebody else's bucket, has no age and stops nothing.
    stage.later(1);
    let late = stage.upload("apps/shop/live/3.zip", &bundle("3"));
    stage.later(1);
    stage.occupy();
    stage.finish();
    let run = stage.event(&[&late]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
}

#[test]
fn of_several_in_one_event_the_newest_is_deployed() {
    let stage = stage();
    let early = stage.upload("apps/shop/live/1.zip", &bundle("1"));
    stage.later(1);
    let late = stage.upload("apps/shop/live/2.zip", &bundle("2"));
    let run = stage.event(&[&late, &early]).code(0).json();
    assert_eq!(stage.deployed(), ["apps/shop/live/2.zip"], "{run}");
    stage.finish();
    stage.event(&[&early]).code(0);
    assert_eq!(stage.deployed().len(), 1);
}

#[test]
fn pages_of_one_deployment_hide_none() {
    let stage = stage();
    let early = stage.upload("apps/shop/live/1.zip", &bundle("1"));
    for number in 2..6 {
        stage.later(1);
        let event = stage.upload(&format!("apps/shop/live/{number}.zip"), &bundle("x"));
        if number == 3 {
            stage.event(&[&event]).code(0);
            stage.finish();
        }
    }
    // The newer one is neither the last nor on the first page.
    for _ in 0..3 {
        stage.later(1);
        stage.occupy();
        stage.finish();
    }
    stage.aws.with(|world| world.set_page_size(Some(1)));
    let run = stage.event(&[&early]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
}
