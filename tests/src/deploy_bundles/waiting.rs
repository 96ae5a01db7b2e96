//! A busy group: the newest upload waits, durably, and has its turn by CodeDeploy's event or by the next round.

use serde_json::json;

use super::stage::{STATE, actions, bundle, record, rules, stage};

const WAITS: &str = "pending/deploy-bundles/123456789012/eu-west-1/shop/live.json";

#[test]
fn an_upload_for_a_busy_group_waits_and_code_deploy_s_event_gives_it_its_turn() {
    let stage = stage();
    let busy = stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let run = stage.event(&[&event]).code(0).json();
    assert_eq!(actions(&run), ["wait-for-group done"], "{run}");
    assert_eq!(
        record(&run).0,
        "done",
        "it is acknowledged: it waits durably"
    );
    let waits = stage.waiting().expect("it waits");
    assert_eq!(waits["bundle"]["revision"]["key"], "apps/shop/live/a.zip");
    assert_eq!(waits["behind"], json!(busy));
    assert_eq!(
        stage.count("codedeploy:CreateDeployment"),
        0,
        "nothing was tried"
    );
    // While the group is busy neither its event nor a round changes anything.
    let started = stage.aws.with(|world| {
        let mut event = world.finish_deployment(&busy);
        event["detail"]["state"] = json!("START");
        event
    });
    stage
        .aws
        .with(|world| world.start_deployment("shop", "live", None, "autoscaling"));
    let run = stage.event_with(&started, &[]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    let round = stage.round(&[]).code(0).json();
    assert_eq!(
        round["skipped"].as_array().map(Vec::len),
        Some(1),
        "{round}"
    );
    assert!(stage.waiting().is_some());
    // Then it is free.
    let free = stage.finish();
    let run = stage.event_with(&free, &[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(
        stage.deployed().last().map(String::as_str),
        Some("apps/shop/live/a.zip")
    );
    assert!(stage.waiting().is_none(), "it waits no longer");
    // The same event again finds nothing left to do.
    let again = stage.event_with(&free, &[]).code(0).json();
    assert_eq!(actions(&again), Vec::<String>::new(), "{again}");
    assert_eq!(stage.count("codedeploy:CreateDeployment"), 1);
}

#[test]
fn a_round_drains_what_waits_because_code_deploy_s_events_are_best_effort() {
    let stage = stage();
    stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    stage.finish();
    let run = stage.round(&[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert_eq!(
        stage.deployed().last().map(String::as_str),
        Some("apps/shop/live/a.zip")
    );
    assert!(stage.waiting().is_none());
    let round = stage.round(&[]).code(0).json();
    assert_eq!(actions(&round), Vec::<String>::new());
}

#[test]
fn of_many_uploads_for_a_busy_group_the_newest_waits_whatever_the_order_of_events() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let stage = stage();
        stage.occupy();
        let keys = [
            "apps/shop/live/a.zip",
            "apps/shop/live/b.zip",
            "apps/shop/live/a.zip",
        ];
        let events = keys.map(|key| {
            stage.later(1);
            stage.upload(key, &bundle(&format!("{:?}", stage.aws.now())))
        });
        for place in order {
            stage.event(&[&events[place]]).code(0);
        }
        let newest = &events[2]["s3"]["object"]["versionId"];
        let waits = stage.waiting().expect("one waits");
        assert_eq!(&waits["bundle"]["revision"]["version"], newest, "{order:?}");
        let free = stage.finish();
        stage.event_with(&free, &[]).code(0);
        // Everything again, after it was deployed.
        stage.finish();
        for event in &events {
            stage.event(&[event]).code(0);
        }
        stage.round(&[]).code(0);
        let deployments = stage.deployments("shop", "live");
        assert_eq!(deployments.len(), 2, "{order:?}");
        let revision = deployments[1].revision.as_ref().expect("a bundle");
        assert_eq!(json!(revision.version), *newest, "{order:?}");
    }
}

#[test]
fn a_group_that_becomes_busy_between_the_look_and_the_deployment_lets_it_wait() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    // CodeDeploy does not tell of its deployment before it refuses another.
    let plan = stage
        .event_with(&json!({ "Records": [event] }), &["--dry-run"])
        .code(0)
        .json();
    assert_eq!(actions(&plan), ["deploy planned"], "{plan}");
    stage.later(1);
    stage.occupy();
    let run = stage.event(&[&event]).code(0).json();
    assert_eq!(record(&run).0, "done", "{run}");
    assert!(stage.waiting().is_some());
}

#[test]
fn what_waits_for_long_is_reported_and_what_is_gone_is_forgotten_with_a_finding() {
    let stage = stage();
    stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    stage.later(12 * 3600);
    let round = stage.round(&[]).code(0).json();
    assert_eq!(rules(&round), ["bundle-pending"], "{round}");
    assert!(stage.waiting().is_some());
    // Somebody removes this very version.
    stage.aws.with(|world| {
        world.remove_object(super::stage::BUCKET, "apps/shop/live/a.zip");
        world.add_bucket(
            super::stage::ACCOUNT,
            super::stage::REGION,
            super::stage::BUCKET,
        );
    });
    let round = stage.round(&[]).code(0).json();
    assert!(rules(&round).contains(&"bundle-gone".to_owned()), "{round}");
    assert_eq!(actions(&round), ["forget-pending done"]);
    assert!(stage.waiting().is_none());
}

#[test]
fn a_group_that_is_gone_keeps_what_waits_and_is_reported() {
    let stage = stage();
    stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    stage
        .aws
        .with(|world| world.remove_deployment_group("shop", "live"));
    let round = stage.round(&[]).code(0).json();
    assert_eq!(rules(&round), ["deployment-group-missing"], "{round}");
    assert!(
        stage.waiting().is_some(),
        "somebody may make the group again"
    );
}

#[test]
fn a_document_that_nobody_can_read_is_told_and_stops_no_other() {
    let stage = stage();
    stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    stage.finish();
    stage.aws.with(|world| {
        world.store_object(
            STATE,
            &format!("lamp/{}", WAITS.replace("live", "test")),
            b"{",
        )
    });
    let round = stage.round(&[]).code(4).json();
    assert_eq!(actions(&round), ["deploy done"], "{round}");
    assert!(
        round["errors"].to_string().contains("shop/test.json"),
        "{round}"
    );
}

#[test]
fn bundles_wait_in_a_folder_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage();
    let url = format!("file://{}", folder.path().display());
    let config = stage.config.replace("s3://acme-state/lamp", &url);
    let stage = super::stage::Stage { config, ..stage };
    stage.occupy();
    stage.later(1);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    let path = folder.path().join(WAITS);
    assert!(path.is_file(), "it waits");
    stage.finish();
    let run = stage.round(&[]).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    assert!(!path.exists(), "it waits no longer");
}
