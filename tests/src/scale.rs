//! How much a large account costs: calls and memory, printed and bounded.

use std::process::Stdio;

use chrono::{Duration, Utc};
use lamplighter_local_aws::{Instance, LocalAws, World};

use crate::harness::Lamplighter;

const REGIONS: usize = 17;
const INSTANCES: usize = 10_000;

/// The most memory that one dry run over all of them may be resident in, in MB.
const MAX_RESIDENT_MB: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_instances_in_seventeen_regions_cost_few_calls_and_little_memory() {
    let now = Utc::now();
    let names: Vec<String> = (0..REGIONS)
        .map(|number| format!("eu-west-{number}"))
        .collect();
    let regions: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new("111122223333", now).regions(&regions);
    for number in 0..INSTANCES {
        let mut instance = Instance::new(&format!("i-{number:017x}"))
            .attached_at(now - Duration::days(30))
            .tag("Name", &format!("web-{number}"))
            .tag("team", "platform")
            .tag("environment", "production");
        if number % 10 != 0 {
            instance = instance.tag("cost_center", "4711");
        }
        world.add_instance("111122223333", &names[number % REGIONS], instance);
    }
    let aws = LocalAws::start(world)
        .await
        .expect("the simulated account starts");

    let program = Lamplighter::new([
        "run",
        "stop-untagged",
        "--dry-run",
        "--region",
        "all",
        "--format",
        "json",
    ]);
    let (mut command, _folder) = program.on(&aws).into_command();
    let (peak, output) = tokio::task::spawn_blocking(move || {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("lamplighter starts");
        let status = format!("/proc/{}/status", child.id());
        let watcher = std::thread::spawn(move || peak_resident_kb(&status));
        let output = child.wait_with_output().expect("lamplighter ends");
        (watcher.join().expect("the watcher ends"), output)
    })
    .await
    .expect("the run is watched");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a run");
    assert_eq!(run["summary"]["inspected"], INSTANCES);

    let calls = aws
        .calls()
        .iter()
        .filter(|call| call.action == "DescribeInstances")
        .count();
    let needed = REGIONS * INSTANCES.div_ceil(REGIONS).div_ceil(1000);
    println!(
        "{INSTANCES} instances in {REGIONS} regions: {calls} DescribeInstances calls, {} MB resident at most",
        peak / 1024
    );
    assert_eq!(
        calls, needed,
        "one call for each 1,000 instances and region"
    );
    assert!(
        peak / 1024 < MAX_RESIDENT_MB,
        "{} MB resident, at most {MAX_RESIDENT_MB} are allowed",
        peak / 1024
    );
}

/// The largest resident size of a process while it lives, in KB, as the kernel remembers it.
fn peak_resident_kb(status: &str) -> u64 {
    let mut peak = 0;
    while let Ok(text) = std::fs::read_to_string(status) {
        let kb = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        match kb {
            Some(kb) => peak = peak.max(kb),
            // A zombie has no memory left to tell of.
            None => break,
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    peak
}
