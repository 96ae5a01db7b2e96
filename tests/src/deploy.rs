//! `lamplighter deploy` and `lamplighter cost`: packages, templates and bills, as a user makes them.

mod alarms;
mod costs;
mod created;
mod packages;
mod pipeline;
mod templates;
mod walkthrough;

use crate::harness::Lamplighter;

#[test]
fn a_bill_is_printed_for_people_and_for_machines() {
    let text = Lamplighter::new(["cost"]).run().code(0).stdout;
    for line in [
        "requests",
        "compute",
        "init",
        "retries",
        "scheduler",
        "logs",
        "alarms",
        "events",
        "sqs",
        "s3",
        "total",
        "keep-warm",
        "ec2",
    ] {
        assert!(
            text.lines().any(|row| row.trim_start().starts_with(line)),
            "no line `{line}` in:\n{text}"
        );
    }
    let bill = Lamplighter::new(["cost", "--format", "json"])
        .config("[stop-untagged]\nschedule = \"rate(1 hour)\"\n")
        .run()
        .code(0)
        .json();
    assert_eq!(bill["schema"], "lamplighter/cost/v1");
    // Only what is configured: 8,760 hours of a year.
    assert_eq!(bill["functions"].as_array().map(Vec::len), Some(1));
    assert_eq!(bill["functions"][0]["runs"], 730);
    assert_eq!(bill["functions"][0]["cold_starts"], 730);
}

#[test]
fn what_lambda_cannot_be_is_refused() {
    for (executions, memory, duration) in [
        ("1", "127", "100"),
        ("1", "10241", "100"),
        ("1", "128", "0"),
        ("1", "128", "900001"),
        ("-1", "128", "100"),
        ("1000000000001", "128", "100"),
        ("1.5", "128", "100"),
    ] {
        let ran = Lamplighter::new(["cost", "--executions", executions])
            .args(["--memory", memory, "--duration", duration])
            .run()
            .code(2);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    Lamplighter::new(["cost", "--executions", "1"])
        .run()
        .code(2);
    Lamplighter::new([
        "cost",
        "--executions",
        "1",
        "--memory",
        "10240",
        "--duration",
        "900000",
    ])
    .run()
    .code(0);
}

#[test]
fn prices_and_measured_durations_come_from_files() {
    let prices = include_str!("../../config/prices.toml");
    let doubled = prices.replace("million_requests = \"0.20\"", "million_requests = \"0.40\"");
    assert_ne!(doubled, prices);
    let cost = Lamplighter::new([
        "cost",
        "--prices",
        "p.toml",
        "--no-free-tier",
        "--format",
        "json",
    ])
    .args([
        "--executions",
        "1000000",
        "--memory",
        "128",
        "--duration",
        "1",
    ]);
    std::fs::write(cost.folder().join("p.toml"), doubled).expect("it is written");
    assert_eq!(
        cost.run().code(0).json()["lines"][0]["cost_usd"],
        "0.400000"
    );

    let cost = Lamplighter::new(["cost", "--prices", "p.toml"]);
    std::fs::write(cost.folder().join("p.toml"), "date = 1\n").expect("it is written");
    assert!(cost.run().code(2).stderr.contains("p.toml"));

    let cost = Lamplighter::new(["cost", "--measured", "run.json", "--format", "json"]);
    let run = r#"{"function": "stop-untagged", "started_at": "2026-11-22T06:00:00Z", "finished_at": "2026-11-22T06:00:02.5Z"}"#;
    std::fs::write(cost.folder().join("run.json"), run).expect("it is written");
    let bill = cost.run().code(0).json();
    let functions = bill["functions"].as_array().expect("a list");
    let measured = functions
        .iter()
        .find(|row| row["function"] == "stop-untagged")
        .expect("it is there");
    assert_eq!(
        (&measured["duration_ms"], &measured["duration"]),
        (&2500.into(), &"measured".into())
    );
}
