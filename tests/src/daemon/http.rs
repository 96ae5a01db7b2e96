//! The page, the metrics and the health checks of the real daemon, also in a real browser.

mod browser;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{InstanceState, LocalAws, World};
use serde_json::{Value, json};

use super::{PATIENCE, due_soon};
use crate::harness::{Lamplighter, root, serve};
use crate::lambda::{ACCOUNT, CONFIG, account, old, state_of_the_untagged};
use crate::moto::venv;
use crate::process::{LOOK_AGAIN, Process};

const TOKEN: &str = "correct-horse-battery";

/// What a person who may tag an instance may try.
const HOSTILE: &str = "</title></script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>";

/// Reads metrics as Prometheus' own library for Python does, and prints every sample.
const PARSE: &str = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families
samples = []
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    assert family.type in ("gauge", "counter", "histogram"), family
    for sample in family.samples:
        samples.append([sample.name, sample.labels, sample.value])
print(json.dumps(samples))
"#;

/// Python with what these tests need of it.
fn python() -> std::path::PathBuf {
    let packages = ["prometheus_client==0.*", "websocket-client==1.*"];
    venv("status-page", &packages).join("python")
}

/// A daemon with its page on a free port, and one function on this schedule.
fn daemon(aws: &LocalAws, schedule: &str) -> Lamplighter {
    let config = format!(
        "{CONFIG}schedule = \"{schedule}\"\n[daemon]\nhttp = \"127.0.0.1:0\"\ntoken = \"{TOKEN}\"\n"
    );
    Lamplighter::new(["daemon"]).on(aws).config(&config)
}

/// Where the page of a daemon is: it says so when it starts.
pub(super) fn address(daemon: &mut Process) -> String {
    let find = |log: &str| -> Option<String> {
        let (_, rest) = log.split_once("the status page is at http://")?;
        Some(rest.split_once("/\"")?.0.to_owned())
    };
    daemon.until("the page's address", PATIENCE, |log| find(log).is_some());
    find(&daemon.stderr()).expect("it has been there")
}

/// An account whose untagged instance has a name that is a program.
fn hostile_account() -> LocalAws {
    let now = Utc::now();
    let instance = old("i-0aaa0000000000002", now).tag("Name", HOSTILE);
    serve(World::new(ACCOUNT, now).instance(ACCOUNT, "eu-west-1", instance))
}

/// An answer: its status, its head and its body.
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

fn send(address: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) fn get(address: &str, path: &str) -> Answer {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
}

fn status(address: &str) -> Value {
    let answer = get(address, "/status.json");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("it is JSON")
}

/// Every sample of `/metrics`: name, labels, value.
fn samples(address: &str) -> Vec<(String, Value, f64)> {
    let answer = get(address, "/metrics");
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    let mut python = Command::new(python())
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = python.stdin.take().expect("it reads");
    stdin.write_all(answer.body.as_bytes()).expect("it is read");
    drop(stdin);
    let ran = python.wait_with_output().expect("it ends");
    assert!(
        ran.status.success(),
        "not Prometheus' format:\n{}",
        answer.body
    );
    serde_json::from_slice(&ran.stdout).expect("it prints JSON")
}

fn sample(samples: &[(String, Value, f64)], name: &str, labels: Value) -> f64 {
    samples
        .iter()
        .find(|(known, with, _)| known == name && *with == labels)
        .unwrap_or_else(|| panic!("no {name} {labels} in {samples:#?}"))
        .2
}

/// Asks until the function's status is as wanted, and answers it.
#[track_caller]
fn until(daemon: &mut Process, address: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    daemon.until("the page to show it", PATIENCE, |_| {
        seen = status(address)["functions"][0].clone();
        is_so(&seen)
    });
    seen
}

