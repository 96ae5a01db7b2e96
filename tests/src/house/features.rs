//! One feature graph: whatever part of the workspace is built, everything below the AWS SDK has the same features.
//!
//! Cargo compiles a crate anew whenever the features of anything below it differ, and aws-sdk-ec2 costs minutes and
//! half a gigabyte. And a codec with other features may write other bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{cargo, packages};

/// The SDK crates that are shared by everything and slow to build.
const SDK: [&str; 7] = [
    "aws-sdk-acm",
    "aws-sdk-ec2",
    "aws-sdk-iam",
    "aws-sdk-s3",
    "aws-sdk-sesv2",
    "aws-sdk-sns",
    "aws-sdk-sts",
];

/// The crates that decide which bytes a smaller image has.
const CODECS: [&str; 8] = [
    "fast_image_resize",
    "fdeflate",
    "flate2",
    "gif",
    "image",
    "moxcms",
    "png",
    "turbojpeg",
];

/// Crates with their features. A crate that is built for the host and for the target may be there twice.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn building_one_package_builds_the_sdk_with_the_features_of_the_whole_workspace() {
    let whole = graph(&["--workspace", "--edges", "normal,build,dev"]);
    let mut below: BTreeSet<String> = BTreeSet::new();
    for name in SDK {
        below.extend(graph(&["--package", name, "--edges", "normal,build"]).into_keys());
    }
    let mut missing = BTreeSet::new();
    let mut reaching = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        let alone = graph(&["--package", name, "--edges", "normal,build"]);
        if !alone.keys().any(|known| known.starts_with("aws-sdk-ec2 ")) {
            continue;
        }
        reaching.push(name);
        for (known, features) in alone.iter().filter(|(known, _)| below.contains(*known)) {
            let all = &whole[known];
            if features != all {
                missing.insert(line(known, all));
            }
        }
    }
    assert!(
        reaching.contains(&"lamplighter") && reaching.contains(&"stop-untagged"),
        "aws-sdk-ec2 was not found below the programs: {reaching:?}"
    );
    assert!(
        missing.is_empty(),
        "the workspace turns on features below the AWS SDK that a single package does not, so aws-sdk-ec2 would be \
         compiled twice; add what is missing of these to shared/hack/Cargo.toml:\n{}",
        missing.into_iter().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn every_package_with_the_sdk_has_the_line_that_holds_the_features_together() {
    let depends = |package: &Value, name: &str| {
        package["dependencies"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|dependency| dependency["name"] == name)
    };
    let mut seen = 0;
    for package in packages() {
        if SDK.iter().any(|name| depends(package, name)) {
            seen += 1;
            assert!(
                depends(package, "lamplighter-hack"),
                "{} depends on the AWS SDK and not on lamplighter-hack",
                package["name"]
            );
        }
    }
    assert!(seen > 0, "the packages with the SDK were found");
}

#[test]
fn an_image_has_the_same_bytes_from_the_lambda_and_from_the_whole_program() {
    let graph_of = |package| graph(&["--package", package, "--edges", "normal"]);
    let (lambda, program) = (graph_of("resize-images"), graph_of("lamplighter"));
    for codec in CODECS {
        let of = |graph: &Graph| {
            let prefix = format!("{codec} v");
            let found = graph.iter().find(|(name, _)| name.starts_with(&prefix));
            found.map(|(_, features)| features.clone())
        };
        assert!(of(&lambda).is_some(), "{codec} is not built");
        assert_eq!(of(&lambda), of(&program), "{codec} has other features");
    }
}

#[test]
fn the_advice_is_a_line_that_can_be_pasted() {
    let features = BTreeSet::from(["default,std".to_owned(), "io,std".to_owned()]);
    assert_eq!(
        line("tokio-util v0.7.16", &features),
        "tokio-util = { version = \"0.7\", features = [\"default\", \"io\", \"std\"] }"
    );
    assert_eq!(
        line("uuid v1.29.1", &BTreeSet::new()),
        "uuid = { version = \"1\", features = [] }"
    );
}

/// The line of `shared/hack/Cargo.toml` that turns on all of these features.
fn line(package: &str, features: &BTreeSet<String>) -> String {
    let (name, version) = package.split_once(" v").expect("a name and a version");
    let (major, rest) = version.split_once('.').expect("a version has dots");
    // Below 1.0 the second number is the one that says what is compatible.
    let version = match major {
        "0" => format!("0.{}", rest.split('.').next().unwrap_or_default()),
        _ => major.to_owned(),
    };
    let features: BTreeSet<&str> = features
        .iter()
        .flat_map(|list| list.split(','))
        .filter(|feature| !feature.is_empty())
        .collect();
    let features: Vec<String> = features
        .into_iter()
        .map(|feature| format!("\"{feature}\""))
        .collect();
    format!(
        "{name} = {{ version = \"{version}\", features = [{}] }}",
        features.join(", ")
    )
}

/// Everything that is built for these arguments, with its features.
fn graph(args: &[&str]) -> Graph {
    let mut all = vec![
        "tree",
        "--no-dedupe",
        "--prefix",
        "none",
        "--format",
        "{p}\t{f}",
    ];
    all.extend(args);
    let mut graph = Graph::new();
    for row in cargo(&all).lines() {
        let Some((package, features)) = row.split_once('\t') else {
            continue;
        };
        // `name v1.2.3 (proc-macro)`
        let package: Vec<&str> = package.split(' ').take(2).collect();
        graph
            .entry(package.join(" "))
            .or_default()
            .insert(features.to_owned());
    }
    graph
}
