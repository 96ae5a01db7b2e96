//! What is decided about certificates, in tables: the boundary seconds, windows, renewal and use.

use expect_test::{Expect, expect};
use lamplighter_core::Severity;

use super::*;
use crate::certificate::Certificate;
use crate::inventory::{Place, Served, Sighting, Trust, Uploaded};
use lamplighter_config::AddressKind;
use serde_json::Value;
use std::sync::Arc;

const ACCOUNT: &str = "123456789012";

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("an RFC 3339 time")
        .with_timezone(&Utc)
}

/// The time at which all is judged.
fn now() -> DateTime<Utc> {
    at("2026-11-22T12:00:00Z")
}

fn rules() -> Rules {
    Rules {
        warn_days: 45,
        iam: true,
        acm: true,
        files: vec![],
        file_passwords: vec![],
        endpoints: vec![],
        endpoint_addresses: AddressKind::All,
        endpoint_timeout_secs: 10,
    }
}

/// A certificate of a year that ends in so many seconds.
fn ends_in(seconds: i64) -> Certificate {
    lives(Duration::days(365), seconds)
}

/// A certificate with this life that ends in so many seconds.
fn lives(life: Duration, seconds: i64) -> Certificate {
    let not_after = now() + Duration::seconds(seconds);
    Certificate {
        sha256: format!("{:064x}", seconds.unsigned_abs() + 1),
        subject: "CN=www.example.test".to_owned(),
        common_name: Some("www.example.test".to_owned()),
        issuer: "CN=Example CA".to_owned(),
        serial: "01".to_owned(),
        not_before: not_after - life,
        not_after,
        dns_names: vec!["www.example.test".to_owned()],
        ip_addresses: vec![],
        key: "EC P-256".to_owned(),
        weak_key: None,
        signature: "ecdsa-with-SHA256".to_owned(),
        weak_signature: None,
        is_ca: false,
        is_self_signed: false,
    }
}

fn in_file(certificate: Certificate, path: &str) -> Sighting {
    Sighting {
        certificate: Some(Arc::new(certificate)),
        place: Place::File {
            account: ACCOUNT.into(),
            path: path.into(),
        },
        role: Role::Member,
    }
}

fn managed(certificate: Option<&Certificate>) -> Managed {
    Managed {
        arn: format!("arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/1"),
        account: ACCOUNT.to_owned(),
        region: "eu-west-1".to_owned(),
        domain: "www.example.test".to_owned(),
        status: Status::Issued,
        status_word: "ISSUED".to_owned(),
        failure: None,
        in_use: true,
        exported: false,
        renewal: Renewal::Automatic,
        not_before: certificate.map(|known| known.not_before),
        not_after: certificate.map(|known| known.not_after),
        key_algorithm: None,
        key_pair_origin: None,
    }
}

fn in_acm(certificate: Option<Certificate>, edit: impl FnOnce(&mut Managed)) -> Sighting {
    let mut managed = managed(certificate.as_ref());
    edit(&mut managed);
    Sighting {
        certificate: certificate.map(Arc::new),
        place: Place::Acm(Arc::new(managed)),
        role: Role::Leaf,
    }
}

fn plan_of(sightings: Vec<Sighting>, served: Vec<Served>) -> Plan<NoAction> {
    plan(
        &Inventory {
            sightings,
            served,
            notes: vec![],
        },
        &rules(),
        now(),
    )
}

/// The only caller of `plan` for texts: each finding in a line, then the notes.
fn check(sightings: impl IntoIterator<Item = Sighting>, expected: Expect) {
    check_served(sightings, vec![], expected);
}

fn check_served(
    sightings: impl IntoIterator<Item = Sighting>,
    served: Vec<Served>,
    expected: Expect,
) {
    let plan = plan_of(sightings.into_iter().collect(), served);
    assert!(plan.actions.is_empty(), "there is nothing to apply");
    let mut text = String::new();
    for finding in &plan.findings {
        text.push_str(&format!(
            "{} {}: {}\n",
            finding.severity.as_str(),
            finding.rule,
            finding.message
        ));
    }
    for note in &plan.notes {
        text.push_str(&format!("{note}\n"));
    }
    expected.assert_eq(&text);
}