#[test]
fn everything_it_serves_follows_a_run_and_survives_a_restart() {
    let aws = hostile_account();
    let state = tempfile::tempdir().expect("a folder");
    let start =
        |schedule: &str| daemon(&aws, schedule).env("LAMPLIGHTER_DAEMON__STATE_DIR", state.path());
    let (mut first, due) = due_soon(start);
    let at = address(&mut first);
    assert_eq!(get(&at, "/livez").status, 200);
    assert_eq!(get(&at, "/readyz").body, "ok\n");
    let function = until(&mut first, &at, |function| {
        function["runs"][0]["outcome"] == "ok"
    });
    assert_eq!(function["function"], "stop-untagged");
    assert_eq!(function["runs"][0]["slot"], text(due));
    assert_eq!(function["report"]["fail"], 1);
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Stopping);

    // The same as on the command line, but what only the daemon knows.
    let document = status(&at);
    let shown = Lamplighter::new(["status", "--format", "json"])
        .on(&aws)
        .env("LAMPLIGHTER_DAEMON__STATE_DIR", state.path())
        .config(&format!(
            "{CONFIG}schedule = \"at({})\"\n",
            due.format("%Y-%m-%dT%H:%M:%S")
        ))
        .run()
        .code(0)
        .json();
    assert_eq!(shown["schema"], "lamplighter/status/v1");
    for (key, value) in shown["functions"][0].as_object().expect("an object") {
        assert_eq!(&document["functions"][0][key], value, "{key}");
    }

    let page = get(&at, "/");
    let report = get(&at, "/jobs/stop-untagged/report");
    for (answer, what) in [
        (&page, "the overview"),
        (&get(&at, "/jobs/stop-untagged"), "the function's page"),
        (&report, "the report"),
    ] {
        assert_eq!(answer.status, 200, "{what}");
        assert!(!answer.body.contains("<script>"), "{what}: {}", answer.body);
        assert!(
            !answer.body.contains("<img src=x"),
            "{what}: {}",
            answer.body
        );
    }
    assert!(
        page.body.contains("&lt;script&gt;document.title"),
        "{}",
        page.body
    );
    assert!(
        report.head.contains("content-security-policy: sandbox; default-src 'none'; img-src data:; style-src 'sha256-"),
        "{}",
        report.head
    );

    let stranger = "GET /status.json HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(send(&at, stranger).status, 421);

    let name = json!({"function": "stop-untagged"});
    let ok = json!({"function": "stop-untagged", "outcome": "ok"});
    let counted = samples(&at);
    assert_eq!(sample(&counted, "lamplighter_runs_total", ok.clone()), 1.0);
    let took = sample(
        &counted,
        "lamplighter_run_duration_seconds_sum",
        name.clone(),
    );
    assert!(took > 0.0);
    assert_eq!(sample(&counted, "lamplighter_running", name.clone()), 0.0);
    let success = sample(
        &counted,
        "lamplighter_last_success_timestamp_seconds",
        name.clone(),
    );
    assert!(
        (success - Utc::now().timestamp() as f64).abs() < 120.0,
        "{success}"
    );
    first.signal("TERM");
    first.ended(PATIENCE).code(0);

    let mut second = Process::start(start("at(2099-01-01T00:00:00)"));
    let at = address(&mut second);
    second.until("the daemon to run", PATIENCE, |log| {
        log.contains("the daemon runs")
    });
    let counted = samples(&at);
    assert_eq!(sample(&counted, "lamplighter_runs_total", ok), 1.0);
    assert_eq!(
        sample(
            &counted,
            "lamplighter_run_duration_seconds_sum",
            name.clone()
        ),
        took
    );
    assert_eq!(
        sample(&counted, "lamplighter_next_run_timestamp_seconds", name),
        4_070_908_800.0
    );
    second.signal("TERM");
    second.ended(PATIENCE).code(0);
}

#[test]
fn a_dry_run_on_the_page_changes_nothing_and_is_not_in_the_history() {
    let aws = account();
    let mut daemon = Process::start(daemon(&aws, "at(2099-01-01T00:00:00)"));
    let at = address(&mut daemon);
    daemon.until("the daemon to be ready", PATIENCE, |_| {
        get(&at, "/readyz").status == 200
    });
    let post = |token: &str, more: &str| {
        let body = format!("token={token}");
        let request = format!(
            "POST /jobs/stop-untagged/dry-run HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{more}\r\n{body}",
            body.len()
        );
        send(&at, &request)
    };
    assert_eq!(post("wrong", "").status, 403);
    assert_eq!(post(TOKEN, "Origin: http://evil.example\r\n").status, 403);
    assert_eq!(aws.calls(), []);

    let answer = post(TOKEN, &format!("Origin: http://{at}\r\n"));
    assert_eq!(answer.status, 303, "{}", answer.body);
    let function = until(&mut daemon, &at, |function| {
        function["dry_run"]["outcome"].is_string()
    });
    assert_eq!(function["dry_run"]["outcome"], "ok");
    assert_eq!(function["runs"], json!([]));
    assert!(!aws.calls().is_empty(), "it has looked");
    assert!(aws.calls().iter().all(|call| !call.changes));
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);

    let report = get(&at, "/jobs/stop-untagged/dry-run");
    assert_eq!(report.status, 200);
    assert!(report.body.contains("dry run"), "{}", report.body);
    // A dry run's report is not the report of the last run.
    assert_eq!(get(&at, "/jobs/stop-untagged/report").status, 404);
    daemon.signal("TERM");
    let ran = daemon.ended(PATIENCE).code(0);
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
}

