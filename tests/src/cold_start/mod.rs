//! How long a Lambda's environment takes from its start to its first answer, and what memory it needs, beside a program
//! that does nothing and beside Python and boto3. `just bench` measures the optimised programs, again and again; the
//! tests start each program once, and bound no time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lamplighter_local_aws::LocalAws;
use serde_json::{Value, json};

use crate::harness::{Lamplighter, are_optimised, example, programs, root};
use crate::house::function_names;
use crate::lambda::account;
use crate::moto::venv;
use crate::runtime_api::Lambda;
use crate::scale::Peak;

/// How often each program is started: of a machine that others use too, only the quickest start says something.
const STARTS: usize = 25;

/// How much longer than the program that does nothing a function may need until it asks for its first event.
const MAX_INIT_ABOVE_HELLO: Duration = Duration::from_millis(8);

/// Every function, with the least that each needs.
const CONFIG: &str = r#"
[stop-untagged]
required_tags = ["cost_center"]

[audit-mfa]
[audit-access-keys]
[audit-security-groups]
[report-certificates]

# In apply mode it wants a state.
[deploy-bundles]
mode = "plan"
sources = ["s3://acme-releases/apps/"]
[[deploy-bundles.routes]]
bucket = "acme-releases"
key = "apps/{application}/{group}/{bundle}"

[archive-mail]
sources = ["s3://acme-mail/inbox/"]
archive_bucket = "acme-archive"

[resize-images]
sources = ["s3://acme-images/originals/"]
"#;

/// A program that Lambda could start.
struct Contender {
    name: String,
    program: PathBuf,
    /// Variables of its own.
    environment: Vec<(&'static str, String)>,
}

/// The quickest of its starts, each part by itself.
#[derive(Clone, Copy)]
struct Times {
    /// From the start of the process until it asks for an event: what Lambda calls INIT.
    init: Duration,
    /// From the start of the process to the first answer.
    first: Duration,
    /// From the second event to its answer, in the process that is warm.
    warm: Duration,
    /// The most memory that it was resident in.
    resident_mb: u64,
}

impl Times {
    fn quicker(self, other: Self) -> Self {
        Self {
            init: self.init.min(other.init),
            first: self.first.min(other.first),
            warm: self.warm.min(other.warm),
            resident_mb: self.resident_mb.min(other.resident_mb),
        }
    }
}

#[test]
fn every_bootstrap_starts_nearly_as_quickly_as_a_program_that_does_nothing() {
    let aws = account();
    let contenders = contenders();
    let starts = if are_optimised() { STARTS } else { 1 };
    let mut measured: BTreeMap<&str, Times> = BTreeMap::new();
    // In turn, so that a noisy minute is everybody's.
    for _ in 0..starts {
        for contender in &contenders {
            let times = start(contender, &aws);
            measured
                .entry(&contender.name)
                .and_modify(|best| *best = best.quicker(times))
                .or_insert(times);
        }
    }
    println!("quickest of {starts:<13} INIT     first      warm   resident");
    for contender in &contenders {
        let name = &contender.name;
        let times = measured[name.as_str()];
        let [init, first, warm] = [times.init, times.first, times.warm].map(milliseconds);
        let resident = times.resident_mb;
        println!("{name:<24} {init:>7} {first:>9} {warm:>9} {resident:>7} MB");
    }
    if !are_optimised() {
        return;
    }
    for function in function_names() {
        let above = measured[function.as_str()]
            .init
            .saturating_sub(measured["hello"].init);
        assert!(
            above <= MAX_INIT_ABOVE_HELLO,
            "`{function}` needs {} longer than a program that does nothing",
            milliseconds(above)
        );
    }
    let (ours, python) = (measured["stop-untagged"], measured["python"]);
    assert!(ours.first < python.first && ours.resident_mb < python.resident_mb);
}

/// A package that is above its function's budget is refused when it is made.
#[test]
fn every_package_is_within_its_budget_and_under_4_mb() {
    // Unoptimised programs are of no size that says something.
    if !are_optimised() {
        return;
    }
    let package = Lamplighter::new(["deploy", "package", "--from"])
        .arg(programs())
        .config(CONFIG)
        .run()
        .code(0);
    for function in function_names() {
        let size = |path: PathBuf| fs::metadata(path).expect("it was written").len();
        let zip = size(package.folder.path().join(format!("dist/{function}.zip")));
        let program = size(programs().join(format!("bootstrap-{function}")));
        println!(
            "{function:<24} {:>6} KB in the zip, {:>6} KB unpacked",
            zip / 1024,
            program / 1024
        );
        assert!(zip < 4_000_000, "{function}: {zip}");
    }
}

fn contenders() -> Vec<Contender> {
    let mut contenders = vec![
        Contender {
            name: "hello".to_owned(),
            program: example("lamplighter-shell", "hello"),
            environment: vec![],
        },
        python(),
    ];
    contenders.extend(function_names().into_iter().map(|name| Contender {
        program: programs().join(format!("bootstrap-{name}")),
        name,
        environment: vec![],
    }));
    contenders
}

/// Python with the runtime interface client that Lambda's own Python runtime is made of.
fn python() -> Contender {
    let bin = venv("cold-start", &["awslambdaric==4.2.2", "boto3==1.44.*"]);
    let program = bin.join("bootstrap");
    let script = format!(
        "#!/bin/sh\nexec {} -m awslambdaric untagged.handler\n",
        bin.join("python").display()
    );
    fs::write(&program, script).expect("the script is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be started");
    let folder = root().join("tests/src/cold_start");
    Contender {
        name: "python".to_owned(),
        program,
        environment: vec![
            ("PYTHONPATH", folder.display().to_string()),
            // Lambda's file system is read-only, and packages come with their bytecode.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ],
    }
}

/// Starts it as Lambda does, sends it two events, and ends it.
fn start(contender: &Contender, aws: &LocalAws) -> Times {
    let environment: Vec<(&str, &str)> = contender
        .environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let name = contender.name.as_str();
    let (lambda, init) =
        Lambda::start_and_watch(&contender.program, name, aws, CONFIG, &environment);
    let event = json!({"name": "world", "metadata": {"dry_run": true}});
    let sent = Instant::now();
    check(name, &lambda.invoke(&event).response());
    let first = init + sent.elapsed();
    let sent = Instant::now();
    check(name, &lambda.invoke(&event).response());
    let warm = sent.elapsed();
    let resident_mb = Peak::of(lambda.id()).expect("it lives").resident_mb();
    lambda.end();
    Times {
        init,
        first,
        warm,
        resident_mb,
    }
}

/// Whether the program did what it was started for: a quick error is no quick answer.
#[track_caller]
fn check(name: &str, answer: &Value) {
    match name {
        "hello" => assert_eq!(answer["hello"], "world"),
        "python" => assert_eq!(answer["untagged"], json!(["i-0aaa0000000000002"])),
        "stop-untagged" => assert_eq!(answer["data"]["summary"]["fail"], 1, "{answer}"),
        _ => assert_eq!(answer["data"]["mode"], "dry-run", "{answer}"),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
