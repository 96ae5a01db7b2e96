//! Decides. Of the bundles for one group the newest counts, in a delivery, against what waits and against what was
//! deployed: an older bundle never goes over a newer one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, Plan, Severity, Verdict as Judged};

use crate::action::{Action, Subject};
use crate::bundle::{Target, Waiting};
use crate::inventory::{Candidate, Ended, Inventory, Queued, QueuedState, Refusal, What};
use crate::outcome;
use crate::preflight::Verdict;
use crate::rules::Rules;
use crate::standing::{Standing, judge};

/// The event cannot be read.
pub const EVENT_RULE: &str = "event-unreadable";
/// Nothing says where a bundle goes.
pub const ROUTE_RULE: &str = "bundle-without-route";
/// A bundle is not what its name says, is broken, or does not fit what its group deploys to.
pub const UNUSABLE_RULE: &str = "bundle-unusable";
/// A bundle has no appspec where the agent looks for it.
pub const APPSPEC_RULE: &str = "bundle-without-appspec";
/// A bundle is in another region than its deployment group.
pub const REGION_RULE: &str = "bundle-in-other-region";
/// There is no such application or deployment group.
pub const GROUP_RULE: &str = "deployment-group-missing";
/// A bundle has been waiting for its busy group for a long time.
pub const PENDING_RULE: &str = "bundle-pending";
/// A bundle that waited is gone.
pub const GONE_RULE: &str = "bundle-gone";
/// A deployment failed, or was stopped.
pub const FAILED_RULE: &str = "deployment-failed";

/// Decides about every record, and about what waits.
pub fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan {
        notes: inventory.notes.clone(),
        ..Plan::default()
    };
    // The newest bundle for each group, by its place among the records.
    let mut newest: BTreeMap<&Target, (usize, &Candidate)> = BTreeMap::new();
    for (place, seen) in inventory.records.iter().enumerate() {
        if let What::Bundle(candidate) = &seen.what {
            let entry = newest
                .entry(&candidate.target)
                .or_insert((place, candidate));
            if entry.1.bundle.is_older(&candidate.bundle) {
                *entry = (place, candidate);
            }
        }
    }
    let mut served: Vec<&Target> = Vec::new();
    for (place, seen) in inventory.records.iter().enumerate() {
        let (id, subject) = (seen.id.as_str(), seen.subject.as_str());
        match &seen.what {
            What::Ignore(why) => plan.ignore(id, subject, why),
            What::Retry(why) => plan.retry(id, subject, why),
            What::Refuse(refusal) => plan.reject(id, subject, found(refusal)),
            What::Ended(_) => {}
            What::Bundle(candidate) => {
                let (first, winner) = newest[&candidate.target];
                let queued = inventory.waiting.get(&candidate.target);
                let url = winner.bundle.revision.url();
                if first != place && winner.bundle.revision.is_same(&candidate.bundle.revision) {
                    plan.ignore(id, subject, "the same delivery holds it twice");
                } else if first != place && candidate.bundle.is_older(&winner.bundle) {
                    plan.ignore(
                        id,
                        subject,
                        format!("a newer one is in the same delivery: {url}"),
                    );
                } else if first != place {
                    // Written in the same second: nobody can tell which is newer, so both have their turn.
                    plan.retry(
                        id,
                        subject,
                        format!("another one for {} comes first: {url}", candidate.target),
                    );
                } else if deploy(&mut plan, id, subject, candidate, queued, now) {
                    served.push(&candidate.target);
                }
            }
        }
    }
    // What is over may have made room: after the new bundles, which go before what waits.
    let mut drained: Vec<&Target> = Vec::new();
    for seen in &inventory.records {
        if let What::Ended(ended) = &seen.what {
            let queued = inventory.waiting.get(&ended.target);
            let is_open = !served.contains(&&ended.target) && !drained.contains(&&ended.target);
            let queued = queued.filter(|_| is_open);
            if over(&mut plan, &seen.id, &seen.subject, ended, queued, now) {
                drained.push(&ended.target);
            }
        }
    }
    for (target, queued) in &inventory.waiting {
        if !served.contains(&target) && !drained.contains(&target) {
            if let Some(action) = drain(&mut plan, None, queued, now) {
                plan.act(action);
            }
            waits(&mut plan, queued, rules, now);
        }
    }
    plan
}

/// Why a record is refused, as a finding.
fn found(refusal: &Refusal) -> Finding {
    Finding::new(
        refusal.rule,
        Severity::High,
        Judged::Fail,
        &refusal.resource,
        &refusal.message,
    )
}

