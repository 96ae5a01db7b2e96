//! The pages with everything in them, and with everything hostile.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_config::{Missed, Overlap};
use lamplighter_core::{Mode, Trigger};
use serde_json::json;

use super::live::Live;
use super::page::{self, DryRunForm};
use super::reports::{Digest, DigestLine};
use crate::daemon::consumers::QueueRow;
use crate::daemon::http::DryRun;
use crate::daemon::planner::{Job, Skip, Why};
use crate::daemon::snapshot::{FunctionStatus, QueueStatus, SCHEMA, Snapshot};
use crate::daemon::store::{Outcome, Paused, RunRow, Totals};
use crate::daemon::store_tests::host;
use crate::schedule::Schedule;

pub(super) fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

/// What a person who may tag an instance may try.
pub(super) const HOSTILE: &str =
    "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&\u{202e}\u{1b}[2J";

pub(super) fn job(name: &str) -> Job {
    Job {
        name: name.to_owned(),
        mode: Mode::Plan,
        schedule: Schedule::parse("cron(0 6 * * ? *)", chrono_tz::Europe::Berlin)
            .expect("a schedule"),
        missed: Missed::Once,
        grace: TimeDelta::hours(1),
        overlap: Overlap::Skip,
        offset: TimeDelta::zero(),
        queues: vec![],
    }
}

fn run(name: &str, number: u32, outcome: Option<Outcome>) -> RunRow {
    let slot = at("2026-11-01T05:00:00Z") + TimeDelta::days(i64::from(number));
    RunRow {
        run_id: format!("01RUN{number}"),
        function: name.to_owned(),
        trigger: Trigger::Schedule,
        slot: Some(slot),
        missed: 0,
        mode: Mode::Plan,
        started_at: slot,
        finished_at: outcome.map(|_| slot + TimeDelta::seconds(2 + i64::from(number))),
        outcome,
        detail: Some(HOSTILE.to_owned()),
        summary: Some(json!({"fail": 2, "unknown": 1})),
    }
}

/// One function that has seen everything.
pub(super) fn live() -> Live {
    let now = at("2026-11-22T12:00:00Z");
    let name = "stop-untagged";
    let mut runs: Vec<RunRow> = Outcome::ALL
        .into_iter()
        .zip(1..)
        .map(|(outcome, number)| run(name, number, Some(outcome)))
        .collect();
    runs.reverse();
    let function = FunctionStatus {
        function: name.to_owned(),
        mode: Mode::Plan,
        schedule: "cron(0 6 * * ? *)".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        next: Some(at("2026-11-23T05:00:00Z")),
        paused: None,
        panics: 0,
        waiting: vec![now],
        running: vec![run(name, 20, None)],
        last_success: runs.last().cloned(),
        last_failure: runs.first().cloned(),
        runs,
        skipped: BTreeMap::from([(Why::Busy, 3)]),
        queues: vec![],
    };
    let url = format!("https://sqs.example/123456789012/{HOSTILE}");
    let queue = QueueStatus {
        is_consumed: true,
        row: Some(QueueRow {
            function: "audit-mfa".to_owned(),
            queue: url.clone(),
            depth: Some(3),
            oldest_secs: Some(90),
            trouble: Some(HOSTILE.to_owned()),
            ..QueueRow::default()
        }),
        queue: url,
    };
    let paused = FunctionStatus {
        function: "audit-mfa".to_owned(),
        paused: Some(Paused {
            at: now,
            why: HOSTILE.to_owned(),
        }),
        running: vec![],
        runs: vec![],
        queues: vec![queue],
        ..function.clone()
    };
    let digest = Digest {
        run_id: "01RUN8".to_owned(),
        finished_at: now,
        subject: HOSTILE.to_owned(),
        fail: 2,
        unknown: 1,
        findings: vec![DigestLine {
            severity: "high".to_owned(),
            rule: "missing-required-tags".to_owned(),
            message: format!("Instance `{HOSTILE}` lacks tags."),
        }],
    };
    let dry_run = DryRun {
        run_id: "01DRY".to_owned(),
        started_at: now,
        finished_at: Some(now),
        outcome: Some(Outcome::Failed),
        detail: Some(HOSTILE.to_owned()),
    };
    Live {
        snapshot: Snapshot {
            schema: SCHEMA,
            at: now,
            is_running: true,
            daemon: Some(host(at("2026-11-22T06:00:00Z"))),
            troubles: vec![HOSTILE.to_owned()],
            functions: vec![paused, function],
        },
        totals: Totals::default(),
        jobs: Arc::new(vec![job("audit-mfa"), job(name)]),
        digests: BTreeMap::from([(name.to_owned(), digest)]),
        dry_runs: BTreeMap::from([(name.to_owned(), dry_run)]),
        trouble: None,
    }
}

