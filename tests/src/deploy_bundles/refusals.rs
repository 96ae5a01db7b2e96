//! What can never be deployed is refused before a deployment exists, with words that help, and kept in quarantine.

use serde_json::{Value, json};

use super::stage::{ACCOUNT, BUCKET, REGION, bundle, record, rules, stage, world, zip};

/// A tar with these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend(header);
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Uploads under a key, and checks rule and reason, and that nothing was deployed.
#[track_caller]
fn check(key: &str, body: &[u8], rule: &str, words: &[&str]) {
    let stage = stage();
    let event = stage.upload(key, body);
    let run = stage.event(&[&event]).json();
    assert_eq!(rules(&run), [rule], "{run}");
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "quarantined", "{run}");
    for word in words {
        assert!(why.contains(word), "{why}");
    }
    assert_eq!(stage.count("codedeploy:CreateDeployment"), 0);
    let kept = stage.state_keys("quarantine/deploy-bundles/");
    assert_eq!(kept.len(), 1, "it is in quarantine");
    // It stays refused, and is not worked on again.
    let again = stage.event(&[&event]).code(0).json();
    assert_eq!(record(&again).0, "ignored", "{again}");
    let round = stage.round(&[]).code(0).json();
    assert_eq!(
        round["findings"].as_array().map(Vec::len),
        Some(1),
        "{round}"
    );
}

#[test]
fn a_missing_appspec_is_told_before_any_deployment_exists() {
    check(
        "apps/shop/live/a.zip",
        &zip(&["index.html", "src/main.rs"]),
        "bundle-without-appspec",
        &[
            "no `appspec.yml` (or `appspec.yaml`) where the agent looks",
            "`index.html`",
        ],
    );
    check(
        "apps/shop/live/a.zip",
        &zip(&["shop/appspec.yml", "__MACOSX/._shop"]),
        "bundle-without-appspec",
        &["`shop/appspec.yml`", "`__MACOSX` lies beside it"],
    );
    check(
        "apps/shop/live/a.tar",
        &tar(&[("AppSpec.yml", b"")]),
        "bundle-without-appspec",
        &["case matters"],
    );
    check(
        "apps/job/live/a.yaml",
        b"hello: world\n",
        "bundle-without-appspec",
        &["lacks `version` and `Resources`"],
    );
}

#[test]
fn what_is_not_what_it_is_called_or_does_not_fit_is_refused() {
    check(
        "apps/shop/live/a.tgz",
        &bundle("1"),
        "bundle-unusable",
        &["named as tgz", "a zip archive"],
    );
    check(
        "apps/shop/live/a.txt",
        b"hello",
        "bundle-unusable",
        &["says no bundle type", "`.tar.gz`"],
    );
    check(
        "apps/shop/live/a.zip",
        b"",
        "bundle-unusable",
        &["is empty"],
    );
    check(
        "apps/job/live/a.zip",
        &bundle("1"),
        "bundle-unusable",
        &["Lambda", "takes only an appspec"],
    );
    check(
        "apps/shop/live/a.json",
        b"{}",
        "bundle-unusable",
        &["bare JSON", "EC2/On-premises"],
    );
    let mut cut = bundle("1");
    cut.truncate(cut.len() - 5);
    check(
        "apps/shop/live/a.zip",
        &cut,
        "bundle-unusable",
        &["cut off"],
    );
    let windows = tar(&[("appspec.yml", b"version: 0.0\nos: windows\n")]);
    check(
        "apps/shop/live/a.tar",
        &windows,
        "bundle-unusable",
        &["Windows"],
    );
}

#[test]
fn a_bundle_that_goes_nowhere_or_to_no_group_is_refused() {
    check(
        "elsewhere/a.zip",
        &bundle("1"),
        "bundle-without-route",
        &["[[deploy-bundles.routes]]", "application-name"],
    );
    check(
        "apps/shop/beta/a.zip",
        &bundle("1"),
        "deployment-group-missing",
        &["`shop/beta`", "eu-west-1"],
    );
    check(
        "apps/nobody/live/a.zip",
        &bundle("1"),
        "deployment-group-missing",
        &["`nobody/live`"],
    );
    let long = format!("apps/{}/live/a.zip", "x".repeat(101));
    check(
        &long,
        &bundle("1"),
        "bundle-without-route",
        &["101 characters"],
    );
}

fn far(region: Option<&str>) -> Value {
    let mut record = json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "far" }, "object": { "key": "a.zip", "sequencer": "05" } } });
    if let Some(region) = region {
        record["awsRegion"] = json!(region);
    }
    json!({ "Records": [record] })
}

#[test]
fn a_bucket_in_another_region_than_the_group_is_refused_whether_the_event_says_so_or_not() {
    for named in [Some("us-east-1"), None] {
        let mut world = world();
        world.add_bucket(ACCOUNT, "us-east-1", "far");
        world.store_object("far", "a.zip", &bundle("1"));
        let stage = super::stage::on(world).with(
            "[[deploy-bundles.routes]]\nbucket = \"far\"\nkey = \"{bundle}\"\napplication = \"shop\"\ngroup = \"live\"\n",
        );
        let run = stage.event_with(&far(named), &[]).json();
        assert_eq!(rules(&run), ["bundle-in-other-region"], "{run}");
        let (outcome, why) = record(&run);
        assert_eq!(outcome, "quarantined");
        assert!(
            why.contains("us-east-1") && why.contains("eu-west-1"),
            "{why}"
        );
        assert_eq!(stage.count("codedeploy:CreateDeployment"), 0);
    }
}

#[test]
fn what_is_gone_or_removed_is_acknowledged_without_a_deployment() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let mut removed = event.clone();
    removed["eventName"] = json!("ObjectRemoved:Delete");
    removed["s3"]["object"]["sequencer"] = json!("08");
    let run = stage.event(&[&removed]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
    // The bucket is there, and empty.
    stage
        .aws
        .with(|world| world.add_bucket(ACCOUNT, REGION, BUCKET));
    let run = stage.event(&[&event]).code(0).json();
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "ignored", "{run}");
    assert!(why.contains("it is gone"), "{why}");
    assert_eq!(stage.deployed().len(), 0);
}

#[test]
fn a_permanent_error_of_code_deploy_is_kept_and_not_tried_for_ever() {
    let stage = stage().with("deployment_config = \"Nobody.Knows\"\n");
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let run = stage.event(&[&event]).json();
    let (outcome, why) = record(&run);
    assert_eq!(outcome, "quarantined", "{run}");
    assert!(
        why.contains("DeploymentConfigDoesNotExistException"),
        "{why}"
    );
    assert_eq!(stage.state_keys("quarantine/deploy-bundles/").len(), 1);
}
