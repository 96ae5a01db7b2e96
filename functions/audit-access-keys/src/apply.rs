//! Does what was planned: re-reads every key, leaves alone what no longer matches, warns before it marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use lamplighter_aws::iam::{Reader, Refusal, Writer};
use lamplighter_aws::{Own, Session};
use lamplighter_core::{Action as _, Apply, Outcome, chain, mark};
use lamplighter_mail::{Notice, NoticeRow};
use lamplighter_shell::clock::Clock;
use lamplighter_shell::warning::{self, Post};

use crate::action::{Action, Target};
use crate::plan::MARK;

/// Applies. Built only for that.
pub struct Deactivator {
    session: Arc<Session>,
    own: Own,
    /// `None` where no sender is configured: then no warning can be sent, and nothing is marked.
    post: Option<Post>,
    clock: Clock,
}

impl Deactivator {
    /// An applier on `session` that leaves `own` alone. `clock` is only read to count the days from the warning.
    pub fn new(session: Arc<Session>, own: Own, post: Option<Post>, clock: Clock) -> Self {
        Self {
            session,
            own,
            post,
            clock,
        }
    }
}

impl Apply<Action> for Deactivator {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        let mut by_account: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            let account = action.target().account.as_str();
            by_account.entry(account).or_default().push(index);
        }
        self.session.progress().expect_actions(actions.len());
        let work: Vec<_> = by_account
            .into_iter()
            .map(|(account, indices)| self.apply_in(account, actions, indices))
            .collect();
        let done = self.session.concurrently(work).await;
        let mut outcomes = vec![Outcome::Failed("it was not reached".to_owned()); actions.len()];
        for (index, outcome) in done.into_iter().flatten() {
            outcomes[index] = outcome;
        }
        outcomes
    }
}

