//! Decides, for each instance: leave it, warn its owner, or end it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use lamplighter_core::{Finding, MarkRule, Plan, Population, Resource, Severity, Verdict, mark};
use lamplighter_shell::warning;

use crate::action::{Action, Target, list};
use crate::instance::{AUTO_SCALING_GROUP, Instance, Inventory, Spot, State};
use crate::rules::{Ending, Rules};

/// The rule's name.
pub const RULE: &str = "missing-required-tags";

/// The tag that remembers the deadline. Its presence means that the owner was warned.
pub const MARK: &str = "lamplighter:stop-after";

/// Decides what to do about every instance.
pub fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan {
        notes: inventory.notes.clone(),
        ..Plan::default()
    };
    let mut groups: BTreeMap<(Resource, String), Vec<&Instance>> = BTreeMap::new();

    for instance in &inventory.instances {
        let resource = instance.resource();
        match judge(instance, rules, now) {
            Decision::Ignore(why) => plan.not_applicable(RULE, &resource, sentence(instance, &why)),
            Decision::Pass => plan.pass(
                RULE,
                &resource,
                sentence(instance, "carries the required tags"),
            ),
            Decision::Unmark(because) => {
                let verdict = if because == MENDED {
                    Verdict::Pass
                } else {
                    Verdict::NotApplicable
                };
                let finding = Finding::new(
                    RULE,
                    Severity::Info,
                    verdict,
                    &resource,
                    sentence(instance, &because),
                );
                plan.find(finding);
                let mark = instance
                    .tags
                    .get(MARK)
                    .map(str::to_owned)
                    .unwrap_or_default();
                plan.act(Action::Unmark {
                    target: target(instance, rules, &[]),
                    mark,
                    because,
                });
            }
            Decision::BlameGroup(group) => {
                let why = format!("member of Auto Scaling group `{group}`");
                plan.not_applicable(
                    RULE,
                    &resource,
                    sentence(instance, &format!("is a {why}, which is reported instead")),
                );
                plan.skip(&resource, why);
                groups
                    .entry((group_resource(instance, &group), group))
                    .or_default()
                    .push(instance);
            }
            Decision::Leave { missing, why } => {
                plan.find(violation(instance, rules, &missing));
                plan.skip(&resource, why);
            }
            Decision::Skip(why) => {
                plan.not_applicable(
                    RULE,
                    &resource,
                    sentence(instance, &format!("is not judged: {why}")),
                );
                plan.skip(&resource, why);
            }
            Decision::Warn { missing } => {
                plan.find(violation(instance, rules, &missing));
                plan.act(Action::WarnAndMark {
                    target: target(instance, rules, &missing),
                    recipients: recipients(instance, rules),
                    stop_after: now + rules.grace(),
                    grace_hours: rules.grace_hours,
                    terminates: rules.ending == Ending::Terminate,
                });
            }
            Decision::End { missing, because } => {
                plan.find(violation(instance, rules, &missing));
                let target = target(instance, rules, &missing);
                plan.act(match rules.ending {
                    Ending::Stop => Action::Stop { target, because },
                    Ending::Terminate => Action::Terminate { target, because },
                });
            }
        }
    }

    for ((resource, group), members) in groups {
        let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        let missing: BTreeSet<String> = members
            .iter()
            .flat_map(|member| missing_tags(member, rules))
            .collect();
        let missing: Vec<String> = missing.into_iter().collect();
        let message = format!(
            "Auto Scaling group `{group}` launches instances without {}: {} running.",
            list(&missing),
            members.len()
        );
        plan.find(
            Finding::new(RULE, Severity::Medium, Verdict::Fail, &resource, message)
                .evidence("missing_tags", missing)
                .evidence("instances", ids),
        );
    }

    for account in &inventory.accounts {
        let running = |instance: &&Instance| {
            &instance.place.account == account && instance.state == State::Running
        };
        plan.populations.push(Population {
            account: account.clone(),
            of: "running instances",
            read: inventory.instances.iter().filter(running).count(),
            offending: inventory
                .instances
                .iter()
                .filter(running)
                .filter(|instance| !missing_tags(instance, rules).is_empty())
                .filter(|instance| !matches!(exemption(instance, rules, now), Exemption::Valid(_)))
                .count(),
        });
    }
    plan
}

/// What to do about one instance.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The rule does not concern it, and nobody needs to read why.
    Ignore(String),
    /// It has its tags.
    Pass,
    /// It is marked, and the violation is mended or excused.
    Unmark(String),
    /// Its Auto Scaling group is the offender.
    BlameGroup(String),
    /// The rule does not concern it yet; worth a line.
    Skip(String),
    /// It violates, and is left alone for a reason.
    Leave { missing: Vec<String>, why: String },
    /// It violates, and nobody was warned.
    Warn { missing: Vec<String> },
    /// It violates, and its time is up.
    End {
        missing: Vec<String>,
        because: String,
    },
}

