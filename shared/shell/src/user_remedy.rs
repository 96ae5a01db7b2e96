//! Acts on IAM users after a warning: the frame of `audit-mfa` and `audit-access-keys`.
//!
//! Every user is read again and left alone if it no longer matches. A warning is sent, and only then the user is marked
//! with a tag that holds the deadline. What is due is done, and then its mark is taken away. A function says what is its
//! own in a [`UserRemedy`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::iam::{Reader, Refusal, User, Writer};
use lamplighter_config::Config;
use lamplighter_core::{Action, Apply, Error, Outcome, Result as Fallible, chain, mark};
use lamplighter_mail::Notice;

use crate::clock::Clock;
use crate::warning::{self, Post};

/// Which user an action is about, and how it is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked<'a> {
    /// The 12-digit account id.
    pub account: &'a str,
    /// The user's name.
    pub user: &'a str,
    /// The key of the tag.
    pub tag: Cow<'a, str>,
    /// The tag's value as it was seen; `None` if there was no such tag.
    pub mark: Option<&'a str>,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Sends a warning, and then marks.
    Warn {
        /// Who is warned.
        recipients: &'a [String],
        /// The deadline if the warning is sent as soon as it was planned.
        deadline: DateTime<Utc>,
        /// The time between the warning and the deadline, in days.
        days: u32,
    },
    /// Takes the mark away.
    Unmark,
    /// What the function is there for; the mark is taken away after it.
    Act,
}

/// What a function does to users, beside warning and marking them.
pub trait UserRemedy: Send + Sync {
    /// Its actions.
    type Action: Action;

    /// The function's name, for the list that its warnings belong to.
    const FUNCTION: &'static str;

    /// Which user an action is about.
    fn marked(action: &Self::Action) -> Marked<'_>;

    /// What an action does.
    fn step(action: &Self::Action) -> Step<'_>;

    /// Whether it is still the user that was meant, and not another one of the same name.
    fn is_same(action: &Self::Action, user: &User) -> Result<(), Outcome>;

    /// Whether everything else that justified the action is still so. Taking a mark away is not asked for.
    fn still_holds(
        &self,
        reader: &Reader,
        action: &Self::Action,
    ) -> impl Future<Output = Result<(), Outcome>> + Send;

