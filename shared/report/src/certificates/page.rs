//! The certificates as the page shows them.

use askama::Template;
use lamplighter_core::Run;

use super::timeline::Timeline;
use super::{Certificate, count, groups};
use crate::Options;
use crate::html::filters;
use crate::listed::Extent;
use crate::words;

/// The section of the page.
#[derive(Template)]
#[template(path = "certificates.html")]
pub(crate) struct Section<'a> {
    total: usize,
    /// Not in a mail: Gmail and Outlook drop the drawing and leave its words behind.
    /// <https://www.caniemail.com/features/image-svg/>
    timeline: Option<Timeline<'a>>,
    groups: Vec<GroupView<'a>>,
}

struct GroupView<'a> {
    class: &'static str,
    title: &'static str,
    total: String,
    rows: Vec<Line<'a>>,
    rest: Option<String>,
}

struct Line<'a> {
    name: &'a str,
    sha256: Option<&'a str>,
    end: String,
    left: String,
    places: Vec<&'a str>,
    more_places: Option<String>,
}

impl Section<'_> {
    /// Whether the page needs the style of the drawing.
    pub(crate) fn has_timeline(&self) -> bool {
        self.timeline.is_some()
    }
}

/// The section, where the run has one.
pub(crate) fn section<'a>(run: &'a Run, options: &Options, extent: Extent) -> Option<Section<'a>> {
    let groups = groups(run)?;
    Some(Section {
        total: count(&groups),
        timeline: (extent == Extent::Whole).then(|| Timeline::of(run, &groups)),
        groups: groups
            .iter()
            .map(|group| {
                let (rows, rest) = group.listed(options, extent);
                GroupView {
                    class: group.bucket.as_str(),
                    title: group.bucket.title(),
                    total: words::number(group.all.len()),
                    rows: rows
                        .iter()
                        .map(|certificate| line(run, certificate))
                        .collect(),
                    rest,
                }
            })
            .collect(),
    })
}

fn line<'a>(run: &Run, certificate: &Certificate<'a>) -> Line<'a> {
    let (places, more_places) = certificate.places();
    Line {
        name: certificate.name(),
        sha256: certificate.short_sha256(),
        end: words::time(certificate.not_after()),
        left: certificate.left(run),
        places,
        more_places,
    }
}
