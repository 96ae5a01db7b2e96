//! The OCSF events: that the models of PyPI's `py-ocsf-models` accept them, and what they say.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use expect_test::expect_file;
use lamplighter_core::Run;
use lamplighter_report::{Format, Options, render};
use serde_json::Value;

use crate::fixture::{enormous, eventful, failed, hostile, quiet, refused};
use crate::{everything, unversioned};

/// The version that wrote OCSF 1.5.0, which these events claim to be.
const MODELS: &str = "py-ocsf-models==0.10.0";

fn events(run: &Run, options: &Options) -> Vec<Value> {
    serde_json::from_str(&render(run, Format::Ocsf, options)).expect("a JSON array")
}

#[test]
fn runs_to_look_at() {
    for (run, options, expected) in [
        (
            eventful(),
            Options::default(),
            expect_file!["../expected/eventful.ocsf.json"],
        ),
        (
            eventful(),
            everything(),
            expect_file!["../expected/eventful-all.ocsf.json"],
        ),
        (
            quiet(),
            Options::default(),
            expect_file!["../expected/quiet.ocsf.json"],
        ),
        (
            refused(),
            Options::default(),
            expect_file!["../expected/refused.ocsf.json"],
        ),
        (
            hostile(),
            everything(),
            expect_file!["../expected/hostile.ocsf.json"],
        ),
    ] {
        expected.assert_eq(&unversioned(&render(&run, Format::Ocsf, &options)));
    }
}

#[test]
fn the_published_models_accept_every_event() {
    for (run, count) in [
        (eventful(), 12),
        (quiet(), 0),
        (refused(), 2),
        (failed(), 1),
        (hostile(), 6),
        (enormous(), 5_000),
    ] {
        let document = render(&run, Format::Ocsf, &everything());
        assert_eq!(judged(&document), Ok(format!("{count} events\n")));
    }
}

#[test]
fn the_published_models_refuse_what_is_no_event() {
    let document = render(&eventful(), Format::Ocsf, &Options::default());
    for (right, wrong) in [
        ("\"severity_id\": 5", "\"severity_id\": 50"),
        ("\"severity\": \"Critical\"", "\"severity\": \"Severe\""),
        ("\"type_uid\": 200301", "\"type_uid\": 200401"),
        ("\"time\": 1795327200000", "\"time\": 1795327200"),
        ("\"provider\": \"AWS\",", ""),
        ("\"region\": \"eu-west-1\"", "\"regoin\": \"eu-west-1\""),
    ] {
        assert!(document.contains(right), "no {right}");
        let refusal = judged(&document.replacen(right, wrong, 1));
        assert!(refusal.is_err(), "{wrong} was accepted: {refusal:?}");
    }
}

#[test]
fn a_gap_in_what_was_looked_at_is_an_event() {
    let events = events(&eventful(), &Options::default());
    let gap = events
        .iter()
        .find(|event| event["compliance"]["control"] == "coverage")
        .expect("an event about coverage");
    assert_eq!(gap["compliance"]["status_id"], 2);
    assert_eq!(gap["severity_id"], 0);
    assert_eq!(gap["cloud"]["region"], "me-south-1");
    assert_eq!(
        gap["message"],
        "`123456789012/me-south-1` could not be read: not allowed to call `ec2:DescribeInstances`"
    );
}

#[test]
fn an_event_tells_what_is_planned_and_how_to_take_back_what_was_done() {
    let events = events(&eventful(), &Options::default());
    let about = |instance: &str| {
        let is_about = |event: &&Value| {
            let uid = event["resources"][0]["uid"].as_str();
            uid.is_some_and(|uid| uid.ends_with(instance))
        };
        let event = events.iter().find(is_about).expect("an event");
        event["remediation"]["desc"].as_str()
    };
    assert_eq!(
        about("60001"),
        Some(
            "Done: `stop-instance`; lacks `cost_center` and `owner`; warned on 2026-11-21 06:00:00 UTC; undo: `aws ec2 start-instances --region eu-west-1 --instance-ids i-0a1b2c3d4e5f60001`"
        )
    );
    assert_eq!(
        about("60007"),
        Some(
            "Planned: `stop-instance` (not done, apply mode would do it); the value of `cost_center` is not allowed; warned on 2026-11-21 06:00:00 UTC; undo: `aws ec2 start-instances --region eu-west-1 --instance-ids i-0a1b2c3d4e5f60007`"
        )
    );
    assert_eq!(about("60003"), None, "it failed, and there is no undo");
}

#[test]
fn findings_keep_their_uid_and_events_have_one_of_their_own() {
    let run = eventful();
    let events = events(&run, &everything());
    for (event, finding) in run.findings.iter().filter_map(|finding| {
        let is_about = |event: &&Value| event["finding_info"]["uid"] == *finding.fingerprint;
        Some((events.iter().find(is_about)?, finding))
    }) {
        assert_eq!(event["resources"][0]["uid"], *finding.resource);
    }
    for pointer in ["/metadata/uid", "/finding_info/uid"] {
        let uids: BTreeSet<Option<&str>> = events
            .iter()
            .map(|event| event.pointer(pointer).and_then(Value::as_str))
            .collect();
        assert_eq!(uids.len(), events.len(), "{pointer}");
    }
}

/// What `tests/ocsf.py` says to a document.
fn judged(document: &str) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ocsf.py");
    let mut judge = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the Python of the test's own environment starts");
    let mut stdin = judge.stdin.take().expect("stdin is a pipe");
    stdin
        .write_all(document.as_bytes())
        .expect("the script reads all of its input first");
    drop(stdin);
    let output = judge.wait_with_output().expect("the script ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// A Python that has the models, in an environment of its own under the target directory. It is made by the first test
/// that needs it and kept for the next run. It gets its name when it is complete, so that neither an interrupted run
/// nor one beside this leaves half of it behind.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(MODELS);
        let python = home.join("bin/python");
        if !python.exists() {
            let draft = format!("{}.{}", home.display(), std::process::id());
            let own_python = format!("{draft}/bin/python");
            let make = ["-m", "venv", "--clear", &draft];
            let pip = ["-m", "pip", "install", "--quiet", MODELS];
            if let Err(why) = step("python3", &make).and_then(|()| step(&own_python, &pip)) {
                std::fs::remove_dir_all(&draft).ok();
                panic!(
                    "cannot install the models of OCSF: {why}\nhint: this test checks events against `{MODELS}`; it needs Python 3 with `venv`, and a package index that pip can reach"
                );
            }
            let renamed = std::fs::rename(&draft, &home);
            assert!(python.exists(), "cannot rename `{draft}`: {renamed:?}");
        }
        python
    })
}

fn step(program: &str, arguments: &[&str]) -> Result<(), String> {
    let why = match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!("`{program} {}`: {why}", arguments.join(" ")))
}
