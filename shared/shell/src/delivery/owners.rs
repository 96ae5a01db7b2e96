//! Which findings belong to whom. An owner gets a report of nothing but what is theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lamplighter_core::{
    ActionOutcome, ActionRow, Delta, Finding, Run, RunOutcome, Skipped, Summary, Verdict,
};
use lamplighter_mail::Address;
use lamplighter_report::is_listed;

/// One owner, with a run that holds only what is theirs.
pub(super) struct Owned {
    pub(super) address: Address,
    pub(super) run: Run,
}

/// The owner of a finding, as its function found out: a bare address, so that no tag can pretend to be somebody.
fn owner_of(finding: &Finding) -> Option<Address> {
    let text = finding.evidence.get("owner")?.as_str()?;
    let address = Address::parse(text).ok()?;
    (address.name().is_none() && !text.contains('<')).then_some(address)
}

/// What every owner should hear, in the order of their addresses.
pub(super) fn of_each(run: &Run) -> Vec<Owned> {
    let mut found: BTreeMap<String, (Address, Theirs<'_>)> = BTreeMap::new();
    for finding in run.problems() {
        if let Some(address) = owner_of(finding) {
            let entry = found.entry(address.email());
            let (_, theirs) = entry.or_insert_with(|| (address, Theirs::default()));
            theirs.findings.push(finding);
        }
    }
    if let Some(delta) = &run.delta {
        for finding in &delta.resolved {
            if let Some(address) = owner_of(finding) {
                let entry = found.entry(address.email());
                let (_, theirs) = entry.or_insert_with(|| (address, Theirs::default()));
                theirs.resolved.push(finding);
            }
        }
    }
    let rows = Rows::of(run);
    found
        .into_values()
        .map(|(address, theirs)| Owned {
            address,
            run: rows.run_of(run, &theirs),
        })
        .collect()
}

/// The findings that a mail lists: problems, and certificates whatever their verdict is.
pub(super) fn listed(run: &Run) -> impl Iterator<Item = &Finding> {
    run.findings.iter().filter(|finding| is_listed(finding))
}

/// The run without the findings of owners, except those of `unreached`, whom no mail could be sent to.
pub(super) fn rest(run: &Run, unreached: &BTreeSet<String>) -> Run {
    let mut sent = BTreeSet::new();
    let mut is_kept = |finding: &Finding| match owner_of(finding) {
        Some(owner) if !unreached.contains(&owner.email()) => {
            sent.insert(owner.email());
            false
        }
        _ => true,
    };
    let findings: Vec<Finding> = listed(run)
        .filter(|finding| is_kept(finding))
        .cloned()
        .collect();
    let moved = listed(run).count() - findings.len();
    let mut rest = Run {
        actions: run.actions.clone(),
        skipped: run.skipped.clone(),
        errors: run.errors.clone(),
        notes: run.notes.clone(),
        exceptions: run.exceptions.clone(),
        delta: run
            .delta
            .as_ref()
            .map(|delta| part_of(delta, &findings, |finding| is_kept(finding))),
        summary: Summary {
            fail: count(&findings, Verdict::Fail),
            unknown: count(&findings, Verdict::Unknown),
            ..run.summary.clone()
        },
        ..run.frame()
    };
    rest.findings = findings;
    let note = match (moved, sent.len()) {
        (0, _) => None,
        (1, _) => Some("1 finding is not listed here: reports about it go to its owner".to_owned()),
        (moved, 1) => Some(format!(
            "{moved} findings are not listed here: reports about them go to their owner"
        )),
        (moved, owners) => Some(format!(
            "{moved} findings are not listed here: reports about them go to their {owners} owners"
        )),
    };
    rest.notes.extend(note);
    rest
}

/// What belongs to one owner.
#[derive(Default)]
struct Theirs<'a> {
    findings: Vec<&'a Finding>,
    resolved: Vec<&'a Finding>,
}

/// The rows of a run by their resource, looked up once for all owners.
struct Rows<'a> {
    actions: HashMap<&'a str, Vec<&'a ActionRow>>,
    skipped: HashMap<&'a str, Vec<&'a Skipped>>,
}

impl<'a> Rows<'a> {
    fn of(run: &'a Run) -> Self {
        let mut rows = Self {
            actions: HashMap::new(),
            skipped: HashMap::new(),
        };
        for action in &run.actions {
            let known = rows.actions.entry(action.resource.as_str());
            known.or_default().push(action);
        }
        for skipped in &run.skipped {
            let known = rows.skipped.entry(skipped.resource.as_str());
            known.or_default().push(skipped);
        }
        rows
    }

    /// The run as an owner should see it. What went wrong elsewhere is not theirs.
    fn run_of(&self, run: &Run, theirs: &Theirs<'_>) -> Run {
        let resources: BTreeSet<&str> = theirs
            .findings
            .iter()
            .chain(&theirs.resolved)
            .map(|finding| finding.resource.as_str())
            .collect();
        let actions = resources.iter().filter_map(|name| self.actions.get(name));
        let actions: Vec<ActionRow> = actions.flatten().map(|row| (*row).clone()).collect();
        let skipped = resources.iter().filter_map(|name| self.skipped.get(name));
        let skipped: Vec<Skipped> = skipped.flatten().map(|row| (*row).clone()).collect();
        let findings: Vec<Finding> = theirs.findings.iter().map(|row| (*row).clone()).collect();
        let ended = |outcome| actions.iter().filter(|row| row.outcome == outcome).count();
        let judged: BTreeSet<&str> = findings.iter().map(|row| row.resource.as_str()).collect();
        Run {
            summary: Summary {
                inspected: judged.len(),
                fail: count(&findings, Verdict::Fail),
                unknown: count(&findings, Verdict::Unknown),
                planned: ended(ActionOutcome::Planned),
                done: ended(ActionOutcome::Done),
                failed: ended(ActionOutcome::Failed),
                skipped: skipped.len(),
                ..Summary::default()
            },
            outcome: match ended(ActionOutcome::Failed) {
                0 => RunOutcome::Ok,
                _ => RunOutcome::Partial,
            },
            would_refuse: None,
            coverage: vec![],
            delta: run.delta.as_ref().map(|delta| Delta {
                resolved: theirs.resolved.iter().map(|row| (*row).clone()).collect(),
                unseen: vec![],
                ..part_of(delta, &findings, |_| false)
            }),
            findings,
            actions,
            skipped,
            ..run.frame()
        }
    }
}

/// The part of a delta that is about these findings, and those of before that are kept.
fn part_of(
    delta: &Delta,
    findings: &[Finding],
    mut is_kept: impl FnMut(&Finding) -> bool,
) -> Delta {
    let theirs: BTreeSet<&str> = findings
        .iter()
        .map(|finding| finding.fingerprint.as_str())
        .collect();
    let among = |fingerprints: &[String]| -> Vec<String> {
        let kept = fingerprints.iter();
        kept.filter(|fingerprint| theirs.contains(fingerprint.as_str()))
            .cloned()
            .collect()
    };
    let mut kept = |findings: &[Finding]| -> Vec<Finding> {
        findings
            .iter()
            .filter(|finding| is_kept(finding))
            .cloned()
            .collect()
    };
    Delta {
        since: delta.since,
        new: among(&delta.new),
        changed: among(&delta.changed),
        resolved: kept(&delta.resolved),
        unseen: kept(&delta.unseen),
    }
}

fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings
        .iter()
        .filter(|finding| finding.verdict == verdict)
        .count()
}