    /// Does what [`Step::Act`] stands for.
    fn act(
        writer: &Writer,
        action: &Self::Action,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// What the owner of these users reads, with the deadline of each.
    fn notice(warned: &[(&Self::Action, DateTime<Utc>)]) -> Notice;
}

/// Applies a remedy. Built only for that.
pub struct Enforcer<R> {
    session: Arc<Session>,
    remedy: R,
    /// `None` where no sender is configured: then no warning can be sent, and nothing is marked.
    post: Option<Post>,
    clock: Clock,
}

impl<R: UserRemedy> Enforcer<R> {
    /// An applier of `remedy` on `session`. `clock` is only read to count the days from the warning.
    pub fn open(session: Arc<Session>, config: &Config, remedy: R, clock: Clock) -> Fallible<Self> {
        Ok(Self {
            post: Post::open(&session, config)?,
            session,
            remedy,
            clock,
        })
    }
}

impl<R: UserRemedy> Apply<R::Action> for Enforcer<R> {
    async fn apply(&self, actions: &[R::Action]) -> Vec<Outcome> {
        let account = |action| R::marked(action).account;
        let apply_in = |account, indices| self.apply_in(account, actions, indices);
        self.session
            .apply_in_places(actions, account, apply_in)
            .await
    }
}

impl<R: UserRemedy> Enforcer<R> {
    /// One user after another, and the warnings last: those to the same people are one message.
    async fn apply_in(
        &self,
        account: &str,
        actions: &[R::Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let Some(session) = self.session.account(account) else {
            let why = format!("account {account} is not among the configured ones");
            return all(indices, &Outcome::Failed(why));
        };
        let reader = Reader::new(session);
        let writer = Writer::new(session);
        let mut outcomes = Vec::with_capacity(indices.len());
        let mut warnings: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for index in indices {
            let action = &actions[index];
            match (self.may(&reader, action).await, R::step(action)) {
                (Err(outcome), _) => outcomes.push((index, outcome)),
                (Ok(()), Step::Warn { recipients, .. }) => {
                    warnings.entry(recipients).or_default().push(index);
                }
                (Ok(()), Step::Unmark) => {
                    outcomes.push((index, unmark::<R>(&writer, action).await))
                }
                (Ok(()), Step::Act) => outcomes.push((index, act::<R>(&writer, action).await)),
            }
            self.session.progress().acted(1);
        }
        for (recipients, indices) in warnings {
            let done = self.warn_and_mark(&writer, recipients, actions, indices);
            outcomes.extend(done.await);
        }
        outcomes
    }

    /// Whether the action may be done: everything that justified it is still so.
    async fn may(&self, reader: &Reader, action: &R::Action) -> Result<(), Outcome> {
        let Marked {
            user, tag, mark, ..
        } = R::marked(action);
        let Some(user) = reader.user(user).await.map_err(unread)? else {
            return Err(Outcome::Vanished);
        };
        R::is_same(action, &user)?;
        let change = match (mark, user.tag(&tag)) {
            (seen, found) if seen == found => None,
            (None, _) => Some("added"),
            (Some(_), None) => Some("taken away"),
            (Some(_), Some(_)) => Some("changed"),
        };
        if let Some(change) = change {
            let why = format!("its tag `{tag}` was {change} since it was planned");
            return Err(Outcome::Vetoed(why));
        }
        match R::step(action) {
            Step::Unmark => Ok(()),
            Step::Warn { .. } | Step::Act => self.remedy.still_holds(reader, action).await,
        }
    }

    /// One message, and after it the marks.
    async fn warn_and_mark(
        &self,
        writer: &Writer,
        recipients: &[String],
        actions: &[R::Action],
        indices: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let now = (self.clock)().trunc_subsecs(0);
        let warned: Vec<_> = indices
            .iter()
            .map(|index| (&actions[*index], deadline::<R>(&actions[*index], now)))
            .collect();
        let notice = R::notice(&warned);
        let post = self.post.as_ref();
        if let Err(reason) = warning::send(post, R::FUNCTION, recipients, &notice, now).await {
            return all(indices, &Outcome::Failed(reason));
        }
        let mut outcomes = Vec::with_capacity(indices.len());
        for (index, (action, deadline)) in indices.into_iter().zip(warned) {
            let Marked { user, tag, .. } = R::marked(action);
            let outcome = match writer.tag(user, &tag, &mark::text(deadline)).await {
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

/// What becomes of an action whose target could not be read again.
pub fn unread(error: Error) -> Outcome {
    Outcome::Failed(format!(
        "left alone, it could not be read again: {}",
        chain(&error)
    ))
}

fn all(indices: Vec<usize>, outcome: &Outcome) -> Vec<(usize, Outcome)> {
    let indices = indices.into_iter();
    indices.map(|index| (index, outcome.clone())).collect()
}

/// The deadline counts from the warning, so that an old plan file does not shorten the days.
fn deadline<R: UserRemedy>(action: &R::Action, now: DateTime<Utc>) -> DateTime<Utc> {
    match R::step(action) {
        Step::Warn { deadline, days, .. } => (now + Duration::days(i64::from(days))).max(deadline),
        Step::Unmark | Step::Act => now,
    }
}

async fn unmark<R: UserRemedy>(writer: &Writer, action: &R::Action) -> Outcome {
    let Marked { user, tag, .. } = R::marked(action);
    match writer.untag(user, &tag).await {
        Ok(()) => Outcome::Done,
        Err(refusal) => refused(&refusal),
    }
}

/// Does it, and takes the mark away, which has done its work. Left on the user, it would act again without a warning once
/// somebody takes the change back: where it cannot be taken away that is told, and the next run tries again.
async fn act<R: UserRemedy>(writer: &Writer, action: &R::Action) -> Outcome {
    if let Err(refusal) = R::act(writer, action).await {
        return refused(&refusal);
    }
    let Marked {
        user, tag, mark, ..
    } = R::marked(action);
    if mark.is_none() {
        return Outcome::Done;
    }
    match writer.untag(user, &tag).await {
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
        // IAM says so while a password that was just set is not everywhere yet.
        "EntityTemporarilyUnmodifiable" => Outcome::Failed(format!(
            "IAM is still busy with an earlier change, the next run tries again: {}",
            chain(&refusal.error)
        )),
        _ => Outcome::Failed(chain(&refusal.error)),
    }
}
