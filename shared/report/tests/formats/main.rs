//! Every format of the same few runs, compared with `tests/expected/` in full. `UPDATE_EXPECT=1` writes them anew; the
//! `.html` files there can be opened in a browser as they are.

mod certificates;
mod fixture;
mod html;
mod junit;
mod mailable;
mod ocsf;
mod sarif;
mod since;

use expect_test::{ExpectFile, expect_file};
use lamplighter_core::{Run, RunOutcome};
use lamplighter_report::{Format, Options, render, subject};

use certificates::certificates;
use fixture::{enormous, eventful, failed, hostile, quiet, refused};

fn check(run: &Run, format: Format, expected: ExpectFile) {
    expected.assert_eq(&render(run, format, &Options::default()));
}

/// A report as it would be at version 0.0.0, so that what is expected stays the same when the program's version moves.
fn unversioned(report: &str) -> String {
    let version = |version| format!("\"version\": \"{version}\"");
    let own = version(env!("CARGO_PKG_VERSION"));
    assert!(report.contains(&own) || report == "[]\n", "no {own}");
    report.replace(&own, &version("0.0.0"))
}

fn everything() -> Options {
    Options {
        all: true,
        ..Options::default()
    }
}

#[test]
fn an_eventful_run_as_text() {
    check(
        &eventful(),
        Format::Text,
        expect_file!["../expected/eventful.txt"],
    );
}

#[test]
fn an_eventful_run_as_text_with_everything_in_it() {
    expect_file!["../expected/eventful-all.txt"].assert_eq(&render(
        &eventful(),
        Format::Text,
        &everything(),
    ));
}

#[test]
fn an_eventful_run_as_csv() {
    let table = render(&eventful(), Format::Csv, &Options::default());
    assert!(table.lines().count() > 40);
    assert_eq!(
        table.matches('\n').count(),
        table.matches("\r\n").count(),
        "RFC 4180 ends records with CRLF"
    );
    expect_file!["../expected/eventful.csv"].assert_eq(&table.replace("\r\n", "\n"));
}

#[test]
fn an_eventful_run_as_markdown() {
    check(
        &eventful(),
        Format::Markdown,
        expect_file!["../expected/eventful.md"],
    );
}

#[test]
fn an_eventful_run_as_json() {
    check(
        &eventful(),
        Format::Json,
        expect_file!["../expected/eventful.json"],
    );
}

#[test]
fn an_eventful_run_as_json_lines() {
    check(
        &eventful(),
        Format::Jsonl,
        expect_file!["../expected/eventful.jsonl"],
    );
}

#[test]
fn a_quiet_run_says_so_in_one_sentence() {
    check(
        &quiet(),
        Format::Text,
        expect_file!["../expected/quiet.txt"],
    );
    check(
        &quiet(),
        Format::Markdown,
        expect_file!["../expected/quiet.md"],
    );
}

#[test]
fn a_refused_run_says_so_before_anything_else() {
    check(
        &refused(),
        Format::Text,
        expect_file!["../expected/refused.txt"],
    );
    check(
        &refused(),
        Format::Markdown,
        expect_file!["../expected/refused.md"],
    );
}

#[test]
fn a_failed_run_does_not_claim_that_nothing_was_found() {
    check(
        &failed(),
        Format::Text,
        expect_file!["../expected/failed.txt"],
    );
    assert_eq!(
        subject(&failed()),
        "[lamplighter] stop-untagged: failed, nothing was judged in acme-prod (123456789012)"
    );
}

#[test]
fn how_long_a_run_took_is_left_out_where_the_clock_stood_still() {
    let mut run = quiet();
    run.finished_at = run.started_at;
    for format in [Format::Text, Format::Markdown, Format::Html] {
        let report = render(&run, format, &Options::default());
        assert!(!report.contains("took"), "{format}: {report}");
        assert!(report.contains("2026-11-22 06:00:00 UTC"), "{format}");
        let report = render(&quiet(), format, &Options::default());
        assert!(
            report.contains("2026-11-22 06:00:00 UTC, took 2 s"),
            "{format}"
        );
    }
}

#[test]
fn a_plan_warns_that_apply_would_be_refused() {
    let mut run = refused();
    run.mode = lamplighter_core::Mode::Plan;
    run.outcome = RunOutcome::Ok;
    run.errors.clear();
    let text = render(&run, Format::Text, &Options::default());
    assert!(
        text.contains("! Apply would be refused: the plan stops 41 of 52"),
        "{text}"
    );
}

#[test]
fn no_line_of_text_is_longer_than_the_width_unless_it_is_one_word_or_a_command() {
    for width in [40, 60, 80, 100] {
        for run in [eventful(), quiet(), refused(), failed(), certificates()] {
            let text = render(
                &run,
                Format::Text,
                &Options {
                    width,
                    ..everything()
                },
            );
            for line in text.lines() {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                let is_one_piece = !line.trim().contains(' ') || line.trim().starts_with("aws ");
                assert!(
                    columns <= width || is_one_piece,
                    "{columns} of {width} columns: {line}"
                );
            }
        }
    }
}