const MENDED: &str = "carries the required tags again";

fn judge(instance: &Instance, rules: &Rules, now: DateTime<Utc>) -> Decision {
    let missing = missing_tags(instance, rules);
    let mark = instance.tags.get(MARK);

    if instance.state == State::Gone {
        return Decision::Ignore("is terminated".to_owned());
    }
    if missing.is_empty() {
        return if mark.is_some() {
            Decision::Unmark(MENDED.to_owned())
        } else {
            Decision::Pass
        };
    }
    match exemption(instance, rules, now) {
        Exemption::None => {}
        Exemption::Valid(why) if mark.is_some() => return Decision::Unmark(why),
        Exemption::Valid(why) => return Decision::Ignore(why),
        Exemption::Malformed(why) => return Decision::Leave { missing, why },
    }
    match instance.state {
        State::Stopped => return Decision::Skip("not running".to_owned()),
        State::Pending => return Decision::Skip("still starting".to_owned()),
        State::Running | State::Gone => {}
    }
    if let Some(group) = instance.auto_scaling_group() {
        return Decision::BlameGroup(group.to_owned());
    }
    if let Some(why) = beyond_reach(instance, rules) {
        return Decision::Leave { missing, why };
    }
    let Some(exists_since) = instance.exists_since else {
        return Decision::Leave {
            missing,
            why: "EC2 does not say since when it exists".to_owned(),
        };
    };
    if now < exists_since + rules.min_age() {
        let old_enough = exists_since + rules.min_age();
        return Decision::Skip(format!(
            "younger than {} h, judged from {} on",
            rules.min_age_hours,
            minute(old_enough)
        ));
    }

    // A mark speaks even where no grace is configured: a stranger's text on it means that somebody interfered.
    let rule = MarkRule {
        tag: MARK,
        bearer: "the instance",
        exists_since,
        grace: rules.grace(),
        grace_in_words: &format!("the grace period of {} h", rules.grace_hours),
    };
    let deadline = match rule.deadline(mark, now) {
        Ok(deadline) => deadline,
        Err(why) => return Decision::Leave { missing, why },
    };
    let because = match deadline {
        _ if rules.grace_hours == 0 => {
            format!("lacks {}; no grace period is configured", list(&missing))
        }
        None => return Decision::Warn { missing },
        Some(deadline) if now < deadline => {
            return Decision::Leave {
                missing,
                why: format!("warned, may stay until {}", minute(deadline)),
            };
        }
        Some(deadline) => format!(
            "lacks {}; warned, and the time was up at {}",
            list(&missing),
            minute(deadline)
        ),
    };
    match &rules.work_hours {
        Some(hours) if !hours.contain(now) => Decision::Leave {
            missing,
            why: "its time is up, waits for the work hours".to_owned(),
        },
        _ => Decision::End { missing, because },
    }
}

/// Why an instance that violates cannot be ended here, whatever its mark says. Protection is not among it: EC2 tells
/// when it is asked, and that is a veto.
fn beyond_reach(instance: &Instance, rules: &Rules) -> Option<String> {
    if let Some(service) = &instance.managed_by {
        return Some(format!("managed by `{service}`"));
    }
    match (rules.ending, instance.spot) {
        (Ending::Stop, Some(Spot::OneTime)) => {
            return Some("one-time spot instance, which EC2 can only terminate".to_owned());
        }
        (Ending::Terminate, Some(Spot::Persistent)) => {
            return Some("its persistent spot request would start another one".to_owned());
        }
        (_, Some(Spot::Unknown)) => {
            return Some("the kind of its spot request could not be read".to_owned());
        }
        (_, None)
        | (Ending::Stop, Some(Spot::Persistent))
        | (Ending::Terminate, Some(Spot::OneTime)) => {}
    }
    (rules.ending == Ending::Stop && instance.has_instance_store_root)
        .then(|| "its root device is an instance store, which EC2 cannot stop".to_owned())
}

/// The required tags that an instance lacks: absent, blank, or with a value that is not allowed.
fn missing_tags(instance: &Instance, rules: &Rules) -> Vec<String> {
    rules
        .required_tags
        .iter()
        .filter(|key| {
            let value = instance
                .tag(key, rules.case_sensitive)
                .map(str::trim)
                .unwrap_or_default();
            let allowed = rules.allowed_values.iter().find(|(tag, _)| tag == *key);
            value.is_empty() || allowed.is_some_and(|(_, pattern)| !pattern.is_match(value))
        })
        .cloned()
        .collect()
}

