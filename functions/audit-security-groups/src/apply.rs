//! Does what was planned: re-reads every rule, leaves alone what no longer matches, and revokes one rule at a time.

use std::collections::HashMap;
use std::sync::Arc;

use lamplighter_aws::{Session, ec2};
use lamplighter_core::{Apply, Outcome, Result, chain};

use crate::action::{Action, Target};
use crate::group::{Rule, Source};
use crate::observe::keep;

/// Applies. Built only for that.
pub struct Revoker {
    session: Arc<Session>,
}

impl Revoker {
    /// An applier on `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    async fn apply_in(
        &self,
        account: &str,
        region: &str,
        actions: &[Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let all = |outcome: Outcome| {
            indices
                .iter()
                .map(|index| (*index, outcome.clone()))
                .collect()
        };
        let Some(account_session) = self.session.account(account) else {
            return all(Outcome::Failed(format!(
                "account {account} is not among the configured ones"
            )));
        };
        let scope = account_session.scope(region);
        let reader = ec2::Reader::new(&scope);
        let ids: Vec<String> = indices
            .iter()
            .map(|index| actions[*index].target().rule.id.clone())
            .collect();
        let seen = match read_again(&reader, &ids).await {
            Ok(seen) => seen,
            Err(error) => {
                return all(Outcome::Failed(format!(
                    "left alone, the rule could not be read again: {}",
                    chain(&error)
                )));
            }
        };
        let writer = ec2::Writer::new(&scope);
        let mut lists = HashMap::new();
        let mut outcomes = Vec::with_capacity(indices.len());
        for index in indices {
            let target = actions[index].target();
            let outcome = match still_holds(target, seen.get(&target.rule.id)) {
                Err(outcome) => outcome,
                Ok(()) => match list_still_holds(&reader, target, &mut lists).await {
                    Err(outcome) => outcome,
                    Ok(()) => revoke(&writer, target).await,
                },
            };
            outcomes.push((index, outcome));
            self.session.progress().acted(1);
        }
        outcomes
    }
}

impl Apply<Action> for Revoker {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        let apply_in =
            |(account, region), indices| self.apply_in(account, region, actions, indices);
        self.session
            .apply_in_places(actions, Action::place, apply_in)
            .await
    }
}

/// The rules by id, each with its group's id.
async fn read_again(
    reader: &ec2::Reader,
    ids: &[String],
) -> Result<HashMap<String, (String, Rule)>> {
    let rules = reader.security_group_rules_by_id(ids).await?;
    // A rule that is outbound now is not the rule that was seen.
    let inbound = rules
        .into_iter()
        .filter(|rule| rule.is_egress != Some(true));
    let kept = inbound.filter_map(keep);
    Ok(kept
        .map(|(group, _, rule)| (rule.id.clone(), (group, rule)))
        .collect())
}

/// Whether the rule is still to the letter what was seen.
fn still_holds(target: &Target, seen: Option<&(String, Rule)>) -> Result<(), Outcome> {
    let Some((group, rule)) = seen else {
        return Err(Outcome::Vanished);
    };
    let before = &target.rule;
    let changed = if *group != target.group {
        "group"
    } else if rule.protocol != before.protocol {
        "protocol"
    } else if (rule.from_port, rule.to_port) != (before.from_port, before.to_port) {
        "ports"
    } else if rule.source != before.source {
        "source"
    } else if rule.description != before.description {
        // Somebody may have written down why it is right; and the undo would restore the old text.
        "description"
    } else if rule.tags != before.tags {
        "tags"
    } else {
        return Ok(());
    };
    let verb = if matches!(changed, "ports" | "tags") {
        "were"
    } else {
        "was"
    };
    Err(Outcome::Vetoed(format!(
        "its {changed} {verb} changed since it was planned"
    )))
}

/// Whether the prefix list that the rule names still holds the same.
async fn list_still_holds(
    reader: &ec2::Reader,
    target: &Target,
    lists: &mut HashMap<String, Result<Vec<String>, String>>,
) -> Result<(), Outcome> {
    let (Source::PrefixList(id), Some(before)) = (&target.rule.source, &target.cidrs) else {
        return Ok(());
    };
    if !lists.contains_key(id) {
        let cidrs = reader
            .prefix_list_cidrs(id)
            .await
            .map_err(|error| chain(&error));
        lists.insert(id.clone(), cidrs);
    }
    match lists.get(id) {
        Some(Ok(now)) if sorted(now) == sorted(before) => Ok(()),
        Some(Ok(_)) => Err(Outcome::Vetoed(format!(
            "the entries of its prefix list `{id}` were changed since it was planned"
        ))),
        Some(Err(why)) => Err(Outcome::Failed(format!(
            "left alone, its prefix list `{id}` could not be read again: {why}"
        ))),
        None => Err(Outcome::Failed(format!(
            "left alone, its prefix list `{id}` was not read again"
        ))),
    }
}

fn sorted(cidrs: &[String]) -> Vec<&str> {
    let mut sorted: Vec<&str> = cidrs.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted
}

async fn revoke(writer: &ec2::Writer, target: &Target) -> Outcome {
    match writer.revoke_ingress(&target.group, &target.rule.id).await {
        Ok(()) => Outcome::Done,
        // It was there a moment ago. Most likely an attempt took effect and its answer was lost, so that the next one
        // found nothing; in any case it is gone, and the report must have the command that restores it.
        Err(refusal) if refusal.code == "InvalidSecurityGroupRuleId.NotFound" => Outcome::Done,
        Err(refusal) if refusal.code == "InvalidGroup.NotFound" => Outcome::Vanished,
        Err(refusal) => Outcome::Failed(chain(&refusal.error)),
    }
}
