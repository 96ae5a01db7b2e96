//! What every readable format says, before it is laid out: the order of things, the groups, and the words.

use std::collections::BTreeMap;

use lamplighter_core::{
    ActionOutcome, ActionRow, Coverage, CoverageStatus, DeliveryOutcome, ErrorRow, Finding, Mode,
    RecordOutcome, RecordRow, Run, RunOutcome, Severity, Skipped, Summary, Verdict,
};

use crate::Options;
use crate::certificates::is_listed;
use crate::escape::visible;
use crate::listed::{Extent, Listed};
use crate::words::{account_name, counted, is_region, number, short_name};

/// A group of more names than this is cut short unless everything was asked for.
const MOST_NAMES: usize = 20;
/// How many names of a group that is cut short are shown.
const FIRST_NAMES: usize = 10;

/// One line that says what happened and where, for the subject of a mail.
///
/// It holds no control characters, so that it can become a header, a title or a log line as it is.
pub fn subject(run: &Run) -> String {
    let outcome = match run.outcome {
        RunOutcome::Ok => String::new(),
        bad => format!("{}, ", bad.as_str()),
    };
    let subject = format!(
        "[lamplighter] {}: {outcome}{} in {}",
        run.function,
        gist(run),
        account_name(run)
    );
    visible(&subject).into_owned()
}

/// The news in a few words: `3 findings, 2 planned`, `no findings`, `nothing to report`.
pub(crate) fn gist(run: &Run) -> String {
    let summary = &run.summary;
    let mut words = vec![];
    if summary.fail > 0 {
        words.push(counted(summary.fail, "finding"));
    }
    if summary.unknown > 0 {
        words.push(format!("{} unknown", number(summary.unknown)));
    }
    if summary.failed > 0 {
        words.push(format!("{} failed", counted(summary.failed, "action")));
    }
    if summary.done > 0 {
        words.push(format!("{} done", number(summary.done)));
    }
    if summary.planned > 0 {
        words.push(format!("{} planned", number(summary.planned)));
    }
    if words.is_empty() {
        words.push(match run.outcome {
            _ if is_quiet(run) => "nothing to report".to_owned(),
            // Nobody looked, so nobody may say that nothing was found.
            RunOutcome::Failed => "nothing was judged".to_owned(),
            _ => "no findings".to_owned(),
        });
    }
    words.join(", ")
}

/// Whether there is nothing that anybody has to read.
pub(crate) fn is_quiet(run: &Run) -> bool {
    run.outcome == RunOutcome::Ok
        && run.would_refuse.is_none()
        && run.errors.is_empty()
        && run.actions.is_empty()
        && !run.has_findings()
}

/// All counts as one sentence or two.
pub(crate) fn summary(run: &Run) -> String {
    let Summary {
        inspected,
        pass,
        fail,
        not_applicable,
        unknown,
        planned,
        done,
        failed,
        skipped,
    } = run.summary;
    let listed = |counts: &[(usize, &str)]| {
        counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} {word}", number(*count)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if is_quiet(run) {
        let counts = listed(&[
            (inspected, "inspected"),
            (pass, "pass"),
            (not_applicable, "not applicable"),
            (skipped, "skipped"),
        ]);
        return match counts.as_str() {
            "" => "Nothing to report: there was nothing to inspect.".to_owned(),
            counts => format!("Nothing to report: {counts}."),
        };
    }
    if run.outcome == RunOutcome::Failed && inspected == 0 {
        return "Nothing was inspected.".to_owned();
    }
    let verdicts = listed(&[
        (fail, "fail"),
        (unknown, "unknown"),
        (pass, "pass"),
        (not_applicable, "not applicable"),
    ]);
    let vetoed = count_actions(run, ActionOutcome::Vetoed);
    let vanished = count_actions(run, ActionOutcome::Vanished);
    let actions = listed(&[
        (failed, "failed"),
        (done, "done"),
        (planned, "planned"),
        (vetoed, "vetoed"),
        (vanished, "vanished"),
    ]);
    let mut sentences = vec![match verdicts.as_str() {
        "" => format!("{} inspected.", number(inspected)),
        verdicts => format!("{} inspected: {verdicts}.", number(inspected)),
    }];
    if !actions.is_empty() {
        sentences.push(format!("Actions: {actions}."));
    }
    if skipped > 0 {
        sentences.push(format!("{} skipped.", number(skipped)));
    }
    sentences.join(" ")
}

/// What the mode means for the reader.
pub(crate) fn mode(run: &Run) -> &'static str {
    match (run.mode, run.outcome) {
        (Mode::DryRun, _) => "dry run, nothing was changed or sent",
        (Mode::Plan, _) => "plan, nothing was changed",
        (Mode::Apply, RunOutcome::Refused) => "apply, nothing was changed",
        (Mode::Apply, RunOutcome::Failed) => "apply",
        (Mode::Apply, _) if run.actions.is_empty() => "apply, there was nothing to change",
        (Mode::Apply, _) => "apply",
    }
}