#[test]
fn without_an_address_nothing_listens_and_a_taken_one_ends_it() {
    let aws = account();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has one");
    let ran = Lamplighter::new(["daemon"])
        .on(&aws)
        .config(&format!("{CONFIG}[daemon]\nhttp = \"{address}\"\n"))
        .run()
        .code(2);
    assert!(
        ran.stderr
            .contains(&format!("cannot listen on `{address}` for the status page")),
        "{}",
        ran.stderr
    );
    let mut daemon = Process::start(Lamplighter::new(["daemon"]).on(&aws).config(CONFIG));
    daemon.until("the daemon to run", PATIENCE, |log| {
        log.contains("the daemon runs")
    });
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("it runs");
    let inodes: Vec<String> = sockets
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?;
            Some(name.trim_end_matches(']').to_owned())
        })
        .collect();
    let tcp = std::fs::read_to_string(format!("/proc/{}/net/tcp", daemon.id())).expect("a table");
    let listening = tcp.lines().filter(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.get(3) == Some(&"0A")
            && columns
                .get(9)
                .is_some_and(|inode| inodes.contains(&(*inode).to_owned()))
    });
    assert_eq!(listening.count(), 0, "{tcp}");
    assert!(!daemon.stderr().contains("status page"));
}

/// Every name of a metric in a text: of ours, and the two of every process.
fn metrics_in(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric = |word: &&str| word.starts_with("lamplighter_") || word.starts_with("process_");
    let mut names: Vec<String> = words.filter(is_metric).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_alert_rules_and_the_dashboard_name_only_metrics_that_there_are() {
    let aws = account();
    let mut daemon = Process::start(daemon(&aws, "at(2099-01-01T00:00:00)"));
    let at = address(&mut daemon);
    daemon.until("the daemon to be ready", PATIENCE, |_| {
        get(&at, "/readyz").status == 200
    });
    let exported = get(&at, "/metrics").body;
    let mut names = Vec::new();
    for line in exported
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        names.push(name.to_owned());
        if kind == "histogram" {
            names.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        }
    }
    for file in [
        "config/prometheus/lamplighter.rules.yml",
        "config/grafana/lamplighter.json",
    ] {
        let text = std::fs::read_to_string(root().join(file)).expect("it is there");
        let used = metrics_in(&text);
        assert!(used.len() >= 10, "{file}: {used:?}");
        for name in used {
            assert!(names.contains(&name), "{file}: there is no metric `{name}`");
        }
    }
    let dashboard = std::fs::read(root().join("config/grafana/lamplighter.json"));
    let dashboard: Value =
        serde_json::from_slice(&dashboard.expect("it is there")).expect("it is JSON");
    assert_eq!(dashboard["uid"], "lamplighter");
    assert!(
        dashboard["panels"]
            .as_array()
            .is_some_and(|panels| panels.len() > 10)
    );
}

#[test]
fn the_demo_s_daemon_shows_every_function_and_leaves_nothing_behind() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let at = free.expect("a port is free").to_string();
    let program = Lamplighter::new(["demo", "--daemon", "--http", &at]);
    let folder = program.folder().to_owned();
    let mut demo = Process::start(program.env("TMPDIR", &folder));
    demo.until("its page", PATIENCE, |_| {
        TcpStream::connect(&at).is_ok() && get(&at, "/readyz").status == 200
    });
    let listed = Lamplighter::new(["list", "--format", "json"])
        .run()
        .code(0)
        .json();
    let names = |list: &Value, key: &str| -> Vec<String> {
        let rows = list.as_array().expect("a list").iter();
        let names = rows.map(|row| row[key].as_str().expect("a name").to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let shown = status(&at);
    assert_eq!(
        names(&shown["functions"], "function"),
        names(&listed, "function")
    );
    assert_eq!(shown["troubles"], json!([]));
    let left = || {
        let entries = std::fs::read_dir(&folder).expect("it is there");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("lamplighter-demo"))
            .count()
    };
    assert_eq!(left(), 1);
    demo.signal("TERM");
    let ran = demo.ended(PATIENCE).code(0);
    let entries = std::fs::read_dir(ran.folder.path()).expect("it is there");
    assert_eq!(entries.count(), 0);
    assert!(
        ran.stdout.contains(&format!("http://{at}/")),
        "{}",
        ran.stdout
    );
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// How long a test waits for something in the browser, looking again and again.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
