//! One self-contained page: no script, no outside resource, readable on a phone, on paper, and as the body of a mail.
//!
//! The page is `templates/report.html`; this file only prepares what it shows. Whatever the template prints goes
//! through [`Html`](crate::Html), so a value can neither hide text nor become markup, wherever it stands.

use askama::Template;
use lamplighter_core::{
    ActionRow, Coverage, CoverageStatus, DeliveryOutcome, Finding, Run, Verdict,
};

use crate::Options;
use crate::certificates::page::{self, Section};
use crate::escape::{literals, visible, write_without_markup};
use crate::listed::{Extent, Listed};
use crate::since::{self, News};
use crate::story::{self, Rank, SkippedGroup};
use crate::words;

/// The page.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    render_extent(run, options, Extent::Whole)
}

/// The page with lists of that extent.
pub(crate) fn render_extent(run: &Run, options: &Options, extent: Extent) -> String {
    let mut page = view(run, options, extent)
        .render()
        .expect("no filter fails, and a String takes everything");
    page.push('\n');
    page
}

/// A sentence as HTML: hidden characters are visible, markup is text, and what stands between backticks is `<code>`.
pub fn html_sentence(text: &str) -> String {
    let text = visible(text);
    let pieces = literals(&text).unwrap_or_else(|| vec![(false, &text)]);
    let mut html = String::new();
    for (is_literal, piece) in pieces {
        let (begin, end) = match is_literal {
            true => ("<code>", "</code>"),
            false => ("", ""),
        };
        html.push_str(begin);
        // Writing to a String cannot fail.
        let _ = write_without_markup(&mut html, piece);
        html.push_str(end);
    }
    html
}

/// What templates can do with a value besides printing it; they look for it under this name.
pub(crate) mod filters {
    use askama::filters::Safe;
    use askama::{Result, Values};

    #[askama::filter_fn]
    pub(crate) fn prose(text: &str, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(super::html_sentence(text)))
    }
}

/// Everything the template shows, in its order.
#[derive(Template)]
#[template(path = "report.html")]
struct View<'a> {
    title: String,
    function: &'a str,
    outcome: &'static str,
    why: Option<String>,
    gist: String,
    is_quiet: bool,
    summary: String,
    mode: &'static str,
    account: String,
    when: String,
    trigger: String,
    refusal: Option<Refusal<'a>>,
    tiles: Vec<Tile>,
    since: Option<String>,
    errors: List<ErrorLine<'a>>,
    findings: List<FindingLine<'a>>,
    certificates: Option<Section<'a>>,
    actions: List<ActionLine<'a>>,
    skipped: List<SkippedLine<'a>>,
    records: List<RecordLine<'a>>,
    resolved: List<ResolvedLine<'a>>,
    exceptions: Vec<ExceptionGroup<'a>>,
    coverage_sentence: String,
    coverage: List<CoverageLine<'a>>,
    notes: List<&'a str>,
    deliveries: Vec<String>,
    run_id: &'a str,
}

/// The rows of one list, and what stands below them where it was cut.
struct List<T> {
    rows: Vec<T>,
    total: usize,
    rest: Option<String>,
}

impl<T> List<T> {
    fn of<R>(rows: Vec<R>, most: usize, line: impl FnMut(R) -> T) -> Self {
        Self {
            total: rows.len(),
            ..Self::listed(Listed::first(rows, most), line)
        }
    }

    fn listed<R>(listed: Listed<R>, line: impl FnMut(R) -> T) -> Self {
        Self {
            rest: listed.rest(),
            total: listed.rows.len(),
            rows: listed.rows.into_iter().map(line).collect(),
        }
    }
}

struct Refusal<'a> {
    title: &'static str,
    reason: &'a str,
}

struct Tile {
    count: String,
    label: &'static str,
    class: &'static str,
}

struct ErrorLine<'a> {
    scope: &'a str,
    message: &'a str,
}

