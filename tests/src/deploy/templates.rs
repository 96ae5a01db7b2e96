//! Templates: sound for cfn-lint, the same every time, and refused where they would be wrong.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Lamplighter, Ran, root};
use crate::moto::venv;

/// What pip installs: AWS's own linter, with the shapes of all resource types, and an independent CloudFormation.
pub const PACKAGES: [&str; 2] = ["cfn-lint==1.58.0", "moto[cloudformation]==5.2.*"];

pub fn everything() -> String {
    root()
        .join("config/examples/everything.toml")
        .display()
        .to_string()
}

pub fn template<'a>(args: impl IntoIterator<Item = &'a str>) -> Ran {
    Lamplighter::new(["deploy", "template"])
        .args(args)
        .run()
        .code(0)
}

#[test]
fn cfn_lint_finds_nothing_in_the_template_of_the_defaults_and_of_everything() {
    let bin = venv("deploy", &PACKAGES);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, args) in [
        ("defaults.yaml", vec![]),
        ("everything.yaml", vec!["--config", &everything()]),
        (
            "everything.json",
            vec!["--config", &everything(), "--format", "json"],
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, template(args).stdout).expect("it is written");
        let linted = Command::new(bin.join("cfn-lint"))
            .args(["--include-checks", "I", "--region", "eu-west-1", "--"])
            .arg(&path)
            .output()
            .expect("cfn-lint runs");
        let said = String::from_utf8_lossy(&linted.stdout);
        assert!(
            linted.status.success() && said.trim().is_empty(),
            "{name}:\n{said}"
        );
    }
    // The linter itself can find something.
    let path = folder.path().join("wrong.yaml");
    let wrong = template([]).stdout.replace("MinValue: 128", "MinValu: 128");
    fs::write(&path, wrong).expect("it is written");
    let linted = Command::new(bin.join("cfn-lint"))
        .arg("--")
        .arg(&path)
        .output();
    assert!(!linted.expect("cfn-lint runs").status.success());
}

#[test]
fn a_template_is_the_same_every_time_and_differs_from_itself_in_nothing() {
    let first = template(["--config", &everything()]).stdout;
    let second = template(["--config", &everything()]).stdout;
    assert_eq!(first, second);
    let diff = Lamplighter::new(["deploy", "diff", "a.yaml", "b.json", "--fail-on-findings"]);
    fs::write(diff.folder().join("a.yaml"), &first).expect("it is written");
    let json = template(["--config", &everything(), "--format", "json"]).stdout;
    fs::write(diff.folder().join("b.json"), json).expect("it is written");
    assert_eq!(diff.run().code(0).stdout, "no difference\n");
}

#[test]
fn a_difference_is_told_by_its_path_and_is_an_exit_code_only_where_it_was_asked_for() {
    let old = Lamplighter::new(["deploy", "template"]).config("[stop-untagged]\nmemory_mb = 256\n");
    let old = old.run().code(0).stdout;
    let new = Lamplighter::new(["deploy", "template"]).config(
        "[stop-untagged]\nmemory_mb = 512\n[report]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n",
    );
    let new = new.run().code(0).stdout;
    for (args, code) in [(vec![], 0), (vec!["--fail-on-findings"], 3)] {
        let diff = Lamplighter::new(["deploy", "diff", "old", "new"]).args(args);
        fs::write(diff.folder().join("old"), &old).expect("it is written");
        fs::write(diff.folder().join("new"), &new).expect("it is written");
        let said = diff.run().code(code).stdout;
        assert!(
            said.contains("~ Parameters.StopUntaggedMemoryMb\n    Default\n"),
            "{said}"
        );
        assert!(
            said.contains("~ Resources.StopUntaggedRole (AWS::IAM::Role)"),
            "{said}"
        );
        assert!(!said.contains("example.com"), "{said}");
    }
    Lamplighter::new(["deploy", "diff", "nothing", "nowhere"])
        .run()
        .code(2);
}

#[test]
fn a_source_without_a_prefix_makes_no_template() {
    let ran = Lamplighter::new(["deploy", "template"])
        .config("[resize-images]\nsources = [\"s3://photos\"]\noutput_bucket = \"small\"\n")
        .run()
        .code(2);
    assert!(
        ran.stderr.contains("has no prefix") && ran.stderr.contains("s3://photos/prefix/"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
}

#[test]
fn no_secret_is_in_a_template() {
    for extra in ["", "--terraform"] {
        let mut program = Lamplighter::new(["deploy", "template"]);
        if !extra.is_empty() {
            program = program.arg(extra);
        }
        let ran = program
            .config("[report]\nwebhook = \"https://example.com/s3cret-0\"\n[daemon]\ntoken = \"s3cret-1\"\n")
            .run()
            .code(0);
        assert!(!ran.stdout.contains("s3cret"), "{}", ran.stdout);
    }
}

#[test]
fn terraform_gets_json_with_as_many_functions() {
    let terraform = template(["--terraform", "--config", &everything()]);
    let terraform: Value = serde_json::from_str(&terraform.stdout).expect("JSON");
    let template: Value =
        serde_json::from_str(&template(["--config", &everything(), "--format", "json"]).stdout)
            .expect("JSON");
    let lambdas = template["Resources"]
        .as_object()
        .expect("resources")
        .values();
    let lambdas = lambdas
        .filter(|resource| resource["Type"] == "AWS::Lambda::Function")
        .count();
    let there = terraform["resource"]["aws_lambda_function"]
        .as_object()
        .expect("functions")
        .len();
    assert_eq!(there, lambdas);
}
