//! Does what was planned: re-reads every instance, leaves alone what no longer matches, warns before it marks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use lamplighter_aws::{Session, ec2};
use lamplighter_core::{Apply, Outcome, chain, mark};
use lamplighter_mail::{Notice, NoticeRow};
use lamplighter_shell::warning::{self, Post};

use crate::action::{Action, Target, list};
use crate::batch;
use crate::instance::{AUTO_SCALING_GROUP, Tags};
use crate::plan::MARK;

/// Applies. Built only for that.
pub struct Stopper {
    session: Arc<Session>,
    /// `None` where no sender is configured: then no warning can be sent, and nothing is marked.
    post: Option<Post>,
    clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Stopper {
    /// An applier on `session`. `clock` is only read to count the grace period from the warning.
    pub fn new(
        session: Arc<Session>,
        post: Option<Post>,
        clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    ) -> Self {
        Self {
            session,
            post,
            clock,
        }
    }
}

impl Apply<Action> for Stopper {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        let apply_in =
            |(account, region), indices| self.apply_in(account, region, actions, indices);
        self.session
            .apply_in_places(actions, Action::place, apply_in)
            .await
    }
}

impl Stopper {
    async fn apply_in(
        &self,
        account: &str,
        region: &str,
        actions: &[Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let count = indices.len();
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
            .map(|index| actions[*index].target().id.clone())
            .collect();
        let now_seen = match read_again(&reader, &ids).await {
            Ok(now_seen) => now_seen,
            Err(error) => {
                return all(Outcome::Failed(format!(
                    "left alone, its state and tags could not be read again: {}",
                    chain(&error)
                )));
            }
        };

        let mut outcomes = Vec::with_capacity(count);
        let mut still_right = Vec::new();
        for index in indices {
            match still_holds(&actions[index], now_seen.get(&actions[index].target().id)) {
                Ok(()) => still_right.push(index),
                Err(outcome) => outcomes.push((index, outcome)),
            }
        }
        let writer = ec2::Writer::new(&scope);
        outcomes.extend(self.warn_and_mark(&writer, actions, &still_right).await);
        outcomes.extend(unmark(&writer, actions, &still_right).await);
        let stop = |ids: Vec<String>| {
            let writer = &writer;
            async move { writer.stop(&ids).await }
        };
        outcomes.extend(
            end(
                actions,
                &still_right,
                |action| matches!(action, Action::Stop { .. }),
                stop,
            )
            .await,
        );
        let terminate = |ids: Vec<String>| {
            let writer = &writer;
            async move { writer.terminate(&ids).await }
        };
        outcomes.extend(
            end(
                actions,
                &still_right,
                |action| matches!(action, Action::Terminate { .. }),
                terminate,
            )
            .await,
        );
        self.session.progress().acted(count);
        outcomes
    }

    /// One message for each set of recipients, and after it the marks: a mark means warned. A crash in between costs a
    /// second mail, never an unwarned stop.
    async fn warn_and_mark(
        &self,
        writer: &ec2::Writer,
        actions: &[Action],
        indices: &[usize],
    ) -> Vec<(usize, Outcome)> {
        let mut by_recipients: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for index in indices {
            if let Action::WarnAndMark { recipients, .. } = &actions[*index] {
                by_recipients.entry(recipients).or_default().push(*index);
            }
        }
        let mut outcomes = Vec::new();
        for (recipients, indices) in by_recipients {
            let now = (self.clock)().trunc_subsecs(0);
            let deadlines: HashMap<usize, DateTime<Utc>> = indices
                .iter()
                .map(|index| (*index, deadline(&actions[*index], now)))
                .collect();
            let warned: Vec<(&Action, DateTime<Utc>)> = indices
                .iter()
                .map(|index| (&actions[*index], deadlines[index]))
                .collect();
            if let Err(reason) = warning::send(
                self.post.as_ref(),
                "stop-untagged",
                recipients,
                &notice(&warned),
                now,
            )
            .await
            {
                outcomes.extend(
                    indices
                        .into_iter()
                        .map(|index| (index, Outcome::Failed(reason.clone()))),
                );
                continue;
            }
            for index in indices {
                let mark = mark::text(deadlines[&index]);
                let outcome = match writer.tag(&actions[index].target().id, MARK, &mark).await {
                    Ok(()) => Outcome::Done,
                    Err(refusal) if refusal.code == "InvalidInstanceID.NotFound" => {
                        Outcome::Vanished
                    }
                    Err(refusal) => Outcome::Failed(format!(
                        "warned, but not marked, so it will be warned again: {}",
                        chain(&refusal.error)
                    )),
                };
                outcomes.push((index, outcome));
            }
        }
        outcomes
    }
}

/// The deadline counts from the warning, so that an old plan file does not shorten the grace.
fn deadline(action: &Action, now: DateTime<Utc>) -> DateTime<Utc> {
    match action {
        Action::WarnAndMark {
            stop_after,
            grace_hours,
            ..
        } => (now + Duration::hours(i64::from(*grace_hours))).max(*stop_after),
        _ => now,
    }
}

/// What an owner reads.
fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
    let terminates = warned.iter().any(|(action, _)| {
        matches!(
            action,
            Action::WarnAndMark {
                terminates: true,
                ..
            }
        )
    });
    let ended = if terminates { "terminated" } else { "stopped" };
    let earliest = warned
        .iter()
        .map(|(_, deadline)| *deadline)
        .min()
        .unwrap_or_default();
    let count = warned.len();
    let what = if count == 1 {
        "An EC2 instance lacks".to_owned()
    } else {
        format!("{count} EC2 instances lack")
    };
    Notice {
        subject: format!("{what} required tags and will be {ended} after {}", earliest.format("%Y-%m-%d %H:%M UTC")),
        intro: format!("{what} tags that every instance must carry. Without them it will be {ended} at the time below."),
        rows: warned
            .iter()
            .map(|(action, deadline)| {
                let Target { id, account, region, name, missing, .. } = action.target();
                let tags: Vec<String> = missing.iter().map(|key| format!("Key={key},Value=...")).collect();
                NoticeRow {
                    title: name.as_ref().map_or_else(|| id.clone(), |name| format!("{id} ({name})")),
                    lines: vec![
                        format!("Account {account}, region {region}"),
                        format!("Missing: {}", list(missing)),
                        format!("May stay until {}", deadline.format("%Y-%m-%d %H:%M:%S UTC")),
                        format!("Mend it: aws ec2 create-tags --region {region} --resources {id} --tags {}", tags.join(" ")),
                    ],
                }
            })
            .collect(),
        outro: vec![
            "As soon as the tags are there, nothing happens and the mark is taken away.".to_owned(),
            format!("The deadline stands on the instance, in the tag {MARK}."),
        ],
    }
}

