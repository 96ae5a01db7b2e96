//! GitHub-flavoured Markdown, for issues, pull requests and job summaries.
//!
//! Data is never markup: what could start a table cell, a tag, a link, an image, an emphasis, a list or a mention is
//! escaped. Only what a sentence puts between backticks becomes a literal.

use lamplighter_core::{
    ActionRow, Coverage, CoverageStatus, DeliveryOutcome, Finding, Run, Verdict,
};

use crate::Options;
use crate::certificates;
use crate::escape::{literals, visible};
use crate::listed::Extent;
use crate::since::{self, News};
use crate::story::{self, Rank};
use crate::words;

/// The report as Markdown.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let mut page = headline(run);
    if let Some((title, reason)) = story::refusal(run) {
        page.push_str(&format!(
            "\n> [!CAUTION]\n> **{title}:** {}\n",
            prose(reason)
        ));
    }
    page.push_str(&format!("\n{}\n", prose(&story::summary(run))));
    if let Some(since) = since::sentence(run) {
        page.push_str(&format!("\n{}\n", prose(&since)));
    }
    let errors = story::errors(run);
    if !errors.is_empty() {
        heading(&mut page, "Errors", errors.len());
        for error in errors {
            page.push_str(&format!(
                "- {}: {}\n",
                literal(&error.scope),
                prose(&error.message)
            ));
        }
    }
    findings(&mut page, run, options);
    certificates(&mut page, run, options);
    actions(&mut page, run);
    skipped(&mut page, run, options);
    records(&mut page, run, options);
    resolved(&mut page, run);
    exceptions(&mut page, run);
    coverage(&mut page, run);
    if !run.notes.is_empty() {
        heading(&mut page, "Notes", run.notes.len());
        for note in &run.notes {
            page.push_str(&format!("- {}\n", prose(note)));
        }
    }
    deliveries(&mut page, run);
    page
}

fn headline(run: &Run) -> String {
    let outcome = match story::outcome(run) {
        Some(why) => format!("**{}** ({})", run.outcome.as_str(), prose(&why)),
        None => format!("**{}**", run.outcome.as_str()),
    };
    format!(
        "# {}: {}\n\n{outcome} · {} · {} · {} · {}, run {}\n",
        prose(&run.function),
        prose(&story::gist(run)),
        story::mode(run),
        prose(&words::account_name(run)),
        words::when(run),
        words::trigger(run),
        literal(&run.run_id),
    )
}

fn findings(page: &mut String, run: &Run, options: &Options) {
    let findings = story::findings_beside_certificates(run, options);
    if findings.is_empty() {
        return;
    }
    heading(page, "Findings", findings.len());
    table(page, &["Severity", "Resource", "Finding", "Rule", "Where"]);
    let news = News::of(run);
    for finding in findings {
        let Finding {
            rule,
            resource,
            account,
            region,
            message,
            ..
        } = finding;
        let mut rank = match finding.verdict {
            Verdict::Unknown => format!("**{}** (unknown)", Rank::of(finding).title()),
            _ => format!("**{}**", Rank::of(finding).title()),
        };
        if let Some(mark) = news.mark(finding) {
            rank.push_str(&format!(" **{mark}**"));
        }
        row(
            page,
            &[
                rank,
                literal(words::resource_part(resource)),
                prose(message),
                literal(rule),
                prose(&words::place(run, account, region.as_deref())),
            ],
        );
    }
}

/// Every certificate, the three buckets each under its own heading.
fn certificates(page: &mut String, run: &Run, options: &Options) {
    let Some(groups) = certificates::groups(run) else {
        return;
    };
    heading(page, "Certificates", certificates::count(&groups));
    for group in &groups {
        if !page.ends_with("\n\n") {
            page.push('\n');
        }
        page.push_str(&format!(
            "### {} ({})\n\n",
            group.bucket.title(),
            words::number(group.all.len())
        ));
        let (rows, rest) = group.listed(options, Extent::Whole);
        if rows.is_empty() {
            page.push_str("none\n");
            continue;
        }
        table(page, &["Certificate", "Ends", "Left", "Where"]);
        for certificate in &rows {
            let (places, more_places) = certificate.places();
            let mut places: Vec<String> = places.into_iter().map(literal).collect();
            places.extend(more_places);
            row(
                page,
                &[
                    literal(certificate.name()),
                    words::time(certificate.not_after()),
                    certificate.left(run),
                    places.join("<br>"),
                ],
            );
        }
        if let Some(rest) = rest {
            page.push_str(&format!("\n{}\n", prose(&rest)));
        }
    }
}

