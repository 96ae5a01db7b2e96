//! The three levels: a dry run shows everything and changes nothing, plan mode takes no event, apply mode needs a state.

use serde_json::json;

use super::stage::{CONFIG, actions, bundle, stage};
use crate::harness::Lamplighter;
use crate::runtime_api::Lambda;

#[test]
fn a_dry_run_shows_what_would_be_deployed_and_makes_no_changing_call() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let event = json!({ "Records": [event] });
    stage.aws.clear_calls();
    let run = stage.event_with(&event, &["--dry-run"]).code(0).json();
    assert_eq!(run["mode"], "dry-run");
    assert_eq!(actions(&run), ["deploy planned"], "{run}");
    let reason = run["actions"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("s3://releases/apps/shop/live/a.zip") && reason.contains("appspec.yml"),
        "{reason}"
    );
    assert_eq!(run["records"][0]["outcome"], "planned");
    let calls = stage.aws.calls();
    assert!(
        !calls.is_empty() && calls.iter().all(|call| !call.changes),
        "{calls:#?}"
    );
    assert_eq!(stage.state_keys(""), Vec::<String>::new());
    // Busy, and as a round, too.
    stage.occupy();
    let run = stage.event_with(&event, &["--dry-run"]).code(0).json();
    assert_eq!(actions(&run), ["wait-for-group planned"], "{run}");
    let run = stage.event_with(&event, &[]).code(0).json();
    assert_eq!(actions(&run), ["wait-for-group done"], "{run}");
    stage.finish();
    stage.aws.clear_calls();
    let run = stage.round(&["--dry-run"]).code(0).json();
    assert_eq!(actions(&run), ["deploy planned"], "{run}");
    assert!(stage.aws.calls().iter().all(|call| !call.changes));
    assert!(stage.waiting().is_some());
}

#[test]
fn a_refusal_shows_in_a_dry_run_and_is_not_kept() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.txt", b"hello");
    let run = stage
        .event_with(&json!({ "Records": [event] }), &["--dry-run"])
        .json();
    assert_eq!(run["findings"][0]["rule"], "bundle-unusable", "{run}");
    assert_eq!(stage.state_keys(""), Vec::<String>::new());
}

#[test]
fn plan_mode_takes_no_event_and_its_rounds_only_tell() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    stage.occupy();
    stage.event(&[&event]).code(0);
    stage.finish();
    let config = stage
        .config
        .replace("[deploy-bundles]", "[deploy-bundles]\nmode = \"plan\"");
    let stage = super::stage::Stage { config, ..stage };
    stage.later(1);
    let event = stage.upload("apps/shop/live/b.zip", &bundle("2"));
    // By hand it is a plan; a Lambda would have to acknowledge it.
    let plan = stage.event(&[&event]).code(0).json();
    assert_eq!(actions(&plan), ["deploy planned"], "{plan}");
    let lambda = Lambda::start("deploy-bundles", &stage.aws, &stage.config, &[]);
    let (kind, _) = lambda.invoke(&json!({ "Records": [event] })).error();
    assert_eq!(kind, "Lamplighter.ModePlan");
    lambda.end();
    let round = stage.round(&[]).code(0).json();
    assert_eq!(actions(&round), ["deploy planned"], "{round}");
    assert_eq!(stage.deployed().len(), 1, "only what kept it busy");
}

#[test]
fn without_a_place_for_what_waits_apply_mode_does_not_start() {
    let config = CONFIG.replace("url = \"s3://acme-state/lamp\"", "");
    for args in [&["check"][..], &["run", "deploy-bundles"]] {
        let ran = Lamplighter::new(args.iter().copied())
            .config(&config)
            .run()
            .code(2);
        assert!(
            ran.stderr
                .contains("[deploy-bundles] in apply mode needs `url` in [state]"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
}

#[test]
fn a_plan_file_is_applied_as_it_was_sealed_unless_the_world_has_moved_on() {
    let stage = stage();
    let event = stage.upload("apps/shop/live/a.zip", &bundle("1"));
    let plan = |out: &std::path::Path| {
        let command =
            Lamplighter::new(["plan", "deploy-bundles", "--event", "event.json", "--out"])
                .arg(out)
                .on(&stage.aws)
                .config(&stage.config);
        let text = json!({ "Records": [event] }).to_string();
        std::fs::write(command.folder().join("event.json"), text).expect("it is written");
        command.run().code(0)
    };
    let apply = |file: &std::path::Path| {
        Lamplighter::new(["apply", "--format", "json"])
            .arg(file)
            .on(&stage.aws)
            .config(&stage.config)
            .run()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.json");
    plan(&file);
    let text = std::fs::read_to_string(&file).expect("the plan file");
    for word in ["releases", "apps/shop/live/a.zip", "version", "etag"] {
        assert!(text.contains(word), "{text}");
    }
    let run = apply(&file).code(0).json();
    assert_eq!(actions(&run), ["deploy done"], "{run}");
    stage.finish();
    let again = apply(&file).code(0).json();
    assert_eq!(actions(&again), ["deploy vetoed"], "{again}");
    assert_eq!(stage.deployed().len(), 1);
}