/// What was seen of an instance just before acting.
struct Seen {
    state: String,
    tags: Tags,
    is_managed: bool,
}

/// State and tags, by id, each from its own source: an instance counts as tagged if either of them shows the tag.
async fn read_again(
    reader: &ec2::Reader,
    ids: &[String],
) -> lamplighter_core::Result<HashMap<String, Seen>> {
    let instances = reader.instances_by_id(ids).await?;
    let tags = reader.tags(ids).await?;
    let mut seen: HashMap<String, Seen> = HashMap::with_capacity(instances.len());
    for instance in instances {
        let Some(id) = instance.instance_id else {
            continue;
        };
        let state = instance
            .state
            .as_ref()
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_owned());
        let tags = instance.tags.unwrap_or_default().into_iter();
        let tags = tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect();
        let is_managed = instance
            .operator
            .is_some_and(|operator| operator.managed == Some(true));
        seen.insert(
            id,
            Seen {
                state: state.unwrap_or_default(),
                tags,
                is_managed,
            },
        );
    }
    for tag in tags {
        let (Some(id), Some(key)) = (tag.resource_id, tag.key) else {
            continue;
        };
        if let Some(seen) = seen.get_mut(&id) {
            seen.tags.insert(key, tag.value.unwrap_or_default());
        }
    }
    Ok(seen)
}

/// Whether everything that justified the action is still so.
fn still_holds(action: &Action, seen: Option<&Seen>) -> Result<(), Outcome> {
    let target = action.target();
    let Some(seen) = seen else {
        return Err(Outcome::Vanished);
    };
    if matches!(seen.state.as_str(), "terminated" | "shutting-down") {
        return Err(Outcome::Vanished);
    }
    if !matches!(action, Action::Unmark { .. }) {
        if seen.state != "running" {
            return Err(Outcome::Vetoed(format!("it is {} now", seen.state)));
        }
        if seen.is_managed {
            return Err(Outcome::Vetoed(
                "it is managed by an AWS service now".to_owned(),
            ));
        }
    }
    for (key, before) in &target.tags {
        // The marks of AWS and ours have one spelling, whatever the case of the required tags.
        let case_sensitive =
            target.case_sensitive || matches!(key.as_str(), MARK | AUTO_SCALING_GROUP);
        let now = seen.tags.find(key, case_sensitive);
        if now != before.as_deref() {
            return Err(Outcome::Vetoed(match (before, now) {
                (None, Some(_)) => format!("its tag `{key}` was added since it was planned"),
                (Some(_), None) => format!("its tag `{key}` was taken away since it was planned"),
                _ => format!("its tag `{key}` was changed since it was planned"),
            }));
        }
    }
    Ok(())
}

async fn unmark(
    writer: &ec2::Writer,
    actions: &[Action],
    indices: &[usize],
) -> Vec<(usize, Outcome)> {
    let mut outcomes = Vec::new();
    for index in indices {
        let Action::Unmark { target, mark, .. } = &actions[*index] else {
            continue;
        };
        let outcome = match writer.untag(&target.id, MARK, mark).await {
            Ok(()) => Outcome::Done,
            Err(refusal) if refusal.code == "InvalidInstanceID.NotFound" => Outcome::Vanished,
            Err(refusal) => Outcome::Failed(chain(&refusal.error)),
        };
        outcomes.push((*index, outcome));
    }
    outcomes
}

/// Ends the instances of the actions that `wanted` picks, in batches.
async fn end<C, F>(
    actions: &[Action],
    indices: &[usize],
    wanted: impl Fn(&Action) -> bool,
    call: C,
) -> Vec<(usize, Outcome)>
where
    C: Fn(Vec<String>) -> F,
    F: Future<Output = Result<(), ec2::Refusal>>,
{
    let picked: Vec<usize> = indices
        .iter()
        .copied()
        .filter(|index| wanted(&actions[*index]))
        .collect();
    let ids: BTreeSet<String> = picked
        .iter()
        .map(|index| actions[*index].target().id.clone())
        .collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let outcomes = batch::run(&ids, call).await;
    picked
        .into_iter()
        .map(|index| {
            let outcome = outcomes.get(&actions[index].target().id).cloned();
            (
                index,
                outcome.unwrap_or_else(|| Outcome::Failed("no outcome was reported".to_owned())),
            )
        })
        .collect()
}
