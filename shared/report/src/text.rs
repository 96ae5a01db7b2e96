//! For people at a terminal, maybe at 3 a.m.: the outcome first, then what needs a decision, then the rest.

use lamplighter_core::{DeliveryOutcome, Finding, Run, RunOutcome, Verdict};

use crate::Options;
use crate::certificates::{self, Bucket};
use crate::listed::{Extent, Listed};
use crate::page::{
    Page, action_style, outcome_style, plain, quiet, severity_style, strong, styled,
};
use crate::since::{self, News};
use crate::story::{self, Rank};
use crate::words;

/// The report as text.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    render_extent(run, options, Extent::Whole)
}

/// The report as text with lists of that extent.
pub(crate) fn render_extent(run: &Run, options: &Options, extent: Extent) -> String {
    let most = extent.most();
    let mut page = Page::new(options.width, options.colour);
    headline(&mut page, run);
    refusal(&mut page, run);
    summary(&mut page, run, most);
    errors(&mut page, run, most);
    findings(&mut page, run, options, most);
    certificates(&mut page, run, options, extent);
    actions(&mut page, run, most);
    skipped(&mut page, run, options, extent);
    records(&mut page, run, options, most);
    resolved(&mut page, run, most);
    exceptions(&mut page, run, most);
    closing(&mut page, run, most);
    page.into_text()
}

fn headline(page: &mut Page, run: &Run) {
    page.paragraph(
        0,
        2,
        &[
            strong(&run.function),
            plain("  "),
            styled(
                outcome_style(run.outcome),
                run.outcome.as_str().to_uppercase(),
            ),
            plain("  "),
            plain(story::mode(run)),
        ],
    );
    page.paragraph(
        0,
        2,
        &[
            plain(words::account_name(run)),
            plain(format!(", {}", words::when(run))),
        ],
    );
    page.paragraph(
        0,
        2,
        &[quiet(format!(
            "run {}, {}",
            run.run_id,
            words::trigger(run)
        ))],
    );
}

fn refusal(page: &mut Page, run: &Run) {
    if let Some((title, reason)) = story::refusal(run) {
        page.gap();
        page.paragraph(
            0,
            2,
            &[
                styled(outcome_style(RunOutcome::Refused), format!("! {title}:")),
                plain(" "),
                plain(reason),
            ],
        );
    }
}

fn summary(page: &mut Page, run: &Run, most: usize) {
    page.gap();
    if let Some(why) = story::outcome(run) {
        page.paragraph(
            0,
            2,
            &[
                styled(
                    outcome_style(run.outcome),
                    format!("Why {}:", run.outcome.as_str()),
                ),
                plain(" "),
                plain(why),
                plain("."),
            ],
        );
    }
    page.paragraph(0, 2, &[strong(story::summary(run))]);
    if let Some(since) = since::sentence(run) {
        page.paragraph(0, 2, &[plain(since)]);
    }
    let coverage = story::coverage(run);
    page.paragraph(
        0,
        2,
        &[plain(format!("Coverage: {}.", coverage.sentence()))],
    );
    let unreadables = Listed::first(coverage.unreadable, most);
    for unreadable in &unreadables.rows {
        page.paragraph(
            2,
            4,
            &[
                styled(outcome_style(RunOutcome::Partial), "unreadable"),
                plain("  "),
                plain(&unreadable.scope),
                plain(": "),
                plain(unreadable.error.as_deref().unwrap_or("no reason was given")),
            ],
        );
    }
    rest(page, &unreadables);
}

fn errors(page: &mut Page, run: &Run, most: usize) {
    // The scopes that could not be read stand right above, with their reasons.
    let mut errors = story::errors(run);
    errors.retain(|error| !story::is_about_coverage(run, error));
    if errors.is_empty() {
        return;
    }
    heading(page, "Errors", errors.len());
    let errors = Listed::first(errors, most);
    for error in &errors.rows {
        page.paragraph(
            2,
            4,
            &[strong(&error.scope), plain(": "), plain(&error.message)],
        );
    }
    rest(page, &errors);
}