struct FindingLine<'a> {
    rank: &'static str,
    class: &'static str,
    is_unknown: bool,
    mark: Option<&'static str>,
    resource: &'a str,
    arn: &'a str,
    place: String,
    message: &'a str,
    rule: &'a str,
}

struct ActionLine<'a> {
    outcome: &'static str,
    meaning: Option<&'static str>,
    action: &'a str,
    resource: &'a str,
    place: String,
    reason: Option<&'a str>,
    undo: Option<&'a str>,
}

struct RecordLine<'a> {
    outcome: &'static str,
    subject: &'a str,
    reason: Option<&'a str>,
}

struct SkippedLine<'a> {
    count: String,
    reason: &'a str,
    names: Vec<&'a str>,
    rest: Option<String>,
}

struct ResolvedLine<'a> {
    resource: &'a str,
    rule: &'a str,
    place: String,
}

struct ExceptionGroup<'a> {
    id: String,
    title: &'static str,
    list: List<ExceptionLine<'a>>,
}

struct ExceptionLine<'a> {
    resource: &'a str,
    rule: &'a str,
    sentence: String,
}

struct CoverageLine<'a> {
    scope: &'a str,
    status: &'static str,
    inspected: String,
    error: Option<&'a str>,
}

fn view<'a>(run: &'a Run, options: &Options, extent: Extent) -> View<'a> {
    let most = extent.most();
    let coverage = story::coverage(run);
    let news = News::of(run);
    View {
        title: story::subject(run),
        function: &run.function,
        outcome: run.outcome.as_str(),
        why: story::outcome(run),
        gist: story::gist(run),
        is_quiet: story::is_quiet(run),
        summary: story::summary(run),
        mode: story::mode(run),
        account: words::account_name(run),
        when: words::when(run),
        trigger: words::trigger(run),
        refusal: story::refusal(run).map(|(title, reason)| Refusal { title, reason }),
        tiles: tiles(run),
        since: since::sentence(run),
        errors: List::of(story::errors(run), most, |error| ErrorLine {
            scope: &error.scope,
            message: &error.message,
        }),
        findings: List::of(
            story::findings_beside_certificates(run, options),
            most,
            |finding| finding_line(run, finding, news.mark(finding)),
        ),
        certificates: page::section(run, options, extent),
        actions: List::of(story::all_actions(run), most, |action| {
            action_line(run, action)
        }),
        skipped: List {
            total: run.skipped.len(),
            ..List::listed(story::first_skipped(run, options, most), |group| {
                skipped_line(group, extent)
            })
        },
        records: List::of(story::records(run, options), most, |row| RecordLine {
            outcome: row.outcome.as_str(),
            subject: &row.subject,
            reason: row.reason.as_deref(),
        }),
        resolved: List::of(since::resolved(run), most, |finding| ResolvedLine {
            resource: words::resource_part(&finding.resource),
            rule: &finding.rule,
            place: words::place(run, &finding.account, finding.region.as_deref()),
        }),
        exceptions: since::exceptions(run)
            .into_iter()
            .map(|(title, rows)| ExceptionGroup {
                id: title.to_lowercase().replace(' ', "-"),
                title,
                list: List::of(rows, most, |row| ExceptionLine {
                    resource: &row.resource,
                    rule: &row.rule,
                    sentence: since::exception_sentence(row),
                }),
            })
            .collect(),
        coverage_sentence: coverage.sentence(),
        coverage: List::of(coverage_rows(run), most, coverage_line),
        notes: List::of(run.notes.iter().collect(), most, String::as_str),
        deliveries: deliveries(run),
        run_id: &run.run_id,
    }
}

