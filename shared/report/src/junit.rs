//! JUnit's XML, as CI servers read it: a suite per rule with a case per finding, and suites for the run itself, what
//! was looked at, the actions, and what was left alone. There is no standard; this keeps to what all readers share.
//! <https://github.com/testmoapp/junitxml>
//!
//! A `fail` is a failure. Whatever could not be read, judged or done is an error: nobody knows whether it is fine.

use std::collections::BTreeMap;
use std::io;

use lamplighter_core::{ActionOutcome, CoverageStatus, Finding, Run, RunOutcome, Verdict};
use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::{ElementWriter, Writer};

use crate::escape::visible;
use crate::{Options, story, words};

/// The document.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let mut writer = Writer::new_with_indent(vec![], b' ', 2);
    write(&mut writer, run, options).expect("writing to memory cannot fail");
    let mut document =
        String::from_utf8(writer.into_inner()).expect("only text was written, all of it UTF-8");
    document.push('\n');
    document
}

/// What became of a case, with the sentence that says why.
enum Outcome<'a> {
    Passed,
    Failure { kind: &'a str, message: &'a str },
    Error { kind: &'a str, message: &'a str },
    Skipped { message: &'a str },
}

struct Case<'a> {
    class: &'a str,
    name: String,
    outcome: Outcome<'a>,
    /// What else there is to say about it.
    output: Vec<String>,
}

struct Suite<'a> {
    name: &'a str,
    properties: Vec<(&'static str, &'a str)>,
    cases: Vec<Case<'a>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(cases: impl Iterator<Item = &'a Case<'a>>) -> Self {
        cases.fold(Self::default(), |mut counts, case| {
            counts.tests += 1;
            match case.outcome {
                Outcome::Passed => {}
                Outcome::Failure { .. } => counts.failures += 1,
                Outcome::Error { .. } => counts.errors += 1,
                Outcome::Skipped { .. } => counts.skipped += 1,
            }
            counts
        })
    }
}

/// The suites of a run. Empty ones are left out, and the first is never empty: a CI server takes a file without any
/// case for a test run that broke.
fn suites<'a>(run: &'a Run, findings: &[&'a Finding], why: Option<&'a str>) -> Vec<Suite<'a>> {
    let mut suites = vec![run_suite(run, why), coverage_suite(run)];
    let mut rules: BTreeMap<&str, Vec<Case<'_>>> = BTreeMap::new();
    for finding in findings {
        let case = finding_case(finding);
        rules.entry(&finding.rule).or_default().push(case);
    }
    suites.extend(rules.into_iter().map(|(rule, cases)| suite(rule, cases)));
    suites.push(actions_suite(run));
    suites.push(skipped_suite(run));
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

fn suite<'a>(name: &'a str, cases: Vec<Case<'a>>) -> Suite<'a> {
    Suite {
        name,
        properties: vec![],
        cases,
    }
}

/// How the run ended, and what went wrong in it.
fn run_suite<'a>(run: &'a Run, why: Option<&'a str>) -> Suite<'a> {
    let outcome = match (story::refusal(run), run.outcome) {
        (Some((_, reason)), RunOutcome::Refused) => Outcome::Error {
            kind: "refused",
            message: reason,
        },
        (_, RunOutcome::Failed) => Outcome::Error {
            kind: "failed",
            message: why.unwrap_or("the run failed"),
        },
        // Why a run is partial stands in the cases of what could not be read or done.
        _ => Outcome::Passed,
    };
    let mut output = vec![story::summary(run)];
    if let (Some((title, reason)), RunOutcome::Ok | RunOutcome::Partial) =
        (story::refusal(run), run.outcome)
    {
        output.push(format!("{title}: {reason}"));
    }
    output.extend(run.notes.iter().cloned());
    let mut cases = vec![Case {
        class: &run.function,
        name: "run".to_owned(),
        outcome,
        output,
    }];
    for error in story::errors(run) {
        if !story::is_about_coverage(run, error) {
            cases.push(Case {
                class: &run.function,
                name: error.scope.clone(),
                outcome: Outcome::Error {
                    kind: "error",
                    message: &error.message,
                },
                output: vec![],
            });
        }
    }
    Suite {
        name: "run",
        properties: vec![
            ("run_id", &run.run_id),
            ("account", &run.account.id),
            ("mode", run.mode.as_str()),
            ("trigger", run.trigger.as_str()),
            ("outcome", run.outcome.as_str()),
        ],
        cases,
    }
}

fn coverage_suite(run: &Run) -> Suite<'_> {
    let cases = run.coverage.iter().map(|coverage| Case {
        class: "coverage",
        name: coverage.scope.clone(),
        outcome: match coverage.status {
            CoverageStatus::Read => Outcome::Passed,
            CoverageStatus::Unreadable => Outcome::Error {
                kind: "unreadable",
                message: coverage.error.as_deref().unwrap_or("no reason was given"),
            },
        },
        output: match coverage.status {
            CoverageStatus::Read => {
                let inspected = words::counted(coverage.inspected, "resource");
                vec![format!("{inspected} inspected")]
            }
            CoverageStatus::Unreadable => vec![],
        },
    });
    suite("coverage", cases.collect())
}

fn finding_case(finding: &Finding) -> Case<'_> {
    let message = &finding.message;
    Case {
        class: &finding.rule,
        name: finding.resource.clone(),
        outcome: match finding.verdict {
            Verdict::Fail => Outcome::Failure {
                kind: finding.severity.as_str(),
                message,
            },
            Verdict::Unknown => Outcome::Error {
                kind: "unknown",
                message,
            },
            Verdict::Pass => Outcome::Passed,
            Verdict::NotApplicable => Outcome::Skipped { message },
        },
        output: match (finding.verdict, finding.acceptance()) {
            (_, Some(acceptance)) => vec![acceptance],
            (Verdict::Pass, None) => vec![message.clone()],
            _ => vec![],
        },
    }
}

