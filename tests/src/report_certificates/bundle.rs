//! Every root that Debian trusts: the same end and the same bucket as openssl says.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use lamplighter_local_aws::{AcmCertificate, World};

use super::{ACCOUNT, REGION, buckets, openssl};
use crate::harness::{Lamplighter, serve};

const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// So long that all three buckets may be met; half of the roots end within it.
const WARN_DAYS: i64 = 3650;

/// The certificates of the bundle, each as PEM.
fn bundle() -> Vec<String> {
    let text = std::fs::read_to_string(BUNDLE)
        .unwrap_or_else(|error| panic!("{BUNDLE}: {error}; apt-get install -y ca-certificates"));
    let end = "-----END CERTIFICATE-----\n";
    let blocks: Vec<String> = text
        .split_inclusive(end)
        .filter(|block| block.ends_with(end))
        .map(str::to_owned)
        .collect();
    assert!(
        blocks.len() > 50,
        "{BUNDLE} holds only {} certificates",
        blocks.len()
    );
    blocks
}

/// What openssl says of a certificate: its SHA-256, its end, its bucket now.
fn said(pem: &str) -> (String, (String, String)) {
    let told = openssl(
        &[
            "x509",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-startdate",
            "-enddate",
        ],
        pem,
    )
    .expect("openssl reads it");
    let of = |name: &str| -> String {
        let line = told.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with(name)
                .then(|| line.split_once('='))
        });
        line.flatten()
            .unwrap_or_else(|| panic!("openssl says no {name}: {told}"))
            .1
            .to_owned()
    };
    let time = |name: &str| -> DateTime<Utc> {
        NaiveDateTime::parse_from_str(&of(name), "%b %e %H:%M:%S %Y GMT")
            .expect("openssl's time")
            .and_utc()
    };
    let (begin, end) = (time("notbefore"), time("notafter"));
    let life = (end - begin).num_seconds();
    let window = if life > WARN_DAYS * 86_400 {
        WARN_DAYS * 86_400
    } else {
        life / 3
    };
    // `-checkend` fails if the certificate has ended by then.
    let lasts =
        |seconds: i64| openssl(&["x509", "-noout", "-checkend", &seconds.to_string()], pem).is_ok();
    let bucket = match (lasts(0), lasts(window)) {
        (false, _) => "expired",
        (true, false) => "expiring",
        (true, true) => "valid",
    };
    let sha256 = of("sha256 fingerprint")
        .replace(':', "")
        .to_ascii_lowercase();
    (
        sha256,
        (
            end.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            bucket.to_owned(),
        ),
    )
}

#[test]
fn every_root_of_debian_has_the_end_and_the_bucket_that_openssl_says() {
    let bundle = bundle();
    let expected: BTreeMap<_, _> = bundle.iter().map(|pem| said(pem)).collect();
    assert_eq!(expected.len(), bundle.len(), "each is there once");
    let buckets_of = |word: &str| {
        expected
            .values()
            .filter(|(_, bucket)| bucket == word)
            .count()
    };
    assert!(
        buckets_of("expiring") > 0 && buckets_of("valid") > 0,
        "the test tells buckets apart"
    );

    let mut world = World::new(ACCOUNT, Utc::now());
    for (number, pem) in bundle.iter().enumerate() {
        world = world
            .certificate(ACCOUNT, REGION, AcmCertificate::imported(pem))
            .server_certificate(ACCOUNT, &format!("root-{number}"), pem, None);
    }
    let aws = serve(world);
    for (sources, places) in [
        (
            format!("acm = false\niam = false\nfiles = [\"{BUNDLE}\"]"),
            1,
        ),
        ("acm = true\niam = false".to_owned(), 1),
        ("acm = false\niam = true".to_owned(), 1),
        (format!("acm = true\niam = true\nfiles = [\"{BUNDLE}\"]"), 3),
    ] {
        let run = Lamplighter::new(["run", "report-certificates", "--format", "json", "--all"])
            .on(&aws)
            .config(&format!(
                "[report-certificates]\nwarn_days = {WARN_DAYS}\n{sources}\n"
            ))
            .run()
            .code(0)
            .json();
        assert_eq!(buckets(&run), expected, "{sources}");
        let bucketed = super::findings(&run)
            .iter()
            .filter(|finding| finding["evidence"]["bucket"].is_string());
        assert!(
            bucketed
                .clone()
                .all(|finding| finding["evidence"]["sources_count"] == places),
            "{sources}"
        );
    }
}
