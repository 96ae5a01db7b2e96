//! How a deployment ended: told with the failing instances, the step, and what the script said, and mailed.

use lamplighter_local_aws::DeploymentTarget;
use serde_json::json;

use super::stage::{bundle, record, rules, stage};

const MAIL: &str = "\n[report]\nfrom = \"ops@example.com\"\nto = [\"team@example.com\"]\n";

#[test]
fn a_failure_is_mailed_with_instances_step_script_and_log() {
    let stage = stage().with(MAIL);
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    let id = stage.last();
    let targets = vec![
        DeploymentTarget::succeeded("i-0"),
        DeploymentTarget::failed(
            "i-1",
            "AfterInstall",
            "scripts/start.sh",
            "starting\n\u{1b}[31mport 80 is taken\u{1b}[0m\n",
        ),
        DeploymentTarget::failed("i-2", "AfterInstall", "scripts/start.sh", "starting\n"),
    ];
    let over = stage.aws.with(|world| world.fail_deployment(&id, targets));
    stage.aws.with(|world| world.set_page_size(Some(1)));
    let run = stage.event_with(&over, &[]).code(0).json();
    assert_eq!(rules(&run), ["deployment-failed"], "{run}");
    let finding = &run["findings"][0];
    assert_eq!(finding["severity"], "high");
    assert_eq!(
        finding["resource"],
        "arn:aws:codedeploy:eu-west-1:123456789012:deploymentgroup:shop/live"
    );
    let message = finding["message"].as_str().expect("a message");
    for word in [
        id.as_str(),
        "s3://releases/apps/shop/live/a.zip",
        "AfterInstall on i-1",
        "`scripts/start.sh`",
        "1 more",
        "port 80 is taken",
    ] {
        assert!(message.contains(word), "{message}");
    }
    let failed = finding["evidence"]["failed_targets"]
        .as_array()
        .expect("targets");
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0]["code"], "ScriptFailed");
    assert!(!finding.to_string().contains("\\u001b"), "{finding}");
    let mails = stage.aws.mails();
    assert_eq!(
        mails.len(),
        1,
        "the report of an event's run with a finding is mailed"
    );
    assert_eq!(mails[0].to, ["team@example.com"]);
}

#[test]
fn a_success_is_a_pass_and_a_stop_is_told_with_its_reason() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&event]).code(0);
    let good = stage.finish();
    let run = stage.event_with(&good, &["--all"]).code(0).json();
    assert_eq!(run["findings"][0]["verdict"], "pass", "{run}");
    stage.later(1);
    let event = stage.upload("apps/shop/live/b.zip", &bundle("2"));
    stage.event(&[&event]).code(0);
    let id = stage.last();
    let stopped = stage.aws.with(|world| world.stop_deployment(&id));
    let run = stage.event_with(&stopped, &[]).code(0).json();
    assert_eq!(rules(&run), ["deployment-failed"], "{run}");
    assert!(
        run["findings"][0]["message"]
            .to_string()
            .contains("MANUAL_STOP"),
        "{run}"
    );
}

#[test]
fn what_others_deploy_is_their_own_affair() {
    let stage = stage();
    let id = stage.occupy();
    let failed = stage.aws.with(|world| {
        world.fail_deployment(
            &id,
            vec![DeploymentTarget::failed("i-1", "Install", "x", "")],
        )
    });
    let run = stage.event_with(&failed, &[]).code(0).json();
    assert_eq!(rules(&run), Vec::<String>::new(), "{run}");
    assert_eq!(record(&run).0, "ignored");
    // Of another account, or of a deployment that nobody knows.
    let mut other = failed.clone();
    other["account"] = json!("999999999999");
    let run = stage.event_with(&other, &[]).code(0).json();
    assert!(record(&run).1.contains("999999999999"), "{run}");
    let mut unknown = failed;
    unknown["detail"]["deploymentId"] = json!("d-NOBODY000");
    let run = stage.event_with(&unknown, &[]).code(0).json();
    assert_eq!(record(&run).0, "ignored", "{run}");
}

#[test]
fn a_failure_makes_room_for_what_waits_and_is_told_in_the_same_run() {
    let stage = stage();
    let first = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.event(&[&first]).code(0);
    stage.later(1);
    let second = stage.upload("apps/shop/live/b.zip", &bundle("2"));
    stage.event(&[&second]).code(0);
    let id = stage.last();
    let failed = stage.aws.with(|world| world.fail_deployment(&id, vec![]));
    let run = stage.event_with(&failed, &[]).code(0).json();
    assert_eq!(rules(&run), ["deployment-failed"], "{run}");
    assert_eq!(
        stage.deployed(),
        ["apps/shop/live/a.zip", "apps/shop/live/b.zip"]
    );
}