fn actions(page: &mut String, run: &Run) {
    if run.actions.is_empty() {
        return;
    }
    heading(page, "Actions", run.actions.len());
    table(
        page,
        &["Outcome", "Action", "Resource", "Where", "Reason", "Undo"],
    );
    for outcome in story::OUTCOMES {
        for action in story::actions(run, outcome) {
            let ActionRow {
                resource,
                account,
                region,
                action,
                reason,
                undo,
                ..
            } = action;
            row(
                page,
                &[
                    format!("**{}**", outcome.as_str()),
                    literal(action),
                    literal(words::resource_part(resource)),
                    prose(&words::place(run, account, region.as_deref())),
                    reason.as_deref().map(prose).unwrap_or_default(),
                    undo.as_deref().map(literal).unwrap_or_default(),
                ],
            );
        }
    }
}

fn records(page: &mut String, run: &Run, options: &Options) {
    let records = story::records(run, options);
    if records.is_empty() {
        return;
    }
    heading(page, "Records", records.len());
    for row in records {
        let reason = row
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": {}", prose(reason)));
        page.push_str(&format!(
            "- **{}** {}{reason}\n",
            row.outcome.as_str(),
            literal(&row.subject)
        ));
    }
}

fn skipped(page: &mut String, run: &Run, options: &Options) {
    if run.skipped.is_empty() {
        return;
    }
    heading(page, "Skipped", run.skipped.len());
    for group in story::skipped(run, options) {
        let names: Vec<String> = group.names.iter().map(|name| literal(name)).collect();
        let more = group
            .rest(Extent::Whole)
            .map_or_else(String::new, |rest| format!(" {rest}"));
        page.push_str(&format!(
            "- **{}** {}: {}{more}\n",
            words::number(group.count),
            prose(group.reason),
            names.join(", "),
        ));
    }
}

/// What was found before and is not there any more.
fn resolved(page: &mut String, run: &Run) {
    let resolved = since::resolved(run);
    if resolved.is_empty() {
        return;
    }
    heading(page, "Resolved", resolved.len());
    for finding in resolved {
        page.push_str(&format!(
            "- {} {} {}\n",
            literal(words::resource_part(&finding.resource)),
            literal(&finding.rule),
            prose(&words::place(
                run,
                &finding.account,
                finding.region.as_deref()
            )),
        ));
    }
}

fn exceptions(page: &mut String, run: &Run) {
    for (title, rows) in since::exceptions(run) {
        heading(page, title, rows.len());
        for row in rows {
            page.push_str(&format!(
                "- {} {}: {}\n",
                literal(&row.rule),
                literal(&row.resource),
                prose(&since::exception_sentence(row)),
            ));
        }
    }
}

fn coverage(page: &mut String, run: &Run) {
    let coverage = story::coverage(run);
    if coverage.total == 0 {
        return;
    }
    page.push_str(&format!(
        "\n## Coverage\n\n{}.\n",
        words::capitalised(&coverage.sentence())
    ));
    table(page, &["Scope", "Status", "Inspected", "Error"]);
    let is_read = |coverage: &&Coverage| coverage.status == CoverageStatus::Read;
    let read = run.coverage.iter().filter(is_read);
    for coverage in coverage.unreadable.into_iter().chain(read) {
        row(
            page,
            &[
                literal(&coverage.scope),
                match coverage.status {
                    CoverageStatus::Read => "read".to_owned(),
                    CoverageStatus::Unreadable => "**unreadable**".to_owned(),
                },
                words::number(coverage.inspected),
                coverage.error.as_deref().map(prose).unwrap_or_default(),
            ],
        );
    }
}

