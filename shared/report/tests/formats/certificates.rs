//! A run about certificates: all three buckets, always, and a timeline in the page.

use chrono::TimeDelta;
use expect_test::expect_file;
use lamplighter_core::{Finding, Mode, Resource, Run, Severity, Summary, Verdict};
use lamplighter_report::{Format, Options, is_listed, render, render_for_mail};
use serde_json::json;

use crate::fixture::{PROD, eventful, run};

const DAY: i64 = 86_400;

/// A certificate that ends so many seconds after the run, and was valid for so many days, with places it was seen in.
fn certificate(
    run: &Run,
    name: &str,
    seconds_left: i64,
    lifetime: i64,
    places: &[&str],
) -> Finding {
    let not_after = run.finished_at + TimeDelta::seconds(seconds_left);
    let not_before = not_after - TimeDelta::days(lifetime);
    let (rule, bucket, severity, verdict) = match seconds_left {
        left if left <= 0 => (
            "certificate-expired",
            "expired",
            Severity::Critical,
            Verdict::Fail,
        ),
        left if left <= 45 * DAY => (
            "certificate-expiring",
            "expiring",
            Severity::High,
            Verdict::Fail,
        ),
        _ => ("certificate-valid", "valid", Severity::Info, Verdict::Pass),
    };
    // Any 64 hexadecimal digits will do, if they are always the same.
    let sha256 = Finding::fingerprint_of(name, "one") + &Finding::fingerprint_of(name, "other");
    let resource = Resource {
        arn: format!("{}#sha256={sha256}", places[0]),
        account: PROD.to_owned(),
        region: None,
    };
    Finding::new(
        rule,
        severity,
        verdict,
        &resource,
        format!(
            "Certificate `{name}` ends on {}.",
            not_after.format("%Y-%m-%d %H:%M:%S UTC")
        ),
    )
    .evidence("bucket", bucket)
    .evidence("name", name)
    .evidence("not_before", not_before.to_rfc3339())
    .evidence("not_after", not_after.to_rfc3339())
    .evidence("sha256", sha256)
    .evidence("sources", json!(places))
    .evidence("sources_count", places.len())
}

/// A run with these certificates.
fn of(certificates: impl FnOnce(&Run) -> Vec<Finding>) -> Run {
    let mut run = run("report-certificates", Mode::Plan);
    run.findings = certificates(&run);
    let count = |verdict| {
        let is_it = |finding: &&Finding| finding.verdict == verdict;
        run.findings.iter().filter(is_it).count()
    };
    run.summary = Summary {
        inspected: run.findings.len(),
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        ..Summary::default()
    };
    run
}

/// Some of each bucket, one beyond either end of the axis, and one whose name is an attack.
pub(crate) fn certificates() -> Run {
    of(|run| {
        let acm =
            "arn:aws:acm:eu-west-1:123456789012:certificate/6d1b3f0e-8f5c-4c57-9d0c-2f0a5b7c1d2e";
        let file = "file:///etc/ssl/certs/ca-certificates.crt";
        vec![
            certificate(run, "api.example.com", 198 * DAY, 395, &[acm]),
            certificate(run, "Old Root CA", -(1_200 * DAY), 3_650, &[file]),
            certificate(
                run,
                "shop.example.com",
                -(12 * DAY),
                90,
                &["tls://shop.example.com:443", acm],
            ),
            certificate(
                run,
                "mail.example.com",
                11 * 3_600,
                90,
                &["smtp+starttls://mail.example.com:25"],
            ),
            certificate(
                run,
                "*.a-rather-long-name.of-a-service.internal.example.com",
                30 * DAY,
                90,
                &[
                    "tls://a:443",
                    "tls://b:443",
                    "tls://c:443",
                    "tls://d:443",
                    "tls://e:443",
                ],
            ),
            certificate(run, "Example Root CA", 6_000 * DAY, 9_000, &[file]),
            certificate(
                run,
                "<script>\u{202e}alert(1)</script>|\n`[x](https://evil.example)",
                60 * DAY,
                90,
                &["file:///srv/<b>\u{1b}[31m.pem"],
            ),
        ]
    })
}

/// As many valid certificates, and no other.
fn valid(count: i64) -> Run {
    of(|run| {
        (1..=count)
            .map(|number| {
                let name = format!("host-{number:04}.example.com");
                certificate(
                    run,
                    &name,
                    (100 + number) * DAY,
                    500,
                    &["file:///srv/all.pem"],
                )
            })
            .collect()
    })
}

fn everything() -> Options {
    Options {
        all: true,
        ..Options::default()
    }
}

const READABLE: [Format; 3] = [Format::Text, Format::Markdown, Format::Html];

#[test]
fn a_report_of_certificates_lists_all_three_buckets() {
    let options = Options::default();
    for (format, expected) in [
        (Format::Text, expect_file!["../expected/certificates.txt"]),
        (
            Format::Markdown,
            expect_file!["../expected/certificates.md"],
        ),
        (Format::Html, expect_file!["../expected/certificates.html"]),
    ] {
        expected.assert_eq(&render(&certificates(), format, &options));
    }
}

#[test]
fn an_empty_bucket_is_counted_too() {
    for format in READABLE {
        let report = render(&valid(1), format, &Options::default())
            .replace("<span class=\"count\">0</span>", "(0)");
        for title in ["Expired (0)", "Expiring (0)"] {
            assert!(report.contains(title), "{format} lacks {title}: {report}");
        }
    }
}