/// The bucket and the severity of one certificate.
fn bucket(sighting: Sighting) -> (String, Severity) {
    let plan = plan_of(vec![sighting], vec![]);
    let mut buckets = plan
        .findings
        .iter()
        .filter(|finding| finding.evidence.contains_key("bucket"));
    let finding = buckets.next().expect("one bucket");
    assert!(buckets.next().is_none(), "exactly one bucket");
    let bucket = finding.evidence["bucket"]
        .as_str()
        .expect("a word")
        .to_owned();
    assert_eq!(*finding.rule, format!("certificate-{bucket}"));
    (bucket, finding.severity)
}

#[test]
fn a_certificate_is_in_its_bucket_to_the_second() {
    let day = 86_400;
    for (seconds, expected) in [
        (-day, "expired"),
        (-1, "expired"),
        (0, "expired"),
        (1, "expiring"),
        (11 * 3600, "expiring"),
        (45 * day - 1, "expiring"),
        (45 * day, "expiring"),
        (45 * day + 1, "valid"),
    ] {
        assert_eq!(
            bucket(in_file(ends_in(seconds), "/a.pem")).0,
            expected,
            "{seconds} s"
        );
    }
}

#[test]
fn a_short_life_warns_in_its_last_third() {
    let (day, six) = (86_400, Duration::days(6));
    for (life, seconds, expected) in [
        (six, 2 * day + 1, "valid"),
        (six, 2 * day, "expiring"),
        (six, 0, "expired"),
        // Exactly as long as the window: a third of it.
        (Duration::days(45), 15 * day + 1, "valid"),
        (Duration::days(45), 15 * day, "expiring"),
        // A second longer: the whole window.
        (
            Duration::days(45) + Duration::seconds(1),
            45 * day,
            "expiring",
        ),
        // A life that ends before it begins.
        (Duration::seconds(-5), 1, "valid"),
    ] {
        assert_eq!(
            bucket(in_file(lives(life, seconds), "/a.pem")).0,
            expected,
            "{life}, {seconds} s"
        );
    }
}