fn findings(page: &mut Page, run: &Run, options: &Options, most: usize) {
    let findings = story::findings_beside_certificates(run, options);
    if findings.is_empty() {
        return;
    }
    heading(page, "Findings", findings.len());
    let news = News::of(run);
    let mut left = most;
    for (index, group) in findings
        .chunk_by(|a, b| Rank::of(a) == Rank::of(b))
        .enumerate()
    {
        let Some(rank) = group.first().map(|finding| Rank::of(finding)) else {
            continue;
        };
        if left == 0 {
            break;
        }
        if index > 0 {
            page.gap();
        }
        let style = match rank {
            Rank::Severity(severity) => severity_style(severity),
            Rank::Pass | Rank::NotApplicable => outcome_style(RunOutcome::Ok),
        };
        page.paragraph(
            2,
            4,
            &[
                styled(style, rank.title()),
                quiet(format!(" ({})", words::number(group.len()))),
            ],
        );
        let same_place =
            |a: &&Finding, b: &&Finding| (&a.account, &a.region) == (&b.account, &b.region);
        let shown = group.get(..left).unwrap_or(group);
        left -= shown.len();
        for neighbours in shown.chunk_by(same_place) {
            if let Some(first) = neighbours.first() {
                let place = words::place(run, &first.account, first.region.as_deref());
                page.paragraph(4, 6, &[quiet(place)]);
            }
            for finding in neighbours {
                finding_lines(page, finding, news.mark(finding));
            }
        }
    }
    rest(page, &Listed::first(findings, most));
}

fn finding_lines(page: &mut Page, finding: &Finding, mark: Option<&'static str>) {
    let mut spans = vec![
        strong(words::resource_part(&finding.resource)),
        plain("  "),
        quiet(&finding.rule),
    ];
    if finding.verdict == Verdict::Unknown {
        spans.push(plain("  "));
        spans.push(styled(outcome_style(RunOutcome::Partial), "unknown"));
    }
    if let Some(mark) = mark {
        spans.push(plain("  "));
        spans.push(strong(mark));
    }
    page.paragraph(6, 8, &spans);
    page.paragraph(8, 8, &[plain(&finding.message)]);
}

/// Every certificate, the three buckets each under its own heading.
fn certificates(page: &mut Page, run: &Run, options: &Options, extent: Extent) {
    let Some(groups) = certificates::groups(run) else {
        return;
    };
    heading(page, "Certificates", certificates::count(&groups));
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            page.gap();
        }
        let style = match group.bucket {
            Bucket::Expired => outcome_style(RunOutcome::Failed),
            Bucket::Expiring => outcome_style(RunOutcome::Partial),
            Bucket::Valid => outcome_style(RunOutcome::Ok),
        };
        page.paragraph(
            2,
            4,
            &[
                styled(style, group.bucket.title()),
                quiet(format!(" ({})", words::number(group.all.len()))),
            ],
        );
        let (rows, rest) = group.listed(options, extent);
        for certificate in &rows {
            page.paragraph(
                4,
                6,
                &[
                    strong(certificate.name()),
                    plain(format!(
                        "  {}, {}",
                        words::time(certificate.not_after()),
                        certificate.left(run)
                    )),
                ],
            );
            let (places, more_places) = certificate.places();
            let places = places.into_iter().map(str::to_owned).chain(more_places);
            page.paragraph(6, 6, &[quiet(places.collect::<Vec<_>>().join(", "))]);
        }
        if let Some(rest) = rest {
            page.paragraph(4, 6, &[strong(rest)]);
        }
    }
}

/// What was found before and is not there any more.
fn resolved(page: &mut Page, run: &Run, most: usize) {
    let resolved = since::resolved(run);
    if resolved.is_empty() {
        return;
    }
    heading(page, "Resolved", resolved.len());
    let resolved = Listed::first(resolved, most);
    for finding in &resolved.rows {
        page.paragraph(
            2,
            4,
            &[
                strong(words::resource_part(&finding.resource)),
                plain("  "),
                quiet(&finding.rule),
                plain("  "),
                quiet(words::short_place(
                    run,
                    &finding.account,
                    finding.region.as_deref(),
                )),
            ],
        );
    }
    rest(page, &resolved);
}

fn exceptions(page: &mut Page, run: &Run, most: usize) {
    for (title, rows) in since::exceptions(run) {
        heading(page, title, rows.len());
        let rows = Listed::first(rows, most);
        for row in &rows.rows {
            page.paragraph(
                2,
                4,
                &[strong(&row.resource), plain("  "), quiet(&row.rule)],
            );
            page.paragraph(4, 4, &[plain(since::exception_sentence(row))]);
        }
        rest(page, &rows);
    }
}