/// The counts as tiles. A zero is quiet, and actions have tiles only where there are any.
fn tiles(run: &Run) -> Vec<Tile> {
    let summary = &run.summary;
    let tile = |count: usize, label, class| Tile {
        count: words::number(count),
        label,
        class: if count == 0 { "zero" } else { class },
    };
    let mut tiles = vec![
        tile(summary.inspected, "inspected", "neutral"),
        tile(summary.fail, "fail", "bad"),
        tile(summary.unknown, "unknown", "doubtful"),
        tile(summary.pass, "pass", "good"),
        tile(summary.not_applicable, "not applicable", "neutral"),
    ];
    let plural = |count, one, many| if count == 1 { one } else { many };
    let actions = [
        (
            summary.failed,
            plural(summary.failed, "action failed", "actions failed"),
            "bad",
        ),
        (
            summary.done,
            plural(summary.done, "action done", "actions done"),
            "good",
        ),
        (
            summary.planned,
            plural(summary.planned, "action planned", "actions planned"),
            "planned",
        ),
        (summary.skipped, "skipped", "neutral"),
    ];
    tiles.extend(
        actions
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, label, class)| tile(count, label, class)),
    );
    tiles
}

fn finding_line<'a>(
    run: &Run,
    finding: &'a Finding,
    mark: Option<&'static str>,
) -> FindingLine<'a> {
    FindingLine {
        rank: Rank::of(finding).title(),
        class: match Rank::of(finding) {
            Rank::Severity(severity) => severity.as_str(),
            Rank::Pass => "done",
            Rank::NotApplicable => "info",
        },
        is_unknown: finding.verdict == Verdict::Unknown,
        mark,
        resource: words::resource_part(&finding.resource),
        arn: &finding.resource,
        place: words::place(run, &finding.account, finding.region.as_deref()),
        message: &finding.message,
        rule: &finding.rule,
    }
}

fn action_line<'a>(run: &Run, action: &'a ActionRow) -> ActionLine<'a> {
    ActionLine {
        outcome: action.outcome.as_str(),
        meaning: story::outcome_meaning(run, action.outcome),
        action: &action.action,
        resource: words::resource_part(&action.resource),
        place: words::place(run, &action.account, action.region.as_deref()),
        reason: action.reason.as_deref(),
        undo: action.undo.as_deref(),
    }
}

fn skipped_line(group: SkippedGroup<'_>, extent: Extent) -> SkippedLine<'_> {
    SkippedLine {
        count: words::number(group.count),
        rest: group.rest(extent),
        reason: group.reason,
        names: group.names,
    }
}

/// What could not be read comes first: it is what a reader must not overlook.
fn coverage_rows(run: &Run) -> Vec<&Coverage> {
    let mut coverage: Vec<&Coverage> = run.coverage.iter().collect();
    coverage.sort_by_key(|coverage| coverage.status == CoverageStatus::Read);
    coverage
}

fn coverage_line(coverage: &Coverage) -> CoverageLine<'_> {
    CoverageLine {
        scope: &coverage.scope,
        status: match coverage.status {
            CoverageStatus::Read => "read",
            CoverageStatus::Unreadable => "unreadable",
        },
        inspected: words::number(coverage.inspected),
        error: coverage.error.as_deref(),
    }
}

fn deliveries(run: &Run) -> Vec<String> {
    let sentence = |delivery: &lamplighter_core::Delivery| {
        let word = words::delivery_word(delivery.outcome);
        // A failed delivery's reason is among the errors.
        match (&delivery.reason, delivery.outcome) {
            (Some(reason), DeliveryOutcome::Suppressed) => {
                format!("{}: {word}, {reason}", delivery.destination)
            }
            _ => format!("{}: {word}", delivery.destination),
        }
    };
    run.deliveries.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_its_literals_and_loses_its_markup() {
        assert_eq!(
            html_sentence("lacks `a<b>` & \"c\""),
            "lacks <code>a&lt;b&gt;</code> &amp; &quot;c&quot;"
        );
        assert_eq!(html_sentence("odd ` <i>"), "odd ` &lt;i&gt;");
        assert_eq!(html_sentence("\u{202e}x"), "\\u{202e}x");
    }
}
