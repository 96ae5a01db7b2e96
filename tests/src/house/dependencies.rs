//! Who may depend on what.

use std::path::Path;

use serde_json::Value;

use super::{cargo, function_names, package, packages, read, rust_files};

/// The packages the owner asked for, and the function that each is for, where it is for one only.
const OWNERS_PACKAGES: [(&str, Option<&str>); 9] = [
    ("aws-sdk-ec2", None),
    ("aws-sdk-sesv2", None),
    ("aws-sdk-s3", None),
    ("lambda_runtime", None),
    ("tokio-cron-scheduler", None),
    ("chrono", None),
    ("aws-sdk-iam", Some("audit-mfa")),
    ("aws-sdk-codedeploy", Some("deploy-bundles")),
    ("x509-parser", Some("report-certificates")),
];

#[test]
fn the_packages_that_the_owner_asked_for_do_their_work_in_the_product() {
    let functions = function_names();
    for (name, function) in OWNERS_PACKAGES {
        // Its function has not come yet.
        if function.is_some_and(|function| !functions.iter().any(|known| known == function)) {
            continue;
        }
        let users: Vec<&Value> = packages()
            .iter()
            .filter(|package| normal(package).any(|dependency| dependency["name"] == name))
            .collect();
        assert!(
            users.iter().any(|package| uses(package, name)),
            "no code that is not a test uses `{name}`; packages that depend on it: {:?}",
            users
                .iter()
                .map(|package| &package["name"])
                .collect::<Vec<_>>()
        );
    }
}

/// Whether the package's own code names the crate, tests apart.
fn uses(package: &Value, name: &str) -> bool {
    let path = format!("{}::", name.replace('-', "_"));
    rust_files(&folder(package).join("src")).iter().any(|file| {
        let text = read(file);
        let product = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
        product
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains(&path))
    })
}

#[test]
fn no_function_renders_a_report_composes_mail_or_parses_configuration_itself() {
    for name in function_names() {
        for dependency in package(&name)["dependencies"].as_array().expect("a list") {
            let other = dependency["name"].as_str().expect("a name");
            assert!(
                !["lamplighter-report", "mail-builder", "toml", "clap"].contains(&other),
                "functions/{name} depends on `{other}`: {}",
                "reports, MIME, configuration and the command line are shared"
            );
        }
    }
}

#[test]
fn what_is_pure_knows_neither_tokio_nor_aws() {
    for name in ["core", "config", "report", "mail", "events", "images"] {
        let closure = tree(&format!("lamplighter-{name}"), "normal,build");
        assert!(closure.len() > 1, "shared/{name} was found");
        for other in &closure {
            assert!(
                other != "tokio" && !other.starts_with("aws-"),
                "shared/{name} may not depend on `{other}`: cargo tree -p lamplighter-{name} -i {other}"
            );
        }
    }
}

#[test]
fn every_aws_crate_is_without_default_features() {
    let mut seen = 0;
    for package in packages() {
        for dependency in package["dependencies"].as_array().expect("a list") {
            let other = dependency["name"].as_str().expect("a name");
            if other.starts_with("aws-") {
                seen += 1;
                assert_eq!(
                    dependency["uses_default_features"], false,
                    "{} takes `{other}` with its default features",
                    package["name"]
                );
            }
        }
    }
    assert!(seen > 0, "the AWS crates were found");
}

#[test]
fn there_is_one_http_stack() {
    let everything = cargo(&[
        "tree",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    for old in [
        "hyper v0.",
        "rustls v0.21",
        "rustls v0.20",
        "openssl v",
        "openssl-sys v",
    ] {
        assert!(
            !everything.lines().any(|line| line.starts_with(old)),
            "`{old}` is in the tree: some crate was taken with its default features"
        );
    }
    assert!(everything.lines().any(|line| line.starts_with("hyper v1")));
}

#[test]
fn no_crate_turns_on_the_tests_of_the_sdk() {
    for package in packages() {
        for dependency in package["dependencies"].as_array().expect("a list") {
            assert!(
                !dependency["features"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .any(|feature| feature == "test-util"),
                "{} turns on `test-util` of {}: aws-sdk-ec2 would be compiled twice",
                package["name"],
                dependency["name"]
            );
        }
    }
}

/// The names of everything a package depends on, itself included.
fn tree(package: &str, edges: &str) -> Vec<String> {
    let text = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        edges,
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    text.lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect()
}

fn normal(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
}

fn folder(package: &Value) -> &Path {
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).parent().expect("it is in a folder")
}
