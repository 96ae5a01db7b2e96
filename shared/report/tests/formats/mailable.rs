//! The report as a mail carries it: short, honest about it, and complete in the table.

use lamplighter_core::{Coverage, Run, Severity};
use lamplighter_report::{Format, Mailable, Options, render, render_for_mail};

use crate::fixture::{PROD, enormous, eventful, failed, quiet, refused};

/// What is said to be in the CSV only, list by list.
fn rests(report: &str) -> Vec<usize> {
    report
        .split("and ")
        .filter_map(|piece| piece.split_once(" more in the attached CSV"))
        .map(|(number, _)| number.replace(',', "").parse().expect("a number"))
        .collect()
}

fn check_sizes(mailable: &Mailable) {
    assert!(mailable.html.len() <= 100_000, "{}", mailable.html.len());
    assert!(mailable.text.len() <= 100_000, "{}", mailable.text.len());
}

#[test]
fn a_short_report_is_mailed_as_it_is() {
    let mut eventful = eventful();
    eventful.skipped.truncate(5);
    for run in [eventful, quiet(), refused(), failed()] {
        let options = Options::default();
        assert_eq!(
            render_for_mail(&run),
            Mailable {
                text: render(&run, Format::Text, &options),
                html: render(&run, Format::Html, &options),
                csv: render(&run, Format::Csv, &options),
                is_cut: false,
            }
        );
    }
}

#[test]
fn a_long_report_says_how_much_more_is_in_the_csv() {
    let run = enormous();
    let mailable = render_for_mail(&run);
    check_sizes(&mailable);
    assert!(mailable.is_cut);
    let hidden = rests(&mailable.html);
    assert_eq!(hidden, rests(&mailable.text), "the same rows in both");
    let [findings, actions] = hidden[..] else {
        panic!("two lists are cut: {hidden:?}");
    };
    let shown = mailable.text.matches("missing-required-tags").count();
    assert!(shown >= 50, "{shown}");
    assert_eq!(findings, 5_000 - shown);
    assert_eq!(actions, 5_000 - mailable.text.matches("undo:").count());
    assert_eq!(
        mailable.html.matches("missing-required-tags").count(),
        shown
    );
    assert!(
        mailable.text.contains("FINDINGS (5,000)"),
        "all are counted"
    );
    assert_eq!(
        mailable.csv,
        render(&run, Format::Csv, &Options::default()),
        "the table is complete"
    );
}

#[test]
fn names_that_a_mail_leaves_out_are_in_the_table_that_comes_along() {
    let run = eventful();
    let mailable = render_for_mail(&run);
    assert!(mailable.is_cut);
    for part in [&mailable.text, &mailable.html] {
        assert!(!part.contains("--all"), "{part}");
        let words = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains("and 18 more (the attached CSV has them)"),
            "{part}"
        );
    }
    for row in &run.skipped {
        assert!(mailable.csv.contains(&row.resource), "{}", row.resource);
    }
}

#[test]
fn the_worst_findings_are_those_that_are_shown() {
    let mut run = enormous();
    let last = run.findings.last_mut().expect("5,000 findings");
    last.severity = Severity::Critical;
    let worst = last.message.clone();
    let mailable = render_for_mail(&run);
    assert!(mailable.text.contains("Critical (1)"));
    for part in [
        &mailable.text,
        &mailable.html.replace("<code>", "`").replace("</code>", "`"),
    ] {
        assert!(part.contains(&worst));
    }
}

#[test]
fn every_list_is_cut_and_not_only_the_findings() {
    let lists: [fn(&mut Run, usize); 4] = [
        |run, number| {
            let scope = format!("{PROD}/region-{number}");
            run.coverage.push(Coverage::read(scope, 1));
        },
        |run, number| {
            let scope = format!("{PROD}/region-{number}");
            run.coverage
                .push(Coverage::unreadable(scope, "not allowed"));
        },
        |run, number| run.notes.push(format!("note {number} {}", "x".repeat(100))),
        |run, number| {
            let mut skipped = eventful().skipped[0].clone();
            skipped.reason = format!("tag `owner` says `{number}`, and nobody knows who that is");
            run.skipped.push(skipped);
        },
    ];
    for add in lists {
        let mut run = quiet();
        for number in 0..3_000 {
            add(&mut run, number);
        }
        let mailable = render_for_mail(&run);
        check_sizes(&mailable);
        assert!(mailable.is_cut);
        let hidden = rests(&mailable.html);
        assert!(hidden.len() == 1 && hidden[0] >= 2_600, "{hidden:?}");
        assert!(mailable.csv.lines().count() > 3_000);
    }
}

#[test]
fn a_sentence_without_end_is_left_to_the_csv() {
    let mut run = eventful();
    run.findings[0].message = "very ".repeat(30_000);
    let mailable = render_for_mail(&run);
    check_sizes(&mailable);
    assert!(mailable.is_cut);
    assert_eq!(rests(&mailable.text)[..1], [1], "one error is not shown");
    assert!(mailable.csv.contains("very very"));
}
