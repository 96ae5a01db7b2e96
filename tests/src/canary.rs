//! Secrets put in everywhere must come out nowhere: every verb in every format, the Lambda and the daemon, as talkative
//! as they get. The lines of the logs are checked on the way: JSON, with the same keys everywhere.

use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use lamplighter_local_aws::{Fault, FaultKind, LocalAws, World};
use serde_json::{Value, json};

use crate::daemon::{due_soon, lines};
use crate::harness::{Lamplighter, Ran, serve};
use crate::lambda::{ACCOUNT, old};
use crate::runtime_api::Lambda;

const OTHER: &str = "444455556666";
const ROLE: &str = "arn:aws:iam::444455556666:role/lamplighter-target";

const SECRET_KEY: &str = "canary-of-the-secret-access-key";
const SESSION_TOKEN: &str = "canary-of-the-session-token";
const EXTERNAL_ID: &str = "canary-of-the-external-id";
const DAEMON_TOKEN: &str = "canary-of-the-daemon-token";

/// The last two are what the simulated account gives out for an assumed role.
const SECRETS: [&str; 6] = [
    SECRET_KEY,
    SESSION_TOKEN,
    EXTERNAL_ID,
    DAEMON_TOKEN,
    "local-aws-verifies-no-signatures",
    "local-aws-session-",
];

/// Addresses and words of mails: reports and mails may hold them, logs never.
const NOT_IN_LOGS: [&str; 4] = [
    "canary-owner@example.com",
    "canary-security@example.com",
    "canary-sender@example.com",
    "canary-principal@example.com",
];

const FORMATS: [&str; 9] = [
    "text", "json", "jsonl", "csv", "markdown", "html", "sarif", "junit", "ocsf",
];

/// The loudest that anybody can ask for; the last one names the SDK itself.
const LOUD: [(&str, &str); 3] = [
    ("LAMPLIGHTER_LOG", "trace"),
    ("RUST_LOG", "trace"),
    (
        "LAMPLIGHTER_LOG",
        "trace,aws_smithy_runtime=trace,aws_sdk_sts=trace,aws_sigv4=trace,hyper=trace,aws_config=trace",
    ),
];

fn account() -> LocalAws {
    let now = Utc::now();
    let owned = |id: &str| old(id, now).tag("owner", "canary-owner@example.com");
    serve(
        World::new(ACCOUNT, now)
            .account(OTHER)
            .assumable_role("arn:aws:iam::111122223333:role/lamplighter-target", None)
            .assumable_role(ROLE, Some(EXTERNAL_ID))
            .verified_identity("canary-sender@example.com")
            .instance(ACCOUNT, "eu-west-1", owned("i-0aaa0000000000001"))
            .instance(OTHER, "eu-west-1", owned("i-0aaa0000000000002")),
    )
}

fn config(folder: &Path, more: &str) -> String {
    format!(
        r#"
[aws]
regions = ["eu-west-1"]
max_attempts = 2
attempt_timeout_secs = 3

[[aws.accounts]]
id = "{ACCOUNT}"
role = "arn:aws:iam::{ACCOUNT}:role/lamplighter-target"

[[aws.accounts]]
id = "{OTHER}"
role = "{ROLE}"
external_id = "{EXTERNAL_ID}"

[state]
url = "file://{}/state"

[report]
from = "canary-sender@example.com"
to = ["canary-security@example.com"]
mail = "always"

[daemon]
token = "{DAEMON_TOKEN}"

[stop-untagged]
mode = "apply"
max_percent = 100
{more}
"#,
        folder.display()
    )
}

fn program<'a>(
    aws: &LocalAws,
    loud: (&str, &str),
    args: impl IntoIterator<Item = &'a str>,
) -> Lamplighter {
    let program = Lamplighter::new(args)
        .on(aws)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .env("LAMPLIGHTER_DAEMON__TOKEN", DAEMON_TOKEN)
        .env(loud.0, loud.1);
    let config = config(program.folder(), "");
    program.config(&config)
}

/// Checks everything that a program said, and everything it left behind but its own configuration.
#[track_caller]
fn check(what: &str, ran: &Ran) {
    let mut places = vec![
        ("stdout".to_owned(), ran.stdout.clone()),
        ("stderr".to_owned(), ran.stderr.clone()),
    ];
    collect(ran.folder.path(), &mut places);
    for (place, text) in &places {
        for secret in SECRETS {
            assert!(
                !text.contains(secret),
                "{what}: {place} shows `{secret}`:\n{text}"
            );
        }
    }
    for address in NOT_IN_LOGS {
        assert!(
            !ran.stderr.contains(address),
            "{what}: the log shows `{address}`:\n{}",
            ran.stderr
        );
    }
    // Words that are in every warning and every report by mail, and their encodings.
    for word in [
        "MIME-Version",
        "multipart/",
        "text/plain",
        "Content-Transfer-Encoding",
        "TUlNRS1WZXJzaW9u",
    ] {
        assert!(
            !ran.stderr.contains(word),
            "{what}: the log shows a mail (`{word}`):\n{}",
            ran.stderr
        );
    }
}

