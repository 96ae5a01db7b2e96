//! ACM and IAM: all of them, at what price, and what a fault leaves.

use lamplighter_local_aws::{AcmCertificate, Fault, FaultKind, World};

use super::{ACCOUNT, REGION, Stage, buckets, findings, pem, rules, world};

/// The calls of a run over one certificate in each place, whose renewal is to be looked at.
const CALLS: [&str; 5] = [
    "acm:ListCertificates",
    "acm:GetCertificate",
    "acm:DescribeCertificate",
    "iam:ListServerCertificates",
    "iam:GetServerCertificate",
];

fn one_of_each() -> World {
    world()
        .certificate(ACCOUNT, REGION, AcmCertificate::issued(&pem("server.pem")))
        .server_certificate(
            ACCOUNT,
            "web",
            &pem("rsa-3072.pem"),
            Some(&pem("intermediate.pem")),
        )
}

#[test]
fn a_denied_call_is_told_and_never_green() {
    for call in CALLS {
        let stage = Stage::of(one_of_each(), "");
        stage.aws.inject(Fault::new(call, FaultKind::Denied));
        let run = stage.run().code(4).json();
        assert_eq!(run["outcome"], "partial", "{call}");
        let errors = run["errors"].to_string();
        assert!(
            errors.contains(&format!("not allowed to call `{call}`")),
            "{call}: {errors}"
        );
        if call.contains("List") {
            assert!(run["coverage"].to_string().contains("unreadable"), "{call}");
        } else {
            // The list says enough for a bucket; who it is cannot be told.
            let bucketed: usize = findings(&run)
                .iter()
                .filter(|finding| finding["evidence"]["bucket"].is_string())
                .count();
            assert!(bucketed >= 2, "{call}: {run}");
        }
    }
}

#[test]
fn a_passing_fault_changes_nothing() {
    let whole = buckets(&Stage::of(one_of_each(), "").run().code(0).json());
    assert_eq!(whole.len(), 3);
    let kinds = [
        FaultKind::Throttle,
        FaultKind::ServerError,
        FaultKind::Reset,
        FaultKind::Truncate,
    ];
    // Side by side: a run that is told to slow down waits for seconds.
    std::thread::scope(|scope| {
        for call in CALLS {
            for kind in kinds {
                let whole = &whole;
                scope.spawn(move || {
                    let stage = Stage::of(one_of_each(), "");
                    stage.aws.inject(Fault::new(call, kind).first(1));
                    let run = stage.run().code(0).json();
                    assert_eq!(buckets(&run), *whole, "{call} {kind:?}");
                });
            }
        }
    });
}

#[test]
fn all_key_types_and_origins_are_seen_over_pages_of_one() {
    let odd = |name: &str, origin: &str| AcmCertificate {
        key_pair_origin: origin.to_owned(),
        ..AcmCertificate::imported(&pem(name))
    };
    let mut exported = AcmCertificate::issued(&pem("six-days.pem"));
    exported.in_use_by.clear();
    exported.exported = true;
    let stage = Stage::of(
        world()
            .page_size(Some(1))
            .certificate(ACCOUNT, REGION, odd("rsa-3072.pem", "CUSTOMER_PROVIDED"))
            .certificate(ACCOUNT, REGION, odd("rsa-1024.pem", "AWS_MANAGED"))
            .certificate(ACCOUNT, REGION, odd("server.pem", "ACME"))
            .certificate(ACCOUNT, REGION, exported)
            .certificate(
                ACCOUNT,
                REGION,
                AcmCertificate::requested("new.example.test", "PENDING_VALIDATION"),
            )
            .certificate(
                ACCOUNT,
                "us-east-1",
                AcmCertificate::imported(&pem("sha1.pem")),
            )
            .server_certificate(ACCOUNT, "a", &pem("p-192.pem"), None)
            .server_certificate(ACCOUNT, "b", &pem("future.pem"), None),
        "",
    );
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
        .args(["--region", REGION, "--region", "us-east-1"])
        .run()
        .code(0);
    let run = ran.json();
    assert_eq!(buckets(&run).len(), 7);
    let found: Vec<String> = rules(&run)
        .into_iter()
        .map(|(rule, count)| format!("{count} {rule}"))
        .collect();
    assert_eq!(
        found,
        [
            "2 certificate-expired",
            "1 certificate-not-yet-valid",
            "1 certificate-pending-validation",
            "2 certificate-weak-key",
            "1 certificate-weak-signature",
        ]
    );
    let expired: Vec<&str> = findings(&run)
        .iter()
        .filter(|finding| finding["rule"] == "certificate-expired")
        .filter_map(|finding| finding["severity"].as_str())
        .collect();
    // What is exported is in use somewhere; what nobody uses matters little.
    assert_eq!(expired, ["critical", "low"]);
}