impl Deactivator {
    async fn apply_in(
        &self,
        account: &str,
        actions: &[Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let Some(session) = self.session.account(account) else {
            let why = format!("account {account} is not among the configured ones");
            return indices
                .into_iter()
                .map(|index| (index, Outcome::Failed(why.clone())))
                .collect();
        };
        let reader = Reader::new(session);
        let writer = Writer::new(session);
        let mut outcomes = Vec::with_capacity(indices.len());
        let mut warnings: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for index in indices {
            let action = &actions[index];
            match (self.still_holds(&reader, action).await, action) {
                (Err(outcome), _) => outcomes.push((index, outcome)),
                (Ok(()), Action::WarnAndMark { recipients, .. }) => {
                    warnings.entry(recipients).or_default().push(index);
                }
                (Ok(()), _) => outcomes.push((index, act(&writer, action).await)),
            }
            self.session.progress().acted(1);
        }
        for (recipients, indices) in warnings {
            outcomes.extend(
                self.warn_and_mark(&writer, recipients, actions, indices)
                    .await,
            );
        }
        outcomes
    }

    /// Whether everything that justified the action is still so.
    async fn still_holds(&self, reader: &Reader, action: &Action) -> Result<(), Outcome> {
        let target = action.target();
        let unread = |error: lamplighter_core::Error| {
            Outcome::Failed(format!(
                "left alone, it could not be read again: {}",
                chain(&error)
            ))
        };
        let vetoed = |why: &str| Err(Outcome::Vetoed(why.to_owned()));
        let tag = target.tag();
        let user = reader.user(&target.user).await.map_err(unread)?;
        let Some(user) = user.filter(|user| user.arn == target.user_arn) else {
            return Err(Outcome::Vanished);
        };
        if user.tag(&tag) != target.mark.as_deref() {
            return vetoed(&match (&target.mark, user.tag(&tag)) {
                (None, _) => format!("its tag `{tag}` was added since it was planned"),
                (Some(_), None) => format!("its tag `{tag}` was taken away since it was planned"),
                (Some(_), Some(_)) => format!("its tag `{tag}` was changed since it was planned"),
            });
        }
        if let Action::Unmark { .. } = action {
            return Ok(());
        }
        if self.own.access_keys.contains(&target.key) || self.own.arns.contains(&user.arn) {
            return vetoed("Lamplighter itself runs with this key, or as its user");
        }
        let keys = reader.access_keys(&target.user).await.map_err(unread)?;
        let key = keys
            .unwrap_or_default()
            .into_iter()
            .find(|key| key.id == target.key);
        let Some(key) = key else {
            return Err(Outcome::Vanished);
        };
        if !key.is_active {
            return vetoed("it is switched off already");
        }
        if key.created_at != target.created_at {
            return vetoed("it is another key of the same id now");
        }
        // The last look, right before: somebody may have woken up. An old key that is in use is no less old.
        let last_used = reader.last_used(&target.key).await.map_err(unread)?;
        if !target.is_too_old && last_used != target.last_used {
            return vetoed("it was used since it was planned");
        }
        Ok(())
    }

    /// One message for each set of recipients, and after it the marks.
    async fn warn_and_mark(
        &self,
        writer: &Writer,
        recipients: &[String],
        actions: &[Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let now = (self.clock)().trunc_subsecs(0);
        let warned: Vec<(&Action, DateTime<Utc>)> = indices
            .iter()
            .map(|index| (&actions[*index], deadline(&actions[*index], now)))
            .collect();
        let notice = notice(&warned);
        let post = self.post.as_ref();
        if let Err(reason) =
            warning::send(post, "audit-access-keys", recipients, &notice, now).await
        {
            return indices
                .into_iter()
                .map(|index| (index, Outcome::Failed(reason.clone())))
                .collect();
        }
        let mut outcomes = Vec::with_capacity(indices.len());
        for (index, (action, deadline)) in indices.into_iter().zip(warned) {
            let target = action.target();
            let outcome = match writer
                .tag(&target.user, &target.tag(), &mark::text(deadline))
                .await
            {
                Ok(()) => Outcome::Done,
                Err(refusal) if refusal.is_gone() => Outcome::Vanished,
                Err(refusal) => Outcome::Failed(format!(
                    "warned, but not marked, so it will be warned again: {}",
                    chain(&refusal.error)
                )),
            };
            outcomes.push((index, outcome));
        }
        outcomes
    }
}

/// Everything but warnings.
async fn act(writer: &Writer, action: &Action) -> Outcome {
    let target = action.target();
    let done = match action {
        Action::WarnAndMark { .. } => {
            return Outcome::Failed("warnings are sent in groups".to_owned());
        }
        Action::Unmark { .. } => writer.untag(&target.user, &target.tag()).await,
        Action::Deactivate { .. } => writer.deactivate(&target.user, &target.key).await,
    };
    match (done, action) {
        (Ok(()), Action::Deactivate { .. }) => take_mark(writer, action).await,
        (Ok(()), _) => Outcome::Done,
        (Err(refusal), _) => refused(&refusal),
    }
}

/// The mark has done its work. Left on the user, it would act again without a warning once somebody switches the key
/// on: where it cannot be taken away that is told, and the next run tries again.
async fn take_mark(writer: &Writer, action: &Action) -> Outcome {
    let target = action.target();
    if target.mark.is_none() {
        return Outcome::Done;
    }
    let tag = target.tag();
    match writer.untag(&target.user, &tag).await {
        Ok(()) => Outcome::Done,
        // The user is gone, and its tags with it.
        Err(refusal) if refusal.is_gone() => Outcome::Done,
        // A failed action shows no way back by itself, and this one was done.
        Err(refusal) => Outcome::Failed(format!(
            "done (undo: `{}`), but its tag `{tag}` is left: {}",
            action.undo().unwrap_or_default(),
            chain(&refusal.error)
        )),
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    match refusal.code.as_str() {
        "NoSuchEntity" => Outcome::Vanished,
        "EntityTemporarilyUnmodifiable" => Outcome::Failed(format!(
            "IAM is still busy with an earlier change, the next run tries again: {}",
            chain(&refusal.error)
        )),
        _ => Outcome::Failed(chain(&refusal.error)),
    }
}

/// The deadline counts from the warning, so that an old plan file does not shorten the days.
fn deadline(action: &Action, now: DateTime<Utc>) -> DateTime<Utc> {
    match action {
        Action::WarnAndMark {
            deactivate_after,
            warned_days,
            ..
        } => (now + Duration::days(i64::from(*warned_days))).max(*deactivate_after),
        _ => now,
    }
}

/// What an owner reads.
fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
    let earliest = warned.iter().map(|(_, deadline)| *deadline).min();
    let earliest = earliest.unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
    let what = match warned {
        [(action, _)] => format!(
            "Access key {} of {} is",
            action.target().key,
            action.target().user
        ),
        _ => format!("{} access keys are", warned.len()),
    };
    Notice {
        subject: format!("{what} to be switched off after {earliest}"),
        intro: format!(
            "{what} old or unused. Unless that changes, it will be switched off at the time below; it is not deleted, and can be switched on again."
        ),
        rows: warned
            .iter()
            .map(|(action, deadline)| {
                let Target { user, key, account, .. } = action.target();
                let why = match action {
                    Action::WarnAndMark { why, .. } => why.as_str(),
                    _ => "",
                };
                NoticeRow {
                    title: format!("{key} of {user}"),
                    lines: vec![
                        format!("Account {account}"),
                        format!("It {why}"),
                        format!("Has until {}", deadline.format("%Y-%m-%d %H:%M:%S UTC")),
                        format!("If nobody needs it: aws iam delete-access-key --user-name {user} --access-key-id {key}"),
                        format!("If somebody does: aws iam create-access-key --user-name {user}, change over, then delete the old one"),
                    ],
                }
            })
            .collect(),
        outro: vec![
            "As soon as the key is replaced, nothing happens and the mark is taken away.".to_owned(),
            format!("The deadline stands on the user, in the tag {MARK} with the key's id."),
        ],
    }
}
