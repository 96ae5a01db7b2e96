//! How much a large account costs: calls and memory, printed and bounded.

use std::process::{Output, Stdio};

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{
    AcmCertificate, IamKey, IamUser, Instance, LocalAws, NetworkInterface, SecurityGroup,
    SecurityGroupRule, World,
};

use crate::harness::{Lamplighter, are_optimised, serve};
use crate::report_certificates::cloud::bent;
use crate::report_certificates::pem;

const REGIONS: usize = 17;
const INSTANCES: usize = 10_000;

/// The most memory that one dry run over all of them may be resident in, in MB. An unoptimised program maps some 40 MB
/// of its own code before it has read anything, so there its code is not counted; `just bench` measures the optimised
/// one, code and all.
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
    let program = program.on(&aws);
    let (peak, output) = tokio::task::spawn_blocking(move || watched(program))
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
    let counted = if are_optimised() {
        peak.resident_mb()
    } else {
        peak.resident_mb() - peak.code_mb()
    };
    println!(
        "{INSTANCES} instances in {REGIONS} regions: {calls} DescribeInstances calls, {} MB resident at most, {} MB of it code",
        peak.resident_mb(),
        peak.code_mb()
    );
    assert_eq!(
        calls, needed,
        "one call for each 1,000 instances and region"
    );
    assert!(
        counted < MAX_RESIDENT_MB,
        "{counted} MB resident, at most {MAX_RESIDENT_MB} are allowed"
    );
}

/// Runs a program to its end, and answers the most memory it was resident in.
pub fn watched(program: Lamplighter) -> (Peak, Output) {
    let (mut command, _folder) = program.into_command();
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lamplighter starts");
    let id = child.id();
    let watcher = std::thread::spawn(move || peak_resident_kb(id));
    let output = child.wait_with_output().expect("lamplighter ends");
    (watcher.join().expect("the watcher ends"), output)
}

/// The most memory that a process was resident in.
#[derive(Clone, Copy, Default)]
pub struct Peak {
    resident_kb: u64,
    code_kb: u64,
}

impl Peak {
    /// So far, of the process with this id, while it lives.
    pub fn of(id: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let kb = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            resident_kb: kb("VmHWM:")?,
            code_kb: kb("RssFile:")?,
        })
    }

    /// How much it was.
    pub fn resident_mb(self) -> u64 {
        self.resident_kb / 1024
    }

    /// What of it are pages of files: the program and its libraries.
    pub fn code_mb(self) -> u64 {
        self.code_kb / 1024
    }
}

/// The largest resident size of a process while it lives, as the kernel remembers it.
fn peak_resident_kb(id: u32) -> Peak {
    let mut peak = Peak::default();
    // A zombie has no memory left to tell of.
    while let Some(now) = Peak::of(id) {
        peak = Peak {
            resident_kb: peak.resident_kb.max(now.resident_kb),
            code_kb: peak.code_kb.max(now.code_kb),
        };
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    peak
}

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// The most memory that an audit of a large account may be resident in, in MB.
const MAX_AUDIT_MB: u64 = 100;

/// One dry run of an audit: prints what it costs, and bounds it.
fn audit(function: &str, section: &str, world: World, what: &str, inspected: usize, calls: usize) {
    let aws = serve(world);
    let program = Lamplighter::new(["run", function, "--dry-run", "--format", "json"])
        .on(&aws)
        .config(&format!("[{function}]\n{section}\n"));
    let (peak, output) = watched(program);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a run");
    let made = aws.calls().len();
    let (seen, peak) = (&run["summary"]["inspected"], peak.resident_mb());
    println!("{function} ({section}): {what}: {made} calls, {peak} MB resident at most");
    assert_eq!(*seen, inspected, "{}", run["summary"]);
    assert_eq!(made, calls, "{function} ({section})");
    assert!(
        peak < MAX_AUDIT_MB,
        "{peak} MB resident, at most {MAX_AUDIT_MB} are allowed"
    );
}

/// Five thousand users with a password and a key each, of whom one in five hundred is careless.
fn users(now: DateTime<Utc>) -> World {
    let mut world = World::new(ACCOUNT, now);
    for number in 0..5000 {
        let name = format!("user-{number:04}");
        let id = format!("AKIA{number:016}");
        let is_careless = number % 500 == 0;
        let age = Duration::days(if is_careless { 200 } else { 30 });
        let key = IamKey::new(&id, now - age).used_at(now - Duration::days(1));
        let user = IamUser::new(&name).password().tag("team", "platform");
        let user = if is_careless {
            user
        } else {
            user.virtual_mfa()
        };
        world.add_user(ACCOUNT, user.key(key));
    }
    world
}

#[test]
fn five_thousand_users_cost_few_calls_and_little_memory() {
    let what = "5,000 users, 10 of them accused";
    let now = Utc::now();
    audit("audit-mfa", "", users(now), what, 5001, 53);
    let section = "remediate = \"deny-until-mfa\"";
    audit("audit-mfa", section, users(now), what, 5001, 29);
    audit("audit-access-keys", "", users(now), what, 5001, 13);
    let section = "remediate = \"deactivate\"";
    audit("audit-access-keys", section, users(now), what, 5001, 19);
}

#[test]
fn two_thousand_security_groups_cost_few_calls_and_little_memory() {
    let mut world = World::new(ACCOUNT, Utc::now());
    for number in 0..2000 {
        let id = format!("sg-{number:08x}");
        let rule = |at: i32, port: i32, source: &str| {
            let rule = format!("sgr-{number:08x}{at}");
            SecurityGroupRule::ingress(&rule, "tcp", port, port, source)
        };
        let source = if number % 10 == 0 {
            "0.0.0.0/0"
        } else {
            "10.0.0.0/8"
        };
        let group = SecurityGroup::new(&id, &format!("group-{number}"))
            .rule(rule(0, 22, source))
            .rule(rule(1, 443, "0.0.0.0/0"))
            .rule(rule(2, 5432, "192.168.0.0/16"))
            .rule(rule(3, 8080, "172.16.0.0/12"));
        let interface = NetworkInterface::new(&format!("eni-{number:08x}"), [id.as_str()]);
        world = world
            .security_group(ACCOUNT, REGION, group)
            .network_interface(ACCOUNT, REGION, interface);
    }
    // Two pages of groups, eight of rules, two of interfaces, and who asks.
    let what = "2,000 security groups with 8,000 rules";
    audit("audit-security-groups", "", world, what, 2000, 13);
}

#[test]
fn a_thousand_certificates_cost_a_text_each_and_little_memory() {
    let text = pem("server.pem");
    let mut world = World::new(ACCOUNT, Utc::now());
    for number in 0..1000 {
        let certificate = AcmCertificate::imported(&bent(&text, number));
        world.add_certificate(ACCOUNT, REGION, certificate);
    }
    let what = "1,000 certificates";
    audit("report-certificates", "", world, what, 1000, 1003);
}