#[test]
fn a_renewal_that_waits_for_somebody_is_told() {
    let waiting = AcmCertificate::issued(&pem("rsa-3072.pem"))
        .renewal("PENDING_VALIDATION", &["strong.example.test"]);
    let stage = Stage::of(world().certificate(ACCOUNT, REGION, waiting), "");
    let at = |time: &str| {
        let ran = stage
            .program([
                "run",
                "report-certificates",
                "--format",
                "json",
                "--all",
                "--now",
                time,
            ])
            .run();
        let run = ran.code(0).json();
        (
            rules(&run).contains_key("certificate-renewal-stuck"),
            stage.count("acm:DescribeCertificate"),
        )
    };
    // Years ahead ACM does not even try, and nobody has to ask.
    assert_eq!(at("2026-11-23T06:00:00Z"), (false, 0));
    assert_eq!(at("2035-12-01T06:00:00Z"), (true, 1));
}

#[test]
fn a_thousand_certificates_cost_a_list_and_a_text_each() {
    let text = pem("server.pem");
    let mut world = world();
    for number in 0..1000_u32 {
        // Bytes behind a certificate's text do not make it another one, so the text itself is bent: the signature,
        // which nobody looks at here.
        world.add_certificate(
            ACCOUNT,
            REGION,
            AcmCertificate::imported(&bent(&text, number)),
        );
    }
    let stage = Stage::of(world, "");
    let run = stage.run().code(0).json();
    assert_eq!(buckets(&run).len(), 1000);
    let calls = stage.aws.calls().len();
    println!("1000 certificates of ACM: {calls} calls");
    assert_eq!(stage.count("acm:ListCertificates"), 1);
    assert_eq!(stage.count("acm:GetCertificate"), 1000);
    assert_eq!(
        stage.count("acm:DescribeCertificate"),
        0,
        "imported ones never renew"
    );
    assert_eq!(
        calls, 1003,
        "one more to IAM's list, and one to tell the account"
    );
}

/// The same certificate with other bytes at its end, in the last but one line of base64.
pub fn bent(text: &str, number: u32) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = lines.len() - 3;
    let letters = b"ABCDEFGHIJ";
    let digits = [number / 100, number / 10 % 10, number % 10];
    let mut bytes = std::mem::take(&mut lines[place]).into_bytes();
    let end = bytes.len();
    for (at, digit) in digits.into_iter().enumerate() {
        bytes[end - 3 + at] = letters[digit as usize];
    }
    lines[place] = String::from_utf8(bytes).expect("letters");
    lines.join("\n") + "\n"
}

#[test]
fn a_dry_run_changes_and_sends_nothing_and_a_plan_only_delivers() {
    let report = "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\n[report-certificates]\nmode = \"apply\"\n";
    for (args, expected) in [(&["--dry-run"][..], 0), (&[], 1), (&["--apply"], 1)] {
        let stage = Stage::of(one_of_each().verified_identity("ops@example.com"), "");
        stage
            .program(["run", "report-certificates", "--now", super::NOW])
            .config(report)
            .args(args.iter().copied())
            .run()
            .code(0);
        let changes: Vec<String> = stage
            .aws
            .calls()
            .iter()
            .filter(|call| call.changes)
            .map(lamplighter_local_aws::Call::name)
            .collect();
        assert_eq!(changes, vec!["ses:SendEmail"; expected], "{args:?}");
        assert_eq!(stage.aws.mails().len(), expected, "{args:?}");
    }
}