fn pages() -> [String; 2] {
    let live = live();
    let skip = Skip {
        function: "stop-untagged".to_owned(),
        first: at("2026-11-20T05:00:00Z"),
        last: at("2026-11-21T05:00:00Z"),
        count: 2,
        why: Why::Busy,
    };
    let history = (
        live.snapshot.functions[1].runs.clone(),
        vec![(at("2026-11-21T05:00:00Z"), skip)],
    );
    let form = DryRunForm {
        is_allowed: true,
        has_report: true,
    };
    [
        page::overview(&live, true),
        page::job(&live, "stop-untagged", history, form).expect("it is configured"),
    ]
}

#[test]
fn whatever_somebody_wrote_into_a_tag_is_text_on_every_page() {
    for page in pages() {
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        let scripts: Vec<&str> = page.matches("<script").collect();
        assert_eq!(scripts.len(), 1, "only the page's own file: {page}");
        for forbidden in ["<img src=x", "\u{202e}", "\u{1b}", " onerror=alert(2)>\""] {
            assert!(!page.contains(forbidden), "{forbidden:?}: {page}");
        }
        // Nothing that the policy would refuse.
        for inline in ["<style", " style=\"", " onclick=", "javascript:"] {
            assert!(!page.contains(inline), "{inline}: {page}");
        }
    }
}

#[test]
fn every_run_is_a_link_with_a_name_and_a_shape_of_its_own() {
    let [overview, job] = pages();
    for outcome in Outcome::ALL {
        let word = outcome.as_str();
        assert!(
            overview.contains(&format!("aria-label=\"{word}, began 2026-11-")),
            "{word}: {overview}"
        );
        assert!(
            overview.contains(&format!("<symbol id=\"mark-{word}\"")),
            "{word}"
        );
        assert!(
            overview.contains(&format!("href=\"#mark-{word}\"")),
            "{word}"
        );
    }
    for word in ["running", "skipped"] {
        assert!(
            job.contains(&format!("<symbol id=\"mark-{word}\"")),
            "{word}"
        );
    }
    assert!(
        overview.contains(", took 3.0 s, 3 findings\""),
        "{overview}"
    );
    assert!(
        overview.contains("Durations of the last 5 runs: median"),
        "{overview}"
    );
}

#[test]
fn the_overview_says_when_in_the_zone_and_in_utc_and_what_was_found() {
    let [overview, job] = pages();
    for text in [
        "<b data-until=\"2026-11-23T05:00:00Z\">in 17 h</b>",
        "Mon 23 Nov 06:00</time> Europe&#x2f;Berlin (05:00 UTC)",
        "The last reports have 3 findings, of one function.",
        "3 busy",
        "One thing needs somebody to look.",
        "<a href=\"/jobs/stop-untagged/report\">Report of 22 Nov 12:00",
        "not while it is paused",
    ] {
        assert!(overview.contains(text), "{text}: {overview}");
    }
    for text in [
        "action=\"/jobs/stop-untagged/dry-run\"",
        "for 2026-11-20 05:00:00 UTC and 1 more",
        "the run before is still going on",
        "ended as <strong>failed</strong>",
        "id=\"row-01RUN8\"",
    ] {
        assert!(job.contains(text), "{text}: {job}");
    }
}

#[test]
fn ids_are_unique_on_every_page() {
    for page in pages() {
        let mut ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{page}");
    }
}

#[test]
fn the_document_of_status_json_adds_to_the_snapshot_and_its_tag_ignores_the_time() {
    let mut live = live();
    let document = live.document();
    assert_eq!(document["schema"], "lamplighter/status/v1");
    let function = &document["functions"][1];
    assert_eq!(function["function"], "stop-untagged");
    assert_eq!(function["report"]["fail"], 2);
    assert_eq!(function["dry_run"]["outcome"], "failed");
    assert_eq!(document["functions"][0]["report"], json!(null));
    assert_eq!(document["functions"][0]["queues"][0]["row"]["depth"], 3);
    let (_, before) = live.tagged();
    live.snapshot.at += TimeDelta::seconds(5);
    assert_eq!(live.tagged().1, before);
    live.snapshot.functions[1].panics = 1;
    assert_ne!(live.tagged().1, before);
}