fn actions(page: &mut Page, run: &Run, most: usize) {
    if run.actions.is_empty() {
        return;
    }
    heading(page, "Actions", run.actions.len());
    let mut is_first = true;
    let mut left = most;
    for outcome in story::OUTCOMES {
        let count = story::count_actions(run, outcome);
        if count == 0 || left == 0 {
            continue;
        }
        if !is_first {
            page.gap();
        }
        is_first = false;
        page.paragraph(
            2,
            4,
            &[
                styled(action_style(outcome), words::capitalised(outcome.as_str())),
                quiet(match story::outcome_meaning(run, outcome) {
                    Some(meaning) => format!(" ({}), {meaning}", words::number(count)),
                    None => format!(" ({})", words::number(count)),
                }),
            ],
        );
        let shown = story::actions(run, outcome).take(left);
        left -= count.min(left);
        for action in shown {
            page.paragraph(
                4,
                6,
                &[
                    strong(&action.action),
                    plain("  "),
                    plain(words::resource_part(&action.resource)),
                    plain("  "),
                    quiet(words::short_place(
                        run,
                        &action.account,
                        action.region.as_deref(),
                    )),
                ],
            );
            if let Some(reason) = &action.reason {
                page.paragraph(6, 6, &[plain(reason)]);
            }
            if let Some(undo) = &action.undo {
                page.command(6, "undo:", undo);
            }
        }
    }
    rest(page, &Listed::first(story::all_actions(run), most));
}

fn records(page: &mut Page, run: &Run, options: &Options, most: usize) {
    let records = Listed::first(story::records(run, options), most);
    if records.rows.is_empty() {
        return;
    }
    heading(page, "Records", records.rows.len() + records.hidden);
    for row in &records.rows {
        page.paragraph(
            2,
            6,
            &[
                strong(row.outcome.as_str()),
                plain("  "),
                plain(&row.subject),
            ],
        );
        if let Some(reason) = &row.reason {
            page.paragraph(6, 6, &[quiet(reason)]);
        }
    }
    rest(page, &records);
}

fn skipped(page: &mut Page, run: &Run, options: &Options, extent: Extent) {
    if run.skipped.is_empty() {
        return;
    }
    heading(page, "Skipped", run.skipped.len());
    let groups = story::first_skipped(run, options, extent.most());
    for group in &groups.rows {
        let count = words::number(group.count);
        page.paragraph(
            6_usize.saturating_sub(count.len()),
            8,
            &[strong(count), plain("  "), plain(group.reason)],
        );
        let mut names = group.names.join(", ");
        if let Some(rest) = group.rest(extent) {
            names.push_str(&format!(" {rest}"));
        }
        page.paragraph(8, 8, &[quiet(names)]);
    }
    rest(page, &groups);
}

fn closing(page: &mut Page, run: &Run, most: usize) {
    if !run.notes.is_empty() {
        heading(page, "Notes", run.notes.len());
        let notes = Listed::first(run.notes.iter().collect(), most);
        for note in &notes.rows {
            page.paragraph(2, 4, &[plain(note)]);
        }
        rest(page, &notes);
    }
    if !run.deliveries.is_empty() {
        page.gap();
        for delivery in &run.deliveries {
            let mut spans = vec![plain(format!(
                "Report by {}: {}",
                delivery.destination,
                words::delivery_word(delivery.outcome)
            ))];
            // A failed delivery's reason is among the errors.
            if let (Some(reason), DeliveryOutcome::Suppressed) =
                (&delivery.reason, delivery.outcome)
            {
                spans.push(plain(format!(", {reason}")));
            }
            page.paragraph(0, 2, &spans);
        }
    }
}

/// Says what a list that was cut leaves out.
fn rest<T>(page: &mut Page, listed: &Listed<T>) {
    if let Some(rest) = listed.rest() {
        page.paragraph(2, 4, &[strong(rest)]);
    }
}

fn heading(page: &mut Page, title: &str, count: usize) {
    page.gap();
    page.paragraph(
        0,
        2,
        &[
            strong(title.to_uppercase()),
            quiet(format!(" ({})", words::number(count))),
        ],
    );
}
