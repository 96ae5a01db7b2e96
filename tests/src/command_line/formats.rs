//! Where results go and how they look: every format, `--output`, `--all`, and the exact shape of `lamplighter/run/v1`.

use lamplighter_local_aws::{Fault, FaultKind, Instance};
use serde_json::Value;

use crate::stop_untagged::stage::{MARK, Stage, rows};

const DUE: &str = "2026-11-15T10:00:00Z";

fn stage() -> Stage {
    Stage::with([
        Instance::new("i-due").tag(MARK, DUE).tag("Name", "w,e\"b"),
        Instance::new("i-good").tag("cost_center", "4711"),
        Instance::new("i-spot").tag(MARK, DUE).spot_one_time(),
        Instance::new("i-stopped").state(lamplighter_local_aws::InstanceState::Stopped),
    ])
}

const DRY: [&str; 3] = ["run", "stop-untagged", "--dry-run"];

fn dry(more: &[&'static str]) -> Vec<&'static str> {
    DRY.iter().chain(more).copied().collect()
}

#[test]
fn every_format_tells_of_the_same_run() {
    for format in [
        "text", "json", "jsonl", "csv", "markdown", "html", "sarif", "junit", "ocsf",
    ] {
        let ran = stage().lamplighter(dry(&["--format", format])).code(0);
        assert!(
            ran.stdout.contains("i-due") && ran.stdout.contains("missing-required-tags"),
            "{format}\n{}",
            ran.stdout
        );
        assert!(
            ran.stdout.ends_with('\n'),
            "{format}: a text ends with a newline"
        );
        assert!(
            !ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
            "{format}: no colour without a terminal"
        );
        match format {
            "json" | "sarif" | "ocsf" => drop(ran.json()),
            "jsonl" => {
                for line in ran.stdout.lines() {
                    serde_json::from_str::<Value>(line).expect("each line is JSON");
                }
            }
            "csv" => assert!(
                ran.stdout.contains("\"\"b"),
                "quotes are doubled: {}",
                ran.stdout
            ),
            "html" => assert!(ran.stdout.starts_with("<!doctype html>"), "{}", ran.stdout),
            "junit" => assert!(ran.stdout.starts_with("<?xml"), "{}", ran.stdout),
            _ => {}
        }
    }
}

#[test]
fn output_goes_to_a_file_whole_and_nothing_to_stdout() {
    let stage = stage();
    let ran = stage
        .lamplighter(dry(&["--format", "json", "--output", "report.json"]))
        .code(0);
    assert_eq!(ran.stdout, "");
    let text = std::fs::read_to_string(ran.folder.path().join("report.json"))
        .expect("the report is there");
    let run: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(run["schema"], "lamplighter/run/v1");
    assert!(!ran.folder.path().join("report.json.new").exists());
    let ran = stage
        .lamplighter(dry(&["--output", "no/such/folder/report"]))
        .code(1);
    assert!(
        ran.stderr.contains("no/such/folder/report"),
        "{}",
        ran.stderr
    );
}

#[test]
fn all_lists_what_passes_and_what_does_not_apply_and_the_summary_always_counts_it() {
    let few = stage()
        .lamplighter(dry(&["--format", "json"]))
        .code(0)
        .json();
    let all = stage()
        .lamplighter(dry(&["--format", "json", "--all"]))
        .code(0)
        .json();
    let verdicts = |run: &Value| -> Vec<String> {
        let mut all: Vec<String> = rows(run, "findings")
            .iter()
            .filter_map(|row| row["verdict"].as_str().map(str::to_owned))
            .collect();
        all.sort();
        all
    };
    assert_eq!(verdicts(&few), ["fail", "fail"]);
    assert_eq!(verdicts(&all), ["fail", "fail", "not_applicable", "pass"]);
    assert_eq!(few["summary"], all["summary"]);
    assert_eq!(
        (&few["summary"]["pass"], &few["summary"]["inspected"]),
        (&1.into(), &4.into())
    );
}

/// The keys of an object and the kinds of their values: `account:object alias:null`.
fn shape(value: &Value) -> String {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut keys: Vec<String> = value
        .as_object()
        .expect("an object")
        .iter()
        .map(|(key, value)| format!("{key}:{}", kind(value)))
        .collect();
    keys.sort();
    keys.join(" ")
}

#[test]
fn json_has_every_key_of_the_interface() {
    let stage = stage().config("[aws]\nmax_attempts = 1\nregions = [\"eu-west-1\", \"us-east-1\"]");
    stage
        .aws
        .inject(Fault::new("ec2:DescribeInstances", FaultKind::Denied).in_region("us-east-1"));
    let run = stage.round().code(4).json();
    let top = shape(&run);
    for key in [
        "schema:string",
        "run_id:string",
        "function:string",
        "mode:string",
        "trigger:string",
        "slot:null",
        "started_at:string",
        "finished_at:string",
        "account:object",
        "outcome:string",
        "would_refuse:null",
        "summary:object",
        "coverage:array",
        "findings:array",
        "actions:array",
        "skipped:array",
        "errors:array",
    ] {
        assert!(top.split(' ').any(|seen| seen == key), "{key} in {top}");
    }
    assert_eq!(
        (
            &run["schema"],
            &run["function"],
            &run["mode"],
            &run["trigger"]
        ),
        (
            &"lamplighter/run/v1".into(),
            &"stop-untagged".into(),
            &"apply".into(),
            &"manual".into()
        )
    );
    assert_eq!(shape(&run["account"]), "alias:null id:string");
    assert_eq!(
        shape(&run["summary"]),
        "done:number fail:number failed:number inspected:number not_applicable:number pass:number planned:number skipped:number unknown:number"
    );
    let coverage = rows(&run, "coverage");
    assert_eq!(
        shape(&coverage[0]),
        "error:null inspected:number scope:string status:string"
    );
    assert_eq!(coverage[1]["status"], "unreadable");
    assert_eq!(
        shape(&rows(&run, "findings")[0]),
        "account:string evidence:object fingerprint:string message:string region:string resource:string rule:string severity:string verdict:string"
    );
    assert_eq!(
        shape(&rows(&run, "actions")[0]),
        "account:string action:string outcome:string reason:string region:string resource:string undo:string"
    );
    assert_eq!(
        shape(&rows(&run, "skipped")[0]),
        "account:string reason:string region:string resource:string"
    );
    assert_eq!(
        shape(&rows(&run, "errors")[0]),
        "message:string scope:string"
    );
    assert_eq!(
        run["errors"][0]["message"]
            .as_str()
            .map(|text| text.contains("not allowed to call `ec2:DescribeInstances`")),
        Some(true)
    );
    assert_eq!(run["started_at"], "2026-11-16T10:00:00Z", "RFC 3339 in UTC");
    assert_eq!(
        rows(&run, "actions")[0]["undo"],
        "aws ec2 start-instances --region eu-west-1 --instance-ids i-due"
    );
    assert_eq!(
        rows(&run, "actions")[0]["resource"],
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-due"
    );
}

#[test]
fn fingerprints_are_stable_from_run_to_run_and_differ_between_resources() {
    let fingerprints = |stage: &Stage| -> Vec<String> {
        let run = stage.lamplighter(dry(&["--format", "json"])).code(0).json();
        rows(&run, "findings")
            .iter()
            .filter_map(|row| row["fingerprint"].as_str().map(str::to_owned))
            .collect()
    };
    let (one, other) = (stage(), stage());
    other.hours_pass(5);
    other.edit("i-due", |instance| {
        instance
            .tags
            .insert("Name".to_owned(), "renamed".to_owned());
    });
    let (first, second) = (fingerprints(&one), fingerprints(&other));
    assert_eq!(first, second);
    assert_ne!(first[0], first[1]);
}

#[test]
fn quiet_is_quiet_and_verbose_tells_more() {
    let quiet = stage().lamplighter(dry(&["-q"])).code(0);
    assert_eq!(quiet.stderr, "");
    let verbose = stage().lamplighter(dry(&["-v"])).code(0);
    assert!(
        verbose.stderr.contains("the run begins") && verbose.stderr.contains("the run ends"),
        "{}",
        verbose.stderr
    );
    assert!(
        !verbose.stdout.contains("the run begins"),
        "logs go to stderr"
    );
}