fn actions_suite(run: &Run) -> Suite<'_> {
    let cases = run.actions.iter().map(|action| {
        let reason = action.reason.as_deref();
        let meaning = story::outcome_meaning(run, action.outcome);
        let outcome = match action.outcome {
            ActionOutcome::Done => Outcome::Passed,
            ActionOutcome::Failed => Outcome::Error {
                kind: "failed",
                message: reason.unwrap_or("no reason was given"),
            },
            ActionOutcome::Planned | ActionOutcome::Vetoed | ActionOutcome::Vanished => {
                Outcome::Skipped {
                    message: meaning.unwrap_or_else(|| action.outcome.as_str()),
                }
            }
        };
        let mut output = vec![];
        if action.outcome != ActionOutcome::Failed {
            output.extend(reason.map(str::to_owned));
        }
        output.extend(action.undo.as_ref().map(|undo| format!("undo: {undo}")));
        Case {
            class: "actions",
            name: format!("{} {}", action.action, action.resource),
            outcome,
            output,
        }
    });
    suite("actions", cases.collect())
}

fn skipped_suite(run: &Run) -> Suite<'_> {
    let cases = run.skipped.iter().map(|skipped| Case {
        class: "skipped",
        name: skipped.resource.clone(),
        outcome: Outcome::Skipped {
            message: &skipped.reason,
        },
        output: vec![],
    });
    suite("skipped", cases.collect())
}

type Xml = Writer<Vec<u8>>;

fn write(xml: &mut Xml, run: &Run, options: &Options) -> io::Result<()> {
    let why = story::outcome(run);
    let findings = story::findings(run, options);
    let suites = suites(run, &findings, why.as_deref());
    let timestamp = run.started_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let milliseconds = (run.finished_at - run.started_at).num_milliseconds().max(0);
    let seconds = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let name = format!("lamplighter {}", run.function);
    let element = with(xml.create_element("testsuites"), "name", &name);
    let element = counted(
        element,
        Counts::of(suites.iter().flat_map(|suite| &suite.cases)),
    );
    let element = with(with(element, "time", &seconds), "timestamp", &timestamp);
    element.write_inner_content(|xml| {
        for suite in &suites {
            let element = with(xml.create_element("testsuite"), "name", suite.name);
            let element = counted(element, Counts::of(suite.cases.iter()));
            // Only the whole run was timed.
            let time = if suite.name == "run" {
                &seconds
            } else {
                "0.000"
            };
            let element = with(with(element, "time", time), "timestamp", &timestamp);
            element.write_inner_content(|xml| write_suite(xml, suite))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_suite(xml: &mut Xml, suite: &Suite<'_>) -> io::Result<()> {
    if !suite.properties.is_empty() {
        xml.create_element("properties")
            .write_inner_content(|xml| {
                for (name, value) in &suite.properties {
                    let property = with(xml.create_element("property"), "name", name);
                    with(property, "value", value).write_empty()?;
                }
                Ok(())
            })?;
    }
    for case in &suite.cases {
        let element = with(xml.create_element("testcase"), "classname", case.class);
        let element = with(with(element, "name", &case.name), "time", "0.000");
        if matches!(case.outcome, Outcome::Passed) && case.output.is_empty() {
            element.write_empty()?;
        } else {
            element.write_inner_content(|xml| write_case(xml, case))?;
        }
    }
    Ok(())
}

fn write_case(xml: &mut Xml, case: &Case<'_>) -> io::Result<()> {
    match case.outcome {
        Outcome::Passed => {}
        Outcome::Failure { kind, message } => problem(xml, "failure", kind, message)?,
        Outcome::Error { kind, message } => problem(xml, "error", kind, message)?,
        Outcome::Skipped { message } => {
            with(xml.create_element("skipped"), "message", message).write_empty()?;
        }
    }
    if !case.output.is_empty() {
        // Each line is made visible by itself, so the only line breaks are ours.
        let lines: Vec<_> = case.output.iter().map(|line| visible(line)).collect();
        let lines = lines.join("\n");
        xml.create_element("system-out")
            .write_text_content(BytesText::new(&lines))?;
    }
    Ok(())
}

/// Some readers show the attribute and some the text, so the sentence is both.
fn problem(xml: &mut Xml, element: &str, kind: &str, message: &str) -> io::Result<()> {
    let element = with(xml.create_element(element), "message", message);
    with(element, "type", kind).write_text_content(BytesText::new(&visible(message)))?;
    Ok(())
}

/// Adds an attribute. Every value passes here: what XML 1.0 forbids or folds, such as a control character or a line
/// break, is spelled out, and `quick-xml` escapes the markup.
fn with<'a>(
    element: ElementWriter<'a, Vec<u8>>,
    name: &'static str,
    value: &str,
) -> ElementWriter<'a, Vec<u8>> {
    element.with_attribute((name, visible(value).as_ref()))
}

fn counted(element: ElementWriter<'_, Vec<u8>>, counts: Counts) -> ElementWriter<'_, Vec<u8>> {
    [
        ("tests", counts.tests),
        ("failures", counts.failures),
        ("errors", counts.errors),
        ("skipped", counts.skipped),
    ]
    .into_iter()
    .fold(element, |element, (name, count)| {
        with(element, name, &count.to_string())
    })
}