fn deliveries(page: &mut String, run: &Run) {
    if run.deliveries.is_empty() {
        return;
    }
    page.push_str("\n## Delivery\n\n");
    for delivery in &run.deliveries {
        // A failed delivery's reason is among the errors.
        let reason = match (&delivery.reason, delivery.outcome) {
            (Some(reason), DeliveryOutcome::Suppressed) => format!(", {}", prose(reason)),
            _ => String::new(),
        };
        page.push_str(&format!(
            "- {}: {}{reason}\n",
            prose(&delivery.destination),
            words::delivery_word(delivery.outcome)
        ));
    }
}

fn heading(page: &mut String, title: &str, count: usize) {
    page.push_str(&format!("\n## {title} ({})\n\n", words::number(count)));
}

fn table(page: &mut String, columns: &[&str]) {
    if !page.ends_with("\n\n") {
        page.push('\n');
    }
    page.push_str(&format!("| {} |\n", columns.join(" | ")));
    page.push_str(&format!("|{}\n", " --- |".repeat(columns.len())));
}

fn row(page: &mut String, cells: &[String]) {
    page.push_str(&format!("| {} |\n", cells.join(" | ")));
}

/// A value in code font. Where its characters could end the code or the table cell, it is plain text instead.
fn literal(value: &str) -> String {
    let value = visible(value);
    if value.is_empty() || value.contains(['`', '|']) || value.trim() != value {
        escaped(&value)
    } else {
        format!("`{value}`")
    }
}

/// A sentence, with what stands between backticks in code font.
fn prose(text: &str) -> String {
    let text = visible(text);
    match literals(&text) {
        Some(pieces)
            if pieces
                .iter()
                .all(|(is_literal, piece)| !is_literal || !piece.contains('|')) =>
        {
            pieces
                .into_iter()
                .map(|(is_literal, piece)| {
                    if is_literal {
                        literal(piece)
                    } else {
                        escaped(piece)
                    }
                })
                .collect()
        }
        _ => escaped(&text),
    }
}

/// Text without any markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    // A bullet or a number at the beginning would open a list within the list or cell.
    let marker = text.trim_start_matches(|character: char| character.is_ascii_digit());
    if text.starts_with(['-', '+', '=']) {
        escaped.push('\\');
    }
    for (index, character) in text.char_indices() {
        let rest = &text[index..];
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // GitHub looks for mentions in the finished page, where no backslash is left.
            '@' => escaped.push_str("@<!-- -->"),
            // Bare addresses become links at `://` and at `www.`.
            ':' if rest.starts_with("://") => escaped.push_str("\\:"),
            '.' if text[..index].to_ascii_lowercase().ends_with("www") => escaped.push_str("\\."),
            '.' | ')' if rest.len() == marker.len() && marker.len() < text.len() => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_never_markup() {
        for (value, expected) in [
            ("a|b", "a\\|b"),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            (
                "[click](https://evil.example)",
                "\\[click\\](https\\://evil.example)",
            ),
            (
                "![x](http://evil.example/x.png)",
                "\\!\\[x\\](http\\://evil.example/x.png)",
            ),
            ("see www.evil.example", "see www\\.evil.example"),
            ("ping @acme/everyone", "ping @<!-- -->acme/everyone"),
            ("**bold** _it_ ~no~", "\\*\\*bold\\*\\* \\_it\\_ \\~no\\~"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("# title", "\\# title"),
            ("back\\slash|", "back\\\\slash\\|"),
            ("&lt;", "&amp;lt;"),
            ("line\nnext", "line\\\\nnext"),
        ] {
            assert_eq!(prose(value), expected);
        }
    }

    #[test]
    fn what_a_sentence_quotes_is_a_literal() {
        assert_eq!(prose("lacks `cost_center`."), "lacks `cost_center`.");
        assert_eq!(prose("odd ` one"), "odd \\` one");
        assert_eq!(prose("tag `a|b`"), "tag \\`a\\|b\\`");
        assert_eq!(prose("tag `` and `<b>`"), "tag \\`\\` and \\`&lt;b&gt;\\`");
    }

    #[test]
    fn a_literal_cannot_end_its_own_code() {
        assert_eq!(literal("i-0abc"), "`i-0abc`");
        assert_eq!(literal("a`b"), "a\\`b");
        assert_eq!(literal("a|b"), "a\\|b");
        assert_eq!(literal(" padded "), " padded ");
    }
}
