//! The commands that need no account: lists, checks, policies, samples, help.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::{lamplighter, with};
use crate::harness::Lamplighter;

/// Every sample event that the interface names.
const SAMPLES: [&str; 12] = [
    "schedule",
    "s3-put",
    "s3-removed",
    "s3-test",
    "s3-eventbridge",
    "s3-sqs",
    "s3-sns-sqs",
    "ses",
    "ses-sns",
    "codedeploy",
    "on-failure",
    "keep-warm",
];

#[test]
fn list_shows_trigger_mode_schedule_and_whether_each_is_configured() {
    let bare = lamplighter(["list"]).code(0).stdout;
    let line = bare
        .lines()
        .find(|line| line.starts_with("stop-untagged"))
        .unwrap_or_default()
        .to_owned();
    for word in ["schedule", "plan", "rate(1 hour)", "no"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let config =
        "[stop-untagged]\nmode = \"apply\"\ngrace_hours = 0\nschedule = \"rate(2 hours)\"\n";
    let json = with(config, ["list", "--format", "json"]).code(0).json();
    let row = json
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["function"] == "stop-untagged"))
        .cloned();
    let row = row.expect("it is listed");
    assert_eq!(
        (&row["mode"], &row["schedule"], &row["configured"]),
        (&"apply".into(), &"rate(2 hours)".into(), &true.into())
    );
}

#[test]
fn check_needs_no_account_and_prints_every_setting_with_its_origin() {
    let said = with("[stop-untagged]\n", ["check"]).code(0).stdout;
    assert!(
        said.contains("sound") && said.contains("stop-untagged"),
        "{said}"
    );
    let program =
        Lamplighter::new(["check", "--print"]).config("[stop-untagged]\ngrace_hours = 48\n");
    let printed = program
        .env("LAMPLIGHTER_STOP_UNTAGGED__MAX_ACTIONS", "7")
        .run()
        .code(0)
        .stdout;
    let line = |key: &str| {
        printed
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        line("grace_hours").contains("48") && line("grace_hours").contains("lamplighter.toml"),
        "{}",
        line("grace_hours")
    );
    let actions = line("max_actions");
    assert!(
        actions.contains('7') && actions.contains("LAMPLIGHTER_STOP_UNTAGGED__MAX_ACTIONS"),
        "{actions}"
    );
    assert!(
        line("min_age_hours").contains("default"),
        "{}",
        line("min_age_hours")
    );
}

#[test]
fn what_check_prints_is_a_configuration_that_means_the_same() {
    let printed = with(
        "[stop-untagged]\ngrace_hours = 48\nowner_tags = [\"a\"]\n",
        ["check", "--print"],
    )
    .code(0)
    .stdout;
    let again = with(&printed, ["check", "--print"]).code(0).stdout;
    // Where a value comes from differs, the values do not.
    let values = |text: &str| toml::from_str::<toml::Value>(text).expect("it is TOML");
    assert_eq!(values(&printed), values(&again));
}

