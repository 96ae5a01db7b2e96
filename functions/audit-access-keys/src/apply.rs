//! Does what was planned to an access key, within the frame of [`lamplighter_shell::user_remedy`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use lamplighter_aws::Own;
use lamplighter_aws::iam::{Reader, Refusal, User, Writer};
use lamplighter_core::Outcome;
use lamplighter_mail::{Notice, NoticeRow};
use lamplighter_shell::user_remedy::{Marked, Step, UserRemedy, unread};

use crate::action::{Action, Target};
use crate::plan::MARK;

/// Switches keys off, and never one's own.
pub struct KeyRemedy {
    /// What it leaves alone.
    pub own: Own,
}

impl UserRemedy for KeyRemedy {
    type Action = Action;

    const FUNCTION: &'static str = "audit-access-keys";

    fn marked(action: &Action) -> Marked<'_> {
        let target = action.target();
        Marked {
            account: &target.account,
            user: &target.user,
            tag: Cow::Owned(target.tag()),
            mark: target.mark.as_deref(),
        }
    }

    fn step(action: &Action) -> Step<'_> {
        match action {
            Action::WarnAndMark {
                recipients,
                deactivate_after,
                warned_days,
                ..
            } => Step::Warn {
                recipients,
                deadline: *deactivate_after,
                days: *warned_days,
            },
            Action::Unmark { .. } => Step::Unmark,
            Action::Deactivate { .. } => Step::Act,
        }
    }

    fn is_same(action: &Action, user: &User) -> Result<(), Outcome> {
        match user.arn == action.target().user_arn {
            true => Ok(()),
            false => Err(Outcome::Vanished),
        }
    }

    async fn still_holds(&self, reader: &Reader, action: &Action) -> Result<(), Outcome> {
        let target = action.target();
        let vetoed = |why: &str| Err(Outcome::Vetoed(why.to_owned()));
        if self.own.access_keys.contains(&target.key) || self.own.arns.contains(&target.user_arn) {
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

    async fn act(writer: &Writer, action: &Action) -> Result<(), Refusal> {
        let Target { user, key, .. } = action.target();
        match action {
            // The frame warns, marks and takes marks away.
            Action::WarnAndMark { .. } | Action::Unmark { .. } => Ok(()),
            Action::Deactivate { .. } => writer.deactivate(user, key).await,
        }
    }

    fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
        notice(warned)
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