/// Why the outcome is not `ok`. A refusal has its reason elsewhere: see [`refusal`].
pub(crate) fn outcome(run: &Run) -> Option<String> {
    match run.outcome {
        RunOutcome::Ok | RunOutcome::Refused => None,
        RunOutcome::Failed => Some("the run itself failed".to_owned()),
        RunOutcome::Partial => {
            let coverage = coverage(run);
            let mut reasons = vec![];
            if !coverage.unreadable.is_empty() {
                reasons.push(format!(
                    "{} of {} could not be read",
                    number(coverage.unreadable.len()),
                    counted(coverage.total, coverage.noun)
                ));
            }
            if run.summary.failed > 0 {
                reasons.push(format!("{} failed", counted(run.summary.failed, "action")));
            }
            if run
                .deliveries
                .iter()
                .any(|delivery| delivery.outcome == DeliveryOutcome::Failed)
            {
                reasons.push("the report was not delivered everywhere".to_owned());
            }
            if reasons.is_empty() {
                reasons.push(counted(run.errors.len().max(1), "error"));
            }
            Some(reasons.join(", "))
        }
    }
}

/// A limit that stopped the run, or would stop it: the title, and why.
pub(crate) fn refusal(run: &Run) -> Option<(&'static str, &str)> {
    if run.outcome == RunOutcome::Refused {
        let reason = run
            .would_refuse
            .as_deref()
            .or_else(|| run.errors.first().map(|error| error.message.as_str()));
        return Some((
            "Refused, nothing was changed",
            reason.unwrap_or("no reason was given"),
        ));
    }
    let reason = run.would_refuse.as_deref()?;
    Some(("Apply would be refused", reason))
}

/// The errors, without the one that is the reason of a refusal: that stands above them.
pub(crate) fn errors(run: &Run) -> Vec<&ErrorRow> {
    let is_refusal = |error: &ErrorRow| {
        run.outcome == RunOutcome::Refused
            && refusal(run).is_some_and(|(_, reason)| error.message.starts_with(reason))
    };
    run.errors
        .iter()
        .filter(|error| !is_refusal(error))
        .collect()
}

/// Whether an error only repeats why a scope could not be read.
pub(crate) fn is_about_coverage(run: &Run, error: &ErrorRow) -> bool {
    run.coverage.iter().any(|coverage| {
        coverage.scope == error.scope && coverage.error.as_deref() == Some(&error.message)
    })
}

/// Where a finding stands in the report: the worst first, and what is fine at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A `fail` or `unknown`, by how much it matters.
    Severity(Severity),
    /// Fine.
    Pass,
    /// Not concerned.
    NotApplicable,
}

impl Rank {
    /// The rank of `finding`.
    pub(crate) fn of(finding: &Finding) -> Self {
        match finding.verdict {
            Verdict::Fail | Verdict::Unknown => Self::Severity(finding.severity),
            Verdict::Pass => Self::Pass,
            Verdict::NotApplicable => Self::NotApplicable,
        }
    }

    /// The rank in words, as a heading has it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Severity(Severity::Critical) => "Critical",
            Self::Severity(Severity::High) => "High",
            Self::Severity(Severity::Medium) => "Medium",
            Self::Severity(Severity::Low) => "Low",
            Self::Severity(Severity::Info) => "Info",
            Self::Pass => "Pass",
            Self::NotApplicable => "Not applicable",
        }
    }
}

/// The findings to list, worst first, then by account, region and resource.
pub(crate) fn findings<'a>(run: &'a Run, options: &Options) -> Vec<&'a Finding> {
    sorted(if options.all {
        run.findings.iter().collect()
    } else {
        run.problems().collect()
    })
}

/// The findings of a report with a section for certificates: one that only says that all is well stands there, and is
/// not said twice.
pub(crate) fn findings_beside_certificates<'a>(
    run: &'a Run,
    options: &Options,
) -> Vec<&'a Finding> {
    let mut findings = findings(run, options);
    findings.retain(|finding| finding.verdict != Verdict::Pass || !is_listed(finding));
    findings
}

/// The findings of a table without sections: certificates that are fine too.
pub(crate) fn findings_and_certificates<'a>(run: &'a Run, options: &Options) -> Vec<&'a Finding> {
    let all = run.findings.iter();
    sorted(
        all.filter(|finding| options.all || is_listed(finding))
            .collect(),
    )
}

fn sorted(mut findings: Vec<&Finding>) -> Vec<&Finding> {
    findings.sort_by_key(|finding| {
        (
            Rank::of(finding),
            &finding.account,
            &finding.region,
            &finding.resource,
            &finding.rule,
        )
    });
    findings
}

/// The outcomes in the order a reader wants them: what went wrong, what happened, what would happen.
pub(crate) const OUTCOMES: [ActionOutcome; 5] = [
    ActionOutcome::Failed,
    ActionOutcome::Done,
    ActionOutcome::Planned,
    ActionOutcome::Vetoed,
    ActionOutcome::Vanished,
];

/// All actions, in the order of [`OUTCOMES`] and within it of the run.
pub(crate) fn all_actions(run: &Run) -> Vec<&ActionRow> {
    OUTCOMES
        .into_iter()
        .flat_map(|outcome| actions(run, outcome))
        .collect()
}