#[test]
fn what_the_texts_say() {
    check(
        [
            in_file(ends_in(-3600), "/etc/ssl/a.pem"),
            in_file(ends_in(11 * 3600), "/etc/ssl/b.pem"),
            in_file(ends_in(90 * 86_400), "/etc/ssl/c.pem"),
        ],
        expect![[r#"
            high certificate-expired: Certificate `www.example.test` expired 60 minutes ago, on 2026-11-22 11:00:00 UTC; in `/etc/ssl/a.pem`.
            high certificate-expiring: Certificate `www.example.test` expires in 11 hours, on 2026-11-22 23:00:00 UTC; in `/etc/ssl/b.pem`.
            info certificate-valid: Certificate `www.example.test` is valid for 90 days, until 2027-02-20 12:00:00 UTC; in `/etc/ssl/c.pem`.
            certificates: 1 expired, 1 expiring, 1 valid
        "#]],
    );
    check(
        [],
        expect![["certificates: 0 expired, 0 expiring, 0 valid\n"]],
    );
}

#[test]
fn the_same_certificate_in_many_places_is_one() {
    let one = ends_in(86_400);
    let iam = Sighting {
        certificate: Some(Arc::new(one.clone())),
        place: Place::Iam(Arc::new(Uploaded {
            arn: format!("arn:aws:iam::{ACCOUNT}:server-certificate/web"),
            account: ACCOUNT.to_owned(),
            name: "web".to_owned(),
            not_after: Some(one.not_after),
        })),
        role: Role::Leaf,
    };
    let plan = plan_of(
        vec![
            in_file(one.clone(), "/b.pem"),
            iam,
            in_file(one.clone(), "/a.pem"),
            in_file(one.clone(), "/a.pem"),
            in_acm(Some(one.clone()), |_| {}),
        ],
        vec![],
    );
    assert_eq!(plan.findings.len(), 1);
    let finding = &plan.findings[0];
    assert_eq!(
        finding.resource,
        format!("arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/1")
    );
    assert_eq!(finding.evidence["sha256"], one.sha256);
    let sources: Vec<&str> = finding.evidence["sources"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        sources,
        [
            "arn:aws:acm:eu-west-1:123456789012:certificate/1",
            "arn:aws:iam::123456789012:server-certificate/web",
            "file:///a.pem",
            "file:///b.pem"
        ]
    );
    // ACM renews its own copy, and not the one in the file.
    assert_eq!(finding.severity, Severity::Critical);
}

#[test]
fn renewal_and_use_decide_how_much_it_matters() {
    let day = 86_400;
    let stuck = || Renewal::Stuck {
        reason: "it waits".to_owned(),
        domains: vec![],
    };
    let severity = |days: i64, renewal: Renewal, in_use: bool, exported: bool| {
        let sighting = in_acm(Some(ends_in(days * day)), |managed| {
            managed.renewal = renewal;
            managed.in_use = in_use;
            managed.exported = exported;
        });
        bucket(sighting).1
    };
    let never = || Renewal::Never("it was imported");
    assert_eq!(
        severity(30, Renewal::Automatic, true, false),
        Severity::Low,
        "renews itself"
    );
    assert_eq!(
        severity(5, Renewal::Automatic, true, false),
        Severity::High,
        "ought to have"
    );
    assert_eq!(severity(30, stuck(), true, false), Severity::Medium);
    assert_eq!(severity(5, stuck(), true, false), Severity::Critical);
    assert_eq!(severity(30, never(), true, false), Severity::Medium);
    assert_eq!(severity(10, never(), true, false), Severity::High);
    assert_eq!(
        severity(5, never(), false, false),
        Severity::Low,
        "nobody uses it"
    );
    assert_eq!(
        severity(5, never(), false, true),
        Severity::Critical,
        "exported is used elsewhere"
    );
    assert_eq!(
        severity(30, Renewal::Automatic, false, true),
        Severity::Medium,
        "exported has to be exported again"
    );
    assert_eq!(
        severity(-1, Renewal::Automatic, true, false),
        Severity::Critical
    );
}

#[test]
fn requests_that_came_to_nothing_are_findings_without_a_bucket() {
    let request = |number: u8, status, word: &str| {
        in_acm(None, |managed| {
            managed.arn.push_str(&number.to_string());
            managed.status = status;
            managed.status_word = word.to_owned();
            managed.in_use = false;
            managed.renewal = Renewal::Never("it is not eligible");
            managed.failure = (status == Status::Failed).then(|| "CAA_ERROR".to_owned());
        })
    };
    check(
        [
            request(1, Status::PendingValidation, "PENDING_VALIDATION"),
            request(2, Status::ValidationTimedOut, "VALIDATION_TIMED_OUT"),
            request(3, Status::Failed, "FAILED"),
            request(4, Status::Issued, "ISSUED"),
            request(5, Status::Unknown, "PONDERING"),
        ],
        expect![[r#"
            medium certificate-pending-validation: ACM's certificate for `www.example.test` waits for somebody to prove that its names are yours.
            low certificate-validation-timed-out: ACM's certificate for `www.example.test` was not issued: nobody proved in 72 hours that its names are yours.
            medium certificate-failed: ACM's certificate for `www.example.test` was not issued: `CAA_ERROR`.
            medium certificate-unreadable: Certificate `www.example.test` could not be judged: when it ends could not be read.
            medium certificate-unreadable: ACM's certificate for `www.example.test` is in the state `PONDERING`, which is not known.
            certificates: 0 expired, 0 expiring, 0 valid, 5 not issued or unreadable
        "#]],
    );
}

#[test]
fn a_revoked_certificate_has_a_bucket_beside_that() {
    check(
        [in_acm(Some(ends_in(90 * 86_400)), |managed| {
            managed.status = Status::Revoked
        })],
        expect![[r#"
            info certificate-valid: Certificate `www.example.test` is valid for 90 days, until 2027-02-20 12:00:00 UTC; in ACM in `eu-west-1`.
            high certificate-revoked: ACM's certificate for `www.example.test` was revoked.
            certificates: 0 expired, 0 expiring, 1 valid
        "#]],
    );
}

#[test]
fn a_renewal_that_is_stuck_is_told_before_the_window_too() {
    check(
        [in_acm(Some(ends_in(55 * 86_400)), |managed| {
            managed.renewal = Renewal::Stuck {
                reason: "it waits for the validation of `www.example.test`".to_owned(),
                domains: vec!["www.example.test".to_owned()],
            };
        })],
        expect![[r#"
            info certificate-valid: Certificate `www.example.test` is valid for 55 days, until 2027-01-16 12:00:00 UTC; in ACM in `eu-west-1`.
            high certificate-renewal-stuck: ACM cannot renew its certificate for `www.example.test`: it waits for the validation of `www.example.test`; it ends on 2027-01-16 12:00:00 UTC.
            certificates: 0 expired, 0 expiring, 1 valid
        "#]],
    );
}

#[test]
fn without_its_text_a_certificate_has_the_bucket_of_the_list() {
    let known = ends_in(20 * 86_400);
    let plan = plan_of(
        vec![in_acm(None, |managed| {
            managed.not_before = Some(known.not_before);
            managed.not_after = Some(known.not_after);
            managed.key_algorithm = Some("RSA_1024".to_owned());
            managed.key_pair_origin = Some("ACME".to_owned());
        })],
        vec![],
    );
    let rules: Vec<&str> = plan.findings.iter().map(|finding| &*finding.rule).collect();
    assert_eq!(rules, ["certificate-expiring", "certificate-weak-key"]);
    assert_eq!(plan.findings[0].evidence["sha256"], Value::Null);
    assert_eq!(plan.findings[0].evidence["key_pair_origin"], "ACME");
}

#[test]
fn weakness_is_told_but_not_of_a_root_s_own_signature() {
    let weak = |is_self_signed: bool, is_ca: bool| {
        in_file(
            Certificate {
                weak_key: Some("RSA keys need 2048 bits or more"),
                key: "RSA 1024".to_owned(),
                weak_signature: Some("SHA-1"),
                signature: "sha1WithRSAEncryption".to_owned(),
                is_self_signed,
                is_ca,
                ..ends_in(90 * 86_400)
            },
            "/a.pem",
        )
    };
    let rules = |sighting| -> Vec<String> {
        plan_of(vec![sighting], vec![])
            .findings
            .iter()
            .skip(1)
            .map(|finding| finding.rule.to_string())
            .collect()
    };
    assert_eq!(
        rules(weak(false, false)),
        ["certificate-weak-key", "certificate-weak-signature"]
    );
    assert_eq!(rules(weak(true, true)), ["certificate-weak-key"]);
    assert_eq!(
        rules(weak(true, false)),
        ["certificate-weak-key", "certificate-self-signed"]
    );
}

#[test]
fn what_begins_tomorrow_is_told_until_the_second_it_begins() {
    for (seconds, is_told) in [(1, true), (0, false), (-1, false)] {
        let known = Certificate {
            not_before: now() + Duration::seconds(seconds),
            ..ends_in(90 * 86_400)
        };
        let plan = plan_of(vec![in_file(known, "/a.pem")], vec![]);
        let found = plan
            .findings
            .iter()
            .any(|finding| finding.rule == "certificate-not-yet-valid");
        assert_eq!(found, is_told, "{seconds} s");
    }
}

fn served(host: &str, chain: Vec<Certificate>, trust: Trust) -> (Vec<Sighting>, Served) {
    let chain: Vec<Arc<Certificate>> = chain.into_iter().map(Arc::new).collect();
    let sightings = chain.iter().enumerate().map(|(at, known)| Sighting {
        certificate: Some(Arc::clone(known)),
        place: Place::Endpoint {
            account: ACCOUNT.into(),
            endpoint: format!("{host}:443").into(),
        },
        role: if at == 0 { Role::Leaf } else { Role::Chain },
    });
    let sightings = sightings.collect();
    let served = Served {
        account: ACCOUNT.into(),
        endpoint: format!("{host}:443").into(),
        host: host.to_owned(),
        addresses: vec!["192.0.2.1".to_owned()],
        chain,
        trust,
    };
    (sightings, served)
}

fn authority(name: &str, seconds: i64) -> Certificate {
    Certificate {
        subject: format!("CN={name}"),
        common_name: Some(name.to_owned()),
        dns_names: vec![],
        is_ca: true,
        ..ends_in(seconds)
    }
}

#[test]
fn an_old_intermediate_that_no_path_needs_matters_little() {
    let leaf = ends_in(200 * 86_400);
    let (old, root) = (
        authority("Old Cross", -86_400),
        authority("Root", 3000 * 86_400),
    );
    let (sightings, served) = served(
        "www.example.test",
        vec![leaf, old],
        Trust::Path(vec![Arc::new(root)]),
    );
    check_served(
        sightings,
        vec![served],
        expect![[r#"
            low certificate-expired: Chain certificate `Old Cross` expired 24 hours ago, on 2026-11-21 12:00:00 UTC; sent along by `www.example.test:443`.
            info certificate-valid: Certificate `www.example.test` is valid for 200 days, until 2027-06-10 12:00:00 UTC; served by `www.example.test:443`.
            certificates: 1 expired, 0 expiring, 1 valid
        "#]],
    );
}

#[test]
fn the_best_path_may_end_before_the_leaf() {
    let leaf = ends_in(200 * 86_400);
    let intermediate = authority("Intermediate", 10 * 86_400);
    let (sightings, served) = served(
        "www.example.test",
        vec![leaf, intermediate.clone()],
        Trust::Path(vec![
            Arc::new(intermediate),
            Arc::new(authority("Root", 3000 * 86_400)),
        ]),
    );
    check_served(
        sightings,
        vec![served],
        expect![[r#"
            medium certificate-expiring: Chain certificate `Intermediate` expires in 10 days, on 2026-12-02 12:00:00 UTC; sent along by `www.example.test:443`.
            info certificate-valid: Certificate `www.example.test` is valid for 200 days, until 2027-06-10 12:00:00 UTC; served by `www.example.test:443`.
            medium certificate-path-expiring: The best path of `www.example.test:443` to a trusted root ends before its certificate does: `Intermediate` ends on 2026-12-02 12:00:00 UTC.
            certificates: 0 expired, 1 expiring, 1 valid
        "#]],
    );
}

#[test]
fn an_endpoint_is_told_of_wrong_names_and_unknown_roots() {
    let leaf = ends_in(200 * 86_400);
    let (sightings, served) = served(
        "mail.example.test",
        vec![leaf],
        Trust::None("its issuer is not known here".to_owned()),
    );
    check_served(
        sightings,
        vec![served],
        expect![[r#"
            info certificate-valid: Certificate `www.example.test` is valid for 200 days, until 2027-06-10 12:00:00 UTC; served by `mail.example.test:443`.
            high certificate-name-mismatch: `mail.example.test:443` serves a certificate that is not for `mail.example.test`, but for `www.example.test`.
            medium certificate-untrusted: The chain of `mail.example.test:443` leads to no root that this machine trusts: its issuer is not known here.
            certificates: 0 expired, 0 expiring, 1 valid
        "#]],
    );
}

#[test]
fn of_an_expired_leaf_and_of_a_self_signed_one_trust_is_not_said_again() {
    let expired = served(
        "www.example.test",
        vec![ends_in(-5)],
        Trust::None("`CertExpired`".to_owned()),
    );
    let own = Certificate {
        is_self_signed: true,
        ..ends_in(200 * 86_400)
    };
    let own = served(
        "www.example.test",
        vec![own],
        Trust::None("its issuer is not known here".to_owned()),
    );
    for ((sightings, served), rule) in [
        (expired, "certificate-expired"),
        (own, "certificate-self-signed"),
    ] {
        let plan = plan_of(sightings, vec![served]);
        let rules: Vec<&str> = plan.findings.iter().map(|finding| &*finding.rule).collect();
        assert!(
            rules.contains(&rule) && !rules.contains(&"certificate-untrusted"),
            "{rules:?}"
        );
    }
}

#[test]
fn every_rule_that_is_found_is_one_that_is_listed() {
    let source = concat!(include_str!("plan.rs"), include_str!("served.rs"));
    let named: std::collections::BTreeSet<&str> = source
        .split("\"certificate-")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let listed = RULES
        .iter()
        .filter_map(|rule| rule.strip_prefix("certificate-"))
        .collect();
    assert_eq!(named, listed);
}