fn collect(folder: &Path, places: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            collect(&path, places);
        } else if path
            .file_name()
            .is_some_and(|name| name != "lamplighter.toml")
        {
            let text = std::fs::read(&path).expect("the file can be read");
            places.push((
                path.display().to_string(),
                String::from_utf8_lossy(&text).into_owned(),
            ));
        }
    }
}

/// Every secret has been where it could leak: the calls were made with it.
#[track_caller]
fn check_that_secrets_were_used(aws: &LocalAws) {
    let calls = aws.calls();
    let assumed = calls.iter().any(|call| {
        call.name() == "sts:AssumeRole"
            && call.status == 200
            && call.resources.contains(&ROLE.to_owned())
    });
    assert!(
        assumed,
        "the role with the external id was assumed: {calls:#?}"
    );
}

#[test]
fn no_report_in_any_format_and_no_log_shows_a_secret() {
    for (number, format) in FORMATS.iter().enumerate() {
        let aws = account();
        let loud = LOUD[number % LOUD.len()];
        let args = ["run", "stop-untagged", "--all", "-vv", "--format", format];
        let ran = program(&aws, loud, args).run().code(0);
        check(&format!("run --format {format} with {loud:?}"), &ran);
        check_that_secrets_were_used(&aws);
        assert!(
            !aws.mails().is_empty(),
            "mails were sent, so their words could have leaked"
        );
        assert!(
            ran.folder
                .path()
                .join("state/runs/stop-untagged/latest.json")
                .is_file()
        );
        let log = lines(&ran.stderr);
        assert!(log.len() > 3, "the log is loud: {log:#?}");
    }
}

#[test]
fn no_other_verb_shows_a_secret() {
    let loud = LOUD[0];
    for args in [
        vec!["list", "-vv"],
        vec!["list", "--format", "json"],
        vec!["check", "-vv"],
        vec!["check", "--print"],
        vec!["policy", "stop-untagged"],
        vec!["policy", "stop-untagged", "--trust"],
        vec!["schedule"],
        vec!["sample-event"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["demo"],
        vec!["run", "stop-untagged", "--dry-run", "-vv"],
        vec![
            "run",
            "stop-untagged",
            "-vv",
            "--output",
            "report.html",
            "--format",
            "html",
        ],
        vec!["plan", "stop-untagged", "--out", "plan.json", "-vv"],
    ] {
        let aws = account();
        let ran = program(&aws, loud, args.iter().copied()).run().code(0);
        check(&format!("{args:?}"), &ran);
        if args[0] != "plan" {
            continue;
        }
        let plan = ran.folder.path().join("plan.json");
        assert!(plan.is_file());
        for more in ["--dry-run", "--all"] {
            let plan = plan.to_str().expect("a path in UTF-8");
            let applied = program(&aws, loud, ["apply", plan, more, "-vv"])
                .run()
                .code(0);
            check(&format!("apply {more}"), &applied);
        }
        check_that_secrets_were_used(&aws);
    }
}

#[test]
fn no_error_shows_a_secret() {
    let faults = [
        Fault::new("sts:GetCallerIdentity", FaultKind::Denied),
        Fault::new("sts:AssumeRole", FaultKind::Denied),
        Fault::new("sts:AssumeRole", FaultKind::ServerError),
        Fault::new("sts:AssumeRole", FaultKind::Reset),
        Fault::new("ec2:*", FaultKind::Truncate),
        Fault::new("ec2:DescribeInstances", FaultKind::Stall),
        Fault::new("ses:SendEmail", FaultKind::Denied),
        Fault::new("ses:SendEmail", FaultKind::Reset),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let aws = account();
        aws.inject(fault.clone());
        let ran = program(
            &aws,
            LOUD[number % LOUD.len()],
            ["run", "stop-untagged", "-vv"],
        )
        .run();
        assert!(
            matches!(ran.code, Some(1 | 4)),
            "{fault:?}: {:?}\n{}",
            ran.code,
            ran.stderr
        );
        check(&format!("{fault:?}"), &ran);
    }
}

#[test]
fn no_mistake_in_the_configuration_shows_a_secret() {
    let aws = account();
    for (broken, with) in [
        ("external_id", "external_ids"),
        ("token = ", "tokn = "),
        ("token = \"", "token = 7 \""),
        ("[daemon]", "[demon]"),
        ("mode = \"apply\"", "mode = \"aply\""),
    ] {
        let program = program(&aws, LOUD[0], ["check", "-vv"]);
        let text = config(program.folder(), "").replace(broken, with);
        let ran = program.config(&text).run().code(2);
        assert!(ran.stderr.contains("lamplighter.toml"), "{}", ran.stderr);
        check(&format!("{broken} -> {with}"), &ran);
    }
}

#[test]
fn neither_the_lambda_nor_its_log_shows_a_secret_and_its_lines_have_the_same_keys() {
    let aws = account();
    aws.inject(Fault::new("ec2:StopInstances", FaultKind::Denied));
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ("LAMPLIGHTER_DAEMON__TOKEN", DAEMON_TOKEN),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
    ];
    let config = config(folder.path(), "grace_hours = 0");
    let lambda = Lambda::start("stop-untagged", &aws, &config, &environment);
    let event = json!({"metadata": {"id": "event-7", "principal": "canary-principal@example.com", "ticket": "T-1"}});
    let answer = lambda.invoke(&event).response();
    let run = &answer["data"];
    let ran = lambda.end();
    check("the Lambda", &ran);
    check_that_secrets_were_used(&aws);
    let text = answer.to_string();
    assert!(
        SECRETS.iter().all(|secret| !text.contains(secret)),
        "{text}"
    );
    let mut left_behind = vec![];
    collect(folder.path(), &mut left_behind);
    assert!(!left_behind.is_empty(), "the state was written");
    for (place, text) in left_behind {
        assert!(
            SECRETS.iter().all(|secret| !text.contains(secret)),
            "{place}: {text}"
        );
    }

    let log = lines(&ran.stderr);
    let of_the_run: Vec<&Value> = log
        .iter()
        .filter(|line| line["run_id"] == run["run_id"])
        .collect();
    assert!(of_the_run.len() > 3, "{log:#?}");
    for line in &of_the_run {
        assert_eq!(line["function"], "stop-untagged", "{line}");
        let metadata = line["metadata"].as_str().expect("the envelope's metadata");
        assert!(
            metadata.contains("event-7") && metadata.contains("T-1"),
            "{line}"
        );
    }
    for line in &log {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "`{key}`: {line}");
        }
    }
    let failed: Vec<&&Value> = of_the_run
        .iter()
        .filter(|line| line["message"] == "stop-instance")
        .collect();
    assert_eq!(failed.len(), 2, "{log:#?}");
    for line in failed {
        for key in ["account", "region", "resource", "outcome"] {
            assert!(line[key].is_string(), "`{key}`: {line}");
        }
    }
}