/// The actions with `outcome`, in the order of the run.
pub(crate) fn actions(run: &Run, outcome: ActionOutcome) -> impl Iterator<Item = &ActionRow> {
    run.actions
        .iter()
        .filter(move |action| action.outcome == outcome)
}

/// How many actions ended with `outcome`.
pub(crate) fn count_actions(run: &Run, outcome: ActionOutcome) -> usize {
    actions(run, outcome).count()
}

/// What an outcome means, where the word alone does not say it.
pub(crate) fn outcome_meaning(run: &Run, outcome: ActionOutcome) -> Option<&'static str> {
    match outcome {
        ActionOutcome::Failed | ActionOutcome::Done => None,
        ActionOutcome::Planned if run.outcome == RunOutcome::Refused => Some("refused, not done"),
        ActionOutcome::Planned => Some("not done, apply mode would do it"),
        ActionOutcome::Vetoed => Some("left alone: protected, or no longer in violation"),
        ActionOutcome::Vanished => Some("gone before it could be changed"),
    }
}

/// Everything left alone for the same reason.
pub(crate) struct SkippedGroup<'a> {
    /// Why it was left alone.
    pub(crate) reason: &'a str,
    /// What was left alone: as many names as should be shown.
    pub(crate) names: Vec<&'a str>,
    /// How many there are.
    pub(crate) count: usize,
}

impl SkippedGroup<'_> {
    /// How many are not shown.
    pub(crate) fn hidden(&self) -> usize {
        self.count - self.names.len()
    }

    /// What stands behind the names: `and 18 more (the attached CSV has them)`.
    pub(crate) fn rest(&self, extent: Extent) -> Option<String> {
        (self.hidden() > 0).then(|| {
            format!(
                "and {} more ({})",
                number(self.hidden()),
                extent.where_names_are()
            )
        })
    }
}

/// What was left alone, the most frequent reason first.
pub(crate) fn skipped<'a>(run: &'a Run, options: &Options) -> Vec<SkippedGroup<'a>> {
    let mut by_reason: BTreeMap<&str, Vec<&Skipped>> = BTreeMap::new();
    for row in &run.skipped {
        by_reason.entry(&row.reason).or_default().push(row);
    }
    let mut groups: Vec<SkippedGroup<'_>> = by_reason
        .into_iter()
        .map(|(reason, rows)| {
            let shown = if options.all || rows.len() <= MOST_NAMES {
                rows.len()
            } else {
                FIRST_NAMES
            };
            SkippedGroup {
                reason,
                count: rows.len(),
                names: rows
                    .iter()
                    .take(shown)
                    .map(|row| short_name(&row.resource))
                    .collect(),
            }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// The first groups of what was left alone. What is hidden are resources, not groups.
pub(crate) fn first_skipped<'a>(
    run: &'a Run,
    options: &Options,
    most: usize,
) -> Listed<SkippedGroup<'a>> {
    let mut groups = Listed::first(skipped(run, options), most);
    let shown: usize = groups.rows.iter().map(|group| group.count).sum();
    groups.hidden = run.skipped.len() - shown;
    groups
}

/// What was looked at, counted.
pub(crate) struct CoverageStory<'a> {
    /// `region` where all scopes are regions of one account, else `scope`.
    pub(crate) noun: &'static str,
    /// How many scopes there are.
    pub(crate) total: usize,
    /// Those about which nothing is known.
    pub(crate) unreadable: Vec<&'a Coverage>,
}

impl CoverageStory<'_> {
    /// `16 of 17 regions read`.
    pub(crate) fn sentence(&self) -> String {
        let read = self.total - self.unreadable.len();
        match self.total {
            0 => "nothing was looked at".to_owned(),
            total => format!("{} of {} read", number(read), counted(total, self.noun)),
        }
    }
}

/// Counts what was looked at.
pub(crate) fn coverage(run: &Run) -> CoverageStory<'_> {
    let mut accounts = vec![];
    let mut all_regions = true;
    for coverage in &run.coverage {
        let (account, rest) = coverage
            .scope
            .split_once('/')
            .unwrap_or((&coverage.scope, ""));
        accounts.push(account);
        all_regions &= is_region(rest);
    }
    accounts.dedup();
    CoverageStory {
        noun: if all_regions && accounts.len() == 1 {
            "region"
        } else {
            "scope"
        },
        total: run.coverage.len(),
        unreadable: run
            .coverage
            .iter()
            .filter(|coverage| coverage.status == CoverageStatus::Unreadable)
            .collect(),
    }
}

/// The records of the event that came to nothing: there was nothing to do, they come again, or they cannot succeed.
/// What was done stands among the actions; with `--all` it is listed here too.
pub(crate) fn records<'a>(run: &'a Run, options: &Options) -> Vec<&'a RecordRow> {
    let is_told = |row: &&RecordRow| {
        options.all || !matches!(row.outcome, RecordOutcome::Done | RecordOutcome::Planned)
    };
    run.records.iter().filter(is_told).collect()
}
