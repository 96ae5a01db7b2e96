//! Files: patterns, every kind, and what cannot be read.

use super::{Stage, buckets, fixture, rules, world};

const ONLY: &str = "acm = false\niam = false\n";

/// A stage that looks at these patterns in a folder, with its configuration's further lines.
fn stage(folder: &std::path::Path, patterns: &[&str], more: &str) -> Stage {
    let patterns: Vec<String> = patterns
        .iter()
        .map(|pattern| format!("\"{}/{pattern}\"", folder.display()))
        .collect();
    Stage::of(
        world(),
        &format!("{ONLY}files = [{}]\n{more}", patterns.join(", ")),
    )
}

#[test]
fn every_kind_of_file_is_read_and_one_certificate_is_one_whatever_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "server.pem",
        "server.der",
        "bundle.pem",
        "aes.p12",
        "trusted.pem",
    ] {
        std::fs::copy(fixture(name), folder.path().join(name)).expect("copied");
    }
    let passwords = format!(
        "file_passwords = {{ \"{}/*.p12\" = \"env:P12_SECRET\" }}",
        folder.path().display()
    );
    let stage = stage(folder.path(), &["*.pem", "*.der", "*.p12"], &passwords);
    let ran = stage
        .program([
            "run",
            "report-certificates",
            "--format",
            "json",
            "--all",
            "--now",
            super::NOW,
        ])
        .env("P12_SECRET", "secret")
        .run()
        .code(0);
    let run = ran.json();
    let found: Vec<String> = buckets(&run)
        .into_values()
        .map(|(end, bucket)| format!("{bucket} {end}"))
        .collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&"expired 2025-12-31T23:59:59Z".to_owned()));
    assert!(found.contains(&"valid 2040-01-01T00:00:00Z".to_owned()));
    let sources = super::findings(&run)
        .iter()
        .find(|finding| finding["rule"] == "certificate-expired")
        .map(|finding| finding["evidence"]["sources_count"].clone());
    assert_eq!(sources, Some(4.into()), "pem, der, bundle and p12");
    assert!(
        !ran.stdout.contains("secret\""),
        "a password is in no report"
    );
}

#[test]
fn what_cannot_be_read_is_told_with_its_path_and_hides_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(fixture("server.pem"), folder.path().join("good.pem")).expect("copied");
    std::fs::write(folder.path().join("garbage.pem"), b"\x00\xffgarbage").expect("written");
    std::fs::copy(fixture("aes.p12"), folder.path().join("locked.p12")).expect("copied");
    let stage = stage(
        folder.path(),
        &["*.pem", "locked.p12", "missing.pem", "nothing-*.crt"],
        "",
    );
    let run = stage.run().code(4).json();
    assert_eq!(
        rules(&run).into_keys().collect::<Vec<_>>(),
        ["certificate-expired"]
    );
    let told: Vec<(String, String)> = run["coverage"]
        .as_array()
        .expect("coverage")
        .iter()
        .map(|row| {
            let scope = row["scope"].as_str().expect("a scope");
            let name = scope.rsplit('/').next().expect("a name");
            assert!(scope.starts_with("files/"), "{scope}");
            (
                name.to_owned(),
                row["status"].as_str().expect("a status").to_owned(),
            )
        })
        .collect();
    let expected = [
        ("garbage.pem", "unreadable"),
        ("good.pem", "read"),
        ("locked.p12", "unreadable"),
        ("missing.pem", "unreadable"),
        ("nothing-*.crt", "read"),
    ];
    assert_eq!(
        told,
        expected.map(|(name, status)| (name.to_owned(), status.to_owned()))
    );
    assert!(
        run["errors"].to_string().contains("file_passwords"),
        "the way out is told: {}",
        run["errors"]
    );
}

#[test]
fn a_password_or_a_relative_path_in_the_configuration_is_refused() {
    for (lines, word) in [
        (
            "file_passwords = { \"/a/*.p12\" = \"hunter2\" }",
            "env:NAME",
        ),
        ("files = [\"certs/*.pem\"]", "absolute path"),
        ("endpoints = [\"https://example.com\"]", "protocol"),
        ("endpoints = [\"example.com\"]", "port"),
        ("warn_days = 0", "warn_days"),
    ] {
        let ran = Stage::of(world(), lines).program(["check"]).run().code(2);
        assert!(ran.stderr.contains(word), "{lines}\n{}", ran.stderr);
    }
}
