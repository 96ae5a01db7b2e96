//! The page: that it is well formed, holds nothing hostile, and fetches nothing.

use expect_test::expect_file;
use lamplighter_report::{Format, Options, render};

use crate::certificates::certificates;
use crate::fixture::{eventful, failed, quiet, refused};

fn pages() -> Vec<String> {
    let everything = Options {
        all: true,
        ..Options::default()
    };
    [eventful(), quiet(), refused(), failed(), certificates()]
        .iter()
        .flat_map(|run| {
            [Options::default(), everything].map(|options| render(run, Format::Html, &options))
        })
        .collect()
}

#[test]
fn pages_to_look_at() {
    for (run, expected) in [
        (eventful(), expect_file!["../expected/eventful.html"]),
        (quiet(), expect_file!["../expected/quiet.html"]),
        (refused(), expect_file!["../expected/refused.html"]),
    ] {
        expected.assert_eq(&render(&run, Format::Html, &Options::default()));
    }
}

#[test]
fn a_tag_cannot_become_markup() {
    for page in pages() {
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("<a "), "{page}");
    }
    assert!(pages()[0].contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"));
}

/// Every tag of a page, without its angle brackets.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<')
        .skip(1)
        .map(|tag| tag.split_once('>').expect("a tag ends").0)
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    // No `src`, no `href`, no `style`, no `onclick`: what is not named here cannot load or run anything.
    const ATTRIBUTES: [&str; 26] = [
        "align",
        "aria-describedby",
        "aria-label",
        "aria-labelledby",
        "border",
        "cellpadding",
        "cellspacing",
        "charset",
        "class",
        "content",
        "d",
        "height",
        "id",
        "lang",
        "name",
        "role",
        "rx",
        "scope",
        "valign",
        "width",
        "x",
        "x1",
        "x2",
        "y",
        "y1",
        "y2",
    ];
    for page in pages() {
        for tag in tags(&page).filter(|tag| !tag.starts_with('!')) {
            for outside_quotes in tag.split('"').step_by(2) {
                for word in outside_quotes.split_whitespace() {
                    if let Some(attribute) = word.strip_suffix('=') {
                        assert!(ATTRIBUTES.contains(&attribute), "<{tag}>");
                    }
                }
            }
        }
        for reference in ["url(", "@import", "<link", "<base"] {
            assert!(!page.contains(reference), "the page holds `{reference}`");
        }
    }
}

#[test]
fn every_element_is_closed_in_order() {
    const VOID: [&str; 3] = ["!doctype", "meta", "br"];
    for page in pages() {
        let mut open: Vec<&str> = vec![];
        for inside in tags(&page) {
            let name = inside.split([' ', '\n']).next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed), "near <{inside}>"),
                None if VOID.contains(&name) => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }
}

#[test]
fn ids_are_unique_and_labels_lead_somewhere() {
    for page in pages() {
        let values = |attribute: &str| -> Vec<String> {
            page.split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned)
                .collect()
        };
        let mut ids = values(" id=\"");
        for attribute in ["aria-labelledby=\"", "aria-describedby=\""] {
            for label in values(attribute) {
                assert!(ids.contains(&label), "no element has the id `{label}`");
            }
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}

#[test]
fn every_table_column_has_a_header_with_a_scope() {
    for page in pages() {
        assert!(!page.contains("<th>"));
        assert_eq!(
            page.matches("<th ").count(),
            page.matches("<th scope=").count()
        );
    }
}

#[test]
fn a_quiet_run_says_so_in_the_lead() {
    let page = render(&quiet(), Format::Html, &Options::default());
    assert!(page.contains("Nothing to report: 412 inspected, 398 pass, 14 not applicable."));
}