#[test]
fn check_shows_everything_that_is_wrong_at_once() {
    let ran = with("[stop-untagged]\nmax_percent = 200\ngrace_hour = 1\ncolour = 1\nmode = \"go\"\n[stop-tagged]\n", ["check"]).code(2);
    for word in [
        "max_percent",
        "did you mean `grace_hours`?",
        "known keys",
        "mode",
        "stop-tagged",
        "lamplighter.toml",
    ] {
        assert!(ran.stderr.contains(word), "{word}\n{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
    let ran = with("[stop-untagged]\nschedule = \"every tuesday\"\n", ["check"]).code(2);
    assert!(ran.stderr.contains("schedule"), "{}", ran.stderr);
    let ran = Lamplighter::new(["check"])
        .env("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOUR", "1")
        .run()
        .code(2);
    assert!(
        ran.stderr.contains("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOUR"),
        "{}",
        ran.stderr
    );
    let ran = lamplighter(["check", "--config", "nowhere.toml"]).code(2);
    assert!(
        ran.stderr.contains("nowhere.toml") && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_command_that_reads_the_configuration_refuses_a_wrong_one() {
    for args in [
        &["list"][..],
        &["run", "stop-untagged"],
        &["plan", "stop-untagged", "--out", "p"],
        &["policy", "stop-untagged"],
        &["schedule"],
        &["daemon"],
    ] {
        let ran = with("[stop-untagged]\nmax_percent = 200\n", args.iter().copied()).code(2);
        assert!(
            ran.stderr.contains("max_percent"),
            "{args:?}\n{}",
            ran.stderr
        );
    }
}

/// The operations that a policy allows.
fn allowed(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().expect("a list of actions"));
    let mut actions: Vec<String> = actions
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect();
    actions.sort();
    actions
}

#[test]
fn a_policy_allows_what_the_configuration_needs_and_no_more() {
    let plan = with("[stop-untagged]\n", ["policy", "stop-untagged"])
        .code(0)
        .json();
    assert_eq!(plan["Version"], "2012-10-17");
    assert_eq!(
        allowed(&plan),
        ["ec2:DescribeInstances", "ec2:DescribeSpotInstanceRequests"]
    );
    let config = r#"
[aws]
regions = ["eu-west-1"]
[state]
url = "s3://acme/state"
[report]
from = "Ops <ops@example.com>"
to = ["security@example.com"]
[stop-untagged]
mode = "apply"
"#;
    let apply = with(
        config,
        [
            "policy",
            "stop-untagged",
            "--account",
            "123456789012",
            "--region",
            "eu-west-1",
        ],
    )
    .code(0)
    .json();
    assert_eq!(
        allowed(&apply),
        [
            "ec2:CreateTags",
            "ec2:DeleteTags",
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "ec2:DescribeSpotInstanceRequests",
            "ec2:DescribeTags",
            "ec2:StopInstances",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:PutObject",
            "ses:SendEmail",
            "ses:SendRawEmail",
        ]
    );
    let text = apply.to_string();
    assert!(
        text.contains("arn:aws:ec2:eu-west-1:123456789012:instance/*"),
        "{text}"
    );
    assert!(
        text.contains("arn:aws:s3:::acme/state/runs/stop-untagged/*")
            && text.contains("\"ops@example.com\""),
        "{text}"
    );
    let terminate = with(
        &format!("{config}action = \"terminate\"\n"),
        ["policy", "stop-untagged"],
    )
    .code(0)
    .json();
    let terminate = allowed(&terminate);
    assert!(
        terminate.contains(&"ec2:TerminateInstances".to_owned())
            && !terminate.contains(&"ec2:StopInstances".to_owned())
    );
}

#[test]
fn a_trust_policy_trusts_only_lambda_and_sets_no_condition_that_lambda_does_not_meet() {
    let trust = lamplighter([
        "policy",
        "stop-untagged",
        "--trust",
        "--account",
        "123456789012",
    ])
    .code(0)
    .json();
    let statements = trust["Statement"].as_array().expect("statements");
    assert_eq!(statements.len(), 1);
    assert_eq!(
        statements[0]["Principal"],
        serde_json::json!({ "Service": "lambda.amazonaws.com" })
    );
    assert_eq!(statements[0]["Action"], "sts:AssumeRole");
    assert!(statements[0].get("Condition").is_none());
    let ran = lamplighter(["policy", "stop-untagged", "--account", "1234"]).code(2);
    assert!(ran.stderr.contains("12-digit"), "{}", ran.stderr);
}

#[test]
fn every_sample_event_of_the_interface_is_there_and_is_json() {
    let listed = lamplighter(["sample-event"]).code(0).stdout;
    for name in SAMPLES {
        assert!(listed.contains(name), "{name}");
        let event = lamplighter(["sample-event", name]).code(0).json();
        assert!(event.is_object(), "{name}");
    }
    let ran = lamplighter(["sample-event", "s3"]).code(2);
    assert!(
        ran.stderr.contains("hint: known: ") && ran.stderr.contains("`s3-put`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = lamplighter(["completions", shell]).code(0).stdout;
        assert!(
            script.contains("sample-event") && script.contains("dry-run"),
            "{shell}"
        );
    }
    lamplighter(["completions", "cmd"]).code(2);
    let page = lamplighter(["man"]).code(0).stdout;
    assert!(
        page.starts_with(".ie") && page.contains(".TH lamplighter") && page.contains("Examples:"),
        "{page}"
    );
}

#[test]
fn help_shows_examples_and_exit_codes_and_every_command_has_help() {
    let help = lamplighter(["--help"]).code(0).stdout;
    for word in [
        "Examples:",
        "lamplighter demo",
        "--dry-run",
        "Exit codes:",
        "75",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for command in [
        "list",
        "run",
        "plan",
        "apply",
        "daemon",
        "check",
        "schedule",
        "sample-event",
        "policy",
        "demo",
        "completions",
        "man",
    ] {
        let help = lamplighter([command, "--help"]).code(0).stdout;
        assert!(help.contains("Usage: lamplighter"), "{command}");
        for flag in [
            "--config",
            "--format",
            "--output",
            "--all",
            "--fail-on-findings",
            "--region",
            "--profile",
            "--endpoint-url",
        ] {
            assert!(help.contains(flag), "{command} {flag}");
        }
    }
    lamplighter(["--version"]).code(0);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    for args in [
        &["check", "--print"][..],
        &["demo"],
        &["man"],
        &["--help"],
        &["completions", "zsh"],
    ] {
        let (mut command, _folder) = Lamplighter::new(args.iter().copied()).into_command();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            !stderr.contains("panicked") && !line.is_empty(),
            "{args:?}\n{stderr}"
        );
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{args:?} {:?}\n{stderr}",
            output.status
        );
    }
}

#[test]
fn the_demo_tells_the_whole_story_and_says_first_that_nothing_leaves_the_machine() {
    // Credentials of the machine must not matter, nor an endpoint.
    let ran = Lamplighter::new(["demo"])
        .env("AWS_PROFILE", "production")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .run()
        .code(0);
    let first = ran.stdout.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("Nothing leaves this machine") && first.contains("127.0.0.1"),
        "{first}"
    );
    for word in [
        "stop-untagged",
        "FINDINGS",
        "warn-and-mark",
        "stop-instance",
        "unmark",
        "Vetoed",
        "ec2:StopInstances",
        "of which changed anything: 0",
    ] {
        assert!(ran.stdout.contains(word), "{word}");
    }
    assert!(
        !ran.stdout.contains('\u{1b}') && ran.stderr.is_empty(),
        "{}",
        ran.stderr
    );
}
