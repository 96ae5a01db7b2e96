//! Does what was planned: re-reads every user, leaves alone what no longer matches, warns before it marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use lamplighter_aws::iam::{Reader, Refusal, Writer};
use lamplighter_aws::{Own, Session};
use lamplighter_core::{Action as _, Apply, Outcome, chain, mark};
use lamplighter_mail::{Notice, NoticeRow};
use lamplighter_shell::clock::Clock;
use lamplighter_shell::warning::{self, Post};
use serde_json::json;

use crate::action::{Action, Target};
use crate::plan::{DENIAL, MARK};

/// Applies. Built only for that.
pub struct Enforcer {
    session: Arc<Session>,
    own: Own,
    /// `None` where no sender is configured: then no warning can be sent, and nothing is marked.
    post: Option<Post>,
    clock: Clock,
}

impl Enforcer {
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

impl Apply<Action> for Enforcer {
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

impl Enforcer {
    /// The warnings first, because they are the only thing that is safe to do too early; then one user after another.
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
        let user = reader.user(&target.user).await.map_err(unread)?;
        let Some(user) = user else {
            return Err(Outcome::Vanished);
        };
        if user.arn != target.arn || user.created_at != target.created_at {
            return vetoed("it is another user of the same name now");
        }
        if user.tag(MARK) != target.mark.as_deref() {
            return vetoed(&match (&target.mark, user.tag(MARK)) {
                (None, _) => format!("its tag `{MARK}` was added since it was planned"),
                (Some(_), None) => format!("its tag `{MARK}` was taken away since it was planned"),
                (Some(_), Some(_)) => format!("its tag `{MARK}` was changed since it was planned"),
            });
        }
        if let Action::Unmark { .. } = action {
            return Ok(());
        }
        let has_password = reader.has_password(&target.user).await.map_err(unread)?;
        let devices = reader.mfa_devices(&target.user).await.map_err(unread)?;
        let has_mfa = devices.is_some_and(|devices| !devices.is_empty());
        if let Action::LiftDenial { .. } = action {
            return match has_mfa || !has_password {
                true => Ok(()),
                false => vetoed("it has no MFA any more"),
            };
        }
        if self.own.arns.contains(&user.arn) {
            return vetoed("Lamplighter itself runs as this user");
        }
        match (has_password, has_mfa) {
            (false, _) => vetoed("it has no password any more"),
            (true, true) => vetoed("it has MFA now"),
            (true, false) => Ok(()),
        }
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
        let sent = warning::send(self.post.as_ref(), "audit-mfa", recipients, &notice, now).await;
        if let Err(reason) = sent {
            return indices
                .into_iter()
                .map(|index| (index, Outcome::Failed(reason.clone())))
                .collect();
        }
        let mut outcomes = Vec::with_capacity(indices.len());
        for (index, (action, deadline)) in indices.into_iter().zip(warned) {
            let user = &action.target().user;
            let outcome = match writer.tag(user, MARK, &mark::text(deadline)).await {
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
    let user = &target.user;
    let done = match action {
        Action::WarnAndMark { .. } => {
            return Outcome::Failed("warnings are sent in groups".to_owned());
        }
        Action::Unmark { .. } => writer.untag(user, MARK).await,
        Action::DeleteLoginProfile { .. } => writer.delete_login_profile(user).await,
        Action::DenyUntilMfa { .. } => writer.put_user_policy(user, DENIAL, &denial(target)).await,
        Action::LiftDenial { .. } => writer.delete_user_policy(user, DENIAL).await,
    };
    match done {
        Ok(()) => take_mark(writer, action).await,
        // It was there a moment ago. Most likely an attempt took effect and its answer was lost, so that the next one
        // found nothing; in any case it is gone, and the report must have the command that restores it.
        Err(refusal)
            if refusal.code == "NoSuchEntity"
                && matches!(
                    action,
                    Action::DeleteLoginProfile { .. } | Action::LiftDenial { .. }
                ) =>
        {
            take_mark(writer, action).await
        }
        Err(refusal) => refused(&refusal),
    }
}

/// The mark has done its work. Left on the user, it would act again without a warning once somebody takes the change
/// back: where it cannot be taken away that is told, and the next run tries again.
async fn take_mark(writer: &Writer, action: &Action) -> Outcome {
    let target = action.target();
    if target.mark.is_none() || matches!(action, Action::Unmark { .. }) {
        return Outcome::Done;
    }
    match writer.untag(&target.user, MARK).await {
        Ok(()) => Outcome::Done,
        // The user is gone, and its tags with it.
        Err(refusal) if refusal.is_gone() => Outcome::Done,
        // A failed action shows no way back by itself, and this one was done.
        Err(refusal) => Outcome::Failed(format!(
            "done (undo: `{}`), but its tag `{MARK}` is left: {}",
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

/// The inline policy: nothing without MFA but what enrolling takes, and that much is allowed, because many users may
/// not do it by any other policy. `BoolIfExists`: without `IfExists`, calls signed with an access key would not be
/// denied at all. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_iam_mfa-selfmanage.html>
fn denial(target: &Target) -> String {
    let Target {
        arn,
        account,
        partition,
        ..
    } = target;
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyAllButEnrolling",
                "Effect": "Deny",
                "NotAction": [
                    "iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice",
                    "iam:GetAccountPasswordPolicy", "iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices",
                    "iam:ListVirtualMFADevices", "iam:ResyncMFADevice", "sts:GetSessionToken"
                ],
                "Resource": "*",
                "Condition": { "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } }
            },
            {
                "Sid": "AllowEnrolling",
                "Effect": "Allow",
                "Action": [
                    "iam:ChangePassword", "iam:EnableMFADevice", "iam:GetMFADevice", "iam:GetUser",
                    "iam:ListMFADevices", "iam:ResyncMFADevice"
                ],
                "Resource": arn
            },
            {
                "Sid": "AllowMakingADevice",
                "Effect": "Allow",
                "Action": "iam:CreateVirtualMFADevice",
                "Resource": format!("arn:{partition}:iam::{account}:mfa/*")
            },
            {
                "Sid": "AllowLooking",
                "Effect": "Allow",
                "Action": ["iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"],
                "Resource": "*"
            }
        ]
    })
    .to_string()
}

/// The deadline counts from the warning, so that an old plan file does not shorten the days.
fn deadline(action: &Action, now: DateTime<Utc>) -> DateTime<Utc> {
    match action {
        Action::WarnAndMark {
            deny_after,
            warned_days,
            ..
        } => (now + Duration::days(i64::from(*warned_days))).max(*deny_after),
        _ => now,
    }
}

/// What an owner reads.
fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
    let denies = warned
        .iter()
        .any(|(action, _)| matches!(action, Action::WarnAndMark { denies: true, .. }));
    let consequence = Action::remedy(denies).consequence();
    let earliest = warned.iter().map(|(_, deadline)| *deadline).min();
    let earliest = earliest.unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
    let what = match warned {
        [(action, _)] => format!("IAM user {} signs in", action.target().user),
        _ => format!("{} IAM users sign in", warned.len()),
    };
    Notice {
        subject: format!("{what} without MFA, and loses the console after {earliest}"),
        intro: format!(
            "{what} to the AWS console with nothing but a password. Without MFA, {consequence} at the time below."
        ),
        rows: warned
            .iter()
            .map(|(action, deadline)| {
                let Target { user, account, .. } = action.target();
                NoticeRow {
                    title: user.clone(),
                    lines: vec![
                        format!("Account {account}"),
                        format!("Has until {}", deadline.format("%Y-%m-%d %H:%M:%S UTC")),
                        "Mend it: sign in, open Security credentials in the menu under your name, and assign an MFA device"
                            .to_owned(),
                    ],
                }
            })
            .collect(),
        outro: vec![
            "As soon as there is MFA, nothing happens and the mark is taken away.".to_owned(),
            format!("The deadline stands on the user, in the tag {MARK}."),
        ],
    }
}
