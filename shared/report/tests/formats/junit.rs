//! The JUnit XML: that it is well formed whatever names hold, and that its counts are true.

use std::collections::BTreeMap;

use expect_test::expect_file;
use lamplighter_core::Run;
use lamplighter_report::{Format, Options, render};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::everything;
use crate::fixture::{eventful, failed, hostile, quiet, refused, run};

/// An element with its attributes and the text in it, as a reader sees them.
#[derive(Debug)]
struct Element {
    depth: usize,
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn of(tag: &BytesStart<'_>, depth: usize) -> Self {
        let attributes = tag.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            (
                attribute.key.as_ref().to_owned(),
                value.expect("known entities").into_owned(),
            )
        });
        Self {
            depth,
            name: tag.name().as_ref().to_owned(),
            attributes: attributes.collect(),
            text: String::new(),
        }
    }

    fn count(&self, name: &str) -> usize {
        self.attributes[name].parse().expect("a number")
    }
}

fn everything_in(document: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(document);
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (vec![], vec![]);
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(tag) => {
                elements.push(Element::of(&tag, open.len()));
                open.push(elements.len() - 1);
            }
            Event::Empty(tag) => elements.push(Element::of(&tag, open.len())),
            Event::End(_) => {
                open.pop().expect("an element was open");
            }
            Event::Text(text) => {
                if let Some(index) = open.last() {
                    elements[*index].text.push_str(&text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    elements
}

fn documents() -> Vec<(Run, String)> {
    [eventful(), quiet(), refused(), failed(), hostile()]
        .into_iter()
        .flat_map(|run| {
            [Options::default(), everything()]
                .map(|options| (run.clone(), render(&run, Format::Junit, &options)))
        })
        .collect()
}

#[test]
fn runs_to_look_at() {
    for (run, options, expected) in [
        (
            eventful(),
            Options::default(),
            expect_file!["../expected/eventful.xml"],
        ),
        (
            eventful(),
            everything(),
            expect_file!["../expected/eventful-all.xml"],
        ),
        (
            quiet(),
            Options::default(),
            expect_file!["../expected/quiet.xml"],
        ),
        (
            refused(),
            Options::default(),
            expect_file!["../expected/refused.xml"],
        ),
        (
            failed(),
            Options::default(),
            expect_file!["../expected/failed.xml"],
        ),
        (
            hostile(),
            everything(),
            expect_file!["../expected/hostile.xml"],
        ),
    ] {
        expected.assert_eq(&render(&run, Format::Junit, &options));
    }
}

#[test]
fn the_counts_of_a_suite_are_those_of_its_cases() {
    for (_, document) in documents() {
        let elements = everything_in(&document);
        let counted = |names: &[&str], elements: &[Element]| {
            let is_counted = |element: &&Element| names.contains(&element.name.as_str());
            elements.iter().filter(is_counted).count()
        };
        let check = |suite: &Element, inside: &[Element]| {
            for (attribute, element) in [
                ("tests", "testcase"),
                ("failures", "failure"),
                ("errors", "error"),
                ("skipped", "skipped"),
            ] {
                let expected = counted(&[element], inside);
                assert_eq!(suite.count(attribute), expected, "{suite:?}");
            }
            assert!(suite.count("tests") > 0, "{suite:?}");
        };
        assert_eq!(elements[0].name, "testsuites");
        check(&elements[0], &elements[1..]);
        let suites: Vec<usize> = (0..elements.len())
            .filter(|index| elements[*index].name == "testsuite")
            .collect();
        for (position, start) in suites.iter().enumerate() {
            let end = suites
                .get(position + 1)
                .unwrap_or(&elements.len())
                .to_owned();
            assert_eq!(elements[*start].depth, 1);
            check(&elements[*start], &elements[start + 1..end]);
        }
    }
}

#[test]
fn xml_holds_only_characters_that_xml_allows_and_none_is_dropped() {
    for (_, document) in documents() {
        for character in document.chars() {
            // <https://www.w3.org/TR/xml/#NT-Char>, without tab and carriage return, which nothing here needs.
            let is_allowed = matches!(character,
                '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
            assert!(is_allowed, "{character:?}");
        }
    }
    let elements = everything_in(&render(&hostile(), Format::Junit, &everything()));
    let failure = elements.iter().find(|element| element.name == "failure");
    let message = &failure.expect("a failure").attributes["message"];
    assert_eq!(
        message,
        "a\\u{0}\\u{1}\\u{1b}[2J\\u{7f}\\u{85}\\u{202e}\\u{fffe}\\u{ffff}\\r\\n\\t]]>--><!--&#0;&amp;&x;\"'</testcase><x>{0}%s[b](http://evil.example)\\\u{1f600}"
    );
}

#[test]
fn a_run_without_findings_has_a_passing_case_for_each_scope() {
    let elements = everything_in(&render(&quiet(), Format::Junit, &Options::default()));
    let passing: Vec<&str> = elements
        .iter()
        .filter(|element| element.name == "testcase")
        .map(|element| element.attributes["name"].as_str())
        .collect();
    assert_eq!(
        passing,
        ["run", "123456789012/eu-west-1", "123456789012/us-east-1"]
    );
    for attribute in ["failures", "errors", "skipped"] {
        assert_eq!(elements[0].count(attribute), 0);
    }
}

#[test]
fn even_an_empty_run_has_a_case() {
    let run = run("deploy-bundles", lamplighter_core::Mode::Apply);
    let elements = everything_in(&render(&run, Format::Junit, &Options::default()));
    assert_eq!(elements[0].count("tests"), 1);
}

#[test]
fn whatever_could_not_be_known_or_done_is_an_error() {
    let errors = |run: &Run| -> Vec<String> {
        let elements = everything_in(&render(run, Format::Junit, &Options::default()));
        elements
            .into_iter()
            .filter(|element| element.name == "error")
            .map(|element| element.attributes["type"].clone())
            .collect()
    };
    assert_eq!(
        errors(&eventful()),
        ["error", "unreadable", "unknown", "failed"]
    );
    assert_eq!(errors(&refused()), ["refused"]);
    assert_eq!(errors(&failed()), ["failed", "error"]);
}
