//! Every function is listed, documented, configured, permitted, built as a Lambda, and can be run.

use std::collections::BTreeSet;

use chrono::Utc;
use lamplighter_local_aws::World;
use serde_json::Value;

use super::{function_names, package, read, toml};
use crate::harness::{Lamplighter, root, serve};

/// The keys that all functions have, but those that everybody sets: `config/default.toml` explains them once.
const COMMON_KEYS: [&str; 7] = [
    "memory_mb",
    "timeout_secs",
    "missed",
    "missed_grace_minutes",
    "overlap",
    "spread_minutes",
    "retries",
];

/// Everything that exists today, switched on: the configuration that the policy documents belong to.
fn everything() -> String {
    root()
        .join("config/examples/everything.toml")
        .display()
        .to_string()
}

#[test]
fn every_function_is_listed_and_every_listed_function_has_its_folder() {
    let listed = Lamplighter::new(["list", "--format", "json"])
        .run()
        .code(0)
        .json();
    let listed: BTreeSet<String> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["function"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(
        listed,
        function_names().into_iter().collect(),
        "`lamplighter list` (left) and the folders in functions/ (right) differ: see functions/lamplighter/src/functions.rs"
    );
}

#[test]
fn every_function_has_a_section_in_the_defaults_and_in_the_example_of_everything() {
    let defaults = toml(&root().join("config/default.toml"));
    let example = toml(&root().join("config/examples/everything.toml"));
    for name in function_names() {
        let section = defaults
            .get(&name)
            .unwrap_or_else(|| panic!("config/default.toml has no section [{name}]"));
        assert!(section.get("schedule").is_some(), "[{name}] has a schedule");
        let section = example
            .get(&name)
            .unwrap_or_else(|| panic!("config/examples/everything.toml has no section [{name}]"));
        if let Some(mode) = defaults[&name].get("mode") {
            // One that takes events is there to act on them, which counts once it is configured.
            let expected = match defaults[&name].get("sources") {
                Some(_) => "apply",
                None => "plan",
            };
            assert_eq!(mode.as_str(), Some(expected), "defaults are safe: [{name}]");
            assert_eq!(section["mode"].as_str(), Some("apply"), "[{name}]");
        }
    }
    Lamplighter::new(["check", "--config", &everything()])
        .run()
        .code(0);
}

#[test]
fn the_example_of_a_first_configuration_is_sound() {
    let example = root()
        .join("config/lamplighter.example.toml")
        .display()
        .to_string();
    Lamplighter::new(["check", "--config", &example])
        .run()
        .code(0);
}

#[test]
fn every_function_s_policy_document_is_what_the_program_prints() {
    for name in function_names() {
        let path = root().join("policies").join(format!("{name}.json"));
        let printed = Lamplighter::new(["policy", &name, "--config", &everything()])
            .run()
            .code(0)
            .stdout;
        assert!(
            path.is_file() && read(&path) == printed,
            "policies/{name}.json is missing or old: write it anew with `lamplighter policy {name} --config \
             config/examples/everything.toml --output policies/{name}.json`"
        );
    }
}

#[test]
fn the_policy_document_of_a_pipeline_is_what_the_program_prints() {
    is_printed("deploy", &["policy", "deploy"]);
}

#[test]
fn the_policy_document_of_the_daemon_is_what_the_program_prints() {
    is_printed("daemon", &["policy", "daemon", "--config", &everything()]);
}

/// Checks a policy document of something that is no function.
fn is_printed(name: &str, command: &[&str]) {
    let printed = Lamplighter::new(command.iter().copied())
        .run()
        .code(0)
        .stdout;
    let path = root().join(format!("policies/{name}.json"));
    assert!(
        path.is_file() && read(&path) == printed,
        "policies/{name}.json is missing or old: write it anew with `lamplighter {} --output policies/{name}.json`",
        command.join(" ")
    );
}

#[test]
fn no_policy_document_is_without_its_function() {
    let mut known: BTreeSet<String> = function_names()
        .iter()
        .map(|name| format!("{name}.json"))
        .collect();
    // What deploys the functions is none, nor is the daemon that runs them, and both need a policy too.
    known.extend(["deploy.json", "daemon.json"].map(str::to_owned));
    for entry in std::fs::read_dir(root().join("policies")).expect("there is a folder policies/") {
        let name = entry.expect("policies/ can be read").file_name();
        let name = name.to_str().expect("its names are UTF-8");
        assert!(
            known.contains(name),
            "policies/{name} belongs to no function"
        );
    }
}

#[test]
fn every_function_tells_its_event_keys_permissions_and_a_run_to_paste() {
    let defaults = toml(&root().join("config/default.toml"));
    for name in function_names() {
        let path = root().join("functions").join(&name).join("README.md");
        assert!(path.is_file(), "functions/{name}/README.md is missing");
        let text = read(&path);
        let lacks = |what: &str| format!("functions/{name}/README.md says nothing of its {what}");
        for heading in ["## Event", "## Config", "## Permissions"] {
            assert!(
                text.lines().any(|line| line.starts_with(heading)),
                "{}",
                lacks(heading)
            );
        }
        for key in defaults[&name].as_table().expect("a section").keys() {
            let is_told = COMMON_KEYS.contains(&key.as_str()) || text.contains(&format!("`{key}`"));
            assert!(is_told, "{}", lacks(key));
        }
        for action in actions_of(&name) {
            assert!(text.contains(&format!("`{action}`")), "{}", lacks(&action));
        }
        let run = format!("lamplighter run {name} --dry-run");
        let fenced: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
        assert!(
            fenced.iter().any(|block| block.contains(&run)),
            "{}",
            lacks(&run)
        );
    }
}

/// The IAM actions in a function's policy document with which it looks and acts.
fn actions_of(name: &str) -> BTreeSet<String> {
    let document = read(&root().join("policies").join(format!("{name}.json")));
    let document: Value = serde_json::from_str(&document).expect("a policy is JSON");
    let actions: BTreeSet<String> = document["Statement"]
        .as_array()
        .expect("a policy has statements")
        .iter()
        .filter(|statement| {
            let sid = statement["Sid"].as_str().expect("a Sid");
            sid.starts_with("Read") || sid.starts_with("Act")
        })
        .flat_map(|statement| statement["Action"].as_array().expect("a list").clone())
        .map(|action| action.as_str().expect("a name").to_owned())
        .collect();
    assert!(!actions.is_empty(), "policies/{name}.json allows nothing");
    actions
}

#[test]
fn every_function_is_built_as_a_lambda() {
    for name in function_names() {
        let expected = format!("bootstrap-{name}");
        let targets = package(&name)["targets"].as_array().expect("a list");
        assert!(
            targets
                .iter()
                .any(|target| target["name"] == *expected && target["kind"][0] == "bin"),
            "functions/{name}/Cargo.toml has no [[bin]] named `{expected}`"
        );
    }
}

#[test]
fn every_function_can_be_run_by_hand() {
    let aws = serve(World::new("111122223333", Utc::now()));
    for name in function_names() {
        let ran = Lamplighter::new(["run", &name, "--dry-run", "--format", "json"])
            .on(&aws)
            .run();
        // 4: the simulated account does not have everything.
        assert!(matches!(ran.code, Some(0 | 4)), "{name}: {}", ran.stderr);
        let run = ran.json();
        assert_eq!(run["function"], *name);
        assert_eq!(run["mode"], "dry-run");
    }
}