/// Decides about the newest bundle for a group. `true`: it takes the group's turn from what waits.
fn deploy(
    plan: &mut Plan<Action>,
    id: &str,
    subject: &str,
    candidate: &Candidate,
    queued: Option<&Queued>,
    now: DateTime<Utc>,
) -> bool {
    let Candidate {
        bundle,
        target,
        options,
        verdict,
        group,
        history,
        previous,
    } = candidate;
    let waiting = queued.map(|queued| &queued.waiting.bundle);
    if let Some(waiting) = waiting.filter(|waiting| bundle.is_older(waiting)) {
        let url = waiting.revision.url();
        plan.ignore(
            id,
            subject,
            format!("a newer one waits for {target}: {url}"),
        );
        return false;
    }
    let of = Subject {
        record: Some(id.to_owned()),
        target: target.clone(),
        bundle: bundle.clone(),
    };
    match judge(bundle, group, history) {
        Standing::Deployed(deployment) => {
            plan.ignore(
                id,
                subject,
                format!("{deployment} has deployed it to {target}"),
            );
            false
        }
        Standing::Older(deployment, url) => {
            let why = format!("{deployment} has deployed a newer one to {target}: {url}");
            plan.ignore(id, subject, why);
            false
        }
        Standing::Busy(_) if waiting.is_some_and(|it| it.revision.is_same(&bundle.revision)) => {
            plan.ignore(id, subject, format!("it waits for {target} already"));
            false
        }
        Standing::Busy(behind) => {
            let action = Action::Wait {
                subject: of,
                options: options.clone(),
                behind,
                since: now,
            };
            plan.act_for(id, subject, action);
            true
        }
        Standing::Free => {
            let because = match verdict {
                Verdict::Good(appspec) => format!("new bundle, with {appspec}"),
                Verdict::Unknown(_) | Verdict::Bad(_) => "new bundle".to_owned(),
            };
            if let Verdict::Unknown(why) = verdict {
                plan.notes.push(format!(
                    "`{}` could not be looked through: {why}",
                    bundle.revision.url()
                ));
            }
            let action = Action::Deploy {
                subject: of,
                options: options.clone(),
                because,
                previous: previous.clone(),
                since: now,
            };
            plan.act_for(id, subject, action);
            true
        }
    }
}

/// Tells how a deployment ended, and drains its group. `true`: what waits has its turn.
fn over(
    plan: &mut Plan<Action>,
    id: &str,
    subject: &str,
    ended: &Ended,
    queued: Option<&Queued>,
    now: DateTime<Utc>,
) -> bool {
    let told = match outcome::finding(ended) {
        Some(finding) => {
            let told = finding.message.clone();
            // CodeDeploy delivers its events at least once.
            if !plan.findings.contains(&finding) {
                plan.find(finding);
            }
            told
        }
        None => "it was not made by this function".to_owned(),
    };
    if let Some(Queued {
        state: QueuedState::Unread(why),
        ..
    }) = queued
    {
        plan.retry(id, subject, why);
        return true;
    }
    match queued.and_then(|queued| drain(plan, Some(id), queued, now)) {
        Some(action) => {
            plan.act_for(id, subject, action);
            true
        }
        None => {
            plan.ignore(id, subject, told);
            false
        }
    }
}

/// What is done about a bundle that waits, if anything is.
fn drain(
    plan: &mut Plan<Action>,
    record: Option<&str>,
    queued: &Queued,
    now: DateTime<Utc>,
) -> Option<Action> {
    let Queued {
        waiting,
        tag,
        state,
    } = queued;
    let Waiting {
        target,
        bundle,
        options,
        since,
        ..
    } = waiting;
    let subject = Subject {
        record: record.map(str::to_owned),
        target: target.clone(),
        bundle: bundle.clone(),
    };
    let forget = |because: String| {
        Some(Action::Forget {
            subject: subject.clone(),
            tag: tag.clone(),
            because,
        })
    };
    let (group, history, previous) = match state {
        QueuedState::Known {
            group,
            history,
            previous,
        } => (group, history, previous),
        QueuedState::NoBundle => {
            let url = bundle.revision.url();
            plan.find(Finding::new(
                GONE_RULE,
                Severity::High,
                Judged::Fail,
                &target.resource(),
                format!("Bundle `{url}` waited for `{target}`, and was removed or overwritten before its turn."),
            ));
            return forget("it is gone".to_owned());
        }
        QueuedState::NoGroup | QueuedState::Unread(_) => return None,
    };
    match judge(bundle, group, history) {
        Standing::Deployed(id) => forget(format!("{id} has deployed it")),
        Standing::Older(id, url) => forget(format!("{id} has deployed a newer one: {url}")),
        Standing::Busy(behind) => {
            let reason = format!(
                "{} waits: the group is busy with {behind}",
                bundle.revision.url()
            );
            plan.skip(&target.resource(), reason);
            None
        }
        Standing::Free => Some(Action::Deploy {
            subject,
            options: options.clone(),
            because: format!("it waited since {}", minute(*since, now)),
            previous: previous.clone(),
            since: *since,
        }),
    }
}

/// Tells about what has been waiting for a long time, or for ever.
fn waits(plan: &mut Plan<Action>, queued: &Queued, rules: &Rules, now: DateTime<Utc>) {
    let Waiting {
        target,
        bundle,
        since,
        behind,
        ..
    } = &queued.waiting;
    let url = bundle.revision.url();
    if matches!(queued.state, QueuedState::NoGroup) {
        plan.find(Finding::new(
            GROUP_RULE,
            Severity::High,
            Judged::Fail,
            &target.resource(),
            format!("Bundle `{url}` waits for `{target}`, and there is no such application or deployment group any more."),
        ));
    } else if now - *since >= rules.pending {
        let behind = behind.as_deref().unwrap_or("a deployment");
        let finding = Finding::new(
            PENDING_RULE,
            Severity::Medium,
            Judged::Fail,
            &target.resource(),
            format!(
                "Bundle `{url}` has been waiting for `{target}` since {}, at first for {behind}.",
                since.format("%Y-%m-%d %H:%M UTC")
            ),
        );
        plan.find(finding.evidence("since", since.to_rfc3339()));
    }
}

/// A time of today, or with its day.
fn minute(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let form = match time.date_naive() == now.date_naive() {
        true => "%H:%M UTC",
        false => "%Y-%m-%d %H:%M UTC",
    };
    time.format(form).to_string()
}
