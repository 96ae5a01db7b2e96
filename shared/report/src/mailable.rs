//! The report as a mail carries it: text and HTML short enough to be read, and everything else in an attached table.

use std::iter;

use lamplighter_core::Run;

use crate::certificates::{self, Group};
use crate::listed::Extent;
use crate::{Options, csv, html, since, story, text};

/// Gmail hides what comes after some 102 KB of HTML behind a link, and few people follow it.
/// <https://mailchimp.com/help/gmail-is-clipping-my-email/>
const MOST_HTML_BYTES: usize = 100_000;

/// No list of a mail is longer than this: nobody reads on.
const MOST_ROWS: usize = 400;

/// How long the lists may be where that is still too much, tried one after the other.
const FEWER_ROWS: [usize; 10] = [200, 150, 100, 70, 50, 30, 20, 10, 5, 0];

/// A report to mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailable {
    /// The plain part.
    pub text: String,
    /// The HTML part, with the same content.
    pub html: String,
    /// The whole report as a table: every finding, action, skipped resource, error, scope and note.
    pub csv: String,
    /// Whether text and HTML leave rows or names out and speak of the attached CSV, so that it has to be attached.
    pub is_cut: bool,
}

/// Writes `run` down for a mail. Lists that would make the HTML longer than about 100 KB end early, the worst first,
/// and say how much more is in the attached CSV; the text ends at the same rows.
pub fn render_for_mail(run: &Run) -> Mailable {
    let options = Options::default();
    let skipped = story::skipped(run, &options);
    let groups = certificates::groups(run);
    let lengths = |groups: &[Group<'_>; 3]| groups.each_ref().map(|group| group.all.len());
    let longest_group = groups
        .as_ref()
        .map_or(0, |groups| lengths(groups).into_iter().fold(0, usize::max));
    let longest = [
        story::findings(run, &options).len(),
        run.actions.len(),
        skipped.len(),
        longest_group,
        run.coverage.len(),
        story::errors(run).len(),
        run.notes.len(),
        since::resolved(run).len(),
        run.exceptions.len(),
    ]
    .into_iter()
    .fold(0, usize::max);
    let start = longest.min(MOST_ROWS);
    let (most, html) = iter::once(start)
        .chain(FEWER_ROWS.into_iter().filter(|rows| *rows < start))
        .map(|most| (most, html::render_extent(run, &options, Extent::Mail(most))))
        // Without a single row, what is left is the summary: that is sent however long it is.
        .find(|(most, html)| html.len() <= MOST_HTML_BYTES || *most == 0)
        .expect("the last length that is tried is 0");
    Mailable {
        text: text::render_extent(run, &options, Extent::Mail(most)),
        html,
        csv: csv::render(run, &options),
        is_cut: most < longest || skipped.iter().any(|group| group.hidden() > 0),
    }
}