#[test]
fn neither_the_daemon_nor_its_log_shows_a_secret() {
    let aws = account();
    let (mut daemon, _) = due_soon(|schedule| {
        let program = program(&aws, LOUD[2], ["daemon", "-vv"]);
        let config = config(program.folder(), &format!("schedule = \"{schedule}\""));
        program.config(&config)
    });
    let patience = Duration::from_secs(60);
    daemon.until("the run's end", patience, |log| {
        log.contains("the run ends")
    });
    daemon.signal("TERM");
    let ran = daemon.ended(patience).code(0);
    check("the daemon", &ran);
    check_that_secrets_were_used(&aws);
    assert!(
        lines(&ran.stderr)
            .iter()
            .any(|line| line["level"] == "DEBUG" || line["level"] == "INFO")
    );
}

#[test]
fn the_first_of_the_three_variables_that_is_set_says_how_much_is_logged() {
    let is_logged = |variables: &[(&str, &str)]| {
        let aws = account();
        let args = ["run", "stop-untagged", "--dry-run", "--format", "json"];
        let mut program = Lamplighter::new(args).on(&aws);
        for (key, value) in variables {
            program = program.env(key, value);
        }
        let ran = program.run().code(0);
        ran.stderr.contains("the run begins")
    };
    let (ours, lambdas, rusts) = ("LAMPLIGHTER_LOG", "AWS_LAMBDA_LOG_LEVEL", "RUST_LOG");
    assert!(!is_logged(&[]), "a person reads the report");
    assert!(is_logged(&[(rusts, "info")]));
    assert!(is_logged(&[(lambdas, "INFO"), (rusts, "error")]));
    assert!(!is_logged(&[(lambdas, "ERROR"), (rusts, "info")]));
    assert!(is_logged(&[
        (ours, "info"),
        (lambdas, "ERROR"),
        (rusts, "error")
    ]));
    assert!(!is_logged(&[
        (ours, "error"),
        (lambdas, "INFO"),
        (rusts, "info")
    ]));
    assert!(
        is_logged(&[(ours, ""), (rusts, "info")]),
        "an empty variable is not set"
    );
    assert!(!is_logged(&[(lambdas, "FATAL")]), "Lambda's own word");
}