enum Exemption {
    None,
    Valid(String),
    Malformed(String),
}

/// Whether a tag exempts the instance: empty or `true` for ever, a date until the end of that day in UTC, a time until
/// then. Anything else protects, and is reported: a typing error must not cost an instance.
fn exemption(instance: &Instance, rules: &Rules, now: DateTime<Utc>) -> Exemption {
    let mut found = Exemption::None;
    for key in &rules.exempt_tags {
        let Some(value) = instance.tag(key, rules.case_sensitive).map(str::trim) else {
            continue;
        };
        if value.is_empty() || value.eq_ignore_ascii_case("true") {
            return Exemption::Valid(format!("is exempt by its tag `{key}`"));
        }
        match until(value) {
            Some(until) if now < until => {
                return Exemption::Valid(format!(
                    "is exempt by its tag `{key}` until {}",
                    minute(until)
                ));
            }
            Some(_) => {}
            None => {
                found = Exemption::Malformed(format!(
                    "protected: its tag `{key}` holds `{value}`, which is neither empty, `true`, a date nor a time"
                ));
            }
        }
    }
    found
}

fn until(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    // Four digits, so that `1-1-1` is a typing error and not the year 1.
    (text.len() == 10).then_some(())?;
    Some(
        day.checked_add_days(Days::new(1))?
            .and_time(NaiveTime::MIN)
            .and_utc(),
    )
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Who is warned: the owner if a tag names one, else the configured recipients.
fn recipients(instance: &Instance, rules: &Rules) -> Vec<String> {
    owner(instance, rules).map_or_else(|| rules.to.clone(), |owner| vec![owner.to_owned()])
}

/// The owner's address, if a tag names one.
fn owner<'a>(instance: &'a Instance, rules: &Rules) -> Option<&'a str> {
    let values = rules
        .owner_tags
        .iter()
        .filter_map(|key| instance.tag(key, rules.case_sensitive));
    warning::owner(values, &rules.owner_domains)
}

/// The instance, and every tag that took part in the decision as it was seen.
fn target(instance: &Instance, rules: &Rules, missing: &[String]) -> Target {
    let deciding = [MARK, AUTO_SCALING_GROUP];
    let keys = rules
        .required_tags
        .iter()
        .chain(&rules.exempt_tags)
        .map(String::as_str)
        .chain(deciding);
    Target {
        id: instance.id.clone(),
        account: instance.place.account.clone(),
        partition: instance.place.partition.clone(),
        region: instance.place.region.clone(),
        name: instance.tags.get("Name").map(str::to_owned),
        tags: keys
            .map(|key| {
                (
                    key.to_owned(),
                    instance
                        .tag(key, rules.case_sensitive)
                        .map(ToOwned::to_owned),
                )
            })
            .collect(),
        case_sensitive: rules.case_sensitive,
        missing: missing.to_vec(),
    }
}

fn violation(instance: &Instance, rules: &Rules, missing: &[String]) -> Finding {
    let message = sentence(
        instance,
        &format!(
            "lacks the required {} {}",
            if missing.len() == 1 { "tag" } else { "tags" },
            list(missing)
        ),
    );
    let resource = instance.resource();
    let finding = Finding::new(RULE, Severity::Medium, Verdict::Fail, &resource, message);
    // Exceptions may name a tag, and reports may go to the owner.
    let finding = finding
        .evidence("tags", instance.tags.to_json())
        .evidence("owner", owner(instance, rules));
    finding
        .evidence("missing_tags", missing.to_vec())
        .evidence("name", instance.tags.get("Name").map(str::to_owned))
        .evidence("stop_after", instance.tags.get(MARK).map(str::to_owned))
        .evidence("exists_since", instance.exists_since.map(mark::text))
}

fn sentence(instance: &Instance, predicate: &str) -> String {
    match instance.tags.get("Name").filter(|name| !name.is_empty()) {
        Some(name) => format!("Instance `{}` ({name}) {predicate}.", instance.id),
        None => format!("Instance `{}` {predicate}.", instance.id),
    }
}

/// The group as IAM names it; its unique id takes another call to learn.
fn group_resource(instance: &Instance, group: &str) -> Resource {
    let place = &*instance.place;
    Resource {
        arn: format!(
            "arn:{}:autoscaling:{}:{}:autoScalingGroup:*:autoScalingGroupName/{group}",
            place.partition, place.region, place.account
        ),
        account: place.account.clone(),
        region: Some(place.region.clone()),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