#[test]
fn colours_are_the_only_escapes_and_add_nothing_to_the_words() {
    let plain = render(&eventful(), Format::Text, &Options::default());
    let coloured = render(
        &eventful(),
        Format::Text,
        &Options {
            colour: true,
            ..Options::default()
        },
    );
    let mut pieces = coloured.split('\u{1b}');
    let mut stripped = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once('m').expect("an escape is a colour");
        assert!(
            code.trim_start_matches('[')
                .chars()
                .all(|character| character.is_ascii_digit()),
            "{code}"
        );
        stripped.push_str(rest);
    }
    assert_eq!(stripped, plain);
}

#[test]
fn no_format_lets_a_tag_move_or_hide_text() {
    for (format, run) in Format::ALL
        .iter()
        .flat_map(|format| [eventful(), hostile(), certificates()].map(|run| (format, run)))
    {
        let report = render(&run, *format, &everything());
        for hidden in ['\u{1b}', '\u{202e}', '\u{200b}', '\u{85}', '\u{ffff}', '\0'] {
            assert!(!report.contains(hidden), "{format} holds {hidden:?}");
        }
        for forged in ["\nOK: everything is fine", "\n\t", "\n]]>"] {
            assert!(!report.contains(forged), "{format} has a forged line");
        }
    }
}

#[test]
fn csv_is_read_back_as_it_was_written() {
    let table = render(&eventful(), Format::Csv, &everything());
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = reader
        .records()
        .collect::<Result<_, _>>()
        .expect("RFC 4180");
    let count = |kind: &str| rows.iter().filter(|row| &row[0] == kind).count();
    let counts = [
        "run", "finding", "action", "skipped", "error", "coverage", "note",
    ]
    .map(count);
    assert_eq!(counts, [1, 10, 6, 31, 2, 4, 1]);
    for cell in rows.iter().flatten() {
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
            "{cell}"
        );
    }
}

#[test]
fn json_is_the_run_with_the_problems_only() {
    let run = eventful();
    let listed: Run =
        serde_json::from_str(&render(&run, Format::Json, &Options::default())).expect("a run");
    assert_eq!(listed, run.problems_only());
    let all: Run = serde_json::from_str(&render(&run, Format::Json, &everything())).expect("a run");
    assert_eq!(all, run);
}

#[test]
fn json_has_the_members_of_the_interface_in_its_order() {
    let json = render(&eventful(), Format::Json, &Options::default());
    let members: Vec<&str> = json
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
        .collect();
    let interface = [
        "schema",
        "run_id",
        "function",
        "mode",
        "trigger",
        "slot",
        "started_at",
        "finished_at",
        "account",
        "outcome",
        "would_refuse",
        "summary",
        "coverage",
        "findings",
        "actions",
        "skipped",
        "errors",
    ];
    assert_eq!(members[..interface.len()], interface);
    assert!(json.ends_with("}\n"));
}

#[test]
fn every_line_of_json_lines_stands_alone() {
    let lines = render(&eventful(), Format::Jsonl, &Options::default());
    let mut types = vec![];
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("one object");
        assert_eq!(line["run_id"], "01KAN2W6Q8ZJ5V1X9C4T7M3B0D");
        assert_eq!(line["function"], "stop-untagged");
        types.push(line["type"].as_str().expect("a type").to_owned());
    }
    types.dedup();
    assert_eq!(
        types,
        ["run", "finding", "action", "skipped", "error", "coverage"]
    );
}

#[test]
fn a_subject_is_one_line_with_the_news_in_it() {
    assert_eq!(
        subject(&eventful()),
        "[lamplighter] stop-untagged: partial, 7 findings, 1 unknown, 1 action failed, 2 done, 1 planned in acme-prod (123456789012)"
    );
    assert_eq!(
        subject(&refused()),
        "[lamplighter] stop-untagged: refused, 41 findings, 41 planned in acme-prod (123456789012)"
    );
    let mut run = quiet();
    run.account.alias = Some("x\r\nBcc: evil@example.com".to_owned());
    assert_eq!(
        subject(&run),
        "[lamplighter] stop-untagged: nothing to report in x\\r\\nBcc: evil@example.com (123456789012)"
    );
    run.account.alias = None;
    assert_eq!(
        subject(&run),
        "[lamplighter] stop-untagged: nothing to report in account 123456789012"
    );
}

#[test]
fn formats_are_known_by_name() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(*format));
    }
    let error = "yaml".parse::<Format>().expect_err("no such format");
    assert_eq!(
        error.to_string(),
        "unknown format `yaml` (known formats: `text`, `json`, `jsonl`, `csv`, `markdown`, `html`, `sarif`, `junit`, `ocsf`)"
    );
}

#[test]
fn five_thousand_findings_are_no_burden() {
    let run = enormous();
    for format in Format::ALL {
        let report = render(&run, *format, &Options::default());
        assert!(
            report.contains("i-00000000000001387"),
            "{format} lacks the last finding"
        );
        assert!(
            report.len() < 12_000_000,
            "{format}: {} bytes",
            report.len()
        );
    }
}