#[test]
fn a_run_without_certificates_has_no_section_for_them() {
    for format in READABLE {
        let report = render(&eventful(), format, &everything()).to_lowercase();
        assert!(!report.contains("certificates"), "{format}");
        assert!(!report.contains("timeline"), "{format}");
    }
}

#[test]
fn a_bucket_of_s3_is_no_certificate() {
    let mut run = eventful();
    let finding = run
        .findings
        .pop()
        .expect("a finding")
        .evidence("bucket", "valid");
    assert_eq!(finding.verdict, Verdict::NotApplicable);
    assert!(!is_listed(&finding));
    run.findings.push(finding);
    let text = render(&run, Format::Text, &Options::default());
    assert!(!text.contains("CERTIFICATES"), "{text}");
}

#[test]
fn the_first_to_end_stands_first_and_the_time_left_is_counted_from_the_end_of_the_run() {
    let mut run = certificates();
    run.finished_at += TimeDelta::hours(2);
    let text = render(&run, Format::Text, &Options::default());
    let section = text.split("CERTIFICATES (7)").nth(1).expect("the section");
    let order = [
        "Old Root CA",
        "1,200 days ago",
        "shop.example.com",
        "mail.example.com",
        "in 9 hours",
        "long-name",
        "<script>",
        "api.example.com",
        "in 197 days",
        "Example Root CA",
    ];
    let mut rest = section;
    for words in order {
        let (_, after) = rest
            .split_once(words)
            .unwrap_or_else(|| panic!("`{words}` is not where it should be: {section}"));
        rest = after;
    }
}

#[test]
fn what_is_fine_is_not_said_twice() {
    for format in READABLE {
        let report = render(&certificates(), format, &everything());
        assert!(!report.contains("certificate-valid"), "{format}");
        assert!(report.contains("certificate-expired"), "{format}");
    }
}

#[test]
fn fifty_valid_certificates_are_listed_and_all_of_them_with_all() {
    for format in READABLE {
        let listed = |options: &Options| {
            let report = render(&valid(120), format, options);
            // The timeline names some of them once more.
            let tables = report
                .rsplit("</svg>")
                .next()
                .unwrap_or_default()
                .to_owned();
            (
                tables.matches(".example.com").count(),
                report.contains("and 70 more (`--all`)")
                    || report.contains("and 70 more (<code>--all</code>)"),
            )
        };
        assert_eq!(listed(&Options::default()), (50, true), "{format}");
        assert_eq!(listed(&everything()), (120, false), "{format}");
    }
}

#[test]
fn the_timeline_has_every_problem_and_thirty_valid_certificates() {
    let page = render(&certificates(), Format::Html, &Options::default());
    let marks =
        |page: &str, bucket: &str| page.matches(&format!("class=\"mark {bucket}\"")).count();
    assert_eq!(
        ["expired", "expiring", "valid"].map(|bucket| marks(&page, bucket)),
        [2, 2, 3]
    );
    let page = render(&valid(120), Format::Html, &everything());
    assert_eq!(marks(&page, "valid"), 30);
    assert!(page.contains("Valid: 120, of which the 30 nearest to today"));
}

#[test]
fn the_timeline_measures_from_ninety_days_before_to_four_hundred_after() {
    let run = of(|run| {
        vec![
            certificate(run, "begins-with-the-axis", 155 * DAY, 245, &["file:///a"]),
            certificate(run, "over", -(91 * DAY), 10, &["file:///b"]),
        ]
    });
    let page = render(&run, Format::Html, &Options::default());
    let attributes = |start: &str| {
        let at = page.find(start).unwrap_or_else(|| panic!("no {start}"));
        page[at..].split('>').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        attributes("<line class=\"today\""),
        format!(
            "<line class=\"today\" x1=\"18.37%\" x2=\"18.37%\" y1=\"16\" y2=\"{}\"",
            44 + 3 * 28 + 2 * 32 + 4
        )
    );
    assert!(attributes("<rect class=\"bar valid\"").contains("x=\"0.00%\""));
    assert!(attributes("<rect class=\"bar valid\"").contains("width=\"50.00%\""));
    assert!(attributes("<svg class=\"mark valid\"").contains("x=\"50.00%\""));
    assert!(attributes("<svg class=\"mark expired\"").contains("x=\"0.00%\""));
    assert!(
        !page.contains("<rect class=\"bar expired\""),
        "nothing of it is on the axis"
    );
}

#[test]
fn a_mail_lists_all_three_buckets_without_the_drawing_that_mail_programs_drop() {
    let mail = render_for_mail(&certificates());
    assert!(!mail.is_cut);
    assert!(!mail.html.contains("<svg"));
    for part in [&mail.text, &mail.html] {
        for name in ["Old Root CA", "mail.example.com", "Example Root CA"] {
            assert!(part.contains(name), "{part}");
        }
    }
}

#[test]
fn a_mail_leaves_the_last_certificates_to_the_attached_table() {
    let mail = render_for_mail(&valid(2_000));
    assert!(mail.is_cut);
    assert!(mail.html.len() <= 100_000, "{}", mail.html.len());
    let shown = mail.text.matches(".example.com").count();
    assert!(shown >= 50, "{shown}");
    let rest = format!("and {} more in the attached CSV", {
        let hidden = 2_000 - shown;
        format!("{},{:03}", hidden / 1_000, hidden % 1_000)
    });
    assert!(
        mail.text.contains(&rest) && mail.html.contains(&rest),
        "{rest}"
    );
    assert!(!mail.text.contains("--all"));
    assert_eq!(mail.csv.matches("certificate-valid").count(), 2_000);
}
